// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <libpq-fe.h>
#ifndef _WIN32
#include <sys/socket.h>
#endif

#include <pivotal/detail/receiver/store_time.hpp>
#include <pivotal/detail/stores/connection_pool.hpp>
#include <pivotal/detail/stores/postgres/result.hpp>
#include <pivotal/idempotency.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

/// Where to connect, and for how long to try: what a connection string says, the environment and the service file.
/// The connection string is refused where it cannot be read, without a word of it: libpq's errors quote what it took
/// for a name or a number, which may be a part of the password.
class PostgresAddress {
public:
    explicit PostgresAddress(std::string conninfo) : conninfo_(std::move(conninfo)) {
        const bool has_nul = conninfo_.find('\0') != conninfo_.npos;
        const Options options(has_nul ? nullptr : PQconninfoParse(conninfo_.c_str(), nullptr));
        const bool is_uri = conninfo_.rfind("postgres", 0) == 0 && conninfo_.find("://") != conninfo_.npos;
        // What is left of a password that has one of @, / and : in it. The @ in front of a host is a Linux socket.
        if (!options || said(options, "port").find_first_not_of("0123456789,") != std::string::npos ||
            (is_uri && (said(options, "dbname").find('@') != std::string::npos ||
                        said(options, "host").find('@', 1) != std::string::npos)))
            throw StoreError(
                "PostgreSQL: cannot read the connection string; in a URI special characters are to be "
                "percent-encoded, elsewhere quoted");
    }

    using Connection = std::unique_ptr<PGconn, PostgresCloser>;

    /// Of several hosts the first that can be reached.
    Connection connect(Deadline deadline) const {
        Connection connection = start(nullptr, {});
        const Options options(PQconninfo(connection.get()));
        if (!options) throw std::bad_alloc();
        // As libpq has it: no limit where it is 0 or less, and never less than 2 s.
        const std::string timeout_text = said(options, "connect_timeout");
        const int timeout = timeout_text.empty() ? 2 : static_cast<int>(std::strtol(timeout_text.c_str(), nullptr, 10));
        const std::string host = said(options, "host"), address = said(options, "hostaddr"),
                          port = said(options, "port");
        const auto commas = [](const std::string& list) { return std::count(list.begin(), list.end(), ','); };
        const auto last = (std::max)(commas(host), commas(address));
        for (std::ptrdiff_t i = 0;; ++i) {
            try {
                const std::string own_port = commas(port) == 0 ? port : part(port, i);
                if (last > 0)
                    connection =
                        start(options.get(), {part(host, i), part(address, i), own_port.empty() ? "5432" : own_port});
                const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds((std::max)(timeout, 2));
                finish(connection.get(), timeout > 0 ? (std::min)(deadline, limit) : deadline);
                return connection;
            } catch (const TryAgain&) {
                if (i >= last) throw;
            }
        }
    }

    [[noreturn]] static void fail(PGconn* connection) {
        throw TryAgain(postgres_error(PQerrorMessage(connection)), false);
    }

private:
    using Options = std::unique_ptr<PQconninfoOption, PostgresCloser>;

    static std::string said(const Options& options, std::string_view keyword) {
        for (const PQconninfoOption* option = options.get(); option->keyword; ++option)
            if (option->keyword == keyword && option->val) return option->val;
        return {};
    }
    /// Of a list with commas; empty where it has no such part.
    static std::string part(const std::string& list, std::ptrdiff_t index) {
        std::size_t begin = 0;
        for (; index > 0 && begin < list.size(); --index) begin = (std::min)(list.find(',', begin), list.size()) + 1;
        return begin < list.size() ? list.substr(begin, list.find(',', begin) - begin) : std::string();
    }

    /// As the connection string says; or with these options, but to one host, {host, hostaddr, port}. (An empty value
    /// beside the connection string would leave its whole list.)
    Connection start(const PQconninfoOption* option, const std::array<std::string, 3>& host) const {
        static constexpr std::array<std::string_view, 3> of_host{"host", "hostaddr", "port"};
        const bool is_one = option != nullptr;
        std::vector<const char*> names, values;
        const auto give = [&](const char* name, const char* value) {
            names.push_back(name);
            values.push_back(value);
        };
        if (!is_one) {  // what the connection string says of these comes later and wins
            give("keepalives_idle", "20");
            give("keepalives_interval", "10");
            give("keepalives_count", "3");
            give("fallback_application_name", "pivotal-webhook");
            give("dbname", conninfo_.c_str());
        }
        for (; option && option->keyword; ++option)
            if (std::find(of_host.begin(), of_host.end(), option->keyword) == of_host.end())
                give(option->keyword, option->val);
        for (std::size_t i = 0; is_one && i < of_host.size(); ++i)
            if (!host[i].empty()) give(of_host[i].data(), host[i].c_str());
        give(nullptr, nullptr);
        Connection connection(PQconnectStartParams(names.data(), values.data(), is_one ? 0 : 1));
        if (!connection) throw std::bad_alloc();
        return connection;
    }

