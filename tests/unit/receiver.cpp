// SPDX-License-Identifier: MIT
#include <pivotal/receiver.hpp>
#include <pivotal/stores/memory.hpp>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "../support/message.hpp"
#include "catch.hpp"
#include "outcome.hpp"
#include "without_threads.hpp"

namespace unit_receiver {

using namespace std::chrono_literals;
using pivotal::Claim;
using pivotal::Event;
using pivotal::MemoryStore;
using pivotal::Observation;
using pivotal::Receiver;
using pivotal::Reply;
using pivotal::StoreError;
using pivotal::Webhook;
using support::Message;
using Kind = pivotal::Observation::Kind;

namespace {

/// A MemoryStore that counts what it is asked, and fails where a test says so.
class Store : public pivotal::IdempotencyStore {
public:
    std::function<void()> on_claim, on_renew, on_complete, on_release;
    std::atomic<int> claims{0}, renewals{0}, completions{0}, releases{0};
    bool lose_reply = false;  // of the next completion, which is stored
    MemoryStore memory;

    Claim claim(std::string_view id, std::string_view owner, std::chrono::milliseconds lease) override {
        ++claims;
        if (on_claim) on_claim();
        return memory.claim(id, owner, lease);
    }
    bool renew(std::string_view id, std::string_view owner, std::chrono::milliseconds lease) override {
        ++renewals;
        if (on_renew) on_renew();
        return memory.renew(id, owner, lease);
    }
    bool complete(std::string_view id, std::string_view owner) override {
        ++completions;
        if (on_complete) on_complete();
        const bool held = memory.complete(id, owner);
        if (std::exchange(lose_reply, false)) throw StoreError("connection reset");
        return held;
    }
    bool release(std::string_view id, std::string_view owner) override {
        ++releases;
        if (on_release) on_release();
        return memory.release(id, owner);
    }
    bool forget(std::string_view id) override { return memory.forget(id); }

    int calls() const { return claims + renewals + completions + releases; }
};

struct NoInbox : pivotal::Inbox {
    bool put(const Event&, pivotal::Body) override { return true; }
    std::optional<pivotal::Job> take(std::chrono::milliseconds) override { return std::nullopt; }
    bool renew(const pivotal::Job&, std::chrono::milliseconds) override { return false; }
    bool done(const pivotal::Job&) override { return false; }
    bool retry(const pivotal::Job&, std::chrono::milliseconds, std::string_view) override { return false; }
    bool postpone(const pivotal::Job&, std::chrono::milliseconds, std::string_view) override { return false; }
    bool bury(const pivotal::Job&, std::string_view) override { return false; }
    std::vector<pivotal::DeadJob> dead(std::size_t, std::string_view) override { return {}; }
    bool requeue(std::string_view) override { return false; }
    bool forget(std::string_view) override { return false; }
    std::uint64_t purge(std::chrono::seconds) override { return 0; }
    pivotal::InboxStats stats() override { return {}; }
};

/// A Receiver over it, and what its handler and observer saw.
struct Fixture {
    std::shared_ptr<Store> store = std::make_shared<Store>();
    std::vector<std::string> handled;
    std::vector<Observation> seen, incidents;
    std::function<void(const Event&)> handler = [](const Event&) {};
    pivotal::ReceiverOptions options;
    Receiver receiver;

    explicit Fixture(std::chrono::milliseconds lease = 30s, std::chrono::milliseconds wait = 0ms)
        : options{lease,
                  [this](const Observation& one) {
                      seen.push_back(one);
                      if (one.is_incident()) incidents.push_back(one);
                  },
                  wait},
          receiver(
              Webhook(support::secret), store,
              [this](const Event& event) {
                  handled.push_back(event.id);
                  handler(event);
              },
              options) {}

