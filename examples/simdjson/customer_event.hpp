// SPDX-License-Identifier: MIT
// A type of one's own for webhook.verify<CustomerEvent>(body, headers): simdjson (3.0 or later) reads what it needs. What it
// does not need it skips, after a look for UTF-8, the ends of strings and brackets. Names count as they are written.
#pragma once

#include <simdjson.h>
#include <algorithm>
#include <new>
#include <string>

#include <pivotal/webhook.hpp>

struct CustomerEvent {
    std::string id, type;
    std::string customer_id, name;  // here and below, what is missing or of another type is empty
    double health_score = 0;
    pivotal::Delivery delivery;  // filled in by verify

    static std::optional<CustomerEvent> parse(pivotal::Body body, std::error_code& error) {
        thread_local simdjson::ondemand::parser parser;  // each thread keeps its memory for the next event
        thread_local std::string text;                   // simdjson reads as far behind its end:
        text.resize((std::max)(text.size(), body.size() + simdjson::SIMDJSON_PADDING));
        // And where a bracket of an earlier event stands there it counts those of this one.
        *std::copy_n(body.data(), body.size(), text.data()) = '\0';
        CustomerEvent event;
        error = pivotal::Errc::malformed_event;
        try {
            auto json = parser.iterate(text.data(), body.size(), text.size());
            event.read(json.get_object(), 0);
            const bool at_end = json.current_location().error() == simdjson::OUT_OF_BOUNDS;
            if (!at_end || event.id.empty() || event.type.empty()) return std::nullopt;
        } catch (const simdjson::simdjson_error& refused) {
            if (refused.error() == simdjson::MEMALLOC) throw std::bad_alloc();  // no fault of the event
            return std::nullopt;
        }
        error.clear();
        return event;
    }

private:
    /// Reads the event (level 0), its data (1) or data.object (2). Of two equal names the last counts, as in Event.
    void read(simdjson::ondemand::object object, int level) {
        using Type = simdjson::ondemand::json_type;
        for (auto entry : object) {  // and no copy of it, which would wait for what was just stored
            if (entry.error()) throw simdjson::simdjson_error(entry.error());
            auto& field = entry.value_unsafe();
            auto& value = field.value();
            const auto is = [&](std::string_view key) { return field.key() == key; };
            const auto is_a = [&](Type expected) { return Type(value.type()) == expected; };
            std::string* to = nullptr;
            if (level == 2) {
                if (is("id"))
                    to = &customer_id;
                else if (is("name"))
                    to = &name;
                else if (is("health_score"))
                    health_score = is_a(Type::number) ? double(value) : 0;
            } else if (level == 0 && is("id")) {
                to = &id;
            } else if (level == 0 && is("type")) {
                to = &type;
            } else if (is(level == 0 ? "data" : "object")) {
                for (auto* const absent : {&customer_id, &name}) absent->clear();
                health_score = 0;
                if (is_a(Type::object)) read(value, level + 1);
            }
            if (!to) continue;
            std::string_view text;
            const auto error = value.get_string().get(text);
            if (error && is_a(Type::string)) throw simdjson::simdjson_error(error);
            *to = text;
        }
    }
};
