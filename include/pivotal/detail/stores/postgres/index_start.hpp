// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace pivotal { inline namespace v1 { namespace detail {

/// Where a look into an index of times begins. What was in it and has changed stays there until a vacuum, which an
/// old snapshot (a backup) holds up for hours: whoever begins at the first time passes all that, each time anew. So a
/// look begins a second before what was found last; but for one in a while, which finds what was committed late.
/// Nothing here waits: a process may be forked at any time.
class IndexStart {
public:
    using Clock = std::chrono::steady_clock;

    struct Look {
        std::int64_t from;  // in microseconds since 2000, as PostgreSQL counts; 0: at the first
        Clock::time_point asked;
    };

    Look begin() {
        const Clock::time_point now = Clock::now();
        Clock::time_point full = next_full_;
        if (now < full || !next_full_.compare_exchange_strong(full, now + pause)) return {begin_, now};
        return {0, now};
    }
    /// A look has found this time to be the first that there was.
    void found(const Look& look, std::int64_t time) {
        const Clock::time_point now = Clock::now();
        if (look.from == 0)  // where one was late others are; else such looks are to take a twentieth of the time
            next_full_ = time < begin_ ? now : now + (std::max)(pause, 20 * (now - look.asked));
        begin_ = time - 1'000'000;
    }

private:
    static constexpr Clock::duration pause = std::chrono::seconds(1);

    std::atomic<std::int64_t> begin_{0};
    std::atomic<Clock::time_point> next_full_{Clock::time_point{}};
};

}}}  // namespace pivotal::v1::detail
