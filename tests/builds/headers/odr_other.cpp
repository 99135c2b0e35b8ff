// SPDX-License-Identifier: MIT
#include "odr.hpp"

Seen other_translation_unit(const pivotal::Webhook& webhook, const std::string& signature) {
    static const pivotal::Event none;
    Seen seen{&pivotal::webhook_category(), &none.object(), std::nullopt, {}};
    seen.event = webhook.verify(odr_body, {"msg_1", "1649367553", signature}, seen.error,
                                pivotal::Clock::time_point(std::chrono::seconds(1649367553)));
    return seen;
}
