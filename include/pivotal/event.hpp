// SPDX-License-Identifier: MIT
#pragma once

#include <pivotal/detail/core/attributes.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <pivotal/body.hpp>
#include <pivotal/detail/core/json_abi.hpp>
#include <pivotal/detail/core/json_object.hpp>
#include <pivotal/detail/core/refusal.hpp>
#include <pivotal/error.hpp>

namespace pivotal { inline namespace v1 {

/// The clock that `now` is read from.
using Clock = std::chrono::system_clock;

/// Unix seconds. Ten thousand years fit; in the nanoseconds of Clock::time_point a timestamp could overflow.
using Seconds = std::chrono::time_point<Clock, std::chrono::seconds>;

/// What was verified of a delivery besides its body: never read these from the request again.
struct Delivery {
    /// The verified `svix-id`, `msg_...`: the same on retries, on a resend, and at every endpoint that gets the
    /// message. For a log; the key of what was handled is Event::id.
    std::string message_id;
    /// The verified `svix-timestamp`: when this attempt was signed.
    Seconds timestamp{};
    /// Which of the Webhook's secrets it was, from 0: during a rotation, whether the old one is still used.
    std::size_t secret = 0;
};

inline namespace PIVOTAL_DETAIL_JSON_ABI {

/// An event of Pivotal: what a delivery's body says, and which delivery brought it.
///
/// Only `id` and `type` are certain to be there. Unknown types and unknown fields are normal. A known field
/// that is null or of another JSON type than expected counts as absent and is kept in `extra`.
struct Event {
    std::string id;                          ///< The idempotency key, `evt_...`: the same on every retry and replay.
    std::string type;                        ///< Dot-namespaced: `customer.created`.
    std::optional<std::string> created_at;   ///< ISO 8601, as sent: when the event fired.
    std::optional<std::string> org_id;       ///< The workspace.
    std::optional<std::string> api_version;  ///< `v1` today.
    std::optional<bool> livemode;            ///< False for test events.
    nlohmann::json data;                     ///< Null where the event has none.
    nlohmann::json extra;                    ///< Top-level fields that this version does not know, or null.

    Delivery delivery;  ///< What brought it; empty after Event::parse.

    /// `data.object`: the whole resource at the time of the event, or a null value. It belongs to this event.
    const nlohmann::json& object() const& noexcept { return member_of_data("object"); }
    const nlohmann::json& object() const&& = delete;

    /// `data.previous_attributes`: the former values of the changed fields, or a null value. It belongs to this event.
    const nlohmann::json& previous_attributes() const& noexcept { return member_of_data("previous_attributes"); }
    const nlohmann::json& previous_attributes() const&& = delete;

    /// Parses a body whose signature was verified earlier, such as one that waited in a queue. Never for a
    /// body that comes from the network: Webhook::verify checks the signature first. Thread-safe.
    ///
    /// Strict JSON (RFC 8259, UTF-8, no byte order mark) of at most 512 levels; an object whose `id` and
    /// `type` are strings of 1 to 256 bytes. The last of two equal keys wins; an escaped surrogate without a
    /// partner becomes U+FFFD.
    ///
    /// Gives nullopt and Errc::malformed_event for everything else. Throws std::bad_alloc where memory runs out.
    template <class = void>  // a file that parses nothing does not pay for nlohmann's parser
    static std::optional<Event> parse(Body body, std::error_code& error);
    /// The same; throws WebhookVerificationError (Errc::malformed_event) where it is no event.
    template <class = void> static Event parse(Body body) PIVOTAL_DETAIL_NEEDS_EXCEPTIONS;

private:
    const nlohmann::json& member_of_data(std::string_view name) const noexcept {
        // Of two members one is found without a search; the map's own costs every file that includes this 2 % more time.
        if (const auto* const members = data.get_ptr<const nlohmann::json::object_t*>())
            for (const auto& member : *members)
                if (member.first == name) return member.second;
        return detail::immortal<nlohmann::json>();
    }
};

}  // namespace PIVOTAL_DETAIL_JSON_ABI

namespace detail { inline namespace PIVOTAL_DETAIL_JSON_ABI {

/// The one path by which a body becomes an event.
template <class Event> Refusal parse_event(std::string_view body, Event& event) {
    using json = decltype(event.data);
    static constexpr std::array<std::string_view, 7> names = {"id",          "type",     "created_at", "org_id",
                                                              "api_version", "livemode", "data"};
    JsonObject<json, names.size()> object(names);
    if (const char* const problem = object.parse(body)) return {Errc::malformed_event, problem};

    // A member of the wrong type goes to the others, where a handler that knows better finds it.
    const auto keep = [&](std::size_t i) {
        if (!object.known[i].is_discarded()) object.other(std::string(names[i])) = std::move(object.known[i]);
    };
    const auto take_string = [&](std::size_t i, std::optional<std::string>& to) {
        if (object.known[i].is_string())
            to = std::move(object.known[i].template get_ref<std::string&>());
        else
            keep(i);
    };
    const auto take_required = [&](std::size_t i, std::string& to) {
        if (!object.known[i].is_string()) return false;
        to = std::move(object.known[i].template get_ref<std::string&>());
        return !to.empty() && to.size() <= 256;
    };
    if (!take_required(0, event.id)) return {Errc::malformed_event, "its id is not a string of 1 to 256 bytes"};
    if (!take_required(1, event.type)) return {Errc::malformed_event, "its type is not a string of 1 to 256 bytes"};
    take_string(2, event.created_at);
    take_string(3, event.org_id);
    take_string(4, event.api_version);
    if (object.known[5].is_boolean())
        event.livemode = object.known[5].template get<bool>();
    else
        keep(5);
    json& data = object.known[6];
    if (data.is_null())
        keep(6);
    else if (!data.is_discarded())
        event.data = std::move(data);
    event.extra = std::move(object.others);
    return accepted;
}

}}  // namespace detail::PIVOTAL_DETAIL_JSON_ABI

inline namespace PIVOTAL_DETAIL_JSON_ABI {

template <class> std::optional<Event> Event::parse(Body body, std::error_code& error) {
    error = Errc::malformed_event;
    std::optional<Event> event(std::in_place);
    const detail::Refusal refusal = detail::parse_event(body.view(), *event);
    error = detail::code_of(refusal);
    if (refusal) event.reset();
    return event;
}

#if defined(__cpp_exceptions)
template <class> Event Event::parse(Body body) {
    Event event;
    if (const detail::Refusal refusal = detail::parse_event(body.view(), event))
        detail::raise<WebhookVerificationError>(refusal);
    return event;
}
#endif

}  // namespace PIVOTAL_DETAIL_JSON_ABI
}}  // namespace pivotal::v1
