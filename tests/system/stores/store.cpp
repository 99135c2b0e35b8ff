// SPDX-License-Identifier: MIT

// What every IdempotencyStore must do. Compiled once for each kind of store.

#include PIVOTAL_TEST_KIND

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>

#include <pivotal/receiver.hpp>

#include "../../support/message.hpp"
#include "catch.hpp"

namespace stores_store {

using namespace std::chrono_literals;
using namespace std::string_literals;
using pivotal::Claim;
using pivotal::IdempotencyStore;
using pivotal::StoreOptions;
using support::FakeClocked;
using support::Kind;

namespace {

constexpr auto long_lease = 1h;

/// A claim whose lease is over, and that nobody has taken.
void claim_and_let_run_out(IdempotencyStore& store, const std::string& id, const std::string& owner) {
    REQUIRE(store.claim(id, owner, 0ms) == Claim::granted);
}

void check_owner_is_refused(IdempotencyStore& store, const std::string& id, const std::string& owner) {
    CHECK_FALSE(store.renew(id, owner, long_lease));
    CHECK_FALSE(store.complete(id, owner));
    CHECK_FALSE(store.release(id, owner));
}

/// A store that counts how often it was asked for a claim.
class Counting : public IdempotencyStore {
public:
    explicit Counting(std::shared_ptr<IdempotencyStore> of) : of_(std::move(of)) {}
    Claim claim(std::string_view id, std::string_view owner, std::chrono::milliseconds lease) override {
        ++claims;
        return of_->claim(id, owner, lease);
    }
    bool renew(std::string_view id, std::string_view owner, std::chrono::milliseconds lease) override {
        return of_->renew(id, owner, lease);
    }
    bool complete(std::string_view id, std::string_view owner) override { return of_->complete(id, owner); }
    bool release(std::string_view id, std::string_view owner) override { return of_->release(id, owner); }
    bool forget(std::string_view id) override { return of_->forget(id); }

