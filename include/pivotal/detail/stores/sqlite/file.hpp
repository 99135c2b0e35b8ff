// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>

#include <sqlite3.h>

#include <pivotal/detail/core/attributes.hpp>
#include <pivotal/detail/receiver/per_process.hpp>
#include <pivotal/detail/receiver/store_time.hpp>
#include <pivotal/detail/stores/sqlite/statement.hpp>
#include <pivotal/detail/stores/table.hpp>
#include <pivotal/idempotency.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

/// The connections of this process (on Windows, of this module). One that was forked may not use those that it
/// inherited, and cannot have new ones beside them: SQLite would take its parent's locks for its own. So they are closed,
/// without a word to the files, before it opens its first. One that is in a transaction cannot be closed without a word:
/// such a process has none.
class SqliteConnections {
public:
    /// While it lives, this thread works with a connection.
    struct InUse {
        InUse() noexcept { ++all().in_use_; }
        ~InUse() { --all().in_use_; }
        InUse(const InUse&) = delete;
        InUse& operator=(const InUse&) = delete;
    };

    void close_inherited() {
        const bool in_use = in_use_ > 0;  // by the parent still, if process_ is its
        if (process_ == process_id()) return;
        if (in_use)
            throw StoreError(
                "SQLite: this process was forked while a thread used a database: fork first, and then open it");
        const std::lock_guard<std::mutex> lock(mutex_);
        if (process_ == process_id()) return;
        for (const auto& [connection, close] : known_) close(connection);
        known_.clear();
        process_ = process_id();
    }
    /// `close` is of the library whose SQLite has opened it.
    void add(sqlite3* connection, void (*close)(sqlite3*)) {
        const std::lock_guard<std::mutex> lock(mutex_);
        known_.emplace_back(connection, close);
    }
    void remove(sqlite3* connection) noexcept {
        const std::lock_guard<std::mutex> lock(mutex_);
        known_.remove_if([&](const auto& known) { return known.first == connection; });
    }
    /// Never destroyed: a store that is a global variable outlives what it uses here.
    PIVOTAL_DETAIL_EXPORTED static SqliteConnections& all() {
        static auto* const made = new SqliteConnections;
        return *made;
    }

private:
    std::mutex mutex_;
    std::list<std::pair<sqlite3*, void (*)(sqlite3*)>> known_;
    std::atomic<long> process_ = process_id();
    std::atomic<int> in_use_{0};
};

