// SPDX-License-Identifier: MIT
#include <pivotal/inbox_worker.hpp>
#include <pivotal/receiver.hpp>
#include <pivotal/resources.hpp>
#include <pivotal/router.hpp>
#include <pivotal/stores/memory.hpp>
#include <pivotal/webhook.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

// Compiled twice, with JSON_DIAGNOSTICS and without: nlohmann::json, and so an Event, has another size there. LAYOUT is the
// name of what it defines.

bool LAYOUT() {
    constexpr pivotal::Clock::time_point then{std::chrono::seconds(1649367553)};
    const std::string body =
        R"({"id":"evt_1","type":"customer.created","new":[1,{"n":2.5}],"data":{"object":{"id":"cus_1","name":"A"},)"
        R"("previous_attributes":{"name":["a",{"b":null}]}}})";
    const pivotal::Webhook webhook("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
    const std::string signature = webhook.sign("msg_1", then, body);
    const pivotal::Headers headers{"msg_1", "1649367553", signature};

    std::vector<pivotal::Event> events;
    std::error_code error;
    std::optional<pivotal::Event> event = webhook.verify(body, headers, error, then);
    if (error || !event) return false;
    events.push_back(*event);
    events.push_back(webhook.verify(body, headers, then));
    events.push_back(pivotal::Event::parse(body));
    events.push_back(pivotal::Event::parse(body, error).value());
    for (const pivotal::Event& each : std::vector<pivotal::Event>(events))
        if (each.data != event->data || each.extra != event->extra || each.object().at("name") != "A") return false;

    int handled = 0;
    pivotal::EventRouter router;
    router.on<pivotal::Customer>("customer.*", [&](const pivotal::Event& each, const pivotal::Customer& customer) {
        events.push_back(each);
        handled += customer.name == "A";
    });
    pivotal::Receiver receiver(webhook, std::make_shared<pivotal::MemoryStore>(), router);
    const bool first = receiver.receive(body, headers, then).status == 200 && handled == 1;
    return first && receiver.receive(body, headers, then).status == 200 && handled == 1 && router(events.back());
}
