// SPDX-License-Identifier: MIT
#pragma once

// Needs SQLite 3.24 or later and its library; in CMake pivotal::sqlite.

#include <pivotal/detail/core/attributes.hpp>

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include <sqlite3.h>

#include <pivotal/detail/receiver/instant.hpp>
#include <pivotal/detail/receiver/store_time.hpp>
#include <pivotal/detail/stores/sqlite/database.hpp>
#include <pivotal/detail/stores/sqlite/inbox.hpp>  // SqliteInbox
#include <pivotal/detail/stores/sqlite/schema.hpp>
#include <pivotal/idempotency.hpp>

namespace pivotal { inline namespace v1 { inline namespace PIVOTAL_DETAIL_JSON_ABI {

/// An IdempotencyStore in a SQLite file, for all processes of one machine.
///
/// What was completed is on the disk when `complete` returns (WAL, synchronous=FULL). A claim is on the disk
/// with the next completion: should the machine lose its power before that, the event is handled again, as
/// after any crash. A file that another process has locked is waited for, 5 s, before the StoreError. One that
/// was removed or replaced while it was open is an error, too: start again.
///
/// The constructor opens the file and creates its table, `pivotal_claims`; it throws StoreError. The file may
/// be one of yours, which then is in WAL mode. Not on a network file system; open it after a fork, not before: a
/// process that was forked while another thread used one can open none.
///
/// Time is the machine's clock: when that is set, leases and retention shift with it.
class SqliteStore final : public IdempotencyStore {
public:
    /// Opens the file.
    explicit SqliteStore(const std::filesystem::path& path, StoreOptions options = {})
        : consumer_(std::move(options.consumer)),
          retention_(detail::store_time(detail::checked(options).retention)),
          database_(path, detail::sqlite_claims, options.create_schema) {}

    Claim claim(std::string_view event_id, std::string_view owner, std::chrono::milliseconds lease) override;
    bool renew(std::string_view event_id, std::string_view owner, std::chrono::milliseconds lease) override;
    bool complete(std::string_view event_id, std::string_view owner) override;
    bool release(std::string_view event_id, std::string_view owner) override;
    bool forget(std::string_view event_id) override;

private:
    using File = detail::SqliteFile;

    const std::string consumer_;
    const detail::StoreTime retention_;
    detail::SqliteDatabase database_;
};

/// Marks an event as processed in the transaction that is open on `connection`: its effect then happens
/// exactly once, since the mark and the effect are committed together or not at all.
///
///     sqlite3_exec(db, "BEGIN IMMEDIATE", ...);
///     if (pivotal::mark_processed(db, event.id)) { ... the effect, in the same database ... }
///     sqlite3_exec(db, "COMMIT", ...);
///
/// True: it was not processed before. False: it was; leave the effect out. The marks are the table
/// `pivotal_processed`, which is created where it is missing, and last for StoreOptions::retention. The effect is as
/// durable as your transaction is: that is your connection's `PRAGMA synchronous`.
///
/// Throws StoreError where SQLite fails; roll back then. Throws std::logic_error where no transaction is open:
/// a mark that is committed by itself would lose the event in a crash. Thread safety is the connection's.
bool mark_processed(sqlite3* connection, std::string_view event_id, const StoreOptions& options = {});

/// Whether nothing newer was applied for `key` (`customer/cus_1`), in the transaction that is open on `connection` and
/// changes the state: an old event that comes late, or is tried again, then does not overwrite what is newer.
///
///     if (pivotal::mark_newest(db, "customer/" + id, event.created_at.value_or(""))) { ... the new state ... }
///
/// `created_at` is a time of RFC 3339, compared as an instant, to the last digit of its fraction; an equal one is newest
/// again. std::invalid_argument where it is none. One row a key is kept, in the table `pivotal_newest`, whatever the
/// retention. What `mark_processed` says of errors and of the table holds here too.
bool mark_newest(sqlite3* connection, std::string_view key, std::string_view created_at,
                 const StoreOptions& options = {});

// ---- SqliteStore ----

inline Claim SqliteStore::claim(std::string_view event_id, std::string_view owner, std::chrono::milliseconds lease) {
    return database_.write(false, [&](File& file) {
        const detail::StoreTime now = File::now(), until = now + detail::store_time(lease);
        auto known = file.run(
            R"(SELECT done FROM pivotal_claims WHERE consumer = ? AND event_id = ? AND expires_at > ?
               AND (done OR owner <> ? AND lease_until > ?))",
            consumer_, event_id, now, owner, now);
        if (known.next()) return known.integer(0) ? Claim::duplicate : Claim::in_progress;
        file.execute(
            R"(DELETE FROM pivotal_claims WHERE (consumer, event_id) IN (SELECT consumer, event_id
               FROM pivotal_claims WHERE expires_at <= ? ORDER BY expires_at LIMIT ?))",
            now, detail::removals_per_claim);
        file.execute(
            R"(INSERT OR REPLACE INTO pivotal_claims (consumer, event_id, owner, lease_until, expires_at, done)
               VALUES (?, ?, ?, ?, ?, 0))",
            consumer_, event_id, owner, until, until + retention_);
        return Claim::granted;
    });
}

