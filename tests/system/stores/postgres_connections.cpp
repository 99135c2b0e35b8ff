// SPDX-License-Identifier: MIT

// What stands between a store and its PostgreSQL: a pooler, a standby, rights, several hosts, the time to connect; and
// rows that somebody has locked.

#include "postgres.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <pivotal/inbox_worker.hpp>
#include <pivotal/receiver.hpp>

#include "../../support/message.hpp"
#include "catch.hpp"
#include "proxy.hpp"

namespace stores_postgres_connections {

using namespace std::chrono_literals;
using pivotal::Claim;
using pivotal::Event;
using pivotal::PostgresInbox;
using pivotal::PostgresStore;
using pivotal::StoreError;
using support::Kind;
using support::PostgresServer;
using support::PostgresUser;
using support::Process;
using support::wait_until;

namespace {

template <class Work> std::string error_of(Work work) {
    try {
        work();
    } catch (const StoreError& error) {
        return error.what();
    }
    return "none";
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != text.npos;
}

/// A PgBouncer before a database of its own, which has but one connection to it for all its clients.
class Pooler {
public:
    explicit Pooler(const std::string& mode) {
        std::filesystem::permissions(folder_.path(), std::filesystem::perms(0777));
        PostgresUser(support::postgres().address()).run("CREATE DATABASE " + database_);
        support::write_file(folder_.file("users"), "\"pivotal\" \"\"\n");
        support::write_file(folder_.file("ini"),
                            "[databases]\n* = host=" + support::postgres().folder().string() +
                                "\n[pgbouncer]\nlisten_addr =\nunix_socket_dir = " + folder_.path().string() +
                                "\nlisten_port = 6432\nauth_type = trust\nauth_file = " + folder_.file("users") +
                                "\npool_mode = " + mode + "\ndefault_pool_size = " + (mode == "session" ? "20" : "1") +
                                "\n");
        support::ProcessOptions options;
        options.user = "postgres";
        options.log = folder_.file("log");
        process_ = Process({"/usr/sbin/pgbouncer", folder_.file("ini")}, options);
        wait_until("PgBouncer answers", [&] {
            if (!process_.is_running()) support::fail("PgBouncer ended: " + support::read_file(options.log));
            return PQping(address().c_str()) == PQPING_OK;
        });
    }
    ~Pooler() {
        process_.kill_now();
        try {
            PostgresUser(support::postgres().address()).run("DROP DATABASE " + database_ + " WITH (FORCE)");
        } catch (const std::exception&) {
        }
    }
    Pooler(const Pooler&) = delete;
    Pooler& operator=(const Pooler&) = delete;

    std::string address() const {
        return "host=" + folder_.path().string() + " port=6432 user=pivotal dbname=" + database_;
    }

private:
    static std::string new_name() {
        static int count = 0;
        return "pooled_" + std::to_string(++count);
    }

