// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include <libpq-fe.h>

#include <pivotal/detail/receiver/due_time.hpp>
#include <pivotal/detail/stores/connection_pool.hpp>
#include <pivotal/detail/stores/postgres/connection.hpp>
#include <pivotal/idempotency.hpp>

namespace pivotal {
inline namespace v1 {
namespace detail {

/// The conninfo, where it can be read. Else it is refused without a word of it: libpq's errors quote what it
/// took for a name or a number, which may be a part of the password.
inline std::string checked_conninfo(std::string conninfo) {
    const auto refuse = [] {
        throw StoreError(
            "PostgreSQL: cannot read the connection string; in a URI special characters are to be "
            "percent-encoded, elsewhere quoted");
    };
    if (conninfo.find('\0') != conninfo.npos) refuse();
    const std::unique_ptr<PQconninfoOption, PostgresCloser> options(
        PQconninfoParse(conninfo.c_str(), nullptr));
    if (!options) refuse();
    const bool is_uri = conninfo.rfind("postgres", 0) == 0 && conninfo.find("://") != conninfo.npos;
    for (const PQconninfoOption* option = options.get(); option->keyword; ++option) {
        const std::string keyword = option->keyword, value = option->val ? option->val : "";
        // What is left of a password that has one of @, / and : in it.
        if (keyword == "port" && value.find_first_not_of("0123456789,") != value.npos) refuse();
        if (is_uri && keyword == "dbname" && value.find('@') != value.npos) refuse();
        if (is_uri && keyword == "host" && value.find('@', 1) != value.npos) refuse();  // @: a Linux socket
    }
    return conninfo;
}

/// The statements of a store, on a few connections that all threads share.
class PostgresPool {
public:
    /// `schema` creates what is missing of `table`, which is what it is for.
    PostgresPool(std::string conninfo, const std::string& table, const std::string& schema)
        : connections_(most, [conninfo = checked_conninfo(std::move(conninfo))](Deadline deadline) {
              return std::make_unique<PostgresConnection>(conninfo, deadline);
          }) {
        if (!PQisthreadsafe()) throw StoreError("PostgreSQL: this libpq was built without threads");
        const std::string find = "SELECT 1 FROM pg_class WHERE oid = to_regclass('" + table + "')";
        if (run(find.c_str()).rows() != 0) return;
        // Of several processes one creates it: IF NOT EXISTS alone fails where two do it at once.
        const std::string create = std::string(schema_lock) + ";" + schema;
        use([&](PostgresConnection& connection, Deadline deadline) {
            connection.execute(create.c_str(), deadline);
        });
    }

    /// Waits until nobody else creates tables of ours; lasts until the transaction ends.
    static constexpr const char* schema_lock = "SELECT pg_advisory_xact_lock(8101762530170448239)";

    /// What a statement comes to, as a transaction of its own.
    template <class... Values>
    PostgresResult run(const char* sql, const Values&... values) {
        PostgresResult result;
        use([&](PostgresConnection& connection, Deadline deadline) {
            result = connection.run(deadline, sql, values...);
        });
        return result;
    }

private:
    using Connections = ConnectionPool<PostgresConnection>;
    using Deadline = Connections::Deadline;

    /// For one statement: a claim, and a completion that is repeated, are over in Pivotal's 10 s.
    static constexpr std::chrono::seconds patience{3};
    /// More would not be faster: the server has as many cores, and one disk.
    static constexpr std::size_t most = 4;

    template <class Work>
    void use(const Work& work) {
        const Deadline deadline = DueTime::of_call(patience);
        Connections::Loan connection = connections_.take(deadline);
        work(*connection, deadline);
        connection.give_back();
    }

    Connections connections_;
};

}  // namespace detail
}  // namespace v1
}  // namespace pivotal
