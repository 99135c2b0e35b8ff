// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include <pivotal/stores/redis.hpp>

#include "agent.hpp"
#include "process.hpp"
#include "proxy.hpp"
#include "redis_server.hpp"

namespace support {

inline std::shared_ptr<pivotal::IdempotencyStore> open_store(const std::string& address,
                                                             pivotal::StoreOptions options) {
    return std::make_shared<pivotal::RedisStore>(address, std::move(options));
}
inline std::shared_ptr<pivotal::Inbox> open_inbox(const std::string&, const pivotal::StoreOptions&,
                                                  const pivotal::InboxOptions& = {}) {
    fail("Redis has no inbox");
}

/// See memory.hpp.
class Kind {
public:
    static constexpr bool is_shared = true;
    static constexpr bool has_inbox = false;

    std::shared_ptr<pivotal::IdempotencyStore> store(pivotal::StoreOptions options = {}) {
        return open_store(address(), std::move(options));
    }
    std::string address() const { return server_.url(); }
    RedisServer& server() { return server_; }

    // For outages.cpp.
    void stop_server() { server_.process().stop(); }
    void start_server() { server_.start(); }
    std::unique_ptr<Proxy> proxy() { return std::make_unique<Proxy>(server_.port()); }
    static std::string address_of(const Proxy& proxy) { return "redis://127.0.0.1:" + std::to_string(proxy.port()); }
    /// The server grants so many connections to who has this address.
    std::string address_with_connections(int most) {
        server_.ask({"CONFIG", "SET", "maxclients", std::to_string(most + 1)});  // one is the test's
        return address();
    }

    /// Adds so many completed ids.
    void fill(int count) {
        server_.ask({"CONFIG", "SET", "appendonly", "no"});
        const std::string script =
            "local expiry = redis.call('TIME')[1] * 1000 + 3600000 "
            "for i = ARGV[1], ARGV[2] do "
            "local key = string.format('pivotal:7:default:evt_%024x', i + ARGV[3]) "
            "redis.call('SET', key, string.format(' %032x', i)) "
            "redis.call('PEXPIREAT', key, string.format('%.0f', expiry + i)) end";
        constexpr int step = 10000;
        for (int first = 1; first <= count; first += step)
            server_.ask({"EVAL", script, "0", std::to_string(first), std::to_string(std::min(count, first + step - 1)),
                         std::to_string(filled_)});
        filled_ += count;
        server_.ask({"CONFIG", "SET", "appendonly", "yes"});
        wait_until("all is written", [&] {
            const std::string state = server_.ask({"INFO", "persistence"});
            return state.find("aof_rewrite_in_progress:0") != state.npos &&
                   state.find("aof_rewrite_scheduled:0") != state.npos;
        });
    }

private:
    RedisServer server_;
    int filled_ = 0;
};

/// A primary, its replica, and an address that leads to one of them. For outages.cpp.
class Failover {
public:
    static constexpr bool has_inbox = false;

    Failover() {
        wait_until("the replica follows", [&] {
            return replica_.ask({"INFO", "replication"}).find("master_link_status:up") != std::string::npos;
        });
    }
    std::shared_ptr<pivotal::IdempotencyStore> store() { return open_store(Kind::address_of(proxy_), {}); }
    /// The primary dies, when the replica has all that it was told.
    void stop_server() {
        primary_.ask({"SET", "last", "x"});
        wait_until("the replica has all", [&] { return primary_.ask({"WAIT", "1", "100"}) == "1"; });
        primary_.kill();
    }
    /// The replica takes its place.
    void start_server() {
        proxy_.lead_to(replica_.socket());
        replica_.ask({"REPLICAOF", "NO", "ONE"});
    }

private:
    RedisServer primary_{{"--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0"}};
    RedisServer replica_{{"--replicaof", "127.0.0.1", std::to_string(primary_.port())}};
    Proxy proxy_{primary_.socket()};
};

/// The store's clock is the server's.
class FakeClocked {
public:
    std::shared_ptr<pivotal::IdempotencyStore> store(pivotal::StoreOptions options = {}) {
        return open_store(server_.url(), std::move(options));
    }
    void set(std::chrono::seconds ahead) {
        const std::int64_t seconds = ahead.count();
        std::fstream file(file_, std::ios::in | std::ios::out | std::ios::binary);
        file.write(reinterpret_cast<const char*>(&seconds), sizeof seconds);
        file.close();
        // Valkey reads its clock less often than it is asked for the time.
        wait_until("the server's clock is set", [&] {
            const std::int64_t expected = std::time(nullptr) + seconds;
            return std::abs(std::stoll(server_.ask({"TIME"})) - expected) <= 1;
        });
    }
    RedisServer& server() { return server_; }

private:
    ProcessOptions with_clock() {
        std::ofstream(file_) << std::string(sizeof(std::int64_t), '\0');
        ProcessOptions options;
        options.environment = {"LD_PRELOAD=" PIVOTAL_TEST_CLOCK, "PIVOTAL_TEST_CLOCK=" + file_};
        return options;
    }

    TemporaryFolder folder_;
    std::string file_ = folder_.file("clock");
    RedisServer server_{{}, with_clock()};
};

}  // namespace support