    support::TemporaryFolder folder_;
    const std::string database_ = new_name();
    Process process_;
};

}  // namespace

// ---- Poolers ----

TEST_CASE("behind a PgBouncer all is as ever, and nothing of ours is left to its other clients", "[postgres][pooler]") {
    const std::string mode = GENERATE("transaction", "session");
    INFO(mode);
    const Pooler pooler(mode);
    PostgresStore store(pooler.address());
    PostgresInbox inbox(pooler.address());
    std::atomic<int> wrong{0};
    std::vector<std::thread> running;
    for (int thread = 0; thread < 3; ++thread)
        running.emplace_back([&, owner = std::to_string(thread)] {
            try {
                for (int i = 0; i < 10; ++i) {
                    const std::string id = owner + "_" + std::to_string(i);
                    Event event;
                    event.id = id;
                    event.type = "customer.created";
                    if (store.claim(id, owner, 1h) != Claim::granted || !store.renew(id, owner, 1h) ||
                        !store.complete(id, owner) || store.claim(id, "another", 1h) != Claim::duplicate ||
                        !inbox.put(event, "{}"))
                        ++wrong;
                    auto job = inbox.take(1h);
                    while (!job) job = inbox.take(1h);  // what was committed late is found a moment later
                    if (!inbox.done(*job)) ++wrong;
                }
            } catch (const StoreError&) {
                wrong += 1000;
            }
        });
    for (std::thread& thread : running) thread.join();
    CHECK(wrong == 0);
    if (mode == "session") return;  // in which others wait until we close our connections

    const PostgresUser other(pooler.address());  // on the one session that there is
    for (const auto& [setting, expected] : {std::pair{"enable_seqscan", "on"},
                                            {"enable_bitmapscan", "on"},
                                            {"statement_timeout", "0"},
                                            {"synchronous_commit", "on"},
                                            {"idle_in_transaction_session_timeout", "0"},
                                            {"default_transaction_isolation", "read committed"}})
        CHECK(other.text(std::string("SELECT current_setting('") + setting + "')") == expected);
    CHECK(other.text("SELECT count(*)::text FROM pg_prepared_statements") == "0");
    CHECK(other.text("SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory'") == "0");
}

TEST_CASE("a connection without a pooler prepares its statements", "[postgres][pooler]") {
    Kind kind;
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    const auto connection = [&](const std::string& address) {
        return std::make_unique<pivotal::detail::PostgresConnection>(pivotal::detail::PostgresAddress(address),
                                                                     deadline);
    };
    const auto prepared = [&](pivotal::detail::PostgresConnection& own) {
        for (int i = 0; i < 3; ++i) own.run(deadline, "SELECT $1::bigint", std::int64_t{7});
        return own.run(deadline, "SELECT count(*) FROM pg_prepared_statements").integer(0, 0);
    };
    const auto direct = connection(kind.address());
    CHECK(direct->is_direct());
    CHECK(prepared(*direct) == 2);
    // What was lost, as behind a pooler that cannot be told from the server, is no error.
    direct->execute("DEALLOCATE ALL", deadline);
    CHECK(prepared(*direct) == 0);
    CHECK_FALSE(direct->is_direct());

    const Pooler pooler("transaction");
    const auto pooled = connection(pooler.address());
    CHECK_FALSE(pooled->is_direct());
    CHECK(prepared(*pooled) == 0);
}

TEST_CASE("behind a pooler in transaction mode a worker polls, and says so once", "[postgres][pooler]") {
    const Pooler pooler("transaction");
    const auto inbox = std::make_shared<PostgresInbox>(pooler.address());
    pivotal::WorkerOptions options;
    options.poll = 5ms;
    std::atomic<int> told{0}, handled{0};
    options.observer = [&](const pivotal::Observation& seen) {
        if (seen.kind == pivotal::Observation::Kind::only_polling) ++told;
    };
    const pivotal::InboxWorker worker(
        inbox, [&](const Event&) { ++handled; }, options);
    wait_until("it says so", [&] { return told == 1; });
    for (int i = 0; i < 20; ++i) {
        Event event;
        event.id = std::to_string(i);
        CHECK(inbox->put(event, "{}"));
        wait_until("it is handled", [&] { return handled == i + 1; });
    }
    CHECK(told == 1);
}

// ---- Workers of other processes ----

TEST_CASE("a put of another process wakes a worker, and so does one that came while nobody listened",
          "[postgres][inbox][notify]") {
    Kind kind;
    const auto inbox = std::make_shared<PostgresInbox>(kind.address());
    support::Agent agent(kind.address());
    const PostgresUser database(kind.address());
    const std::string listening = " FROM pg_stat_activity WHERE query LIKE 'LISTEN pivotal%'";
    pivotal::WorkerOptions options;
    options.poll = 24h;
    std::atomic<int> handled{0}, incidents{0};
    options.observer = [&](const pivotal::Observation& seen) { incidents += seen.is_incident() ? 1 : 0; };
    int put = 0;
    {
        const pivotal::InboxWorker worker(
            inbox, [&](const Event&) { ++handled; }, options);
        const auto put_and_wait = [&] {
            CHECK(agent.ask("put", support::hex(std::to_string(++put)), support::hex("{}")).at(0) == "yes");
            wait_until("it is handled", [&] { return handled == put; });
        };
        for (int i = 0; i < 20; ++i) put_and_wait();
        // In a burst but the first of them tells.
        for (int i = 0; i < 50; ++i)
            agent.tell("put " + support::hex(std::to_string(++put)) + " " + support::hex("{}"));
        for (int i = 0; i < 50; ++i) CHECK(agent.answer().at(0) == "yes");
        wait_until("all are handled", [&] { return handled == put; });

        CHECK(database.number("SELECT count(pg_terminate_backend(pid))" + listening) == 1);
        put_and_wait();
        wait_until("it listens again", [&] { return database.number("SELECT count(*)" + listening) == 1; });
        put_and_wait();
        CHECK(incidents == 0);
    }
    wait_until("it listens no more", [&] { return database.number("SELECT count(*)" + listening) == 0; });
}

TEST_CASE("a worker whose server grants few connections spends none on waiting, and says why", "[postgres][notify]") {
    Kind kind;
    const std::string address = kind.address_with_connections(19);
    const auto inbox = std::make_shared<PostgresInbox>(address);
    const PostgresUser database(kind.address());
    std::atomic<int> handled{0};
    std::mutex mutex;
    std::string told;
    pivotal::WorkerOptions options;
    options.poll = 24h;
    options.observer = [&](const pivotal::Observation& seen) {
        const std::lock_guard<std::mutex> lock(mutex);
        if (seen.kind == pivotal::Observation::Kind::only_polling) told += seen.error;
    };
    const auto is_told = [&](const std::string& part) {
        wait_until("it says so", [&] {
            const std::lock_guard<std::mutex> lock(mutex);
            return contains(told, part);
        });
    };
    const auto listening = [&] {
        return database.number(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN pivotal%' AND usename = 'limited'");
    };
    const auto work = [&](const std::string& id, const auto& meanwhile) {
        const pivotal::InboxWorker worker(
            inbox, [&](const Event&) { ++handled; }, options);
        meanwhile();
        Event event;
        event.id = id;
        const int before = handled;
        CHECK(inbox->put(event, "{}"));
        wait_until("it is handled", [&] { return handled == before + 1; });
    };
    work("evt_1", [&] { is_told("grants few connections"); });
    CHECK(listening() == 0);
    database.run("ALTER ROLE limited CONNECTION LIMIT 20");
    work("evt_2", [&] { wait_until("it listens", [&] { return listening() == 1; }); });
    database.run("ALTER ROLE limited NOLOGIN");  // the inbox has its connection
    work("evt_3", [&] { is_told("not permitted to log in"); });
}

TEST_CASE("a worker that is destroyed as it is told that it only polls ends", "[postgres][notify]") {
    Kind kind;
    const auto inbox = std::make_shared<PostgresInbox>(kind.address_with_connections(19));
    std::promise<void> made;
    const auto gone = std::make_shared<std::promise<void>>();
    std::unique_ptr<pivotal::InboxWorker> worker;
    pivotal::WorkerOptions options;
    options.observer = [&, gone, known = made.get_future().share()](const pivotal::Observation& seen) {
        if (seen.kind != pivotal::Observation::Kind::only_polling) return;
        known.get();
        worker.reset();
        gone->set_value();
    };
    worker = std::make_unique<pivotal::InboxWorker>(
        inbox, [](const Event&) {}, options);
    made.set_value();
    CHECK(gone->get_future().wait_for(60s) == std::future_status::ready);
}

TEST_CASE("a statement that fails costs no connection", "[postgres][pooler]") {
    Kind kind;
    PostgresInbox inbox(kind.address());
    const PostgresUser database(kind.address());
    const auto connection = [&] {
        return database.text(
            "SELECT string_agg(pid::text, ' ') FROM pg_stat_activity "
            "WHERE application_name = 'pivotal-webhook'");
    };
    const std::string before = connection();
    database.run("ALTER TABLE pivotal_inbox RENAME TO elsewhere");
    CHECK_THROWS_AS(inbox.stats(), StoreError);  // in a transaction, as all are behind a pooler
    database.run("ALTER TABLE elsewhere RENAME TO pivotal_inbox");
    CHECK(inbox.stats().ready == 0);
    CHECK(connection() == before);
}

// ---- What the constructor says ----

TEST_CASE("what the table lacks is said by the constructor", "[postgres][opening]") {
    Kind kind;
    kind.store();
    kind.inbox();
    const PostgresUser database(kind.address());
    database.run("DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA " + kind.schema().name() +
                 " TO reader; GRANT SELECT ON pivotal_claims, pivotal_inbox TO reader");
    const std::string reader = kind.schema().address("", "reader");
    CHECK(error_of([&] { PostgresStore store(reader); }) ==
          "PostgreSQL: the role has no right to INSERT, UPDATE, DELETE in the table pivotal_claims; GRANT it");
    CHECK(error_of([&] { PostgresInbox inbox(reader); }) ==
          "PostgreSQL: the role has no right to INSERT, UPDATE, DELETE in the table pivotal_inbox; GRANT it");
    database.run("ALTER TABLE pivotal_claims DROP COLUMN owner; ALTER TABLE pivotal_inbox DROP COLUMN due_at CASCADE");
    CHECK(contains(error_of([&] { PostgresStore store(kind.address()); }), "pivotal_claims is another"));
    CHECK(contains(error_of([&] { PostgresStore store(kind.address()); }), "it has no column owner"));
    CHECK(contains(error_of([&] { PostgresInbox inbox(kind.address()); }), "it has no column due_at"));
}

TEST_CASE("a standby is refused by the constructor, and waited for by a store that was there before",
          "[postgres][opening]") {
    PostgresServer server({"wal_level=replica"});
    PostgresStore store(server.address());
    CHECK(store.claim("evt_1", "a", 1h) == Claim::granted);
    server.stop();
    const std::string signal = (server.folder() / "data" / "standby.signal").string();
    std::ofstream(signal) << "";
    server.start();
    CHECK(contains(error_of([&] { PostgresStore another(server.address()); }), "the server is a standby"));
    CHECK(contains(error_of([&] { PostgresInbox inbox(server.address()); }), "the server is a standby"));
    CHECK(contains(error_of([&] { store.complete("evt_1", "a"); }), "the server is a standby"));
    std::atomic<bool> completed{false};
    std::thread completing([&] { completed = store.complete("evt_1", "a"); });
    PostgresUser(server.address()).run("SELECT pg_promote()");
    completing.join();
    CHECK(completed);
    CHECK(error_of([&] {
              PostgresStore another(server.address() + " options='-c default_transaction_read_only=on'");
          }) == "PostgreSQL: transactions are read-only here (default_transaction_read_only)");
}

// ---- Connecting ----

TEST_CASE("of several hosts the first that can be reached is taken", "[postgres][opening]") {
    Kind kind;
    const auto stalled = kind.proxy(), good = kind.proxy();
    stalled->stall(true);
    const auto hosts = [&](const std::string& names, const std::string& ports) {
        return kind.address() + " host=" + names + " port=" + ports;
    };
    const std::string good_port = std::to_string(good->port()), stalled_port = std::to_string(stalled->port());
    for (const auto& [names, ports] :
         {std::pair{"127.0.0.1,127.0.0.1", std::to_string(support::free_port()) + "," + good_port},
          std::pair{"/no/such/folder,127.0.0.1", "5432," + good_port},
          std::pair{"127.0.0.1,127.0.0.1", stalled_port + "," + good_port}})
        CHECK(PostgresStore(hosts(names, ports)).claim("evt_1", "a", 1h) == Claim::granted);
    CHECK(good->connections() >= 3);
    // Lists with gaps.
    CHECK(PostgresStore(hosts("localhost,127.0.0.1", stalled_port + "," + good_port) + " hostaddr=127.0.0.1,")
              .claim("evt_1", "a", 1h) == Claim::granted);
    CHECK(PostgresStore(hosts("localhost,", stalled_port + "," + good_port) + " hostaddr=127.0.0.1,127.0.0.1")
              .claim("evt_1", "a", 1h) == Claim::granted);
    // Where a list has no port for a host it is 5432, as libpq has it.
    support::TemporaryFolder folder;
    std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
    const PostgresUser user(kind.address());
    const std::string socket = user.text("SELECT split_part(current_setting('unix_socket_directories'), ',', 1)") +
                               "/.s.PGSQL." + user.text("SHOW port");
    std::filesystem::create_symlink(socket, folder.path() / ".s.PGSQL.5432");
    CHECK(PostgresStore(hosts("127.0.0.1," + folder.path().string(), stalled_port + ",")).claim("evt_2", "a", 1h) ==
          Claim::granted);
}

TEST_CASE("the time to connect is the environment's or the service file's, too", "[postgres][opening]") {
    Kind kind;
    const auto proxy = kind.proxy();
    proxy->stall(true);
    const auto waited = [&](const std::string& more) {
        const auto start = std::chrono::steady_clock::now();
        CHECK(contains(error_of([&] { PostgresStore store(kind.address_of(*proxy) + more); }), "does not answer"));
        return std::chrono::steady_clock::now() - start;
    };
    CHECK(waited("") >= 1900ms);
    CHECK(waited(" connect_timeout=3") >= 2900ms);
    setenv("PGCONNECT_TIMEOUT", "3", 1);
    CHECK(waited("") >= 2900ms);
    unsetenv("PGCONNECT_TIMEOUT");
    support::TemporaryFolder folder;
    support::write_file(folder.file("services"), "[slow]\nconnect_timeout=3\n");
    setenv("PGSERVICEFILE", folder.file("services").c_str(), 1);
    CHECK(waited(" service=slow") >= 2900ms);
    unsetenv("PGSERVICEFILE");
}

// ---- Rows that somebody has locked ----

/// How many claims of others are granted, of events whose handlers run, while the rows of as many more are locked; and
/// whether the server or the machine was so late that they may be.
struct BesideALock {
    int taken = 0;
    bool late = false;
};
BesideALock beside_a_lock() {
    Kind kind;
    constexpr int events = 12, locked = 6;
    const auto store = kind.store(), others = kind.store();
    std::array<std::atomic<int>, events> runs{};
    std::atomic<int> inside{0};
    std::atomic<bool> end{false};
    pivotal::ReceiverOptions options;
    options.lease = 5s;
    pivotal::Receiver receiver(
        pivotal::Webhook(support::secret), store,
        [&](const Event& event) {
            ++runs[std::stoul(event.id)];
            ++inside;
            while (!end) std::this_thread::sleep_for(1ms);
        },
        options);
    std::vector<std::thread> delivering;
    for (int i = 0; i < events; ++i)
        delivering.emplace_back([&, i] {
            support::Message message;
            message.body = R"({"id":")" + std::to_string(i) + R"(","type":"customer.created"})";
            message.sign();
            (void)receiver.receive(message.body, {message.id, message.timestamp, message.signature}, support::now);
        });
    struct Joined {  // also where what follows throws
        std::atomic<bool>& end;
        std::vector<std::thread>& threads;
        ~Joined() {
            end = true;
            for (std::thread& thread : threads) thread.join();
        }
    } joined{end, delivering};
    wait_until("all handlers run", [&] { return inside == events; });
    const PostgresUser locking(kind.address());
    locking.run("BEGIN; SELECT FROM pivotal_claims WHERE event_id IN ('0', '1', '2', '3', '4', '5') FOR UPDATE");
    BesideALock found;
    const auto start = std::chrono::steady_clock::now();
    for (auto now = start; now - start < 12s;) {  // more than two leases
        for (int i = locked; i < events; ++i)
            if (others->claim(std::to_string(i), "another", 1h) != Claim::in_progress) ++found.taken;
        std::this_thread::sleep_for(20ms);
        const auto before = std::exchange(now, std::chrono::steady_clock::now());
        found.late |= now - before > 1s;
    }
    return found;
}

TEST_CASE("renewals that are stuck behind a lock delay no other", "[postgres][outage]") {
    BesideALock found;
    for (int tries = 0; tries < 3; ++tries)
        if (found = beside_a_lock(); !found.late) break;
    CHECK(found.taken == 0);
}

}  // namespace stores_postgres_connections
