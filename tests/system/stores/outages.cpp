// SPDX-License-Identifier: MIT

// What a server's bad day must not cost: a restart, a failover, a firewall that forgets, a server that grants few
// connections, a process that forks. Compiled once for each kind of store that has a server.

#include PIVOTAL_TEST_KIND

#include <atomic>
#include <chrono>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <pivotal/inbox_worker.hpp>
#include <pivotal/receiver.hpp>

#include "../../support/message.hpp"
#include "catch.hpp"
#include "proxy.hpp"

namespace stores_outages {

using namespace std::chrono_literals;
using pivotal::Claim;
using pivotal::Event;
using pivotal::Receiver;
using support::Kind;
using support::wait_until;

namespace {

struct Delivered {
    int status;
    std::string body;
};

Delivered deliver(Receiver& receiver, const std::string& id) {
    support::Message message;
    message.body = R"({"id":")" + id + R"(","type":"customer.created"})";
    message.sign();
    const auto reply = receiver.receive(message.body, {message.id, message.timestamp, message.signature}, support::now);
    return {reply.status, std::string(reply.body)};
}

Event event_of(int number) {
    Event event;
    event.id = std::to_string(number);
    event.type = "customer.created";
    return event;
}

/// Runs `work` in so many threads, with their numbers.
template <class Work> void in_threads(int count, Work work) {
    std::vector<std::thread> running;
    for (int i = 0; i < count; ++i) running.emplace_back([&work, i] { work(i); });
    for (std::thread& thread : running) thread.join();
}

constexpr int handlers = 16;

/// Sixteen handlers, which all run when the server stops, and end while it is away.
struct Handlers {
    std::vector<std::atomic<int>> runs = std::vector<std::atomic<int>>(handlers);
    std::atomic<int> inside{0};
    std::atomic<bool> end{false};

