// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <thread>

#include <pivotal/detail/receiver/incidents.hpp>
#include <pivotal/event.hpp>
#include <pivotal/incident.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

/// What `work` returns. Where it throws it is called again, after longer and longer pauses, until the deadline: a
/// store that restarts is away for a second or two. It is called twice at least; what it throws last goes on.
template <class Work>
auto repeat_until(std::chrono::steady_clock::time_point deadline, Work work) -> decltype(work()) {
    using std::chrono::milliseconds;
    using std::chrono::steady_clock;
    for (milliseconds pause{0};; pause = (std::min)(2 * pause + milliseconds(5), milliseconds(250))) {
        try {
            return work();
        } catch (...) {
            if (pause > pause.zero() && steady_clock::now() + pause >= deadline) throw;
        }
        std::this_thread::sleep_for(pause);
    }
}

/// Tells the store that the event was handled, by `record`: until that succeeds or the deadline. False: it could
/// not be told, and the event will be handled again. Incidents say so, and where another has taken the event.
template <class Record>
bool record_handled(const std::function<void(const Incident&)>& on_incident, const Event& event,
                    std::chrono::steady_clock::time_point deadline, Record record) noexcept {
    try {
        if (!repeat_until(deadline, record))
            report(on_incident, Incident::Reason::claim_lost, &event,
                   "the event's lease was taken over while the handler ran");
        return true;
    } catch (...) {
        report(on_incident, Incident::Reason::not_recorded, &event);
        return false;
    }
}

}}}  // namespace pivotal::v1::detail
