// SPDX-License-Identifier: MIT
#include <pivotal/detail/receiver/repeat.hpp>

#include <stdexcept>
#include <string>
#include <vector>

#include "../../catch.hpp"

namespace unit_detail_repeat {

using namespace std::chrono_literals;
using pivotal::Observation;
using pivotal::detail::record_handled;
using pivotal::detail::repeat_until;
using Clock = std::chrono::steady_clock;

TEST_CASE("what fails is tried again until it succeeds", "[repeat]") {
    int calls = 0;
    const auto start = Clock::now();
    CHECK(repeat_until(start + 1h, [&] {
              if (++calls < 5) throw std::runtime_error("no");
              return 42;
          }) == 42);
    CHECK(calls == 5);
    CHECK(Clock::now() - start >= 55ms);  // 0, 5, 15 and 35
}

TEST_CASE("what fails is tried twice, and no more once the deadline is over", "[repeat]") {
    const auto deadline = GENERATE(Clock::time_point::min(), Clock::now(), Clock::time_point());
    int calls = 0;
    CHECK_THROWS_WITH(
        repeat_until(deadline, [&]() -> bool { throw std::runtime_error("no " + std::to_string(++calls)); }), "no 2");
    const pivotal::detail::DueTime due(Clock::now());  // no call to a store has any time left
    CHECK_THROWS_WITH(
        repeat_until(deadline, [&]() -> bool { throw std::runtime_error("no " + std::to_string(++calls)); }), "no 3");
}

TEST_CASE("what fails is not tried past the deadline", "[repeat]") {
    const auto deadline = Clock::now() + 100ms;
    Clock::time_point last;
    int calls = 0;
    CHECK_THROWS(repeat_until(deadline, [&]() -> bool {
        ++calls;
        last = Clock::now();
        throw 42;
    }));
    CHECK(calls >= 2);
    if (calls > 2) CHECK(last < deadline + 1min);
}

TEST_CASE("that an event was handled is recorded, or an incident", "[repeat]") {
    std::vector<Observation> seen, incidents;
    const auto observer = [&](const Observation& one) {
        seen.push_back(one);
        if (one.is_incident()) incidents.push_back(one);
    };
    pivotal::Event event;
    event.id = "evt_1";
    pivotal::detail::Attempt attempt;
    attempt.number = 3;
    attempt.end();
    int calls = 0;
    SECTION("at once") {
        CHECK(record_handled(observer, event, attempt, Clock::now(), [] { return true; }));
        CHECK(incidents.empty());
        REQUIRE(seen.size() == 1);
        CHECK(seen[0].kind == Observation::Kind::handled);
        CHECK(seen[0].attempt == 3);
        CHECK(seen[0].duration == attempt.duration);
    }
    SECTION("of an event that was discarded") {
        CHECK(record_handled(
            observer, event, attempt, Clock::now(), [] { return true; }, "no such customer"));
        REQUIRE(incidents.size() == 1);
        CHECK(incidents[0].kind == Observation::Kind::buried);
        CHECK(incidents[0].error == "no such customer");
    }
    SECTION("after a failure") {
        CHECK(record_handled(observer, event, attempt, Clock::now() + 1h, [&] {
            if (++calls < 4) throw std::runtime_error("no route to host");
            return true;
        }));
        CHECK(incidents.empty());
    }
    SECTION("of an event that another has taken over") {
        CHECK(record_handled(observer, event, attempt, Clock::now(), [] { return false; }));
        REQUIRE(incidents.size() == 1);
        CHECK(incidents[0].kind == Observation::Kind::lost);
    }
    SECTION("in vain") {
        CHECK_FALSE(record_handled(observer, event, attempt, Clock::now(),
                                   []() -> bool { throw std::runtime_error("no route to host"); }));
        REQUIRE(incidents.size() == 1);
        CHECK(incidents[0].kind == Observation::Kind::not_recorded);
        CHECK(incidents[0].error == "no route to host");
        CHECK(incidents[0].event_id == "evt_1");
    }
}

TEST_CASE("a store is told for a second behind a long handler, and never longer than the handler's time allows",
          "[repeat]") {
    using pivotal::detail::time_to_tell;
    const Clock::time_point due = Clock::now();
    pivotal::detail::Attempt attempt;
    CHECK(time_to_tell(due, attempt, due - 5s) == due);
    CHECK(time_to_tell(due, attempt, due - 200ms) == due);
    attempt.duration = 300ms;
    CHECK(time_to_tell(due, attempt, due - 900ms) == due + 100ms);
    CHECK(time_to_tell(due, attempt, due - 200ms) == due + 300ms);
    attempt.duration = 12s;
    CHECK(time_to_tell(due, attempt, due + 3s) == due + 4s);
}

}  // namespace unit_detail_repeat
