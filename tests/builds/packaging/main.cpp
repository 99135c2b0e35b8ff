// SPDX-License-Identifier: MIT
// What a user of the library has: one delivery of the published vectors is verified.
#include <iostream>
#if defined(PIVOTAL_SINGLE_FILE)
#include "pivotal.hpp"
#else
#include <pivotal/webhook.hpp>
#endif

int main() {
    const pivotal::Webhook webhook("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
    const auto now = pivotal::Clock::time_point(std::chrono::seconds(1649367553));
    const std::string body = R"({"email":"test@example.com","username":"test_user"})";
    webhook.authenticate(body,
                         {{"svix-id", "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"},
                          {"svix-timestamp", "1649367553"},
                          {"svix-signature", "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="}},
                         now);
    const pivotal::Event event = pivotal::Event::parse(R"({"id": "evt_1", "type": "customer.created"})");
    std::cout << event.type << " · " << event.id << '\n';
}
