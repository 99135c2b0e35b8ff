// SPDX-License-Identifier: MIT
#pragma once

#include <climits>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include <libpq-fe.h>

#include <pivotal/detail/stores/connection_pool.hpp>
#include <pivotal/idempotency.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

struct PostgresCloser {
    void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
    void operator()(PGresult* result) const noexcept { PQclear(result); }
    void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }
};

/// What was stored cannot be read: for ever, or the server was wrong; the older ones do not tell which.
class PostgresCorrupted : public StoreError {
public:
    using StoreError::StoreError;
};

/// The text of an error of libpq's in one line.
inline std::string postgres_error(const char* text) {
    std::string line = "PostgreSQL:";
    std::istringstream words(text);
    for (std::string word; words >> word;) line += " " + word;
    return line;
}

/// The parameters of a statement in PostgreSQL's binary format: bytes are bytea, numbers are bigint. It views
/// the bytes.
struct PostgresParameters {
    static constexpr std::size_t most = 8;

    template <class... Values> explicit PostgresParameters(const Values&... all) {
        static_assert(sizeof...(all) <= most);
        (add(all), ...);
    }
    PostgresParameters(const PostgresParameters&) = delete;
    PostgresParameters& operator=(const PostgresParameters&) = delete;

    int count = 0;
    Oid types[most]{};
    const char* values[most]{};
    int lengths[most]{}, formats[most]{};

private:
    static constexpr Oid bytea = 17, bigint = 20;  // the same in every database

    void add(std::string_view bytes) {
        if (bytes.size() > INT_MAX) throw StoreError("PostgreSQL: a value is too large");
        // A null pointer would be NULL, not empty.
        add(bytea, bytes.empty() ? "" : bytes.data(), static_cast<int>(bytes.size()));
    }
    void add(std::int64_t number) {
        auto& bytes = numbers_[count];
        auto rest = static_cast<std::uint64_t>(number);
        for (std::size_t i = sizeof bytes; i-- > 0; rest >>= 8) bytes[i] = static_cast<char>(rest & 0xff);
        add(bigint, bytes, sizeof bytes);
    }
    void add(Oid type, const char* value, int length) {
        types[count] = type;
        values[count] = value;
        lengths[count] = length;
        formats[count++] = 1;
    }

    char numbers_[most][8]{};
};

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
        const std::string error = postgres_error(message ? message : PQerrorMessage(connection));
        const char* const code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        const std::string_view state = code ? code : "";
        // Given up by the server, which waited too long, or for itself, or is a standby by now: nothing has happened.
        for (const std::string_view undone : {"57014", "55P03", "40001", "40P01", "25006"})
            if (state == undone) throw TryAgain(error, false);
        // The connection is at its end.
        if (state.empty() || state.substr(0, 2) == "08" || state.substr(0, 3) == "57P") throw TryAgain(error, true);
        if (state.substr(0, 2) == "XX") throw PostgresCorrupted(error);  // internal error, corrupted
        throw StoreError(error);
    }

    bool is_repetition = false;  // an earlier reply was lost, and what the statement found may be its own

    int rows() const noexcept { return PQntuples(result_.get()); }
    /// One row was inserted, updated or deleted.
    friend bool changed_one(const PostgresResult& made) noexcept {
        return std::string_view(PQcmdTuples(made.result_.get())) == "1";
    }

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

/// For a `function` that is a part of the user's transaction.
inline void require_transaction(PGconn* connection, const char* function) {
    const PGTransactionStatusType status = PQtransactionStatus(connection);
    if (status == PQTRANS_IDLE || status == PQTRANS_ACTIVE)
        throw std::logic_error(std::string("pivotal: ") + function +
                               " needs an open transaction, which also has the effect");
}
template <class... Values> PostgresResult run_in(PGconn* connection, const char* sql, const Values&... values) {
    const PostgresParameters all(values...);
    return {connection, PQexecParams(connection, sql, all.count, all.types, all.values, all.lengths, all.formats, 1)};
}

}}}  // namespace pivotal::v1::detail
