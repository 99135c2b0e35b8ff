// SPDX-License-Identifier: MIT
#pragma once

#include <pivotal/simdjson.hpp>

#include <optional>
#include <set>
#include <string>
#include <vector>

#if !defined(CHECK)  // the fuzzer of Event has its own
#include "catch.hpp"
#endif

// Every text that the tests and the fuzzer of Event parse is also read as a view, and compared.
namespace as_view {

/// True where two keys of one object are equal: then Event takes the last, a view the first.
inline bool has_equal_keys(const std::string& text) {
    using Parsed = nlohmann::json::parse_event_t;
    std::vector<std::set<std::string>> objects;
    bool equal = false;
    const auto look = [&](int, Parsed event, nlohmann::json& value) {
        if (event == Parsed::object_start) objects.emplace_back();
        if (event == Parsed::object_end) objects.pop_back();
        if (event == Parsed::key) equal |= !objects.back().insert(value.get<std::string>()).second;
        return true;
    };
    std::string copy;
    const nlohmann::json parsed =
        nlohmann::json::parse(pivotal::detail::with_whole_surrogates(text, copy), look, false);
    return equal;
}

/// The envelope: the text with 0 for each object or array that is a value of the outermost object. A fault that is
/// still there is a fault of the envelope.
inline std::string envelope_of(const std::string& text) {
    std::string envelope;
    int depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool opens = !in_string && (c == '{' || c == '['),
                   closes = !in_string && (c == '}' || c == ']');
        if (opens && ++depth == 2) envelope += '0';
        if (depth < 2) envelope += c;
        if (closes) --depth;
        if (c == '"') in_string = !in_string;
        // As simdjson does it: outside of strings an escaped quote is none either.
        if (c == '\\' && i + 1 < text.size() && (in_string || text[i + 1] == '"' || text[i + 1] == '\\')) {
            ++i;
            if (depth < 2) envelope += text[i];
        }
    }
    return envelope;
}

inline nlohmann::json json_of(simdjson::simdjson_result<simdjson::ondemand::value> found) {
    simdjson::ondemand::value value;
    if (std::move(found).get(value)) return nullptr;
    const std::string_view text = simdjson::to_json_string(value).value();
    std::string copy;
    return nlohmann::json::parse(pivotal::detail::with_whole_surrogates(text, copy));
}

inline void compare(const std::string& text, const std::optional<pivotal::Event>& event) {
    CAPTURE(text);
    std::error_code error = std::make_error_code(std::errc::io_error);
    std::optional<pivotal::EventView> view = pivotal::EventView::parse(text, error);
    CHECK(view.has_value() == !error);
    if (!view) CHECK(error == pivotal::Errc::malformed_event);
    try {
        const pivotal::EventView thrown = pivotal::EventView::parse(text);
        CHECK(view.has_value());
    } catch (const pivotal::WebhookVerificationError& refused) {
        CHECK(refused.code() == pivotal::Errc::malformed_event);
        CHECK_FALSE(view.has_value());
    }

    if (has_equal_keys(text)) return;
    if (!event) {
        std::error_code of_envelope;
        if (!pivotal::Event::parse(envelope_of(text), of_envelope)) CHECK_FALSE(view.has_value());
        return;
    }
    REQUIRE(view.has_value());
    CHECK(view->id == event->id);
    CHECK(view->type == event->type);
    CHECK(view->created_at == event->created_at);
    CHECK(view->org_id == event->org_id);
    CHECK(view->api_version == event->api_version);
    CHECK(view->livemode == event->livemode);
    CHECK(view->delivery_id.empty());
    CHECK(view->delivered_at == event->delivery.timestamp);
    CHECK(json_of(view->object()) == event->object());
    CHECK(json_of(view->previous_attributes()) == event->previous_attributes());
    CHECK(json_of(view->object()) == event->object());  // again
    CHECK(view->object_as<pivotal::Customer>() == event->object().get<pivotal::Customer>());
    CHECK(view->previous_attributes_as<pivotal::Onboarding>() ==
          event->previous_attributes().get<pivotal::Onboarding>());
}

}  // namespace as_view
