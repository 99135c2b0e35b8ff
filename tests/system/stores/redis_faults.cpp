// SPDX-License-Identifier: MIT

// What comes between a store and its Redis: lost replies, connections that end or hang, a Redis that is killed.

#include "redis.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <pivotal/receiver.hpp>

#include "../../support/message.hpp"
#include "catch.hpp"
#include "proxy.hpp"

namespace stores_redis_faults {

using namespace std::chrono_literals;
using pivotal::Claim;
using pivotal::Event;
using pivotal::Observation;
using pivotal::Receiver;
using pivotal::RedisStore;
using pivotal::Reply;
using pivotal::StoreError;
using support::Kind;
using support::Proxy;
using support::RedisServer;

namespace {

using Steady = std::chrono::steady_clock;

std::string through(const Proxy& proxy) {
    return "redis://127.0.0.1:" + std::to_string(proxy.port());
}

/// Each member has been called: the connection is there, and knows the scripts.
void warm_up(RedisStore& store) {
    store.claim("warm", "a", 1h);
    store.renew("warm", "a", 1h);
    store.release("warm", "a");
    store.claim("warm", "a", 1h);
    store.complete("warm", "a");
    store.forget("warm");
}

Reply deliver(Receiver& receiver, const std::string& event_id) {
    support::Message message;
    message.body = R"({"id":")" + event_id + R"(","type":"customer.created"})";
    message.sign();
    return receiver.receive(message.body, {message.id, message.timestamp, message.signature}, support::now);
}

}  // namespace

TEST_CASE("what can be repeated is repeated when its reply is lost", "[redis][faults]") {
    Kind kind;
    Proxy proxy(kind.server().port());
    RedisStore store(through(proxy));
    warm_up(store);
    const int before = proxy.connections();

    proxy.lose_replies(1);
    CHECK(store.claim("evt_1", "a", 1h) == Claim::granted);
    CHECK(store.claim("evt_1", "b", 1h) == Claim::in_progress);
    store.renew("evt_1", "a", 0ms);  // which the new connection now knows
    proxy.lose_replies(1);
    CHECK(store.renew("evt_1", "a", 1h));
    CHECK(store.claim("evt_1", "b", 1h) == Claim::in_progress);
    CHECK(store.complete("warm", "a") == false);
    proxy.lose_replies(1);
    CHECK(store.complete("evt_1", "a"));
    CHECK(store.claim("evt_1", "b", 1h) == Claim::duplicate);
    CHECK(proxy.withheld() == 3);
    CHECK(proxy.connections() == before + 3);

    // Another's stays another's.
    CHECK(store.claim("evt_2", "a", 1h) == Claim::granted);
    proxy.lose_replies(1);
    CHECK(store.claim("evt_2", "b", 1h) == Claim::in_progress);
    store.complete("evt_2", "b");
    proxy.lose_replies(1);
    CHECK_FALSE(store.complete("evt_2", "b"));
}

TEST_CASE("where the reply to what cannot be repeated is lost there is an error", "[redis][faults]") {
    Kind kind;
    Proxy proxy(kind.server().port());
    RedisStore store(through(proxy));
    warm_up(store);
    CHECK(store.claim("evt_1", "a", 1h) == Claim::granted);
    proxy.lose_replies(1);
    CHECK_THROWS_AS(store.release("evt_1", "a"), StoreError);
    CHECK(store.claim("evt_1", "b", 1h) == Claim::granted);  // it was done
    warm_up(store);
    proxy.lose_replies(1);
    CHECK_THROWS_AS(store.forget("evt_1"), StoreError);
    CHECK_FALSE(store.forget("evt_1"));
}

TEST_CASE("a reply that is lost again is asked for again", "[redis][faults]") {
    Kind kind;
    Proxy proxy(kind.server().port());
    RedisStore store(through(proxy));
    warm_up(store);
    proxy.lose_replies(3);
    CHECK(store.claim("evt_1", "a", 1h) == Claim::granted);
    CHECK(proxy.withheld() == 3);
}

TEST_CASE("connections that Redis has closed are made anew", "[redis][faults]") {
    Kind kind;
    RedisStore store(kind.address());
    warm_up(store);
    const auto close_all = [&] { kind.server().ask({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"}); };
    close_all();
    CHECK(store.claim("evt_1", "a", 1h) == Claim::granted);
    close_all();
    CHECK(store.release("evt_1", "a"));
    close_all();
    CHECK_FALSE(store.forget("evt_1"));
    // Connections of many threads at once.
    std::atomic<int> wrong{0};
    for (int round = 0; round < 5; ++round) {
        std::vector<std::thread> running;
        for (int thread = 0; thread < 16; ++thread)
            running.emplace_back([&, id = std::to_string(round * 16 + thread)] {
                try {
                    if (store.claim(id, "a", 1h) != Claim::granted || !store.complete(id, "a")) ++wrong;
                } catch (const StoreError&) {
                    ++wrong;
                }
            });
        for (std::thread& thread : running) thread.join();
        close_all();
    }
    CHECK(wrong == 0);
}

TEST_CASE("a connection that has gone ends no process by SIGPIPE", "[redis][faults]") {
    RedisServer server;
    const pivotal::detail::RedisAddress address(server.url());
    const auto deadline = Steady::now() + 60s;
    pivotal::detail::RedisConnection connection(address, deadline, false);
    CHECK(connection.is_usable());
    server.kill();
    support::wait_until("the connection has ended", [&] { return !connection.is_usable(); });
    bool may_have_run = true;
    for (int i = 0; i < 3; ++i) {
        try {
            connection.run({"key", "forget", "owner", "0", "0"}, deadline);
            FAIL("no error");
        } catch (const pivotal::detail::TryAgain& lost) {
            may_have_run = lost.may_have_run();
        }
    }
    CHECK_FALSE(may_have_run);  // after the first the kernel takes no more
}

TEST_CASE("where one connection was lost the idle ones are not used", "[redis][faults]") {
    Kind kind;
    Proxy proxy(kind.server().port());
    RedisStore store(through(proxy));
    support::wait_until("there are several connections", [&] {
        std::vector<std::thread> running;
        for (int thread = 0; thread < 16; ++thread)
            running.emplace_back([&, owner = std::to_string(thread)] {
                for (int i = 0; i < 20; ++i) store.claim("evt_" + std::to_string(i), owner, 1h);
            });
        for (std::thread& thread : running) thread.join();
        return proxy.connections() >= 3;
    });
    const int before = proxy.connections();
    proxy.lose_replies(1);
    CHECK(store.claim("evt_new", "a", 1h) == Claim::granted);
    CHECK(proxy.connections() == before + 1);
}

TEST_CASE("what is more than the kernel takes at once is sent when it takes it", "[redis][faults]") {
    Kind kind;
    RedisStore store("unix://" + kind.server().socket());
    warm_up(store);
    const std::string id(1 << 20, 'x');
    kind.server().process().signal_now(SIGSTOP);
    std::atomic<bool> granted{false};
    std::thread claiming([&] {
        try {
            granted = store.claim(id, "a", 1h) == Claim::granted;
        } catch (const StoreError&) {
        }
    });
    std::this_thread::sleep_for(300ms);  // by then it should be waiting; else the test shows less
    kind.server().process().signal_now(SIGCONT);
    claiming.join();
    CHECK(granted);
    CHECK(store.claim(id, "b", 1h) == Claim::in_progress);
}

TEST_CASE("more threads than connections take turns", "[redis][faults]") {
    Kind kind;
    RedisStore store(kind.address());
    std::atomic<int> granted{0};
    std::vector<std::thread> running;
    for (int thread = 0; thread < 64; ++thread)
        running.emplace_back([&, thread] {
            for (int i = 0; i < 20; ++i)
                if (store.claim(std::to_string(i), std::to_string(thread), 1h) == Claim::granted) ++granted;
        });
    for (std::thread& thread : running) thread.join();
    CHECK(granted == 20);
    // One of them is the test's own.
    std::istringstream clients(kind.server().ask({"CLIENT", "LIST"}));
    int open = -1;
    for (std::string line; std::getline(clients, line);) ++open;
    CHECK(open <= 10);
}

TEST_CASE("a Redis that does not answer is an error in time, for all threads at once", "[redis][faults]") {
    Kind kind;
    Proxy proxy(kind.server().port());
    const auto store = std::make_shared<RedisStore>(through(proxy));
    std::atomic<int> handled{0}, incidents{0};
    Receiver receiver(pivotal::Webhook(support::secret), store,
                      [&](const Event& event) {
                          ++handled;
                          if (event.id == "evt_stalls") proxy.stall(true);
                      },
                      {30s, [&](const Observation& seen) { incidents += seen.is_incident() ? 1 : 0; }});
    CHECK(std::string_view(deliver(receiver, "evt_first").body) == "ok");

    const support::ManySignals signals;
    proxy.stall(true);
    auto start = Steady::now();
    std::atomic<int> unavailable{0};
    std::vector<std::thread> running;
    for (int thread = 0; thread < 40; ++thread)
        running.emplace_back([&, thread] {
            if (std::string_view(deliver(receiver, "evt_" + std::to_string(thread)).body) == "store unavailable")
                ++unavailable;
        });
    for (std::thread& thread : running) thread.join();
    auto waited = Steady::now() - start;
    CHECK(unavailable == 40);
    CHECK(incidents == 40);
    CHECK(handled == 1);
    CHECK(waited >= 2900ms);

    // It stops answering while the handler runs: completions are tried until the reply is due.
    proxy.stall(false);
    CHECK(std::string_view(deliver(receiver, "evt_second").body) == "ok");  // on a connection that is kept
    start = Steady::now();
    CHECK(std::string_view(deliver(receiver, "evt_stalls").body) == "store unavailable");
    waited = Steady::now() - start;
    CHECK(waited >= 8s);
    CHECK(handled == 3);

    proxy.stall(false);
    // Redis was told, and only we did not hear it.
    CHECK(std::string_view(deliver(receiver, "evt_stalls").body) == "duplicate");
}

TEST_CASE("Redis is killed and started again: nothing that was completed is lost", "[redis][faults][kill]") {
    Kind kind;
    const auto store = kind.store();
    for (int round = 0; round < 3; ++round) {
        const std::string id = "evt_" + std::to_string(round);
        CHECK(store->claim(id, "a", 1h) == Claim::granted);
        CHECK(store->complete(id, "a"));
        CHECK(store->claim(id + "_open", "a", 1h) == Claim::granted);
        kind.server().kill();
        CHECK_THROWS_AS(store->claim(id, "b", 1h), StoreError);
        CHECK_THROWS_AS(store->release(id + "_open", "a"), StoreError);
        kind.server().start();
        for (int before = 0; before <= round; ++before) {
            const std::string earlier = "evt_" + std::to_string(before);
            CHECK(store->claim(earlier, "b", 1h) == Claim::duplicate);
            CHECK(store->claim(earlier + "_open", "b", 1h) == Claim::in_progress);
        }
    }
}

TEST_CASE("Redis is killed again and again under load: nothing lost, nothing done twice unreported",
          "[redis][faults][kill]") {
    Kind kind;
    constexpr int threads = 8, each = 40;
    std::array<std::atomic<int>, threads * each> effects{}, unrecorded{};
    std::atomic<int> accepted{0}, unavailable{0}, unexpected{0};
    const auto number = [](const std::string& id) { return static_cast<std::size_t>(std::stoi(id.substr(4))); };
    Receiver receiver(
        pivotal::Webhook(support::secret), kind.store(), [&](const Event& event) { ++effects[number(event.id)]; },
        {200ms, [&](const Observation& incident) {
             if (incident.kind == Observation::Kind::not_recorded || incident.kind == Observation::Kind::lost)
                 ++unrecorded[number(incident.event_id)];
         }});
    std::vector<std::thread> running;
    for (int thread = 0; thread < threads; ++thread)
        running.emplace_back([&, thread] {
            for (int i = 0; i < each; ++i) {
                const std::string id = "evt_" + std::to_string(thread * each + i);
                // Pivotal delivers until the answer is 2xx, with pauses.
                for (int status = 0; status != 200;) {
                    if (status != 0) std::this_thread::sleep_for(1ms);
                    status = deliver(receiver, id).status;
                    if (status == 503) ++unavailable;
                    if (status != 200 && status != 503 && status != 409) ++unexpected;
                }
                ++accepted;
            }
        });
    for (int kill = 1; kill <= 5; ++kill) {
        support::wait_until("some more are accepted", [&] { return accepted >= kill * threads * each / 6; });
        kind.server().kill();
        const int before = unavailable;
        support::wait_until("it is missed", [&] { return unavailable > before; });
        kind.server().start();
    }
    for (std::thread& thread : running) thread.join();
    CHECK(unexpected == 0);
    int lost = 0, twice = 0;
    for (std::size_t i = 0; i < effects.size(); ++i) {
        if (effects[i] == 0) ++lost;
        if (effects[i] > 1 + unrecorded[i]) ++twice;
    }
    CHECK(lost == 0);
    CHECK(twice == 0);
}

}  // namespace stores_redis_faults
