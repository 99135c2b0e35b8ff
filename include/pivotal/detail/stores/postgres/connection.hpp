// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include <libpq-fe.h>
#ifdef _WIN32
#include <winsock2.h>
#else
#include <poll.h>
#endif

#include <pivotal/idempotency.hpp>

namespace pivotal {
inline namespace v1 {
namespace detail {

struct PostgresCloser {
    void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
    void operator()(PGresult* result) const noexcept { PQclear(result); }
    void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }
};

/// What was stored cannot be read any more.
class PostgresCorrupted : public StoreError {
public:
    using StoreError::StoreError;
};

/// The text of an error of libpq's in one line.
template <class Error = StoreError>
[[noreturn]] void throw_postgres_error(const char* text) {
    std::string line = "PostgreSQL: ";
    for (const char* c = text; *c; ++c) {
        const bool is_space = *c == '\n' || *c == '\t' || *c == ' ';
        if (!is_space)
            line += *c;
        else if (line.back() != ' ')
            line += ' ';
    }
    while (line.back() == ' ') line.pop_back();
    throw Error(line);
}

/// The parameters of a statement in PostgreSQL's binary format: bytes are bytea, numbers are bigint. It views
/// the bytes.
template <std::size_t size>
class PostgresParameters {
public:
    template <class... Values>
    explicit PostgresParameters(const Values&... values) {
        [[maybe_unused]] std::size_t index = 0;
        (set(index++, values), ...);
    }
    static constexpr int count = static_cast<int>(size);
    const Oid* types() const noexcept { return types_.data(); }
    const char* const* values() const noexcept { return values_.data(); }
    const int* lengths() const noexcept { return lengths_.data(); }
    const int* formats() const noexcept { return formats_.data(); }

private:
    static constexpr Oid bytea = 17, bigint = 20;  // the same in every database

    void set(std::size_t index, std::string_view bytes) {
        if (bytes.size() > INT_MAX) throw StoreError("PostgreSQL: a value is too large");
        // A null pointer would be NULL, not empty.
        set(index, bytea, bytes.empty() ? "" : bytes.data(), static_cast<int>(bytes.size()));
    }
    void set(std::size_t index, std::int64_t number) {
        auto& bytes = numbers_[index];
        auto rest = static_cast<std::uint64_t>(number);
        for (std::size_t i = bytes.size(); i-- > 0; rest >>= 8) bytes[i] = static_cast<char>(rest & 0xff);
        set(index, bigint, bytes.data(), static_cast<int>(bytes.size()));
    }
    void set(std::size_t index, Oid type, const char* value, int length) {
        types_[index] = type;
        values_[index] = value;
        lengths_[index] = length;
        formats_[index] = 1;
    }

    std::array<Oid, size> types_;
    std::array<const char*, size> values_;
    std::array<int, size> lengths_, formats_;
    std::array<std::array<char, 8>, size> numbers_;
};
template <class... Values>
PostgresParameters(const Values&...) -> PostgresParameters<sizeof...(Values)>;

/// What a statement came to, in PostgreSQL's binary format.
class PostgresResult {
public:
    PostgresResult() = default;
    /// Throws StoreError unless the statement did what it says.
    PostgresResult(PGconn* connection, PGresult* result) : result_(result) {
        const ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return;
        // The message alone: its details repeat what was stored.
        const char* const message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
        const char* const state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        if (message && state && std::string_view(state).substr(0, 2) == "XX")  // internal error, corrupted
            throw_postgres_error<PostgresCorrupted>(message);
        throw_postgres_error(message ? message : PQerrorMessage(connection));
    }

    int rows() const noexcept { return PQntuples(result_.get()); }
    /// One row was inserted, updated or deleted.
    bool changed_one() const noexcept { return std::string_view(PQcmdTuples(result_.get())) == "1"; }

    std::string bytes(int row, int column) const {  // of NULL: none
        return {PQgetvalue(result_.get(), row, column),
                static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
    }
    std::int64_t integer(int row, int column) const {  // of a bigint, or of a boolean
        std::uint64_t number = 0;
        for (const char c : bytes(row, column)) number = number << 8 | static_cast<unsigned char>(c);
        return static_cast<std::int64_t>(number);
    }

private:
    std::unique_ptr<PGresult, PostgresCloser> result_;
};

/// A connection that never waits longer than it is told to. After an exception it is of no more use.
class PostgresConnection {
public:
    using Deadline = std::chrono::steady_clock::time_point;

    PostgresConnection(const std::string& conninfo, Deadline deadline) {
        // What conninfo says of these comes later and wins.
        const char* const names[] = {"connect_timeout", "fallback_application_name", "dbname", nullptr};
        const char* const values[] = {"2", "pivotal-webhook", conninfo.c_str(), nullptr};
        connection_.reset(PQconnectdbParams(names, values, 1));
        if (!connection_) throw StoreError("PostgreSQL: out of memory");
        if (PQstatus(connection_.get()) != CONNECTION_OK) fail();
        PQsetNoticeReceiver(
            connection_.get(), [](void*, const PGresult*) {}, nullptr);
        if (PQsetnonblocking(connection_.get(), 1) != 0) fail();
        execute(setup, deadline);
    }

    /// False: the server has ended it, or is about to. An idle server has nothing else to say.
    bool is_usable() const noexcept {
        return PQstatus(connection_.get()) == CONNECTION_OK && poll_socket(false, 0) == 0;
    }

    /// Statements without parameters, as one transaction.
    void execute(const char* sql, Deadline deadline) {
        finish(PQsendQuery(connection_.get(), sql), deadline);
    }

    /// A statement, as a transaction of its own.
    template <class... Values>
    PostgresResult run(Deadline deadline, const char* sql, const Values&... values) {
        const PostgresParameters<sizeof...(Values)> parameters(values...);
        return finish(PQsendQueryParams(connection_.get(), sql, parameters.count, parameters.types(),
                                        parameters.values(), parameters.lengths(), parameters.formats(), 1),
                      deadline);
    }

private:
    // What is committed is to be on the disk, and ON CONFLICT is to see what others have committed. A statement
    // that nobody waits for any more is not to happen much later. Every statement has its index, which is to
    // be used even while the server's statistics still say that the table is empty.
    static constexpr const char* setup =
        "SET default_transaction_isolation = 'read committed';"
        "SET enable_seqscan = off; SET enable_bitmapscan = off;"
        "SELECT set_config(name, 'on', false) FROM pg_settings "
        "WHERE name = 'synchronous_commit' AND setting = 'off';"
        "SELECT set_config(name, '2500', false) FROM pg_settings "
        "WHERE name = 'statement_timeout' AND setting::bigint NOT BETWEEN 1 AND 2500";

    [[noreturn]] void fail() const { throw_postgres_error(PQerrorMessage(connection_.get())); }

    int poll_socket(bool to_write, int milliseconds) const noexcept {
        const auto events = static_cast<short>(to_write ? POLLIN | POLLOUT : POLLIN);
#ifdef _WIN32
        WSAPOLLFD socket{static_cast<SOCKET>(PQsocket(connection_.get())), events, 0};
        return WSAPoll(&socket, 1, milliseconds);
#else
        pollfd socket{PQsocket(connection_.get()), events, 0};
        return poll(&socket, 1, milliseconds);
#endif
    }

    /// Waits for the server, and reads what it says.
    void wait(bool to_write, Deadline deadline) {
        using std::chrono::milliseconds;
        const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
        const int result = left > left.zero() ? poll_socket(to_write, static_cast<int>(left.count())) : 0;
        if (result == 0) throw StoreError("PostgreSQL: the server does not answer");
        if (result < 0 && errno != EINTR) throw StoreError("PostgreSQL: cannot wait for the server");
        if (!PQconsumeInput(connection_.get())) fail();
    }

    PostgresResult finish(int sent, Deadline deadline) {
        PGconn* const connection = connection_.get();
        if (!sent) fail();
        for (;;) {
            const int left = PQflush(connection);
            if (left < 0) fail();
            if (left == 0) break;
            wait(true, deadline);
        }
        PostgresResult last;
        for (;;) {
            while (PQisBusy(connection)) wait(false, deadline);
            PGresult* const result = PQgetResult(connection);
            if (!result) return last;
            last = PostgresResult(connection, result);
        }
    }

    std::unique_ptr<PGconn, PostgresCloser> connection_;
};

}  // namespace detail
}  // namespace v1
}  // namespace pivotal
