// SPDX-License-Identifier: MIT

// What is Redis's own: URLs, passwords, keys and their expiry, replication, a Redis that is full.

#include "redis.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"

namespace stores_redis {

using namespace std::chrono_literals;
using namespace std::string_literals;
using pivotal::Claim;
using pivotal::RedisStore;
using pivotal::StoreError;
using pivotal::StoreOptions;
using pivotal::detail::RedisAddress;
using support::FakeClocked;
using support::Kind;
using support::RedisServer;

namespace {

/// The text of the StoreError that a first claim ends in, or of the constructor's.
std::string error_of(const std::string& url) {
    try {
        RedisStore(url).claim("evt_1", "a", 1h);
    } catch (const StoreError& error) {
        return error.what();
    }
    return "none";
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != text.npos;
}

}  // namespace

// ---- URLs ----

TEST_CASE("a URL says where Redis is", "[redis][url]") {
    const RedisAddress tcp("redis://db.internal");
    CHECK(tcp.host == "db.internal");
    CHECK(tcp.port == 6379);
    CHECK(tcp.database == 0);
    CHECK(tcp.user.empty());
    CHECK(tcp.password.empty());
    CHECK(tcp.name() == "db.internal:6379");

    const RedisAddress all("redis://me:p%40s%3as%2f%25@127.0.0.1:7000/15");
    CHECK(all.host == "127.0.0.1");
    CHECK(all.port == 7000);
    CHECK(all.database == 15);
    CHECK(all.user == "me");
    CHECK(all.password == "p@s:s/%");
    CHECK(all.name() == "127.0.0.1:7000");

    const RedisAddress raw("redis://:a@b:c@host:1/");
    CHECK(raw.password == "a@b:c");
    CHECK(raw.host == "host");
    CHECK(raw.port == 1);
    CHECK(RedisAddress("redis://:%00%Ff@host").password == "\0\xff"s);

    const RedisAddress ipv6("redis://[::1]:65535/2");
    CHECK(ipv6.host == "::1");
    CHECK(ipv6.port == 65535);
    CHECK(ipv6.name() == "[::1]:65535");
    CHECK(RedisAddress("redis://[fe80::1%25eth0]").port == 6379);

    const RedisAddress local("unix://:secret@/run/redis/a b.sock");
    CHECK(local.socket == "/run/redis/a b.sock");
    CHECK(local.password == "secret");
    CHECK(local.name() == "/run/redis/a b.sock");
}

TEST_CASE("a mistake in a URL is named without a byte of the URL", "[redis][url]") {
    const std::map<std::string, std::string> mistakes{
        {"", "no scheme that is known"},
        {"hunter2", "no scheme that is known"},
        {"hunter2:6379", "no scheme that is known"},
        {"REDIS://hunter2", "no scheme that is known"},
        {"rediss://:hunter2@host", "speaks no TLS"},
        {"redis://", "no host"},
        {"redis:///0", "no host"},
        {"redis://:hunter2@", "no host"},
        {"redis://:hunter2@:6379", "no host"},
        {"redis://hunter2@host", "a user but no password"},
        {"redis://hunter2:@host", "a user but no password"},
        {"redis://:hunter2%@host", "written %25"},
        {"redis://:hunter2%4@host", "written %25"},
        {"redis://:hunter2%zz@host", "written %25"},
        {"redis://host:", "port"},
        {"redis://host:0", "port"},
        {"redis://host:65536", "port"},
        {"redis://host:hunter2", "port"},
        {"redis://host:-1", "port"},
        {"redis://host:000001", "port"},
        {"redis://[::1", "no ]"},
        {"redis://[::1]hunter2", "port"},
        {"redis://[]:6379", "no host"},
        {"redis://:hunter/2@host", "port"},
        {"redis://host/hunter2", "database"},
        {"redis://host/-1", "database"},
        {"redis://host/1/", "database"},
        {"redis://host/0?password=hunter2", "database"},
        {"unix://", "no path of a socket"},
        {"unix:///", "no path of a socket"},
        {"unix://hunter2/socket", "no path of a socket"},
    };
    for (const auto& [url, expected] : mistakes) {
        INFO(url);
        std::string error = "none";
        try {
            RedisStore store(url);
        } catch (const StoreError& thrown) {
            error = thrown.what();
        }
        CHECK(contains(error, expected));
        CHECK_FALSE(contains(error, "hunter"));
    }
}

TEST_CASE("a store is made before its Redis", "[redis]") {
    CHECK(error_of("redis://127.0.0.1:1") == "Redis at 127.0.0.1:1: cannot connect: Connection refused");
    CHECK(contains(error_of("unix:///no/such/socket"), "Redis at /no/such/socket: cannot connect: No such file"));
    CHECK(contains(error_of("redis://no-such-host.invalid"), "Redis at no-such-host.invalid:6379: cannot connect"));
}

TEST_CASE("Redis is reached by a socket, and has databases", "[redis]") {
    RedisServer server;
    RedisStore by_socket("unix://" + server.socket()), by_port(server.url());
    CHECK(by_socket.claim("evt_1", "a", 1h) == Claim::granted);
    CHECK(by_port.claim("evt_1", "b", 1h) == Claim::in_progress);

    RedisStore other(server.url() + "/3");
    CHECK(other.claim("evt_1", "b", 1h) == Claim::granted);
    server.ask({"SELECT", "3"});
    CHECK(server.ask({"DBSIZE"}) == "1");
    CHECK(contains(error_of(server.url() + "/99"), "DB index is out of range"));
}

// ---- Passwords ----

TEST_CASE("a password is used, and never told", "[redis][password]") {
    const std::string password = "hunter2 '\"%";
    const std::string encoded = "hunter2%20'%22%25";
    RedisServer server({"--requirepass", password});
    const auto url = [&](const std::string& credentials) {
        return "redis://" + credentials + "@127.0.0.1:" + std::to_string(server.port());
    };
    CHECK(error_of(url(":" + encoded)) == "none");
    CHECK(error_of("unix://:" + encoded + "@" + server.socket()) == "none");
    std::string refused = "none";
    try {
        RedisStore without(server.url());
    } catch (const StoreError& error) {
        refused = error.what();
    }
    CHECK(contains(refused, "NOAUTH"));
    const std::string wrong = error_of(url(":hunter3"));
    CHECK(contains(wrong, "refuses the user and password of the URL: WRONGPASS"));
    CHECK_FALSE(contains(wrong, "hunter"));

    server.ask({"AUTH", password});
    server.ask({"ACL", "SETUSER", "receiver", "on", ">hunter4", "~pivotal:*", "-@all", "+evalsha", "+script|load",
                "+set", "+get", "+pttl", "+pexpire", "+del"});
    RedisStore least(url("receiver:hunter4"));
    CHECK(least.claim("evt_2", "a", 1h) == Claim::granted);
    CHECK(least.renew("evt_2", "a", 1h));
    CHECK(least.complete("evt_2", "a"));
    CHECK(least.forget("evt_2"));
    CHECK(least.claim("evt_2", "a", 1h) == Claim::granted);
    CHECK(least.release("evt_2", "a"));
    CHECK(contains(error_of(url("receiver:hunter5")), "WRONGPASS"));
}

TEST_CASE("a Redis that repeats what it does not know repeats no password", "[redis][password]") {
    RedisServer server({"--rename-command", "AUTH", ""});
    const std::string error = error_of("redis://me:hunter2@127.0.0.1:" + std::to_string(server.port()));
    CHECK(contains(error, "refuses the user and password of the URL: ERR"));
    CHECK_FALSE(contains(error, "hunter"));
}

TEST_CASE("an error of Redis's is one line of plain text", "[redis]") {
    RedisServer server({"--rename-command", "EVALSHA", ""});
    try {
        RedisStore(server.url()).renew("a\r\n\x1b[31m\xff", "b", 1h);
        FAIL("no error");
    } catch (const StoreError& error) {
        const std::string text = error.what();
        CHECK(contains(text, "unknown command"));
        CHECK(std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; }));
        CHECK(text.size() < 300);
    }
}

