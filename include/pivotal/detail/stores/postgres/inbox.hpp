// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pivotal/body.hpp>
#include <pivotal/detail/receiver/random_token.hpp>
#include <pivotal/detail/receiver/store_time.hpp>
#include <pivotal/detail/receiver/stored_event.hpp>
#include <pivotal/detail/stores/postgres/index_start.hpp>
#include <pivotal/detail/stores/postgres/listener.hpp>
#include <pivotal/detail/stores/postgres/pool.hpp>
#include <pivotal/detail/stores/postgres/result.hpp>
#include <pivotal/detail/stores/postgres/schema.hpp>
#include <pivotal/inbox.hpp>

namespace pivotal { inline namespace v1 { inline namespace PIVOTAL_DETAIL_JSON_ABI {

/// An Inbox in a PostgreSQL database, for any number of processes and machines; in its table `pivotal_inbox`.
///
/// What it is told is on the server's disk when it returns, but for `take` and `renew`. What PostgresStore says of
/// connections, times, errors and rights holds here too. Of two workers that take at once neither waits for the other. A
/// worker is woken by NOTIFY, on a connection of its own, where role and database grant more than a few.
class PostgresInbox final : public Inbox {
public:
    /// Connects.
    explicit PostgresInbox(std::string conninfo, StoreOptions options = {}, InboxOptions inbox_options = {})
        : consumer_(std::move(options.consumer)),
          retention_(detail::store_time(detail::checked(options).retention)),
          keep_bodies_(inbox_options.keep_bodies),
          pool_(std::move(conninfo), options, detail::postgres_inbox) {}

    bool put(const Event& event, Body body) override;
    std::optional<Job> take(std::chrono::milliseconds lease) override;
    bool renew(const Job& job, std::chrono::milliseconds lease) override;
    bool done(const Job& job) override;
    bool retry(const Job& job, std::chrono::milliseconds delay, std::string_view error) override {
        return put_back(job, delay, error, 0);
    }
    bool postpone(const Job& job, std::chrono::milliseconds delay, std::string_view reason) override {
        return put_back(job, delay, reason, 1);
    }
    bool bury(const Job& job, std::string_view error) override;
    std::vector<DeadJob> dead(std::size_t limit, std::string_view after = {}) override;
    bool requeue(std::string_view event_id) override;
    bool forget(std::string_view event_id) override;
    std::uint64_t purge(std::chrono::seconds older_than) override;
    InboxStats stats() override;

    /// `done` in the transaction that is open on a connection of yours to the same database: the effect that is in it
    /// happens exactly once. False: the lease is somebody else's. Roll back then, and where anything throws (StoreError;
    /// std::logic_error where no transaction is open, or one above READ COMMITTED, which a renewal of the lease would make
    /// fail), and let the handler throw. Thread safety is the connection's.
    bool complete_in(PGconn* connection, const Job& job);

    /// The statements that create all tables of this library in a PostgreSQL database, its own and those of
    /// PostgresStore, `mark_processed` and `mark_newest`: for whom StoreOptions::create_schema is false.
    static std::string schema() {
        return std::string(detail::postgres_claims.schema) + detail::postgres_inbox.schema + detail::postgres_marks +
               detail::postgres_newest;
    }

private:
    std::shared_ptr<void> listen(const Observer& observer) override {
        return std::make_shared<detail::PostgresListener>(
            pool_, consumer_, [this] { wake_workers(); }, observer);
    }
    void wake_all() {
        wake_workers();
        notifier_.notify(pool_, consumer_);
    }
    std::optional<Job> take(std::chrono::milliseconds lease, bool with_body);
    template <class Run> bool finish(const Job& job, const Run& run) const;
    bool put_back(const Job& job, std::chrono::milliseconds delay, std::string_view error, int less);
    std::string body_of(std::string_view event_id);
    void remove_expired() noexcept;

