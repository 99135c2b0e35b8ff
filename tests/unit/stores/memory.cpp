// SPDX-License-Identifier: MIT
#include <pivotal/stores/memory.hpp>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"

namespace unit_idempotency {

// What every store must do is in tests/system/stores; here is what only MemoryStore has: a clock that can be set.

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
    CHECK(f.store.renew("evt_1", "b", 30s));
    CHECK(f.store.claim("evt_1", "c", 30s) == Claim::in_progress);
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
        Fixture f(0s);
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

namespace {

/// Of `count` ids that begin with `name`, which are still kept: at the time that is set, all that are kept are held or
/// remembered.
std::vector<int> kept(Fixture& f, const std::string& name, int count) {
    std::vector<int> found;
    for (int i = 0; i < count; ++i)
        if (f.store.renew(name + std::to_string(i), "a", 1h) || f.store.complete(name + std::to_string(i), "a"))
            found.push_back(i);
    return found;
}

}  // namespace

// A clock that is set back shows what was freed: the store would still know the rest.

TEST_CASE("a new id frees four completed ids and four claims that are over, the oldest first", "[idempotency]") {
    Fixture f(1h);
    const auto start = f.now;
    for (int i = 0; i < 6; ++i) {
        CHECK(f.store.claim("claimed_" + std::to_string(i), "a", 1h) == Claim::granted);
        CHECK(f.store.claim("completed_" + std::to_string(i), "a", 1h) == Claim::granted);
        CHECK(f.store.complete("completed_" + std::to_string(i), "a"));
    }
    f.now += 2h - 1ms;
    SECTION("none that is not over") {
        CHECK(f.store.claim("new_1", "a", 1h) == Claim::granted);
        f.now = start;
        CHECK(kept(f, "claimed_", 6) == std::vector<int>{0, 1, 2, 3, 4, 5});
        CHECK(kept(f, "completed_", 6) == std::vector<int>{4, 5});
    }
    SECTION("exactly when it is over") {
        f.now += 1ms;
        CHECK(f.store.claim("new_1", "a", 1h) == Claim::granted);
        f.now = start;
        CHECK(kept(f, "claimed_", 6) == std::vector<int>{4, 5});
        CHECK(kept(f, "completed_", 6) == std::vector<int>{4, 5});
    }
    SECTION("the next one frees the rest") {
        f.now += 1ms;
        CHECK(f.store.claim("new_1", "a", 1h) == Claim::granted);
        CHECK(f.store.claim("new_2", "a", 1h) == Claim::granted);
        f.now = start;
        CHECK(kept(f, "claimed_", 6).empty());
        CHECK(kept(f, "completed_", 6).empty());
        CHECK(kept(f, "new_", 3) == std::vector<int>{1, 2});
    }
    SECTION("a claim of an id that is known frees none") {
        f.now += 1ms;
        CHECK(f.store.claim("claimed_5", "a", 1h) == Claim::granted);
        CHECK(f.store.claim("completed_5", "a", 1h) == Claim::granted);
        f.now = start;
        CHECK(kept(f, "claimed_", 6) == std::vector<int>{0, 1, 2, 3, 4, 5});
        CHECK(kept(f, "completed_", 6) == std::vector<int>{0, 1, 2, 3, 4, 5});
    }
}

TEST_CASE("an id that is claimed again, renewed or completed is freed behind those that are over earlier",
          "[idempotency]") {
    Fixture f(1h);
    const auto start = f.now;
    for (const char* const id : {"id_0", "id_1", "id_2", "id_3", "id_4"})
        CHECK(f.store.claim(id, "a", 1h) == Claim::granted);
    std::vector<int> left{0};
    SECTION("claimed again by its owner") {
        f.now += 1h;
        CHECK(f.store.claim("id_0", "a", 1h) == Claim::granted);
    }
    SECTION("claimed again by another, and released") {
        f.now += 1h;
        CHECK(f.store.claim("id_0", "b", 1h) == Claim::granted);
        CHECK(f.store.release("id_0", "b"));
        left.clear();
    }
    SECTION("renewed") {
        f.now += 1h;
        CHECK(f.store.renew("id_0", "a", 1h));
    }
    SECTION("completed") {
        f.now += 90min;
        CHECK(f.store.complete("id_0", "a"));
    }
    SECTION("completed, and claimed again when it was over") {
        CHECK(f.store.complete("id_0", "a"));
        f.now += 1h;
        CHECK(f.store.claim("id_0", "a", 1h) == Claim::granted);
        for (const char* const id : {"done_0", "done_1", "done_2", "done_3"}) {
            CHECK(f.store.claim(id, "a", 0s) == Claim::granted);
            CHECK(f.store.complete(id, "a"));
        }
        f.now = start + 2h;
        CHECK(f.store.claim("new_1", "a", 1h) == Claim::granted);
        f.now = start + 1h;
        CHECK(kept(f, "done_", 4).empty());
        CHECK(kept(f, "id_", 5) == left);
        return;
    }
    f.now = start + 2h;
    CHECK(f.store.claim("new_1", "a", 1h) == Claim::granted);
    f.now = start;
    CHECK(kept(f, "id_", 5) == left);
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

}  // namespace unit_idempotency
