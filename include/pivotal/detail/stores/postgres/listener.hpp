// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include <pivotal/detail/receiver/observe.hpp>
#include <pivotal/detail/receiver/store_time.hpp>
#include <pivotal/detail/stores/postgres/pool.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

// The name of the channel on which is told that something of a consumer, $1, is due.
#define PIVOTAL_DETAIL_POSTGRES_CHANNEL \
    "'pivotal_' || md5($1 || convert_to(to_regclass('pivotal_inbox')::oid::text, 'UTF8'))"

/// Whoever has told within this time need not tell again: who was told looks again when it has passed. A commit that
/// notifies locks all others of its kind out until it has ended, so that one for each event would cost much.
inline constexpr std::chrono::milliseconds notification_lasts{10};

/// Where fewer are granted they are left to those who put and take: after a restart of the server listeners could have
/// them all.
inline constexpr std::int64_t few_connections = 20;

class PostgresNotifier {
public:
    /// What is due is stored already, and workers look for it by themselves: so it may fail.
    void notify(PostgresPool& pool, const std::string& consumer) noexcept {
        using Time = std::chrono::steady_clock;
        const Time::duration now = Time::now().time_since_epoch();
        Time::rep last = last_;
        if (last != 0 && now - Time::duration(last) < notification_lasts) return;
        if (!last_.compare_exchange_strong(last, now.count())) return;
        try {
            pool.run("SELECT pg_notify(" PIVOTAL_DETAIL_POSTGRES_CHANNEL
                     ", ''), set_config('synchronous_commit', 'off', true)",
                     consumer);
        } catch (const std::exception&) {
        }
    }

private:
    std::atomic<std::chrono::steady_clock::rep> last_{0};
};

/// Waits for notifications in a thread and on a connection of its own, until it is destroyed: by its own thread, too,
/// whose observer may be what ends the worker.
class PostgresListener {
public:
    /// Calls `wake` when there was one, or there may have been.
    PostgresListener(PostgresPool& pool, std::string consumer, std::function<void()> wake, Observer observer)
        : state_(std::make_shared<State>(pool, std::move(consumer), std::move(wake), std::move(observer))),
          thread_([state = state_] { state->run(); }) {}
    ~PostgresListener() {
        state_->end();
        if (thread_.get_id() == std::this_thread::get_id())
            thread_.detach();
        else
            thread_.join();
    }
    PostgresListener(const PostgresListener&) = delete;
    PostgresListener& operator=(const PostgresListener&) = delete;

private:
    /// What the thread keeps. It uses neither the pool nor `wake` once it is to end.
    class State {
    public:
        State(PostgresPool& pool, std::string consumer, std::function<void()> wake, Observer observer)
            : pool_(pool), consumer_(std::move(consumer)), wake_(std::move(wake)), observer_(std::move(observer)) {}

        void end() {
            const std::lock_guard<std::mutex> lock(mutex_);
            stopping_ = true;
            if (connection_) connection_->interrupt();
            stop_.notify_all();
        }

        void run() noexcept {
            constexpr std::chrono::seconds shortest{1}, longest{30};
            std::chrono::seconds pause = shortest;
            for (bool told = false;; pause = (std::min)(2 * pause, longest)) {
                try {
                    return listen();
                } catch (const std::exception& error) {  // the worker polls meanwhile
                    if (connection_) {
                        pause = shortest;
                        told = false;
                    } else if (!std::exchange(told, true)) {
                        tell(error.what());
                    }
                }
                std::unique_lock<std::mutex> lock(mutex_);
                connection_.reset();
                if (stop_.wait_for(lock, pause, [this] { return stopping_; })) return;
            }
        }

    private:
        using Time = std::chrono::steady_clock;

        void tell(const char* why) const noexcept { observe(observer_, Observation::Kind::only_polling, nullptr, why); }

        /// Returns where it is to end, and where it can listen neither now nor later.
        void listen() {
            const Deadline deadline = DueTime::of_call();
            auto made = pool_.connect(deadline);
            const PostgresResult row = made->run(
                deadline,
                "SELECT " PIVOTAL_DETAIL_POSTGRES_CHANNEL
                ", CASE WHEN rolsuper THEN $2 ELSE coalesce(least(nullif(rolconnlimit, -1), nullif(datconnlimit, -1)), $2)"
                " END FROM pg_roles, pg_database WHERE rolname = session_user AND datname = current_database()",
                consumer_, few_connections);
            if (!made->is_direct()) return tell("a pooler stands before PostgreSQL, and lets no notification through");
            if (row.integer(0, 1) < few_connections)
                return tell("the role or the database grants few connections, so none is spent on waiting");
            made->execute(("LISTEN " + row.bytes(0, 0)).c_str(), deadline);
            {
                const std::lock_guard<std::mutex> lock(mutex_);
                if (stopping_) return;
                connection_ = std::move(made);
            }
            for (bool told = true;;) {
                wake_();
                told =
                    wait(Time::now() + (told ? notification_lasts : std::chrono::milliseconds(std::chrono::hours(1))));
            }
        }

        /// Whether there is a notification before the deadline.
        bool wait(Deadline deadline) {
            for (;;) {
                {
                    const std::lock_guard<std::mutex> lock(mutex_);
                    if (connection_->was_notified()) return true;
                }
                if (!connection_->wait_for_server(deadline)) return false;
            }
        }

        PostgresPool& pool_;
        const std::string consumer_;
        const std::function<void()> wake_;
        const Observer observer_;
        std::mutex mutex_;
        std::condition_variable stop_;
        bool stopping_ = false;
        std::unique_ptr<PostgresConnection> connection_;
    };

    const std::shared_ptr<State> state_;
    std::thread thread_;
};

}}}  // namespace pivotal::v1::detail
