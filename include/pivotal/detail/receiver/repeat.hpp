// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <thread>

#include <pivotal/detail/receiver/observe.hpp>
#include <pivotal/detail/receiver/store_time.hpp>
#include <pivotal/event.hpp>
#include <pivotal/observation.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

/// What `work` returns. Where it throws it is called again, after longer and longer pauses, until the deadline: a
/// store that restarts is away for a second or two. It is called twice at least, unless this thread's calls to stores are to
/// be over, see DueTime; what it throws last goes on.
template <class Work> auto repeat_until(Deadline deadline, Work work) -> decltype(work()) {
    using std::chrono::milliseconds;
    using std::chrono::steady_clock;
    for (milliseconds pause{0};; pause = (std::min)(2 * pause + milliseconds(5), milliseconds(250))) {
        try {
            return work();
        } catch (...) {
            const auto now = steady_clock::now();
            if (now + pause >= deadline && (pause > pause.zero() || DueTime::of_call() <= now)) throw;
        }
        std::this_thread::sleep_for(pause);
    }
}

/// Until when a store can be told what came of a handler, where the reply is due at `due` and the handler's time may come
/// on top: where it took so long that nobody waits any more, the next delivery is still to find it.
inline Deadline time_to_tell(Deadline due, const Attempt& attempt,
                             Deadline now = std::chrono::steady_clock::now()) noexcept {
    return (std::max)(due, (std::min)(now + std::chrono::seconds(1), due + attempt.duration));
}

/// Tells the store that the event was handled, by `record`: until that succeeds or the deadline. False: it could
/// not be told, and the event will be handled again. The observer is told what came of it; `handled` of an event that
/// was not handled but discarded is `buried`, for this reason.
template <class Record>
bool record_handled(const Observer& observer, const Event& event, const Attempt& attempt, Deadline deadline,
                    Record record, const char* discarded = nullptr) noexcept {
    using Kind = Observation::Kind;
    try {
        if (!repeat_until(deadline, record))
            observe(observer, Kind::lost, &event, "the event's lease was taken over while the handler ran", &attempt);
        else
            observe(observer, discarded ? Kind::buried : Kind::handled, &event, discarded ? discarded : "", &attempt);
        return true;
    } catch (...) {
        observe(observer, Kind::not_recorded, &event, nullptr, &attempt);
        return false;
    }
}

}}}  // namespace pivotal::v1::detail
