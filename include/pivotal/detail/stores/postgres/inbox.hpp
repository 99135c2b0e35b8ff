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
#include <pivotal/detail/stores/postgres/connection.hpp>
#include <pivotal/detail/stores/postgres/pool.hpp>
#include <pivotal/inbox.hpp>

namespace pivotal {
inline namespace v1 {
namespace detail {

/// The statements of an inbox, each a transaction of its own.
///
/// `state + 0` is `state`, but keeps the partial indexes out of a statement that is to find its row by the key.
class PostgresInboxTable {
public:
    PostgresInboxTable(std::string conninfo, StoreOptions options, InboxOptions inbox_options)
        : consumer_(std::move(options.consumer)),
          retention_(store_time(options.retention)),
          keep_bodies_(inbox_options.keep_bodies),
          pool_(std::move(conninfo), "pivotal_inbox", schema) {}

    bool put(const Event& event, Body body) {
        // Of the same id what has expired is removed before the new one comes, of others behind it, so that
        // nobody who waits for a row holds another.
        return pool_
                   .run(
                       "WITH clock AS (SELECT clock_timestamp() AS now), expired AS ("
                       "  DELETE FROM pivotal_inbox WHERE consumer = $1 AND event_id = $2 AND state + 0 = 2"
                       "  AND expires_at <= clock_timestamp() RETURNING 1"
                       "), new AS (SELECT nextval('pivotal_inbox_seq') AS seq, count(*) FROM expired"
                       "), put AS ("
                       "  INSERT INTO pivotal_inbox AS known (seq, consumer, event_id, type, message_id, "
                       "    signed_at, received_at, state, attempt, body)"
                       "  SELECT seq, $1, $2, $3, $4, $5, now, 0, 0, $6 FROM new, clock"
                       "  ON CONFLICT (consumer, event_id) DO UPDATE SET"
                       "    state = 0, attempt = 0, owner = NULL, error = NULL, ended_at = NULL"
                       "  WHERE known.state = 3 RETURNING seq"
                       "), others AS ("
                       "  SELECT seq FROM pivotal_inbox WHERE consumer = $1 AND event_id <> $2 AND state = 2"
                       "  AND expires_at <= (SELECT now FROM clock) AND (SELECT count(*) FROM put) = 1"
                       "  ORDER BY expires_at LIMIT $7 FOR UPDATE SKIP LOCKED"
                       "), removed AS ("
                       "  DELETE FROM pivotal_inbox USING others WHERE pivotal_inbox.seq = others.seq"
                       ") SELECT 1 FROM put, new WHERE put.seq = new.seq",
                       consumer_, event.id, event.type, event.delivery.message_id,
                       std::int64_t{event.delivery.timestamp.time_since_epoch().count()}, body.view(),
                       std::int64_t{removals_per_claim})
                   .rows() == 1;
    }

    std::optional<Job> take(std::chrono::milliseconds lease) {
        const std::string owner = random_token();
        if (owner.empty()) throw StoreError("OpenSSL has no randomness for the owner of a lease");
        // More than one is looked at, since others may be taking them, and since of those that wait for a
        // time the first due need not be the oldest. `seq + 0`, or the planner may go through all events that
        // are remembered, in the order of the primary key, up to the first that is due.
        const PostgresResult row = pool_.run(
            "WITH clock AS (SELECT clock_timestamp() AS now), next AS ("
            "  SELECT seq FROM pivotal_inbox WHERE seq IN ("
            "    (SELECT seq FROM pivotal_inbox WHERE consumer = $1 AND state = 0 ORDER BY seq LIMIT 32)"
            "    UNION ALL"
            "    (SELECT seq FROM pivotal_inbox WHERE consumer = $1 AND state = 1"
            "     AND due_at <= (SELECT now FROM clock) ORDER BY due_at LIMIT 32))"
            "  AND (state = 0 OR state = 1 AND due_at <= (SELECT now FROM clock))"
            "  ORDER BY seq + 0 LIMIT 1 FOR UPDATE SKIP LOCKED"
            ") UPDATE pivotal_inbox AS job SET state = 1, attempt = attempt + 1, owner = $2, "
            "  due_at = clock_timestamp() + $3 * interval '1 ms' FROM next WHERE job.seq = next.seq "
            "RETURNING event_id, type, message_id, signed_at, attempt, body",
            consumer_, owner, store_time(lease));
        if (row.rows() == 0) return std::nullopt;
        Job job;
        job.body = row.bytes(0, 5);
        job.event =
            restored({row.bytes(0, 0), row.bytes(0, 1), row.bytes(0, 2), row.integer(0, 3)}, job.body);
        job.attempt = static_cast<int>(row.integer(0, 4));
        job.owner = owner;
        return job;
    }

    bool renew(const Job& job, std::chrono::milliseconds lease) {
        return change("SET due_at = clock_timestamp() + $4 * interval '1 ms'", "state + 0 = 1", job,
                      store_time(lease));
    }
    bool done(const Job& job) {
        return change(
            "SET state = 2, error = NULL, body = CASE WHEN $5 = 1 THEN body END, "
            "ended_at = CASE state WHEN 1 THEN clock_timestamp() ELSE ended_at END, expires_at = "
            "CASE state WHEN 1 THEN clock_timestamp() + $4 * interval '1 ms' ELSE expires_at END",
            "state IN (1, 2)", job, retention_, std::int64_t{keep_bodies_});
    }
    bool retry(const Job& job, std::chrono::milliseconds delay, std::string_view error) {
        return change("SET due_at = clock_timestamp() + $4 * interval '1 ms', error = $5, owner = NULL",
                      "state + 0 = 1", job, store_time(delay), error);
    }
    bool bury(const Job& job, std::string_view error) {
        return change(
            "SET state = 3, error = CASE state WHEN 1 THEN $4 ELSE error END, "
            "ended_at = CASE state WHEN 1 THEN clock_timestamp() ELSE ended_at END",
            "state IN (1, 3)", job, error);
    }

    std::vector<DeadJob> dead(std::size_t limit) {
        const PostgresResult rows = pool_.run(
            "SELECT event_id, type, message_id, signed_at, attempt, error, "
            "(extract(epoch FROM ended_at) * 1000)::bigint, body FROM pivotal_inbox "
            "WHERE consumer = $1 AND state = 3 ORDER BY ended_at, seq LIMIT $2",
            consumer_, static_cast<std::int64_t>(std::min(limit, std::size_t{INT32_MAX})));
        std::vector<DeadJob> jobs;
        for (int row = 0; row < rows.rows(); ++row) {
            DeadJob job;
            job.body = rows.bytes(row, 7);
            job.event = restored(
                {rows.bytes(row, 0), rows.bytes(row, 1), rows.bytes(row, 2), rows.integer(row, 3)}, job.body);
            job.attempts = static_cast<int>(rows.integer(row, 4));
            job.error = rows.bytes(row, 5);
            job.died = Clock::time_point(std::chrono::milliseconds(rows.integer(row, 6)));
            jobs.push_back(std::move(job));
        }
        return jobs;
    }

    bool revive(std::string_view event_id) {
        return pool_
            .run(
                "UPDATE pivotal_inbox SET state = 0, attempt = 0, owner = NULL, error = NULL, "
                "ended_at = NULL WHERE consumer = $1 AND event_id = $2 AND state + 0 = 3",
                consumer_, event_id)
            .changed_one();
    }

    InboxStats stats() {
        const PostgresResult row = pool_.run(
            "WITH clock AS (SELECT clock_timestamp() AS now), "
            "unfinished AS (SELECT received_at, state = 1 AND owner IS NOT NULL AND due_at > now AS running "
            "  FROM pivotal_inbox, clock WHERE consumer = $1 AND state IN (0, 1)) "
            "SELECT (SELECT count(*) FROM unfinished WHERE NOT running), "
            "(SELECT count(*) FROM unfinished WHERE running), "
            "(SELECT count(*) FROM pivotal_inbox WHERE consumer = $1 AND state = 2 AND expires_at > now), "
            "(SELECT count(*) FROM pivotal_inbox WHERE consumer = $1 AND state = 3), "
            "(SELECT coalesce(floor(extract(epoch FROM greatest(now - min(received_at), interval '0'))), "
            "  0)::bigint FROM unfinished WHERE NOT running) FROM clock",
            consumer_);
        const auto count = [&](int column) { return static_cast<std::uint64_t>(row.integer(0, column)); };
        return {count(0), count(1), count(2), count(3), std::chrono::seconds(row.integer(0, 4))};
    }

private:
    // state: 0 ready, ordered by seq. 1 waits for due_at: the end of its lease where it has an owner, of its
    // delay where it has none. 2 done, until expires_at. 3 dead since ended_at.
    static constexpr const char* schema =
        "CREATE SEQUENCE IF NOT EXISTS pivotal_inbox_seq;"
        "CREATE TABLE IF NOT EXISTS pivotal_inbox (seq bigint PRIMARY KEY, consumer bytea NOT NULL, "
        "event_id bytea NOT NULL, type bytea NOT NULL, message_id bytea NOT NULL, "
        "signed_at bigint NOT NULL, received_at timestamptz NOT NULL, state smallint NOT NULL, "
        "attempt bigint NOT NULL, owner bytea, due_at timestamptz, ended_at timestamptz, "
        "expires_at timestamptz, error bytea, body bytea, UNIQUE (consumer, event_id));"
        "CREATE INDEX IF NOT EXISTS pivotal_inbox_ready ON pivotal_inbox (consumer, seq) WHERE state = 0;"
        "CREATE INDEX IF NOT EXISTS pivotal_inbox_due ON pivotal_inbox (consumer, due_at) WHERE state = 1;"
        "CREATE INDEX IF NOT EXISTS pivotal_inbox_done ON pivotal_inbox (consumer, expires_at) WHERE state = 2;"
        "CREATE INDEX IF NOT EXISTS pivotal_inbox_dead ON pivotal_inbox (consumer, ended_at) WHERE state = 3";

    /// True: the job's owner had it in the state, and it is changed.
    template <class... Values>
    bool change(const char* set, const char* state, const Job& job, const Values&... values) {
        const std::string sql = std::string("UPDATE pivotal_inbox ") + set +
                                " WHERE consumer = $1 AND event_id = $2 AND owner = $3 AND " + state;
        return pool_.run(sql.c_str(), consumer_, job.event.id, job.owner, values...).changed_one();
    }

    const std::string consumer_;
    const StoreTime retention_;
    const bool keep_bodies_;
    PostgresPool pool_;
};

}  // namespace detail
}  // namespace v1
}  // namespace pivotal