TEST_CASE("a reply of another kind is an error", "[redis]") {
    RedisServer server({"--rename-command", "EVALSHA", "", "--rename-command", "EXISTS", "EVALSHA"});
    try {
        RedisStore(server.url()).renew("evt_1", "a", 1h);
        FAIL("no error");
    } catch (const StoreError& error) {
        CHECK(contains(error.what(), "a reply that is no string"));
    }
}

// ---- Keys ----

TEST_CASE("a key names its consumer and expires with what it remembers", "[redis][keys]") {
    Kind kind;
    RedisServer& server = kind.server();
    const auto store = kind.store({"billing", 3600s});
    const auto time_left = [&](const std::string& key) { return std::stoll(server.ask({"PTTL", key})); };
    // Counted in milliseconds, of which one is left off and one is rounded.
    const auto check_time_left = [&](const std::function<void()>& work, std::int64_t expected) {
        const auto start = std::chrono::steady_clock::now();
        work();
        const std::int64_t left = time_left("pivotal:7:billing:evt_1");
        const auto took = std::chrono::steady_clock::now() - start;
        CHECK(left <= expected);
        CHECK(left >= expected - 3 - std::chrono::ceil<std::chrono::milliseconds>(took).count());
    };
    for (int i = 0; i < 3; ++i) {
        check_time_left([&] { store->claim("evt_1", "a", 60s); }, 3660000);
        check_time_left([&] { store->renew("evt_1", "a", 90s); }, 3690000);
        check_time_left([&] { store->complete("evt_1", "a"); }, 3600000);
        CHECK(server.ask({"KEYS", "*"}) == "pivotal:7:billing:evt_1\n");
        store->forget("evt_1");
    }
    store->claim("evt_1", "a", 60s);
    store->complete("evt_1", "a");
    store->claim("evt_2", "a", 60s);
    store->release("evt_2", "a");
    store->claim("evt_3", "a", 60s);
    store->forget("evt_3");
    CHECK(server.ask({"DBSIZE"}) == "1");

    server.ask({"SET", "pivotal:7:billing:evt_4", "another's"});
    CHECK_THROWS_AS(store->claim("evt_4", "a", 60s), StoreError);
    CHECK(store->claim("evt_5", "a", 60s) == Claim::granted);
}