    Reply receive(const Message& message) {
        return receiver.receive(message.body, support::headers_of(message), support::now);
    }
};

void check(const Reply& reply, int status, const char* body) {
    CHECK(reply.status == status);
    CHECK(std::string_view(reply.body) == body);
}

void check(const Observation& incident, Kind kind, const char* error) {
    CHECK(incident.kind == kind);
    CHECK(incident.error == error);
    CHECK(incident.event_id == "evt_5tGz0q");
    CHECK(incident.message_id == Message().id);
}

const auto fail = [] { throw StoreError("no route to host"); };

}  // namespace

TEST_CASE("a lease is 30 s unless it is told otherwise, and a reply that was not made is no success", "[receiver]") {
    CHECK(pivotal::ReceiverOptions{}.lease == 30s);
    CHECK(pivotal::ReceiverOptions{}.wait == 5s);
    CHECK(Reply{}.status == 500);
    CHECK(std::string(Reply{}.body) == "internal error");
}

TEST_CASE("the observer is told one thing of each delivery", "[receiver]") {
    Fixture f;
    const auto last = [&](const Message& message) {
        f.seen.clear();
        f.receive(message);
        REQUIRE(f.seen.size() == 1);
        return f.seen[0];
    };
    f.handler = [](const Event&) { std::this_thread::sleep_for(2ms); };
    const Observation handled = last(Message());
    CHECK(std::string(handled.name()) == "handled");
    CHECK(handled.event_id == "evt_5tGz0q");
    CHECK(handled.event_type == "customer.created");
    CHECK(handled.message_id == Message().id);
    CHECK(handled.error.empty());
    CHECK_FALSE(handled.code);
    CHECK(handled.attempt == 0);
    CHECK(handled.duration >= 2ms);
    CHECK(last(Message()).kind == Kind::duplicate);

    Message forged;
    forged.body += ' ';
    const Observation refused = last(forged);
    CHECK(refused.kind == Kind::refused);
    CHECK(refused.code == pivotal::Errc::signature_mismatch);
    CHECK(refused.error == refused.code.message());
    CHECK(refused.event_id.empty());
    Message none;
    none.body = "[]";
    none.sign();
    CHECK(last(none).code == pivotal::Errc::malformed_event);
    CHECK_FALSE(f.seen[0].is_incident());
    CHECK(f.seen[0].attempt == 0);
    CHECK(f.seen[0].duration == 0ms);

    CHECK(f.store->forget("evt_5tGz0q"));
    f.handler = [](const Event&) {
        std::this_thread::sleep_for(2ms);
        throw std::runtime_error("no such customer");
    };
    CHECK(last(Message()).kind == Kind::failed);
    CHECK(f.seen[0].duration >= 2ms);

    f.store->on_claim = fail;
    CHECK(last(Message()).kind == Kind::store_unavailable);
    CHECK(f.seen[0].is_incident());
}

TEST_CASE("an observation has a name for each kind", "[receiver]") {
    std::string names;
    Observation one;
    for (int kind = 0; kind <= static_cast<int>(Kind::internal_error); ++kind) {
        one.kind = static_cast<Kind>(kind);
        names += std::string(one.name()) + (one.is_incident() ? "! " : " ");
    }
    CHECK(names ==
          "handled accepted duplicate in_progress refused postponed failed! buried! store_unavailable! lost! "
          "not_recorded! slow! only_polling! internal_error! ");
}

TEST_CASE("a delivery is handled once, and its retries are duplicates", "[receiver]") {
    Fixture f;
    std::string delivery;
    f.handler = [&](const Event& event) { delivery = event.delivery.message_id; };
    check(f.receive(Message()), 200, "ok");
    CHECK(delivery == Message().id);
    check(f.receive(Message()), 200, "duplicate");
    Message another;  // the same event in another message
    another.id = "msg_another";
    check(f.receive(another.sign()), 200, "duplicate");
    CHECK(f.handled == std::vector<std::string>{"evt_5tGz0q"});
    CHECK(f.incidents.empty());

    CHECK(f.store->forget("evt_5tGz0q"));
    check(f.receive(another), 200, "ok");
    CHECK(f.handled.size() == 2);
}

TEST_CASE("every kind of HeaderSource is taken, and the clock is the default", "[receiver]") {
    Fixture f;
    Message m;
    const std::map<std::string, std::string> map{
        {"Svix-Id", m.id}, {"Svix-Timestamp", m.timestamp}, {"Svix-Signature", m.signature}};
    check(f.receiver.receive(m.body, map, support::now), 200, "ok");
    check(f.receiver.receive(m.body, {m.id, m.timestamp, m.signature}, support::now), 200, "duplicate");
    check(f.receiver.receive(m.body,
                             {{"svix-id", m.id}, {"svix-timestamp", m.timestamp}, {"svix-signature", m.signature}},
                             support::now),
          200, "duplicate");
    check(f.receiver.receive(
              m.body,
              [&](const std::string& name) {
                  const std::map<std::string, std::string> lower{
                      {"svix-id", m.id}, {"svix-timestamp", m.timestamp}, {"svix-signature", m.signature}};
                  const auto found = lower.find(name);
                  return found == lower.end() ? std::string() : found->second;
              },
              support::now),
          200, "duplicate");

    m.timestamp = std::to_string(std::chrono::system_clock::to_time_t(support::Clock::now()));
    m.sign();
    check(f.receiver.receive(m.body, map), 401, "invalid signature");
    check(f.receiver.receive(m.body, {m.id, m.timestamp, m.signature}), 200, "duplicate");
}

TEST_CASE("the store is not asked about what is not authentic or no event", "[receiver]") {
    Fixture f;
    Message m;
    SECTION("a body that was changed") {
        m.body += ' ';
        check(f.receive(m), 401, "invalid signature");
    }
    SECTION("a missing header") {
        m.signature.clear();
        check(f.receive(m), 401, "invalid signature");
    }
    SECTION("a malformed header") {
        m.timestamp = "now";
        check(f.receive(m), 401, "invalid signature");
    }
    SECTION("too old") {
        m.timestamp = std::to_string(support::now_seconds - 301);
        check(f.receive(m.sign()), 401, "invalid signature");
    }
    SECTION("too new") {
        m.timestamp = std::to_string(support::now_seconds + 301);
        check(f.receive(m.sign()), 401, "invalid signature");
    }
    SECTION("authentic, but no event") {
        m.body = "{}";
        check(f.receive(m.sign()), 400, "malformed event");
    }
    CHECK(f.store->calls() == 0);
    CHECK(f.handled.empty());
    CHECK(f.incidents.empty());
}

TEST_CASE("an event that is handled elsewhere is in progress", "[receiver]") {
    Fixture f;
    CHECK(f.store->memory.claim("evt_5tGz0q", "somebody else", 1h) == Claim::granted);
    check(f.receive(Message()), 409, "in progress");
    CHECK(f.handled.empty());
    CHECK(f.store->memory.complete("evt_5tGz0q", "somebody else"));
    check(f.receive(Message()), 200, "duplicate");
}

TEST_CASE("an event is in progress while its handler runs", "[receiver]") {
    Fixture f;
    f.handler = [&](const Event&) { check(f.receive(Message()), 409, "in progress"); };
    check(f.receive(Message()), 200, "ok");
    CHECK(f.handled.size() == 1);
}

TEST_CASE("when the handler throws the next delivery may claim", "[receiver]") {
    Fixture f;
    SECTION("a std::exception") {
        f.handler = [](const Event&) { throw std::runtime_error("no such customer: cus_31"); };
        check(f.receive(Message()), 500, "handler failed");
        REQUIRE(f.incidents.size() == 1);
        check(f.incidents[0], Kind::failed, "no such customer: cus_31");
    }
    SECTION("anything else") {
        f.handler = [](const Event&) { throw 42; };
        check(f.receive(Message()), 500, "handler failed");
        REQUIRE(f.incidents.size() == 1);
        CHECK(f.incidents[0].kind == Kind::failed);
    }
    SECTION("no memory") {
        f.handler = [](const Event&) { throw std::bad_alloc(); };
        check(f.receive(Message()), 500, "handler failed");
    }
    SECTION("and the claim cannot be released") {
        f.handler = [](const Event&) { throw std::runtime_error("no such customer"); };
        f.store->on_release = fail;
        check(f.receive(Message()), 500, "handler failed");
        REQUIRE(f.incidents.size() == 2);
        check(f.incidents[0], Kind::store_unavailable, "no route to host");
        check(f.incidents[1], Kind::failed, "no such customer");
        check(f.receive(Message()), 409, "in progress");
        return;
    }
    f.handler = [](const Event&) {};
    check(f.receive(Message()), 200, "ok");
    CHECK(f.handled.size() == 2);
}

TEST_CASE("the handler is not called while the store cannot answer the claim", "[receiver]") {
    Fixture f;
    SECTION("a StoreError") {
        f.store->on_claim = fail;
        check(f.receive(Message()), 503, "store unavailable");
        REQUIRE(f.incidents.size() == 1);
        check(f.incidents[0], Kind::store_unavailable, "no route to host");
    }
    SECTION("whatever a store throws") {
        f.store->on_claim = [] { throw 42; };
        check(f.receive(Message()), 503, "store unavailable");
    }
    SECTION("no memory") {
        f.store->on_claim = [] { throw std::bad_alloc(); };
        check(f.receive(Message()), 500, "internal error");
        REQUIRE(f.incidents.size() == 1);
        CHECK(f.incidents[0].kind == Kind::internal_error);
    }
    CHECK(f.handled.empty());
    f.store->on_claim = nullptr;
    check(f.receive(Message()), 200, "ok");
}

TEST_CASE("a claim that was lost while the handler ran is an incident", "[receiver]") {
    Fixture f;
    f.handler = [&](const Event&) {
        f.store->forget("evt_5tGz0q");
        CHECK(f.store->memory.claim("evt_5tGz0q", "somebody else", 1h) == Claim::granted);
    };
    check(f.receive(Message()), 200, "ok");
    REQUIRE(f.incidents.size() == 1);
    check(f.incidents[0], Kind::lost, "the event's lease was taken over while the handler ran");
}

TEST_CASE("a completion that cannot be stored is repeated until the reply is due", "[receiver]") {
    Fixture f;
    SECTION("and in the end it can be") {
        f.store->on_complete = [&] {
            if (f.store->completions < 6) fail();
        };
        check(f.receive(Message()), 200, "ok");
        CHECK(f.incidents.empty());
        check(f.receive(Message()), 200, "duplicate");
    }
    SECTION("or for a second more, where the handler took all of that time") {
        f.handler = [](const Event&) { std::this_thread::sleep_for(9s); };
        f.store->on_complete = [&] {
            if (f.store->completions < 3) fail();
        };
        check(f.receive(Message()), 200, "ok");
        CHECK(f.incidents.empty());
    }
    SECTION("a reply that was lost does no harm") {
        f.store->lose_reply = true;
        check(f.receive(Message()), 200, "ok");
        CHECK(f.store->completions == 2);
        CHECK(f.incidents.empty());
    }
    SECTION("and no longer") {
        int error = 0;
        f.store->on_complete = [&] {
            if (++error % 2) throw 42;
            fail();
        };
        const auto start = std::chrono::steady_clock::now();
        check(f.receive(Message()), 503, "store unavailable");
        CHECK(std::chrono::steady_clock::now() - start >= 8s);
        CHECK(f.store->completions > 5);
        CHECK(f.store->releases == 0);
        REQUIRE(f.incidents.size() == 1);
        CHECK(f.incidents[0].kind == Kind::not_recorded);
        check(f.receive(Message()), 409, "in progress");  // until the lease runs out
    }
    CHECK(f.handled.size() == 1);
}

TEST_CASE("a delivery that waits asks after longer and longer pauses, until the wait is over", "[receiver]") {
    Fixture f(30s, 1s);
    CHECK(f.store->memory.claim("evt_5tGz0q", "somebody else", 1h) == Claim::granted);
    const auto start = std::chrono::steady_clock::now();
    check(f.receive(Message()), 409, "in progress");
    CHECK(std::chrono::steady_clock::now() - start >= 1s);
    CHECK(f.store->claims <= 8);  // after 0, 20, 60, 140, 300, 550, 800 and 1000 ms
}

TEST_CASE("a delivery of an event that is in progress waits for the outcome", "[receiver]") {
    Fixture f(30s, 9s);
    std::atomic<bool> waits{false};
    CHECK(f.store->memory.claim("evt_5tGz0q", "somebody else", 1h) == Claim::granted);
    f.store->on_claim = [&] { waits = f.store->claims > 2; };
    std::thread somebody_else;
    const auto once_it_waits = [&](std::function<void()> work) {
        somebody_else = std::thread([&, work = std::move(work)] {
            while (!waits) std::this_thread::yield();
            work();
        });
    };
    SECTION("which is success: a duplicate") {
        once_it_waits([&] { f.store->memory.complete("evt_5tGz0q", "somebody else"); });
        check(f.receive(Message()), 200, "duplicate");
        CHECK(f.handled.empty());
    }
    SECTION("which is failure: it handles the event itself") {
        once_it_waits([&] { f.store->memory.release("evt_5tGz0q", "somebody else"); });
        check(f.receive(Message()), 200, "ok");
        CHECK(f.handled.size() == 1);
    }
    somebody_else.join();
}

TEST_CASE("an option that makes no sense is refused", "[receiver]") {
    const auto refused = [](std::chrono::milliseconds lease, std::chrono::milliseconds wait) {
        pivotal::ReceiverOptions options;
        options.lease = lease;
        options.wait = wait;
        int thrown = 0;
        try {
            Receiver(
                Webhook(support::secret), std::make_shared<MemoryStore>(), [](const Event&) {}, options);
        } catch (const std::invalid_argument&) {
            ++thrown;
        }
        try {
            Receiver(Webhook(support::secret), std::make_shared<NoInbox>(), options);
        } catch (const std::invalid_argument&) {
            ++thrown;
        }
        CHECK(thrown % 2 == 0);
        return thrown > 0;
    };
    CHECK_FALSE(refused(1ms, 0ms));
    CHECK_FALSE(refused(24h * 365, 9s));
    for (const std::chrono::milliseconds lease :
         {0ms, -1ms, 24h * 365 + 1ms, std::chrono::milliseconds::min(), std::chrono::milliseconds::max()})
        CHECK(refused(lease, 5s));
    for (const auto wait : {-1ms, 9001ms, std::chrono::milliseconds::min(), std::chrono::milliseconds::max()})
        CHECK(refused(30s, wait));
}

TEST_CASE("an event that the handler discards is done, and an incident", "[receiver]") {
    Fixture f;
    f.handler = [](const Event&) { throw pivotal::Discard("no such customer"); };
    check(f.receive(Message()), 200, "ok");
    REQUIRE(f.incidents.size() == 1);
    check(f.incidents[0], Kind::buried, "no such customer");
    check(f.receive(Message()), 200, "duplicate");
}

TEST_CASE("an event that the handler wants later is sent again", "[receiver]") {
    Fixture f;
    f.handler = [](const Event&) { throw pivotal::RetryAfter(std::chrono::seconds(5), "not now"); };
    check(f.receive(Message()), 500, "handler failed");
    f.handler = [](const Event&) {};
    check(f.receive(Message()), 200, "ok");
}

TEST_CASE("a HeaderSource that throws is an internal error", "[receiver]") {
    Fixture f;
    const auto headers = [](const char*) -> std::string { throw std::runtime_error("the request is gone"); };
    check(f.receiver.receive(Message().body, headers, support::now), 500, "internal error");
    REQUIRE(f.incidents.size() == 1);
    CHECK(f.incidents[0].kind == Kind::internal_error);
    CHECK(f.incidents[0].error == "the request is gone");
    CHECK(f.incidents[0].event_id.empty());
    CHECK(f.store->calls() == 0);
}

TEST_CASE("a Webhook without keys is an internal error, not a wrong signature", "[receiver]") {
    Webhook webhook(support::secret);
    const Webhook moved = std::move(webhook);
    std::vector<Observation> incidents;
    Receiver receiver(webhook, std::make_shared<MemoryStore>(), [](const Event&) {},  // NOLINT: moved from
                      {30s, [&](const Observation& seen) {
                           if (seen.is_incident()) incidents.push_back(seen);
                       }});
    const Message m;
    check(receiver.receive(m.body, support::headers_of(m), support::now), 500, "internal error");
    CHECK(incidents.size() == 1);
}

TEST_CASE("copies of a Receiver share its handler", "[receiver]") {
    int calls = 0;
    Receiver receiver(Webhook(support::secret), std::make_shared<MemoryStore>(),
                      [&calls, n = 0](const Event&) mutable { calls = ++n; });
    Receiver copy = receiver;
    Message m;
    check(receiver.receive(m.body, support::headers_of(m), support::now), 200, "ok");
    m.body = R"({"id":"evt_2","type":"customer.created"})";
    m.sign();
    check(copy.receive(m.body, support::headers_of(m), support::now), 200, "ok");
    CHECK(calls == 2);
}

TEST_CASE("receive throws nothing, whatever its observer throws", "[receiver]") {
    const auto store = std::make_shared<Store>();
    int incidents = 0;
    Receiver receiver(Webhook(support::secret), store, [](const Event&) { throw 1; },
                      {30s, [&](const Observation&) {
                           ++incidents;
                           throw std::runtime_error("the log is full");
                       }});
    static_assert(noexcept(receiver.receive(std::string_view(), std::declval<const pivotal::HeaderSource&>())));
    const Message m;
    check(receiver.receive(m.body, support::headers_of(m), support::now), 500, "handler failed");
    CHECK(incidents == 1);
    store->on_claim = fail;
    check(receiver.receive(m.body, support::headers_of(m), support::now), 503, "store unavailable");
    CHECK(incidents == 2);
    check(receiver.receive("{}", support::headers_of(m), support::now), 401, "invalid signature");
    CHECK(incidents == 3);
}

TEST_CASE("without an observer nothing is told and nothing breaks", "[receiver]") {
    Receiver receiver(Webhook(support::secret), std::make_shared<MemoryStore>(), [](const Event&) { throw 1; });
    const Message m;
    check(receiver.receive(m.body, support::headers_of(m), support::now), 500, "handler failed");
}

TEST_CASE("a Receiver needs a store and a handler, or an inbox", "[receiver]") {
    const Webhook webhook(support::secret);
    const auto store = std::make_shared<MemoryStore>();
    CHECK_THROWS_AS(Receiver(webhook, std::shared_ptr<pivotal::IdempotencyStore>(), [](const Event&) {}),
                    std::invalid_argument);
    CHECK_THROWS_AS(Receiver(webhook, store, std::function<void(const Event&)>()), std::invalid_argument);
    CHECK_THROWS_AS(Receiver(webhook, std::shared_ptr<pivotal::Inbox>()), std::invalid_argument);
}

TEST_CASE("a lease is renewed while the handler runs past half of it", "[receiver]") {
    // The handler waits until the store has seen renewals; the lease is over several times by then.
    Fixture f(40ms);
    std::mutex mutex;
    std::condition_variable renewed;
    const auto wait_for_renewals = [&](int count) {
        std::unique_lock<std::mutex> lock(mutex);
        return renewed.wait_for(lock, 60s, [&] { return f.store->renewals >= count; });
    };
    f.store->on_renew = [&] {
        const std::lock_guard<std::mutex> lock(mutex);
        renewed.notify_all();
    };
    SECTION("again and again") {
        f.handler = [&](const Event&) { CHECK(wait_for_renewals(5)); };
        check(f.receive(Message()), 200, "ok");
        const int renewals = f.store->renewals;
        CHECK(renewals >= 5);
        CHECK(f.incidents.empty());
    }
    SECTION("also when the store could not be reached once") {
        const auto notify = f.store->on_renew;
        f.store->on_renew = [&, notify] {
            notify();
            if (f.store->renewals < 3) fail();
        };
        f.handler = [&](const Event&) { CHECK(wait_for_renewals(4)); };
        check(f.receive(Message()), 200, "ok");
    }
    SECTION("and not before half of it") {
        f.options.lease = 400ms;
        Receiver receiver(
            Webhook(support::secret), f.store, [&](const Event&) { CHECK(wait_for_renewals(1)); }, f.options);
        std::chrono::steady_clock::time_point claimed, renewal;
        f.store->on_claim = [&] { claimed = std::chrono::steady_clock::now(); };
        f.store->on_renew = [&, notify = f.store->on_renew] {
            renewal = std::chrono::steady_clock::now();
            notify();
        };
        const Message m;
        check(receiver.receive(m.body, support::headers_of(m), support::now), 200, "ok");
        CHECK(renewal - claimed >= 200ms);
    }
    SECTION("but not once it is lost") {
        f.handler = [&](const Event&) {
            f.store->forget("evt_5tGz0q");
            CHECK(wait_for_renewals(1));
            CHECK(f.store->memory.claim("evt_5tGz0q", "somebody else", 1h) == Claim::granted);
        };
        check(f.receive(Message()), 200, "ok");
        REQUIRE(f.incidents.size() == 1);
        CHECK(f.incidents[0].kind == Kind::lost);
    }
    SECTION("and not after the handler") {
        check(f.receive(Message()), 200, "ok");
        CHECK(f.store->memory.claim("evt_5tGz0q", "somebody else", 1h) == Claim::duplicate);
        CHECK(f.store->renewals == 0);
    }
}

TEST_CASE("a lease is renewed no more when the claim is completed or released", "[receiver]") {
    // Over many halves of the lease none may come: this wait always runs out.
    Fixture f(2ms);
    std::mutex mutex;
    std::condition_variable renewed;
    bool ended = false;
    int renewed_behind = 0;  // one may have begun before
    f.store->on_renew = [&] {
        const std::lock_guard<std::mutex> lock(mutex);
        if (ended) ++renewed_behind;
        renewed.notify_all();
    };
    const auto end = [&] {
        std::unique_lock<std::mutex> lock(mutex);
        ended = true;
        CHECK_FALSE(renewed.wait_for(lock, 200ms, [&] { return renewed_behind > 1; }));
    };
    const auto wait_for_a_renewal = [&] {
        std::unique_lock<std::mutex> lock(mutex);
        CHECK(renewed.wait_for(lock, 60s, [&] { return f.store->renewals > 0; }));
    };
    SECTION("completed") {
        f.store->on_complete = end;
        f.handler = [&](const Event&) { wait_for_a_renewal(); };
        check(f.receive(Message()), 200, "ok");
        CHECK(f.store->completions == 1);
    }
    SECTION("released") {
        f.store->on_release = end;
        f.handler = [&](const Event&) {
            wait_for_a_renewal();
            throw std::runtime_error("no such customer");
        };
        check(f.receive(Message()), 500, "handler failed");
        CHECK(f.store->releases == 1);
    }
}

TEST_CASE("where no thread can be had to renew the lease, the claim is released and the handler not called",
          "[receiver]") {
    const auto received = [] {
        Fixture f;
        const Reply reply = f.receive(Message());
        if (reply.status == 200 && f.handled.size() == 1) return 1;
        const bool told = f.incidents.size() == 1 && f.incidents[0].kind == Kind::internal_error &&
                          f.incidents[0].event_id == "evt_5tGz0q";
        const bool open = f.store->memory.claim("evt_5tGz0q", "somebody else", 1h) == Claim::granted;
        return reply.status == 500 && std::string(reply.body) == "internal error" && told && open && f.handled.empty()
                   ? 2
                   : 3;
    };
    if (const auto outcome = support::with_threads(1, received)) CHECK(*outcome == 1);
    if (const auto outcome = support::with_threads(0, received)) CHECK(*outcome == 2);
}

TEST_CASE("many threads deliver many events, each of them many times", "[receiver]") {
    constexpr int threads = 8, events = 50;
    std::vector<std::atomic<int>> handled(events);
    const auto store = std::make_shared<MemoryStore>();
    Receiver receiver(Webhook(support::secret), store, [&](const Event& event) { ++handled[std::stoul(event.id)]; },
                      {2ms, nullptr});
    std::vector<std::thread> running;
    std::atomic<int> unexpected{0};
    for (int thread = 0; thread < threads; ++thread)
        running.emplace_back([&, copy = receiver]() mutable {
            Message m;
            for (int event = 0; event < events; ++event) {
                m.body = R"({"id":")" + std::to_string(event) + R"(","type":"customer.created"})";
                m.sign();
                const Reply reply = copy.receive(m.body, support::headers_of(m), support::now);
                if (reply.status != 200 && reply.status != 409) ++unexpected;
            }
        });
    for (std::thread& thread : running) thread.join();
    CHECK(unexpected == 0);
    for (const std::atomic<int>& count : handled) CHECK(count >= 1);
}

}  // namespace unit_receiver
