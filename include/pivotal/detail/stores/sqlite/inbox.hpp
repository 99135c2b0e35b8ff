// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pivotal/body.hpp>
#include <pivotal/detail/receiver/claim_record.hpp>
#include <pivotal/detail/receiver/random_token.hpp>
#include <pivotal/detail/receiver/stored_event.hpp>
#include <pivotal/detail/stores/sqlite/database.hpp>
#include <pivotal/inbox.hpp>

namespace pivotal {
inline namespace v1 {
namespace detail {

/// The statements of an inbox: each member is to be called in a transaction of its own.
class SqliteInboxTable {
public:
    // state: 0 ready, ordered by seq. 1 waits for due_at: the end of its lease where it has an owner, of its
    // delay where it has none. 2 done, until expires_at. 3 dead since ended_at. Bodies are apart, so that a
    // change of state does not write them again.
    static constexpr const char* schema =
        "CREATE TABLE IF NOT EXISTS pivotal_inbox (seq INTEGER PRIMARY KEY, consumer BLOB NOT NULL, "
        "event_id BLOB NOT NULL, type BLOB NOT NULL, message_id BLOB NOT NULL, signed_at INTEGER NOT NULL, "
        "received_at INTEGER NOT NULL, state INTEGER NOT NULL, attempt INTEGER NOT NULL, owner BLOB, "
        "due_at INTEGER, ended_at INTEGER, expires_at INTEGER, error BLOB, UNIQUE (consumer, event_id));"
        "CREATE TABLE IF NOT EXISTS pivotal_inbox_bodies (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);"
        "CREATE TRIGGER IF NOT EXISTS pivotal_inbox_drop_body AFTER DELETE ON pivotal_inbox "
        "BEGIN DELETE FROM pivotal_inbox_bodies WHERE seq = OLD.seq; END;"
        "CREATE INDEX IF NOT EXISTS pivotal_inbox_ready ON pivotal_inbox (consumer, seq) WHERE state = 0;"
        "CREATE INDEX IF NOT EXISTS pivotal_inbox_due ON pivotal_inbox (consumer, due_at) WHERE state = 1;"
        "CREATE INDEX IF NOT EXISTS pivotal_inbox_done ON pivotal_inbox (consumer, expires_at) WHERE state = 2;"
        "CREATE INDEX IF NOT EXISTS pivotal_inbox_dead ON pivotal_inbox (consumer, ended_at) WHERE state = 3";

    SqliteInboxTable(sqlite3* connection, StoreOptions options, InboxOptions inbox_options)
        : consumer_(std::move(options.consumer)),
          retention_(store_time(options.retention)),
          keep_bodies_(inbox_options.keep_bodies),
          select_(connection,
                  "SELECT state, expires_at FROM pivotal_inbox WHERE consumer = ? AND event_id = ?"),
          insert_(connection,
                  "INSERT INTO pivotal_inbox (consumer, event_id, type, message_id, signed_at, received_at, "
                  "state, attempt) VALUES (?, ?, ?, ?, ?, ?, 0, 0)"),
          insert_body_(connection,
                       "INSERT INTO pivotal_inbox_bodies (seq, body) VALUES (last_insert_rowid(), ?)"),
          remove_(connection, "DELETE FROM pivotal_inbox WHERE consumer = ? AND event_id = ?"),
          remove_expired_(
              connection,
              "DELETE FROM pivotal_inbox WHERE seq IN (SELECT seq FROM pivotal_inbox "
              "WHERE consumer = ? AND state = 2 AND expires_at <= ? ORDER BY expires_at LIMIT ?)"),
          wake_(connection,
                "UPDATE pivotal_inbox SET state = 0 WHERE seq IN (SELECT seq FROM pivotal_inbox "
                "WHERE consumer = ? AND state = 1 AND due_at <= ? ORDER BY due_at LIMIT 256)"),
          next_(
              connection,
              "SELECT seq, event_id, type, message_id, signed_at, attempt, body FROM pivotal_inbox "
              "LEFT JOIN pivotal_inbox_bodies USING (seq) WHERE consumer = ? AND state = 0 ORDER BY seq LIMIT 1"),
          lease_(
              connection,
              "UPDATE pivotal_inbox SET state = 1, attempt = attempt + 1, owner = ?, due_at = ? WHERE seq = ?"),
          renew_(connection,
                 "UPDATE pivotal_inbox SET state = 1, due_at = ? "
                 "WHERE consumer = ? AND event_id = ? AND owner = ? AND state IN (0, 1)"),
          done_(connection,
                "UPDATE pivotal_inbox SET state = 2, expires_at = ?, ended_at = ?, error = NULL "
                "WHERE consumer = ? AND event_id = ? AND owner = ? AND state IN (0, 1)"),
          drop_body_(connection,
                     "DELETE FROM pivotal_inbox_bodies WHERE seq = "
                     "(SELECT seq FROM pivotal_inbox WHERE consumer = ? AND event_id = ?)"),
          retry_(connection,
                 "UPDATE pivotal_inbox SET state = 1, due_at = ?, error = ?, owner = NULL "
                 "WHERE consumer = ? AND event_id = ? AND owner = ? AND state IN (0, 1)"),
          bury_(connection,
                "UPDATE pivotal_inbox SET state = 3, ended_at = ?, error = ? "
                "WHERE consumer = ? AND event_id = ? AND owner = ? AND state IN (0, 1)"),
          ended_(
              connection,
              "SELECT 1 FROM pivotal_inbox WHERE consumer = ? AND event_id = ? AND owner = ? AND state = ?"),
          revive_(
              connection,
              "UPDATE pivotal_inbox SET state = 0, attempt = 0, owner = NULL, error = NULL, ended_at = NULL "
              "WHERE consumer = ? AND event_id = ? AND state = 3"),
          dead_(connection,
                "SELECT event_id, type, message_id, signed_at, attempt, error, ended_at, body "
                "FROM pivotal_inbox LEFT JOIN pivotal_inbox_bodies USING (seq) "
                "WHERE consumer = ? AND state = 3 ORDER BY ended_at, seq LIMIT ?"),
          count_unfinished_(connection,
                            "SELECT count(*), total(state = 1 AND owner IS NOT NULL AND due_at > ?2), "
                            "min(CASE WHEN state = 0 OR owner IS NULL OR due_at <= ?2 THEN received_at END) "
                            "FROM (SELECT state, owner, due_at, received_at FROM pivotal_inbox "
                            "WHERE consumer = ?1 AND state = 0 UNION ALL "
                            "SELECT state, owner, due_at, received_at FROM pivotal_inbox "
                            "WHERE consumer = ?1 AND state = 1)"),
          count_done_(
              connection,
              "SELECT count(*) FROM pivotal_inbox WHERE consumer = ? AND state = 2 AND expires_at > ?"),
          count_dead_(connection, "SELECT count(*) FROM pivotal_inbox WHERE consumer = ? AND state = 3") {}

    bool put(const Event& event, Body body) {
        const StoreTime now = SqliteDatabase::now();
        {
            SqliteStatement::Run known(select_, consumer_, event.id);
            if (known.next()) {
                const std::int64_t state = known.integer(0);
                if (state != is_done || now < known.integer(1)) {
                    if (state == is_dead) revive(event.id);
                    return false;
                }
            }
        }
        remove_.execute(consumer_, event.id);
        remove_expired_.execute(consumer_, now, removals_per_claim);
        insert_.execute(consumer_, event.id, event.type, event.delivery.message_id,
                        std::int64_t{event.delivery.timestamp.time_since_epoch().count()}, now);
        insert_body_.execute(body.view());
        return true;
    }

    std::optional<Job> take(std::chrono::milliseconds lease) {
        const StoreTime now = SqliteDatabase::now();
        wake_.execute(consumer_, now);
        SqliteStatement::Run row(next_, consumer_);
        if (!row.next()) return std::nullopt;
        Job job;
        job.body = row.bytes(6);
        job.event = restored({row.bytes(1), row.bytes(2), row.bytes(3), row.integer(4)}, job.body);
        job.attempt = static_cast<int>(row.integer(5)) + 1;
        job.owner = random_token();
        if (job.owner.empty()) throw StoreError("OpenSSL has no randomness for the owner of a lease");
        lease_.execute(job.owner, now + store_time(lease), row.integer(0));
        return job;
    }

    bool renew(const Job& job, std::chrono::milliseconds lease) {
        const StoreTime until = SqliteDatabase::now() + store_time(lease);
        return renew_.execute(until, consumer_, job.event.id, job.owner) == 1;
    }

    bool done(const Job& job) {
        const StoreTime now = SqliteDatabase::now();
        if (done_.execute(now + retention_, now, consumer_, job.event.id, job.owner) == 0)
            return has_ended(job, is_done);
        if (!keep_bodies_) drop_body_.execute(consumer_, job.event.id);
        return true;
    }

    bool retry(const Job& job, std::chrono::milliseconds delay, std::string_view error) {
        const StoreTime due = SqliteDatabase::now() + store_time(delay);
        return retry_.execute(due, error, consumer_, job.event.id, job.owner) == 1;
    }

    bool bury(const Job& job, std::string_view error) {
        return bury_.execute(SqliteDatabase::now(), error, consumer_, job.event.id, job.owner) == 1 ||
               has_ended(job, is_dead);
    }

    std::vector<DeadJob> dead(std::size_t limit) {
        std::vector<DeadJob> jobs;
        const auto most = static_cast<std::int64_t>(std::min(limit, std::size_t{INT32_MAX}));
        SqliteStatement::Run row(dead_, consumer_, most);
        while (row.next()) {
            DeadJob job;
            job.body = row.bytes(7);
            job.event = restored({row.bytes(0), row.bytes(1), row.bytes(2), row.integer(3)}, job.body);
            job.attempts = static_cast<int>(row.integer(4));
            job.error = row.bytes(5);
            job.died = Clock::time_point(std::chrono::milliseconds(row.integer(6)));
            jobs.push_back(std::move(job));
        }
        return jobs;
    }

    bool revive(std::string_view event_id) { return revive_.execute(consumer_, event_id) == 1; }

    InboxStats stats() {
        const StoreTime now = SqliteDatabase::now();
        InboxStats stats;
        SqliteStatement::Run unfinished(count_unfinished_, consumer_, now);
        SqliteStatement::Run done(count_done_, consumer_, now);
        SqliteStatement::Run dead(count_dead_, consumer_);
        if (!unfinished.next() || !done.next() || !dead.next()) return stats;
        stats.running = static_cast<std::uint64_t>(unfinished.integer(1));
        stats.waiting = static_cast<std::uint64_t>(unfinished.integer(0)) - stats.running;
        stats.done = static_cast<std::uint64_t>(done.integer(0));
        stats.dead = static_cast<std::uint64_t>(dead.integer(0));
        if (stats.waiting > 0)
            stats.oldest = std::chrono::floor<std::chrono::seconds>(
                std::chrono::milliseconds(std::max(now - unfinished.integer(2), StoreTime{0})));
        return stats;
    }

private:
    static constexpr std::int64_t is_done = 2, is_dead = 3;

    /// Whether this owner has ended it so already.
    bool has_ended(const Job& job, std::int64_t state) {
        return SqliteStatement::Run(ended_, consumer_, job.event.id, job.owner, state).next();
    }

    const std::string consumer_;
    const StoreTime retention_;
    const bool keep_bodies_;
    const SqliteStatement select_, insert_, insert_body_, remove_, remove_expired_, wake_, next_, lease_,
        renew_, done_, drop_body_, retry_, bury_, ended_, revive_, dead_, count_unfinished_, count_done_,
        count_dead_;
};

}  // namespace detail
}  // namespace v1
}  // namespace pivotal
