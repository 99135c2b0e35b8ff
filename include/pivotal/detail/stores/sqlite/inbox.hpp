// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <pivotal/body.hpp>
#include <pivotal/detail/core/attributes.hpp>
#include <pivotal/detail/receiver/random_token.hpp>
#include <pivotal/detail/receiver/store_time.hpp>
#include <pivotal/detail/receiver/stored_event.hpp>
#include <pivotal/detail/receiver/wakeups.hpp>
#include <pivotal/detail/stores/sqlite/database.hpp>
#include <pivotal/detail/stores/sqlite/schema.hpp>
#include <pivotal/inbox.hpp>

namespace pivotal { inline namespace v1 {

namespace detail {

/// Those of this process (on Windows, of this module) who wait for something to be due in a SQLite file, by the name that
/// SQLite has for it. Never destroyed: an inbox that outlives main may still be put to.
PIVOTAL_DETAIL_EXPORTED inline Wakeups& sqlite_wakeups() {
    static auto* const all = new Wakeups;
    return *all;
}

}  // namespace detail

inline namespace PIVOTAL_DETAIL_JSON_ABI {

/// An Inbox in a SQLite file, for all processes of one machine; in its tables `pivotal_inbox` and
/// `pivotal_inbox_bodies`.
///
/// What it is told is on the disk when it returns, but for `take` and `renew`. What SqliteStore says of the file, of
/// locks and of time holds here too.
class SqliteInbox final : public Inbox {
public:
    /// Opens the file.
    explicit SqliteInbox(const std::filesystem::path& path, StoreOptions options = {}, InboxOptions inbox_options = {})
        : consumer_(std::move(options.consumer)),
          retention_(detail::store_time(detail::checked(options).retention)),
          keep_bodies_(inbox_options.keep_bodies),
          database_(path, detail::sqlite_inbox, options.create_schema) {}

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
    /// std::logic_error where no transaction is open), and let the handler throw. Thread safety is the connection's.
    bool complete_in(sqlite3* connection, const Job& job);

    /// The statements that create all tables of this library in a SQLite database, its own and those of SqliteStore,
    /// `mark_processed` and `mark_newest`: for whom StoreOptions::create_schema is false.
    static std::string schema() {
        return std::string(detail::sqlite_claims.schema) + detail::sqlite_inbox.schema + detail::sqlite_marks +
               detail::sqlite_newest;
    }

private:
    using File = detail::SqliteFile;
    using StoreTime = detail::StoreTime;

    std::shared_ptr<void> listen(const Observer& /*observer*/) override {
        const auto wake = std::make_shared<std::function<void()>>([this] { wake_workers(); });
        std::shared_ptr<void> listening(wake.get(), [wake](void*) { detail::sqlite_wakeups().remove(wake.get()); });
        detail::sqlite_wakeups().add(wake.get(), database_.name());
        wake_workers();  // for what was put before
        return listening;
    }
    void wake_all() { detail::sqlite_wakeups().notify(database_.name()); }

    std::optional<Job> take(std::chrono::milliseconds lease, bool with_body);
    std::string body_of(std::string_view event_id);
    template <class Execute> bool finish(const Job& job, const Execute& execute) const;
    bool put_back(const Job& job, std::chrono::milliseconds delay, std::string_view error, int less);

    const std::string consumer_;
    const StoreTime retention_;
    const bool keep_bodies_;
    detail::SqliteDatabase database_;
};

inline bool SqliteInbox::put(const Event& event, Body body) {
    const auto is_new = database_.write(true, [&](File& file) -> std::optional<bool> {
        const StoreTime now = File::now();
        auto known = file.run(
            R"(SELECT state = 2, state = 2 OR state = 1 AND expires_at <= ? FROM pivotal_inbox
               WHERE consumer = ? AND event_id = ?)",
            now, consumer_, event.id);
        const bool is_known = known.next(), was_dead = is_known && known.integer(0);
        if (is_known && !known.integer(1)) return std::nullopt;  // nothing is due that was not
        file.execute("DELETE FROM pivotal_inbox WHERE consumer = ? AND event_id = ?", consumer_, event.id);
        file.execute(
            R"(DELETE FROM pivotal_inbox WHERE seq IN (SELECT seq FROM pivotal_inbox
               WHERE consumer = ? AND state = 1 AND expires_at <= ? ORDER BY expires_at LIMIT ?))",
            consumer_, now, detail::removals_per_claim);
        file.execute(
            R"(INSERT INTO pivotal_inbox (consumer, event_id, type, message_id, signed_at, received_at, due_at,
               state, attempt) VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0))",
            consumer_, event.id, event.type, event.delivery.message_id,
            std::int64_t{event.delivery.timestamp.time_since_epoch().count()}, now, now);
        file.execute("INSERT INTO pivotal_inbox_bodies (seq, body) VALUES (last_insert_rowid(), ?)", body.view());
        return !was_dead;
    });
    if (is_new) wake_all();
    return is_new.value_or(false);
}

