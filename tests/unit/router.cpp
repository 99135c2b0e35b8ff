// SPDX-License-Identifier: MIT
#include <pivotal/router.hpp>

#include <atomic>
#include <thread>
#include <vector>

#include <pivotal/resources.hpp>

#include "catch.hpp"

namespace unit_router {

using pivotal::Customer;
using pivotal::Event;
using pivotal::EventRouter;

namespace {

Event event_of(std::string type) {
    Event event;
    event.id = "evt_1";
    event.type = std::move(type);
    return event;
}

// A router whose handlers write down their own patterns.
class Recorder {
public:
    EventRouter router;
    std::vector<std::string> calls;

    Recorder& on(const std::string& pattern) {
        router.on(pattern, [this, pattern](const Event&) { calls.push_back(pattern); });
        return *this;
    }
    Recorder& otherwise() {
        router.otherwise([this](const Event&) { calls.push_back("otherwise"); });
        return *this;
    }
    // The one pattern whose handler was called, or "nothing".
    std::string called(const std::string& type) {
        calls.clear();
        const bool handled = router(event_of(type));
        REQUIRE(calls.size() == (handled ? 1U : 0U));
        return handled ? calls.front() : "nothing";
    }
};

}  // namespace

TEST_CASE("the most specific match is called, once", "[router]") {
    Recorder recorder;
    recorder.on("*").on("customer.*").on("customer.at_risk").on("customer.at_risk.*").otherwise();
    CHECK(recorder.called("customer.at_risk") == "customer.at_risk");
    CHECK(recorder.called("customer.at_risk.again") == "customer.at_risk.*");
    CHECK(recorder.called("customer.at_risk.again.and_again") == "customer.at_risk.*");
    CHECK(recorder.called("customer.created") == "customer.*");
    CHECK(recorder.called("customer.at.risk") == "customer.*");
    CHECK(recorder.called("customer.at_risks") == "customer.*");
    CHECK(recorder.called("customers.created") == "*");
    CHECK(recorder.called("task.completed") == "*");
}

TEST_CASE("the order of registration does not matter", "[router]") {
    Recorder recorder;
    recorder.otherwise().on("a.b.c").on("a.b.*").on("a.*");
    CHECK(recorder.called("a.b.c") == "a.b.c");
    CHECK(recorder.called("a.b.d") == "a.b.*");
    CHECK(recorder.called("a.c") == "a.*");
    CHECK(recorder.called("b") == "otherwise");
}

TEST_CASE("name.* is what goes on behind the dot, and a name is that name", "[router]") {
    Recorder recorder;
    recorder.on("customer.*").on("ping");
    CHECK(recorder.called("customer") == "nothing");
    CHECK(recorder.called("customer.") == "nothing");
    CHECK(recorder.called("customer.x") == "customer.*");
    CHECK(recorder.called("customer..x") == "customer.*");
    CHECK(recorder.called("Customer.x") == "nothing");
    CHECK(recorder.called("x.customer.x") == "nothing");
    CHECK(recorder.called("ping") == "ping");
    CHECK(recorder.called("ping.x") == "nothing");
    CHECK(recorder.called("pin") == "nothing");
    CHECK(recorder.called("") == "nothing");
    CHECK(recorder.called("*") == "nothing");
    CHECK(recorder.called("customer.*") == "customer.*");
    CHECK(recorder.called("....") == "nothing");
}

TEST_CASE("the star takes every type, otherwise what no pattern matches", "[router]") {
    Recorder star;
    star.on("*").otherwise();
    Recorder otherwise;
    otherwise.on("task.*").otherwise();
    for (const char* const type : {"customer.created", "ping", "", ".", "a..b", "\xF0\x9F\x98\x80"}) {
        CHECK(star.called(type) == "*");
        CHECK(otherwise.called(type) == "otherwise");
    }
    CHECK(otherwise.called("task.completed") == "task.*");
}

TEST_CASE("without a handler the answer is false", "[router]") {
    CHECK_FALSE(EventRouter()(event_of("customer.created")));
}

TEST_CASE("a typed handler gets the event and its resource", "[router]") {
    const auto event = Event::parse(
        R"({"id":"evt_1","type":"customer.at_risk","data":{"object":{"id":"cus_1","health_score":"many"}}})");
    int calls = 0;
    EventRouter router;
    router
        .on<Customer>(pivotal::event_type::customer_at_risk,
                      [&](const Event& got, const Customer& customer) {
                          ++calls;
                          CHECK(&got == &event);
                          CHECK(customer.id == "cus_1");
                          CHECK(customer.health_score == std::nullopt);  // a number became a string
                      })
        .on<nlohmann::json>("customer.*", [&](const Event&, const nlohmann::json& object) {
            calls += 10;
            CHECK(object.is_null());
        });
    CHECK(router(event));
    CHECK(calls == 1);
    CHECK(router(event_of("customer.created")));  // without data
    CHECK(calls == 11);
}

TEST_CASE("a pattern of another form is an error when it is registered", "[router]") {
    const std::string longest(256, 'a');
    for (const std::string& good : {std::string("a"), std::string("a.b"), std::string("A-1_z.0"),
                                    std::string("a.b.c.*"), std::string("*"), longest, longest + ".*"}) {
        INFO(good);
        CHECK_NOTHROW(EventRouter().on(good, [](const Event&) {}));
    }
    for (const std::string& bad : {std::string(),
                                   std::string("."),
                                   std::string(".*"),
                                   std::string("**"),
                                   std::string("*.*"),
                                   std::string("*.created"),
                                   std::string("a*"),
                                   std::string("a.b*"),
                                   std::string("a.*.b"),
                                   std::string("a.**"),
                                   std::string("a."),
                                   std::string(".a"),
                                   std::string("a..b"),
                                   std::string("a..*"),
                                   std::string("customer.created "),
                                   std::string(" customer.created"),
                                   std::string("a b"),
                                   std::string("a,b"),
                                   std::string("a\0b", 3),
                                   std::string("a\n"),
                                   std::string("\xC3\xA9.a"),
                                   std::string("a/b"),
                                   std::string("customer:created"),
                                   longest + "a",
                                   longest + "a.*"}) {
        INFO(bad);
        CHECK_THROWS_AS(EventRouter().on(bad, [](const Event&) {}), std::invalid_argument);
        CHECK_THROWS_AS(EventRouter().on<Customer>(bad, [](const Event&, const Customer&) {}), std::invalid_argument);
    }
}

TEST_CASE("a name has letters, digits, _ and -, and no other character", "[router]") {
    const std::string allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    for (int value = 0; value < 256; ++value) {
        const char c = static_cast<char>(value);
        INFO(value);
        for (const std::string& pattern : {std::string{c}, std::string{'a', c}, std::string{c, '.', 'b', '.', '*'}}) {
            const bool is_star = pattern == "*";
            if (is_star || allowed.find(c) != std::string::npos)
                CHECK_NOTHROW(EventRouter().on(pattern, [](const Event&) {}));
            else
                CHECK_THROWS_AS(EventRouter().on(pattern, [](const Event&) {}), std::invalid_argument);
        }
    }
}

TEST_CASE("a pattern given twice is an error, and the first handler stays", "[router]") {
    Recorder recorder;
    recorder.on("customer.created").on("customer.*").on("*").otherwise();
    for (const char* const pattern : {"customer.created", "customer.*", "*"}) {
        INFO(pattern);
        CHECK_THROWS_WITH(recorder.router.on(pattern, [](const Event&) { FAIL(); }),
                          "pivotal: the pattern '" + std::string(pattern) + "' is given twice");
        CHECK_THROWS_AS(recorder.router.on<Customer>(pattern, [](const Event&, const Customer&) { FAIL(); }),
                        std::invalid_argument);
    }
    CHECK_THROWS_AS(recorder.router.otherwise([](const Event&) { FAIL(); }), std::invalid_argument);
    CHECK(recorder.called("customer.created") == "customer.created");
    CHECK(recorder.called("customer.updated") == "customer.*");
    CHECK(recorder.called("task.completed") == "*");
}

TEST_CASE("an empty handler is an error when it is registered", "[router]") {
    EventRouter router;
    CHECK_THROWS_AS(router.on("a", EventRouter::Handler()), std::invalid_argument);
    CHECK_THROWS_AS(router.on("a", static_cast<void (*)(const Event&)>(nullptr)), std::invalid_argument);
    CHECK_THROWS_AS(router.on<Customer>("a", std::function<void(const Event&, const Customer&)>()),
                    std::invalid_argument);
    CHECK_THROWS_AS(router.otherwise(nullptr), std::invalid_argument);
    CHECK_FALSE(router(event_of("a")));
}

TEST_CASE("what a handler throws passes through, and no other handler is called", "[router]") {
    Recorder recorder;
    recorder.on("a.*").otherwise();
    recorder.router.on("a.b", [](const Event&) { throw std::runtime_error("the handler's own"); });
    CHECK_THROWS_WITH(recorder.router(event_of("a.b")), "the handler's own");
    CHECK(recorder.calls.empty());
    CHECK(recorder.called("a.c") == "a.*");  // and the router goes on
}

TEST_CASE("a router is a handler as it stands, and a copy is a router of its own", "[router]") {
    Recorder recorder;
    recorder.on("a.b");
    const std::function<void(const Event&)> handler = recorder.router;
    recorder.on("a.c");
    handler(event_of("a.b"));
    handler(event_of("a.c"));
    CHECK(recorder.calls == std::vector<std::string>{"a.b"});
}

TEST_CASE("a router is called from many threads at once", "[router]") {
    std::atomic<int> exact{0}, family{0}, rest{0};
    EventRouter router;
    router.on<Customer>("a.b", [&](const Event&, const Customer&) { ++exact; })
        .on("a.*", [&](const Event&) { ++family; })
        .otherwise([&](const Event&) { ++rest; });
    const EventRouter& shared = router;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i)
        threads.emplace_back([&] {
            for (int n = 0; n < 500; ++n) {
                shared(event_of("a.b"));
                shared(event_of("a.c"));
                shared(event_of("b"));
            }
        });
    for (auto& thread : threads) thread.join();
    CHECK(exact == 4000);
    CHECK(family == 4000);
    CHECK(rest == 4000);
}

}  // namespace unit_router
