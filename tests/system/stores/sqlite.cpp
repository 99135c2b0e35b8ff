// SPDX-License-Identifier: MIT

// What SQLite alone can show: when the disk has what, locks, a full disk.

#include "sqlite.hpp"

#include <atomic>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <pivotal/inbox_worker.hpp>
#include <pivotal/receiver.hpp>

#include "../../support/message.hpp"
#include "agent.hpp"
#include "catch.hpp"

namespace stores_sqlite {

using namespace std::chrono_literals;
using pivotal::Claim;
using pivotal::Event;
using pivotal::SqliteInbox;
using pivotal::SqliteStore;
using pivotal::StoreError;
using pivotal::StoreOptions;
using support::Agent;
using support::AgentStore;
using Database = support::SqliteUser;
using support::Kind;
using support::TemporaryFolder;

// ---- Every wait for the disk passes here: SQLite's calls find these functions before the C library's ----

namespace {
std::atomic<int> syncs{0};
std::atomic<bool> syncs_fail{false};
std::atomic<int> sync_takes_ms{0};

int sync_file(long call, int descriptor) {
    ++syncs;
    if (syncs_fail) {
        errno = EIO;
        return -1;
    }
    if (sync_takes_ms) std::this_thread::sleep_for(std::chrono::milliseconds(sync_takes_ms));
    return static_cast<int>(syscall(call, descriptor));
}
std::string counted_part;
std::atomic<int> counted{0};

/// An inbox of whose statements those that have `part` in them are counted.
std::shared_ptr<pivotal::Inbox> counted_inbox(Kind& kind, const std::string& part) {
    int (*const opened)(sqlite3*, char**, const sqlite3_api_routines*) = [](auto* connection, auto, auto) {
        const auto run = [](unsigned, void*, void*, void* sql) {
            if (std::string(static_cast<const char*>(sql)).find(counted_part) != std::string::npos) ++counted;
            return 0;
        };
        return sqlite3_trace_v2(connection, SQLITE_TRACE_STMT, run, nullptr);
    };
    const auto extension = reinterpret_cast<void (*)()>(opened);
    counted_part = part;
    counted = 0;
    sqlite3_auto_extension(extension);
    auto inbox = kind.inbox();
    sqlite3_cancel_auto_extension(extension);
    return inbox;
}

}  // namespace
extern "C" int fsync(int descriptor) {
    return sync_file(SYS_fsync, descriptor);
}
extern "C" int fdatasync(int descriptor) {
    return sync_file(SYS_fdatasync, descriptor);
}

namespace {

Event event_of(const std::string& id) {
    Event event;
    event.id = id;
    event.type = "customer.created";
    return event;
}

int syncs_of(const std::function<void()>& work) {
    const int before = syncs;
    work();
    return syncs - before;
}

}  // namespace

// ---- Durability ----

TEST_CASE("what must be durable has been synchronised when the call returns", "[sqlite]") {
    Kind kind;
    const auto store = kind.store();
    // A claim that the power cut takes away was a claim of a process that died in it.
    CHECK(syncs_of([&] { store->claim("evt_1", "a", 1h); }) == 0);
    CHECK(syncs_of([&] { store->renew("evt_1", "a", 1h); }) == 0);
    CHECK(syncs_of([&] { CHECK(store->complete("evt_1", "a")); }) == 1);
    CHECK(syncs_of([&] { CHECK(store->forget("evt_1")); }) == 1);
    store->claim("evt_2", "a", 1h);
    CHECK(syncs_of([&] { CHECK(store->release("evt_2", "a")); }) == 0);

    const auto inbox = kind.inbox();
    for (const char* const id : {"evt_1", "evt_2", "evt_3"})
        CHECK(syncs_of([&] { CHECK(inbox->put(event_of(id), "{}")); }) == 1);
    pivotal::Job job;
    CHECK(syncs_of([&] { job = *inbox->take(1h); }) == 0);  // nothing is promised of it
    CHECK(syncs_of([&] { CHECK(inbox->renew(job, 1h)); }) == 0);
    CHECK(syncs_of([&] { CHECK(inbox->done(job)); }) == 1);
    job = *inbox->take(1h);
    CHECK(syncs_of([&] { CHECK(inbox->bury(job, "broken")); }) == 1);
    CHECK(syncs_of([&] { CHECK(inbox->requeue("evt_2")); }) == 1);
    CHECK(syncs_of([&] { inbox->dead(10), inbox->stats(); }) == 0);

    Database file(kind.address());
    CHECK(file.text("PRAGMA journal_mode") == "wal");
}

TEST_CASE("threads share the wait for the disk", "[sqlite]") {
    Kind kind;
    const auto inbox = kind.inbox();
    constexpr int threads = 16, each = 25;
    sync_takes_ms = 2;
    const int needed = syncs_of([&] {
        std::vector<std::thread> running;
        for (int thread = 0; thread < threads; ++thread)
            running.emplace_back([&, thread] {
                for (int i = 0; i < each; ++i) inbox->put(event_of(std::to_string(thread * each + i)), "{}");
            });
        for (std::thread& thread : running) thread.join();
    });
    sync_takes_ms = 0;
    CHECK(inbox->stats().ready == threads * each);
    CHECK(needed <= threads * each / 2);
}

TEST_CASE("what could not be synchronised is an error, and not there", "[sqlite]") {
    Kind kind;
    const auto store = kind.store();
    const auto inbox = kind.inbox();
    store->claim("evt_1", "a", 1h);
    syncs_fail = true;
    CHECK_THROWS_AS(store->complete("evt_1", "a"), StoreError);
    CHECK_THROWS_AS(inbox->put(event_of("evt_1"), "{}"), StoreError);
    syncs_fail = false;
    CHECK(store->claim("evt_1", "b", 1h) == Claim::in_progress);
    CHECK(store->complete("evt_1", "a"));
    CHECK(inbox->put(event_of("evt_1"), "{}"));
}

TEST_CASE("one event that cannot be stored does not spoil those that are stored with it", "[sqlite]") {
    Kind kind;
    const auto inbox = kind.inbox();
    Database(kind.address())
        .run(
            "CREATE TRIGGER refuse BEFORE INSERT ON pivotal_inbox WHEN NEW.type = 'bad' "
            "BEGIN SELECT RAISE(ABORT, 'a bad one'); END");
    sync_takes_ms = 2;  // so that the threads meet
    std::atomic<int> stored{0}, refused{0};
    std::vector<std::thread> running;
    for (int thread = 0; thread < 16; ++thread)
        running.emplace_back([&, thread] {
            for (int i = 0; i < 10; ++i) {
                Event event = event_of(std::to_string(thread * 10 + i));
                if (i % 5 == 0) event.type = "bad";
                try {
                    if (inbox->put(event, "{}")) ++stored;
                } catch (const StoreError& error) {
                    if (std::string(error.what()) == "SQLite: a bad one") ++refused;
                }
            }
        });
    for (std::thread& thread : running) thread.join();
    sync_takes_ms = 0;
    CHECK(stored == 128);
    CHECK(refused == 32);
    CHECK(inbox->stats().ready == 128);
}

// ---- Locks ----

TEST_CASE("a locked file is waited for, and then is an error", "[sqlite]") {
    Kind kind;
    const auto store = kind.store();
    const auto inbox = kind.inbox();
    Database other(kind.address());
    other.run("BEGIN IMMEDIATE");
    SECTION("which ends in time") {
        std::thread waiting([&] { store->claim("evt_1", "a", 1h); });
        std::this_thread::sleep_for(100ms);
        other.run("COMMIT");
        waiting.join();
        CHECK(store->claim("evt_1", "b", 1h) == Claim::in_progress);
    }
    SECTION("which does not, for many threads at once") {
        const auto start = std::chrono::steady_clock::now();
        std::atomic<int> handled{0}, unavailable{0}, incidents{0};
        const auto message = support::Message();
        const auto deliver = [&](pivotal::Receiver& receiver) {
            const auto reply =
                receiver.receive(message.body, {message.id, message.timestamp, message.signature}, support::now);
            if (reply.status == 503 && std::string_view(reply.body) == "store unavailable") ++unavailable;
        };
        const pivotal::Webhook webhook(support::secret);
        const pivotal::ReceiverOptions options{30s, [&](const pivotal::Observation& incident) {
                                                   if (incident.error == "SQLite: database is locked") ++incidents;
                                               }};
        pivotal::Receiver by_store(
            webhook, store, [&](const Event&) { ++handled; }, options);
        pivotal::Receiver by_inbox(webhook, inbox, options);
        std::vector<std::thread> waiting;
        for (int i = 0; i < 4; ++i) {
            waiting.emplace_back([&] { deliver(by_store); });
            waiting.emplace_back([&] { deliver(by_inbox); });
        }
        for (std::thread& thread : waiting) thread.join();
        CHECK(unavailable == 8);
        CHECK(incidents == 8);
        CHECK(handled == 0);
        const auto waited = std::chrono::steady_clock::now() - start;
        CHECK(waited >= 4900ms);
        CHECK(waited < 15s);  // together, not one behind the other: that would be 20 s
        other.run("COMMIT");
        const auto reply =
            by_store.receive(message.body, {message.id, message.timestamp, message.signature}, support::now);
        CHECK(std::string_view(reply.body) == "ok");
        CHECK(handled == 1);
    }
}

TEST_CASE("each call waits its own time for a lock, whoever has waited before it", "[sqlite]") {
    Kind kind;
    const auto inbox = kind.inbox();
    Database other(kind.address());
    other.run("BEGIN IMMEDIATE");
    std::atomic<bool> failed{false}, stored{false};
    const auto start = std::chrono::steady_clock::now();
    std::thread first([&] {
        try {
            inbox->put(event_of("evt_1"), "{}");
        } catch (const StoreError&) {
            failed = true;
        }
    });
    std::this_thread::sleep_for(2500ms);
    std::thread second([&] { stored = inbox->put(event_of("evt_2"), "{}"); });
    first.join();
    CHECK(failed);
    CHECK(std::chrono::steady_clock::now() - start >= 4900ms);
    CHECK_FALSE(stored);
    other.run("COMMIT");
    second.join();
    CHECK(stored);
}

TEST_CASE("a worker that has nothing to do stops nobody, and nobody stops it", "[sqlite][inbox]") {
    Kind kind;
    const auto inbox = kind.inbox();
    CHECK(inbox->put(event_of("evt_1"), "{}"));
    CHECK(inbox->done(*inbox->take(1h)));
    Database other(kind.address());
    other.run("BEGIN IMMEDIATE");
    CHECK_FALSE(inbox->take(1h));  // or an error
    other.run("COMMIT");
}

TEST_CASE("an event that is known wakes no worker", "[sqlite][inbox][worker]") {
    Kind kind;
    const auto inbox = counted_inbox(kind, "ORDER BY due_at");

    std::atomic<int> handled{0};
    pivotal::WorkerOptions options;
    options.poll = 24h;
    options.threads = 1;
    const pivotal::InboxWorker worker(
        inbox, [&](const Event&) { ++handled; }, options);
    CHECK(inbox->put(event_of("evt_1"), "{}"));
    support::wait_until("it is handled", [&] { return handled == 1; });
    for (int i = 0; i < 500; ++i) CHECK_FALSE(inbox->put(event_of("evt_1"), "{}"));
    CHECK(inbox->put(event_of("evt_2"), "{}"));
    support::wait_until("that is handled, too", [&] { return handled == 2; });
    CHECK(counted > 1);
    CHECK(counted < 10);
}

TEST_CASE("a purge takes any number of dead letters, and lets others write meanwhile", "[sqlite][inbox]") {
    Kind kind;
    const auto inbox = counted_inbox(kind, "COMMIT");
    kind.fill_inbox(1, 2500);
    CHECK(inbox->put(event_of("evt_waiting"), "{}"));
    Database(kind.address()).run("UPDATE pivotal_inbox SET state = 2 WHERE state = 1");
    counted = 0;
    CHECK(inbox->purge(0s) == 2500);
    CHECK(counted == 3);
    CHECK(inbox->purge(0s) == 0);
    CHECK(inbox->stats().ready == 1);
}

TEST_CASE("a call waits for another thread's no longer than its own time", "[sqlite]") {
    Kind kind;
    const auto inbox = kind.inbox();
    SECTION("which has not ended") {
        pivotal::detail::SqliteDatabase database(kind.address(), pivotal::detail::sqlite_inbox, true);
        std::atomic<bool> reads{false}, refused{false};
        std::thread first([&] {
            database.read([&](pivotal::detail::SqliteFile&) {
                reads = true;
                support::wait_until("the other has been refused", [&] { return refused.load(); });
                return true;
            });
        });
        support::wait_until("the first reads", [&] { return reads.load(); });
        std::string error = "none";
        try {
            const pivotal::detail::DueTime due(std::chrono::steady_clock::now() + 20ms);
            database.read([&](pivotal::detail::SqliteFile&) { return refused = true; });
        } catch (const StoreError& busy) {
            error = busy.what();
        }
        refused = true;
        first.join();
        CHECK(error == "SQLite: database is locked");
        CHECK(database.read([](pivotal::detail::SqliteFile&) { return true; }));
    }
    SECTION("and has either done all of its work then, or nothing") {
        sync_takes_ms = 3;
        std::atomic<int> next{0}, stored{0}, refused{0};
        std::vector<std::thread> running;
        for (int thread = 0; thread < 8; ++thread)
            running.emplace_back([&, thread] {
                for (int i = 0; i < 50; ++i) try {
                        const std::string id = std::to_string(next++);
                        const pivotal::detail::DueTime due(std::chrono::steady_clock::now() +
                                                           std::chrono::milliseconds(thread));
                        if (inbox->put(event_of(id), "{}")) ++stored;
                    } catch (const StoreError&) {
                        ++refused;
                    }
            });
        for (std::thread& thread : running) thread.join();
        sync_takes_ms = 0;
        CHECK(refused > 0);
        CHECK(inbox->stats().ready == static_cast<std::uint64_t>(stored));
    }
}

TEST_CASE("a handler that ends while the file is locked for long does not run twice", "[sqlite][inbox][worker]") {
    Kind kind;
    const auto inbox = kind.inbox();
    Database other(kind.address());
    CHECK(inbox->put(event_of("evt_1"), "{}"));
    std::atomic<int> handled{0}, not_recorded{0};
    pivotal::WorkerOptions options;
    options.observer = [&](const pivotal::Observation& incident) {
        if (incident.kind == pivotal::Observation::Kind::not_recorded) ++not_recorded;
    };
    const pivotal::InboxWorker worker(
        inbox,
        [&](const Event&) {
            other.run("BEGIN IMMEDIATE");
            ++handled;
        },
        options);
    support::wait_until("it is handled", [&] { return handled == 1; });
    std::this_thread::sleep_for(5500ms);  // longer than a call waits
    other.run("COMMIT");
    support::wait_until("it is done", [&] { return kind.done() == 1; });
    CHECK(handled == 1);
    CHECK(not_recorded == 0);
}

TEST_CASE("the log does not stay as large as a long reader has made it", "[sqlite]") {
    Kind kind;
    const auto inbox = kind.inbox();
    const std::string body(100'000, 'x');
    const auto log_size = [&] { return std::filesystem::file_size(kind.address() + "-wal"); };
    {
        Database reader(kind.address());
        reader.run("BEGIN");
        reader.number("SELECT count(*) FROM pivotal_inbox");
        for (int i = 0; i < 200; ++i) CHECK(inbox->put(event_of(std::to_string(i)), body));
        CHECK(log_size() > 16'000'000);
        reader.run("COMMIT");
    }
    for (int i = 0; i < 5; ++i) CHECK(inbox->put(event_of("after" + std::to_string(i)), "{}"));
    CHECK(log_size() <= 4'194'304);
}

TEST_CASE("a reader does not stop anybody", "[sqlite]") {
    Kind kind;
    const auto store = kind.store();
    Database other(kind.address());
    other.run("BEGIN");
    CHECK(other.number("SELECT count(*) FROM pivotal_claims") == 0);
    CHECK(store->claim("evt_1", "a", 1h) == Claim::granted);
    CHECK(store->complete("evt_1", "a"));
    CHECK(other.number("SELECT count(*) FROM pivotal_claims") == 0);
    other.run("COMMIT");
    CHECK(other.number("SELECT count(*) FROM pivotal_claims") == 1);
}

// ---- Files ----

TEST_CASE("a file that cannot be opened is an error that names it", "[sqlite]") {
    TemporaryFolder folder;
    const auto error_of = [](const std::string& path) -> std::string {
        try {
            SqliteStore store(path);
        } catch (const StoreError& error) {
            return error.what();
        }
        return "none";
    };
    CHECK(error_of("") == "SQLite: the path of the database is empty");
    const std::string missing = folder.file("no/such/folder.db");
    CHECK(error_of(missing) == "SQLite: cannot open " + missing + ": unable to open database file");
    CHECK(error_of(folder.path().string()).find("unable to open") != std::string::npos);
    support::write_file(folder.file("text.db"), std::string(5000, 'x'));
    CHECK(error_of(folder.file("text.db")) == "SQLite: file is not a database");
    CHECK_THROWS_AS(SqliteInbox(missing), StoreError);
}

TEST_CASE("a file that was removed or replaced takes nothing more", "[sqlite]") {
    Kind kind;
    const auto store = kind.store();
    const auto inbox = kind.inbox();
    CHECK(store->claim("evt_1", "a", 1h) == Claim::granted);
    CHECK(inbox->put(event_of("evt_1"), "{}"));
    SECTION("removed") {
        for (const char* const suffix : {"", "-wal", "-shm"}) std::filesystem::remove(kind.address() + suffix);
    }
    SECTION("replaced") {
        const std::string other = kind.address() + ".other";
        SqliteInbox(std::filesystem::path(other));
        std::filesystem::rename(other, kind.address());
    }
    const auto check_refused = [&](const std::function<void()>& work) {
        std::string error = "none";
        try {
            work();
        } catch (const StoreError& refused) {
            error = refused.what();
        }
        CHECK(error ==
              "SQLite: " + kind.address() + " was removed or replaced while it was open: nothing more is stored in it");
    };
    check_refused([&] { inbox->put(event_of("evt_2"), "{}"); });
    check_refused([&] { store->complete("evt_1", "a"); });
    check_refused([&] { store->claim("evt_2", "a", 1h); });
    check_refused([&] { inbox->take(1h); });
    check_refused([&] { inbox->stats(); });
    check_refused([&] { inbox->dead(1); });
    CHECK(kind.inbox()->put(event_of("evt_2"), "{}"));
}

TEST_CASE("a database in UTF-16 is as good", "[sqlite]") {
    Kind kind;
    Database other(kind.address());
    other.run("PRAGMA encoding = 'UTF-16'; CREATE TABLE yours (x)");
    for (int i = 0; i < 2; ++i) {  // a new one, and one that is there
        const std::string id = "Zoë " + std::to_string(i);
        const auto store = kind.store();
        const auto inbox = kind.inbox();
        CHECK(store->claim(id, "a", 1h) == Claim::granted);
        CHECK(store->complete(id, "a"));
        CHECK(store->claim(id, "b", 1h) == Claim::duplicate);
        CHECK(inbox->put(event_of(id), "{}"));
        const pivotal::Job job = *inbox->take(1h);
        CHECK(job.event.id == id);
        CHECK(job.body == "{}");
        CHECK(inbox->bury(job, "größer"));
        CHECK(inbox->dead(10).back().error == "größer");
        other.begin();
        CHECK(pivotal::mark_processed(other, id));
        CHECK_FALSE(pivotal::mark_processed(other, id));
        other.run("COMMIT");
    }
    const auto inbox = kind.inbox();
    for (const std::string bytes :
         {"🎉", "\xef\xbb\xbfx", "\xef\xbf\xbe", "\xef\xbf\xbf", "\xed\xa0\x80", "\xc0\x80", "\xe0\x80\x80",
          "\xf0\x8f\xbf\xbd", "\xf4\x90\x80\x80", "\xf0\x9f\x8e", "\x80", "\xf8"}) {
        CHECK(inbox->put(event_of(bytes), bytes));
        CHECK_FALSE(inbox->put(event_of(bytes), bytes));
        const pivotal::Job job = *inbox->take(1h);
        CHECK(job.event.id == bytes);
        CHECK(job.body == bytes);
    }
}

TEST_CASE("a table that is not this version's is an error when it is opened", "[sqlite]") {
    Kind kind;
    const Database database(kind.address());
    const auto has = [&](const std::string& what) { return "SQLite: " + kind.address() + " has " + what; };
    const std::string other = "another pivotal_inbox than this version's: SQLite: no such ";
    database.run("CREATE TABLE pivotal_inbox (seq); CREATE TABLE pivotal_claims (owner)");
    const auto error_of = [](const std::function<void()>& work) -> std::string {
        try {
            work();
        } catch (const StoreError& error) {
            return error.what();
        }
        return "none";
    };
    CHECK(error_of([&] { kind.inbox(); }) == has(other + "table: pivotal_inbox_bodies"));
    database.run("CREATE TABLE pivotal_inbox_bodies (seq, body)");
    CHECK(error_of([&] { kind.inbox(); }) == has(other + "column: consumer"));
    CHECK(error_of([&] { kind.store(); }) ==
          has("another pivotal_claims than this version's: SQLite: no such column: consumer"));
    // What a partial copy lacks is not made up for: the bodies of events are not there, or stay for ever.
    database.run("DROP TABLE pivotal_inbox; DROP TABLE pivotal_inbox_bodies; DROP TABLE pivotal_claims");
    database.run(SqliteInbox::schema());
    kind.inbox();
    database.run("DROP TRIGGER pivotal_inbox_drop_body");
    CHECK(error_of([&] { kind.inbox(); }) == has("no trigger pivotal_inbox_drop_body"));
}

TEST_CASE("a body that cannot be read is tried again, told of, buried with its reason, and stops nothing behind it",
          "[sqlite][inbox][worker]") {
    Kind kind;
    {
        const auto inbox = kind.inbox();
        CHECK(inbox->put(event_of("evt_1"), std::string(100'000, 'x')));
        CHECK(inbox->put(event_of("evt_2"), "{}"));
        CHECK(inbox->put(event_of("evt_3"), "{}"));
        CHECK(inbox->bury(*inbox->take(1h), "broken"));
        CHECK(inbox->requeue("evt_1"));
    }
    {
        // A page that goes on with the body begins with the number of the next one.
        const std::string text = support::read_file(kind.address());
        const std::size_t page = text.find(std::string(4000, 'x')) / 4096 * 4096 + 2 * 4096;
        std::fstream file(kind.address(), std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(static_cast<std::streamoff>(page));
        file << std::string(4, '\xff');
    }
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
        const pivotal::InboxWorker worker(
            inbox, [](const Event&) {}, options);
        support::wait_until("it is dead", [&] {
            const pivotal::InboxStats stats = inbox->stats();
            return stats.dead == 1 && stats.ready + stats.retrying + stats.running == 0;
        });
    }
    for (const char* const line : {"evt_1 1 failed\n", "evt_1 2 buried\n", "evt_2 1 handled\n", "evt_3 1 handled\n"})
        CHECK(told.find(line) != told.npos);
    const auto dead = inbox->dead(10);
    REQUIRE(dead.size() == 1);
    CHECK(dead[0].event.id == "evt_1");
    CHECK(dead[0].event.type == "customer.created");
    CHECK(dead[0].error == "its body cannot be read: SQLite: database disk image is malformed");
    CHECK(dead[0].body.empty());
}

#if SQLITE_VERSION_NUMBER >= 3031000  // sqlite3_hard_heap_limit64
TEST_CASE("an event whose body there is no memory for stays in the inbox, whole", "[sqlite][inbox]") {
    Kind kind;
    SECTION("in UTF-8") {}
    SECTION("in UTF-16, which is converted as it is read") {
        Database(kind.address()).run("PRAGMA encoding = 'UTF-16'; CREATE TABLE yours (x)");
    }
    const auto inbox = kind.inbox();
    const std::string body(600'000, 'x');
    int refused = 0, taken = 0;
    for (int more = 0; more < 5'000'000; more += 100'000) {
        CHECK(inbox->put(event_of("evt_1"), body));
        sqlite3_hard_heap_limit64(sqlite3_memory_used() + more);
        std::optional<pivotal::Job> job;
        std::string error = "none";
        try {
            job = inbox->take(1h);
        } catch (const StoreError& failed) {
            error = failed.what();
        }
        sqlite3_hard_heap_limit64(0);
        if (!job) {
            CHECK(error == "SQLite: out of memory");
            CHECK(inbox->dead(10).empty());
            ++refused;
            job = inbox->take(1h);
        } else {
            ++taken;
        }
        REQUIRE(job);
        CHECK(job->attempt == 1);
        CHECK(job->body == body);
        CHECK(inbox->forget("evt_1"));
    }
    CHECK(refused > 0);
    CHECK(taken > 0);
}

TEST_CASE("a text that there is no memory for is an error, not empty", "[sqlite]") {
    Kind kind;
    const Database database(kind.address());
    database.run("PRAGMA encoding = 'UTF-16'; CREATE TABLE yours (x)");
    const std::string text(600'000, 'x');
    pivotal::detail::SqliteStatement(database, "INSERT INTO yours VALUES (?)").execute(text);
    int refused = 0, read = 0;
    for (int more = 0; more < 5'000'000; more += 50'000) {
        const pivotal::detail::SqliteStatement statement(database, "SELECT x FROM yours");
        std::string error = "none", found = text;
        sqlite3_hard_heap_limit64(sqlite3_memory_used() + more);
        try {
            pivotal::detail::SqliteStatement::Run row(statement);
            if (row.next()) found = row.bytes(0);
            ++read;
        } catch (const StoreError& failed) {
            error = failed.what();
            ++refused;
        }
        sqlite3_hard_heap_limit64(0);
        CHECK((error == "none" || error == "SQLite: out of memory"));
        CHECK(found == text);
    }
    CHECK(refused > 0);
    CHECK(read > 0);
}
#endif

TEST_CASE("a store and an inbox that were forked are opened anew", "[sqlite][processes]") {
    Kind kind;
    const auto store = kind.store();
    const auto inbox = kind.inbox();
    constexpr int events = 300, children = 3;
    for (int i = 0; i < events; ++i) CHECK(inbox->put(event_of(std::to_string(i)), "{}"));
    const auto work = [&](const std::string& owner) {
        int granted = 0, taken = 0;
        for (int i = 0; i < events; ++i) {
            const std::string id = std::to_string(i);
            if (store->claim(id, owner, 1h) == Claim::granted && store->complete(id, owner)) ++granted;
            if (const auto job = inbox->take(1h); job && inbox->done(*job)) ++taken;
        }
        return std::to_string(granted) + " " + std::to_string(taken) + " ";
    };
    const std::string results = kind.address() + ".results";
    std::vector<pid_t> started;
    for (int child = 0; child < children; ++child) {
        const pid_t pid = fork();
        if (pid == 0) {
            try {
                std::ofstream(results, std::ios::app) << work("child" + std::to_string(child)) << std::flush;
            } catch (const std::exception& error) {
                std::ofstream(results, std::ios::app) << "-1 -1 " << std::flush;
            }
            _exit(0);
        }
        started.push_back(pid);
    }
    std::ofstream(results, std::ios::app) << work("parent") << std::flush;
    for (const pid_t pid : started) waitpid(pid, nullptr, 0);
    std::istringstream counts(support::read_file(results));
    int all_granted = 0, all_taken = 0;
    for (int granted = 0, taken = 0; counts >> granted >> taken;) {
        CHECK(granted >= 0);
        all_granted += granted;
        all_taken += taken;
    }
    CHECK(all_granted == events);
    CHECK(all_taken == events);
    CHECK(kind.done() == events);
    CHECK(Database(kind.address()).text("PRAGMA integrity_check") == "ok");
    CHECK(store->claim("0", "after", 1h) == Claim::duplicate);  // the parent's own is as it was
}

TEST_CASE("a process that was forked in a transaction of its parent's harms nothing, and says so",
          "[sqlite][processes]") {
    Kind kind;
    pivotal::detail::SqliteDatabase database(kind.address(), pivotal::detail::sqlite_inbox, true);
    const std::string answer = kind.address() + ".answer", body(3'000'000, 'x');  // more than SQLite's cache holds
    const auto ask = [&] {
        const pid_t child = fork();
        if (child == 0) {
            std::string error = "none";
            try {
                kind.store();
            } catch (const StoreError& refused) {
                error = refused.what();
            }
            support::write_file(answer, error);
            _exit(0);
        }
        waitpid(child, nullptr, 0);
        return support::read_file(answer);
    };
    enum { begins, waits, ends };
    std::atomic<int> step{begins};
    std::thread writing([&] {
        database.write(true, [&](pivotal::detail::SqliteFile& file) {
            const auto insert = [&](std::int64_t seq) {
                file.execute("INSERT INTO pivotal_inbox_bodies (seq, body) VALUES (?, ?)", seq, body);
            };
            insert(1);
            step = waits;
            support::wait_until("the child has ended", [&] { return step == ends; });
            insert(2);
            return true;
        });
    });
    support::wait_until("the transaction has begun", [&] { return step == waits; });
    const std::string refused = ask();
    step = ends;
    writing.join();
    CHECK(refused == "SQLite: this process was forked while a thread used a database: fork first, and then open it");
    CHECK(Database(kind.address()).text("PRAGMA integrity_check") == "ok");
    CHECK(Database(kind.address()).number("SELECT count(*) FROM pivotal_inbox_bodies") == 2);
    CHECK(ask() == "none");
}

TEST_CASE("what a forked process has stored outlives its parent", "[sqlite][processes]") {
    Kind kind;
    const std::string ready = kind.address() + ".ready";
    const pid_t parent = fork();
    if (parent == 0) {  // a daemon: it opens, forks, and ends
        auto inbox = kind.inbox();
        inbox->put(event_of("evt_1"), "{}");
        if (fork() != 0) {
            inbox.reset();
            _exit(0);
        }
        support::wait_until("the parent has ended", [] { return getppid() == 1 || getppid() == 0; });
        const bool put = inbox->put(event_of("evt_2"), "{}");
        std::ofstream(ready) << put << std::flush;
        _exit(0);
    }
    waitpid(parent, nullptr, 0);
    support::wait_until("the child has put", [&] { return support::read_file(ready) == "1"; });
    const auto inbox = kind.inbox();
    CHECK(inbox->take(1h)->event.id == "evt_1");
    CHECK(inbox->take(1h)->event.id == "evt_2");
}

TEST_CASE("a put wakes the workers of its process, by whatever name they know the file, and of no other file",
          "[sqlite][inbox][worker]") {
    Kind kind;
    const auto inbox = kind.inbox();
    const std::filesystem::path path = kind.address(), link = path.parent_path() / "link.db";
    std::filesystem::create_symlink(path, link);
    SqliteInbox by_link(link), relative(std::filesystem::proximate(path)), another(path.parent_path() / "another.db"),
        memory(":memory:");
    pivotal::WorkerOptions options;
    options.poll = 24h;
    std::atomic<int> handled{0};
    int put = 0;
    {
        const pivotal::InboxWorker worker(
            inbox, [&](const Event&) { ++handled; }, options);
        for (int i = 0; i < 20; ++i)
            for (SqliteInbox* const same : {&by_link, &relative}) {
                CHECK(same->put(event_of(std::to_string(++put)), "{}"));
                support::wait_until("it is handled", [&] { return handled == put; });
            }
        CHECK(another.put(event_of("evt_1"), "{}"));
        CHECK(memory.put(event_of("evt_1"), "{}"));
    }
    // It has gone, and nobody calls it.
    CHECK(by_link.put(event_of("evt_1"), "{}"));
    CHECK(another.stats().ready == 1);
    CHECK(memory.stats().ready == 1);
    CHECK(inbox->stats().ready == 1);
    CHECK(handled == put);
}

TEST_CASE("a mark creates its table where it is missing, and asks for nothing where it is there", "[sqlite][mark]") {
    Kind kind;
    const Database database(kind.address());
    const auto mark = [&](const char* id) {
        database.begin();
        const bool marked =
            pivotal::mark_processed(database, id) && pivotal::mark_newest(database, id, "2026-11-29T00:00:00Z");
        database.run("COMMIT");
        return marked;
    };
    CHECK(mark("evt_1"));
    const auto refuse = [](void*, int action, const char*, const char*, const char*, const char*) {
        return action == SQLITE_CREATE_TABLE || action == SQLITE_CREATE_INDEX ? SQLITE_DENY : SQLITE_OK;
    };
    sqlite3_set_authorizer(database, refuse, nullptr);
    CHECK(mark("evt_2"));
}

TEST_CASE("paths of every kind are taken", "[sqlite]") {
    TemporaryFolder folder;
    SqliteStore(folder.path() / "a.db");
    SqliteStore(folder.file("b.db").c_str());
    SqliteStore(std::string_view(folder.file("Zoë ' 🎉.db")));
    CHECK(std::filesystem::exists(folder.file("Zoë ' 🎉.db")));
    SqliteStore memory(":memory:");
    CHECK(memory.claim("evt_1", "a", 1h) == Claim::granted);
}

TEST_CASE("a path is that of the folder in which it was opened", "[sqlite][processes]") {
    TemporaryFolder folder, other;
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(folder.path());
    SqliteStore store("events.db");
    std::filesystem::current_path(other.path());
    CHECK(store.claim("evt_1", "a", 1h) == Claim::granted);
    const pid_t child = fork();
    if (child == 0) {
        const auto is_known = [&]() noexcept { return store.claim("evt_1", "b", 1h) == Claim::in_progress; };
        _exit(is_known() ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(status == 0);
    CHECK_FALSE(std::filesystem::exists(other.file("events.db")));
    std::filesystem::current_path(before);
}

TEST_CASE("a path in a folder that is gone is an error", "[sqlite]") {
    const auto before = std::filesystem::current_path();
    std::string error = "none";
    {
        TemporaryFolder folder;
        std::filesystem::current_path(folder.path());
    }
    try {
        SqliteStore store("events.db");
    } catch (const StoreError& refused) {
        error = refused.what();
    }
    std::filesystem::current_path(before);
    CHECK(error == "SQLite: cannot open events.db: No such file or directory");
}

TEST_CASE("many processes open a new file at once", "[sqlite][processes]") {
    Kind kind;
    std::vector<std::unique_ptr<Agent>> agents;
    for (int i = 0; i < 8; ++i) agents.push_back(std::make_unique<Agent>(kind.address()));
    for (const auto& agent : agents) agent->tell("claim x61 x62 3600000");
    for (const auto& agent : agents) CHECK(agent->answer().at(0) == "granted");
}

TEST_CASE("a broken file is an error, not an answer", "[sqlite]") {
    Kind kind;
    kind.store()->claim("evt_1", "a", 1h);
    {
        std::fstream file(kind.address(), std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(4096);
        file << std::string(3 * 4096, '\xff');
    }
    CHECK_THROWS_AS(kind.store()->claim("evt_1", "b", 1h), StoreError);
}

// ---- A full disk ----

TEST_CASE("a full disk is an error, and nothing that was stored is lost", "[sqlite][full]") {
    Kind kind;
    SECTION("by the store") {
        // Half a megabyte for each file; the log is one.
        const auto agent = std::make_shared<Agent>(kind.address(), StoreOptions{}, std::vector<std::string>{}, 1 << 19);
        AgentStore store(agent);
        std::vector<std::string> completed;
        std::string refused;
        for (int i = 0; refused.empty() && i < 100000; ++i) {
            const std::string id = "evt_" + std::to_string(i) + std::string(200, 'x');
            try {
                if (store.claim(id, "a", 1h) == Claim::granted && store.complete(id, "a")) completed.push_back(id);
            } catch (const StoreError& error) {
                refused = id;
                CHECK(error.what() == std::string("SQLite: disk I/O error"));
            }
        }
        REQUIRE_FALSE(refused.empty());
        REQUIRE(completed.size() > 10);
        CHECK(store.claim(completed.back(), "b", 1h) == Claim::duplicate);

        const rlimit enough{RLIM_INFINITY, RLIM_INFINITY};
        REQUIRE(prlimit(agent->process().pid(), RLIMIT_FSIZE, &enough, nullptr) == 0);
        CHECK(store.claim(refused, "a", 1h) == Claim::granted);
        CHECK(store.complete(refused, "a"));
        for (const std::string& id : completed) CHECK(store.claim(id, "b", 1h) == Claim::duplicate);
    }
    SECTION("by the inbox") {
        const auto agent = std::make_shared<Agent>(kind.address(), StoreOptions{}, std::vector<std::string>{}, 1 << 19);
        support::AgentInbox inbox(agent);
        int stored = 0;
        bool full = false;
        while (!full && stored < 10000) {
            try {
                if (inbox.put(event_of("evt_" + std::to_string(stored)), std::string(20000, 'x'))) ++stored;
            } catch (const StoreError&) {
                full = true;
            }
        }
        REQUIRE(full);
        REQUIRE(stored > 5);
        const rlimit enough{RLIM_INFINITY, RLIM_INFINITY};
        REQUIRE(prlimit(agent->process().pid(), RLIMIT_FSIZE, &enough, nullptr) == 0);
        CHECK(inbox.put(event_of("evt_" + std::to_string(stored)), "x"));
        for (int i = 0; i <= stored; ++i) CHECK(inbox.take(1h)->event.id == "evt_" + std::to_string(i));
    }
}

TEST_CASE("a file that may only be read is an error when it is opened", "[sqlite][disk]") {
    TemporaryFolder folder;
    REQUIRE(mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=1m") == 0);
    struct Unmount {
        std::string path;
        ~Unmount() { umount2(path.c_str(), MNT_DETACH); }
    } unmount{folder.path().string()};
    const std::string path = folder.file("events.db");
    { SqliteInbox inbox(path); }
    REQUIRE(mount("tmpfs", folder.path().c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr) == 0);
    std::string error = "none";
    try {
        SqliteInbox inbox(path);
    } catch (const StoreError& refused) {
        error = refused.what();
    }
    CHECK(error == "SQLite: " + path + " may only be read");
}

TEST_CASE("a file system without space is an error, and then again is none", "[sqlite][full][disk]") {
    TemporaryFolder folder;
    REQUIRE(mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=1m") == 0);
    struct Unmount {
        std::string path;
        ~Unmount() { umount2(path.c_str(), MNT_DETACH); }
    } unmount{folder.path().string()};
    SqliteInbox inbox(folder.path() / "events.db");
    support::write_file(folder.file("filler"), std::string(300000, 'x'));
    int stored = 0;
    std::string error;
    while (error.empty() && stored < 10000) {
        try {
            if (inbox.put(event_of(std::to_string(stored)), std::string(10000, 'x'))) ++stored;
        } catch (const StoreError& full) {
            error = full.what();
        }
    }
    CHECK(error == "SQLite: database or disk is full");
    CHECK(stored > 5);
    std::filesystem::remove(folder.file("filler"));
    CHECK(inbox.put(event_of(std::to_string(stored)), std::string(10000, 'x')));
    for (int i = 0; i <= stored; ++i) CHECK(inbox.take(1h)->event.id == std::to_string(i));
}

}  // namespace stores_sqlite