    const std::string consumer_;
    const detail::StoreTime retention_;
    const bool keep_bodies_;
    detail::PostgresPool pool_;
    detail::IndexStart due_start_, done_start_;
    std::atomic<unsigned> puts_{0};
    detail::PostgresNotifier notifier_;
};

// `state + 0` is `state`, but keeps the partial indexes out of a statement that is to find its row by the key.

inline bool PostgresInbox::put(const Event& event, Body body) {
    const detail::DueTime due(detail::DueTime::of_call());  // for all that is asked here
    // Whoever waits here for a row holds no other. A dead letter keeps its taken_at; what is new has none.
    const detail::PostgresResult row = pool_.run_repeatable(
        R"(INSERT INTO pivotal_inbox AS known
               (consumer, event_id, type, message_id, signed_at, received_at, state, attempt, due_at, body)
           VALUES ($1, $2, $3, $4, $5, clock_timestamp(), 0, 0, clock_timestamp(), $6)
           ON CONFLICT (consumer, event_id) DO UPDATE SET
               seq = EXCLUDED.seq, type = EXCLUDED.type, message_id = EXCLUDED.message_id,
               signed_at = EXCLUDED.signed_at, received_at = EXCLUDED.received_at, state = 0, attempt = 0,
               due_at = clock_timestamp(), owner = NULL, error = NULL, ended_at = NULL, expires_at = NULL,
               body = EXCLUDED.body, taken_at = CASE known.state WHEN 2 THEN known.taken_at END
           WHERE known.state = 2 OR known.state = 1 AND known.expires_at <= clock_timestamp()
           RETURNING taken_at IS NULL)",
        consumer_, event.id, event.type, event.delivery.message_id,
        std::int64_t{event.delivery.timestamp.time_since_epoch().count()}, body.view());
    const bool is_due = row.rows() == 1;
    if (is_due || row.is_repetition) wake_all();  // where the reply to a first try was lost it may be new
    if (!is_due || !row.integer(0, 0)) return false;
    if (++puts_ % 16 == 0) remove_expired();
    return true;
}

/// More than have come since, so that they go faster than they come.
inline void PostgresInbox::remove_expired() noexcept {
    try {
        const auto look = done_start_.begin();
        const detail::PostgresResult row = pool_.run(
            R"(WITH expired AS (
                   SELECT event_id FROM pivotal_inbox
                   WHERE consumer = $1 AND state = 1 AND expires_at <= (SELECT clock_timestamp())
                   AND expires_at >= timestamptz '2000-01-01 00:00Z' + $2 * interval '1 us'
                   ORDER BY expires_at LIMIT $3 FOR UPDATE SKIP LOCKED
               ), removed AS (
                   DELETE FROM pivotal_inbox AS old USING expired
                   WHERE old.consumer = $1 AND old.event_id = expired.event_id RETURNING old.expires_at
               ) SELECT coalesce(max(expires_at), clock_timestamp()), set_config('synchronous_commit', 'off', true)
                 FROM removed)",
            consumer_, look.from, std::int64_t{16} * detail::removals_per_claim);
        done_start_.found(look, row.integer(0, 0));
    } catch (const std::exception&) {
    }  // the event is stored; these go with a later one
}

inline std::optional<Job> PostgresInbox::take(std::chrono::milliseconds lease) {
    return detail::take_readable<detail::PostgresCorrupted>([&](bool with_body) { return take(lease, with_body); },
                                                            [&](const std::string& id) { return body_of(id); });
}

inline std::optional<Job> PostgresInbox::take(std::chrono::milliseconds lease, bool with_body) {
    Job job;
    job.owner = detail::random_token();
    const auto look = due_start_.begin();  // and see pause_after_lost_lease
    const detail::PostgresResult row = pool_.run(
        R"(WITH clock AS (SELECT clock_timestamp() AS now), next AS (
               SELECT event_id, due_at FROM pivotal_inbox
               WHERE consumer = $1 AND state = 0 AND due_at <= (SELECT now FROM clock)
               AND due_at >= timestamptz '2000-01-01 00:00Z' + $4 * interval '1 us'
               ORDER BY due_at, seq LIMIT 1 FOR UPDATE SKIP LOCKED
           ), taken AS (
               UPDATE pivotal_inbox AS job SET attempt = attempt + 1, owner = $2, taken_at = now,
                   lease_until = now + $3 * interval '1 ms',
                   due_at = now + ($3 + random() * least($3 * 2.0 ^ least(attempt, 30), $5)) * interval '1 ms'
               FROM next, clock WHERE job.consumer = $1 AND job.event_id = next.event_id
               RETURNING next.due_at, job.event_id, type, message_id, signed_at, attempt,
                   CASE WHEN $6 = 1 THEN body END AS body, set_config('synchronous_commit', 'off', true)
           ) SELECT coalesce(due_at, now), event_id, type, message_id, signed_at, attempt, body
             FROM clock LEFT JOIN taken ON true)",
        consumer_, job.owner, detail::store_time(lease), look.from, detail::longest_pause, with_body);
    due_start_.found(look, row.integer(0, 0));
    job.attempt = static_cast<int>(row.integer(0, 5));
    if (job.attempt == 0) return std::nullopt;
    job.body = row.bytes(0, 6);
    job.event = detail::restored(row.bytes(0, 1), row.bytes(0, 2), row.bytes(0, 3), row.integer(0, 4), job.body);
    job.message_id = job.event.delivery.message_id;
    return job;
}

inline std::string PostgresInbox::body_of(std::string_view event_id) {
    const detail::PostgresResult row = pool_.run_repeatable(
        "SELECT body FROM pivotal_inbox WHERE consumer = $1 AND event_id = $2", consumer_, event_id);
    return row.rows() == 1 ? row.bytes(0, 0) : std::string();
}

