// SPDX-License-Identifier: MIT
// An event of one's own, read by simdjson's on-demand API: its id, its type and three fields of its customer, which are
// copied, so that nothing refers to the body. An unknown member is skipped, without a look at what is in it.
#pragma once

#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <simdjson.h>

#include <pivotal/webhook.hpp>

struct CustomerEvent {
    struct Customer {
        std::string id, name;
        double health_score = 0;
    };
    std::string id, type;
    Customer customer;  // what is absent, or of another type, is empty

    static std::optional<CustomerEvent> parse(pivotal::Body body, std::error_code& error) {
        // A thread keeps both for its next event. simdjson reads up to SIMDJSON_PADDING bytes behind the text.
        thread_local simdjson::ondemand::parser parser;
        thread_local std::string text;
        text.assign(body.view()).append(simdjson::SIMDJSON_PADDING, '\0');
        std::optional<CustomerEvent> event(std::in_place);
        simdjson::ondemand::document document;
        auto problem = parser.iterate(text.data(), body.view().size(), text.size()).get(document);
        if (!problem) problem = event->read(document);
        if (problem == simdjson::MEMALLOC) throw std::bad_alloc();  // which is no fault of the event
        const auto good = [](const std::string& name) { return !name.empty() && name.size() <= 256; };
        if (!problem && good(event->id) && good(event->type)) return error = {}, event;
        error = pivotal::Errc::malformed_event;
        return std::nullopt;
    }

private:
    /// Calls `take(key, value)` for each member, so that of two equal keys the last wins, as in pivotal::Event.
    template <class Json, class Take>
    static simdjson::error_code for_each(Json& json, Take take) {
        simdjson::ondemand::object object;
        if (const auto problem = json.get_object().get(object)) return problem;
        for (auto member : object) {
            std::string_view key;
            simdjson::ondemand::field field;
            if (const auto problem = std::move(member).get(field)) return problem;
            if (const auto problem = field.unescaped_key().get(key)) return problem;
            const auto problem = take(key, field.value());
            if (problem && problem != simdjson::INCORRECT_TYPE) return problem;
        }
        return simdjson::SUCCESS;
    }
    static simdjson::error_code copy(simdjson::ondemand::value& json, std::string& to) {
        std::string_view text;
        const auto problem = json.get_string().get(text);
        to = text;
        return problem;
    }
    simdjson::error_code read(simdjson::ondemand::document& json) {
        const auto problem = for_each(json, [&](std::string_view key, auto& value) {
            if (key == "id") return copy(value, id);
            if (key == "type") return copy(value, type);
            if (key != "data") return simdjson::SUCCESS;
            customer = {};
            return for_each(value, [&](std::string_view name, auto& member) {
                if (name != "object") return simdjson::SUCCESS;
                customer = {};
                return for_each(member, [&](std::string_view name, auto& field) {
                    if (name == "id") return copy(field, customer.id);
                    if (name == "name") return copy(field, customer.name);
                    if (name == "health_score") return field.get_double().get(customer.health_score);
                    return simdjson::SUCCESS;
                });
            });
        });
        if (problem) return problem;
        return json.current_location().error() == simdjson::OUT_OF_BOUNDS ? simdjson::SUCCESS
                                                                          : simdjson::TAPE_ERROR;
    }
};