    std::atomic<int> claims{0};

private:
    std::shared_ptr<IdempotencyStore> of_;
};

/// How many descriptors a program that this process starts would have.
std::size_t inherited_descriptors() {
    std::size_t count = 0;
    for (const auto& one : std::filesystem::directory_iterator("/proc/self/fd")) {
        const int flags = fcntl(std::stoi(one.path().filename().string()), F_GETFD);
        if (flags >= 0 && (flags & FD_CLOEXEC) == 0) ++count;
    }
    return count;
}

}  // namespace

TEST_CASE("a program that a handler starts inherits nothing of a store", "[store]") {
    Kind kind;
    const std::size_t before = inherited_descriptors();
    const auto store = kind.store();
    CHECK(store->claim("evt_1", "a", long_lease) == Claim::granted);
    CHECK(inherited_descriptors() == before);
}

TEST_CASE("an id that is unknown is granted, to one owner", "[store]") {
    Kind kind;
    const auto store = kind.store();
    CHECK(store->claim("evt_1", "a", long_lease) == Claim::granted);
    CHECK(store->claim("evt_1", "b", long_lease) == Claim::in_progress);
    CHECK(store->claim("evt_2", "b", long_lease) == Claim::granted);
    check_owner_is_refused(*store, "evt_1", "b");
    check_owner_is_refused(*store, "evt_3", "b");
    CHECK(store->renew("evt_1", "a", long_lease));
    CHECK(store->complete("evt_1", "a"));
}

TEST_CASE("a completed id is a duplicate for everybody", "[store]") {
    Kind kind;
    const auto store = kind.store();
    CHECK(store->claim("evt_1", "a", long_lease) == Claim::granted);
    CHECK(store->complete("evt_1", "a"));
    CHECK(store->claim("evt_1", "b", long_lease) == Claim::duplicate);
    CHECK(store->claim("evt_1", "a", long_lease) == Claim::duplicate);
    CHECK_FALSE(store->renew("evt_1", "a", long_lease));
    CHECK_FALSE(store->release("evt_1", "a"));
    CHECK_FALSE(store->complete("evt_1", "b"));
    CHECK(store->claim("evt_1", "b", long_lease) == Claim::duplicate);
}

TEST_CASE("claim, renew and complete can be repeated by their owner", "[store]") {
    Kind kind;
    const auto store = kind.store();
    for (int i = 0; i < 3; ++i) CHECK(store->claim("evt_1", "a", long_lease) == Claim::granted);
    for (int i = 0; i < 3; ++i) CHECK(store->renew("evt_1", "a", long_lease));
    for (int i = 0; i < 3; ++i) CHECK(store->complete("evt_1", "a"));
    CHECK(store->claim("evt_1", "b", long_lease) == Claim::duplicate);

    // The lease of a repeated claim starts anew.
    CHECK(store->claim("evt_2", "a", long_lease) == Claim::granted);
    CHECK(store->claim("evt_2", "a", 0ms) == Claim::granted);
    CHECK(store->claim("evt_2", "b", long_lease) == Claim::granted);
}

TEST_CASE("what is released can be claimed", "[store]") {
    Kind kind;
    const auto store = kind.store();
    CHECK(store->claim("evt_1", "a", long_lease) == Claim::granted);
    CHECK(store->release("evt_1", "a"));
    CHECK_FALSE(store->release("evt_1", "a"));
    CHECK_FALSE(store->complete("evt_1", "a"));
    CHECK(store->claim("evt_1", "b", long_lease) == Claim::granted);
    CHECK_FALSE(store->release("evt_1", "a"));
    CHECK(store->complete("evt_1", "b"));
}

TEST_CASE("what is forgotten is as if it had never been", "[store]") {
    Kind kind;
    const auto store = kind.store();
    CHECK_FALSE(store->forget("evt_1"));
    CHECK(store->claim("evt_1", "a", long_lease) == Claim::granted);
    SECTION("completed") {
        CHECK(store->complete("evt_1", "a"));
        CHECK(store->forget("evt_1"));
        CHECK_FALSE(store->complete("evt_1", "a"));
    }
    SECTION("in progress") {
        CHECK(store->forget("evt_1"));
    }
    SECTION("with its lease over") {
        CHECK(store->renew("evt_1", "a", 0ms));
        CHECK(store->forget("evt_1"));
    }
    CHECK_FALSE(store->forget("evt_1"));
    check_owner_is_refused(*store, "evt_1", "a");
    CHECK(store->claim("evt_1", "b", long_lease) == Claim::granted);
    CHECK(store->complete("evt_1", "b"));
}

TEST_CASE("a lease that ran out is taken over, and its old owner refused", "[store]") {
    Kind kind;
    const auto store = kind.store();
    claim_and_let_run_out(*store, "evt_1", "a");
    CHECK(store->claim("evt_1", "b", long_lease) == Claim::granted);
    CHECK(store->claim("evt_1", "a", long_lease) == Claim::in_progress);
    check_owner_is_refused(*store, "evt_1", "a");
    CHECK(store->complete("evt_1", "b"));
    CHECK(store->claim("evt_1", "a", long_lease) == Claim::duplicate);
    check_owner_is_refused(*store, "evt_1", "a");
}

TEST_CASE("a lease runs out by itself", "[store]") {
    Kind kind;
    const auto store = kind.store();
    CHECK(store->claim("evt_1", "a", 50ms) == Claim::granted);
    const auto claimed = std::chrono::steady_clock::now();
    support::wait_until("the lease is over", [&] { return store->claim("evt_1", "b", long_lease) == Claim::granted; });
    // The lease began before `claimed` was read, by at most the time of the call.
    CHECK(std::chrono::steady_clock::now() - claimed >= 40ms);
}

TEST_CASE("a lease that ran out is its owner's until somebody takes it", "[store]") {
    Kind kind;
    const auto store = kind.store();
    claim_and_let_run_out(*store, "evt_1", "a");
    SECTION("to complete") {
        CHECK(store->complete("evt_1", "a"));
        CHECK(store->claim("evt_1", "b", long_lease) == Claim::duplicate);
    }
    SECTION("to release") {
        CHECK(store->release("evt_1", "a"));
    }
    SECTION("to renew") {
        CHECK(store->renew("evt_1", "a", long_lease));
        CHECK(store->claim("evt_1", "b", long_lease) == Claim::in_progress);
    }
    SECTION("to claim again") {
        CHECK(store->claim("evt_1", "a", long_lease) == Claim::granted);
        CHECK(store->claim("evt_1", "b", long_lease) == Claim::in_progress);
    }
}

TEST_CASE("a delivery of an event in progress elsewhere waits for its outcome", "[store]") {
    Kind kind;
    const auto elsewhere = kind.store();
    const auto store = std::make_shared<Counting>(kind.store());
    std::atomic<int> handled{0};
    pivotal::ReceiverOptions options;
    options.wait = std::chrono::seconds(9);
    const auto deliver = [&] {
        pivotal::Receiver receiver(
            pivotal::Webhook(support::secret), store, [&](const pivotal::Event&) { ++handled; }, options);
        support::Message message;
        message.body = R"({"id":"evt_1","type":"customer.created"})";
        message.sign();
        const auto reply =
            receiver.receive(message.body, {message.id, message.timestamp, message.signature}, support::now);
        return std::to_string(reply.status) + " " + std::string(reply.body);
    };
    REQUIRE(elsewhere->claim("evt_1", "elsewhere", long_lease) == Claim::granted);
    std::thread other;
    const auto once_it_waits = [&](auto work) {
        other = std::thread([&, work] {
            while (store->claims < 2) std::this_thread::yield();
            work();
        });
    };
    SECTION("done: a duplicate") {
        once_it_waits([&] { elsewhere->complete("evt_1", "elsewhere"); });
        CHECK(deliver() == "200 duplicate");
        CHECK(handled == 0);
    }
    SECTION("failed: it is handled here") {
        once_it_waits([&] { elsewhere->release("evt_1", "elsewhere"); });
        CHECK(deliver() == "200 ok");
        CHECK(handled == 1);
    }
    SECTION("none in time: to be sent again") {
        options.wait = std::chrono::milliseconds(50);
        CHECK(deliver() == "409 in progress");
        CHECK(handled == 0);
    }
    if (other.joinable()) other.join();
    if (handled == 0) CHECK(elsewhere->claim("evt_1", "a", long_lease) != Claim::granted);
}

TEST_CASE("ids, owners and consumers are bytes", "[store]") {
    Kind kind;
    const std::vector<std::string> names{"",
                                         "'",
                                         "\"",
                                         "''",
                                         "\\",
                                         "`",
                                         "$1",
                                         "?",
                                         "%s",
                                         "{}",
                                         "*",
                                         ":",
                                         "a:b",
                                         "5:a",
                                         " ",
                                         "\r\n",
                                         "\t",
                                         "x'); DROP TABLE pivotal_claims; --",
                                         "\0"s,
                                         "a\0"s,
                                         "a\0b"s,
                                         "a\0c"s,
                                         "a",
                                         "\xff\xfe",
                                         "\xc3\x28",
                                         "Zoë 🎉",
                                         std::string(255, 'x'),
                                         std::string(256, 'x'),
                                         std::string(256, '\0'),
                                         std::string(256, '\xff')};
    SECTION("ids") {
        const auto store = kind.store();
        for (const std::string& name : names) CHECK(store->claim(name, "a", long_lease) == Claim::granted);
        for (const std::string& name : names) CHECK(store->claim(name, "b", long_lease) == Claim::in_progress);
        for (const std::string& name : names) CHECK(store->renew(name, "a", long_lease));
        for (const std::string& name : names) CHECK(store->complete(name, "a"));
        for (const std::string& name : names) CHECK(store->claim(name, "b", long_lease) == Claim::duplicate);
        for (const std::string& name : names) CHECK(store->forget(name));
    }
    SECTION("owners") {
        const auto store = kind.store();
        for (const std::string& owner : names) {
            CHECK(store->claim("evt_1", owner, long_lease) == Claim::granted);
            for (const std::string& other : names)
                if (other != owner) check_owner_is_refused(*store, "evt_1", other);
            CHECK(store->release("evt_1", owner));
        }
    }
    SECTION("consumers") {
        if (!Kind::is_shared) return;
        StoreOptions options;
        for (const std::string& name : names) {
            options.consumer = name;
            CHECK(kind.store(options)->claim("evt_1", "a", long_lease) == Claim::granted);
        }
        for (const std::string& name : names) {
            options.consumer = name;
            CHECK(kind.store(options)->claim("evt_1", "b", long_lease) == Claim::in_progress);
            CHECK(kind.store(options)->complete("evt_1", "a"));
        }
    }
}

TEST_CASE("two consumers of one database do not take each other's events", "[store]") {
    if (!Kind::is_shared) return;
    Kind kind;
    const auto billing = kind.store({"billing"}), mailing = kind.store({"mailing"});
    CHECK(billing->claim("evt_1", "a", long_lease) == Claim::granted);
    check_owner_is_refused(*mailing, "evt_1", "a");
    CHECK_FALSE(mailing->forget("evt_1"));
    CHECK(mailing->claim("evt_1", "b", long_lease) == Claim::granted);
    CHECK(billing->renew("evt_1", "a", 0ms));
    CHECK(mailing->claim("evt_1", "c", long_lease) == Claim::in_progress);
    CHECK(billing->complete("evt_1", "a"));
    CHECK(mailing->claim("evt_1", "c", long_lease) == Claim::in_progress);
    CHECK(mailing->release("evt_1", "b"));
    CHECK(mailing->claim("evt_1", "c", long_lease) == Claim::granted);
    CHECK(billing->claim("evt_1", "c", long_lease) == Claim::duplicate);
    CHECK(mailing->forget("evt_1"));
    CHECK(billing->claim("evt_1", "c", long_lease) == Claim::duplicate);

    // Names that only a separator would keep apart.
    CHECK(kind.store({"a:1"})->claim("x", "a", long_lease) == Claim::granted);
    CHECK(kind.store({"a"})->claim("1:x", "b", long_lease) == Claim::granted);
    CHECK(kind.store({"a"})->claim(":1x", "c", long_lease) == Claim::granted);
}

TEST_CASE("durations beyond all sense are cut to sense", "[store]") {
    Kind kind;
    SECTION("leases") {
        const auto store = kind.store();
        CHECK(store->claim("evt_1", "a", std::chrono::milliseconds::max()) == Claim::granted);
        CHECK(store->claim("evt_1", "b", std::chrono::milliseconds::max()) == Claim::in_progress);
        CHECK(store->renew("evt_1", "a", std::chrono::milliseconds::max()));
        CHECK(store->renew("evt_1", "a", std::chrono::milliseconds::min()));
        CHECK(store->claim("evt_1", "b", std::chrono::milliseconds::min()) == Claim::granted);
        CHECK(store->claim("evt_1", "c", 1h) == Claim::granted);
    }
    SECTION("a retention without end") {
        const auto store = kind.store({"default", std::chrono::seconds::max()});
        CHECK(store->claim("evt_1", "a", std::chrono::milliseconds::max()) == Claim::granted);
        CHECK(store->complete("evt_1", "a"));
        CHECK(store->claim("evt_1", "b", 1h) == Claim::duplicate);
    }
    SECTION("no retention") {
        const auto store = kind.store({"default", 0s});
        CHECK(store->claim("evt_1", "a", 1h) == Claim::granted);
        CHECK(store->claim("evt_1", "b", 1h) == Claim::in_progress);
        CHECK(store->complete("evt_1", "a"));
        CHECK(store->claim("evt_1", "b", 1h) == Claim::granted);
    }
}

TEST_CASE("options that make no sense are refused", "[store]") {
    const auto refused = [](std::chrono::seconds retention, int connections) {
        Kind kind;  // a store in memory is made once for each
        StoreOptions options;
        options.retention = retention;
        options.connections = connections;
        try {
            kind.store(options);
        } catch (const std::invalid_argument&) {
            return true;
        }
        return false;
    };
    CHECK(StoreOptions{}.retention == 24h * 7);
    CHECK(StoreOptions{}.connections == 10);
    CHECK_FALSE(refused(0s, 1));
    CHECK_FALSE(refused(std::chrono::seconds::max(), 1000));
    for (const auto retention : {-1s, std::chrono::seconds::min()}) CHECK(refused(retention, 10));
    for (const int connections : {0, -1, 1001}) CHECK(refused(1h, connections));
}

TEST_CASE("what was completed is still known to another client, and after a restart", "[store]") {
    if (!Kind::is_shared) return;
    Kind kind;
    {
        const auto store = kind.store(), other = kind.store();
        CHECK(store->claim("evt_1", "a", long_lease) == Claim::granted);
        CHECK(other->claim("evt_1", "b", long_lease) == Claim::in_progress);
        CHECK(other->complete("evt_1", "a"));
    }
    CHECK(kind.store()->claim("evt_1", "b", long_lease) == Claim::duplicate);
}

TEST_CASE("of 16 threads one wins each of 1,000 rounds", "[store][race]") {
    Kind kind;
    constexpr std::size_t threads = 16, rounds = 1000;
    struct Round {
        std::atomic<int> granted{0}, completed{0};
        std::atomic<bool> by_another{false};
    };
    std::vector<Round> outcome(rounds);
    std::vector<std::thread> running;
    std::atomic<int> errors{0};
    // Half of the threads share a client, the others have one of their own.
    const auto shared = kind.store();
    for (std::size_t thread = 0; thread < threads; ++thread)
        running.emplace_back([&, store = thread % 2 ? shared : kind.store(), owner = std::to_string(thread)] {
            try {
                for (std::size_t round = 0; round < rounds; ++round) {
                    const std::string id = "evt_" + std::to_string(round);
                    if (store->claim(id, owner, long_lease) == Claim::granted) {
                        ++outcome[round].granted;
                        if (store->complete(id, owner)) ++outcome[round].completed;
                    } else if (round % 50 == 0 && store->complete(id, owner)) {
                        outcome[round].by_another = true;
                    }
                }
            } catch (...) {
                ++errors;
            }
        });
    for (std::thread& thread : running) thread.join();
    CHECK(errors == 0);
    int wrong = 0;
    for (const Round& round : outcome)
        if (round.granted != 1 || round.completed != 1 || round.by_another) ++wrong;
    CHECK(wrong == 0);
}

TEST_CASE("of 16 threads one takes over a lease that ran out", "[store][race]") {
    Kind kind;
    constexpr std::size_t threads = 16, rounds = 100;
    const auto store = kind.store();
    std::vector<std::atomic<int>> granted(rounds);
    for (std::size_t round = 0; round < rounds; ++round)
        claim_and_let_run_out(*store, "evt_" + std::to_string(round), "dead");
    std::vector<std::thread> running;
    for (std::size_t thread = 0; thread < threads; ++thread)
        running.emplace_back([&, owner = std::to_string(thread)] {
            for (std::size_t round = 0; round < rounds; ++round)
                if (store->claim("evt_" + std::to_string(round), owner, long_lease) == Claim::granted) ++granted[round];
        });
    for (std::thread& thread : running) thread.join();
    int wrong = 0;
    for (const std::atomic<int>& count : granted)
        if (count != 1) ++wrong;
    CHECK(wrong == 0);
}

TEST_CASE("a claim takes as long with a million ids as with a thousand", "[store][million]") {
    Kind kind;
    const auto store = kind.store();
    // The fastest of many: what else the machine does is no matter.
    const auto fastest = [&](const std::string& prefix) {
        auto best = std::chrono::steady_clock::duration::max();
        for (int i = 0; i < 400; ++i) {
            const std::string id = prefix + std::to_string(i * 7919);
            const auto start = std::chrono::steady_clock::now();
            const Claim claim = store->claim(id, "a", long_lease);
            best = std::min(best, std::chrono::steady_clock::now() - start);
            if (claim != Claim::granted) support::fail("not granted");
        }
        return std::chrono::duration<double, std::micro>(best).count();
    };
    kind.fill(1000);
    const double with_few = fastest("evt_a");
    kind.fill(1'000'000);
    const double with_many = fastest("evt_b");
    std::printf("a claim: %.1f us with 1,000 ids, %.1f us with 1,000,000\n", with_few, with_many);
    CHECK(with_many < 3 * with_few + 20);
}

// ---- On a clock that the test sets: so many seconds ahead of the machine's, and running on ----

TEST_CASE("a completed id is remembered for the retention, to the second", "[store][clock]") {
    FakeClocked kind;
    const auto store = kind.store();
    // The clock runs on: a round in which the machine was busy for a second says nothing.
    bool in_time = false;
    for (int round = 0; !in_time && round < 100; ++round) {
        const std::string id = "evt_" + std::to_string(round);
        const std::chrono::seconds start = round * 400h;
        kind.set(start);
        CHECK(store->claim(id, "a", 1h) == Claim::granted);
        kind.set(start + 1800s);
        CHECK(store->complete(id, "a"));
        const auto completed = std::chrono::steady_clock::now();
        kind.set(start + 1800s + 168h - 60s);
        CHECK(store->complete(id, "a"));  // which does not prolong it
        kind.set(start + 1800s + 168h - 1s);
        const Claim before = store->claim(id, "b", 1h);
        kind.set(start + 1800s + 168h);
        const bool held = store->complete(id, "a"), known = store->forget(id);
        const Claim after = store->claim(id, "b", 1h);
        in_time = std::chrono::steady_clock::now() - completed < 1s;
        if (!in_time) continue;
        CHECK(before == Claim::duplicate);
        CHECK_FALSE(held);
        CHECK_FALSE(known);
        CHECK(after == Claim::granted);
        CHECK(store->complete(id, "b"));
    }
    CHECK(in_time);
}

TEST_CASE("the retention is the option's", "[store][clock]") {
    FakeClocked kind;
    const auto store = kind.store({"default", 1h});
    CHECK(store->claim("evt_1", "a", 30s) == Claim::granted);
    CHECK(store->complete("evt_1", "a"));
    kind.set(3540s);
    CHECK(store->claim("evt_1", "b", 30s) == Claim::duplicate);
    kind.set(3601s);
    CHECK(store->claim("evt_1", "b", 30s) == Claim::granted);
}

TEST_CASE("a lease counts on the store's clock", "[store][clock]") {
    FakeClocked kind;
    const auto store = kind.store();
    CHECK(store->claim("evt_1", "a", 600s) == Claim::granted);
    CHECK(store->claim("evt_2", "a", 600s) == Claim::granted);
    kind.set(400s);
    CHECK(store->claim("evt_1", "b", 600s) == Claim::in_progress);
    CHECK(store->renew("evt_2", "a", 600s));
    kind.set(700s);
    CHECK(store->claim("evt_2", "b", 600s) == Claim::in_progress);
    CHECK(store->claim("evt_1", "b", 600s) == Claim::granted);
    CHECK(store->renew("evt_2", "a", 600s));
}

TEST_CASE("a claim that nobody ended is unknown a retention after its lease", "[store][clock]") {
    FakeClocked kind;
    const auto store = kind.store();
    CHECK(store->claim("evt_1", "a", 600s) == Claim::granted);
    kind.set(168h + 300s);
    CHECK(store->renew("evt_1", "a", 600s));
    kind.set(168h + 700s);
    CHECK(store->renew("evt_1", "a", 600s));
    kind.set(2 * 168h + 1500s);
    check_owner_is_refused(*store, "evt_1", "a");
    CHECK_FALSE(store->forget("evt_1"));
}

}  // namespace stores_store
