// SPDX-License-Identifier: MIT
#pragma once

// Needs SQLite 3.24 or later and its library; in CMake pivotal::sqlite.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <sqlite3.h>

#include <pivotal/detail/receiver/claim_record.hpp>
#include <pivotal/detail/receiver/instant.hpp>
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
/// be one of yours, which then is in WAL mode. Not on a network file system; open it after a fork, not before.
///
/// Time is the machine's clock: when that is set, leases and retention shift with it.
class SqliteStore final : public IdempotencyStore {
public:
    /// Opens the file.
    explicit SqliteStore(const std::filesystem::path& path, StoreOptions options = {});

    Claim claim(std::string_view event_id, std::string_view owner, std::chrono::milliseconds lease) override;
    bool renew(std::string_view event_id, std::string_view owner, std::chrono::milliseconds lease) override;
    bool complete(std::string_view event_id, std::string_view owner) override;
    bool release(std::string_view event_id, std::string_view owner) override;
    bool forget(std::string_view event_id) override;

private:
    using File = detail::SqliteFile;

    std::optional<detail::ClaimRecord> find(File& file, std::string_view event_id, detail::StoreTime now) const;
    void put(File& file, std::string_view event_id, const detail::ClaimRecord& record) const;
    void remove(File& file, std::string_view event_id) const;

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

inline SqliteStore::SqliteStore(const std::filesystem::path& path, StoreOptions options)
    : consumer_(std::move(options.consumer)),
      retention_(detail::store_time(detail::checked(options).retention)),
      database_(path, detail::sqlite_claims, options.create_schema) {}

/// What is known of the id: what has expired is not.
inline std::optional<detail::ClaimRecord> SqliteStore::find(File& file, std::string_view event_id,
                                                            detail::StoreTime now) const {
    auto row = file.run(
        R"(SELECT owner, lease_until, expires_at, done FROM pivotal_claims WHERE consumer = ? AND event_id = ?)",
        consumer_, event_id);
    if (!row.next() || row.integer(2) <= now) return std::nullopt;
    return detail::ClaimRecord{row.bytes(0), row.integer(1), row.integer(2), row.integer(3) != 0};
}

inline void SqliteStore::put(File& file, std::string_view event_id, const detail::ClaimRecord& record) const {
    file.execute(
        R"(INSERT OR REPLACE INTO pivotal_claims (consumer, event_id, owner, lease_until, expires_at, done)
           VALUES (?, ?, ?, ?, ?, ?))",
        consumer_, event_id, record.owner, record.lease_until, record.expires_at, record.done);
}

inline void SqliteStore::remove(File& file, std::string_view event_id) const {
    file.execute("DELETE FROM pivotal_claims WHERE consumer = ? AND event_id = ?", consumer_, event_id);
}

inline Claim SqliteStore::claim(std::string_view event_id, std::string_view owner, std::chrono::milliseconds lease) {
    return database_.write(false, [&](File& file) {
        const detail::StoreTime now = File::now();
        const auto record = find(file, event_id, now);
        if (record && detail::is_remembered(*record, now)) return Claim::duplicate;
        if (record && detail::is_held_by_another(*record, owner, now)) return Claim::in_progress;
        if (!record)
            file.execute(
                R"(DELETE FROM pivotal_claims WHERE (consumer, event_id) IN (SELECT consumer, event_id
                   FROM pivotal_claims WHERE expires_at <= ? ORDER BY expires_at LIMIT ?))",
                now, detail::removals_per_claim);
        put(file, event_id, detail::claimed(owner, now, lease, retention_));
        return Claim::granted;
    });
}

inline bool SqliteStore::renew(std::string_view event_id, std::string_view owner, std::chrono::milliseconds lease) {
    return database_.write(false, [&](File& file) {
        const detail::StoreTime now = File::now();
        auto record = find(file, event_id, now);
        if (!record || record->done || record->owner != owner) return false;
        detail::start_lease(*record, now, lease, retention_);
        put(file, event_id, *record);
        return true;
    });
}

inline bool SqliteStore::complete(std::string_view event_id, std::string_view owner) {
    return database_.write(true, [&](File& file) {
        const detail::StoreTime now = File::now();
        auto record = find(file, event_id, now);
        if (!record || record->owner != owner) return false;
        if (record->done) return true;
        record->done = true;
        record->expires_at = now + retention_;
        put(file, event_id, *record);
        return true;
    });
}

inline bool SqliteStore::release(std::string_view event_id, std::string_view owner) {
    return database_.write(false, [&](File& file) {
        const auto record = find(file, event_id, File::now());
        if (!record || record->done || record->owner != owner) return false;
        remove(file, event_id);
        return true;
    });
}

inline bool SqliteStore::forget(std::string_view event_id) {
    return database_.write(true, [&](File& file) {
        if (!find(file, event_id, File::now())) return false;
        remove(file, event_id);
        return true;
    });
}

// ---- mark_processed, mark_newest ----

inline bool mark_processed(sqlite3* connection, std::string_view event_id, const StoreOptions& options) {
    detail::require_transaction(connection, "mark_processed");
    if (options.create_schema) detail::sqlite_execute(connection, detail::sqlite_marks);
    const detail::StoreTime now = detail::SqliteFile::now();
    detail::SqliteStatement(connection, R"(
        DELETE FROM pivotal_processed WHERE +expires_at <= ?3 AND (consumer, event_id) IN (
        SELECT * FROM (SELECT consumer, event_id FROM pivotal_processed
        WHERE expires_at <= ?3 ORDER BY expires_at LIMIT ?4) UNION ALL VALUES (?1, ?2)))")
        .execute(options.consumer, event_id, now, detail::removals_per_claim);
    return detail::SqliteStatement(connection, R"(
               INSERT INTO pivotal_processed (consumer, event_id, expires_at)
               VALUES (?, ?, ?) ON CONFLICT DO NOTHING)")
               .execute(options.consumer, event_id, now + detail::store_time(detail::checked(options).retention)) == 1;
}

inline bool mark_newest(sqlite3* connection, std::string_view key, std::string_view created_at,
                        const StoreOptions& options) {
    const std::string instant = detail::instant(created_at);
    detail::require_transaction(connection, "mark_newest");
    if (options.create_schema) detail::sqlite_execute(connection, detail::sqlite_newest);
    return detail::SqliteStatement(connection, R"(
               INSERT INTO pivotal_newest (consumer, key, created_at) VALUES (?, ?, ?)
               ON CONFLICT (consumer, key) DO UPDATE SET created_at = excluded.created_at
               WHERE excluded.created_at >= pivotal_newest.created_at)")
               .execute(options.consumer, key, instant) == 1;
}

}}}  // namespace pivotal::v1::PIVOTAL_DETAIL_JSON_ABI
