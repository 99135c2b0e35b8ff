// SPDX-License-Identifier: MIT
#include <pivotal/idempotency.hpp>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"

// What every store must do is in tests/stores; here is what only MemoryStore has: a clock that can be set.

using namespace std::chrono_literals;
using pivotal::Claim;
using pivotal::MemoryStore;
using pivotal::StoreOptions;

namespace {

/// A MemoryStore, and the time that it sees.
struct Fixture {
    std::chrono::steady_clock::time_point now{1000h};
    MemoryStore store;

    explicit Fixture(std::chrono::seconds retention = 168h)
        : store(StoreOptions{"default", retention}, [this] { return now; }) {}
};

}  // namespace

TEST_CASE("the defaults are Pivotal's rules", "[idempotency]") {
    CHECK(StoreOptions{}.consumer == "default");
    CHECK(StoreOptions{}.retention == 168h);
}

TEST_CASE("a claim lasts exactly as long as its lease", "[idempotency]") {
    Fixture f;
    CHECK(f.store.claim("evt_1", "a", 30s) == Claim::granted);
    f.now += 30s - 1ms;
    CHECK(f.store.claim("evt_1", "b", 30s) == Claim::in_progress);
    f.now += 1ms;
    CHECK(f.store.claim("evt_1", "b", 30s) == Claim::granted);
    CHECK_FALSE(f.store.renew("evt_1", "a", 30s));
    CHECK_FALSE(f.store.complete("evt_1", "a"));
    CHECK_FALSE(f.store.release("evt_1", "a"));
    CHECK(f.store.complete("evt_1", "b"));
}

TEST_CASE("a renewed lease counts from its renewal", "[idempotency]") {
    Fixture f;
    CHECK(f.store.claim("evt_1", "a", 30s) == Claim::granted);
    f.now += 20s;
    CHECK(f.store.renew("evt_1", "a", 30s));
    f.now += 30s - 1ms;
    CHECK(f.store.claim("evt_1", "b", 30s) == Claim::in_progress);
    f.now += 1ms;
    CHECK(f.store.claim("evt_1", "b", 30s) == Claim::granted);
}

TEST_CASE("a lease that ran out is still its owner's until somebody takes it", "[idempotency]") {
    Fixture f;
    CHECK(f.store.claim("evt_1", "a", 30s) == Claim::granted);
    f.now += 1h;
    SECTION("to complete") {
        CHECK(f.store.complete("evt_1", "a"));
    }
    SECTION("to release") {
        CHECK(f.store.release("evt_1", "a"));
    }
    SECTION("to renew") {
        CHECK(f.store.renew("evt_1", "a", 30s));
        CHECK(f.store.claim("evt_1", "b", 30s) == Claim::in_progress);
    }
    SECTION("to claim again") {
        CHECK(f.store.claim("evt_1", "a", 30s) == Claim::granted);
        CHECK(f.store.claim("evt_1", "b", 30s) == Claim::in_progress);
    }
}

TEST_CASE("a completed id is remembered for exactly the retention", "[idempotency]") {
    Fixture f;
    CHECK(f.store.claim("evt_1", "a", 30s) == Claim::granted);
    f.now += 10s;
    CHECK(f.store.complete("evt_1", "a"));
    f.now += 168h - 1ms;
    CHECK(f.store.claim("evt_1", "b", 30s) == Claim::duplicate);
    CHECK(f.store.complete("evt_1", "a"));  // a repetition does not prolong it
    f.now += 1ms;
    CHECK_FALSE(f.store.complete("evt_1", "a"));
    CHECK_FALSE(f.store.forget("evt_1"));
    CHECK(f.store.claim("evt_1", "b", 30s) == Claim::granted);
    CHECK(f.store.complete("evt_1", "b"));
}

TEST_CASE("a claim that nobody ended is forgotten a retention after its lease", "[idempotency]") {
    Fixture f;
    CHECK(f.store.claim("evt_1", "a", 30s) == Claim::granted);
    f.now += 168h + 30s;
    CHECK_FALSE(f.store.renew("evt_1", "a", 30s));
    CHECK_FALSE(f.store.complete("evt_1", "a"));
    CHECK_FALSE(f.store.release("evt_1", "a"));
    CHECK_FALSE(f.store.forget("evt_1"));
}

TEST_CASE("durations beyond all sense are cut to sense", "[idempotency]") {
    SECTION("nothing") {
        Fixture f(-1s);
        CHECK(f.store.claim("evt_1", "a", -1ms) == Claim::granted);
        CHECK(f.store.claim("evt_1", "b", 30s) == Claim::granted);
        CHECK(f.store.complete("evt_1", "b"));
        CHECK(f.store.claim("evt_1", "c", 30s) == Claim::granted);
    }
    SECTION("for ever") {
        Fixture f(std::chrono::seconds::max());
        CHECK(f.store.claim("evt_1", "a", std::chrono::milliseconds::max()) == Claim::granted);
        CHECK(f.store.claim("evt_1", "b", 30s) == Claim::in_progress);
        CHECK(f.store.complete("evt_1", "a"));
        f.now += 24h * 365 * 50;
        CHECK(f.store.claim("evt_1", "b", 30s) == Claim::duplicate);
    }
}

TEST_CASE("of sixteen threads that claim an id one is granted it", "[idempotency]") {
    MemoryStore store;
    constexpr int threads = 16, rounds = 200;
    std::vector<std::atomic<int>> granted(rounds), completed(rounds);
    std::vector<std::thread> running;
    for (int thread = 0; thread < threads; ++thread)
        running.emplace_back([&, owner = std::to_string(thread)] {
            for (int round = 0; round < rounds; ++round) {
                const std::string id = "evt_" + std::to_string(round);
                if (store.claim(id, owner, 1h) == Claim::granted) ++granted[static_cast<std::size_t>(round)];
                store.renew(id, owner, 1h);
                if (store.complete(id, owner)) ++completed[static_cast<std::size_t>(round)];
            }
        });
    for (std::thread& thread : running) thread.join();
    for (int round = 0; round < rounds; ++round) {
        CHECK(granted[static_cast<std::size_t>(round)] == 1);
        CHECK(completed[static_cast<std::size_t>(round)] == 1);
    }
}
