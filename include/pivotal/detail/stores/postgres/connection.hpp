// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <chrono>
#include <exception>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include <libpq-fe.h>
#ifdef _WIN32
#include <winsock2.h>
#else
#include <poll.h>
#include <sys/socket.h>
#endif

#include <pivotal/detail/receiver/store_time.hpp>
#include <pivotal/detail/stores/connection_pool.hpp>
#include <pivotal/detail/stores/postgres/address.hpp>
#include <pivotal/detail/stores/postgres/result.hpp>
#include <pivotal/idempotency.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

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
    PostgresConnection(const PostgresAddress& address, Deadline deadline)
        : connection_(address.connect(deadline, wait_for)) {
        PQsetNoticeReceiver(
            connection_.get(), [](void*, const PGresult*) {}, nullptr);
        if (PQsetnonblocking(connection_.get(), 1) != 0) PostgresAddress::fail(connection_.get());
        const PostgresResult server = send_and_finish(
            "SELECT pg_backend_pid()::bigint, pg_is_in_recovery(), current_setting('default_transaction_read_only')",
            PostgresParameters<0>(), deadline);
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
               PQtransactionStatus(connection_.get()) == PQTRANS_IDLE && poll_socket(connection_.get(), POLLIN, 0) == 0;
    }
    bool is_direct() const noexcept { return is_direct_; }

    /// Statements without parameters, as one transaction.
    void execute(const char* sql, Deadline deadline) { finish(PQsendQuery(connection_.get(), sql), deadline); }

    /// A statement, as a transaction of its own.
    template <class... Values>
    PostgresResult run(Deadline deadline, const char* sql, const Values&... values) {
        const PostgresParameters<sizeof...(Values)> parameters(values...);
        if (is_direct_) {
            try {
                return run_prepared(sql, parameters, deadline);
            } catch (const StoreError&) {
                if (state_ != "26000" && state_ != "42P05") throw;
                is_direct_ = false;  // a pooler after all, which lost what was prepared
            }
        }
        execute(transaction_settings, deadline);
        PostgresResult result = send_and_finish(sql, parameters, deadline);
        execute("COMMIT", deadline);
        return result;
    }

    /// Whether the server tells of something until then, by NOTIFY.
    bool wait_for_notification(Deadline deadline) {
        PGconn* const connection = connection_.get();
        for (bool told = false;;) {
            while (PGnotify* const notification = PQnotifies(connection)) {
                PQfreemem(notification);
                told = true;
            }
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
            if (told || left <= left.zero()) return told;
            if (poll_socket(connection, POLLIN, static_cast<int>(left.count())) != 0 && !PQconsumeInput(connection))
                lose();
        }
    }
    /// Whoever waits on it does not wait any longer, nor does anybody after it. In any thread.
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

    template <class Parameters>
    PostgresResult run_prepared(const char* sql, const Parameters& parameters, Deadline deadline) {
        auto known = prepared_.find(std::string_view(sql));
        if (known == prepared_.end()) {
            const std::string name = "pivotal_" + std::to_string(prepared_.size());
            finish(PQsendPrepare(connection_.get(), name.c_str(), sql, parameters.count, parameters.types()), deadline);
            known = prepared_.emplace(sql, name).first;
        }
        return finish(PQsendQueryPrepared(connection_.get(), known->second.c_str(), parameters.count,
                                          parameters.values(), parameters.lengths(), parameters.formats(), 1),
                      deadline);
    }
    template <class Parameters>
    PostgresResult send_and_finish(const char* sql, const Parameters& parameters, Deadline deadline) {
        return finish(PQsendQueryParams(connection_.get(), sql, parameters.count, parameters.types(),
                                        parameters.values(), parameters.lengths(), parameters.formats(), 1),
                      deadline);
    }

    static int poll_socket(PGconn* connection, short events, int milliseconds) noexcept {
#ifdef _WIN32
        WSAPOLLFD socket{static_cast<SOCKET>(PQsocket(connection)), events, 0};
        return WSAPoll(&socket, 1, milliseconds);
#else
        pollfd socket{PQsocket(connection), events, 0};
        return poll(&socket, 1, milliseconds);
#endif
    }
    static void wait_for_events(PGconn* connection, short events, Deadline deadline, bool may_have_run) {
        using std::chrono::milliseconds;
        const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
        const int result = left > left.zero() ? poll_socket(connection, events, static_cast<int>(left.count())) : 0;
        if (result == 0) throw TryAgain("PostgreSQL: the server does not answer", may_have_run);
        if (result < 0 && errno != EINTR) throw TryAgain("PostgreSQL: cannot wait for the server", may_have_run);
    }
    static void wait_for(PGconn* connection, bool to_write, Deadline deadline) {
        wait_for_events(connection, to_write ? POLLOUT : POLLIN, deadline, false);
    }

    /// Waits for the server, and reads what it says.
    void wait(short events, Deadline deadline) {
        wait_for_events(connection_.get(), events, deadline, true);
        if (!PQconsumeInput(connection_.get())) lose();
    }
    [[noreturn]] void lose() const {
        throw TryAgain(postgres_error(PQerrorMessage(connection_.get())), true);
    }

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
