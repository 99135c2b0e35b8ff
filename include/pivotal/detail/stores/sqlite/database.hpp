// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <sqlite3.h>

#include <pivotal/detail/receiver/claim_record.hpp>
#include <pivotal/idempotency.hpp>

namespace pivotal {
inline namespace v1 {
namespace detail {

struct SqliteCloser {
    void operator()(sqlite3* connection) const noexcept { sqlite3_close_v2(connection); }
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
};
using SqliteConnection = std::unique_ptr<sqlite3, SqliteCloser>;

[[noreturn]] inline void throw_sqlite_error(sqlite3* connection) {
    throw StoreError(std::string("SQLite: ") + sqlite3_errmsg(connection));
}

inline void sqlite_execute(sqlite3* connection, const char* sql) {
    if (sqlite3_exec(connection, sql, nullptr, nullptr, nullptr) != SQLITE_OK) throw_sqlite_error(connection);
}

/// A statement that is prepared once and run many times.
class SqliteStatement {
public:
    SqliteStatement(sqlite3* connection, const char* sql) {
        sqlite3_stmt* made = nullptr;
        if (sqlite3_prepare_v2(connection, sql, -1, &made, nullptr) != SQLITE_OK)
            throw_sqlite_error(connection);
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

/// A SQLite file in WAL mode, with one connection that all threads share.
///
/// Transactions that several threads ask for at the same time become one, with one wait for the disk: the
/// first thread that finds the connection free runs what all have asked for.
class SqliteDatabase {
public:
    /// `schema` creates what is missing of `table`, which is what it is for.
    SqliteDatabase(const std::filesystem::path& path, const char* table, const char* schema) {
        if (path.empty()) throw StoreError("SQLite: the path of the database is empty");
        if (!sqlite3_threadsafe()) throw StoreError("SQLite: this library was built without threads");
        const auto utf8 = path.u8string();
        sqlite3* made = nullptr;
        const int result = sqlite3_open_v2(
            reinterpret_cast<const char*>(utf8.c_str()), &made,
            SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
            nullptr);
        connection_.reset(made);
        if (!made) throw StoreError("SQLite: out of memory");
        if (result != SQLITE_OK)
            throw StoreError("SQLite: cannot open " + path.string() + ": " + sqlite3_errmsg(made));
        sqlite3_extended_result_codes(made, 1);
        sqlite3_busy_handler(made, wait_while_busy, &waits_since_);
        use_wal();
        sqlite_execute(made, "PRAGMA fullfsync = ON");  // macOS: to the disk, not to its cache
        if (!SqliteStatement::Run(
                 SqliteStatement(made, "SELECT 1 FROM sqlite_master WHERE name = CAST(? AS TEXT)"),
                 std::string_view(table))
                 .next())
            transact(true, [&] { sqlite_execute(made, schema); });
    }
    SqliteDatabase(const SqliteDatabase&) = delete;
    SqliteDatabase& operator=(const SqliteDatabase&) = delete;

    sqlite3* connection() const noexcept { return connection_.get(); }

    /// Milliseconds since 1970: the machine's clock, which all processes on the file share.
    static StoreTime now() {
        return std::chrono::floor<std::chrono::milliseconds>(
                   std::chrono::system_clock::now().time_since_epoch())
            .count();
    }

    /// What `work` returns, which runs in a write transaction; it may run twice. Where `durable`, the disk has
    /// it when this returns; else the next durable one brings it there, and only a machine that loses its
    /// power can forget it.
    template <class Work>
    auto write(bool durable, Work work) {
        return join(durable ? Kind::durable_write : Kind::write, work);
    }

    /// What `work` returns, which only reads.
    template <class Work>
    auto read(Work work) {
        return join(Kind::read, work);
    }

private:
    enum class Kind { read, write, durable_write };
    struct Task {
        Kind kind;
        std::function<void()> work;
        std::chrono::steady_clock::time_point since = std::chrono::steady_clock::now();
        bool finished = false, failed = false, without_memory = false;
        std::string error{};
    };
    using Group = std::vector<Task*>;

    /// A busy file is asked again for this long: half of Pivotal's patience.
    static constexpr std::chrono::seconds patience{5};

    static int wait_while_busy(void* since, int times) {
        const auto start = *static_cast<const std::chrono::steady_clock::time_point*>(since);
        if (std::chrono::steady_clock::now() - start >= patience) return 0;
        std::this_thread::sleep_for(std::chrono::milliseconds(times < 20 ? 1 : 5));
        return 1;
    }

    void use_wal() {
        // SQLite does not always wait by itself where several processes do this at once.
        for (;;) {
            try {
                const SqliteStatement statement(connection(), "PRAGMA journal_mode = WAL");
                SqliteStatement::Run run(statement);
                const std::string mode = run.next() ? run.bytes(0) : "";
                if (mode == "wal" || mode == "memory") return;  // memory: ":memory:", for tests
                throw StoreError("SQLite: the file does not support write-ahead logging (journal mode " +
                                 mode + ")");
            } catch (const StoreError&) {
                const bool busy = (sqlite3_errcode(connection()) & 0xff) == SQLITE_BUSY;
                if (!busy || std::chrono::steady_clock::now() - waits_since_ >= patience) throw;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }

    template <class Work>
    auto join(Kind kind, Work& work) {
        std::optional<decltype(work())> result;
        Task task{kind, [&] { result.emplace(work()); }};
        join(task);
        if (task.without_memory) throw std::bad_alloc();
        if (task.failed) throw StoreError(task.error);
        return std::move(*result);
    }

    void join(Task& task) {
        std::unique_lock<std::mutex> lock(mutex_);
        waiting_.push_back(&task);
        while (!task.finished) {
            if (busy_) {
                finished_.wait(lock);
                continue;
            }
            busy_ = true;
            const Group group = std::exchange(waiting_, Group());
            lock.unlock();
            run(group);
            lock.lock();
            for (Task* const done : group) done->finished = true;
            busy_ = false;
            finished_.notify_all();
        }
    }

    void run(const Group& group) noexcept {
        waits_since_ = group.front()->since;  // what it waited for its turn counts
        bool durable = false, any = false;
        for (Task* const task : group) {
            if (task->kind == Kind::read) {
                run_alone(*task);
                continue;
            }
            any = true;
            durable = durable || task->kind == Kind::durable_write;
        }
        if (!any) return;
        const auto each = [&](auto&& use) {
            for (Task* const task : group)
                if (task->kind != Kind::read) use(*task);
        };
        bool begun = false;
        try {
            transact(durable, [&] {
                begun = true;
                each([](Task& task) { task.work(); });
            });
        } catch (const std::exception&) {
            if (!begun)  // nobody can write
                each(fail);
            else  // one of them has spoilt it for all
                each([&](Task& task) { run_alone(task); });
        }
    }

    void run_alone(Task& task) noexcept {
        try {
            if (task.kind == Kind::read)
                in_transaction("BEGIN", task.work);
            else
                transact(task.kind == Kind::durable_write, task.work);
        } catch (const std::exception&) {
            fail(task);
        }
    }

    /// With the exception that is being handled. A lack of memory stays what it is.
    static void fail(Task& task) noexcept {
        task.failed = true;
        try {
            throw;
        } catch (const std::bad_alloc&) {
            task.without_memory = true;
        } catch (const std::exception& error) {
            try {
                task.error = error.what();
            } catch (...) {
                task.without_memory = true;
            }
        }
    }

    template <class Work>
    void transact(bool durable, const Work& work) {
        if (durable != durable_) {  // FULL: the log is synchronised at each commit
            sqlite_execute(connection(),
                           durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
            durable_ = durable;
        }
        in_transaction("BEGIN IMMEDIATE", work);
    }

    template <class Work>
    void in_transaction(const char* begin, const Work& work) {
        sqlite_execute(connection(), begin);
        try {
            work();
            sqlite_execute(connection(), "COMMIT");
        } catch (...) {
            // Some errors have rolled it back already.
            if (!sqlite3_get_autocommit(connection()))
                sqlite3_exec(connection(), "ROLLBACK", nullptr, nullptr, nullptr);
            throw;
        }
    }

    SqliteConnection connection_;
    std::chrono::steady_clock::time_point waits_since_ = std::chrono::steady_clock::now();
    std::optional<bool> durable_;  // what the connection was last told

    std::mutex mutex_;
    std::condition_variable finished_;
    Group waiting_;
    bool busy_ = false;  // a thread works with the connection
};

}  // namespace detail
}  // namespace v1
}  // namespace pivotal