inline bool PostgresInbox::renew(const Job& job, std::chrono::milliseconds lease) {
    const detail::StoreTime length = detail::store_time(lease);
    return changed_one(pool_.run_repeatable(
        R"(UPDATE pivotal_inbox SET lease_until = clock_timestamp() + $4 * interval '1 ms',
               due_at = clock_timestamp() + ($4 + $5) * interval '1 ms'
           WHERE consumer = $1 AND event_id = $2 AND owner = $3 AND state + 0 = 0
           RETURNING set_config('synchronous_commit', 'off', true))",
        consumer_, job.event.id, job.owner, length, detail::pause_after_lost_lease(length, job.attempt)));
}

/// By `run`, which runs a statement.
template <class Run> bool PostgresInbox::finish(const Job& job, const Run& run) const {
    return changed_one(run(
        R"(UPDATE pivotal_inbox SET state = 1, error = NULL, body = CASE WHEN $5 = 1 THEN body END,
               ended_at = CASE state WHEN 0 THEN clock_timestamp() ELSE ended_at END, expires_at =
               CASE state WHEN 0 THEN clock_timestamp() + $4 * interval '1 ms' ELSE expires_at END
           WHERE consumer = $1 AND event_id = $2 AND owner = $3 AND state IN (0, 1))",
        consumer_, job.event.id, job.owner, retention_, keep_bodies_));
}

inline bool PostgresInbox::done(const Job& job) {
    return finish(job, [&](const auto&... all) { return pool_.run_repeatable(all...); });
}

inline bool PostgresInbox::complete_in(PGconn* connection, const Job& job) {
    detail::require_transaction(connection, "complete_in");
    if (!detail::run_in(connection, "SELECT current_setting('transaction_isolation') LIKE 'read%'").integer(0, 0))
        throw std::logic_error("pivotal: complete_in needs a transaction that is READ COMMITTED");
    return finish(job, [&](const auto&... all) { return detail::run_in(connection, all...); });
}

inline bool PostgresInbox::put_back(const Job& job, std::chrono::milliseconds delay, std::string_view error, int less) {
    return changed_one(pool_.run(
        R"(UPDATE pivotal_inbox SET due_at = clock_timestamp() + $4 * interval '1 ms', error = $5, owner = NULL,
               attempt = attempt - $6
           WHERE consumer = $1 AND event_id = $2 AND owner = $3 AND state + 0 = 0)",
        consumer_, job.event.id, job.owner, detail::store_time(delay), detail::stored_error(error), less));
}

inline bool PostgresInbox::bury(const Job& job, std::string_view error) {
    return changed_one(pool_.run_repeatable(
        R"(UPDATE pivotal_inbox SET state = 2, error = CASE state WHEN 0 THEN $4 ELSE error END,
               ended_at = CASE state WHEN 0 THEN date_trunc('milliseconds', clock_timestamp()) ELSE ended_at END
           WHERE consumer = $1 AND event_id = $2 AND owner = $3 AND state IN (0, 2))",
        consumer_, job.event.id, job.owner, detail::stored_error(error)));
}

inline std::vector<DeadJob> PostgresInbox::dead(std::size_t limit, std::string_view after) {
    std::int64_t after_time = 0, after_seq = 0;
    if (!after.empty()) {
        const detail::PostgresResult last = pool_.run_repeatable(
            "SELECT ended_at, seq FROM pivotal_inbox WHERE consumer = $1 AND event_id = $2 AND state + 0 = 2",
            consumer_, after);
        if (last.rows() == 0)
            throw StoreError("PostgreSQL: " + std::string(after) + " is no dead letter, to go on behind it");
        after_time = last.integer(0, 0);
        after_seq = last.integer(0, 1);
    }
    std::vector<DeadJob> jobs;
    const auto read = [&](bool with_bodies) {
        const detail::PostgresResult rows = pool_.run_long(
            R"(SELECT event_id, type, message_id, signed_at, attempt, error,
                   (extract(epoch FROM ended_at) * 1000)::bigint, CASE WHEN $5 = 1 THEN body END FROM pivotal_inbox
               WHERE consumer = $1 AND state = 2
               AND (ended_at, seq) > (timestamptz '2000-01-01 00:00Z' + $3 * interval '1 us', $4)
               ORDER BY ended_at, seq LIMIT $2)",
            consumer_, static_cast<std::int64_t>((std::min)(limit, std::size_t{INT32_MAX})), after_time, after_seq,
            with_bodies);
        for (int row = 0; row < rows.rows(); ++row) {
            std::string body = rows.bytes(row, 7);
            Event event = detail::restored(rows.bytes(row, 0), rows.bytes(row, 1), rows.bytes(row, 2),
                                           rows.integer(row, 3), body);
            const Clock::time_point died(std::chrono::milliseconds(rows.integer(row, 6)));
            jobs.push_back(
                {std::move(event), std::move(body), static_cast<int>(rows.integer(row, 4)), rows.bytes(row, 5), died});
        }
    };
    try {
        read(true);
    } catch (const detail::PostgresCorrupted&) {
        read(false);
        detail::restore_bodies<detail::PostgresCorrupted>(jobs, [&](const std::string& id) { return body_of(id); });
    }
    return jobs;
}

