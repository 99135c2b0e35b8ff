// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <pivotal/stores/postgres.hpp>

#include "agent.hpp"
#include "postgres_server.hpp"
#include "process.hpp"
#include "proxy.hpp"

namespace support {

inline std::shared_ptr<pivotal::IdempotencyStore> open_store(const std::string& address,
                                                             pivotal::StoreOptions options) {
    return std::make_shared<pivotal::PostgresStore>(address, std::move(options));
}

inline std::shared_ptr<pivotal::Inbox> open_inbox(const std::string& address, pivotal::StoreOptions options,
                                                  pivotal::InboxOptions inbox_options = {}) {
    return std::make_shared<pivotal::PostgresInbox>(address, std::move(options), inbox_options);
}

/// The server of all tests, started with the first.
inline PostgresServer& postgres() {
    static PostgresServer server;
    return server;
}

/// A schema of its own on a server.
class PostgresSchema {
public:
    explicit PostgresSchema(PostgresServer& server) : server_(server) {
        static int count = 0;
        name_ = "test_" + std::to_string(++count);
        PostgresUser(server_.address()).run("CREATE SCHEMA " + name_);
    }
    ~PostgresSchema() {
        try {
            PostgresUser(server_.address()).run("DROP SCHEMA " + name_ + " CASCADE");
        } catch (const std::exception&) {
            // The server is stopped: its files go with it.
        }
    }
    PostgresSchema(const PostgresSchema&) = delete;
    PostgresSchema& operator=(const PostgresSchema&) = delete;

    std::string address(const std::string& settings = {}, const std::string& user = "pivotal") const {
        return server_.address(user) + " options='-c search_path=" + name_ + settings + "'";
    }
    const std::string& name() const { return name_; }

private:
    PostgresServer& server_;
    std::string name_;
};

/// See memory.hpp.
class Kind {
public:
    static constexpr bool is_shared = true;
    static constexpr bool has_inbox = true;
    using Database = PostgresUser;

    explicit Kind(PostgresServer& server = postgres()) : schema_(server) {}

    std::shared_ptr<pivotal::IdempotencyStore> store(pivotal::StoreOptions options = {}) {
        return open_store(address(), std::move(options));
    }
    std::shared_ptr<pivotal::Inbox> inbox(pivotal::StoreOptions options = {},
                                          pivotal::InboxOptions inbox_options = {}) {
        return open_inbox(address(), std::move(options), inbox_options);
    }
    std::shared_ptr<pivotal::PostgresInbox> own_inbox() { return std::make_shared<pivotal::PostgresInbox>(address()); }
    std::string address() const { return schema_.address(); }
    const PostgresSchema& schema() const { return schema_; }
    static std::string schema_text() { return pivotal::PostgresInbox::schema(); }
    /// As another version of the library would have made it.
    void set_schema_version(const std::string& table, int version) const {
        PostgresUser(address()).run("COMMENT ON TABLE " + table + " IS 'pivotal-webhook schema " +
                                    std::to_string(version) + "'");
    }
    static std::string named(const std::string& table) { return "the table " + table; }
    /// What somebody sees of an event in a shell.
    std::string shown(const std::string& column, const std::string& event_id) const {
        return PostgresUser(address()).text("SELECT " + column +
                                            " FROM pivotal_inbox_text WHERE event_id = " + event_id);
    }
    static constexpr const char* nul_id = R"('a\000b')";
    static constexpr const char* nul_id_shown = R"(a\000b)";

    // For outages.cpp.
    static void stop_server() { postgres().stop(); }
    static void start_server() { postgres().start(); }
    static std::unique_ptr<Proxy> proxy() {
        return std::make_unique<Proxy>((postgres().folder() / ".s.PGSQL.5432").string());
    }
    std::string address_of(const Proxy& proxy) const {
        return address() + " host=127.0.0.1 port=" + std::to_string(proxy.port());
    }
    /// The server grants so many connections to who has this address.
    std::string address_with_connections(int most) {
        store();
        inbox();
        PostgresUser(address()).run("DROP ROLE IF EXISTS limited; CREATE ROLE limited LOGIN CONNECTION LIMIT " +
                                    std::to_string(most) + "; GRANT USAGE ON SCHEMA " + schema_.name() +
                                    " TO limited; GRANT ALL ON pivotal_claims, pivotal_inbox TO limited");
        return schema_.address("", "limited");
    }

    /// Adds so many completed ids, and some that have expired.
    void fill(int count) {
        store();
        const PostgresUser database(address());
        const auto add = [&](int rows, const char* expiry) {
            database.run(
                "INSERT INTO pivotal_claims SELECT 'default', 'evt_' || gen_random_uuid()::text::bytea, "
                "gen_random_uuid()::text::bytea, clock_timestamp(), clock_timestamp() + " +
                std::string(expiry) + " * interval '1 ms', true FROM generate_series(1, " + std::to_string(rows) +
                ") AS i");
        };
        add(count, "(3600000 + i)");
        add(1000, "-i");
    }

