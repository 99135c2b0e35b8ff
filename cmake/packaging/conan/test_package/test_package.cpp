// SPDX-License-Identifier: MIT
#include <iostream>
#include <pivotal/webhook.hpp>

int main() {
    const pivotal::Webhook webhook("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
    const auto now = pivotal::Clock::now();
    const std::string body = R"({"id": "evt_1", "type": "customer.created"})";
    const std::string timestamp = std::to_string(pivotal::Clock::to_time_t(now));
    const pivotal::Event event = webhook.verify(body, {"msg_1", timestamp, webhook.sign("msg_1", now, body)}, now);
    std::cout << event.type << " · " << event.id << '\n';
}
