// SPDX-License-Identifier: MIT

// What mark_processed and mark_newest must do in a transaction of the user's. Compiled once for each kind of database.

#include PIVOTAL_TEST_KIND

#include <atomic>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "agent.hpp"
#include "catch.hpp"

namespace stores_marks {

using namespace std::chrono_literals;
using namespace std::string_literals;
using pivotal::Claim;
using pivotal::mark_newest;
using pivotal::mark_processed;
using pivotal::StoreOptions;
using support::Agent;
using support::Kind;
using Database = Kind::Database;

namespace {

/// Marks in a transaction of its own.
bool mark(const Database& db, std::string_view id, const StoreOptions& options = {}) {
    db.begin();
    const bool marked = mark_processed(db, id, options);
    db.run("COMMIT");
    return marked;
}

}  // namespace

TEST_CASE("a mark is made once, in the transaction of the effect", "[mark]") {
    const Kind kind;
    const Database db(kind.address());
    db.run("CREATE TABLE effects (id TEXT)");

    db.run("BEGIN");
    CHECK(mark_processed(db, "evt_1"));
    CHECK_FALSE(mark_processed(db, "evt_1"));
    db.run("INSERT INTO effects VALUES ('evt_1')");
    db.run("COMMIT");
    CHECK_FALSE(mark(db, "evt_1"));
    CHECK(mark(db, "evt_2"));

    db.run("BEGIN");
    CHECK(mark_processed(db, "evt_3"));
    db.run("ROLLBACK");
    CHECK(mark(db, "evt_3"));  // without the effect there is no mark
    CHECK(db.number("SELECT count(*) FROM effects") == 1);
}

TEST_CASE("a mark outside a transaction is refused", "[mark]") {
    const Kind kind;
    const Database db(kind.address());
    CHECK_THROWS_AS(mark_processed(db, "evt_1"), std::logic_error);
    CHECK(mark(db, "evt_1"));
    CHECK_THROWS_AS(mark_processed(db, "evt_1"), std::logic_error);
}

TEST_CASE("marks are a consumer's own, and their ids are bytes", "[mark]") {
    const Kind kind;
    const Database db(kind.address());
    const std::vector<std::string> names{"",      "'",     "\"", "\\",   "$1",
                                         "a\0b"s, "a\0c"s, "a",  "\xff", std::string(256, '\0')};
    for (const std::string& name : names) CHECK(mark(db, name));
    for (const std::string& name : names) CHECK_FALSE(mark(db, name));
    for (const std::string& name : names) CHECK(mark(db, "evt_1", {name}));
    for (const std::string& name : names) CHECK_FALSE(mark(db, "evt_1", {name}));
}

TEST_CASE("a mark does not disturb the store and the inbox of the same database", "[mark]") {
    Kind kind;
    const auto store = kind.store();
    const auto inbox = kind.inbox();
    const Database db(kind.address());
    pivotal::Event event;
    event.id = "evt_1";
    CHECK(store->claim("evt_1", "a", 1h) == Claim::granted);
    CHECK(inbox->put(event, "{}"));
    CHECK(mark(db, "evt_1"));
    CHECK_FALSE(mark(db, "evt_1"));
    CHECK(store->complete("evt_1", "a"));
    CHECK(inbox->done(*inbox->take(1h)));
}

TEST_CASE("marks are forgotten after the retention, a few with each new one", "[mark]") {
    const Kind kind;
    const Database db(kind.address());
    CHECK(mark(db, "evt_1", {"default", 0s}));
    CHECK(mark(db, "evt_1", {"default", 0s}));
    for (int i = 0; i < 20; ++i) CHECK(mark(db, std::to_string(i), {"other", 3600s}));
    db.expire_marks("other");
    int marked = 0;  // of PostgreSQL's one in sixteen removes
    do CHECK(mark(db, std::to_string(100 + marked++)));
    while (marked < 1000 && db.number("SELECT count(*) FROM pivotal_processed") > marked);
    CHECK(db.number("SELECT count(*) FROM pivotal_processed") == marked);
    // Its own goes whatever else has expired.
    for (int i = 0; i < 20; ++i) CHECK(mark(db, std::to_string(i), {"other", 3600s}));
    db.expire_marks("other");
    CHECK(mark(db, "19", {"other", 3600s}));
    CHECK_FALSE(mark(db, "19", {"other", 3600s}));
}

// ---- mark_newest ----

TEST_CASE("what is older than what was applied is not applied", "[mark][newest]") {
    const Kind kind;
    const Database db(kind.address());
    const auto mark = [&](const char* time, const char* key = "customer/cus_1", const StoreOptions& options = {}) {
        db.begin();
        const bool is_newest = mark_newest(db, key, time, options);
        db.run("COMMIT");
        return is_newest;
    };
    CHECK(mark("2026-05-26T14:02:00.000002+02:00"));
    CHECK(mark("2026-05-26T12:02:00.000002Z"));  // the same instant
    CHECK_FALSE(mark("2026-05-26T12:02:00.000001Z"));
    CHECK_FALSE(mark("2026-05-26T12:02:00Z"));
    CHECK_FALSE(mark("2026-05-26T14:00:00+03:00"));
    CHECK(mark("2026-05-26T12:02:00.0000020001Z"));
    CHECK_FALSE(mark("2026-05-26T12:02:00.000002Z"));
    CHECK(mark("2026-05-26T08:03:00-04:00"));
    CHECK(mark("2020-01-01T00:00:00Z", "customer/cus_2"));
    CHECK(mark("2020-01-01T00:00:00Z", "customer/cus_1", {"other"}));
    CHECK_FALSE(mark("2026-05-26T12:02:59Z", "customer/cus_1", {"default", 0s}));  // whatever the retention
    for (const char* const unreadable : {"", "yesterday", "2026-05-26", "2026-05-26T12:02:00"}) {
        db.begin();
        CHECK_THROWS_AS(mark_newest(db, "customer/cus_1", unreadable), std::invalid_argument);
        db.run("COMMIT");  // and the transaction goes on
    }
    CHECK_FALSE(mark("2026-05-26T12:02:59Z"));
}

TEST_CASE("what is newest goes with its transaction", "[mark][newest]") {
    const Kind kind;
    const Database db(kind.address());
    CHECK_THROWS_AS(mark_newest(db, "key", "2026-05-26T12:00:00Z"), std::logic_error);
    StoreOptions options;
    options.create_schema = false;
    db.begin();
    CHECK_THROWS_AS(mark_newest(db, "key", "2026-05-26T12:00:00Z", options), pivotal::StoreError);
    db.run("ROLLBACK");
    for (const std::string& key : {""s, "'"s, "a\0b"s, "a\0c"s, "\xff"s, std::string(256, '\0')}) {
        db.begin();
        CHECK(mark_newest(db, key, "2026-05-26T12:00:01Z"));
        db.run("ROLLBACK");
        db.begin();
        CHECK(mark_newest(db, key, "2026-05-26T12:00:00Z"));
        CHECK_FALSE(mark_newest(db, key, "2026-05-26T11:59:59Z"));
        db.run("COMMIT");
    }
}

TEST_CASE("of many connections each leaves a state that is not older", "[mark][newest][race]") {
    const Kind kind;
    constexpr int threads = 8, rounds = 100;
    const Database first(kind.address());
    first.run("CREATE TABLE states (time text); INSERT INTO states VALUES ('0')");
    std::atomic<int> errors{0}, backwards{0}, applied{0};
    std::vector<std::thread> running;
    for (int thread = 0; thread < threads; ++thread)
        running.emplace_back([&, thread] {
            try {
                const Database db(kind.address());
                std::minstd_rand random(static_cast<unsigned>(thread) + 1);  // NOLINT: the same in each run
                for (int round = 0; round < rounds; ++round) {
                    const std::string time = std::to_string(100'000 + random() % 900'000);
                    db.begin();
                    if (mark_newest(db, "key", "2026-05-26T12:00:00." + time + "Z")) {
                        if (db.number("SELECT count(*) FROM states WHERE time > '" + time + "'") > 0) ++backwards;
                        db.run("UPDATE states SET time = '" + time + "'");
                        ++applied;
                    }
                    db.run("COMMIT");
                }
            } catch (...) {
                ++errors;
            }
        });
    for (std::thread& thread : running) thread.join();
    CHECK(errors == 0);
    CHECK(backwards == 0);
    CHECK(applied > 0);
    CHECK(applied < threads * rounds);
}

TEST_CASE("of many connections one marks each event", "[mark][race]") {
    const Kind kind;
    constexpr int threads = 8, rounds = 50;
    const Database first(kind.address());
    first.run("CREATE TABLE effects (id TEXT)");
    std::atomic<int> errors{0};
    std::vector<std::thread> running;
    for (int thread = 0; thread < threads; ++thread)
        running.emplace_back([&] {
            try {
                const Database db(kind.address());
                for (int round = 0; round < rounds; ++round) {
                    const std::string id = std::to_string(round);
                    db.begin();
                    if (mark_processed(db, id)) db.run("INSERT INTO effects VALUES ('" + id + "')");
                    db.run("COMMIT");
                }
            } catch (...) {
                ++errors;
            }
        });
    for (std::thread& thread : running) thread.join();
    CHECK(errors == 0);
    CHECK(first.number("SELECT count(*) FROM effects") == rounds);
    CHECK(first.number("SELECT count(DISTINCT id) FROM effects") == rounds);
}

TEST_CASE("a process killed at any step has each effect exactly once, 200 times", "[mark][kill]") {
    const Kind kind;
    const Database db(kind.address());
    db.run("CREATE TABLE effects (id TEXT)");
    // By step: whether the delivery that follows finds the event to be new.
    const std::map<std::string, std::string> expected{
        {"before-begin", "yes"}, {"after-mark", "yes"}, {"after-effect", "yes"}, {"after-commit", "no"}};
    std::vector<std::string> steps;
    for (const auto& [step, answer] : expected) steps.push_back(step);
    steps.push_back("at-random");
    std::minstd_rand random(1);  // NOLINT: the same times in each run

    auto agent = std::make_unique<Agent>(kind.address());
    int kills = 0;
    for (int i = 0; i < 200; ++i) {
        const std::string event = "evt_" + std::to_string(i);
        const std::string& step = steps[static_cast<std::size_t>(i) % steps.size()];
        INFO(event << ": " << step);
        const bool at_random = step == "at-random";
        agent->tell("mark " + event + " " + (at_random ? "none" : step));
        if (at_random) {
            std::this_thread::sleep_for(std::chrono::microseconds(random() % 12000));
            agent->process().signal_now(SIGKILL);
        }
        if (agent->answer().empty()) ++kills;
        agent->process().wait();
        agent = std::make_unique<Agent>(kind.address());
        const auto again = agent->ask("mark", event, "none");
        REQUIRE(again.size() == 1);
        if (!at_random) CHECK(again[0] == expected.at(step));
        CHECK(agent->ask("mark", event, "none").at(0) == "no");
    }
    CHECK(kills >= 200 * 4 / 5);
    CHECK(db.number("SELECT count(*) FROM effects") == 200);
    CHECK(db.number("SELECT count(DISTINCT id) FROM effects") == 200);
}

}  // namespace stores_marks
