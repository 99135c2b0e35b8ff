// SPDX-License-Identifier: MIT
#pragma once

#include <pivotal/detail/stores/sqlite/file.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

// state: 0 to be done, due at due_at; leased until lease_until where it has an owner. 1 done, until expires_at.
// 2 dead since ended_at. Bodies are apart, so that a change of state does not write them again.
inline constexpr SqliteTable sqlite_inbox{
    "pivotal_inbox",
    "seq, consumer, event_id, type, message_id, signed_at, received_at, state, attempt, due_at, owner, "
    "taken_at, lease_until, ended_at, expires_at, error",
    R"(
    CREATE TABLE IF NOT EXISTS pivotal_inbox (
        seq INTEGER PRIMARY KEY, consumer BLOB NOT NULL, event_id BLOB NOT NULL, type BLOB NOT NULL,
        message_id BLOB NOT NULL, signed_at INTEGER NOT NULL, received_at INTEGER NOT NULL,
        state INTEGER NOT NULL, attempt INTEGER NOT NULL, due_at INTEGER NOT NULL,
        owner BLOB, taken_at INTEGER, lease_until INTEGER, ended_at INTEGER, expires_at INTEGER, error BLOB,
        UNIQUE (consumer, event_id));
    CREATE TABLE IF NOT EXISTS pivotal_inbox_bodies (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);
    CREATE TRIGGER IF NOT EXISTS pivotal_inbox_drop_body AFTER DELETE ON pivotal_inbox
        BEGIN DELETE FROM pivotal_inbox_bodies WHERE seq = OLD.seq; END;
    CREATE INDEX IF NOT EXISTS pivotal_inbox_due ON pivotal_inbox (consumer, due_at, seq) WHERE state = 0;
    CREATE INDEX IF NOT EXISTS pivotal_inbox_done ON pivotal_inbox (consumer, expires_at) WHERE state = 1;
    CREATE INDEX IF NOT EXISTS pivotal_inbox_dead ON pivotal_inbox (consumer, ended_at, seq) WHERE state = 2)"};

}}}  // namespace pivotal::v1::detail
