// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace pivotal { inline namespace v1 { namespace detail {

/// Which of a worker's threads looks for work, and when: one that has just found some, one for each reason to think
/// that there is some, and one of those that are idle, for all of them, each time that `poll` has passed.
class Turns {
public:
    using Clock = std::chrono::steady_clock;

    Turns(unsigned threads, std::chrono::milliseconds poll) : threads_(threads), poll_(poll) {}

    /// Returns when the thread that calls it is to look for work. False: it is to end.
    bool wait(bool found) {
        std::unique_lock<std::mutex> lock(mutex_);
        while (!stopping_ && !found) {
            if (wanted_ > 0) {
                --wanted_;
                break;
            }
            const Clock::time_point now = Clock::now(), until = next_look_;
            if (now >= until) {  // the first of those that are idle; the others find another time
                next_look_ = now + poll_;
                break;
            }
            wake_.wait_until(lock, until);
        }
        return !stopping_;
    }
    /// One more thread looks at once, where one is idle or about to be.
    void look_now() {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (wanted_ + handling_ < threads_) ++wanted_;
        wake_.notify_one();
    }
    /// The idle threads look no earlier than that.
    void look_later(Clock::time_point earliest) {
        const std::lock_guard<std::mutex> lock(mutex_);
        next_look_ = (std::max)(next_look_, earliest);
    }
    /// The thread that calls it has an event, or has one no longer.
    void set_handling(bool on) {
        const std::lock_guard<std::mutex> lock(mutex_);
        on ? ++handling_ : --handling_;
    }
    /// The thread that calls it is about to end.
    void end() {
        const std::lock_guard<std::mutex> lock(mutex_);
        ++ended_threads_;
        ended_.notify_all();
    }

    void request_stop() {
        const std::lock_guard<std::mutex> lock(mutex_);
        stopping_ = true;
        wake_.notify_all();
    }
    /// Whether all threads have ended by then.
    bool wait_for_end(std::chrono::milliseconds deadline) {
        std::unique_lock<std::mutex> lock(mutex_);
        const std::chrono::milliseconds year = std::chrono::hours{24 * 365};
        return ended_.wait_for(lock, (std::min)(deadline, year), [this] { return ended_threads_ == threads_; });
    }

private:
    const unsigned threads_;
    const std::chrono::milliseconds poll_;
    std::mutex mutex_;
    std::condition_variable wake_, ended_;
    bool stopping_ = false;
    unsigned wanted_ = 0;    // looks that are to be made at once
    unsigned handling_ = 0;  // threads that have an event
    unsigned ended_threads_ = 0;
    Clock::time_point next_look_{};  // of one of those that are idle
};

}}}  // namespace pivotal::v1::detail
