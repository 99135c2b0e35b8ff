// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <sqlite3.h>

#include <pivotal/idempotency.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

struct SqliteCloser {
    void operator()(sqlite3* connection) const noexcept { sqlite3_close_v2(connection); }
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
};
using SqliteConnection = std::unique_ptr<sqlite3, SqliteCloser>;

/// Another connection holds the lock that is needed.
class SqliteBusy : public StoreError {
public:
    using StoreError::StoreError;
};

[[noreturn]] inline void throw_sqlite_error(sqlite3* connection) {
    const std::string text = std::string("SQLite: ") + sqlite3_errmsg(connection);
    if ((sqlite3_errcode(connection) & 0xff) == SQLITE_BUSY) throw SqliteBusy(text);
    throw StoreError(text);
}

inline void sqlite_execute(sqlite3* connection, const char* sql) {
    if (sqlite3_exec(connection, sql, nullptr, nullptr, nullptr) != SQLITE_OK) throw_sqlite_error(connection);
}

/// A statement that is prepared once and run many times.
class SqliteStatement {
public:
    SqliteStatement(sqlite3* connection, const char* sql) {
        sqlite3_stmt* made = nullptr;
        if (sqlite3_prepare_v2(connection, sql, -1, &made, nullptr) != SQLITE_OK) throw_sqlite_error(connection);
        statement_.reset(made);
    }

    /// One run of it: bound to `values` in their order, and ready to run again when it goes.
    class Run {
    public:
        template <class... Values>
        explicit Run(const SqliteStatement& statement, const Values&... values)
            : statement_(statement.statement_.get()) {
            int index = 0;
            (bind(++index, values), ...);
        }
        ~Run() {
            sqlite3_reset(statement_);
            sqlite3_clear_bindings(statement_);
        }
        Run(const Run&) = delete;
        Run& operator=(const Run&) = delete;

        /// True: there is a row to be read. False: it is done.
        bool next() {
            const int result = sqlite3_step(statement_);
            if (result != SQLITE_ROW && result != SQLITE_DONE) fail();
            return result == SQLITE_ROW;
        }
        std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
        std::string bytes(int column) const {
            const void* const data = sqlite3_column_blob(statement_, column);
            const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
            return data ? std::string(static_cast<const char*>(data), size) : std::string();
        }
        /// In UTF-8, whatever the database has.
        std::string text(int column) const {
            const unsigned char* const text = sqlite3_column_text(statement_, column);
            return text ? reinterpret_cast<const char*>(text) : "";
        }
        bool is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

    private:
        void bind(int index, std::int64_t value) {
            if (sqlite3_bind_int64(statement_, index, value) != SQLITE_OK) fail();
        }
        void bind(int index, std::string_view bytes) {  // a null pointer would be NULL, not empty
            if (sqlite3_bind_blob64(statement_, index, bytes.empty() ? "" : bytes.data(), bytes.size(),
                                    SQLITE_STATIC) != SQLITE_OK)
                fail();
        }
        [[noreturn]] void fail() { throw_sqlite_error(sqlite3_db_handle(statement_)); }

        sqlite3_stmt* const statement_;
    };

    /// Runs it to its end; the number of rows that it changed, where it is one that changes rows.
    template <class... Values>
    int execute(const Values&... values) const {
        Run run(*this, values...);
        while (run.next()) {
        }
        return sqlite3_changes(sqlite3_db_handle(statement_.get()));
    }

private:
    std::unique_ptr<sqlite3_stmt, SqliteCloser> statement_;
};

}}}  // namespace pivotal::v1::detail
