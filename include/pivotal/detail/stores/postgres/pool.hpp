// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <libpq-fe.h>

#include <pivotal/detail/stores/connection_pool.hpp>
#include <pivotal/detail/stores/postgres/connection.hpp>
#include <pivotal/detail/stores/postgres/result.hpp>
#include <pivotal/detail/stores/table.hpp>
#include <pivotal/idempotency.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

/// The statements of a store, on connections that all threads share.
class PostgresPool {
public:
    PostgresPool(std::string conninfo, const StoreOptions& options, const StoreTable& table)
        : connections_(options.connections, [address = PostgresAddress(std::move(conninfo))](Deadline deadline) {
              return std::make_unique<PostgresConnection>(address, deadline);
          }) {
        if (!PQisthreadsafe()) throw StoreError("PostgreSQL: this libpq was built without threads");
        const Deadline deadline = DueTime::of_call();
        auto connection = connections_.make(deadline);
        constexpr const char* missing = "SELECT 1 WHERE to_regclass(convert_from($1, 'UTF8')) IS NULL";
        if (connection->run(deadline, missing, table.name).rows() == 1) {
            if (!options.create_schema)
                throw StoreError(std::string("PostgreSQL: there is no table ") + table.name +
                                 ", and StoreOptions::create_schema is false");
            // Of several processes one creates it: IF NOT EXISTS alone fails where two do it at once.
            connection->execute((std::string("BEGIN;") + schema_lock + ";" + table.schema + "COMMIT").c_str(),
                                deadline);
        }
        check(*connection, deadline, table);
        connections_.add(std::move(connection));
    }

    /// Waits until nobody else creates tables of ours; lasts until the transaction ends.
    static constexpr const char* schema_lock = "SELECT pg_advisory_xact_lock(8101762530170448239)";

    /// What a statement comes to, as a transaction of its own. Where its answer is lost there is a StoreError, though
    /// it may have happened.
    template <class... Values> PostgresResult run(const char* sql, const Values&... values) {
        return use(false, sql, values...);
    }
    /// The same for a statement that does no harm when it happens twice: where its answer is lost it is repeated.
    template <class... Values> PostgresResult run_repeatable(const char* sql, const Values&... values) {
        return use(true, sql, values...);
    }
    /// Such a statement of an operator's, who can wait: for a minute.
    template <class... Values> PostgresResult run_long(const char* sql, const Values&... values) {
        return connections_.use(true, [&](PostgresConnection& connection, Deadline deadline) {
            return connection.run_long(deadline, sql, values...);
        });
    }

    /// A connection of the caller's own.
    std::unique_ptr<PostgresConnection> connect(Deadline deadline) { return connections_.make(deadline); }

private:
    template <class... Values> PostgresResult use(bool repeatable, const char* sql, const Values&... values) {
        int times = 0;
        return connections_.use(repeatable, [&](PostgresConnection& connection, Deadline deadline) {
            const bool is_repetition = times++ > 0;
            PostgresResult result = connection.run(deadline, sql, values...);
            result.is_repetition = is_repetition;
            return result;
        });
    }

    /// Says what is missing of the table, before the first event does.
    static void check(PostgresConnection& connection, Deadline deadline, const StoreTable& table) {
        const PostgresResult missing = connection.run(
            deadline,
            R"(SELECT (SELECT string_agg(column_name, ', ') FROM unnest(string_to_array(convert_from($2, 'UTF8'), ','))
                         AS column_name
                       WHERE NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass(name)
                                         AND attname = column_name AND NOT attisdropped)),
                      (SELECT string_agg(right_name, ', ') FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'])
                         AS right_name
                       WHERE NOT has_table_privilege(to_regclass(name), right_name)),
                      obj_description(to_regclass(name), 'pg_class')
               FROM convert_from($1, 'UTF8') AS name)",
            table.name, table.columns);
        const std::string what = std::string("PostgreSQL: the table ") + table.name;
        check_schema_version(what, missing.bytes(0, 2));
        if (const std::string names = missing.bytes(0, 0); !names.empty())
            throw StoreError(what + " is another program's, or another version's: it has no column " + names);
        if (const std::string rights = missing.bytes(0, 1); !rights.empty())
            throw StoreError("PostgreSQL: the role has no right to " + rights + " in the table " + table.name +
                             "; GRANT it");
    }

    ConnectionPool<PostgresConnection> connections_;
};

/// In a transaction of the user's.
inline void create_missing(PGconn* connection, std::string_view table, const char* schema,
                           const StoreOptions& options) {
    if (!options.create_schema ||
        run_in(connection, "SELECT to_regclass(convert_from($1, 'UTF8')) IS NOT NULL", table).integer(0, 0))
        return;
    for (const char* const sql : {PostgresPool::schema_lock, schema})
        PostgresResult(connection, PQexec(connection, sql));
}

}}}  // namespace pivotal::v1::detail