    static void finish(PGconn* connection, Deadline deadline) {
        if (PQstatus(connection) == CONNECTION_BAD) fail(connection);
        for (auto state = PGRES_POLLING_WRITING; state != PGRES_POLLING_OK; state = PQconnectPoll(connection)) {
            if (state == PGRES_POLLING_FAILED) fail(connection);
            const short events = state == PGRES_POLLING_WRITING ? POLLOUT : POLLIN;
            if (!wait_for_socket(PQsocket(connection), events, deadline))
                throw TryAgain("PostgreSQL: the server does not answer", false);
        }
    }

    std::string conninfo_;
};

/// A connection that never waits longer than it is told to.
///
/// What is committed is to be on the disk, ON CONFLICT is to see what others have committed, a statement that nobody
/// waits for any more is not to happen much later, and each is to use its index, even while the statistics still say
/// that the table is empty. That takes settings. Where the connection is ours alone they are the session's, and
/// statements are prepared. Behind a PgBouncer, which may give each transaction another session, and the session to
/// others, they are each transaction's, and nothing is prepared. A pooler is known by the process id, which it does not
/// have to tell.
class PostgresConnection {
public:
    PostgresConnection(const PostgresAddress& address, Deadline deadline) : connection_(address.connect(deadline)) {
        PQsetNoticeReceiver(
            connection_.get(), [](void*, const PGresult*) {}, nullptr);
        if (PQsetnonblocking(connection_.get(), 1) != 0) PostgresAddress::fail(connection_.get());
        const PostgresResult server = send_and_finish(
            "SELECT pg_backend_pid()::bigint, pg_is_in_recovery(), current_setting('default_transaction_read_only')",
            PostgresParameters(), deadline);
        if (server.integer(0, 1) || server.bytes(0, 2) == "on")
            throw TryAgain(
                server.integer(0, 1)
                    ? "PostgreSQL: the server is a standby, which can only be read; give the primary, or all hosts "
                      "and target_session_attrs=read-write"
                    : "PostgreSQL: transactions are read-only here (default_transaction_read_only)",
                false);
        is_direct_ = server.integer(0, 0) == PQbackendPID(connection_.get());
        if (is_direct_) execute(session_settings, deadline);
    }

    /// False: the server has ended it, or is about to, or its last statement has no answer yet. An idle server has
    /// nothing to say.
    bool is_usable() const noexcept {
        return is_in_step_ && PQstatus(connection_.get()) == CONNECTION_OK &&
               PQtransactionStatus(connection_.get()) == PQTRANS_IDLE &&
               !poll_socket(PQsocket(connection_.get()), POLLIN, 0);
    }
    bool is_direct() const noexcept { return is_direct_; }

    /// Statements without parameters, as one transaction.
    void execute(const char* sql, Deadline deadline) { finish(PQsendQuery(connection_.get(), sql), deadline); }

    /// A statement, as a transaction of its own.
    template <class... Values> PostgresResult run(Deadline deadline, const char* sql, const Values&... values) {
        const PostgresParameters parameters(values...);
        if (is_direct_) {
            try {
                return run_prepared(sql, parameters, deadline);
            } catch (const StoreError&) {
                if (state_ != "26000" && state_ != "42P05") throw;
                is_direct_ = false;  // a pooler after all, which lost what was prepared
            }
        }
        execute(transaction_settings, deadline);
        return end_transaction(sql, parameters, deadline);
    }

    /// The same for one that may take a minute, whatever the deadline is: that of what comes before it.
    template <class... Values> PostgresResult run_long(Deadline deadline, const char* sql, const Values&... values) {
        execute(transaction_settings, deadline);
        execute("SET LOCAL statement_timeout = 60000", deadline);
        const Deadline end = std::chrono::steady_clock::now() + std::chrono::seconds(62);
        return end_transaction(sql, PostgresParameters(values...), end);
    }

