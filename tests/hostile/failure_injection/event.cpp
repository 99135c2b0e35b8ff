// SPDX-License-Identifier: MIT
#include <pivotal/event.hpp>

#include <optional>
#include <string>
#include <system_error>

#include <pivotal/resources.hpp>
#include <pivotal/router.hpp>

#include "delivery.hpp"
#include "trial.hpp"

using delivery::body;
using delivery::event_id;
using pivotal::Customer;
using pivotal::Errc;
using pivotal::Event;
using pivotal::EventRouter;

namespace {

const std::string customer_text =
    R"({"id":"cus_2nQv8c9aZmYHKr1XyT0aBcDeFgH","display_id":7,"name":"A rather long name of a customer",)"
    R"("health_score":41.5,"at_risk":true,"owner_email":"somebody.of.the.team@example.com"})";
const std::string customer_body =
    R"({"id":"evt_2nQv8c9aZmYHKr1XyT0aBcDeFgH","type":"customer.at_risk.of.churning","data":{"object":)" +
    customer_text + "}}";

}  // namespace

TEST_CASE("Event::parse without memory is std::bad_alloc", "[failure_injection]") {
    const long refusals = fail_each_allocation([](Trial& trial) {
        std::error_code error = Errc::invalid_secret;
        bool good = false;
        const bool whole = trial.run([&] {
            const std::optional<Event> event = Event::parse(body, error);
            good = event && event->id == event_id && event->api_version == "v1" &&
                   event->previous_attributes().size() == 1 && event->extra.size() == 1;
        });
        CHECK(whole != trial.refused());
        CHECK(good == whole);
        if (whole) CHECK_FALSE(error);
    });
    CHECK(refusals > 50);
}

TEST_CASE("Event::parse without memory takes nothing for an event that is none", "[failure_injection]") {
    for (const std::string wrong :
         {R"({"id":"evt_2nQv8c9aZmYHKr1XyT0aBcDeFgH","type":"a.b","data":{"a":["b",{"c":"d"}]},"e":"\ud83d")",
          R"({"id":"evt_2nQv8c9aZmYHKr1XyT0aBcDeFgH","type":{"a":"b"},"data":[["c"],{"d":[1]}],"org_id":2})",
          R"([{"id":"evt_1"}])"}) {
        INFO(wrong);
        const long refusals = fail_each_allocation([&](Trial& trial) {
            std::error_code error, thrown;
            bool event = true;
            const bool whole = trial.run([&] { event = Event::parse(wrong, error).has_value(); });
            CHECK(whole != trial.refused());
            CHECK(event == !whole);
            if (whole) CHECK(error == Errc::malformed_event);
        });
        CHECK(refusals > 1);
        fail_each_allocation([&](Trial& trial) {
            std::error_code error;
            bool event = false;
            const bool whole = trial.run([&] {
                try {
                    (void)Event::parse(wrong);
                    event = true;
                } catch (const pivotal::WebhookVerificationError& refused) {
                    error = refused.code();
                }
            });
            CHECK_FALSE(event);
            CHECK(whole != trial.refused());
            if (whole) CHECK(error == Errc::malformed_event);
        });
    }
}

TEST_CASE("a resource that is read without memory is std::bad_alloc", "[failure_injection]") {
    const nlohmann::json json = nlohmann::json::parse(customer_text);
    const Customer expected = json.get<Customer>();
    const long refusals = fail_each_allocation([&](Trial& trial) {
        Customer customer;
        customer.name = "what was there";
        const bool whole = trial.run([&] { json.get_to(customer); });
        CHECK(whole != trial.refused());
        if (whole) CHECK(customer == expected);
        json.get_to(customer);
        CHECK(customer == expected);
    });
    CHECK(refusals > 3);
}

TEST_CASE("a resource that is written without memory is std::bad_alloc", "[failure_injection]") {
    const nlohmann::json expected = nlohmann::json::parse(customer_text);
    const auto customer = expected.get<Customer>();
    const long refusals = fail_each_allocation([&](Trial& trial) {
        nlohmann::json json = {{"what", {"was", "there"}}};
        const bool whole = trial.run([&] { to_json(json, customer); });
        CHECK(whole != trial.refused());
        if (whole) CHECK(json == expected);
        to_json(json, customer);
        CHECK(json == expected);

        nlohmann::json made;
        const bool came_to_an_end = trial.run([&] { made = nlohmann::json(customer); });
        CHECK(came_to_an_end == !made.is_null());
    });
    CHECK(refusals > 10);
}

TEST_CASE("an EventRouter without memory registers nothing", "[failure_injection]") {
    const Event event = Event::parse(customer_body);
    const long refusals = fail_each_allocation([&](Trial& trial) {
        int general = 0, special = 0, names = 0;
        EventRouter router;
        router.on("*", [&](const Event&) { ++general; });
        int registered = 0;
        const bool whole = trial.run([&] {
            router.on("customer.at_risk.of.*", [&, large = event_id](const Event&) { ++special; });
            ++registered;
            router.on<Customer>("customer.at_risk.of.churning",
                                [&, large = event_id](const auto&, const auto& customer) {
                                    names += customer.name.has_value() ? 1 : 0;
                                });
            ++registered;
        });
        CHECK(whole != trial.refused());
        CHECK(router(event));
        CHECK(names == (registered == 2 ? 1 : 0));
        CHECK(special == (registered == 1 ? 1 : 0));
        CHECK(general == (registered == 0 ? 1 : 0));
        // What was refused can be registered now, what was not cannot.
        const auto again = [&] { router.on("customer.at_risk.of.*", [](const Event&) {}); };
        if (registered == 0)
            CHECK_NOTHROW(again());
        else
            CHECK_THROWS_AS(again(), std::invalid_argument);
    });
    CHECK(refusals > 8);
}

TEST_CASE("a router's refusal without memory leaves it as it was", "[failure_injection]") {
    const long refusals = fail_each_allocation([](Trial& trial) {
        int handled = 0;
        EventRouter router;
        router.on("customer.health_score_dropped", [&](const Event&) { ++handled; });
        bool refused = false;
        const bool whole = trial.run([&] {
            for (const char* pattern : {"customer.health_score_dropped", "customer.health_score_dropped!"}) {
                try {
                    router.on(pattern, [](const Event&) {});
                } catch (const std::invalid_argument&) {
                    refused = true;
                }
            }
        });
        CHECK(whole != trial.refused());
        if (whole) CHECK(refused);
        CHECK(router(Event::parse(body)));
        CHECK(handled == 1);
    });
    CHECK(refusals > 3);
}

TEST_CASE("a handler whose resource gets no memory is not called, and the next call works", "[failure_injection]") {
    const Event event = Event::parse(customer_body);
    int handled = 0;
    EventRouter router;
    router.on<Customer>("customer.*", [&](const auto&, const auto&) { ++handled; });
    const long refusals = fail_each_allocation([&](Trial& trial) {
        handled = 0;
        bool found = false;
        const bool whole = trial.run([&] { found = router(event); });
        CHECK(whole != trial.refused());
        CHECK(found == whole);
        CHECK(handled == (whole ? 1 : 0));
        CHECK(router(event));
        CHECK(handled == (whole ? 2 : 1));
    });
    CHECK(refusals > 3);
}
