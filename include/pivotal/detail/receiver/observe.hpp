// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <exception>
#include <system_error>

#include <pivotal/event.hpp>
#include <pivotal/observation.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

/// The text of the exception that is being handled, whatever it is. Valid until its handler ends.
template <class Use> void with_current_error(Use&& use) {
    try {
        throw;
    } catch (const std::exception& error) {
        use(error.what());
    } catch (...) {
        use("an exception that is no std::exception");
    }
}

/// An attempt to handle an event, which begins now.
struct Attempt {
    int number = 0;
    std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now();
    std::chrono::microseconds duration{0};

    void end() {
        duration = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin);
    }
};

/// Tells the observer, by default the text of the exception that is being handled. What it throws, and what
/// building the observation throws, is dropped.
inline void observe(const Observer& observer, Observation::Kind kind, const Event* event, const char* error = nullptr,
                    const Attempt* attempt = nullptr, std::error_code code = {}) noexcept {
    if (!observer) return;
    if (!error)
        return with_current_error(
            [&](const char* text) { observe(observer, kind, event, text ? text : "", attempt, code); });
    try {
        Observation seen;
        seen.kind = kind;
        seen.error = code ? code.message() : error;
        seen.code = code;
        if (event) {
            seen.event_id = event->id;
            seen.event_type = event->type;
            seen.message_id = event->delivery.message_id;
        }
        if (attempt) {
            seen.attempt = attempt->number;
            seen.duration = attempt->duration;
        }
        observer(seen);
    } catch (...) {
        // There is nobody left to tell.
    }
}

}}}  // namespace pivotal::v1::detail
