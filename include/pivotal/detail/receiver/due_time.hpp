// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>

namespace pivotal { inline namespace v1 { namespace detail {

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
