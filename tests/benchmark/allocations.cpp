// SPDX-License-Identifier: MIT
#include <pivotal/webhook.hpp>

#include <cstdlib>
#include <map>
#include <new>
#include <string>

#include "catch.hpp"

// Every allocation of this program that is made by C++ code goes through here; OpenSSL's own are malloc's.
namespace {
std::size_t allocations = 0;
}

void* operator new(std::size_t size) {
    ++allocations;
    if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    ++allocations;
    return std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace {

const pivotal::Clock::time_point now{std::chrono::seconds(1649367553)};

/// How often `work` allocates. What happens in the first run only, such as the thread's digest context, is no
/// cost of a delivery.
template <class Work> std::size_t count(Work work) {
    work();
    const std::size_t before = allocations;
    work();
    return allocations - before;
}

}  // namespace

TEST_CASE("authenticate allocates nothing but the id that it returns", "[allocations]") {
    const pivotal::Webhook webhook("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    const std::string id = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", timestamp = "1649367553";
    for (const std::size_t size : {0, 1, 350, 65536}) {
        const std::string body(size, 'x');
        const std::string signature = webhook.sign(id, now, body);
        const std::multimap<std::string, std::string> fields = {{"Host", "example.com"},
                                                                {"Svix-Id", id},
                                                                {"Svix-Timestamp", timestamp},
                                                                {"Svix-Signature", signature},
                                                                {"X-Forwarded-For", "192.0.2.1"}};
        const auto lookup = [&](const char* name) {
            for (const auto& [key, value] : fields)
                if (pivotal::detail::equals_ignoring_case(key, name)) return &value;
            return static_cast<const std::string*>(nullptr);
        };
        std::error_code error;
        bool authentic = false;
        CHECK(count([&] {
                  authentic = webhook.authenticate(body, {id, timestamp, signature}, error, now).has_value();
              }) == 1);
        CHECK(authentic);
        CHECK(count([&] { authentic = webhook.authenticate(body, fields, error, now).has_value(); }) == 1);
        CHECK(authentic);
        CHECK(count([&] { authentic = webhook.authenticate(body, lookup, error, now).has_value(); }) == 1);
        CHECK(authentic);
        CHECK(count([&] { webhook.authenticate(body, {id, timestamp, signature}, now); }) == 1);
        // A refusal by its code is as free: a flood of forgeries costs no memory either.
        const std::string changed = body + '!';
        CHECK(count([&] {
                  authentic = webhook.authenticate(changed, {id, timestamp, signature}, error, now).has_value();
              }) == 0);
        CHECK_FALSE(authentic);
    }
}

namespace {

const std::string some_event =
    R"({"id":"evt_2nQv8c9aZmYHKr1x","type":"customer.at_risk","created_at":"2026-05-26T18:42:00.000Z",)"
    R"("org_id":"org_2nQv8c9aZmYHKr1x","livemode":true,"data":{"object":{"id":"cus_2nQv8c9aZmYHKr1x",)"
    R"("name":"Nordwind Logistik GmbH","health_score":41,"tags":["a",["b",{"c":"a text that is not short"}]]},)"
    R"("previous_attributes":{"at_risk":false}}})";

}  // namespace

TEST_CASE("verify allocates less than nlohmann's parser alone: it parses once, and copies nothing", "[allocations]") {
    const pivotal::Webhook webhook("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
    const std::string signature = webhook.sign("msg_1", now, some_event);
    const std::size_t parsed = count([&] { const auto value = nlohmann::json::parse(some_event); });
    CHECK(parsed > 20);
    CHECK(count([&] { (void)webhook.verify(some_event, {"msg_1", "1649367553", signature}, now); }) < parsed);
    // What is not authentic is not parsed.
    std::error_code error;
    CHECK(count([&] { (void)webhook.verify(some_event, {"msg_2", "1649367553", signature}, error, now); }) == 0);
}
