// SPDX-License-Identifier: MIT
#pragma once

// Needs libpq and a PostgreSQL server, 12 or later; in CMake pivotal::postgres.

#include <pivotal/detail/core/attributes.hpp>

#include <atomic>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include <libpq-fe.h>

#include <pivotal/detail/receiver/instant.hpp>
#include <pivotal/detail/receiver/store_time.hpp>
#include <pivotal/detail/stores/postgres/inbox.hpp>  // PostgresInbox
#include <pivotal/detail/stores/postgres/index_start.hpp>
#include <pivotal/detail/stores/postgres/pool.hpp>
#include <pivotal/detail/stores/postgres/result.hpp>
#include <pivotal/detail/stores/postgres/schema.hpp>
#include <pivotal/idempotency.hpp>

namespace pivotal { inline namespace v1 { inline namespace PIVOTAL_DETAIL_JSON_ABI {

/// An IdempotencyStore in a PostgreSQL database, for any number of processes and machines.
///
///     PostgresStore store("host=db.example dbname=app user=app");   // a URI is as good
///
/// What was claimed or completed is on the server's disk when the call returns: synchronous_commit is turned
/// on where it is off. A failover to a standby that is not synchronous can forget the last of it, and those
/// events may be handled again. Time is the server's clock: the machines' own do not matter.
///
/// Of an inbox `dead`, `purge` and `stats` may take a minute, and `purge` that for each 10,000 dead letters; all else is
/// over in 5 s, in which the look-up of a host's name is not counted. Opening a connection may take 2 s, or what
/// connect_timeout says, for each of several hosts; of one host's addresses those behind one that does not answer are
/// not tried. Between processes and the server there may be a PgBouncer, in session mode or in transaction mode: no
/// setting of ours is left to its other clients. A call is faster without, since its statement is then prepared.
///
/// The constructor connects, and creates the table `pivotal_claims` where the search path has none; then the role needs
/// the right to. It throws StoreError, also where the server is a standby, or the table lacks a column or the role a
/// right; the text never has the password in it.
class PostgresStore final : public IdempotencyStore {
public:
    /// `conninfo` is libpq's connection string, or a URI. The environment (PGHOST, PGPASSWORD, ...), the
    /// service file and the password file count as ever.
    explicit PostgresStore(std::string conninfo, StoreOptions options = {})
        : consumer_(std::move(options.consumer)),
          retention_(detail::store_time(detail::checked(options).retention)),
          pool_(std::move(conninfo), options, detail::postgres_claims) {}

    Claim claim(std::string_view event_id, std::string_view owner, std::chrono::milliseconds lease) override;
    bool renew(std::string_view event_id, std::string_view owner, std::chrono::milliseconds lease) override;
    bool complete(std::string_view event_id, std::string_view owner) override;
    bool release(std::string_view event_id, std::string_view owner) override;
    bool forget(std::string_view event_id) override;

private:
    static constexpr int claims_per_removal = 16;  // of ids that have expired: for so many claims at once

    void remove_some_expired();

    const std::string consumer_;
    const detail::StoreTime retention_;
    detail::PostgresPool pool_;
    std::atomic<unsigned> granted_{0};
    detail::IndexStart expired_start_;
};

/// Marks an event as processed in the transaction that is open on `connection`, as the function of this name in
/// <pivotal/stores/sqlite.hpp> does, whose example, results and errors are those of this one.
///
/// Where another transaction has marked the event and is still open, this waits for its end, as long as the
/// connection's own settings allow; above READ COMMITTED, a mark that it has made in the meantime is a StoreError: begin
/// again. Marks that have expired are removed by others, but for those that are made above READ COMMITTED. The table is created where the
/// search path has none. The effect is as durable as your transaction is: that is
/// your connection's `synchronous_commit`.
bool mark_processed(PGconn* connection, std::string_view event_id, const StoreOptions& options = {});

/// Whether nothing newer was applied for `key`, as `mark_newest` in <pivotal/stores/sqlite.hpp> says. What
/// `mark_processed` says of other transactions and of the table holds here too.
bool mark_newest(PGconn* connection, std::string_view key, std::string_view created_at,
                 const StoreOptions& options = {});

// ---- PostgresStore ----

inline Claim PostgresStore::claim(std::string_view event_id, std::string_view owner, std::chrono::milliseconds lease) {
    const detail::DueTime due(detail::DueTime::of_call());  // for all that is asked here
    for (int attempt = 1;; ++attempt) {
        // What is held or done is not even locked: whoever waits for its end asks often.
        const bool granted = changed_one(pool_.run_repeatable(
            R"(INSERT INTO pivotal_claims AS known (consumer, event_id, owner, lease_until, expires_at, done)
               SELECT $1, $2, $3, now + $4 * interval '1 ms', now + ($4 + $5) * interval '1 ms', false
               FROM (SELECT clock_timestamp() AS now) AS clock
               WHERE NOT EXISTS (SELECT FROM pivotal_claims WHERE consumer = $1 AND event_id = $2
                                 AND expires_at > now AND (done OR owner <> $3 AND lease_until > now))
               ON CONFLICT (consumer, event_id) DO UPDATE
               SET owner = EXCLUDED.owner, lease_until = EXCLUDED.lease_until,
                   expires_at = EXCLUDED.expires_at, done = false
               WHERE known.expires_at <= clock_timestamp() OR NOT known.done
                 AND (known.owner = EXCLUDED.owner OR known.lease_until <= clock_timestamp()))",
            consumer_, event_id, owner, detail::store_time(lease), retention_));
        if (granted) {
            if (granted_++ % claims_per_removal == 0) remove_some_expired();
            return Claim::granted;
        }
        const detail::PostgresResult known = pool_.run_repeatable(
            R"(SELECT done FROM pivotal_claims WHERE consumer = $1 AND event_id = $2
               AND expires_at > clock_timestamp() AND (done OR owner <> $3 AND lease_until > clock_timestamp()))",
            consumer_, event_id, owner);
        if (known.rows() == 1) return known.integer(0, 0) ? Claim::duplicate : Claim::in_progress;
        if (attempt == 3) return Claim::in_progress;  // it ends and begins faster than we can look
    }
}

/// Apart from the claim, which it must not make fail or wait.
inline void PostgresStore::remove_some_expired() {
    try {
        const auto look = expired_start_.begin();
        const detail::PostgresResult row = pool_.run(
            R"(WITH removed AS (
                   DELETE FROM pivotal_claims USING (
                       SELECT consumer, event_id FROM pivotal_claims WHERE expires_at <= (SELECT clock_timestamp())
                       AND expires_at >= timestamptz '2000-01-01 00:00Z' + $2 * interval '1 us'
                       ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED) AS expired
                   WHERE (pivotal_claims.consumer, pivotal_claims.event_id) = (expired.consumer, expired.event_id)
                   RETURNING expires_at
               ) SELECT coalesce(max(expires_at), clock_timestamp()) FROM removed)",
            claims_per_removal * detail::removals_per_claim, look.from);
        expired_start_.found(look, row.integer(0, 0));
    } catch (const StoreError&) {  // the next time, then
    }
}

