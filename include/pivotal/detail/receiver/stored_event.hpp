// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <pivotal/event.hpp>

namespace pivotal {
inline namespace v1 {
namespace detail {

/// What an inbox keeps of an event besides its body.
struct StoredEvent {
    std::string id, type, message_id;
    std::int64_t signed_at = 0;  // Unix seconds
};

/// The event as it was put. The id is the key that it was put under, whatever the body says.
inline Event restored(StoredEvent stored, const std::string& body) {
    std::error_code error;
    std::optional<Event> parsed = Event::parse(body, error);
    Event event = parsed ? *std::move(parsed) : Event();
    event.id = std::move(stored.id);
    event.type = std::move(stored.type);
    event.delivery.message_id = std::move(stored.message_id);
    event.delivery.timestamp = Seconds(std::chrono::seconds(stored.signed_at));
    return event;
}

}  // namespace detail
}  // namespace v1
}  // namespace pivotal
