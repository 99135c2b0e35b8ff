// SPDX-License-Identifier: MIT
#include "odr.hpp"

#include <cstdio>

int main() {
    const pivotal::Webhook webhook("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
    const std::string signature =
        webhook.sign("msg_1", pivotal::Clock::time_point(std::chrono::seconds(1649367553)), odr_body);
    const Seen seen = other_translation_unit(webhook, signature);
    const pivotal::Event none;
    const bool good = seen.category == &pivotal::webhook_category() && seen.no_value == &none.object() && !seen.error &&
                      seen.event && seen.event->id == "evt_1";
    std::puts(good ? "passed" : "failed: the translation units differ");
    return good ? 0 : 1;
}
