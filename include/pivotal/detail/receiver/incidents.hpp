// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <functional>
#include <string>

#include <pivotal/event.hpp>
#include <pivotal/incident.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

/// The text of the exception that is being handled, whatever it is. Valid until its handler ends.
template <class Use>
void with_current_error(Use&& use) {
    try {
        throw;
    } catch (const std::exception& error) {
        use(error.what());
    } catch (...) {
        use("an exception that is no std::exception");
    }
}

/// Tells `on_incident`, by default the text of the exception that is being handled. What it throws, and what
/// building the incident throws, is dropped.
inline void report(const std::function<void(const Incident&)>& on_incident, Incident::Reason reason, const Event* event,
                   const char* error = nullptr) noexcept {
    if (!on_incident) return;
    if (!error) {
        with_current_error([&](const char* text) { report(on_incident, reason, event, text ? text : ""); });
        return;
    }
    try {
        Incident incident;
        incident.reason = reason;
        incident.error = error;
        if (event) {
            incident.event_id = event->id;
            incident.message_id = event->delivery.message_id;
        }
        on_incident(incident);
    } catch (...) {
        // There is nobody left to tell.
    }
}

}}}  // namespace pivotal::v1::detail