    /// What the inbox still has of an event's body.
    std::string stored_body(const std::string& event_id) const {
        return PostgresUser(address()).text("SELECT convert_from(body, 'UTF8') FROM pivotal_inbox WHERE event_id = '" +
                                            event_id + "'");
    }

    /// Adds events that are done: those with these numbers.
    void fill_inbox(int first, int last) {
        PostgresUser(address()).run(
            "ALTER TABLE pivotal_inbox SET UNLOGGED; "  // a log would be as large again
            "INSERT INTO pivotal_inbox (consumer, event_id, type, message_id, signed_at, received_at, state, "
            "attempt, due_at, ended_at, expires_at) SELECT 'default', ('evt_' || lpad(i::text, 9, '0'))::bytea, 't', "
            "'', 0, now(), 1, 1, now(), now(), now() + interval '7 days' FROM generate_series(" +
            std::to_string(first) + ", " + std::to_string(last) + ") AS i");
    }
    /// How many events are done and remembered.
    std::uint64_t done() const {
        return static_cast<std::uint64_t>(
            PostgresUser(address()).number("SELECT count(*) FROM pivotal_inbox WHERE state = 1"));
    }

private:
    PostgresSchema schema_;
};

/// What the inboxes that it opens ask for is counted, by the server.
class Counted : public Kind {
public:
    Counted() : Kind(server()) {}
    std::shared_ptr<pivotal::Inbox> inbox() { return open_inbox(schema().address("", "counted"), {}); }
    /// Statements so far.
    int statements() const { return sum("calls"); }
    /// Pages that were looked at so far.
    int cost() const { return sum("shared_blks_hit + shared_blks_read"); }

private:
    int sum(const std::string& what) const {
        return user_.number("SELECT coalesce(sum(" + what +
                            "), 0)::bigint FROM public.pg_stat_statements WHERE userid = 'counted'::regrole");
    }
    static PostgresServer& server() {
        static PostgresServer made({"shared_preload_libraries=pg_stat_statements"});
        static const bool prepared = [] {
            PostgresUser(made.address())
                .run("CREATE EXTENSION pg_stat_statements; CREATE ROLE counted SUPERUSER LOGIN");
            return true;
        }();
        (void)prepared;
        return made;
    }

    const PostgresUser user_{server().address()};
};

/// A primary, its standby, and an address that leads to one of them. For outages.cpp.
class Failover {
public:
    static constexpr bool has_inbox = true;

    std::shared_ptr<pivotal::IdempotencyStore> store() { return open_store(address(), {}); }
    std::shared_ptr<pivotal::Inbox> inbox() { return open_inbox(address(), {}); }
    /// The primary dies, when the standby has all that it was told.
    void stop_server() {
        PostgresUser(primary_.address()).run("CREATE TABLE last ()");
        const PostgresUser standby(standby_.address());
        wait_until("the standby has all",
                   [&] { return standby.number("SELECT count(*) FROM pg_class WHERE relname = 'last'") == 1; });
        primary_.crash();
    }
    /// The standby takes its place.
    void start_server() {
        proxy_.lead_to(socket_of(standby_));
        PostgresUser(standby_.address()).run("SELECT pg_promote()");
    }
    /// How many events are done and remembered, now that it has.
    std::uint64_t done() const {
        return static_cast<std::uint64_t>(
            PostgresUser(standby_.address()).number("SELECT count(*) FROM pivotal_inbox WHERE state = 1"));
    }

private:
    static std::string socket_of(const PostgresServer& server) { return (server.folder() / ".s.PGSQL.5432").string(); }
    std::string address() const {
        return "host=127.0.0.1 port=" + std::to_string(proxy_.port()) + " dbname=postgres user=pivotal";
    }

    PostgresServer primary_{PostgresServer::of_primary()};
    PostgresServer standby_{PostgresServer::Standby{primary_}};
    Proxy proxy_{socket_of(primary_)};
};

/// The store's clock is the server's; this server has one that the test sets.
class FakeClocked {
public:
    FakeClocked() { set(std::chrono::seconds(0)); }
    std::shared_ptr<pivotal::IdempotencyStore> store(pivotal::StoreOptions options = {}) {
        return open_store(schema_.address(), std::move(options));
    }
    std::shared_ptr<pivotal::Inbox> inbox(pivotal::StoreOptions options = {},
                                          pivotal::InboxOptions inbox_options = {}) {
        return open_inbox(schema_.address(), std::move(options), inbox_options);
    }
    void set(std::chrono::seconds ahead) { server().clock.set(ahead); }
    void stop_at(pivotal::Clock::time_point time) { server().clock.stop_at(time); }

private:
    struct Server {
        FakeClock clock;
        PostgresServer server{{"autovacuum=off"}, clock.environment()};
    };
    static Server& server() {
        static Server made;
        return made;
    }

    PostgresSchema schema_{server().server};
};

}  // namespace support