inline std::optional<Job> SqliteInbox::take(std::chrono::milliseconds lease) {
    return detail::take_readable<detail::SqliteCorrupted>([&](bool with_body) { return take(lease, with_body); },
                                                          [&](const std::string& id) { return body_of(id); });
}

inline std::optional<Job> SqliteInbox::take(std::chrono::milliseconds lease, bool with_body) {
    const StoreTime length = detail::store_time(lease);
    return database_.may_write([&](File& file) -> std::optional<Job> {
        const StoreTime now = File::now();
        auto row = file.run(
            R"(SELECT seq, event_id, type, message_id, signed_at, attempt FROM pivotal_inbox
               WHERE consumer = ? AND state = 0 AND due_at <= ? ORDER BY due_at, seq LIMIT 1)",
            consumer_, now);
        if (!row.next()) return std::nullopt;
        const std::int64_t seq = row.integer(0);
        Job job;
        job.attempt = static_cast<int>(row.integer(5)) + 1;
        job.owner = detail::random_token();
        if (with_body) {
            auto body = file.run("SELECT body FROM pivotal_inbox_bodies WHERE seq = ?", seq);
            if (body.next()) job.body = body.bytes(0);
        }
        job.event = detail::restored(row.bytes(1), row.bytes(2), row.bytes(3), row.integer(4), job.body);
        job.message_id = job.event.delivery.message_id;
        file.execute(
            R"(UPDATE pivotal_inbox SET attempt = ?, owner = ?, taken_at = ?, lease_until = ?, due_at = ?
               WHERE seq = ?)",
            job.attempt, job.owner, now, now + length,
            now + length + detail::pause_after_lost_lease(length, job.attempt), seq);
        return job;
    });
}

inline std::string SqliteInbox::body_of(std::string_view event_id) {
    return database_.read([&](File& file) {
        auto body = file.run(
            R"(SELECT body FROM pivotal_inbox_bodies WHERE seq =
               (SELECT seq FROM pivotal_inbox WHERE consumer = ? AND event_id = ?))",
            consumer_, event_id);
        return body.next() ? body.bytes(0) : std::string();
    });
}

inline bool SqliteInbox::renew(const Job& job, std::chrono::milliseconds lease) {
    const StoreTime length = detail::store_time(lease), until = File::now() + length;
    return database_.execute(false, R"(
        UPDATE pivotal_inbox SET lease_until = ?, due_at = ?
        WHERE consumer = ? AND event_id = ? AND owner = ? AND state = 0)",
                             until, until + detail::pause_after_lost_lease(length, job.attempt), consumer_,
                             job.event.id, job.owner) == 1;
}

/// By `execute`, which runs a statement and says how many rows it has changed.
template <class Execute> bool SqliteInbox::finish(const Job& job, const Execute& execute) const {
    const StoreTime now = File::now();
    if (execute(
            R"(UPDATE pivotal_inbox SET error = NULL, ended_at = CASE state WHEN 0 THEN ? ELSE ended_at END,
               expires_at = CASE state WHEN 0 THEN ? ELSE expires_at END, state = 1
               WHERE consumer = ? AND event_id = ? AND owner = ? AND state IN (0, 1))",
            now, now + retention_, consumer_, job.event.id, job.owner) == 0)
        return false;
    if (!keep_bodies_)
        execute(
            R"(DELETE FROM pivotal_inbox_bodies WHERE seq =
               (SELECT seq FROM pivotal_inbox WHERE consumer = ? AND event_id = ?))",
            consumer_, job.event.id);
    return true;
}

inline bool SqliteInbox::done(const Job& job) {
    return database_.write(true, [&](File& file) {
        return finish(job, [&](const char* sql, const auto&... values) { return file.execute(sql, values...); });
    });
}

inline bool SqliteInbox::complete_in(sqlite3* connection, const Job& job) {
    detail::require_transaction(connection, "complete_in");
    return finish(job, [&](const char* sql, const auto&... values) {
        return detail::SqliteStatement(connection, sql).execute(values...);
    });
}

inline bool SqliteInbox::put_back(const Job& job, std::chrono::milliseconds delay, std::string_view error, int less) {
    return database_.execute(true, R"(
        UPDATE pivotal_inbox SET due_at = ?, error = ?, owner = NULL, attempt = attempt - ?
        WHERE consumer = ? AND event_id = ? AND owner = ? AND state = 0)",
                             File::now() + detail::store_time(delay), detail::stored_error(error), less, consumer_,
                             job.event.id, job.owner) == 1;
}

inline bool SqliteInbox::bury(const Job& job, std::string_view error) {
    return database_.execute(true, R"(
        UPDATE pivotal_inbox SET ended_at = CASE state WHEN 0 THEN ? ELSE ended_at END,
            error = CASE state WHEN 0 THEN ? ELSE error END, state = 2
        WHERE consumer = ? AND event_id = ? AND owner = ? AND state IN (0, 2))",
                             File::now(), detail::stored_error(error), consumer_, job.event.id, job.owner) == 1;
}