inline bool PostgresInbox::requeue(std::string_view event_id) {
    const detail::DueTime due(detail::DueTime::of_call());  // for all that is asked here
    const detail::PostgresResult row = pool_.run(
        R"(WITH known AS (
               SELECT body IS NULL AS dropped FROM pivotal_inbox
               WHERE consumer = $1 AND event_id = $2 AND CASE state
                   WHEN 0 THEN owner IS NULL OR lease_until <= clock_timestamp()
                   WHEN 1 THEN expires_at > clock_timestamp() ELSE true END FOR UPDATE
           ), due AS (
               UPDATE pivotal_inbox SET state = 0, attempt = 0, due_at = clock_timestamp(), owner = NULL,
                   error = NULL, ended_at = NULL, expires_at = NULL
               WHERE consumer = $1 AND event_id = $2 AND NOT (SELECT dropped FROM known)
           ) SELECT dropped FROM known)",
        consumer_, event_id);
    if (row.rows() == 0) return false;
    if (row.integer(0, 0))
        throw StoreError("PostgreSQL: the body of " + std::string(event_id) +
                         " was dropped when it was done: InboxOptions::keep_bodies keeps it");
    wake_all();
    return true;
}

inline bool PostgresInbox::forget(std::string_view event_id) {
    return changed_one(pool_.run(R"(DELETE FROM pivotal_inbox WHERE consumer = $1 AND event_id = $2
                     AND (state + 0 <> 1 OR expires_at > clock_timestamp()))",
                                 consumer_, event_id));
}

inline std::uint64_t PostgresInbox::purge(std::chrono::seconds older_than) {
    constexpr std::int64_t at_once = 10'000;  // so that no transaction is long, and one locked letter stops no other
    std::int64_t purged = 0, last = 0;
    for (std::int64_t more = at_once; more == at_once; purged += more) {
        const detail::PostgresResult row = pool_.run_long(
            R"(WITH purged AS (
                   DELETE FROM pivotal_inbox WHERE ctid = ANY (array(
                       SELECT ctid FROM pivotal_inbox WHERE consumer = $1 AND state = 2
                       AND ended_at <= (SELECT clock_timestamp()) - $2 * interval '1 ms'
                       AND ended_at >= timestamptz '2000-01-01 00:00Z' + $3 * interval '1 us'
                       ORDER BY ended_at LIMIT $4 FOR UPDATE SKIP LOCKED)) RETURNING ended_at
               ) SELECT count(*), max(ended_at) FROM purged)",
            consumer_, detail::store_time(older_than), last, at_once);
        more = row.integer(0, 0);
        last = row.integer(0, 1);
    }
    return static_cast<std::uint64_t>(purged);
}

inline InboxStats PostgresInbox::stats() {
    const detail::PostgresResult row = pool_.run_long(
        R"(WITH clock AS (SELECT clock_timestamp() AS now), job AS (
               SELECT event_id, now - due_at AS due, now - taken_at AS runs,
                   owner IS NOT NULL AND lease_until > now AS running
               FROM pivotal_inbox, clock WHERE consumer = $1 AND state = 0
           ) SELECT count(*) FILTER (WHERE NOT running AND due >= interval '0'),
               count(*) FILTER (WHERE NOT running AND due < interval '0'), count(*) FILTER (WHERE running),
               (SELECT count(*) FROM pivotal_inbox WHERE consumer = $1 AND state = 2),
               coalesce(extract(epoch FROM max(due) FILTER (WHERE NOT running AND due >= interval '0')) * 1000,
                   0)::bigint,
               greatest(extract(epoch FROM max(runs) FILTER (WHERE running)) * 1000, 0)::bigint,
               (SELECT event_id FROM job WHERE running ORDER BY runs DESC LIMIT 1)
           FROM job)",
        consumer_);
    const auto count = [&](int column) { return static_cast<std::uint64_t>(row.integer(0, column)); };
    const auto time = [&](int column) { return std::chrono::milliseconds(row.integer(0, column)); };
    return {count(0), count(1), count(2), count(3), time(4), time(5), row.bytes(0, 6)};
}

}}}  // namespace pivotal::v1::PIVOTAL_DETAIL_JSON_ABI