TEST_CASE("what expires is unknown in the same millisecond", "[redis][keys]") {
    Kind kind;
    const auto store = kind.store({"default", 0s});
    for (int i = 0; i < 200; ++i) {
        const std::string id = std::to_string(i);
        CHECK(store->claim(id, "a", 1h) == Claim::granted);
        CHECK(store->complete(id, "a"));
        CHECK(store->claim(id, "b", 1h) == Claim::granted);
    }
}

TEST_CASE("what is no longer remembered leaves Redis by itself", "[redis][keys][clock]") {
    FakeClocked kind;
    const auto store = kind.store();
    for (int i = 0; i < 500; ++i) {
        const std::string id = std::to_string(i);
        store->claim(id, "a", 30s);
        if (i % 2) store->complete(id, "a");
    }
    CHECK(kind.server().ask({"DBSIZE"}) == "500");
    kind.set(168h + 60s);
    support::wait_until("the keys are gone", [&] { return kind.server().ask({"DBSIZE"}) == "0"; });
}

TEST_CASE("no number is written as Lua would write it", "[redis][keys][clock]") {
    FakeClocked kind;
    // The milliseconds around 2033-05-18 03:33:20 are 2e12.
    const auto now =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
    kind.set(2000000000s - now - 60s);
    const auto store = kind.store({"default", 60s});
    for (int i = 0; i < 200; ++i) {
        const std::string id = std::to_string(i);
        CHECK(store->claim(id, "a", std::chrono::milliseconds(60000 - i)) == Claim::granted);
        CHECK(store->claim(id, "b", 1h) == Claim::in_progress);
        CHECK(store->complete(id, "a"));
        CHECK(store->claim(id, "b", 1h) == Claim::duplicate);
    }
}

TEST_CASE("scripts that Redis was told to forget are loaded again", "[redis]") {
    Kind kind;
    const auto store = kind.store();
    for (int i = 0; i < 3; ++i) {
        const std::string id = std::to_string(i);
        CHECK(store->claim(id, "a", 1h) == Claim::granted);
        CHECK(store->complete(id, "a"));
        kind.server().ask({"SCRIPT", "FLUSH"});
    }
    CHECK(store->claim("0", "b", 1h) == Claim::duplicate);
}

// ---- Replication ----

TEST_CASE("a replica has what the primary has, and refuses to decide", "[redis][replica]") {
    RedisServer primary({"--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0"});
    RedisServer replica({"--replicaof", "127.0.0.1", std::to_string(primary.port())});
    RedisStore store(primary.url());
    support::wait_until("the replica follows", [&] {
        return contains(replica.ask({"INFO", "replication"}), "master_link_status:up");
    });
    store.claim("evt_1", "a", 60s);
    store.claim("evt_2", "a", 60s);
    store.complete("evt_2", "a");
    support::wait_until("the replica has both", [&] {
        return replica.ask({"GET", "pivotal:7:default:evt_1"}) == "604800000 a" &&
               replica.ask({"GET", "pivotal:7:default:evt_2"}) == " a";
    });
    for (const char* const id : {"evt_1", "evt_2"}) {
        const std::string key = "pivotal:7:default:"s + id;
        // By the record as it is kept, which has the absolute time of its expiry.
        CHECK(replica.ask({"DUMP", key}) == primary.ask({"DUMP", key}));
        const auto left = std::stoll(replica.ask({"PTTL", key}));
        CHECK(left > 0);
        CHECK(left <= 7 * 24 * 3600 * 1000LL + 60000);
    }
    CHECK(contains(error_of(replica.url()), "is a replica, which can only be read"));
    // After a failover, with all that was replicated.
    replica.ask({"REPLICAOF", "NO", "ONE"});
    CHECK(RedisStore(replica.url()).claim("evt_1", "b", 1h) == Claim::in_progress);
    CHECK(RedisStore(replica.url()).claim("evt_2", "b", 1h) == Claim::duplicate);
}

