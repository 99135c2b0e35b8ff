// SPDX-License-Identifier: MIT
#pragma once

// Needs hiredis 0.14 or later and its library, on a POSIX system; in CMake pivotal::redis.

#include <pivotal/detail/core/attributes.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include <pivotal/detail/receiver/store_time.hpp>
#include <pivotal/detail/stores/connection_pool.hpp>
#include <pivotal/detail/stores/redis/connection.hpp>
#include <pivotal/idempotency.hpp>

namespace pivotal { inline namespace v1 {

/// What a RedisStore can be told besides StoreOptions.
struct RedisOptions {
    /// Take a Redis that can forget what it was told, see RedisStore; its events may be handled again.
    bool may_forget = false;
};

/// An IdempotencyStore in Redis 5 or later, for all processes of all machines.
///
///     pivotal::RedisStore store("redis://:password@redis.internal:6379/0");
///
/// The URL is `redis://[user:password@]host[:port][/database]` or `unix://[user:password@]/path`; in the user and the
/// password any byte can be written %XX. There is no TLS. The constructor throws StoreError for a mistake in the URL and,
/// where Redis answers, for a wrong password, a replica and what is said below; where it does not it does no harm: a
/// service may start before its Redis. (In the 5 s that a call may last the look-up of the host's name is not counted.)
///
/// **What Redis must be told** to keep the promise of each event once. Each new connection looks at `appendonly` and
/// `maxmemory-policy`, where the user has the right to INFO, and is refused where they are not so, unless
/// RedisOptions::may_forget says otherwise. Nobody looks at `appendfsync`, which INFO does not tell:
/// - `appendonly yes` and `appendfsync always`: else what was completed in the last second or since the last
///   snapshot is forgotten in a crash, and such events are handled again when they come again;
/// - `maxmemory-policy noeviction`: else ids are forgotten when memory runs out. With it a full Redis refuses
///   new claims (StoreError) and still records what has been done;
/// - one primary, and no failover to a replica that may lack the latest writes, which replication sends after
///   the reply: an event that was completed in those would be handled again. Redis Cluster is not supported.
///
/// Each call is one command over one key, `pivotal:<size of consumer>:<consumer>:<event id>`, which expires when the
/// id is no longer remembered (about 200 bytes for each id): SET for an id that is new, else a Lua script. Time is the
/// clock of the machine of Redis: when that is set, leases and retention shift with it. Its user needs the commands
/// EVALSHA, SCRIPT LOAD, SET, GET, PTTL, PEXPIRE and DEL, where the URL has a database SELECT, and is better given INFO.
class RedisStore final : public IdempotencyStore {
public:
    /// Reads the URL and looks at the settings.
    explicit RedisStore(std::string_view url, StoreOptions options = {}, RedisOptions redis_options = {});

    Claim claim(std::string_view event_id, std::string_view owner, std::chrono::milliseconds lease) override;
    bool renew(std::string_view event_id, std::string_view owner, std::chrono::milliseconds lease) override;
    bool complete(std::string_view event_id, std::string_view owner) override;
    bool release(std::string_view event_id, std::string_view owner) override;
    bool forget(std::string_view event_id) override;

private:
    std::string run(std::string_view member, std::string_view event_id, std::string_view owner,
                    std::chrono::milliseconds lease = {});

    const std::string key_prefix_;
    const detail::StoreTime retention_;
    detail::ConnectionPool<detail::RedisConnection> pool_;
};

// ---- RedisStore ----

inline RedisStore::RedisStore(std::string_view url, StoreOptions options, RedisOptions redis_options)
    : key_prefix_("pivotal:" + std::to_string(options.consumer.size()) + ":" + options.consumer + ":"),
      retention_(detail::store_time(detail::checked(options).retention)),
      pool_(options.connections,
            [address = detail::RedisAddress(url), may_forget = redis_options.may_forget](detail::Deadline deadline) {
                return std::make_unique<detail::RedisConnection>(address, deadline, may_forget);
            }) {
    try {
        pool_.add(pool_.make(detail::DueTime::of_call(std::chrono::seconds(2))));
    } catch (const detail::TryAgain&) {  // it may come later
    }
}

/// What the script answers.
inline std::string RedisStore::run(std::string_view member, std::string_view event_id, std::string_view owner,
                                   std::chrono::milliseconds lease) {
    const std::string key = key_prefix_ + std::string(event_id);
    const std::string time = std::to_string(detail::store_time(lease)), retention = std::to_string(retention_);
    // Had the first one been done, the second would say no.
    const bool repeatable = member != "release" && member != "forget";
    return pool_.use(repeatable, [&](detail::RedisConnection& connection, detail::Deadline deadline) {
        return connection.run({key, member, owner, time, retention}, deadline);
    });
}

inline Claim RedisStore::claim(std::string_view event_id, std::string_view owner, std::chrono::milliseconds lease) {
    const detail::DueTime due(detail::DueTime::of_call());  // for all that is asked here
    const std::string key = key_prefix_ + std::string(event_id),
                      value = std::to_string(retention_) + " " + std::string(owner);
    const std::string life = std::to_string(detail::store_time(lease) + retention_);
    const auto set = [&](detail::RedisConnection& connection, detail::Deadline deadline) {
        return connection.set_new(key, value, life, deadline);
    };
    if (life != "0" && pool_.use(true, set)) return Claim::granted;  // Redis takes no 0
    const std::string answer = run("claim", event_id, owner, lease);
    return answer == "granted" ? Claim::granted : answer == "duplicate" ? Claim::duplicate : Claim::in_progress;
}

inline bool RedisStore::renew(std::string_view event_id, std::string_view owner, std::chrono::milliseconds lease) {
    return run("renew", event_id, owner, lease) == "yes";
}

inline bool RedisStore::complete(std::string_view event_id, std::string_view owner) {
    return run("complete", event_id, owner) == "yes";
}

inline bool RedisStore::release(std::string_view event_id, std::string_view owner) {
    return run("release", event_id, owner) == "yes";
}

inline bool RedisStore::forget(std::string_view event_id) {
    return run("forget", event_id, {}) == "yes";
}

}}  // namespace pivotal::v1