    /// Whether the server has told of something, by NOTIFY.
    bool was_notified() {
        if (!PQconsumeInput(connection_.get())) lose();
        bool told = false;
        while (PGnotify* const notification = PQnotifies(connection_.get())) {
            PQfreemem(notification);
            told = true;
        }
        return told;
    }
    /// Whether there is something to be read before the deadline.
    bool wait_for_server(Deadline deadline) const noexcept {
        return wait_for_socket(PQsocket(connection_.get()), POLLIN, deadline);
    }
    /// Whoever waits for the server does not wait any longer, nor does anybody after it. In any thread, but not while
    /// another reads: a socket that is lost is closed then, and its number may be somebody else's.
    void interrupt() noexcept {
        shutdown(PQsocket(connection_.get()), 2);  // SHUT_RDWR, SD_BOTH
    }

private:
    static constexpr const char* session_settings =
        "SET default_transaction_isolation = 'read committed';"
        "SET enable_seqscan = off; SET enable_bitmapscan = off;"
        "SELECT set_config(name, 'on', false) FROM pg_settings "
        "WHERE name = 'synchronous_commit' AND setting = 'off';"
        "SELECT set_config(name, '1500', false) FROM pg_settings "
        "WHERE name = 'statement_timeout' AND setting::bigint NOT BETWEEN 1 AND 1500";
    static constexpr const char* transaction_settings =
        "BEGIN ISOLATION LEVEL READ COMMITTED;"
        "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;"
        "SET LOCAL statement_timeout = 1500; SET LOCAL idle_in_transaction_session_timeout = 5000;"
        "SELECT set_config('synchronous_commit', 'on', true) "
        "WHERE current_setting('synchronous_commit') = 'off'";

    PostgresResult run_prepared(const char* sql, const PostgresParameters& parameters, Deadline deadline) {
        auto known = prepared_.find(std::string_view(sql));
        if (known == prepared_.end()) {
            const std::string name = "pivotal_" + std::to_string(prepared_.size());
            finish(PQsendPrepare(connection_.get(), name.c_str(), sql, parameters.count, parameters.types), deadline);
            known = prepared_.emplace(sql, name).first;
        }
        return finish(PQsendQueryPrepared(connection_.get(), known->second.c_str(), parameters.count, parameters.values,
                                          parameters.lengths, parameters.formats, 1),
                      deadline);
    }
    PostgresResult send_and_finish(const char* sql, const PostgresParameters& parameters, Deadline deadline) {
        return finish(PQsendQueryParams(connection_.get(), sql, parameters.count, parameters.types, parameters.values,
                                        parameters.lengths, parameters.formats, 1),
                      deadline);
    }

    /// The one statement of a transaction that has begun, and its end. Where that fails the connection is as good as before.
    PostgresResult end_transaction(const char* sql, const PostgresParameters& parameters, Deadline deadline) {
        try {
            PostgresResult result = send_and_finish(sql, parameters, deadline);
            execute("COMMIT", deadline);
            return result;
        } catch (const StoreError&) {
            if (is_in_step_ && PQtransactionStatus(connection_.get()) == PQTRANS_INERROR) try {
                    execute("ROLLBACK", deadline);
                } catch (const StoreError&) {
                }
            throw;
        }
    }

    /// Waits for the server, and reads what it says.
    void wait(short events, Deadline deadline) {
        if (!wait_for_socket(PQsocket(connection_.get()), events, deadline))
            throw TryAgain("PostgreSQL: the server does not answer", true);
        if (!PQconsumeInput(connection_.get())) lose();
    }
    [[noreturn]] void lose() const { throw TryAgain(postgres_error(PQerrorMessage(connection_.get())), true); }

    PostgresResult finish(int sent, Deadline deadline) {
        PGconn* const connection = connection_.get();
        if (!sent) PostgresAddress::fail(connection);
        is_in_step_ = false;
        state_.clear();
        for (;;) {
            const int left = PQflush(connection);
            if (left < 0) lose();
            if (left == 0) break;
            wait(POLLIN | POLLOUT, deadline);
        }
        PostgresResult last;
        std::exception_ptr error;
        for (;;) {
            while (PQisBusy(connection)) wait(POLLIN, deadline);
            PGresult* const result = PQgetResult(connection);
            if (!result) break;
            if (const char* const state = PQresultErrorField(result, PG_DIAG_SQLSTATE)) state_ = state;
            try {
                last = PostgresResult(connection, result);
            } catch (...) {
                if (!error) error = std::current_exception();
            }
        }
        is_in_step_ = !error || state_ != "25006";  // a primary no more: of no more use
        if (error) std::rethrow_exception(error);
        return last;
    }

    PostgresAddress::Connection connection_;
    bool is_direct_ = false;                                    // nobody stands between us and the session
    bool is_in_step_ = true;                                    // no answer is under way
    std::string state_;                                         // the SQLSTATE of the last error
    std::map<std::string, std::string, std::less<>> prepared_;  // the names of statements, by their text
};

}}}  // namespace pivotal::v1::detail
