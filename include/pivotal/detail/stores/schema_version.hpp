// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <pivotal/idempotency.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

/// The version of the tables. Each has it beside it, in a comment of the database's, which nobody needs a right to read.
inline constexpr std::string_view schema_version = "pivotal-webhook schema 1";

/// Throws StoreError where `comment`, which stands beside `table` in the database, says another version than this
/// library's. Where it says none (a tool has dropped it) the table's columns are to tell.
inline void check_schema_version(const std::string& table, std::string_view comment) {
    constexpr std::size_t name = schema_version.rfind(' ') + 1;
    const std::size_t at = comment.find(schema_version.substr(0, name));
    if (at == comment.npos) return;
    comment.remove_prefix(at + name);
    comment = comment.substr(0, comment.find_first_not_of("0123456789"));
    if (comment != schema_version.substr(name))
        throw StoreError(table + " is of schema " + std::string(comment) + ", and this library is of schema " +
                         std::string(schema_version.substr(name)));
}

}}}  // namespace pivotal::v1::detail
