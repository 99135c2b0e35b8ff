// SPDX-License-Identifier: MIT
#include <pivotal/simdjson.hpp>

#include <optional>
#include <string>
#include <system_error>

#include "delivery.hpp"
#include "trial.hpp"

using namespace delivery;
using pivotal::Customer;
using pivotal::Errc;
using pivotal::EventView;
using pivotal::Webhook;

namespace {

const Webhook& webhook() {
    static const Webhook made(secret + "\n" + public_key);
    return made;
}

/// Larger than the memory that a thread has for its first view.
const std::string& large_body() {
    static const std::string made =
        R"({"id":"evt_2nQv8c9aZmYHKr1XyT0aBcDeFgH","type":"webhook.ping","extra":")" +
        std::string(20'000, 'x') + R"(","data":{"object":{"name":"A rather long name of a customer"}}})";
    return made;
}

bool is_good(std::optional<EventView>& view) {
    if (!view || view->id != event_id) return false;
    const auto customer = view->object_as<Customer>();
    return customer && customer->name == "A rather long name of a customer";
}

/// Verifies in this thread, and throws what that throws.
bool verifies(const std::string& content, const std::string& signature, std::error_code& error) {
    auto view = EventView::verify(webhook(), content, {id, timestamp, signature}, error, now);
    return is_good(view) && view->delivery_id == id;
}

}  // namespace

TEST_CASE("an EventView without memory is std::bad_alloc, and the thread's next one is whole",
          "[failure_injection]") {
    const std::string v1 = webhook().sign(id, now, body), v1_of_large = webhook().sign(id, now, large_body());
    for (const bool large : {false, true}) {
        INFO(large);
        const std::string &content = large ? large_body() : body, &signature = large ? v1_of_large : v1;
        const long refusals = fail_each_allocation([&](Trial& trial) {
            std::error_code error = Errc::invalid_secret, error_of_next;
            bool good = false, next = false, next_large = false;
            const auto again = [&] {
                inject::memory.disarm();
                next = verifies(body, v1, error_of_next);
                next_large = verifies(large_body(), v1_of_large, error_of_next);
            };
            const bool whole = trial.run([&] {
                try {
                    if (large) (void)EventView::parse(body, error);  // the memory that it leaves is too small
                    good = verifies(content, signature, error);
                } catch (const std::bad_alloc&) {
                    again();
                    throw;
                }
                again();
            });
            CHECK(good == whole);
            CHECK(whole != trial.refused());
            if (whole) CHECK_FALSE(error);
            CHECK(next);
            CHECK(next_large);
            CHECK_FALSE(error_of_next);
        });
        CHECK(refusals > 10);
    }
}

TEST_CASE("an EventView without memory is never made of what is not authentic, nor of no event",
          "[failure_injection]") {
    const std::string no_event =
        R"({"id":"evt_2nQv8c9aZmYHKr1XyT0aBcDeFgH","type":{"a":"\ud83d"},"e":[1,[2]]})";
    struct Case {
        std::string content, signature;
        Errc expected;
    };
    for (const Case& each :
         {Case{body, forged, Errc::signature_mismatch}, Case{body, forged_v1a, Errc::signature_mismatch},
          Case{no_event, webhook().sign(id, now, no_event), Errc::malformed_event}}) {
        INFO(each.signature.substr(0, 4));
        const long refusals = fail_each_allocation([&](Trial& trial) {
            std::error_code error, thrown;
            bool made = false;
            const bool whole = trial.run([&] {
                made = EventView::verify(webhook(), each.content, {id, timestamp, each.signature}, error, now)
                           .has_value();
            });
            CHECK_FALSE(made);
            CHECK(whole != trial.refused());
            if (whole) CHECK(error == each.expected);

            const bool came_to_an_end = trial.run([&] {
                try {
                    (void)EventView::verify(webhook(), each.content, {id, timestamp, each.signature}, now);
                    made = true;
                } catch (const pivotal::WebhookVerificationError& refused) {
                    thrown = refused.code();
                }
            });
            CHECK_FALSE(made);
            if (came_to_an_end) CHECK(thrown == each.expected);
        });
        CHECK(refusals > 0);
    }
}

TEST_CASE("a resource that is read from an EventView without memory is std::bad_alloc",
          "[failure_injection]") {
    const long refusals = fail_each_allocation([&](Trial& trial) {
        std::error_code error;
        auto view = EventView::parse(body, error);
        REQUIRE(view.has_value());
        bool good = false;
        const bool whole = trial.run([&] { good = is_good(view); });
        CHECK(whole != trial.refused());
        CHECK(good == whole);
        CHECK(is_good(view));
    });
    CHECK(refusals > 0);
}
