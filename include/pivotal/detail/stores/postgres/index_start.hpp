// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <mutex>

namespace pivotal { inline namespace v1 { namespace detail {

/// Where a look into an index of times begins. What was in it and has changed stays there until a vacuum, which an
/// old snapshot (a backup) holds up for hours: whoever begins at the first time passes all that, each time anew. So a
/// look begins a second before what was found last; but for one in a while, which finds what was committed late.
class IndexStart {
public:
    using Clock = std::chrono::steady_clock;

    struct Look {
        std::int64_t from;  // in microseconds since 2000, as PostgreSQL counts; 0: at the first
        Clock::time_point asked;
    };

    Look begin() {
        const std::lock_guard<std::mutex> lock(mutex_);
        const Clock::time_point now = Clock::now();
        if (now < next_full_) return {begin_, now};
        next_full_ = now + pause;
        return {0, now};
    }
    /// A look has found this time to be the first that there was.
    void found(const Look& look, std::int64_t time) {
        const std::lock_guard<std::mutex> lock(mutex_);
        const Clock::time_point now = Clock::now();
        if (look.from == 0)  // where one was late others are; else such looks are to take a twentieth of the time
            next_full_ = time < begin_ ? now : now + (std::max)(pause, 20 * (now - look.asked));
        begin_ = time - 1'000'000;
    }

private:
    static constexpr Clock::duration pause = std::chrono::seconds(1);

    std::mutex mutex_;
    std::int64_t begin_ = 0;
    Clock::time_point next_full_{};
};

}}}  // namespace pivotal::v1::detail
