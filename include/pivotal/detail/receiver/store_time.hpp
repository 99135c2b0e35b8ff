// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace pivotal { inline namespace v1 { namespace detail {

/// Milliseconds on a store's clock, or between two of its times.
using StoreTime = std::int64_t;

/// A duration as a store keeps it: from nothing to a hundred years, so that no sum of times overflows.
template <class Duration> constexpr StoreTime store_time(Duration duration) noexcept {
    constexpr auto most = std::chrono::hours{24 * 365 * 100};
    if (duration <= Duration::zero()) return 0;
    if (duration >= most) return std::chrono::milliseconds(most).count();
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

/// How many expired ids each new one removes: more than one, so that they go faster than they come.
inline constexpr int removals_per_claim = 4;

using Deadline = std::chrono::steady_clock::time_point;

/// How long a call to a store lasts at most, with all that it repeats and waits for.
inline constexpr std::chrono::seconds store_patience{5};

/// While it lives, the calls that this thread makes to stores are over in time: a Receiver has to answer, whatever its
/// store does, and the members of a store have no parameter for that. A store of the user's own need not know of it.
class DueTime {
public:
    explicit DueTime(Deadline due) noexcept : before_(current()) { current() = due; }
    ~DueTime() { current() = before_; }
    DueTime(const DueTime&) = delete;
    DueTime& operator=(const DueTime&) = delete;

    /// Until when a call may last that begins now.
    static Deadline of_call(std::chrono::steady_clock::duration patience = store_patience) noexcept {
        return (std::min)(std::chrono::steady_clock::now() + patience, current());
    }

private:
    static Deadline& current() noexcept {
        thread_local Deadline due = (Deadline::max)();
        return due;
    }

    const Deadline before_;
};

}}}  // namespace pivotal::v1::detail