inline bool SqliteStore::renew(std::string_view event_id, std::string_view owner, std::chrono::milliseconds lease) {
    const detail::StoreTime now = File::now(), until = now + detail::store_time(lease);
    return database_.execute(false, R"(
        UPDATE pivotal_claims SET lease_until = ?, expires_at = ?
        WHERE consumer = ? AND event_id = ? AND owner = ? AND NOT done AND expires_at > ?)",
                             until, until + retention_, consumer_, event_id, owner, now) == 1;
}

inline bool SqliteStore::complete(std::string_view event_id, std::string_view owner) {
    const detail::StoreTime now = File::now();
    return database_.execute(true, R"(
        UPDATE pivotal_claims SET done = 1, expires_at = CASE WHEN done THEN expires_at ELSE ? END
        WHERE consumer = ? AND event_id = ? AND owner = ? AND expires_at > ?)",
                             now + retention_, consumer_, event_id, owner, now) == 1;
}

inline bool SqliteStore::release(std::string_view event_id, std::string_view owner) {
    return database_.execute(false, R"(
        DELETE FROM pivotal_claims WHERE consumer = ? AND event_id = ? AND owner = ? AND NOT done AND expires_at > ?)",
                             consumer_, event_id, owner, File::now()) == 1;
}

inline bool SqliteStore::forget(std::string_view event_id) {
    return database_.execute(true, "DELETE FROM pivotal_claims WHERE consumer = ? AND event_id = ? AND expires_at > ?",
                             consumer_, event_id, File::now()) == 1;
}

// ---- mark_processed, mark_newest ----

inline bool mark_processed(sqlite3* connection, std::string_view event_id, const StoreOptions& options) {
    detail::require_transaction(connection, "mark_processed");
    if (options.create_schema) detail::create_missing(connection, "pivotal_processed", detail::sqlite_marks);
    const detail::StoreTime now = detail::SqliteFile::now();
    detail::SqliteStatement(connection, R"(
        DELETE FROM pivotal_processed WHERE (consumer, event_id) IN (SELECT consumer, event_id
        FROM pivotal_processed WHERE expires_at <= ? ORDER BY expires_at LIMIT ?))")
        .execute(now, detail::removals_per_claim);
    return detail::SqliteStatement(connection, R"(
               INSERT INTO pivotal_processed (consumer, event_id, expires_at) VALUES (?, ?, ?)
               ON CONFLICT (consumer, event_id) DO UPDATE SET expires_at = excluded.expires_at
               WHERE pivotal_processed.expires_at <= ?)")
               .execute(options.consumer, event_id, now + detail::store_time(detail::checked(options).retention),
                        now) == 1;
}

inline bool mark_newest(sqlite3* connection, std::string_view key, std::string_view created_at,
                        const StoreOptions& options) {
    const std::string instant = detail::instant(created_at);
    detail::require_transaction(connection, "mark_newest");
    if (options.create_schema) detail::create_missing(connection, "pivotal_newest", detail::sqlite_newest);
    return detail::SqliteStatement(connection, R"(
               INSERT INTO pivotal_newest (consumer, key, created_at) VALUES (?, ?, ?)
               ON CONFLICT (consumer, key) DO UPDATE SET created_at = excluded.created_at
               WHERE excluded.created_at >= pivotal_newest.created_at)")
               .execute(options.consumer, key, instant) == 1;
}

}}}  // namespace pivotal::v1::PIVOTAL_DETAIL_JSON_ABI
