// SPDX-License-Identifier: MIT
#pragma once

// Needs SQLite 3.24 or later and its library; in CMake pivotal::sqlite.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <sqlite3.h>

#include <pivotal/detail/receiver/claim_record.hpp>
#include <pivotal/detail/stores/sqlite/database.hpp>
#include <pivotal/detail/stores/sqlite/inbox.hpp>
#include <pivotal/idempotency.hpp>
#include <pivotal/inbox.hpp>

namespace pivotal {
inline namespace v1 {

/// An IdempotencyStore in a SQLite file, for all processes of one machine.
///
/// What was completed is on the disk when `complete` returns (WAL, synchronous=FULL). A claim is on the disk
/// with the next completion: should the machine lose its power before that, the event is handled again, as
/// after any crash. A file that another process has locked is waited for, 5 s, before the StoreError.
///
/// The constructor opens the file and creates its table, `pivotal_claims`; it throws StoreError. The file may
/// be one of yours, which then is in WAL mode. Not on a network file system; open it after a fork, not before.
///
/// Time is the machine's clock: when that is set, leases and retention shift with it.
class SqliteStore final : public IdempotencyStore {
public:
    explicit SqliteStore(const std::filesystem::path& path, StoreOptions options = {});

    Claim claim(std::string_view event_id, std::string_view owner, std::chrono::milliseconds lease) override;
    bool renew(std::string_view event_id, std::string_view owner, std::chrono::milliseconds lease) override;
    bool complete(std::string_view event_id, std::string_view owner) override;
    bool release(std::string_view event_id, std::string_view owner) override;
    bool forget(std::string_view event_id) override;

private:
    std::optional<detail::ClaimRecord> find(std::string_view event_id, detail::StoreTime now);
    void put(std::string_view event_id, const detail::ClaimRecord& record);

    const std::string consumer_;
    const detail::StoreTime retention_;
    detail::SqliteDatabase database_;
    const detail::SqliteStatement select_, put_, remove_, remove_expired_;
};

/// An Inbox in a SQLite file, for all processes of one machine; in its table `pivotal_inbox`.
///
/// Everything that it is told is on the disk when it returns, but for renewals. What SqliteStore says of the
/// file, of locks and of time holds here too.
class SqliteInbox final : public Inbox {
public:
    explicit SqliteInbox(const std::filesystem::path& path, StoreOptions options = {},
                         InboxOptions inbox_options = {})
        : database_(path, "pivotal_inbox", detail::SqliteInboxTable::schema),
          table_(database_.connection(), std::move(options), inbox_options) {}

    bool put(const Event& event, Body body) override {
        return database_.write(true, [&] { return table_.put(event, body); });
    }
    std::optional<Job> take(std::chrono::milliseconds lease) override {
        return database_.write(true, [&] { return table_.take(lease); });
    }
    bool renew(const Job& job, std::chrono::milliseconds lease) override {
        return database_.write(false, [&] { return table_.renew(job, lease); });
    }
    bool done(const Job& job) override {
        return database_.write(true, [&] { return table_.done(job); });
    }
    bool retry(const Job& job, std::chrono::milliseconds delay, std::string_view error) override {
        return database_.write(true, [&] { return table_.retry(job, delay, error); });
    }
    bool bury(const Job& job, std::string_view error) override {
        return database_.write(true, [&] { return table_.bury(job, error); });
    }
    std::vector<DeadJob> dead(std::size_t limit) override {
        return database_.read([&] { return table_.dead(limit); });
    }
    bool revive(std::string_view event_id) override {
        return database_.write(true, [&] { return table_.revive(event_id); });
    }
    InboxStats stats() override {
        return database_.read([&] { return table_.stats(); });
    }

private:
    detail::SqliteDatabase database_;
    detail::SqliteInboxTable table_;
};

/// Marks an event as processed in the transaction that is open on `connection`: its effect then happens
/// exactly once, since the mark and the effect are committed together or not at all.
///
///     sqlite3_exec(db, "BEGIN IMMEDIATE", ...);
///     if (pivotal::mark_processed(db, event.id)) { ... the effect, in the same database ... }
///     sqlite3_exec(db, "COMMIT", ...);
///
/// True: it was not processed before. False: it was; leave the effect out. The marks are the table
/// `pivotal_processed`, which is created where it is missing, and last for StoreOptions::retention.
///
/// Throws StoreError where SQLite fails; roll back then. Throws std::logic_error where no transaction is open:
/// a mark that is committed by itself would lose the event in a crash. Thread safety is the connection's.
bool mark_processed(sqlite3* connection, std::string_view event_id, const StoreOptions& options = {});

// ---- SqliteStore ----

inline SqliteStore::SqliteStore(const std::filesystem::path& path, StoreOptions options)
    : consumer_(std::move(options.consumer)),
      retention_(detail::store_time(options.retention)),
      database_(path, "pivotal_claims",
                "CREATE TABLE IF NOT EXISTS pivotal_claims (consumer BLOB NOT NULL, event_id BLOB NOT NULL, "
                "owner BLOB NOT NULL, lease_until INTEGER NOT NULL, expires_at INTEGER NOT NULL, "
                "done INTEGER NOT NULL, PRIMARY KEY (consumer, event_id)) WITHOUT ROWID;"
                "CREATE INDEX IF NOT EXISTS pivotal_claims_expiry ON pivotal_claims (expires_at)"),
      select_(database_.connection(),
              "SELECT owner, lease_until, expires_at, done FROM pivotal_claims "
              "WHERE consumer = ? AND event_id = ?"),
      put_(database_.connection(),
           "INSERT OR REPLACE INTO pivotal_claims (consumer, event_id, owner, lease_until, expires_at, done) "
           "VALUES (?, ?, ?, ?, ?, ?)"),
      remove_(database_.connection(), "DELETE FROM pivotal_claims WHERE consumer = ? AND event_id = ?"),
      remove_expired_(database_.connection(),
                      "DELETE FROM pivotal_claims WHERE (consumer, event_id) IN (SELECT consumer, event_id "
                      "FROM pivotal_claims WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)") {}

/// What is known of the id: what has expired is not.
inline std::optional<detail::ClaimRecord> SqliteStore::find(std::string_view event_id,
                                                            detail::StoreTime now) {
    detail::SqliteStatement::Run row(select_, consumer_, event_id);
    if (!row.next() || row.integer(2) <= now) return std::nullopt;
    return detail::ClaimRecord{row.bytes(0), row.integer(1), row.integer(2), row.integer(3) != 0};
}

inline void SqliteStore::put(std::string_view event_id, const detail::ClaimRecord& record) {
    put_.execute(consumer_, event_id, record.owner, record.lease_until, record.expires_at, record.done);
}

inline Claim SqliteStore::claim(std::string_view event_id, std::string_view owner,
                                std::chrono::milliseconds lease) {
    return database_.write(false, [&] {
        const detail::StoreTime now = database_.now();
        const auto record = find(event_id, now);
        if (record && detail::is_remembered(*record, now)) return Claim::duplicate;
        if (record && detail::is_held_by_another(*record, owner, now)) return Claim::in_progress;
        if (!record) remove_expired_.execute(now, detail::removals_per_claim);
        put(event_id, detail::claimed(owner, now, lease, retention_));
        return Claim::granted;
    });
}

inline bool SqliteStore::renew(std::string_view event_id, std::string_view owner,
                               std::chrono::milliseconds lease) {
    return database_.write(false, [&] {
        const detail::StoreTime now = database_.now();
        auto record = find(event_id, now);
        if (!record || record->done || record->owner != owner) return false;
        detail::start_lease(*record, now, lease, retention_);
        put(event_id, *record);
        return true;
    });
}

inline bool SqliteStore::complete(std::string_view event_id, std::string_view owner) {
    return database_.write(true, [&] {
        const detail::StoreTime now = database_.now();
        auto record = find(event_id, now);
        if (!record || record->owner != owner) return false;
        if (record->done) return true;
        record->done = true;
        record->expires_at = now + retention_;
        put(event_id, *record);
        return true;
    });
}

inline bool SqliteStore::release(std::string_view event_id, std::string_view owner) {
    return database_.write(false, [&] {
        const auto record = find(event_id, database_.now());
        if (!record || record->done || record->owner != owner) return false;
        remove_.execute(consumer_, event_id);
        return true;
    });
}

inline bool SqliteStore::forget(std::string_view event_id) {
    return database_.write(true, [&] {
        if (!find(event_id, database_.now())) return false;
        remove_.execute(consumer_, event_id);
        return true;
    });
}

// ---- mark_processed ----

inline bool mark_processed(sqlite3* connection, std::string_view event_id, const StoreOptions& options) {
    if (sqlite3_get_autocommit(connection))
        throw std::logic_error(
            "pivotal: mark_processed needs an open transaction, which also has the effect");
    detail::sqlite_execute(
        connection,
        "CREATE TABLE IF NOT EXISTS pivotal_processed (consumer BLOB NOT NULL, event_id BLOB NOT NULL, "
        "expires_at INTEGER NOT NULL, PRIMARY KEY (consumer, event_id)) WITHOUT ROWID;"
        "CREATE INDEX IF NOT EXISTS pivotal_processed_expiry ON pivotal_processed (expires_at)");
    const detail::StoreTime now = detail::SqliteDatabase::now();
    detail::SqliteStatement(
        connection,
        "DELETE FROM pivotal_processed WHERE +expires_at <= ?3 AND (consumer, event_id) IN ("
        "SELECT * FROM (SELECT consumer, event_id FROM pivotal_processed "
        "WHERE expires_at <= ?3 ORDER BY expires_at LIMIT ?4) UNION ALL VALUES (?1, ?2))")
        .execute(options.consumer, event_id, now, detail::removals_per_claim);
    return detail::SqliteStatement(connection,
                                   "INSERT INTO pivotal_processed (consumer, event_id, expires_at) "
                                   "VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
               .execute(options.consumer, event_id, now + detail::store_time(options.retention)) == 1;
}

}  // namespace v1
}  // namespace pivotal
