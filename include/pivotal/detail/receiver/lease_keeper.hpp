// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace pivotal {
inline namespace v1 {
namespace detail {

/// Renews the leases of handlers that run long, in one thread for all of them. The thread starts with the
/// first lease, so that a server may fork before it serves.
class LeaseKeeper {
    struct Task;
    using Clock = std::chrono::steady_clock;
    using Schedule = std::multimap<Clock::time_point, Task*>;

    struct Task {
        std::function<bool()> renew;
        Clock::duration half;
        Schedule::node_type node;  // here while it is not in the schedule
        Schedule::iterator place;
        bool scheduled = false;
        bool leaving = false;  // not to be scheduled any more
    };

public:
    LeaseKeeper() = default;
    LeaseKeeper(const LeaseKeeper&) = delete;
    LeaseKeeper& operator=(const LeaseKeeper&) = delete;

    ~LeaseKeeper() {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_one();
        if (thread_.joinable()) thread_.join();
    }

    /// While a Guard lives, `renew` is called each time that half of `lease` has passed since the lease was
    /// last started: until it returns false, and again soon when it throws. It never runs once the Guard is
    /// gone.
    class Guard {
    public:
        /// Throws std::bad_alloc, or std::system_error where no thread can be had.
        Guard(LeaseKeeper& keeper, std::chrono::milliseconds lease, std::function<bool()> renew)
            : keeper_(keeper) {
            task_.renew = std::move(renew);
            task_.half = std::max<std::chrono::milliseconds>(
                std::chrono::milliseconds(1), std::min<std::chrono::milliseconds>(lease, longest) / 2);
            keeper_.add(task_);
        }
        ~Guard() { keeper_.remove(task_); }
        Guard(const Guard&) = delete;
        Guard& operator=(const Guard&) = delete;

    private:
        static constexpr std::chrono::hours longest{24 * 365};  // no sum of times overflows

        LeaseKeeper& keeper_;
        Task task_;
    };

private:
    void add(Task& task) {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
        task.place = schedule_.emplace(Clock::now() + task.half, &task);
        task.scheduled = true;
        // Most leases are alike, and then the thread already waits for an earlier one.
        if (task.place->first < waits_until_) wake_.notify_one();
    }

    void remove(Task& task) noexcept {
        std::unique_lock<std::mutex> lock(mutex_);
        // Renewals that are always late would follow each other without a moment in which none runs.
        task.leaving = true;
        finished_.wait(lock, [&] { return running_ != &task; });
        if (task.scheduled) schedule_.erase(task.place);
    }

    void run() {
        std::unique_lock<std::mutex> lock(mutex_);
        while (!stopping_) {
            if (schedule_.empty()) {
                waits_until_ = Clock::time_point::max();
                wake_.wait(lock);
                continue;
            }
            const auto first = schedule_.begin();
            if (Clock::now() < first->first) {
                waits_until_ = first->first;
                wake_.wait_until(lock, waits_until_);
                continue;
            }
            Task& task = *first->second;
            task.scheduled = false;
            task.node = schedule_.extract(first);
            running_ = &task;
            lock.unlock();
            bool again = true;
            Clock::duration pause = task.half;
            const Clock::time_point start = Clock::now();
            try {
                again = task.renew();
            } catch (...) {
                pause /= 4;  // the handler's end will tell whether the lease was lost
            }
            lock.lock();
            if (again && !task.leaving) {
                task.node.key() = start + pause;
                task.place = schedule_.insert(std::move(task.node));
                task.scheduled = true;
            }
            running_ = nullptr;
            finished_.notify_all();
        }
    }

    std::mutex mutex_;
    std::condition_variable wake_, finished_;
    Schedule schedule_;
    const Task* running_ = nullptr;
    Clock::time_point waits_until_ = Clock::time_point::max();
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace detail
}  // namespace v1
}  // namespace pivotal