inline bool PostgresStore::renew(std::string_view event_id, std::string_view owner, std::chrono::milliseconds lease) {
    return changed_one(pool_.run_repeatable(
        R"(UPDATE pivotal_claims SET lease_until = clock_timestamp() + $4 * interval '1 ms',
               expires_at = clock_timestamp() + ($4 + $5) * interval '1 ms'
           WHERE consumer = $1 AND event_id = $2 AND owner = $3 AND NOT done AND expires_at > clock_timestamp())",
        consumer_, event_id, owner, detail::store_time(lease), retention_));
}

inline bool PostgresStore::complete(std::string_view event_id, std::string_view owner) {
    return changed_one(pool_.run_repeatable(
        R"(UPDATE pivotal_claims SET done = true,
               expires_at = CASE WHEN done THEN expires_at ELSE clock_timestamp() + $4 * interval '1 ms' END
           WHERE consumer = $1 AND event_id = $2 AND owner = $3 AND expires_at > clock_timestamp())",
        consumer_, event_id, owner, retention_));
}

inline bool PostgresStore::release(std::string_view event_id, std::string_view owner) {
    return changed_one(pool_.run(
        R"(DELETE FROM pivotal_claims
           WHERE consumer = $1 AND event_id = $2 AND owner = $3 AND NOT done AND expires_at > clock_timestamp())",
        consumer_, event_id, owner));
}

inline bool PostgresStore::forget(std::string_view event_id) {
    return changed_one(
        pool_.run("DELETE FROM pivotal_claims WHERE consumer = $1 AND event_id = $2 AND expires_at > clock_timestamp()",
                  consumer_, event_id));
}

// ---- mark_processed, mark_newest ----

inline bool mark_processed(PGconn* connection, std::string_view event_id, const StoreOptions& options) {
    detail::require_transaction(connection, "mark_processed");
    detail::create_missing(connection, "pivotal_processed", detail::postgres_marks, options);
    // What is marked already is not even locked. Others that have expired are removed behind one mark of sixteen, drawn, and
    // not above READ COMMITTED, where whoever else has removed them would make this transaction fail.
    const detail::PostgresResult mark = detail::run_in(
        connection,
        R"(WITH mark AS (
               INSERT INTO pivotal_processed AS known (consumer, event_id, expires_at)
               SELECT $1, $2, now + $3 * interval '1 ms' FROM (SELECT clock_timestamp() AS now) AS clock
               WHERE NOT EXISTS (SELECT FROM pivotal_processed
                                 WHERE consumer = $1 AND event_id = $2 AND expires_at > now)
               ON CONFLICT (consumer, event_id) DO UPDATE SET expires_at = EXCLUDED.expires_at
               WHERE known.expires_at <= clock_timestamp() RETURNING 1
           ), others AS (
               SELECT consumer, event_id FROM pivotal_processed
               WHERE expires_at <= (SELECT clock_timestamp()) AND (consumer, event_id) <> ($1, $2)
               AND (SELECT count(*) FROM mark) = 1
               AND current_setting('transaction_isolation') LIKE 'read%'
               ORDER BY expires_at LIMIT CASE WHEN random() < 1 / 16.0 THEN 16 * $4 ELSE 0 END FOR UPDATE SKIP LOCKED
           ), removed AS (
               DELETE FROM pivotal_processed AS old USING others
               WHERE (old.consumer, old.event_id) = (others.consumer, others.event_id)
           ) SELECT 1 FROM mark)",
        options.consumer, event_id, detail::store_time(detail::checked(options).retention), detail::removals_per_claim);
    return mark.rows() == 1;
}

inline bool mark_newest(PGconn* connection, std::string_view key, std::string_view created_at,
                        const StoreOptions& options) {
    const std::string instant = detail::instant(created_at);
    detail::require_transaction(connection, "mark_newest");
    detail::create_missing(connection, "pivotal_newest", detail::postgres_newest, options);
    return changed_one(detail::run_in(connection, R"(
        INSERT INTO pivotal_newest AS known (consumer, key, created_at) VALUES ($1, $2, $3)
        ON CONFLICT (consumer, key) DO UPDATE SET created_at = EXCLUDED.created_at
        WHERE EXCLUDED.created_at >= known.created_at)",
                                      options.consumer, key, instant));
}

}}}  // namespace pivotal::v1::PIVOTAL_DETAIL_JSON_ABI
