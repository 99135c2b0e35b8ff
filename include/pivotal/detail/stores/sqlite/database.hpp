// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <filesystem>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>

#include <pivotal/detail/receiver/per_process.hpp>
#include <pivotal/detail/receiver/store_time.hpp>
#include <pivotal/detail/stores/sqlite/file.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

/// A SQLite file that all threads of a process share, by one connection.
///
/// Transactions that several threads ask for at the same time become one, with one wait for the disk: the
/// first thread that finds the connection free runs what all have asked for.
class SqliteDatabase {
public:
    SqliteDatabase(std::filesystem::path path, const StoreTable& table, bool create_schema)
        : path_(lasting(std::move(path))), table_(table), create_schema_(create_schema) {
        name_ = state_.get().file.emplace(path_, table_, create_schema_).name();
    }
    SqliteDatabase(const SqliteDatabase&) = delete;
    SqliteDatabase& operator=(const SqliteDatabase&) = delete;

    /// See SqliteFile::name.
    const std::string& name() const noexcept { return name_; }

    /// What `work` returns, which runs in a write transaction with the file; it may run twice. See SqliteFile::Kind.
    template <class Work> auto write(bool durable, Work work) {
        return join(durable ? Kind::durable_write : Kind::write, work);
    }

    /// The same for `work` that often has nothing to write.
    template <class Work> auto may_write(Work work) { return join(Kind::may_write, work); }

    /// How many rows a statement changes, in a write transaction of its own.
    template <class... Values> int execute(bool durable, const char* sql, const Values&... values) {
        return write(durable, [&](SqliteFile& file) { return file.execute(sql, values...); });
    }

    /// What `work` returns, which only reads.
    template <class Work> auto read(Work work) { return join(Kind::read, work); }

private:
    /// That of the same file when the process has another working directory: a daemon's, which has forked.
    static std::filesystem::path lasting(std::filesystem::path path) {
        const bool is_uri = path.native().compare(0, 5, std::filesystem::path("file:").native()) == 0;
        if (is_uri || path.empty() || path == ":memory:") return path;
        std::error_code error;
        std::filesystem::path absolute = std::filesystem::absolute(path, error);
        if (error) throw StoreError("SQLite: cannot open " + path.string() + ": " + error.message());
        return absolute;
    }

    using Kind = SqliteFile::Kind;
    struct Task {
        Kind kind;
        std::function<void()> work;
        Deadline deadline = DueTime::of_call();
        bool ended = false;
        std::exception_ptr failure{};
        bool finished = false;  // its thread may go on; all else is that of the thread which works with the file
    };
    using Group = std::list<Task*>;
    struct State {
        std::optional<SqliteFile> file;
        std::mutex mutex;
        std::condition_variable finished;
        Group waiting;
        bool busy = false;  // a thread works with the file
    };

    template <class Work> auto join(Kind kind, Work& work) {
        State& state = state_.get();
        std::optional<decltype(work(*state.file))> result;
        Task task{kind, [&] { result.emplace(work(*state.file)); }};
        join(state, task);
        if (task.failure) std::rethrow_exception(task.failure);
        return std::move(*result);
    }

    void join(State& state, Task& task) {
        std::unique_lock<std::mutex> lock(state.mutex);
        state.waiting.push_back(&task);
        while (!task.finished) {
            if (state.busy) {
                if (state.finished.wait_until(lock, task.deadline) == std::cv_status::no_timeout || task.finished)
                    continue;
                const auto place = std::find(state.waiting.begin(), state.waiting.end(), &task);
                if (place != state.waiting.end()) {
                    state.waiting.erase(place);
                    throw SqliteBusy("SQLite: database is locked");
                }
                // It has begun, and all that it works with is on this thread's stack. It keeps to its time by itself,
                // but for a slow disk.
                state.finished.wait(lock);
                continue;
            }
            state.busy = true;
            Group group = std::exchange(state.waiting, Group());
            lock.unlock();
            open_and_run(state.file, group);
            lock.lock();
            group.remove_if([](Task* one) { return one->finished = one->ended; });
            state.waiting.splice(state.waiting.begin(), group);  // those that have time left
            state.busy = false;
            state.finished.notify_all();
        }
    }

    void open_and_run(std::optional<SqliteFile>& file, const Group& group) noexcept {
        Deadline first = (Deadline::max)();
        for (const Task* const task : group) first = (std::min)(first, task->deadline);
        const DueTime due(first);
        try {
            if (!file) file.emplace(path_, table_, create_schema_);  // in a process that was forked
            file->wait_until(first);
            run(*file, group);
        } catch (...) {
            for (Task* const task : group) fail(*task);
        }
    }

    static void run(SqliteFile& file, const Group& group) {
        Kind most = Kind::read;
        Group writes;
        for (Task* const task : group) {
            if (task->kind != Kind::read) writes.push_back(task);
            most = (std::max)(most, task->kind);
        }
        for (Task* const task : group)
            if (task->kind == Kind::read) run_alone(file, *task);
        if (writes.empty()) return;
        bool begun = false;
        try {
            file.transact(most, [&] {
                begun = true;
                for (Task* const task : writes) task->work();
            });
            for (Task* const task : writes) task->ended = true;
        } catch (...) {
            for (Task* const task : writes)
                if (begun)  // one of them has spoilt it for all
                    run_alone(file, *task);
                else
                    fail(*task);
        }
    }

    static void run_alone(SqliteFile& file, Task& task) noexcept {
        try {
            file.transact(task.kind, task.work);
            task.ended = true;
        } catch (...) {
            fail(task);
        }
    }

    /// With the exception that is being handled. Where that is a lock, a task that has time left is tried again.
    static void fail(Task& task) noexcept {
        try {
            throw;
        } catch (const SqliteBusy&) {
            if (std::chrono::steady_clock::now() < task.deadline) return;
        } catch (...) {
        }
        task.ended = true;
        task.failure = std::current_exception();
    }

    const std::filesystem::path path_;
    const StoreTable table_;
    const bool create_schema_;
    std::string name_;
    PerProcess<State> state_;
};

}}}  // namespace pivotal::v1::detail
