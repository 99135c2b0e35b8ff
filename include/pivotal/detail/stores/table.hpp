// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <pivotal/idempotency.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

/// A table of a store's, and how to create it with all that belongs to it.
struct StoreTable {
    const char* name;
    const char* columns;  // all that are used, or an error at opening
    const char* schema;
    const char* trigger = nullptr;  // that it needs
};

/// Throws StoreError where `comment`, which stands beside `table` in the database and needs no right to be read, says
/// another version than this library's. Where it says none (a tool has dropped it) the table's columns are to tell.
inline void check_schema_version(const std::string& table, std::string_view comment) {
    constexpr std::string_view before = "pivotal-webhook schema ", ours = "1";
    const std::size_t at = comment.find(before);
    if (at == comment.npos) return;
    comment.remove_prefix(at + before.size());
    const std::string theirs(comment.substr(0, comment.find_first_not_of("0123456789")));
    if (theirs != ours)
        throw StoreError(table + " is of schema " + theirs + ", and this library is of schema " + std::string(ours));
}

}}}  // namespace pivotal::v1::detail