/// A connection to a SQLite file in WAL mode, for one thread at a time.
class SqliteFile {
public:
    /// Throws StoreError, which says what is wrong with the file.
    SqliteFile(const std::filesystem::path& path, const StoreTable& table, bool create_schema) : path_(path) {
        if (path.empty()) throw StoreError("SQLite: the path of the database is empty");
        if (!sqlite3_threadsafe()) throw StoreError("SQLite: this library was built without threads");
        wait_until(DueTime::of_call());
        SqliteConnections::all().close_inherited();
        const SqliteConnections::InUse in_use;
        const auto utf8 = path.u8string();
        sqlite3* made = nullptr;
        const int result = sqlite3_open_v2(
            static_cast<const char*>(static_cast<const void*>(utf8.c_str())), &made,
            SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, nullptr);
        connection_.reset(made);
        if (!made) throw StoreError("SQLite: out of memory");
        if (result != SQLITE_OK) throw StoreError("SQLite: cannot open " + path.string() + ": " + sqlite3_errmsg(made));
        sqlite3_extended_result_codes(made, 1);
        sqlite3_busy_handler(made, wait_while_busy, this);
        if (sqlite3_db_readonly(made, "main") == 1) refuse("may only be read");
        use_wal();
        // macOS: to the disk, not to its cache. And no log stays large that had to grow behind a long reader.
        sqlite_execute(made, "PRAGMA fullfsync = ON; PRAGMA journal_size_limit = 4194304");
        const std::string name = table.name;
        std::string definition = definition_of(name);
        if (definition.empty() && create_schema) {
            transact(Kind::durable_write, [&] { sqlite_execute(made, table.schema); });
            definition = definition_of(name);
        }
        if (definition.empty()) refuse("has no table " + name + ", and StoreOptions::create_schema is false");
        check_schema_version("SQLite: " + path.string() + ": the table " + name, definition);
        try {
            SqliteStatement(made, ("SELECT " + std::string(table.columns) + " FROM " + name).c_str());
        } catch (const StoreError& error) {
            refuse("has another " + name + " than this version's: " + error.what());
        }
        if (table.trigger && definition_of(table.trigger).empty())
            refuse(std::string("has no trigger ") + table.trigger);
        SqliteConnections::all().add(made, [](sqlite3* inherited) {
            while (sqlite3_stmt* const statement = sqlite3_next_stmt(inherited, nullptr)) sqlite3_finalize(statement);
            sqlite3_db_config(inherited, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
            sqlite3_close_v2(inherited);
        });
    }
    ~SqliteFile() {
        const SqliteConnections::InUse in_use;
        SqliteConnections::all().remove(connection_.get());
        statements_.clear();
        connection_.reset();
    }
    SqliteFile(const SqliteFile&) = delete;
    SqliteFile& operator=(const SqliteFile&) = delete;

    /// What SQLite calls it: absolute, and without symbolic links. Empty: in memory.
    std::string name() const {
        const char* const name = sqlite3_db_filename(connection_.get(), "main");
        return name ? name : "";
    }

    /// Milliseconds since 1970: the machine's clock, which all processes on the file share.
    static StoreTime now() {
        return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    }

    /// A file that another has locked is asked again until then: once at least.
    void wait_until(Deadline deadline) noexcept { deadline_ = deadline; }

    /// A run of `sql`, a literal: it is prepared the first time.
    template <class... Values> SqliteStatement::Run run(const char* sql, const Values&... values) {
        return SqliteStatement::Run(statement(sql), values...);
    }
    /// Runs it to its end; the number of rows that it changed.
    template <class... Values> int execute(const char* sql, const Values&... values) {
        return statement(sql).execute(values...);
    }

    /// What a transaction is for; of several that are done in one, the greatest.
    enum class Kind {
        read,
        may_write,      ///< Often there is nothing to write: it locks nobody out before, and may run twice.
        write,          ///< A machine that loses its power before the next durable one can forget it.
        durable_write,  ///< The disk has it when it is over.
    };

    /// Does `work` in a transaction.
    template <class Work> void transact(Kind kind, const Work& work) {
        const SqliteConnections::InUse in_use;
        const auto checked = [&] {
            work();
            // What is written to a file without a name is gone when it is closed.
            int moved = 0;
            sqlite3_file_control(connection_.get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved);
            if (moved) refuse("was removed or replaced while it was open: nothing more is stored in it");
        };
        if (kind == Kind::read) return in_transaction("BEGIN", checked);
        const bool durable = kind == Kind::durable_write;
        if (durable != durable_) {  // FULL: the log is synchronised at each commit
            sqlite_execute(connection_.get(), durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
            durable_ = durable;
        }
        if (kind == Kind::may_write) try {
                return in_transaction("BEGIN", checked);
            } catch (const SqliteBusy&) {  // another writes, or has written what this has read
            }
        in_transaction("BEGIN IMMEDIATE", checked);
    }

private:
    [[noreturn]] void refuse(const std::string& what) const {
        throw StoreError("SQLite: " + path_.string() + " " + what);
    }

    static int wait_while_busy(void* self, int times) {
        if (std::chrono::steady_clock::now() >= static_cast<const SqliteFile*>(self)->deadline_) return 0;
        std::this_thread::sleep_for(std::chrono::milliseconds(times < 20 ? 1 : 5));
        return 1;
    }

    void use_wal() {
        // SQLite does not always wait by itself where several processes do this at once.
        for (;;) {
            try {
                const SqliteStatement statement(connection_.get(), "PRAGMA journal_mode = WAL");
                SqliteStatement::Run run(statement);
                const std::string mode = run.next() ? run.bytes(0) : "";
                if (mode == "wal" || mode == "memory") return;  // memory: ":memory:", for tests
                refuse("does not support write-ahead logging (journal mode " + mode + ")");
            } catch (const SqliteBusy&) {
                if (std::chrono::steady_clock::now() >= deadline_) throw;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }

    /// Empty: there is no such table.
    std::string definition_of(std::string_view table) {
        auto row = run("SELECT sql FROM sqlite_master WHERE name = ?", table);
        return row.next() ? row.bytes(0) : std::string();
    }

    const SqliteStatement& statement(const char* sql) {
        return statements_.try_emplace(sql, connection_.get(), sql).first->second;
    }

    template <class Work> void in_transaction(const char* begin, const Work& work) {
        sqlite_execute(connection_.get(), begin);
        try {
            work();
            sqlite_execute(connection_.get(), "COMMIT");
        } catch (...) {
            if (!sqlite3_get_autocommit(connection_.get()))  // some errors have rolled it back already
                sqlite3_exec(connection_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
            throw;
        }
    }

    const std::filesystem::path path_;
    SqliteConnection connection_;
    std::unordered_map<const char*, SqliteStatement> statements_;  // by the address of their literal
    Deadline deadline_{};
    std::optional<bool> durable_;  // what the connection was last told
};

}}}  // namespace pivotal::v1::detail