TEST_CASE("a primary that becomes a replica is waited for, and then is an error", "[redis][replica]") {
    RedisServer server;
    RedisStore store(server.url());
    CHECK(store.claim("evt_1", "a", 1h) == Claim::granted);
    server.ask({"REPLICAOF", "127.0.0.1", "1"});
    std::string error;
    try {
        store.complete("evt_1", "a");
    } catch (const StoreError& thrown) {
        error = thrown.what();
    }
    CHECK((contains(error, "READONLY") || contains(error, "is a replica")));
    std::atomic<bool> completed{false};
    std::thread completing([&] { completed = store.complete("evt_1", "a"); });
    server.ask({"REPLICAOF", "NO", "ONE"});
    completing.join();
    CHECK(completed);
}

// ---- A Redis that forgets ----

TEST_CASE("a Redis that can forget is refused, unless that is accepted", "[redis][settings]") {
    RedisServer server;
    const auto error = [&] { return error_of(server.url()); };
    CHECK(error() == "none");
    RedisStore earlier(server.url());
    server.ask({"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"});
    CHECK(contains(error(), "maxmemory-policy is allkeys-lru, which forgets events"));
    CHECK_NOTHROW(RedisStore(server.url(), {}, {true}));
    server.ask({"CONFIG", "SET", "maxmemory-policy", "noeviction"});
    server.ask({"CONFIG", "SET", "appendonly", "no"});
    CHECK(contains(error(), "appendonly is off, and a restart forgets events"));
    CHECK_NOTHROW(RedisStore(server.url(), {}, {true}));
    // Each connection looks, and not the first of a process alone.
    server.ask({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    CHECK_THROWS_AS(earlier.claim("evt_2", "a", 1h), StoreError);
}

// ---- A Redis that is full ----

TEST_CASE("without memory a claim is an error, and what was done is recorded still", "[redis][full]") {
    Kind kind;
    RedisServer& server = kind.server();
    const auto store = kind.store();
    for (const char* const id : {"evt_1", "evt_2", "evt_3"}) CHECK(store->claim(id, "a", 1h) == Claim::granted);
    CHECK(store->complete("evt_3", "a"));
    server.ask({"CONFIG", "SET", "maxmemory", "1"});
    const auto refused = [&](const std::string& id) {
        try {
            store->claim(id, "a", 1h);
        } catch (const StoreError& error) {
            return contains(error.what(), "OOM");
        }
        return false;
    };
    CHECK(refused("evt_4"));
    CHECK(store->complete("evt_1", "a"));
    CHECK(store->release("evt_2", "a"));
    CHECK(store->claim("evt_1", "b", 1h) == Claim::duplicate);
    CHECK(store->claim("evt_3", "b", 1h) == Claim::duplicate);
    CHECK(refused("evt_2"));
    server.ask({"CONFIG", "SET", "maxmemory", "0"});
    for (const char* const id : {"evt_2", "evt_4"}) CHECK(store->claim(id, "a", 1h) == Claim::granted);
    CHECK(server.ask({"DBSIZE"}) == "4");
}

TEST_CASE("a full disk is an error, and nothing that was stored is lost", "[redis][full]") {
    support::ProcessOptions small;
    small.largest_file = 1 << 18;
    RedisServer server({}, small);
    RedisStore store(server.url());
    std::vector<std::string> completed;
    std::string refused;
    for (int i = 0; refused.empty() && i < 100000; ++i) {
        const std::string id = "evt_" + std::to_string(i) + std::string(200, 'x');
        try {
            if (store.claim(id, "a", 1h) == Claim::granted && store.complete(id, "a")) completed.push_back(id);
        } catch (const StoreError&) {
            refused = id;
        }
    }
    REQUIRE_FALSE(refused.empty());
    REQUIRE(completed.size() > 10);
    CHECK_THROWS_AS(store.claim(refused, "a", 1h), StoreError);

    server.kill();
    server.options().largest_file = RLIM_INFINITY;
    server.start();
    CHECK(store.claim(refused, "a", 1h) == Claim::granted);
    CHECK(store.complete(refused, "a"));
    for (const std::string& id : completed) CHECK(store.claim(id, "b", 1h) == Claim::duplicate);
}

}  // namespace stores_redis
