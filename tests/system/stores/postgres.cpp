// SPDX-License-Identifier: MIT

// What PostgreSQL alone can show: cut connections, servers that die, stand still or are full, and what
// settings and rights of the user's do.

#include "postgres.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <sys/mount.h>

#include <pivotal/inbox_worker.hpp>
#include <pivotal/receiver.hpp>
#include <pivotal/stores/memory.hpp>

#include "../../support/message.hpp"
#include "agent.hpp"
#include "catch.hpp"
#include "proxy.hpp"

namespace stores_postgres {

using namespace std::chrono_literals;
using namespace std::string_literals;
using pivotal::Claim;
using pivotal::Event;
using pivotal::InboxWorker;
using pivotal::Job;
using pivotal::mark_processed;
using pivotal::PostgresInbox;
using pivotal::PostgresStore;
using pivotal::Receiver;
using pivotal::Reply;
using pivotal::StoreError;
using pivotal::StoreOptions;
using support::Agent;
using support::AgentStore;
using support::Kind;
using support::PostgresServer;
using support::PostgresUser;
using support::Proxy;

namespace {

Event event_of(const std::string& id) {
    Event event;
    event.id = id;
    event.type = "customer.created";
    return event;
}

const pivotal::Webhook webhook{support::secret};

Reply deliver(Receiver& receiver, const std::string& id) {
    support::Message message;
    message.body = R"({"id":")" + id + R"(","type":"customer.created"})";
    message.sign();
    return receiver.receive(message.body, {message.id, message.timestamp, message.signature}, support::now);
}

/// What it says when it throws a StoreError, or "none".
template <class Work> std::string error_of(Work work) {
    try {
        work();
    } catch (const StoreError& error) {
        return error.what();
    }
    return "none";
}

struct Calls {
    std::atomic<int> answered{0}, errors{0};
};

/// Calls it until the store can answer.
template <class Work> auto until_answered(Work work, Calls& calls) {
    for (int i = 0;; ++i) {
        try {
            auto answer = work();
            ++calls.answered;
            return answer;
        } catch (const StoreError&) {
            ++calls.errors;
            if (i > 10000) throw;
        }
    }
}

/// Ends the connections of a store, as a network or an administrator does.
const std::string cut_all =
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'pivotal-webhook'";

/// Does so each time that a few calls have been answered.
class Cutter {
public:
    Cutter(const std::string& address, const Calls& calls)
        : cutting_([this, address, &calls] {
              const PostgresUser database(address);
              for (int cut_at = 5; !stop_;) {
                  if (calls.answered < cut_at) {
                      std::this_thread::sleep_for(1ms);
                      continue;
                  }
                  database.number(cut_all);
                  cut_at = calls.answered + 5;
              }
          }) {}
    ~Cutter() {
        stop_ = true;
        cutting_.join();
    }
    Cutter(const Cutter&) = delete;
    Cutter& operator=(const Cutter&) = delete;

private:
    std::atomic<bool> stop_{false};
    std::thread cutting_;
};

}  // namespace

// ---- Connection strings ----

TEST_CASE("a connection string that cannot be read is refused without a word of it", "[postgres]") {
    for (const char* const conninfo :
         {"password=hush1 hush2 host=/tmp", "password='hush", "host=/tmp hush=1", "hush", "postgres://u:hu@sh@h/d",
          "postgres://u:hu/sh@h/d", "postgres://u:12/hush@h/d", "postgres://u:hush%@h/d", "postgres://u:hu:sh/@h/d",
          "postgres://u:@hush@h/d", "host=/tmp port=hush", "postgres://[hush"}) {
        CHECK(error_of([&] { PostgresStore store(conninfo); }) ==
              "PostgreSQL: cannot read the connection string; in a URI special characters are to be "
              "percent-encoded, elsewhere quoted");
    }
    CHECK(error_of([&] {
              PostgresStore store(support::postgres().address() + std::string(" \0hush", 6));
          }).find("cannot read the connection string") != std::string::npos);
}

TEST_CASE("a password is in no error", "[postgres]") {
    const Kind kind;
    const PostgresUser database(kind.address());
    database.run("DROP ROLE IF EXISTS locked; CREATE ROLE locked LOGIN PASSWORD 'right'");
    const std::string folder = support::postgres().folder().string();
    const auto uri = [&](const std::string& password) {
        return "postgresql://locked:" + password + "@/postgres?host=" + folder;
    };
    CHECK(error_of([&] {
              PostgresStore store(uri("hush"));
          }).find("password authentication failed for user \"locked\"") != std::string::npos);
    for (const std::string& conninfo :
         {uri("hush"), "host=" + folder + " dbname=postgres user=locked password=hush",
          "host=" + folder + "/hushhush dbname=postgres user=locked password=hush2"s,
          "postgres://locked:hush@127.0.0.1:" + std::to_string(support::free_port()) + "/postgres",
          "postgres://locked:hush@no-such-host.invalid/postgres"s}) {
        const std::string error = error_of([&] { PostgresStore store(conninfo); });
        INFO(error);
        CHECK(error.find("PostgreSQL: ") == 0);
        CHECK(error.find("hush2") == std::string::npos);
        CHECK((error.find("hushhush") != std::string::npos || error.find("hush") == std::string::npos));
        CHECK(error.find('\n') == std::string::npos);
    }
    // With the right one it gets as far as its rights.
    CHECK(error_of([&] { PostgresStore store(uri("r%69ght")); }).find("permission denied for schema") !=
          std::string::npos);
}

// ---- The table ----

TEST_CASE("many processes open a new database at once", "[postgres][processes]") {
    const Kind kind;
    std::vector<std::unique_ptr<Agent>> agents;
    for (int i = 0; i < 8; ++i) agents.push_back(std::make_unique<Agent>(kind.address()));
    for (const auto& agent : agents) agent->tell("claim x61 x62 3600000");
    for (const auto& agent : agents) CHECK(agent->answer().at(0) == "granted");
}

TEST_CASE("threads that open a new database at once", "[postgres][race]") {
    for (int round = 0; round < 5; ++round) {
        const Kind kind;
        std::atomic<int> errors{0};
        std::vector<std::thread> running;
        for (int thread = 0; thread < 16; ++thread)
            running.emplace_back([&] {
                if (error_of([&] { PostgresStore store(kind.address()); }) != "none") ++errors;
            });
        for (std::thread& thread : running) thread.join();
        CHECK(errors == 0);
    }
}

TEST_CASE("a role that may use the table but create none is enough", "[postgres]") {
    Kind kind;
    const PostgresUser database(kind.address());
    database.run("DROP ROLE IF EXISTS clerk; CREATE ROLE clerk LOGIN; GRANT USAGE ON SCHEMA " + kind.schema().name() +
                 " TO clerk");
    const std::string address = kind.schema().address("", "clerk");
    CHECK(error_of([&] { PostgresStore store(address); }) ==
          "PostgreSQL: permission denied for schema " + kind.schema().name());
    kind.store();
    database.run("GRANT SELECT, INSERT, UPDATE, DELETE ON pivotal_claims TO clerk");
    PostgresStore store(address);
    CHECK(store.claim("evt_1", "a", 1h) == Claim::granted);
    CHECK(store.complete("evt_1", "a"));
}

TEST_CASE("expired ids go as new ones come, those of all consumers", "[postgres]") {
    Kind kind;
    PostgresStore brief(kind.address(), {"brief", 0s}), store(kind.address());
    const PostgresUser database(kind.address());
    // The first claim of a store and each sixteenth remove up to 64.
    const auto count = [&] { return database.number("SELECT count(*) FROM pivotal_claims"); };
    CHECK(store.claim("evt_1", "a", 1h) == Claim::granted);
    for (int i = 0; i < 100; ++i) CHECK(brief.claim(std::to_string(i), "a", 1h) == Claim::granted);
    for (int i = 0; i < 100; ++i) CHECK(brief.complete(std::to_string(i), "a"));
    CHECK(count() == 101);
    for (int i = 0; i < 15; ++i) CHECK(store.claim("evt_1", "b", 1h) == Claim::in_progress);  // which count for nothing
    for (int i = 0; i < 15; ++i) CHECK(store.claim("evt_2_" + std::to_string(i), "a", 1h) == Claim::granted);
    CHECK(count() == 116);
    CHECK(store.claim("evt_3", "a", 1h) == Claim::granted);
    CHECK(count() == 117 - 64);
    CHECK(PostgresStore(kind.address()).claim("evt_4", "a", 1h) == Claim::granted);
    CHECK(count() == 18);
}

TEST_CASE("ids that are claimed again as they are removed lock nobody out", "[postgres][race]") {
    Kind kind;
    const auto store = kind.store({"default", 0s});
    std::atomic<int> errors{0}, granted{0};
    std::vector<std::thread> running;
    for (unsigned thread = 0; thread < 8; ++thread)
        running.emplace_back([&, thread, own = thread % 2 ? store : kind.store({"default", 0s})] {
            std::minstd_rand random(thread + 1);
            for (int i = 0; i < 300; ++i) {
                try {
                    // Each is expired as soon as it is claimed.
                    if (own->claim(std::to_string(random() % 12), std::to_string(thread), 0ms) == Claim::granted)
                        ++granted;
                } catch (const StoreError& error) {
                    ++errors;
                }
            }
        });
    for (std::thread& thread : running) thread.join();
    CHECK(errors == 0);
    CHECK(granted > 0);
}

// ---- Connections ----

TEST_CASE("many threads share the connections that the options say", "[postgres]") {
    Kind kind;
    const PostgresUser database(kind.address());
    const auto others =
        database.number("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pivotal-webhook'");
    StoreOptions options;
    options.connections = 4;
    const auto store = kind.store(options);
    std::vector<std::thread> running;
    for (int thread = 0; thread < 16; ++thread)
        running.emplace_back([&, thread] {
            for (int i = 0; i < 50; ++i) store->claim(std::to_string(thread * 50 + i), "a", 1h);
        });
    for (std::thread& thread : running) thread.join();
    const auto open =
        database.number("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pivotal-webhook'") - others;
    CHECK(open >= 2);
    CHECK(open <= 4);
    CHECK(database.number("SELECT count(*) FROM pivotal_claims") == 800);
}

TEST_CASE("claim, renew and complete can be repeated after a cut connection", "[postgres][race]") {
    Kind kind;
    const auto store = kind.store();
    Calls calls;
    std::atomic<int> wrong{0};
    auto cutter = std::make_unique<Cutter>(kind.address(), calls);
    std::vector<std::thread> running;
    for (int thread = 0; thread < 4; ++thread)
        running.emplace_back([&, owner = std::to_string(thread)] {
            for (int i = 0; i < 100; ++i) {
                const std::string id = owner + "_" + std::to_string(i);
                if (until_answered([&] { return store->claim(id, owner, 1h); }, calls) != Claim::granted ||
                    !until_answered([&] { return store->renew(id, owner, 1h); }, calls) ||
                    !until_answered([&] { return store->complete(id, owner); }, calls) ||
                    until_answered([&] { return store->claim(id, "another", 1h); }, calls) != Claim::duplicate)
                    ++wrong;
            }
        });
    for (std::thread& thread : running) thread.join();
    cutter.reset();
    CHECK(wrong == 0);  // the store itself repeats them, for as long as a call lasts
}

TEST_CASE("where a reply is lost the answer can be had again", "[postgres]") {
    Kind kind;
    const auto proxy_made = kind.proxy();
    Proxy& proxy = *proxy_made;
    const std::string address = kind.address_of(proxy);
    const auto store = std::make_shared<PostgresStore>(address);
    const auto warm_up = [&] {  // its connection is there, and its statements are prepared
        CHECK(store->claim("warm", "a", 1h) == Claim::granted);
        CHECK(store->renew("warm", "a", 1h));
        CHECK(store->claim("warm", "b", 1h) == Claim::in_progress);
        CHECK(store->release("warm", "a"));
        CHECK_FALSE(store->complete("warm", "a"));
        CHECK_FALSE(store->forget("warm"));
    };
    warm_up();
    SECTION("by the store, which repeats what can be repeated") {
        proxy.lose_replies(1);
        CHECK(store->claim("evt_1", "a", 1h) == Claim::granted);
        CHECK(store->claim("evt_1", "b", 1h) == Claim::in_progress);
        warm_up();
        proxy.lose_replies(1);
        CHECK(store->renew("evt_1", "a", 1h));
        warm_up();
        proxy.lose_replies(1);
        CHECK(store->complete("evt_1", "a"));
        CHECK(store->claim("evt_1", "b", 1h) == Claim::duplicate);
        CHECK(proxy.withheld() == 3);
    }
    SECTION("by the caller, of the rest") {
        CHECK(store->claim("evt_1", "a", 1h) == Claim::granted);
        proxy.lose_replies(1);
        CHECK_THROWS_AS(store->release("evt_1", "a"), StoreError);
        CHECK(store->claim("evt_1", "b", 1h) == Claim::granted);  // it was done
        warm_up();
        proxy.lose_replies(1);
        CHECK_THROWS_AS(store->forget("evt_1"), StoreError);
        CHECK_FALSE(store->forget("evt_1"));
    }
    SECTION("by the receiver, which completes again") {
        std::atomic<int> handled{0}, incidents{0};
        Receiver receiver(webhook, store,
                          [&](const Event&) {
                              ++handled;
                              proxy.lose_replies(1);
                          },
                          {1h, [&](const pivotal::Observation& seen) { incidents += seen.is_incident() ? 1 : 0; }});
        CHECK(std::string_view(deliver(receiver, "evt_1").body) == "ok");
        CHECK(proxy.withheld() == 1);
        CHECK(std::string_view(deliver(receiver, "evt_1").body) == "duplicate");
        CHECK(handled == 1);
        CHECK(incidents == 0);
    }
    SECTION("by a worker, which is woken for what may be new") {
        const auto inbox = std::make_shared<PostgresInbox>(address);
        const PostgresUser database(kind.address());
        std::atomic<int> handled{0};
        pivotal::WorkerOptions options;
        options.poll = 24h;
        const pivotal::InboxWorker worker(
            inbox, [&](const Event&) { ++handled; }, options);
        support::wait_until("it listens", [&] {
            return database.number("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN pivotal%'") == 1;
        });
        int put = 0;
        support::wait_until("the reply to a put was lost, and none of the worker's", [&] {
            proxy.lose_replies(1);
            const bool was_lost = !inbox->put(event_of(std::to_string(++put)), "{}");
            support::wait_until("the event is handled", [&] { return handled == put; });
            return was_lost;
        });
    }
    SECTION("of an inbox") {
        PostgresInbox inbox(address);
        CHECK(inbox.put(event_of("evt_0"), "{}"));
        CHECK(inbox.done(*inbox.take(1h)));
        proxy.lose_replies(1);
        CHECK_FALSE(inbox.put(event_of("evt_1"), "{}"));  // the repetition found it
        const Job job = *inbox.take(1h);
        CHECK_FALSE(inbox.done(Job{}));  // which the new connection now knows
        proxy.lose_replies(1);
        CHECK(inbox.done(job));
        CHECK(kind.done() == 2);
        CHECK(proxy.withheld() == 2);
    }
}

TEST_CASE("an idle connection that was cut is opened anew without an error", "[postgres]") {
    Kind kind;
    const auto store = kind.store();
    const PostgresUser database(kind.address());
    for (int i = 0; i < 20; ++i) {
        CHECK(store->claim(std::to_string(i), "a", 1h) == Claim::granted);
        database.number(cut_all);
        support::wait_until("the connection is gone", [&] {
            return database.number(
                       "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pivotal-webhook'") == 0;
        });
    }
}

TEST_CASE("what is committed is on the disk, whatever is the user's default", "[postgres]") {
    Kind kind;
    kind.store();
    const PostgresUser database(kind.address());
    database.run(
        "CREATE TABLE seen (setting text);"
        "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        "  INSERT INTO seen VALUES (current_setting('synchronous_commit') || ' ' || "
        "current_setting('transaction_isolation') || ' ' || current_setting('statement_timeout')); RETURN NEW; END $$;"
        "CREATE TRIGGER see AFTER INSERT OR UPDATE ON pivotal_claims FOR EACH ROW EXECUTE FUNCTION see()");
    const auto seen = [&](const std::string& settings) {
        database.run("TRUNCATE seen");
        PostgresStore store(kind.schema().address(settings));
        CHECK(store.claim(settings, "a", 1h) == Claim::granted);
        CHECK(store.complete(settings, "a"));
        return database.text("SELECT string_agg(DISTINCT setting, ',') FROM seen");
    };
    CHECK(seen("") == "on read committed 1500ms");
    CHECK(seen(" -c synchronous_commit=off") == "on read committed 1500ms");
    CHECK(seen(" -c synchronous_commit=remote_apply") == "remote_apply read committed 1500ms");
    CHECK(seen(" -c default_transaction_isolation=serializable") == "on read committed 1500ms");
    CHECK(seen(" -c statement_timeout=1000") == "on read committed 1s");
    CHECK(seen(" -c statement_timeout=60000") == "on read committed 1500ms");
}

TEST_CASE("what the server remarks is not written to the user's terminal", "[postgres]") {
    Kind kind;
    kind.store();
    PostgresUser(kind.address())
        .run(
            "CREATE FUNCTION remark() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            "  RAISE WARNING 'remarkable'; RETURN NEW; END $$;"
            "CREATE TRIGGER remark AFTER INSERT ON pivotal_claims FOR EACH ROW EXECUTE FUNCTION remark()");
    support::TemporaryFolder folder;
    const int terminal = dup(STDERR_FILENO);
    const int file = open(folder.file("stderr").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    dup2(file, STDERR_FILENO);
    const Claim claim = kind.store()->claim("evt_1", "a", 1h);
    dup2(terminal, STDERR_FILENO);
    close(terminal);
    close(file);
    CHECK(claim == Claim::granted);
    CHECK(support::read_file(folder.file("stderr")).empty());
}

// ---- A server that does not answer ----

TEST_CASE("a table that somebody has locked is waited for, and then is an error", "[postgres]") {
    Kind kind;
    const auto store = kind.store();
    const PostgresUser other(kind.address());
    other.run("BEGIN; LOCK TABLE pivotal_claims");
    SECTION("which ends in time") {
        const support::ManySignals signals;
        std::atomic<bool> granted{false};
        std::thread waiting([&] { granted = store->claim("evt_1", "a", 1h) == Claim::granted; });
        std::this_thread::sleep_for(300ms);
        other.run("COMMIT");
        waiting.join();
        CHECK(granted);
    }
    SECTION("which does not, for many threads at once") {
        std::atomic<int> unavailable{0}, handled{0};
        Receiver receiver(webhook, store, [&](const Event&) { ++handled; }, {100ms});
        const auto start = std::chrono::steady_clock::now();
        std::vector<std::thread> waiting;
        for (int i = 0; i < 8; ++i)
            waiting.emplace_back([&, id = std::to_string(i)] {
                const Reply reply = deliver(receiver, id);
                if (reply.status == 503 && std::string_view(reply.body) == "store unavailable") ++unavailable;
            });
        for (std::thread& thread : waiting) thread.join();
        CHECK(unavailable == 8);
        CHECK(std::chrono::steady_clock::now() - start < 9s);
        other.run("COMMIT");
        CHECK(handled == 0);
        for (int i = 0; i < 8; ++i)  // a claim that nobody waited for any more may have been made
            support::wait_until("it is handled", [&] { return deliver(receiver, std::to_string(i)).status == 200; });
        CHECK(handled == 8);
    }
}

TEST_CASE("a server that stands still is answered for in time", "[postgres]") {
    Kind kind;
    const auto store = kind.store();
    const auto inbox = kind.inbox();
    CHECK(store->claim("evt_before", "a", 1h) == Claim::granted);
    const PostgresUser database(kind.address());
    std::vector<pid_t> stopped{support::postgres().process().pid()};
    std::istringstream pids(
        database.text("SELECT string_agg(pid::text, ' ') FROM pg_stat_activity WHERE backend_type = 'client backend'"));
    for (pid_t pid; pids >> pid;) stopped.push_back(pid);
    for (const pid_t pid : stopped) kill(pid, SIGSTOP);
    int wrong = 0;
    std::chrono::steady_clock::duration longest{};
    {
        Receiver receiver(webhook, store, [](const Event&) {});
        std::vector<std::thread> waiting;
        std::atomic<int> unavailable{0};
        const auto start = std::chrono::steady_clock::now();
        for (int i = 0; i < 12; ++i)
            waiting.emplace_back([&, id = std::to_string(i)] {
                if (deliver(receiver, id).status == 503) ++unavailable;
            });
        // More than the kernel takes at once.
        waiting.emplace_back([&] {
            const std::string body(8 << 20, 'x');
            if (error_of([&] { inbox->put(event_of("evt_large"), body); }) != "none") ++unavailable;
        });
        waiting.emplace_back([&] {
            if (error_of([&] { PostgresStore another(kind.address()); }) != "none") ++unavailable;
        });
        for (std::thread& thread : waiting) thread.join();
        longest = std::chrono::steady_clock::now() - start;
        wrong = 14 - unavailable;
    }
    for (const pid_t pid : stopped) kill(pid, SIGCONT);
    CHECK(wrong == 0);
    CHECK(longest < 9s);
    Calls calls;
    CHECK(until_answered([&] { return store->complete("evt_before", "a"); }, calls));
}

TEST_CASE("a server that dies in the middle and comes back has forgotten nothing", "[postgres][restart]") {
    Kind kind;
    PostgresServer& server = support::postgres();
    const auto store = kind.store();
    std::vector<std::atomic<int>> handled(300);
    std::atomic<int> wrong{0}, unavailable{0};
    std::atomic<std::size_t> accepted{0};
    Receiver receiver(webhook, store, [&](const Event& event) { ++handled[std::stoul(event.id)]; }, {300ms});
    std::vector<std::thread> running;
    std::vector<std::atomic<int>> incidents(handled.size());
    for (std::size_t thread = 0; thread < 4; ++thread)
        running.emplace_back([&, thread] {
            for (std::size_t i = thread; i < handled.size(); i += 4)
                for (;;) {  // as Pivotal does, but sooner
                    const Reply reply = deliver(receiver, std::to_string(i));
                    if (reply.status == 200) break;
                    if (reply.status == 503)
                        ++unavailable, ++incidents[i];
                    else if (reply.status != 409)
                        ++wrong;
                    std::this_thread::sleep_for(2ms);
                }
            ++accepted;
        });
    const auto handled_by_now = [&] {
        return std::count_if(handled.begin(), handled.end(), [](const auto& times) { return times > 0; });
    };
    for (const int after : {60, 120, 180}) {
        support::wait_until("some are handled", [&] { return handled_by_now() >= after; });
        const int before = unavailable;
        server.crash();
        support::wait_until("the store is unavailable", [&] { return unavailable > before; });
        server.start();
    }
    for (std::thread& thread : running) thread.join();
    CHECK(wrong == 0);
    CHECK(unavailable >= 3);
    int lost = 0, twice = 0;
    for (std::size_t i = 0; i < handled.size(); ++i) {
        if (handled[i] == 0) ++lost;
        // Twice only where its completion could not be told.
        if (handled[i] > 1 && incidents[i] == 0) ++twice;
    }
    CHECK(lost == 0);
    CHECK(twice == 0);
    for (std::size_t i = 0; i < handled.size(); ++i)
        CHECK(store->claim(std::to_string(i), "another", 1h) == Claim::duplicate);
}

// ---- The inbox ----

TEST_CASE("an inbox loses nothing where connections are cut", "[postgres][inbox][race]") {
    Kind kind;
    Calls calls;
    // The server may be busy still with what the tests before have left.
    const auto inbox = until_answered([&] { return kind.inbox(); }, calls);
    auto cutter = std::make_unique<Cutter>(kind.address(), calls);
    constexpr int threads = 4, each = 60;
    std::vector<std::thread> running;
    for (int thread = 0; thread < threads; ++thread)
        running.emplace_back([&, thread] {
            for (int i = 0; i < each; ++i) {
                until_answered([&] { return inbox->put(event_of(std::to_string(thread * each + i)), "{}"); }, calls);
                // A job that was taken without a reply is due again with its lease.
                const auto job = until_answered([&] { return inbox->take(200ms); }, calls);
                if (job) until_answered([&] { return inbox->done(*job); }, calls);
            }
        });
    for (std::thread& thread : running) thread.join();
    cutter.reset();
    support::wait_until("all are done", [&] {
        // The last cut may come a moment after the order to.
        const auto job = until_answered([&] { return inbox->take(200ms); }, calls);
        if (job) until_answered([&] { return inbox->done(*job); }, calls);
        return kind.done() == threads * each;
    });
    CHECK(until_answered([&] { return inbox->stats(); }, calls).ready == 0);
    CHECK(calls.errors > 0);
}

TEST_CASE("an event that another transaction holds is passed over", "[postgres][inbox]") {
    Kind kind;
    const auto inbox = kind.inbox();
    for (const char* const id : {"evt_1", "evt_2", "evt_3"}) CHECK(inbox->put(event_of(id), "{}"));
    const PostgresUser other(kind.address());
    other.run("BEGIN; SELECT FROM pivotal_inbox WHERE event_id = 'evt_1' FOR UPDATE");
    CHECK(inbox->take(1h)->event.id == "evt_2");
    other.run("COMMIT");
    CHECK(inbox->take(1h)->event.id == "evt_1");
    CHECK(inbox->take(1h)->event.id == "evt_3");
}

TEST_CASE("events that are done and expired go as new ones come", "[postgres][inbox]") {
    Kind kind;
    const auto brief = kind.inbox({"default", 0s}), inbox = kind.inbox();
    const PostgresUser database(kind.address());
    for (int i = 0; i < 200; ++i) CHECK(brief->put(event_of("brief" + std::to_string(i)), "{}"));
    for (int i = 0; i < 200; ++i) CHECK(brief->done(*brief->take(1h)));
    for (int i = 0; i < 100; ++i) CHECK(inbox->put(event_of(std::to_string(i)), "{}"));
    CHECK(database.number("SELECT count(*) FROM pivotal_inbox") == 100);
}

TEST_CASE("an inbox takes as long with many events as with few", "[postgres][inbox][million]") {
    Kind kind;
    const auto inbox = kind.inbox();
    const PostgresUser database(kind.address());
    // Ready, waiting for their time, done, and done so long ago that they are to be removed.
    const auto fill = [&](int count) {
        for (const char* const state : {"0, now(), NULL", "0, now() + interval '1 h', NULL",
                                        "1, now(), now() + interval '1 h'", "1, now(), now() - interval '1 h'"})
            database.run(
                "INSERT INTO pivotal_inbox (consumer, event_id, type, message_id, signed_at, received_at, "
                "attempt, state, due_at, expires_at) SELECT 'default', "
                "gen_random_uuid()::text::bytea, 't', '', 0, now(), 0, " +
                std::string(state) + " FROM generate_series(1, " + std::to_string(count) + ")");
    };
    const auto fastest = [&](const std::string& prefix) {
        auto best = std::chrono::steady_clock::duration::max();
        for (int i = 0; i < 100; ++i) {
            const auto start = std::chrono::steady_clock::now();
            const bool put = inbox->put(event_of(prefix + std::to_string(i)), "{}");
            const auto job = inbox->take(1h);
            const bool done = job && inbox->done(*job);
            best = std::min(best, std::chrono::steady_clock::now() - start);
            if (!put || !done) support::fail("not put, taken and done");
        }
        return std::chrono::duration<double, std::micro>(best).count();
    };
    fill(200);
    const double with_few = fastest("evt_a");
    fill(100'000);
    const double with_many = fastest("evt_b");
    std::printf("put, take and done: %.1f us with 800 events, %.1f us with 400,000\n", with_few, with_many);
    CHECK(with_many < 3 * with_few + 60);
}

TEST_CASE("an inbox takes as fast while a backup holds an old snapshot", "[postgres][inbox][million]") {
    Kind kind;
    const auto inbox = kind.inbox();
    const PostgresUser database(kind.address()), backup(kind.address());
    backup.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pivotal_inbox");
    database.run(
        "INSERT INTO pivotal_inbox (consumer, event_id, type, message_id, signed_at, received_at, attempt, state, "
        "due_at) SELECT 'default', i::text::bytea, 't', '', 0, now(), 0, 0, now() - (500000 - i) * interval '1 ms' "
        "FROM generate_series(1, 500000) AS i");
    database.run("UPDATE pivotal_inbox SET state = 1, expires_at = now() + interval '7 days'");
    const auto time_of = [&](pivotal::Inbox& asked) {
        const auto start = std::chrono::steady_clock::now();
        asked.take(1h);
        return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    };
    const auto median = [](std::vector<double> times) {
        std::sort(times.begin(), times.end());
        return times[times.size() / 2];
    };
    std::vector<double> full, bounded, idle;
    for (int i = 0; i < 5; ++i) full.push_back(time_of(*kind.inbox()));  // which knows nothing yet
    for (int i = 0; i < 50; ++i) {
        CHECK(inbox->put(event_of("evt_" + std::to_string(i)), "{}"));
        bounded.push_back(time_of(*inbox));
        idle.push_back(time_of(*inbox));
    }
    std::printf("take with 500,000 events since an old snapshot: %.2f ms, idle %.2f ms; all of them: %.2f ms\n",
                median(bounded), median(idle), median(full));
    CHECK(median(bounded) < median(full) / 5);
    CHECK(median(idle) < median(full) / 5);
    backup.run("COMMIT");
}

TEST_CASE("a claim looks at little that has expired and is gone while a backup holds an old snapshot", "[postgres]") {
    support::Counted kind;
    const auto store = support::open_store(kind.schema().address("", "counted"), {});
    const PostgresUser database(kind.address()), backup(kind.address());
    backup.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pivotal_claims");
    database.run(
        "INSERT INTO pivotal_claims SELECT 'default', i::text::bytea, '', now(), now() - i * interval '1 s', true "
        "FROM generate_series(1, 50000) AS i; DELETE FROM pivotal_claims");
    int claimed = 0;
    const auto cost_of_claims = [&] {
        const int before = kind.cost();
        for (int i = 0; i < 16; ++i) CHECK(store->claim("evt_" + std::to_string(++claimed), "a", 1h) == Claim::granted);
        return kind.cost() - before;
    };
    const int full = cost_of_claims();  // which knows nothing yet
    std::vector<int> later(10);
    for (int& cost : later) cost = cost_of_claims();
    std::sort(later.begin(), later.end());  // some of them look at all, once in a while
    CHECK(later[later.size() / 2] < full / 5);
    backup.run("COMMIT");
}

TEST_CASE("an event that comes late, before what was taken, is found all the same", "[postgres][inbox]") {
    Kind kind;
    const auto inbox = kind.inbox();
    const PostgresUser database(kind.address());
    CHECK_FALSE(inbox->take(1h));
    CHECK(inbox->put(event_of("evt_1"), "{}"));
    CHECK(inbox->take(1h)->event.id == "evt_1");
    for (const char* const id : {"evt_2", "evt_3", "evt_4"}) CHECK(inbox->put(event_of(id), "{}"));
    database.run("UPDATE pivotal_inbox SET due_at = due_at - interval '1 h' WHERE attempt = 0");
    std::optional<Job> job;
    support::wait_until("it is found", [&] { return (job = inbox->take(1h)).has_value(); });
    CHECK(job->event.id == "evt_2");
    CHECK(inbox->take(1h)->event.id == "evt_3");  // those beside it at once
    CHECK(inbox->take(1h)->event.id == "evt_4");
}

TEST_CASE("a body that cannot be read is tried again, told of, buried with its reason, and stops nothing behind it",
          "[postgres][inbox][restart]") {
    Kind kind;
    PostgresServer& server = support::postgres();
    std::string file;
    {
        const auto inbox = kind.inbox();
        std::minstd_rand random(1);  // NOLINT: a body that cannot be compressed
        std::string body(20'000, '\0');
        for (char& c : body) c = static_cast<char>(random() >> 8);
        CHECK(inbox->put(event_of("evt_1"), body));
        CHECK(inbox->put(event_of("evt_2"), "{}"));
        const PostgresUser database(kind.address());
        file = database.text(
            "SELECT pg_relation_filepath(reltoastrelid) FROM pg_class WHERE oid = 'pivotal_inbox'::regclass");
    }
    server.stop();
    const auto path = server.folder() / "data" / file;
    const auto size = std::filesystem::file_size(path);
    REQUIRE(size > 0);
    std::fstream(path, std::ios::in | std::ios::out | std::ios::binary) << std::string(size, '\0');
    server.start();
    const auto inbox = kind.inbox();
    std::mutex mutex;
    std::string told;
    pivotal::WorkerOptions options;
    options.max_attempts = 2;
    options.min_backoff = options.max_backoff = 0ms;
    options.poll = 5ms;
    options.observer = [&](const pivotal::Observation& seen) {
        const std::lock_guard<std::mutex> lock(mutex);
        told += seen.event_id + " " + std::to_string(seen.attempt) + " " + seen.name() + "\n";
    };
    {
        const InboxWorker worker(
            inbox, [](const Event&) {}, options);
        support::wait_until("it is dead", [&] { return inbox->stats().dead == 1 && kind.done() == 1; });
    }
    for (const char* const line : {"evt_1 1 failed\n", "evt_1 2 buried\n", "evt_2 1 handled\n"})
        CHECK(told.find(line) != told.npos);
    const auto dead = inbox->dead(10);
    REQUIRE(dead.size() == 1);
    CHECK(dead[0].event.id == "evt_1");
    CHECK(dead[0].error.find("its body cannot be read: PostgreSQL: missing chunk number 0 for toast value") == 0);
    CHECK(dead[0].body.empty());
}

TEST_CASE("a purge takes any number of dead letters, and waits for none that is locked", "[postgres][inbox]") {
    Kind kind;
    const auto inbox = kind.inbox();
    const PostgresUser database(kind.address()), other(kind.address());
    database.run(
        "INSERT INTO pivotal_inbox (consumer, event_id, type, message_id, signed_at, received_at, state, attempt, "
        "due_at, ended_at) SELECT 'default', i::text::bytea, 't', '', 0, now(), 2, 1, now(), "
        "now() - (i / 3) * interval '1 h' FROM generate_series(1, 25002) AS i");
    other.run("BEGIN; SELECT 1 FROM pivotal_inbox WHERE event_id = '25002' FOR UPDATE");
    CHECK(inbox->purge(1h) == 24'999);  // but for that one, and two that have just died
    other.run("COMMIT");
    CHECK(inbox->purge(1h) == 1);
    CHECK(inbox->stats().dead == 2);
}

TEST_CASE("an operator's calls may take longer than a worker's", "[postgres][inbox]") {
    Kind kind;
    CHECK(kind.inbox()->put(event_of("evt_1"), "{}"));
    CHECK(kind.inbox()->bury(*kind.inbox()->take(1h), "never"));
    PostgresUser(kind.address())
        .run(
            "ALTER TABLE pivotal_inbox RENAME TO fast; CREATE VIEW pivotal_inbox AS SELECT fast.* FROM fast, "
            "LATERAL (SELECT pg_sleep(2) WHERE fast.seq > 0 OFFSET 0) AS slow");
    const auto inbox = kind.inbox();
    CHECK(inbox->stats().dead == 1);
    CHECK(inbox->dead(10).size() == 1);
}

TEST_CASE("a take waits for no disk, all else that is told does", "[postgres][inbox]") {
    Kind kind;
    kind.inbox();
    const PostgresUser database(kind.address());
    database.run(
        "CREATE TABLE seen (setting text);"
        "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        "  INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;"
        // When the transaction is about to be committed.
        "CREATE CONSTRAINT TRIGGER see AFTER INSERT OR UPDATE OR DELETE ON pivotal_inbox DEFERRABLE "
        "INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION see()");
    PostgresInbox inbox(kind.schema().address(" -c synchronous_commit=off"));
    const auto seen = [&](const std::function<void()>& work) {
        database.run("TRUNCATE seen");
        work();
        return database.text("SELECT string_agg(DISTINCT setting, ',') FROM seen");
    };
    Job job;
    CHECK(seen([&] { inbox.put(event_of("evt_1"), "{}"); }) == "on");
    CHECK(seen([&] { job = *inbox.take(1h); }) == "off");
    CHECK(seen([&] { inbox.renew(job, 1h); }) == "off");
    CHECK(seen([&] { inbox.retry(job, 0ms, "later"); }) == "on");
    CHECK(seen([&] { job = *inbox.take(1h); }) == "off");
    CHECK(seen([&] { inbox.bury(job, "never"); }) == "on");
    CHECK(seen([&] { inbox.requeue("evt_1"); }) == "on");
    CHECK(seen([&] { job = *inbox.take(1h); }) == "off");
    CHECK(seen([&] { inbox.done(job); }) == "on");
    CHECK(seen([&] { inbox.forget("evt_1"); }) == "on");
}

TEST_CASE("ids that are put again as they are removed lock nobody out", "[postgres][inbox][race]") {
    Kind kind;
    std::atomic<int> errors{0}, put{0};
    std::vector<std::thread> running;
    for (unsigned thread = 0; thread < 8; ++thread)
        running.emplace_back([&, thread, inbox = kind.inbox({"default", 0s})] {
            std::minstd_rand random(thread + 1);
            for (int i = 0; i < 150; ++i) {
                try {
                    if (inbox->put(event_of(std::to_string(random() % 12)), "{}")) ++put;
                    const auto job = inbox->take(1h);
                    if (job && !inbox->done(*job)) ++errors;
                } catch (const StoreError&) {
                    ++errors;
                }
            }
        });
    for (std::thread& thread : running) thread.join();
    CHECK(errors == 0);
    CHECK(put > 12);
}

TEST_CASE("an inbox whose server dies in the middle handles all that it accepted", "[postgres][inbox][restart]") {
    Kind kind;
    PostgresServer& server = support::postgres();
    constexpr int events = 150;
    std::vector<std::atomic<int>> handled(events);
    std::atomic<int> accepted{0}, unavailable{0};
    const auto inbox = kind.inbox();
    pivotal::WorkerOptions options;
    options.lease = 300ms;
    options.poll = 5ms;
    const InboxWorker worker(
        kind.inbox(), [&](const Event& event) { ++handled[std::stoul(event.id)]; }, options);
    Receiver receiver(webhook, inbox);
    std::thread sender([&] {
        for (int i = 0; i < events; ++i) {
            while (deliver(receiver, std::to_string(i)).status != 200) {
                ++unavailable;
                std::this_thread::sleep_for(2ms);
            }
            ++accepted;
        }
    });
    support::wait_until("some are accepted", [&] { return accepted >= events / 2; });
    const int before = unavailable;
    server.crash();
    support::wait_until("the inbox is unavailable", [&] { return unavailable > before; });
    server.start();
    sender.join();
    support::wait_until("all are done", [&] { return kind.done() == events; });
    for (const std::atomic<int>& times : handled) {
        CHECK(times >= 1);
        CHECK(times <= 2);
    }
}

// ---- Marks ----

TEST_CASE("a second transaction waits for the first that marks the same event", "[postgres][mark]") {
    const Kind kind;
    const PostgresUser first(kind.address()), second(kind.address());
    first.run("BEGIN");
    CHECK(mark_processed(first, "evt_0"));
    first.run("COMMIT");
    const bool commit = GENERATE(true, false);
    first.run("BEGIN");
    second.run("BEGIN");
    CHECK(mark_processed(first, "evt_1"));
    const int pid = PQbackendPID(second);
    std::atomic<int> marked{-1};
    std::thread waiting([&] { marked = mark_processed(second, "evt_1"); });
    support::wait_until("the second waits", [&] {
        return first.number("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = " + std::to_string(pid)) == 1;
    });
    CHECK(marked == -1);
    first.run(commit ? "COMMIT" : "ROLLBACK");
    waiting.join();
    CHECK(marked == (commit ? 0 : 1));
    second.run("COMMIT");
}

TEST_CASE("above READ COMMITTED the marks of other events make none fail", "[postgres][mark]") {
    const Kind kind;
    const PostgresUser first(kind.address()), second(kind.address());
    for (const char* const id : {"old_1", "old_2", "old_3"}) {
        first.run("BEGIN");
        CHECK(mark_processed(first, id, {"default", 0s}));
        first.run("COMMIT");
    }
    first.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pivotal_processed");
    second.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pivotal_processed");
    for (int i = 0; i < 100; ++i) CHECK(mark_processed(first, "first_" + std::to_string(i)));
    first.run("COMMIT");
    for (int i = 0; i < 100; ++i) CHECK(mark_processed(second, "second_" + std::to_string(i)));
    second.run("COMMIT");
    const auto expired = [&] {
        return first.number("SELECT count(*) FROM pivotal_processed WHERE event_id LIKE 'old%'");
    };
    CHECK(expired() == 3);
    for (int i = 0; i < 1000 && expired() > 0; ++i) {  // by those below, of which one in sixteen does it
        first.run(i % 2 == 0 ? "BEGIN" : "BEGIN ISOLATION LEVEL READ UNCOMMITTED");
        CHECK(mark_processed(first, "third_" + std::to_string(i)));
        first.run("COMMIT");
    }
    CHECK(expired() == 0);
}

TEST_CASE("a job is done in a transaction that its renewal cannot make fail, or not at all",
          "[postgres][inbox][mark]") {
    Kind kind;
    const auto inbox = kind.own_inbox();
    const PostgresUser db(kind.address());
    CHECK(inbox->put(event_of("evt_1"), "{}"));
    const Job job = *inbox->take(1h);
    for (const char* const level : {"REPEATABLE READ", "SERIALIZABLE"}) {
        db.run("BEGIN ISOLATION LEVEL " + std::string(level) + "; SELECT count(*) FROM pivotal_inbox");
        CHECK_THROWS_AS(inbox->complete_in(db, job), std::logic_error);
        db.run("ROLLBACK");
    }
    db.run("BEGIN ISOLATION LEVEL READ UNCOMMITTED; SELECT count(*) FROM pivotal_inbox");
    CHECK(inbox->renew(job, 1h));
    CHECK(inbox->complete_in(db, job));
    db.run("COMMIT");
    CHECK(kind.done() == 1);
}

TEST_CASE("a mark lasts for the retention", "[postgres][mark]") {
    const Kind kind;
    const PostgresUser db(kind.address());
    db.run("BEGIN");
    CHECK(mark_processed(db, "evt_1"));
    CHECK(mark_processed(db, "evt_2", {"default", 3600s}));
    db.run("COMMIT");
    const auto left = [&](const std::string& id) {
        return db.number(
            "SELECT ceil(extract(epoch FROM expires_at - clock_timestamp()))::bigint FROM pivotal_processed "
            "WHERE event_id = '" +
            id + "'");
    };
    CHECK(left("evt_1") <= 7 * 24 * 3600);
    CHECK(left("evt_1") > 7 * 24 * 3600 - 60);
    CHECK(left("evt_2") <= 3600);
    CHECK(left("evt_2") > 3600 - 60);
}

TEST_CASE("a mark that cannot be made is an error", "[postgres][mark]") {
    const Kind kind;
    const PostgresUser db(kind.address()), other(kind.address());
    db.run("BEGIN");
    CHECK(mark_processed(db, "evt_1"));
    db.run("COMMIT");
    SECTION("in a transaction that has failed") {
        db.run("BEGIN");
        CHECK(error_of([&] { db.run("SELECT 1 / 0"); }) == "PostgreSQL: division by zero");
        CHECK(error_of([&] { mark_processed(db, "evt_2"); }).find("current transaction is aborted") !=
              std::string::npos);
        db.run("ROLLBACK; BEGIN");
        CHECK(mark_processed(db, "evt_2"));
    }
    SECTION("above READ COMMITTED, where another has made it in the meantime") {
        db.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pivotal_processed");
        other.run("BEGIN");
        CHECK(mark_processed(other, "evt_2"));
        other.run("COMMIT");
        CHECK(error_of([&] { mark_processed(db, "evt_2"); }) ==
              "PostgreSQL: could not serialize access due to concurrent update");
        db.run("ROLLBACK; BEGIN ISOLATION LEVEL REPEATABLE READ");
        CHECK_FALSE(mark_processed(db, "evt_2"));
    }
    SECTION("on a connection that was cut") {
        db.run("BEGIN");
        other.number("SELECT pg_terminate_backend(" + std::to_string(PQbackendPID(db)) + ")::int");
        CHECK_THROWS_AS(mark_processed(db, "evt_2"), StoreError);
        CHECK_THROWS_AS(mark_processed(db, "evt_2"), StoreError);
        CHECK_THROWS_AS(mark_processed(static_cast<PGconn*>(nullptr), "evt_2"), StoreError);
    }
    SECTION("while another command is under way") {
        db.run("BEGIN");
        REQUIRE(PQsendQuery(db, "SELECT 1") == 1);
        CHECK_THROWS_AS(mark_processed(db, "evt_2"), std::logic_error);
    }
    SECTION("without the right to") {
        other.run("DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA " +
                  kind.schema().name() + " TO reader");
        const PostgresUser reader(kind.schema().address("", "reader"));
        reader.run("BEGIN");
        CHECK(error_of([&] { mark_processed(reader, "evt_2"); }) ==
              "PostgreSQL: permission denied for table pivotal_processed");
    }
}

// ---- A full disk ----

TEST_CASE("a full disk is an error, and nothing that was stored is lost", "[postgres][full][disk]") {
    PostgresServer& server = support::postgres();
    const std::string disk = (server.folder() / "disk").string();
    std::filesystem::create_directory(disk);
    REQUIRE(mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=1m") == 0);
    struct Unmount {
        std::string path;
        ~Unmount() { umount2(path.c_str(), MNT_DETACH); }
    } unmount{disk};
    const passwd* const user = getpwnam("postgres");
    REQUIRE(user);
    REQUIRE(chown(disk.c_str(), user->pw_uid, user->pw_gid) == 0);
    const PostgresUser database(server.address());
    database.run("CREATE TABLESPACE small LOCATION '" + disk + "'");
    {
        const Kind kind;
        PostgresStore store(kind.schema().address(" -c default_tablespace=small"));
        support::write_file(disk + "/filler", std::string(200000, 'x'));
        std::vector<std::string> completed;
        std::string error, refused;
        for (int i = 0; error.empty() && i < 100000; ++i) {
            refused = "evt_" + std::to_string(i) + std::string(200, 'x');
            error = error_of([&] {
                if (store.claim(refused, "a", 1h) == Claim::granted && store.complete(refused, "a"))
                    completed.push_back(refused);
            });
            if (error == "none") error.clear();
        }
        INFO(error);
        CHECK(error.find("PostgreSQL: could not extend file") == 0);
        REQUIRE(completed.size() > 10);
        CHECK(store.claim(completed.back(), "b", 1h) != Claim::granted);
        std::filesystem::remove(disk + "/filler");
        CHECK(store.claim(refused, "a", 1h) == Claim::granted);
        CHECK(store.complete(refused, "a"));
        for (const std::string& id : completed) CHECK(store.claim(id, "b", 1h) == Claim::duplicate);
    }
    {
        const Kind kind;
        PostgresInbox inbox(kind.schema().address(" -c default_tablespace=small"));
        support::write_file(disk + "/filler", std::string(200000, 'x'));
        int stored = 0;
        std::string error = "none";
        std::minstd_rand random(1);  // NOLINT: bodies that cannot be compressed, the same in each run
        while (error == "none" && stored < 10000) {
            std::string body(5000, '\0');
            for (char& c : body) c = static_cast<char>(random() >> 8);
            error = error_of([&] {
                if (inbox.put(event_of(std::to_string(stored)), body)) ++stored;
            });
        }
        INFO(error);
        CHECK(error.find("PostgreSQL: could not extend file") == 0);
        REQUIRE(stored > 5);
        std::filesystem::remove(disk + "/filler");
        CHECK(inbox.put(event_of(std::to_string(stored)), "{}"));
        for (int i = 0; i <= stored; ++i) CHECK(inbox.take(1h)->event.id == std::to_string(i));
    }
    database.run("DROP TABLESPACE small");
}

}  // namespace stores_postgres
