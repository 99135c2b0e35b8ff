// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
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

/// What was stored cannot be read any more.
class SqliteCorrupted : public StoreError {
public:
    using StoreError::StoreError;
};

[[noreturn]] inline void throw_sqlite_error(sqlite3* connection) {
    const std::string text = std::string("SQLite: ") + sqlite3_errmsg(connection);
    const int code = sqlite3_errcode(connection) & 0xff;
    if (code == SQLITE_BUSY) throw SqliteBusy(text);
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) throw SqliteCorrupted(text);
    throw StoreError(text);
}

inline void sqlite_execute(sqlite3* connection, const char* sql) {
    if (sqlite3_exec(connection, sql, nullptr, nullptr, nullptr) != SQLITE_OK) throw_sqlite_error(connection);
}

/// In a transaction of the user's.
inline void create_missing(sqlite3* connection, const char* table, const char* schema) {
    if (sqlite3_table_column_metadata(connection, "main", table, nullptr, nullptr, nullptr, nullptr, nullptr,
                                      nullptr) != SQLITE_OK)
        sqlite_execute(connection, schema);
}

/// For a `function` that is a part of the user's transaction.
inline void require_transaction(sqlite3* connection, const char* function) {
    if (sqlite3_get_autocommit(connection))
        throw std::logic_error(std::string("pivotal: ") + function +
                               " needs an open transaction, which also has the effect");
}

/// UTF-8 that SQLite gives back as it was, in a database of UTF-16 too: no NUL in it, and neither U+FFFE nor U+FFFF.
/// That is stored as text, for people who look into the database; all else as bytes. So equal ids stay equal.
inline bool is_plain_text(std::string_view bytes) noexcept {
    for (std::size_t i = 0; i < bytes.size();) {
        const auto first = static_cast<unsigned char>(bytes[i++]);
        if (first > 0 && first < 0x80) continue;
        const int more = first < 0xc2 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : 0;
        if (more == 0) return false;
        std::uint32_t code = first & (0x3fu >> more);
        for (int left = more; left > 0; --left, ++i) {
            if (i == bytes.size() || (static_cast<unsigned char>(bytes[i]) & 0xc0) != 0x80) return false;
            code = code << 6 | (static_cast<unsigned char>(bytes[i]) & 0x3f);
        }
        const std::uint32_t least = more == 1 ? 0x80 : more == 2 ? 0x800 : 0x10000;
        const bool is_surrogate = code >= 0xd800 && code < 0xe000;
        if (code < least || code > 0x10ffff || is_surrogate || (code | 1) == 0xffff) return false;
    }
    return true;
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
            [[maybe_unused]] int index = 0;  // there may be no values
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
            // Text is to be in UTF-8, whatever the database has.
            const void* const data = sqlite3_column_type(statement_, column) == SQLITE_TEXT
                                         ? static_cast<const void*>(sqlite3_column_text(statement_, column))
                                         : sqlite3_column_blob(statement_, column);
            if (!data && (sqlite3_errcode(sqlite3_db_handle(statement_)) & 0xff) == SQLITE_NOMEM) fail();  // no NULL
            const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
            return data ? std::string(static_cast<const char*>(data), size) : std::string();
        }

    private:
        void bind(int index, std::int64_t value) {
            if (sqlite3_bind_int64(statement_, index, value) != SQLITE_OK) fail();
        }
        void bind(int index, std::string_view bytes) {
            const char* const data = bytes.empty() ? "" : bytes.data();  // a null pointer would be NULL
            const int result =
                is_plain_text(bytes)
                    ? sqlite3_bind_text64(statement_, index, data, bytes.size(), SQLITE_STATIC, SQLITE_UTF8)
                    : sqlite3_bind_blob64(statement_, index, data, bytes.size(), SQLITE_STATIC);
            if (result != SQLITE_OK) fail();
        }
        [[noreturn]] void fail() const { throw_sqlite_error(sqlite3_db_handle(statement_)); }

        sqlite3_stmt* const statement_;
    };

    /// Runs it to its end; the number of rows that it changed, where it is one that changes rows.
    template <class... Values> int execute(const Values&... values) const {
        Run run(*this, values...);
        while (run.next()) {
        }
        return sqlite3_changes(sqlite3_db_handle(statement_.get()));
    }

private:
    std::unique_ptr<sqlite3_stmt, SqliteCloser> statement_;
};

}}}  // namespace pivotal::v1::detail