    void handle(const Event& event) {
        ++runs[std::stoul(event.id)];
        ++inside;
        while (!end) std::this_thread::sleep_for(1ms);
    }
    template <class Server> void restart(Server& server) {
        wait_until("all handlers run", [&] { return inside == handlers; });
        server.stop_server();
        end = true;
        std::this_thread::sleep_for(1500ms);  // the outage
        server.start_server();
    }
    bool once() const {
        for (const auto& count : runs)
            if (count != 1) return false;
        return true;
    }
};

/// Kind, or Failover.
template <class Servers> void restart_with_receiver(Servers& servers) {
    Handlers running;
    std::atomic<int> incidents{0}, ok{0}, duplicate{0};
    Receiver receiver(pivotal::Webhook(support::secret), servers.store(),
                      [&](const Event& event) { running.handle(event); },
                      {30s, [&](const pivotal::Observation& seen) { incidents += seen.is_incident() ? 1 : 0; }});
    std::thread delivering([&] {
        in_threads(handlers, [&](int i) {
            if (deliver(receiver, std::to_string(i)).body == "ok") ++ok;
        });
    });
    running.restart(servers);  // here, since a server ends with the thread that started it
    delivering.join();
    in_threads(handlers, [&](int i) {
        if (deliver(receiver, std::to_string(i)).body == "duplicate") ++duplicate;
    });
    CHECK(ok == handlers);
    CHECK(duplicate == handlers);
    CHECK(incidents == 0);
    CHECK(running.once());
}

template <class Servers> void restart_with_worker([[maybe_unused]] Servers& servers) {
    if constexpr (Servers::has_inbox) {
        Handlers running;
        const auto inbox = servers.inbox();
        for (int i = 0; i < handlers; ++i) inbox->put(event_of(i), "{}");
        {
            pivotal::WorkerOptions options;
            options.threads = handlers;
            const pivotal::InboxWorker worker(
                inbox, [&](const Event& event) { running.handle(event); }, options);
            running.restart(servers);
        }
        CHECK(running.once());
        CHECK(servers.done() == handlers);
    }
}

}  // namespace

TEST_CASE("a restart of the server runs no handler twice", "[outage]") {
    Kind kind;
    SECTION("of a Receiver") {
        restart_with_receiver(kind);
    }
    SECTION("of an InboxWorker") {
        restart_with_worker(kind);
    }
}

TEST_CASE("a failover to a standby runs no handler twice", "[outage]") {
    support::Failover servers;
    SECTION("of a Receiver") {
        restart_with_receiver(servers);
    }
    SECTION("of an InboxWorker") {
        restart_with_worker(servers);
    }
}

TEST_CASE("more threads than the server grants connections: no call fails", "[outage]") {
    Kind kind;
    pivotal::StoreOptions options;
    const auto store = support::open_store(kind.address_with_connections(GENERATE(2, 5)), options);
    std::atomic<int> wrong{0}, errors{0};
    in_threads(16, [&](int thread) {
        for (int i = 0; i < 30; ++i) {
            try {
                const std::string id = std::to_string(thread) + "_" + std::to_string(i);
                if (store->claim(id, "a", 1h) != Claim::granted || !store->complete(id, "a")) ++wrong;
            } catch (const pivotal::StoreError&) {
                ++errors;
            }
        }
    });
    CHECK(wrong == 0);
    CHECK(errors == 0);
}

TEST_CASE("connections that a firewall forgot cost no reply but 200, and one run", "[outage]") {
    Kind kind;
    const auto proxy = kind.proxy();
    const auto store = support::open_store(kind.address_of(*proxy), {});
    std::vector<std::atomic<int>> runs(8);
    std::atomic<int> incidents{0}, ok{0};
    Receiver receiver(pivotal::Webhook(support::secret), store,
                      [&](const Event& event) { ++runs[std::stoul(event.id)]; },
                      {30s, [&](const pivotal::Observation& seen) { incidents += seen.is_incident() ? 1 : 0; }});
    std::atomic<int> claiming{0};
    wait_until("there are several connections", [&] {
        in_threads(8, [&](int thread) {
            for (int i = 0; i < 10; ++i) store->claim("other" + std::to_string(++claiming), std::to_string(thread), 1h);
        });
        return proxy->connections() >= 4;
    });
    proxy->forget_connections();
    in_threads(4, [&](int i) {
        if (deliver(receiver, std::to_string(i)).body == "ok") ++ok;
    });
    CHECK(ok == 4);
    // Where they were lost all were, and nobody waits for another of them.
    const int made = proxy->connections();
    for (int i = 4; i < 8; ++i)
        if (deliver(receiver, std::to_string(i)).body == "ok") ++ok;
    CHECK(ok == 8);
    CHECK(proxy->connections() == made);
    CHECK(incidents == 0);
    for (const auto& count : runs) CHECK(count == 1);
}

TEST_CASE("an idle connection asks within a minute whether the server is there", "[outage]") {
    Kind kind;
    const auto proxy = kind.proxy();
    const auto store = support::open_store(kind.address_of(*proxy), {});
    store->claim("evt_1", "a", 1h);
    // The kernel's list of connections says which timer each has, 02 is that of keep-alive, and when it is due, in
    // hundredths of a second.
    std::ostringstream port;
    port << std::hex << std::uppercase << proxy->port();
    std::ifstream connections("/proc/net/tcp");
    int ours = 0, kept_alive = 0;
    for (std::string line; std::getline(connections, line);) {
        std::istringstream words(line);
        std::string number, local, remote, state, queues, timer;
        words >> number >> local >> remote >> state >> queues >> timer;
        if (remote != "0100007F:" + port.str() || state != "01") continue;
        ++ours;
        if (timer.substr(0, 3) == "02:" && std::stol(timer.substr(3), nullptr, 16) <= 6000) ++kept_alive;
    }
    CHECK(ours == 1);
    CHECK(kept_alive == 1);
}

TEST_CASE("a store that was forked answers as any other", "[outage]") {
    Kind kind;
    const auto store = kind.store();
    CHECK(store->claim("before", "a", 1h) == Claim::granted);
    const auto handle = [&](const std::string& name) {
        int wrong = 0;
        for (int i = 0; i < 100; ++i) {
            const std::string id = name + std::to_string(i);
            if (store->claim(id, name, 1h) != Claim::granted || !store->complete(id, name)) ++wrong;
        }
        if (store->claim("before", "b", 1h) != Claim::in_progress) ++wrong;
        return wrong;
    };
    const pid_t child = fork();
    if (child == 0) {
        int wrong = 100;
        try {
            wrong = handle("child");
        } catch (...) {
        }
        _exit(wrong);
    }
    CHECK(handle("parent") == 0);
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    CHECK(handle("after") == 0);
    for (const char* const name : {"child99", "parent99"})
        CHECK(kind.store()->claim(name, "another", 1h) == Claim::duplicate);
}

}  // namespace stores_outages
