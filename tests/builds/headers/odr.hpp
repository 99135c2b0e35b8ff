// SPDX-License-Identifier: MIT
#pragma once

#include <pivotal/resources.hpp>
#include <pivotal/router.hpp>
#include <pivotal/webhook.hpp>

/// What the other translation unit sees: there must be one of each in the program.
struct Seen {
    const std::error_category* category;
    const void* no_value;
    std::optional<pivotal::Event> event;
    std::error_code error;
};

inline constexpr const char* odr_body = R"({"id":"evt_1","type":"customer.created","data":{"object":{}}})";

Seen other_translation_unit(const pivotal::Webhook& webhook, const std::string& signature);
