// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include <pivotal/stores/sqlite.hpp>

#include "agent.hpp"
#include "process.hpp"

namespace support {

inline std::shared_ptr<pivotal::IdempotencyStore> open_store(const std::string& address,
                                                             pivotal::StoreOptions options) {
    return std::make_shared<pivotal::SqliteStore>(address, std::move(options));
}
inline std::shared_ptr<pivotal::Inbox> open_inbox(const std::string& address, pivotal::StoreOptions options,
                                                  pivotal::InboxOptions inbox_options = {}) {
    return std::make_shared<pivotal::SqliteInbox>(address, std::move(options), inbox_options);
}

/// A connection of the user's own.
class SqliteUser {
public:
    explicit SqliteUser(const std::string& path) {
        if (sqlite3_open(path.c_str(), &connection_) != SQLITE_OK) fail("cannot open " + path);
        sqlite3_busy_timeout(connection_, 10000);
    }
    ~SqliteUser() { sqlite3_close(connection_); }
    SqliteUser(const SqliteUser&) = delete;
    SqliteUser& operator=(const SqliteUser&) = delete;

    operator sqlite3*() const { return connection_; }
    void run(const std::string& sql) const { pivotal::detail::sqlite_execute(connection_, sql.c_str()); }
    std::string text(const std::string& sql) const {
        const pivotal::detail::SqliteStatement statement(connection_, sql.c_str());
        pivotal::detail::SqliteStatement::Run row(statement);
        if (!row.next()) fail("no row: " + sql);
        return row.bytes(0);
    }
    int number(const std::string& sql) const { return std::stoi(text(sql)); }

    void begin() const { run("BEGIN IMMEDIATE"); }
    void expire_marks(const std::string& consumer) const {
        run("UPDATE pivotal_processed SET expires_at = 0 WHERE consumer = '" + consumer + "'");
    }

private:
    sqlite3* connection_ = nullptr;
};

/// See memory.hpp.
class Kind {
public:
    static constexpr bool is_shared = true;
    static constexpr bool has_inbox = true;
    using Database = SqliteUser;

    std::shared_ptr<pivotal::IdempotencyStore> store(pivotal::StoreOptions options = {}) {
        return open_store(address(), std::move(options));
    }
    std::shared_ptr<pivotal::Inbox> inbox(pivotal::StoreOptions options = {},
                                          pivotal::InboxOptions inbox_options = {}) {
        return open_inbox(address(), std::move(options), inbox_options);
    }
    std::shared_ptr<pivotal::SqliteInbox> own_inbox() { return std::make_shared<pivotal::SqliteInbox>(address()); }
    std::string address() const { return folder_.file("events.db"); }
    static std::string schema_text() { return pivotal::SqliteInbox::schema(); }
    /// As another version of the library would have made it.
    void set_schema_version(const std::string& table, int version) const {
        SqliteUser(address()).run(
            "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = substr(sql, 1, instr(sql, 'schema ') + 6) || " +
            std::to_string(version) + " || substr(sql, instr(sql, char(10))) WHERE name = '" + table + "'");
    }
    std::string named(const std::string& table) const { return address() + ": the table " + table; }
    /// What somebody sees of an event in a shell.
    std::string shown(const std::string& column, const std::string& event_id) const {
        return SqliteUser(address()).text(
            "SELECT CASE typeof(" + column + ") WHEN 'text' THEN " + column + " ELSE hex(" + column +
            ") END FROM pivotal_inbox JOIN pivotal_inbox_bodies USING (seq) WHERE event_id = " + event_id);
    }
    static constexpr const char* nul_id = "x'610062'";
    static constexpr const char* nul_id_shown = "610062";

    /// Adds so many completed ids, and some that have expired.
    void fill(int count) {
        store();
        const SqliteUser database(address());
        const auto add = [&](int rows, const char* expiry) {
            database.run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
                         std::to_string(rows) +
                         ") INSERT INTO pivotal_claims SELECT 'default', "
                         "'evt_' || hex(randomblob(12)), hex(randomblob(16)), 0, "
                         "CAST(strftime('%s', 'now') AS INTEGER) * 1000 + " +
                         expiry + ", 1 FROM n");
        };
        add(count, "3600000 + i");
        add(1000, "-1 - i");
    }
    /// Adds events that are done: those with these numbers.
    void fill_inbox(int first, int last) {
        SqliteUser(address()).run(
            "PRAGMA synchronous = OFF; WITH RECURSIVE n(i) AS (SELECT " + std::to_string(first) +
            " UNION ALL SELECT i + 1 FROM n WHERE i < " + std::to_string(last) +
            ") INSERT INTO pivotal_inbox (consumer, event_id, type, message_id, signed_at, received_at, state, "
            "attempt, due_at, ended_at, expires_at) SELECT 'default', "
            "printf('evt_%09d', i), 't', x'', 0, 0, 1, 1, 0, 0, 9000000000000000 FROM n");
    }

    /// What the inbox still has of an event's body.
    std::string stored_body(const std::string& event_id) const {
        return SqliteUser(address()).text(
            "SELECT coalesce(body, '') FROM pivotal_inbox LEFT JOIN pivotal_inbox_bodies USING (seq) WHERE "
            "event_id = '" +
            event_id + "'");
    }
    /// How many events are done and remembered.
    std::uint64_t done() const {
        return static_cast<std::uint64_t>(
            SqliteUser(address()).number("SELECT count(*) FROM pivotal_inbox WHERE state = 1"));
    }

private:
    TemporaryFolder folder_;
};

/// What is asked of SQLite in this process is counted, on connections that are opened while there is one of these.
class Counted : public Kind {
public:
    Counted() { sqlite3_auto_extension(reinterpret_cast<void (*)()>(begin)); }
    ~Counted() { sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(begin)); }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;

    /// Statements so far, but for those that begin and end transactions.
    static int statements() { return statements_; }
    /// Steps of SQLite's machine so far.
    static int cost() { return steps_; }

private:
    static int begin(sqlite3* connection, char**, const void*) {
        return sqlite3_trace_v2(connection, SQLITE_TRACE_PROFILE, ended, nullptr);
    }
    static int ended(unsigned, void*, void* ended, void*) {
        auto* const statement = static_cast<sqlite3_stmt*>(ended);
        if (std::string(sqlite3_sql(statement)).find("pivotal_inbox") != std::string::npos) ++statements_;
        steps_ += sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 1);
        return 0;
    }
    static inline std::atomic<int> statements_{0}, steps_{0};
};

/// The store's clock is that of the process that has the file open.
class FakeClocked {
public:
    std::shared_ptr<pivotal::IdempotencyStore> store(pivotal::StoreOptions options = {}) {
        return std::make_shared<AgentStore>(agent(options));
    }
    std::shared_ptr<pivotal::Inbox> inbox(pivotal::StoreOptions options = {},
                                          pivotal::InboxOptions inbox_options = {}) {
        return std::make_shared<AgentInbox>(agent(options, inbox_options));
    }
    void set(std::chrono::seconds ahead) { clock_.set(ahead); }
    void stop_at(pivotal::Clock::time_point time) { clock_.stop_at(time); }

private:
    std::shared_ptr<Agent> agent(const pivotal::StoreOptions& options, pivotal::InboxOptions inbox_options = {}) {
        return std::make_shared<Agent>(kind_.address(), options, clock_.environment(), RLIM_INFINITY, inbox_options);
    }

    Kind kind_;
    FakeClock clock_;
};

}  // namespace support
