// SPDX-License-Identifier: MIT
#include <pivotal/stores/memory.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "trial.hpp"

using namespace std::chrono_literals;
using pivotal::Claim;
using pivotal::MemoryStore;

namespace {

// Longer than what a std::string holds without memory.
const std::string event_id = "evt_2nQv8c9aZmYHKr1XyT0aBcDeFgH";
const std::string owner = "0123456789abcdef0123456789abcdef", other = "fedcba9876543210fedcba9876543210";

struct Clock {
    std::chrono::steady_clock::time_point time{1h};
    MemoryStore store{{}, [this] { return time; }};
};

}  // namespace

TEST_CASE("a claim without memory enters nothing in a MemoryStore", "[failure_injection]") {
    const long refusals = fail_each_allocation([](Trial& trial) {
        MemoryStore store;
        Claim claim = Claim::in_progress;
        const bool whole = trial.run([&] { claim = store.claim(event_id, owner, 30s); });
        CHECK(whole != trial.refused());
        if (whole) {
            CHECK(claim == Claim::granted);
            CHECK(store.complete(event_id, owner));
        } else {
            CHECK_FALSE(store.renew(event_id, owner, 30s));
            CHECK_FALSE(store.forget(event_id));
            CHECK(store.claim(event_id, other, 30s) == Claim::granted);
            CHECK(store.claim(event_id, owner, 30s) == Claim::in_progress);
            CHECK(store.complete(event_id, other));
        }
        CHECK(store.claim(event_id, owner, 30s) == Claim::duplicate);
    });
    CHECK(refusals > 6);
}

TEST_CASE("a claim that cannot be taken over for want of memory is as it was", "[failure_injection]") {
    const long refusals = fail_each_allocation([](Trial& trial) {
        Clock clock;
        CHECK(clock.store.claim(event_id, "a", 30s) == Claim::granted);  // a short one: the other needs memory
        clock.time += 31s;
        Claim claim = Claim::in_progress;
        const bool whole = trial.run([&] { claim = clock.store.claim(event_id, other, 30s); });
        CHECK(whole != trial.refused());
        CHECK(clock.store.renew(event_id, other, 30s) == whole);
        if (!whole) CHECK(clock.store.claim(event_id, "b", 30s) == Claim::granted);
        CHECK(clock.store.complete(event_id, whole ? other : "b"));
        CHECK(clock.store.claim(event_id, owner, 30s) == Claim::duplicate);
        clock.time += 24h * 8;
        CHECK(clock.store.claim(event_id, owner, 30s) == Claim::granted);
    });
    CHECK(refusals > 1);
}

TEST_CASE("a completed claim that has expired is claimed anew, or is not, without memory", "[failure_injection]") {
    const long refusals = fail_each_allocation([](Trial& trial) {
        Clock clock;
        CHECK(clock.store.claim(event_id, "a", 30s) == Claim::granted);
        CHECK(clock.store.complete(event_id, "a"));
        clock.time += 24h * 8;
        const bool whole = trial.run([&] { clock.store.claim(event_id, other, 30s); });
        CHECK(whole != trial.refused());
        CHECK(clock.store.claim(event_id, owner, 30s) == (whole ? Claim::in_progress : Claim::granted));
        CHECK(clock.store.complete(event_id, whole ? other : owner));
    });
    CHECK(refusals > 1);
}

TEST_CASE("a MemoryStore that grows and forgets holds what was granted, whichever claim lacks memory",
          "[failure_injection]") {
    constexpr int count = 40;
    const auto name = [](int i) { return event_id + std::to_string(i); };
    const long refusals = fail_each_allocation([&](Trial& trial) {
        Clock clock;
        for (int i = 0; i < count; ++i) clock.store.claim("old" + std::to_string(i), "a", 1s);
        clock.time += 24h * 8;  // each new claim removes some of these
        int granted = 0;
        std::vector<std::string> names;
        for (int i = 0; i < count; ++i) names.push_back(name(i));
        trial.run([&] {
            while (granted < count) {
                clock.store.claim(names[static_cast<std::size_t>(granted)], owner, 30s);
                ++granted;
            }
        });
        CHECK((granted == count) != trial.refused());
        bool as_granted = true;
        for (int i = 0; i < count; ++i)
            as_granted &= clock.store.claim(name(i), other, 30s) == (i < granted ? Claim::in_progress : Claim::granted);
        CHECK(as_granted);
        for (int i = 0; i < count; ++i) as_granted &= clock.store.complete(name(i), i < granted ? owner : other);
        CHECK(as_granted);
    });
    CHECK(refusals > 4 * count);
}

TEST_CASE("what ends a claim of a MemoryStore needs no memory", "[failure_injection]") {
    const long refusals = fail_each_allocation([](Trial& trial) {
        MemoryStore store;
        store.claim(event_id, owner, 30s);
        std::vector<bool> held(5);
        const bool whole = trial.run([&] {
            held[0] = store.renew(event_id, owner, 30s);
            held[1] = store.release(event_id, other);
            held[2] = store.complete(event_id, owner);
            held[3] = store.complete(event_id, owner);
            held[4] = store.forget(event_id);
        });
        CHECK(whole);
        CHECK(held == std::vector<bool>{true, false, true, true, true});
        store.claim(event_id, owner, 30s);
        bool released = false;
        CHECK(trial.run([&] { released = store.release(event_id, owner); }));
        CHECK(released);
    });
    CHECK(refusals == 0);
}
