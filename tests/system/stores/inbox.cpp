// SPDX-License-Identifier: MIT

// What every Inbox must do. Compiled once for each kind of store that has one.

#include PIVOTAL_TEST_KIND

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <pivotal/inbox_worker.hpp>

#include "agent.hpp"
#include "catch.hpp"

namespace stores_inbox {

using namespace std::chrono_literals;
using namespace std::string_literals;
using pivotal::Event;
using pivotal::Inbox;
using pivotal::InboxStats;
using pivotal::InboxWorker;
using pivotal::Job;
using pivotal::WorkerOptions;
using support::Agent;
using support::FakeClocked;
using support::Kind;

namespace {

constexpr auto long_lease = 1h;

Event event_of(const std::string& id) {
    Event event;
    event.id = id;
    event.type = "customer.created";
    event.delivery.message_id = "msg_" + id;
    event.delivery.timestamp = pivotal::Seconds(1779820920s);
    return event;
}

std::string body_of(const std::string& id) {
    return R"({"id":")" + id + R"(","type":"customer.created","data":{"object":{"name":"Zoë"}}})";
}

bool put(Inbox& inbox, const std::string& id) {
    return inbox.put(event_of(id), body_of(id));
}

Job take(Inbox& inbox, std::chrono::milliseconds lease = long_lease) {
    std::optional<Job> job = inbox.take(lease);
    if (!job) support::fail("nothing is due");
    return *job;
}

std::string take_id(Inbox& inbox) {
    const std::optional<Job> job = inbox.take(long_lease);
    return job ? job->event.id : "none";
}

void check(const InboxStats& stats, std::uint64_t waiting, std::uint64_t running, std::uint64_t dead) {
    CHECK(stats.ready + stats.retrying == waiting);
    CHECK(stats.running == running);
    CHECK(stats.dead == dead);
}

bool is_idle(const InboxStats& stats) {
    return stats.ready + stats.retrying + stats.running == 0;
}

void check_owner_is_refused(Inbox& inbox, const Job& job) {
    CHECK_FALSE(inbox.renew(job, long_lease));
    CHECK_FALSE(inbox.done(job));
    CHECK_FALSE(inbox.retry(job, 0ms, "late"));
    CHECK_FALSE(inbox.bury(job, "late"));
}

std::map<std::string, int> count_lines(const std::string& file) {
    std::map<std::string, int> lines;
    std::istringstream text(support::read_file(file));
    for (std::string line; std::getline(text, line);) ++lines[line];
    return lines;
}

}  // namespace

TEST_CASE("an event is put, taken and done", "[inbox]") {
    Kind kind;
    const auto inbox = kind.inbox();
    check(inbox->stats(), 0, 0, 0);
    CHECK_FALSE(inbox->take(long_lease));

    CHECK(put(*inbox, "evt_1"));
    check(inbox->stats(), 1, 0, 0);
    const Job job = take(*inbox);
    CHECK(job.event.id == "evt_1");
    CHECK(job.event.type == "customer.created");
    CHECK(job.event.delivery.message_id == "msg_evt_1");
    CHECK(job.event.delivery.timestamp == pivotal::Seconds(1779820920s));
    CHECK(job.event.object().at("name") == "Zoë");
    CHECK(job.body == body_of("evt_1"));
    CHECK(job.attempt == 1);
    CHECK(job.owner.size() == 32);
    check(inbox->stats(), 0, 1, 0);
    CHECK_FALSE(inbox->take(long_lease));

    CHECK(inbox->done(job));
    CHECK(inbox->done(job));  // repeated after a lost reply
    check(inbox->stats(), 0, 0, 0);
    CHECK(kind.done() == 1);
    CHECK_FALSE(inbox->take(long_lease));
    CHECK_FALSE(inbox->renew(job, long_lease));
    CHECK_FALSE(inbox->retry(job, 0ms, "late"));
    CHECK_FALSE(inbox->bury(job, "late"));
}

TEST_CASE("an event is known from put until long after it is done", "[inbox]") {
    Kind kind;
    const auto inbox = kind.inbox();
    CHECK(put(*inbox, "evt_1"));
    CHECK_FALSE(put(*inbox, "evt_1"));
    const Job job = take(*inbox);
    CHECK_FALSE(put(*inbox, "evt_1"));
    CHECK(inbox->done(job));
    CHECK_FALSE(put(*inbox, "evt_1"));
    CHECK_FALSE(inbox->take(long_lease));
    check(inbox->stats(), 0, 0, 0);
    CHECK(kind.done() == 1);
}

TEST_CASE("the one that has been due longest comes first", "[inbox]") {
    Kind kind;
    const auto inbox = kind.inbox();
    for (const char* const id : {"evt_c", "evt_a", "evt_d", "evt_b"}) CHECK(put(*inbox, id));
    const Job first = take(*inbox);
    CHECK(first.event.id == "evt_c");
    const Job second = take(*inbox);
    CHECK(second.event.id == "evt_a");
    CHECK(inbox->retry(second, 1h, "later"));
    std::this_thread::sleep_for(2ms);            // SQLite counts in milliseconds
    CHECK(inbox->retry(first, 0ms, "at once"));  // it goes behind those that have been due for longer
    CHECK(take_id(*inbox) == "evt_d");
    CHECK(take_id(*inbox) == "evt_b");
    CHECK(take_id(*inbox) == "evt_c");
    CHECK(take_id(*inbox) == "none");
    for (int i = 0; i < 50; ++i) CHECK(put(*inbox, std::to_string(i)));
    for (int i = 0; i < 50; ++i) CHECK(take_id(*inbox) == std::to_string(i));
}

TEST_CASE("an event that failed is due again after the delay", "[inbox]") {
    Kind kind;
    const auto inbox = kind.inbox();
    CHECK(put(*inbox, "evt_1"));
    const Job first = take(*inbox);
    CHECK(inbox->retry(first, 50ms, "no such customer"));
    const auto failed = std::chrono::steady_clock::now();
    check_owner_is_refused(*inbox, first);
    check(inbox->stats(), 1, 0, 0);
    std::optional<Job> second;
    support::wait_until("the event is due", [&] { return (second = inbox->take(long_lease)).has_value(); });
    CHECK(std::chrono::steady_clock::now() - failed >= 40ms);
    CHECK(second->attempt == 2);
    CHECK(second->owner != first.owner);
    CHECK(second->body == first.body);
    check_owner_is_refused(*inbox, first);
    CHECK(inbox->done(*second));
}

TEST_CASE("an event whose lease ran out is taken over, and its old owner refused", "[inbox]") {
    Kind kind;
    const auto inbox = kind.inbox();
    CHECK(put(*inbox, "evt_1"));
    const Job dead = take(*inbox, 0ms);
    check(inbox->stats(), 1, 0, 0);
    const Job job = take(*inbox);
    CHECK(job.attempt == 2);
    check_owner_is_refused(*inbox, dead);
    check(inbox->stats(), 0, 1, 0);
    CHECK(inbox->done(job));
    check_owner_is_refused(*inbox, dead);
}

TEST_CASE("a lease that ran out counts until somebody takes the event", "[inbox]") {
    Kind kind;
    const auto inbox = kind.inbox();
    CHECK(put(*inbox, "evt_1"));
    const Job job = take(*inbox, 0ms);
    SECTION("to be done") {
        CHECK(inbox->done(job));
        CHECK(take_id(*inbox) == "none");
    }
    SECTION("to be renewed") {
        CHECK(inbox->renew(job, long_lease));
        CHECK(take_id(*inbox) == "none");
        CHECK(inbox->done(job));
    }
    SECTION("to be tried again") {
        CHECK(inbox->retry(job, 1h, "later"));
        CHECK(take_id(*inbox) == "none");
    }
    SECTION("to be buried") {
        CHECK(inbox->bury(job, "never"));
        CHECK(take_id(*inbox) == "none");
    }
}

TEST_CASE("a lease can be renewed, and given up", "[inbox]") {
    Kind kind;
    const auto inbox = kind.inbox();
    CHECK(put(*inbox, "evt_1"));
    const Job job = take(*inbox, long_lease);
    CHECK(inbox->renew(job, long_lease));
    CHECK(take_id(*inbox) == "none");
    CHECK(inbox->renew(job, -1ms));
    CHECK(take(*inbox).attempt == 2);
    CHECK_FALSE(inbox->renew(job, long_lease));
}

TEST_CASE("a dead letter is kept, shown and requeued", "[inbox]") {
    Kind kind;
    const auto inbox = kind.inbox();
    std::vector<Job> jobs;
    for (const char* const id : {"evt_1", "evt_2", "evt_3"}) {
        CHECK(put(*inbox, id));
        const Job job = take(*inbox);
        jobs.push_back(job);
        CHECK(inbox->bury(job, "broken: "s + id));
        CHECK(inbox->bury(job, "repeated"));  // after a lost reply
        CHECK_FALSE(inbox->done(job));
        CHECK_FALSE(inbox->renew(job, long_lease));
        CHECK_FALSE(inbox->retry(job, 0ms, "late"));
    }
    CHECK(inbox->bury(jobs[0], "repeated"));  // which leaves it the first that died
    check(inbox->stats(), 0, 0, 3);
    CHECK_FALSE(inbox->take(long_lease));

    const auto dead = inbox->dead(100);
    REQUIRE(dead.size() == 3);
    CHECK(dead[0].event.id == "evt_1");
    CHECK(dead[0].event.object().at("name") == "Zoë");
    CHECK(dead[0].event.delivery.message_id == "msg_evt_1");
    CHECK(dead[0].body == body_of("evt_1"));
    CHECK(dead[0].attempts == 1);
    CHECK(dead[0].error == "broken: evt_1");
    CHECK(std::chrono::abs(dead[0].died - pivotal::Clock::now()) < 10min);
    CHECK(dead[2].event.id == "evt_3");
    CHECK(inbox->dead(2).size() == 2);
    CHECK(inbox->dead(0).empty());

    SECTION("by requeue") {
        CHECK(inbox->requeue("evt_2"));
        CHECK_FALSE(inbox->requeue("evt_4"));
    }
    SECTION("by a new delivery, which is a duplicate all the same") {
        CHECK_FALSE(put(*inbox, "evt_2"));
    }
    check(inbox->stats(), 1, 0, 2);
    const Job job = take(*inbox);
    CHECK(job.event.id == "evt_2");
    CHECK(job.body == body_of("evt_2"));
    CHECK(job.attempt == 1);
    CHECK(inbox->done(job));
    check(inbox->stats(), 0, 0, 2);
    CHECK(kind.done() == 1);
}

TEST_CASE("a dead letter that is put again is due with its new body", "[inbox]") {
    Kind kind;
    const auto inbox = kind.inbox();
    CHECK(put(*inbox, "evt_1"));
    CHECK(inbox->bury(take(*inbox), "broken"));
    Event event = event_of("evt_1");
    event.type = "customer.updated";
    CHECK_FALSE(inbox->put(event, "{}"));
    const Job job = take(*inbox);
    CHECK(job.body == "{}");
    CHECK(job.event.type == "customer.updated");
    CHECK(job.attempt == 1);
}

TEST_CASE("an event can be requeued in any state in which it does not run", "[inbox]") {
    Kind kind;
    const auto inbox = kind.inbox();
    CHECK_FALSE(inbox->requeue("evt_1"));
    CHECK(put(*inbox, "evt_1"));
    const Job first = take(*inbox);
    CHECK_FALSE(inbox->requeue("evt_1"));
    SECTION("waiting for a retry") {
        CHECK(inbox->retry(first, 1h, "later"));
        CHECK(inbox->requeue("evt_1"));
        const Job again = take(*inbox);
        CHECK(again.attempt == 1);
        CHECK(again.body == body_of("evt_1"));
        check_owner_is_refused(*inbox, first);
        CHECK(inbox->done(again));
    }
    SECTION("done, where its body was dropped") {
        CHECK(inbox->done(first));
        std::string error;
        try {
            inbox->requeue("evt_1");
        } catch (const pivotal::StoreError& refused) {
            error = refused.what();
        }
        CHECK(error.find("the body of evt_1 was dropped when it was done: InboxOptions::keep_bodies keeps it") !=
              error.npos);
        CHECK_FALSE(put(*inbox, "evt_1"));
    }
    SECTION("done, where its body was kept") {
        CHECK(inbox->done(first));
        pivotal::InboxOptions options;
        options.keep_bodies = true;
        const auto keeping = kind.inbox({}, options);
        CHECK(put(*keeping, "evt_2"));
        CHECK(keeping->done(take(*keeping)));
        CHECK(keeping->requeue("evt_2"));
        const Job again = take(*keeping);
        CHECK(again.attempt == 1);
        CHECK(again.body == body_of("evt_2"));
        CHECK(keeping->done(again));
        CHECK_FALSE(put(*keeping, "evt_2"));
    }
}

TEST_CASE("an event that is forgotten is new when it is put again", "[inbox]") {
    Kind kind;
    const auto inbox = kind.inbox(), other = kind.inbox({"other"});
    CHECK_FALSE(inbox->forget("evt_1"));
    for (const char* const state : {"waiting", "running", "done", "dead"}) {
        INFO(state);
        CHECK(put(*inbox, "evt_1"));
        std::optional<Job> job;
        if (state != "waiting"s) job = take(*inbox);
        if (state == "done"s) CHECK(inbox->done(*job));
        if (state == "dead"s) CHECK(inbox->bury(*job, "broken"));
        CHECK_FALSE(other->forget("evt_1"));
        CHECK(inbox->forget("evt_1"));
        CHECK_FALSE(inbox->forget("evt_1"));
        check(inbox->stats(), 0, 0, 0);
        if (job) check_owner_is_refused(*inbox, *job);
    }
}

TEST_CASE("dead letters come in pages, and are purged by age", "[inbox]") {
    Kind kind;
    const auto inbox = kind.inbox();
    for (int i = 0; i < 7; ++i) {
        CHECK(put(*inbox, std::to_string(i)));
        CHECK(inbox->bury(take(*inbox), "broken"));
    }
    std::string seen, last;
    for (int page = 0; page < 4; ++page)
        for (const auto& job : inbox->dead(3, last)) seen += last = job.event.id;
    CHECK(seen == "0123456");
    CHECK(inbox->forget("6"));
    CHECK_THROWS_AS(inbox->dead(3, "6"), pivotal::StoreError);
    CHECK(inbox->purge(1h) == 0);
    CHECK(inbox->stats().dead == 6);
    CHECK(put(*inbox, "waiting"));
    CHECK(kind.inbox({"other"})->purge(0s) == 0);
    CHECK(inbox->purge(0s) == 6);
    check(inbox->stats(), 1, 0, 0);
    CHECK(put(*inbox, "0"));
}

TEST_CASE("an attempt that is postponed does not count", "[inbox]") {
    Kind kind;
    const auto inbox = kind.inbox();
    CHECK(put(*inbox, "evt_1"));
    const Job first = take(*inbox);
    CHECK(inbox->postpone(first, 0ms, "not now"));
    check_owner_is_refused(*inbox, first);
    CHECK_FALSE(inbox->postpone(first, 0ms, "not now"));
    const Job second = take(*inbox);
    CHECK(second.attempt == 1);
    CHECK(inbox->postpone(second, 1h, "not now"));
    CHECK(inbox->stats().retrying == 1);
    CHECK(take_id(*inbox) == "none");
}

TEST_CASE("an event is done in the transaction of its effect, or not at all", "[inbox][mark]") {
    Kind kind;
    auto inbox = kind.own_inbox();
    const Kind::Database database(kind.address());
    database.run("CREATE TABLE effects (id text)");
    CHECK(put(*inbox, "evt_1"));
    CHECK(put(*inbox, "evt_2"));
    const Job job = take(*inbox), lost = take(*inbox, 0ms);
    CHECK_THROWS_AS(inbox->complete_in(database, job), std::logic_error);

    database.begin();
    database.run("INSERT INTO effects VALUES ('evt_1')");
    CHECK(inbox->complete_in(database, job));
    database.run("ROLLBACK");
    CHECK(kind.done() == 0);
    CHECK(inbox->renew(job, long_lease));

    database.begin();
    database.run("INSERT INTO effects VALUES ('evt_1')");
    CHECK(inbox->complete_in(database, job));
    database.run("COMMIT");
    CHECK(kind.done() == 1);
    CHECK(inbox->done(job));  // as the worker does when the handler returns
    CHECK_FALSE(put(*inbox, "evt_1"));

    const Job taken_over = take(*inbox);
    CHECK(taken_over.event.id == "evt_2");
    database.begin();
    CHECK_FALSE(inbox->complete_in(database, lost));
    CHECK(inbox->complete_in(database, taken_over));
    database.run("COMMIT");
    CHECK(kind.done() == 2);
}

// ---- The schema ----

namespace {

std::string error_of(const std::function<void()>& work) {
    try {
        work();
    } catch (const pivotal::StoreError& error) {
        return error.what();
    }
    return "none";
}

}  // namespace

TEST_CASE("the published schema is enough for those who create nothing", "[inbox][schema]") {
    Kind kind;
    CHECK(Kind::schema_text() == support::read_file(PIVOTAL_TEST_SCHEMA));
    const Kind::Database database(kind.address());
    pivotal::StoreOptions options;
    options.create_schema = false;
    CHECK(error_of([&] {
              kind.inbox(options);
          }).find("no table pivotal_inbox, and StoreOptions::create_schema is false") != std::string::npos);
    CHECK(error_of([&] { kind.store(options); }).find("no table pivotal_claims, and") != std::string::npos);
    database.begin();
    CHECK_THROWS_AS(pivotal::mark_processed(database, "evt_1", options), pivotal::StoreError);
    database.run("ROLLBACK");

    for (int i = 0; i < 2; ++i) database.run(Kind::schema_text());  // and whoever has it all may run it again
    const auto inbox = kind.inbox(options);
    CHECK(put(*inbox, "evt_1"));
    CHECK(inbox->done(take(*inbox)));
    CHECK(kind.store(options)->claim("evt_1", "a", 1h) == pivotal::Claim::granted);
    database.begin();
    CHECK(pivotal::mark_processed(database, "evt_1", options));
    database.run("COMMIT");
}

TEST_CASE("tables of another version are refused, and the error says which is which", "[inbox][schema]") {
    Kind kind;
    kind.inbox();
    kind.store();
    for (const int version : {0, 2, 10}) {
        for (const char* const table : {"pivotal_inbox", "pivotal_claims"}) kind.set_schema_version(table, version);
        const auto text = [&](const char* table) {
            return kind.named(table) + " is of schema " + std::to_string(version) + ", and this library is of schema 1";
        };
        CHECK(error_of([&] { kind.inbox(); }).find(text("pivotal_inbox")) != std::string::npos);
        CHECK(error_of([&] { kind.store(); }).find(text("pivotal_claims")) != std::string::npos);
        for (const char* const table : {"pivotal_inbox", "pivotal_claims"}) kind.set_schema_version(table, 1);
        kind.inbox();
        kind.store();
    }
}

TEST_CASE("what is stored can be read by hand", "[inbox][schema]") {
    Kind kind;
    const auto inbox = kind.inbox();
    CHECK(put(*inbox, "evt_1"));
    CHECK(put(*inbox, "Zoë 🎉"));
    CHECK(put(*inbox, "a\0b"s));
    CHECK(inbox->put(event_of("evt_bytes"), "\xff"));
    CHECK(inbox->bury(take(*inbox), "no such customer: Zoë"));
    CHECK(kind.shown("event_id", "'evt_1'") == "evt_1");
    CHECK(kind.shown("consumer", "'evt_1'") == "default");
    CHECK(kind.shown("type", "'evt_1'") == "customer.created");
    CHECK(kind.shown("message_id", "'evt_1'") == "msg_evt_1");
    CHECK(kind.shown("error", "'evt_1'") == "no such customer: Zoë");
    CHECK(kind.shown("body", "'evt_1'") == body_of("evt_1"));
    CHECK(kind.shown("body", "'Zoë 🎉'") == body_of("Zoë 🎉"));
    CHECK(kind.shown("event_id", Kind::nul_id) == Kind::nul_id_shown);
    CHECK_FALSE(kind.shown("body", "'evt_bytes'").empty());
}

TEST_CASE("a store and a worker that are global variables work until they are destroyed, behind main",
          "[inbox][worker][processes]") {
    Kind kind;
    Agent agent(kind.address());
    CHECK(agent.ask("outlive").at(0) == "yes");
    CHECK(agent.process().wait() == 0);
    CHECK(kind.done() > 0);
}

TEST_CASE("a put wakes a worker on the same inbox", "[inbox][worker]") {
    Kind kind;
    const auto inbox = kind.inbox();
    WorkerOptions options;
    options.poll = 24h;
    options.threads = 3;
    std::atomic<int> handled{0};
    const InboxWorker worker(
        inbox, [&](const Event&) { ++handled; }, options);
    for (int i = 0; i < 20; ++i) {
        CHECK(put(*inbox, std::to_string(i)));
        support::wait_until("it is handled", [&] { return handled == i + 1; });
    }
    support::wait_until("the last is done", [&] { return is_idle(inbox->stats()); });
}

TEST_CASE("a put wakes a worker on another object of the same process", "[inbox][worker]") {
    Kind kind;
    const auto inbox = kind.inbox(), other = kind.inbox();
    WorkerOptions options;
    options.poll = 24h;
    options.threads = 2;
    options.max_attempts = 1;
    std::atomic<int> handled{0};
    std::atomic<bool> fail{true};
    const InboxWorker worker(
        inbox,
        [&](const Event&) {
            ++handled;
            if (fail) throw pivotal::Discard("no");
        },
        options);
    constexpr int events = 20;
    for (int i = 0; i < events; ++i) {
        CHECK(put(*other, std::to_string(i)));
        support::wait_until("it is handled", [&] { return handled == i + 1; });
    }
    support::wait_until("all are dead", [&] { return inbox->stats().dead == events; });
    fail = false;
    for (int i = 0; i < events; ++i) {
        CHECK(other->requeue(std::to_string(i)));
        support::wait_until("it is handled again", [&] { return kind.done() == static_cast<unsigned>(i + 1); });
    }
}

TEST_CASE("an idle worker costs next to nothing, however many threads it has", "[inbox][worker]") {
    Kind kind;
    const auto inbox = kind.inbox();
    pivotal::WorkerOptions options;
    options.threads = 16;
    const pivotal::InboxWorker worker(
        inbox, [](const Event&) {}, options);
    CHECK(put(*inbox, "evt_1"));
    support::wait_until("it has begun", [&] { return kind.done() == 1; });
    // Processor time of this process; a thread that does not rest takes four seconds.
    const auto processor_time = [] {
        return std::chrono::duration<double>(static_cast<double>(std::clock()) / CLOCKS_PER_SEC);
    };
    const auto before = processor_time();
    std::this_thread::sleep_for(4s);
    const double taken = (processor_time() - before) / 1ms;
    std::printf("an idle worker of 16 threads: %.1f ms of a processor in 4 s\n", taken);
    CHECK(taken < 400);
}

TEST_CASE("an idle worker asks its store at most twice a second, however many threads it has", "[inbox][worker]") {
    support::Counted kind;
    const auto inbox = kind.inbox();
    WorkerOptions options;
    options.threads = 8;
    const InboxWorker worker(
        inbox, [](const Event&) {}, options);
    support::wait_until("it is idle", [&] {  // each thread has looked, on a connection that had to be made
        const int before = kind.statements();
        std::this_thread::sleep_for(options.poll);
        return kind.statements() <= before + 1;
    });
    const int before = kind.statements();
    const auto start = std::chrono::steady_clock::now();
    support::wait_until("it has asked", [&] { return kind.statements() >= before + 12; });
    const int asked = kind.statements() - before;
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    CHECK(asked <= 2 * time.count() + 2);  // one that was under way, and the one that ends the time
}

TEST_CASE("a dead letter that is delivered again is due with what came then", "[inbox]") {
    Kind kind;
    const auto inbox = kind.inbox();
    CHECK(put(*inbox, "evt_1"));
    CHECK(put(*inbox, "evt_2"));
    CHECK(inbox->bury(take(*inbox), "broken"));
    Event again = event_of("evt_1");
    again.type = "customer.updated";
    again.delivery.message_id = "msg_resent";
    CHECK_FALSE(inbox->put(again, "{}"));
    CHECK(inbox->stats().dead == 0);
    CHECK(take_id(*inbox) == "evt_2");  // it is behind what was there
    const Job job = take(*inbox);
    CHECK(job.body == "{}");
    CHECK(job.event.type == "customer.updated");
    CHECK(job.message_id == "msg_resent");
    CHECK(job.attempt == 1);
    CHECK_FALSE(put(*inbox, "evt_1"));
}

TEST_CASE("of an error 4 KiB are kept, and no half character", "[inbox]") {
    Kind kind;
    const auto inbox = kind.inbox();
    const std::string text = GENERATE(std::string(4096, 'x'), std::string(100'000, 'x'), std::string(4095, 'x') + "ë!",
                                      std::string(4094, 'x') + "🎉", std::string(5000, '\x80'));
    CHECK(put(*inbox, "evt_1"));
    CHECK(inbox->retry(take(*inbox), 0ms, text));
    CHECK(inbox->bury(take(*inbox), text));
    const std::string kept = inbox->dead(1).at(0).error;
    CHECK(kept.size() <= 4096);
    CHECK(kept.size() >= 4092);
    CHECK(kept == text.substr(0, kept.size()));
    const bool cut = kept.size() < text.size();
    if (cut && text[0] == 'x') CHECK((static_cast<unsigned char>(text[kept.size()]) & 0xc0) != 0x80);
}

TEST_CASE("the statistics cost no more where six million events are remembered", "[inbox][million]") {
    support::Counted kind;
    const auto early = kind.inbox();
    CHECK(put(*early, "evt_waiting"));
    const auto cost_of = [&](Inbox& inbox) {
        CHECK(inbox.stats().ready == 1);  // which prepares it
        const int before = kind.cost();
        CHECK(inbox.stats().ready == 1);
        return kind.cost() - before;
    };
    kind.fill_inbox(1, 1000);
    const int with_few = cost_of(*early);
    kind.fill_inbox(1001, 6'000'000);
    const auto late = kind.inbox();
    auto best = std::chrono::steady_clock::duration::max();
    for (Inbox* const inbox : {early.get(), late.get()}) {
        const int with_many = cost_of(*inbox);
        for (int i = 0; i < 20; ++i) {
            const auto start = std::chrono::steady_clock::now();
            CHECK(inbox->stats().ready == 1);
            best = std::min(best, std::chrono::steady_clock::now() - start);
        }
        std::printf("stats: %d pages or steps with 1,000 events remembered, %d with 6,000,000, in %.2f ms\n", with_few,
                    with_many, std::chrono::duration<double, std::milli>(best).count());
        CHECK(with_few > 0);
        CHECK(with_many <= 2 * with_few);
    }
    CHECK(best < 100ms);
}

TEST_CASE("ids, types, errors and bodies are bytes", "[inbox]") {
    Kind kind;
    const auto inbox = kind.inbox();
    const std::vector<std::string> names{"'",
                                         "\"",
                                         "\\",
                                         "$1",
                                         "?",
                                         "%s",
                                         "x'); DROP TABLE pivotal_inbox; --",
                                         "\0"s,
                                         "a\0b"s,
                                         "a\0c"s,
                                         "\xff\xfe",
                                         "Zoë 🎉",
                                         std::string(256, 'x'),
                                         std::string(256, '\0'),
                                         std::string(256, '\xff')};
    for (const std::string& name : names) {
        Event event;
        event.id = event.type = event.delivery.message_id = name;
        CHECK(inbox->put(event, name));
        CHECK_FALSE(inbox->put(event, name));
    }
    for (const std::string& name : names) {
        const Job job = take(*inbox);
        CHECK(job.event.id == name);
        CHECK(job.event.type == name);
        CHECK(job.event.delivery.message_id == name);
        CHECK(job.body == name);
        CHECK(inbox->bury(job, name));
    }
    const auto dead = inbox->dead(100);
    REQUIRE(dead.size() == names.size());
    std::multiset<std::string> errors, expected(names.begin(), names.end());
    for (const auto& job : dead) errors.insert(job.error);
    CHECK(errors == expected);
    for (const std::string& name : names) CHECK(inbox->requeue(name));
    for (const std::string& name : names) CHECK(inbox->forget(name));
}

TEST_CASE("bodies of any size come back as they were", "[inbox]") {
    Kind kind;
    const auto inbox = kind.inbox();
    std::string large(1 << 20, '\0');
    for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 7 + i / 251);
    int number = 0;
    for (const std::string& body : {""s, "x"s, "{}"s, std::string(5000, '\n'), large}) {
        CHECK(inbox->put(event_of(std::to_string(++number)), body));
        const Job job = take(*inbox);
        CHECK(job.event.id == std::to_string(number));
        CHECK((job.body == body));
        CHECK(inbox->done(job));
    }
}

TEST_CASE("the body of an event that is done is dropped, unless it is to be kept", "[inbox]") {
    Kind kind;
    const bool keep = GENERATE(false, true);
    pivotal::InboxOptions options;
    options.keep_bodies = keep;
    const auto inbox = kind.inbox({}, options);
    const std::string mark = "only-this-body-says-so";
    CHECK(inbox->put(event_of("evt_1"), mark));
    CHECK(inbox->done(take(*inbox)));
    CHECK(kind.stored_body("evt_1") == (keep ? mark : ""));
}

TEST_CASE("two consumers of one database have inboxes of their own", "[inbox]") {
    Kind kind;
    const auto billing = kind.inbox({"billing"}), mailing = kind.inbox({"mailing"});
    CHECK(put(*billing, "evt_1"));
    CHECK_FALSE(mailing->take(long_lease));
    check(mailing->stats(), 0, 0, 0);
    CHECK(put(*mailing, "evt_1"));
    Job job = take(*billing);
    check_owner_is_refused(*mailing, job);
    CHECK(billing->renew(job, 0ms));
    CHECK(take(*mailing).event.id == "evt_1");  // its own, not the other's whose lease is over
    CHECK_FALSE(mailing->take(0ms));
    CHECK(billing->bury(job, "broken"));
    CHECK(mailing->dead(100).empty());
    CHECK_FALSE(mailing->requeue("evt_1"));
    check(mailing->stats(), 0, 1, 0);
    check(billing->stats(), 0, 0, 1);
}

TEST_CASE("what was put is still there for another client, and after a restart", "[inbox]") {
    Kind kind;
    {
        const auto inbox = kind.inbox(), other = kind.inbox();
        CHECK(put(*inbox, "evt_1"));
        CHECK_FALSE(put(*other, "evt_1"));
        CHECK(put(*inbox, "evt_2"));
        CHECK(other->done(take(*other)));
    }
    const auto inbox = kind.inbox();
    CHECK(take_id(*inbox) == "evt_2");
    CHECK(take_id(*inbox) == "none");
    CHECK_FALSE(put(*inbox, "evt_1"));
}

TEST_CASE("more events than are looked at at once are due at once", "[inbox]") {
    Kind kind;
    const auto inbox = kind.inbox();
    constexpr int count = 600, threads = 12;
    std::vector<std::thread> running;
    for (int thread = 0; thread < threads; ++thread)
        running.emplace_back([&, thread] {
            for (int i = 0; i < count / threads; ++i) put(*inbox, std::to_string(thread * 1000 + i));
            for (int i = 0; i < count / threads; ++i) inbox->take(300ms);
        });
    for (std::thread& thread : running) thread.join();
    std::set<std::string> ids;
    support::wait_until("all have been taken again", [&] {
        const std::optional<Job> job = inbox->take(long_lease);
        if (job) ids.insert(job->event.id);
        return ids.size() == count;
    });
    CHECK_FALSE(inbox->take(long_lease));
}

TEST_CASE("of 16 threads one puts each event, and one takes it", "[inbox][race]") {
    Kind kind;
    constexpr std::size_t threads = 16, rounds = 1000;
    std::vector<std::atomic<int>> put_count(rounds), taken(rounds), done(rounds);
    std::vector<std::thread> running;
    std::atomic<int> errors{0};
    std::atomic<std::size_t> total{0};
    const auto shared = kind.inbox();
    for (std::size_t thread = 0; thread < threads; ++thread)
        running.emplace_back([&, inbox = thread % 2 ? shared : kind.inbox(), thread] {
            try {
                for (std::size_t i = 0; i < rounds; ++i) {
                    const std::size_t round = (i + thread * 10) % rounds;
                    if (put(*inbox, std::to_string(round))) ++put_count[round];
                }
                while (total < rounds) {
                    const std::optional<Job> job = inbox->take(long_lease);
                    if (!job) continue;
                    const auto round = static_cast<std::size_t>(std::stoi(job->event.id));
                    ++taken[round];
                    if (inbox->done(*job)) ++done[round];
                    ++total;
                }
            } catch (...) {
                ++errors;
                total = rounds;
            }
        });
    for (std::thread& thread : running) thread.join();
    CHECK(errors == 0);
    int wrong = 0;
    for (std::size_t round = 0; round < rounds; ++round)
        if (put_count[round] != 1 || taken[round] != 1 || done[round] != 1) ++wrong;
    CHECK(wrong == 0);
    check(shared->stats(), 0, 0, 0);
    CHECK(kind.done() == rounds);
}

TEST_CASE("of 4 processes one handles each event", "[inbox][processes][race]") {
    Kind kind;
    support::TemporaryFolder folder;
    const auto inbox = kind.inbox();
    for (int i = 0; i < 300; ++i) CHECK(put(*inbox, "evt_" + std::to_string(i)));
    std::vector<std::unique_ptr<Agent>> agents;
    for (int i = 0; i < 4; ++i) agents.push_back(std::make_unique<Agent>(kind.address()));
    for (const auto& agent : agents) agent->tell("work " + folder.file("effects") + " 3600000 none");
    int done = 0;
    for (const auto& agent : agents) done += std::stoi(agent->answer().at(0));
    CHECK(done == 300);
    const auto handled = count_lines(folder.file("effects"));
    CHECK(handled.size() == 300);
    for (const auto& [event, times] : handled) CHECK(times == 1);
}

// ---- On a clock that the test sets ----

TEST_CASE("an event that is done is known for the retention, to the second", "[inbox][clock]") {
    FakeClocked kind;
    const auto inbox = kind.inbox();
    // The clock runs on: a round in which the machine was busy for a second says nothing.
    bool in_time = false;
    for (int round = 0; !in_time && round < 100; ++round) {
        const std::string id = "evt_" + std::to_string(round);
        const std::chrono::seconds start = round * 400h;
        kind.set(start);
        CHECK(put(*inbox, id));
        kind.set(start + 24h);
        const Job job = take(*inbox);
        CHECK(inbox->done(job));
        const auto done = std::chrono::steady_clock::now();
        kind.set(start + 24h + 168h - 60s);
        CHECK(inbox->done(job));  // which does not prolong it
        kind.set(start + 24h + 168h - 1s);
        const bool put_before = put(*inbox, id);
        kind.set(start + 24h + 168h);
        CHECK_FALSE(inbox->requeue(id));  // it is not known any more, whether it has been removed or not
        CHECK_FALSE(inbox->forget(id));
        const bool put_after = put(*inbox, id);
        in_time = std::chrono::steady_clock::now() - done < 1s;
        if (put_before || put_after) {
            const Job again = take(*inbox);
            CHECK(again.attempt == 1);
            CHECK(inbox->bury(again, "so that it does not come again"));
        }
        if (!in_time) continue;
        CHECK_FALSE(put_before);
        CHECK(put_after);
    }
    CHECK(in_time);
}

TEST_CASE("leases and delays count on the store's clock", "[inbox][clock]") {
    FakeClocked kind;
    const auto inbox = kind.inbox();
    CHECK(put(*inbox, "evt_1"));
    CHECK(put(*inbox, "evt_2"));
    const Job first = take(*inbox, 600s);
    CHECK(inbox->retry(take(*inbox, 600s), 900s, "later"));
    kind.set(500s);
    CHECK_FALSE(inbox->take(600s));
    CHECK(inbox->renew(first, 600s));
    kind.set(800s);
    CHECK_FALSE(inbox->take(600s));
    kind.set(910s);
    CHECK(take_id(*inbox) == "evt_2");
    CHECK_FALSE(inbox->take(600s));
    kind.set(1090s);
    CHECK_FALSE(inbox->take(600s));
    kind.set(1710s);  // the lease, and the pause behind it
    CHECK(take_id(*inbox) == "evt_1");
}

TEST_CASE("an event whose lease ran out comes back after a pause that grows", "[inbox][clock]") {
    FakeClocked kind;
    const auto inbox = kind.inbox();
    constexpr int events = 40;
    for (int i = 0; i < events; ++i) CHECK(put(*inbox, std::to_string(i)));
    std::chrono::seconds now = 0s, most = 100s;
    for (int attempt = 1; attempt <= 4; ++attempt, most *= 2) {
        const auto all = [&] {
            int taken = 0;
            while (inbox->take(100s)) ++taken;
            return taken;
        };
        CHECK(all() == events);
        kind.set(now += 95s);
        CHECK(all() == 0);
        CHECK(inbox->stats().running == events);
        kind.set(now += 10s + most / 2);
        const int in_half = static_cast<int>(inbox->stats().ready);
        CHECK(inbox->stats().running == 0);
        CHECK(inbox->stats().retrying == static_cast<unsigned>(events - in_half));
        CHECK(in_half >= 5);  // of 40: less has a probability of 1 to 10^6
        CHECK(in_half <= 38);
        kind.set(now += 10s + most / 2);
    }
}

TEST_CASE("the statistics tell who waits longest, and who runs longest", "[inbox][clock]") {
    FakeClocked kind;
    const auto inbox = kind.inbox();
    CHECK(inbox->stats().oldest_ready == 0ms);
    CHECK(inbox->stats().longest_running == 0ms);
    CHECK(inbox->stats().longest_running_id.empty());
    CHECK(put(*inbox, "evt_1"));
    kind.set(100s);
    CHECK(put(*inbox, "evt_2"));
    InboxStats stats = inbox->stats();
    CHECK(stats.ready == 2);
    CHECK(stats.oldest_ready >= 99s);
    CHECK(stats.oldest_ready <= 110s);
    const Job job = take(*inbox, 1000s);
    CHECK(inbox->stats().oldest_ready <= 10s);
    CHECK(inbox->retry(job, 500s, "later"));
    CHECK(take_id(*inbox) == "evt_2");
    kind.set(200s);
    stats = inbox->stats();
    CHECK(stats.ready == 0);
    CHECK(stats.retrying == 1);
    CHECK(stats.running == 1);
    CHECK(stats.longest_running >= 99s);
    CHECK(stats.longest_running <= 110s);
    CHECK(stats.longest_running_id == "evt_2");
    kind.set(700s);
    stats = inbox->stats();
    CHECK(stats.ready == 1);
    CHECK(stats.retrying == 0);
    CHECK(stats.oldest_ready >= 90s);  // it was due at 600
    CHECK(stats.oldest_ready <= 110s);
    CHECK(take(*inbox, 10s).event.id == "evt_1");
    CHECK(inbox->stats().longest_running_id == "evt_2");
    kind.set(0s);  // set back to before any was taken
    CHECK(inbox->stats().longest_running == 0ms);
}

TEST_CASE("waiting events and dead letters do not expire", "[inbox][clock]") {
    FakeClocked kind;
    const auto inbox = kind.inbox();
    CHECK(put(*inbox, "evt_1"));
    CHECK(inbox->bury(take(*inbox), "broken"));
    CHECK(put(*inbox, "evt_2"));
    kind.set(10 * 168h);
    for (int i = 3; i < 20; ++i) CHECK(put(*inbox, "evt_" + std::to_string(i)));
    check(inbox->stats(), 18, 0, 1);
    CHECK(inbox->requeue("evt_1"));
    CHECK(take_id(*inbox) == "evt_2");
}

// ---- The worker over a real inbox ----

TEST_CASE("a worker handles what is put, while it is put", "[inbox][worker]") {
    Kind kind;
    const auto inbox = kind.inbox();
    std::vector<std::atomic<int>> handled(200);
    {
        WorkerOptions options;
        options.threads = 4;
        options.poll = 2ms;
        const InboxWorker worker(
            kind.inbox(), [&](const Event& event) { ++handled[std::stoul(event.id)]; }, options);
        for (std::size_t i = 0; i < handled.size(); ++i) CHECK(put(*inbox, std::to_string(i)));
        support::wait_until("all are done", [&] { return kind.done() == handled.size(); });
    }
    for (const std::atomic<int>& times : handled) CHECK(times == 1);
}

TEST_CASE("an event that fails is tried again, and in the end buried", "[inbox][worker]") {
    Kind kind;
    const auto inbox = kind.inbox();
    CHECK(put(*inbox, "evt_bad"));
    CHECK(put(*inbox, "evt_good"));
    {
        WorkerOptions options;
        options.max_attempts = 3;
        options.min_backoff = 1ms;
        options.poll = 2ms;
        const InboxWorker worker(
            kind.inbox(),
            [](const Event& event) {
                if (event.id == "evt_bad") throw std::runtime_error("no such customer");
            },
            options);
        support::wait_until("both are over", [&] { return is_idle(inbox->stats()) && kind.done() == 1; });
    }
    const auto dead = inbox->dead(10);
    REQUIRE(dead.size() == 1);
    CHECK(dead[0].event.id == "evt_bad");
    CHECK(dead[0].attempts == 3);
    CHECK(dead[0].error == "no such customer");
}

TEST_CASE("an event that kills its worker every time is buried, and those beside it are handled", "[inbox][kill]") {
    Kind kind;
    support::TemporaryFolder folder;
    const auto inbox = kind.inbox();
    constexpr int others = 7;  // and so many threads, and one: all are taken together
    const std::string worker = "worker " + folder.file("effects") + " " + std::to_string(others + 1) + " 200 10 20";
    CHECK(put(*inbox, "poison"));
    for (int i = 0; i < others; ++i) CHECK(put(*inbox, "evt_" + std::to_string(i)));
    std::optional<Agent> agent;
    int deaths = -1;
    support::wait_until(
        "nothing is left to be done",
        [&] {
            if (!agent || !agent->process().is_running()) {
                ++deaths;
                agent.emplace(kind.address());
                agent->tell(worker);
            }
            return is_idle(inbox->stats());
        },
        300s);
    CHECK(deaths == 10);
    const auto handled = count_lines(folder.file("effects"));
    CHECK(handled.at("poison") == 10);
    CHECK(kind.done() == others);
    const auto dead = inbox->dead(10);
    REQUIRE(dead.size() == 1);
    CHECK(dead[0].event.id == "poison");
    CHECK(dead[0].error == "its worker died, or lost its lease, in each attempt");
}

TEST_CASE("a good event is handled within one pass of those that fail", "[inbox][worker]") {
    Kind kind;
    const auto inbox = kind.inbox();
    constexpr int failing = 100;
    for (int i = 0; i < failing; ++i) CHECK(put(*inbox, "bad_" + std::to_string(i)));
    CHECK(put(*inbox, "good"));
    std::atomic<int> failures{0}, before{-1};
    WorkerOptions options;
    options.min_backoff = options.max_backoff = 2ms;  // they are due again long before the last of them has failed
    options.max_attempts = 1000;
    options.poll = 1ms;
    const InboxWorker worker(
        kind.inbox(),
        [&](const Event& event) {
            if (event.id == "good") {
                before = failures.load();
                return;
            }
            ++failures;
            throw std::runtime_error("no");
        },
        options);
    support::wait_until("the good one is handled", [&] { return before >= 0; });
    CHECK(before == failing);
}

TEST_CASE("a receiver and a worker killed at any step lose nothing, 200 times", "[inbox][kill]") {
    Kind kind;
    support::TemporaryFolder folder;
    const std::string effects = folder.file("effects");
    const std::vector<std::string> receiver_steps{"before-put", "after-put", "before-reply"};
    const std::map<std::string, int> worker_steps{{"after-take", 1}, {"after-effect", 2}, {"after-done", 1}};
    std::vector<std::string> steps = receiver_steps;
    for (const auto& [step, times] : worker_steps) steps.push_back(step);
    steps.insert(steps.end(), {"receiver-at-random", "worker-at-random"});
    std::minstd_rand random(1);  // NOLINT: the same times in each run

    auto agent = std::make_unique<Agent>(kind.address());
    std::map<std::string, std::string> step_of;
    int kills = 0;
    const auto end_of = [&](const std::string& command, bool at_random) {
        agent->tell(command);
        if (at_random) {
            std::this_thread::sleep_for(std::chrono::microseconds(random() % 20000));
            agent->process().signal_now(SIGKILL);
        }
        if (agent->answer().empty()) ++kills;
        agent->process().wait();
        agent = std::make_unique<Agent>(kind.address());
    };
    const auto accept = [&](const std::string& event) {
        const auto words = agent->ask("deliver-to-inbox", event, effects, 50, "none");
        REQUIRE_FALSE(words.empty());
        CHECK(words[0] == "200");
    };
    for (int i = 0; i < 200; ++i) {
        const std::string event = "evt_" + std::to_string(i);
        const std::string& step = steps[static_cast<std::size_t>(i) % steps.size()];
        const bool at_random = step.find("random") != step.npos;
        step_of[event] = step;
        if (worker_steps.count(step) || step == "worker-at-random") {
            accept(event);
            end_of("work " + effects + " 50 " + (at_random ? "none" : step), at_random);
        } else {
            end_of("deliver-to-inbox " + event + " " + effects + " 50 " + (at_random ? "none" : step), at_random);
            accept(event);
        }
        const auto inbox = kind.inbox();
        support::wait_until("the event is done", [&] {
            CHECK(agent->ask("work", effects, 50, "none").size() == 1);
            return is_idle(inbox->stats());
        });
    }
    CHECK(kills >= 200 * 6 / 8);
    const auto handled = count_lines(effects);
    CHECK(handled.size() == 200);  // nothing lost
    for (const auto& [event, times] : handled) {
        const std::string& step = step_of[event];
        INFO(event << ": " << step);
        const auto exactly = worker_steps.find(step);
        CHECK(times <= 2);
        if (exactly != worker_steps.end())
            CHECK(times == exactly->second);
        else if (step != "worker-at-random")
            CHECK(times == 1);
    }
    check(kind.inbox()->stats(), 0, 0, 0);
    CHECK(kind.done() == 200);
}

}  // namespace stores_inbox
