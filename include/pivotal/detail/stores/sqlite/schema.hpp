// SPDX-License-Identifier: MIT
#pragma once

#include <pivotal/detail/stores/table.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

inline constexpr StoreTable sqlite_claims{"pivotal_claims", "consumer, event_id, owner, lease_until, expires_at, done",
                                          R"(CREATE TABLE IF NOT EXISTS pivotal_claims ( -- pivotal-webhook schema 1
    consumer TEXT NOT NULL, event_id TEXT NOT NULL, owner TEXT NOT NULL, lease_until INTEGER NOT NULL,
    expires_at INTEGER NOT NULL, done INTEGER NOT NULL, PRIMARY KEY (consumer, event_id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS pivotal_claims_expiry ON pivotal_claims (expires_at);
)"};

inline constexpr StoreTable sqlite_inbox{
    "pivotal_inbox",
    "seq, consumer, event_id, type, message_id, signed_at, received_at, state, attempt, due_at, owner, "
    "taken_at, lease_until, ended_at, expires_at, error, "
    "(SELECT body FROM pivotal_inbox_bodies AS b WHERE b.seq = pivotal_inbox.seq)",
    R"(CREATE TABLE IF NOT EXISTS pivotal_inbox ( -- pivotal-webhook schema 1
    -- state: 0 to be done, due at due_at; leased until lease_until where it has an owner. 1 done, until expires_at.
    -- 2 dead since ended_at. Bodies are apart, so that a change of state does not write them again.
    seq INTEGER PRIMARY KEY, consumer TEXT NOT NULL, event_id TEXT NOT NULL, type TEXT NOT NULL,
    message_id TEXT NOT NULL, signed_at INTEGER NOT NULL, received_at INTEGER NOT NULL,
    state INTEGER NOT NULL, attempt INTEGER NOT NULL, due_at INTEGER NOT NULL,
    owner TEXT, taken_at INTEGER, lease_until INTEGER, ended_at INTEGER, expires_at INTEGER, error TEXT,
    UNIQUE (consumer, event_id));
CREATE TABLE IF NOT EXISTS pivotal_inbox_bodies (seq INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE TRIGGER IF NOT EXISTS pivotal_inbox_drop_body AFTER DELETE ON pivotal_inbox
    BEGIN DELETE FROM pivotal_inbox_bodies WHERE seq = OLD.seq; END;
CREATE INDEX IF NOT EXISTS pivotal_inbox_due ON pivotal_inbox (consumer, due_at, seq) WHERE state = 0;
CREATE INDEX IF NOT EXISTS pivotal_inbox_done ON pivotal_inbox (consumer, expires_at) WHERE state = 1;
CREATE INDEX IF NOT EXISTS pivotal_inbox_dead ON pivotal_inbox (consumer, ended_at, seq) WHERE state = 2;
)",
    "pivotal_inbox_drop_body"};

inline constexpr const char* sqlite_marks = R"(CREATE TABLE IF NOT EXISTS pivotal_processed (
    consumer TEXT NOT NULL, event_id TEXT NOT NULL, expires_at INTEGER NOT NULL,
    PRIMARY KEY (consumer, event_id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS pivotal_processed_expiry ON pivotal_processed (expires_at);
)";

inline constexpr const char* sqlite_newest = R"(CREATE TABLE IF NOT EXISTS pivotal_newest (
    consumer TEXT NOT NULL, key TEXT NOT NULL, created_at TEXT NOT NULL, PRIMARY KEY (consumer, key)) WITHOUT ROWID;
)";

}}}  // namespace pivotal::v1::detail
