// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <libpq-fe.h>

#include <pivotal/detail/postgres_connection.hpp>
#include <pivotal/idempotency.hpp>

namespace pivotal {
inline namespace v1 {
namespace detail {

/// Refuses a conninfo that cannot be read, without a word of it: libpq's errors quote what it took for a name
/// or a number, which may be a part of the password.
inline void check_conninfo(const std::string& conninfo) {
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
}

/// A few connections that all threads share. A connection that has failed is closed; the next statement opens
/// another, so that a server that was restarted is found again.
class PostgresPool {
public:
    /// `schema` creates what is missing of `table`, which is what it is for.
    PostgresPool(std::string conninfo, const std::string& table, const std::string& schema)
        : conninfo_(std::move(conninfo)) {
        check_conninfo(conninfo_);
        idle_.reserve(most);
        if (!PQisthreadsafe()) throw StoreError("PostgreSQL: this libpq was built without threads");
        const std::string find = "SELECT 1 FROM pg_class WHERE oid = to_regclass('" + table + "')";
        if (run(find.c_str()).rows() == 0) {
            // Of several processes one creates it: IF NOT EXISTS alone fails where two do it at once.
            const std::string create = std::string(schema_lock) + ";" + schema;
            use([&](PostgresConnection& connection, Deadline deadline) {
                connection.execute(create.c_str(), deadline);
            });
        }
    }
    PostgresPool(const PostgresPool&) = delete;
    PostgresPool& operator=(const PostgresPool&) = delete;

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
    using Deadline = PostgresConnection::Deadline;

    /// For one statement: a claim, and a completion that is repeated, are over in Pivotal's 10 s.
    static constexpr std::chrono::seconds patience{3};
    /// More would not be faster: the server has as many cores, and one disk.
    static constexpr int most = 4;

    template <class Work>
    void use(const Work& work) {
        const Deadline deadline = std::chrono::steady_clock::now() + patience;
        std::unique_ptr<PostgresConnection> connection = take(deadline);
        try {
            work(*connection, deadline);
        } catch (...) {
            connection.reset();
            give_back(nullptr);
            throw;
        }
        give_back(std::move(connection));
    }

    std::unique_ptr<PostgresConnection> take(Deadline deadline) {
        {
            std::unique_lock<std::mutex> lock(mutex_);
            const std::uint64_t failures = failures_;
            const bool free = changed_.wait_until(
                lock, deadline, [&] { return !idle_.empty() || open_ < most || failures != failures_; });
            if (!free) throw StoreError("PostgreSQL: all connections are waiting for the server");
            // Where one could not connect the others need not wait as long again.
            if (failures != failures_) throw StoreError(failure_);
            while (!idle_.empty()) {
                std::unique_ptr<PostgresConnection> connection = std::move(idle_.back());
                idle_.pop_back();
                if (connection->is_alive()) return connection;
                --open_;
            }
            ++open_;
        }
        try {
            return std::make_unique<PostgresConnection>(conninfo_, deadline);
        } catch (const std::exception& error) {
            const std::lock_guard<std::mutex> lock(mutex_);
            --open_;
            ++failures_;
            changed_.notify_all();
            failure_ = error.what();
            throw;
        }
    }

    /// Null where it has been closed.
    void give_back(std::unique_ptr<PostgresConnection> connection) noexcept {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            if (connection)
                idle_.push_back(std::move(connection));
            else
                --open_;
        }
        changed_.notify_one();
    }

    const std::string conninfo_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::unique_ptr<PostgresConnection>> idle_;
    int open_ = 0;  // idle or in use
    std::uint64_t failures_ = 0;
    std::string failure_;
};

}  // namespace detail
}  // namespace v1
}  // namespace pivotal