inline std::vector<DeadJob> SqliteInbox::dead(std::size_t limit, std::string_view after) {
    std::vector<DeadJob> all = database_.read([&](File& file) {
        std::int64_t after_time = INT64_MIN, after_seq = 0;
        if (!after.empty()) {
            auto last =
                file.run("SELECT ended_at, seq FROM pivotal_inbox WHERE consumer = ? AND event_id = ? AND state = 2",
                         consumer_, after);
            if (!last.next())
                throw StoreError("SQLite: " + std::string(after) + " is no dead letter, to go on behind it");
            after_time = last.integer(0);
            after_seq = last.integer(1);
        }
        std::vector<DeadJob> jobs;
        auto row = file.run(
            R"(SELECT event_id, type, message_id, signed_at, attempt, error, ended_at FROM pivotal_inbox
               WHERE consumer = ? AND state = 2 AND (ended_at, seq) > (?, ?) ORDER BY ended_at, seq LIMIT ?)",
            consumer_, after_time, after_seq, static_cast<std::int64_t>((std::min)(limit, std::size_t{INT32_MAX})));
        while (row.next()) {
            Event event = detail::restored(row.bytes(0), row.bytes(1), row.bytes(2), row.integer(3), {});
            const Clock::time_point died(std::chrono::milliseconds(row.integer(6)));
            jobs.push_back({std::move(event), {}, static_cast<int>(row.integer(4)), row.bytes(5), died});
        }
        return jobs;
    });
    detail::restore_bodies<detail::SqliteCorrupted>(all, [&](const std::string& id) { return body_of(id); });
    return all;
}

inline bool SqliteInbox::requeue(std::string_view event_id) {
    const bool is_due = database_.write(true, [&](File& file) {
        const StoreTime now = File::now();
        auto dropped = file.run(
            R"(SELECT 1 FROM pivotal_inbox WHERE consumer = ? AND event_id = ? AND state = 1 AND expires_at > ?
               AND NOT EXISTS (SELECT 1 FROM pivotal_inbox_bodies AS b WHERE b.seq = pivotal_inbox.seq))",
            consumer_, event_id, now);
        if (dropped.next())
            throw StoreError("SQLite: the body of " + std::string(event_id) +
                             " was dropped when it was done: InboxOptions::keep_bodies keeps it");
        return file.execute(
                   R"(UPDATE pivotal_inbox SET state = 0, attempt = 0, due_at = ?, owner = NULL, error = NULL,
                      ended_at = NULL, expires_at = NULL
                      WHERE consumer = ? AND event_id = ? AND CASE state
                      WHEN 0 THEN owner IS NULL OR lease_until <= ? WHEN 1 THEN expires_at > ? ELSE 1 END)",
                   now, consumer_, event_id, now, now) == 1;
    });
    if (is_due) wake_all();
    return is_due;
}

inline bool SqliteInbox::forget(std::string_view event_id) {
    return database_.execute(true, R"(
        DELETE FROM pivotal_inbox WHERE consumer = ? AND event_id = ? AND (state <> 1 OR expires_at > ?))",
                             consumer_, event_id, File::now()) == 1;
}

inline std::uint64_t SqliteInbox::purge(std::chrono::seconds older_than) {
    constexpr int at_once = 1000;  // a moment's work
    const StoreTime until = File::now() - detail::store_time(older_than);
    std::uint64_t purged = 0;
    for (int more = at_once; more == at_once; purged += static_cast<std::uint64_t>(more)) {
        // Other processes that wait for the lock ask for it every 5 ms.
        if (purged > 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
        more = database_.execute(true, R"(
            DELETE FROM pivotal_inbox WHERE seq IN (SELECT seq FROM pivotal_inbox
            WHERE consumer = ? AND state = 2 AND ended_at <= ? ORDER BY ended_at, seq LIMIT ?))",
                                 consumer_, until, at_once);
    }
    return purged;
}

inline InboxStats SqliteInbox::stats() {
    return database_.read([&](File& file) {
        auto row = file.run(
            R"(SELECT total(NOT runs AND due_at <= ?2), total(NOT runs AND due_at > ?2), total(runs),
                   (SELECT count(*) FROM pivotal_inbox WHERE consumer = ?1 AND state = 2),
                   ?2 - min(CASE WHEN NOT runs AND due_at <= ?2 THEN due_at END),
                   max(0, ?2 - min(CASE WHEN runs THEN taken_at END)),
                   (SELECT event_id FROM pivotal_inbox
                    WHERE consumer = ?1 AND state = 0 AND owner IS NOT NULL AND lease_until > ?2
                    ORDER BY taken_at LIMIT 1)
               FROM (SELECT due_at, taken_at, owner IS NOT NULL AND lease_until > ?2 AS runs
                     FROM pivotal_inbox WHERE consumer = ?1 AND state = 0))",
            consumer_, File::now());
        row.next();
        const auto count = [&](int column) { return static_cast<std::uint64_t>(row.integer(column)); };
        const auto time = [&](int column) { return std::chrono::milliseconds(row.integer(column)); };
        return InboxStats{count(0), count(1), count(2), count(3), time(4), time(5), row.bytes(6)};
    });
}

}  // namespace PIVOTAL_DETAIL_JSON_ABI
}}  // namespace pivotal::v1
