// SPDX-License-Identifier: MIT
#include <pivotal/event.hpp>

#include "harness.hpp"
#include "model.hpp"

FUZZ_TARGET(event) {
    const std::string body(input);
    std::error_code error = pivotal::Errc::crypto_failure;
    const auto event = pivotal::Event::parse(body, error);
    const auto expected = model::read_event(body);
    FUZZ_CHECK(event.has_value() == expected.has_value());
    FUZZ_CHECK(error == (expected ? std::error_code() : make_error_code(pivotal::Errc::malformed_event)));
    if (!event) return;
    FUZZ_CHECK(event->id == expected->id && event->type == expected->type);
    FUZZ_CHECK(event->created_at == expected->created_at && event->org_id == expected->org_id);
    FUZZ_CHECK(event->api_version == expected->api_version && event->livemode == expected->livemode);
    FUZZ_CHECK(event->data == expected->data);
    FUZZ_CHECK(event->extra == expected->extra);
    FUZZ_CHECK(event->delivery.message_id.empty() && event->delivery.timestamp == pivotal::Seconds());
    (void)event->object();
    (void)event->previous_attributes();
}
