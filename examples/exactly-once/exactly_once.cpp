// SPDX-License-Identifier: MIT
// Each event exactly once: the mark that it was processed and what it does are committed together or not at all. And a
// state that never goes backwards, in whatever order the events come.
//   exactly_once              the receiver
//   exactly_once --calls      prints what the events have done
//   exactly_once --customers  prints the customers as the newest events have them
#include <httplib.h>
#include <sqlite3.h>

#include <csignal>
#include <iostream>
#include <memory>
#include <pivotal/stores/sqlite.hpp>
#include <pivotal/webhook.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

static httplib::Server server;  // here, so that a signal can stop it

static std::string setting(const char* name, const char* otherwise) {
    const char* const value = std::getenv(name);
    return value ? value : otherwise;
}

/// A number that the environment sets.
static int number(const char* name, const char* otherwise, int least, int most) {
    const std::string text = setting(name, otherwise);
    const int value = std::atoi(text.c_str());
    if (value < least || value > most || std::to_string(value) != text)
        throw std::runtime_error(name + (" is " + text) + ": give a number from " + std::to_string(least) + " to " +
                                 std::to_string(most));
    return value;
}

struct Close {
    void operator()(sqlite3* database) const { sqlite3_close_v2(database); }  // rolls back what is open
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

[[noreturn]] static void fail(sqlite3* database) {
    throw std::runtime_error(std::string("SQLite: ") + sqlite3_errmsg(database));
}

/// Runs one statement.
static void run(sqlite3* database, const char* sql, const std::vector<std::string>& values = {}) {
    sqlite3_stmt* made = nullptr;
    if (sqlite3_prepare_v2(database, sql, -1, &made, nullptr) != SQLITE_OK) fail(database);
    const std::unique_ptr<sqlite3_stmt, Close> statement(made);
    int index = 0;
    for (const std::string& value : values)
        if (sqlite3_bind_text64(made, ++index, value.data(), value.size(), SQLITE_STATIC, SQLITE_UTF8) != SQLITE_OK)
            fail(database);
    if (sqlite3_step(made) != SQLITE_DONE) fail(database);
}

/// Your own database. Here each event opens it anew; a pool would do as well.
static std::unique_ptr<sqlite3, Close> open_database() {
    sqlite3* made = nullptr;
    const int result = sqlite3_open(setting("DATABASE", "exactly-once.db").c_str(), &made);
    std::unique_ptr<sqlite3, Close> database(made);
    if (result != SQLITE_OK) fail(made);
    sqlite3_busy_timeout(made, 5000);
    run(made, "CREATE TABLE IF NOT EXISTS calls (number INTEGER PRIMARY KEY, why TEXT, event TEXT)");
    run(made, "CREATE TABLE IF NOT EXISTS customers (id TEXT PRIMARY KEY, name TEXT)");
    return database;
}

/// What the event says of a customer, unless a newer one was here before it.
static void update_customer(sqlite3* database, const pivotal::Event& event) {
    if (!event.object().is_object() || !event.created_at) return;
    const std::string id = event.object().value("id", ""), name = event.object().value("name", "");
    if (pivotal::mark_newest(database, "customer/" + id, *event.created_at))
        run(database, "INSERT OR REPLACE INTO customers (id, name) VALUES (?, ?)", {id, name});
}

/// Plans a call to the customer; twice would be once too often. False: it was planned before.
static bool handle(const pivotal::Event& event) {
    const auto database = open_database();
    run(database.get(), "BEGIN IMMEDIATE");
    const bool first = pivotal::mark_processed(database.get(), event.id);
    if (first) {
        run(database.get(), "INSERT INTO calls (why, event) VALUES (?, ?)", {event.type, event.id});
        update_customer(database.get(), event);
        // So that you can kill it here, where the row is written and not yet committed.
        std::cout << "working on " + event.id + "\n" << std::flush;
        std::this_thread::sleep_for(std::chrono::seconds(number("HANDLER_SECONDS", "0", 0, 3600)));
    }
    run(database.get(), "COMMIT");
    return first;
}

int main(int argc, char** argv) try {
    const std::string_view asked = argc > 1 ? argv[1] : "";
    if (asked == "--calls" || asked == "--customers") {
        const auto print = [](void*, int, char** row, char**) {
            std::cout << row[0] << '\n';
            return 0;
        };
        const auto database = open_database();
        const char* const sql = asked == "--calls" ? "SELECT number || '. ' || why || ' · ' || event FROM calls"
                                                   : "SELECT id || ' · ' || name FROM customers";
        if (sqlite3_exec(database.get(), sql, print, nullptr, nullptr) != SQLITE_OK) fail(database.get());
        return 0;
    }
    const auto webhook = pivotal::Webhook::from_env();  // PIVOTAL_WEBHOOK_SECRET
    const auto receive = [&](const auto& request, auto& response, const httplib::ContentReader& read) {
        std::string body;
        if (!read([&](auto* data, auto size) { return body.append(data, size).size() <= 4 << 20; })) return;
        try {
            const pivotal::Event event = webhook.verify(body, request.headers);
            response.set_content(handle(event) ? "ok" : "duplicate", "text/plain");
        } catch (const pivotal::WebhookVerificationError& refusal) {
            std::cerr << refusal.what() << std::endl;
            const pivotal::Reply reply = pivotal::reply(refusal.code());
            response.status = reply.status;
            response.set_content(reply.body, "text/plain");
        } catch (const std::exception& error) {  // nothing was committed: Pivotal delivers it again
            std::cerr << error.what() << std::endl;
            response.status = 500;
        }
    };
    server.Post("/webhooks/pivotal", receive);  // by a ContentReader: httplib limits no chunked body
    server.set_exception_handler([](auto&, auto& reply, auto) { reply.status = 500; });
    server.set_keep_alive_max_count(1);  // what is left unread of an oversized body is no next request
    // Not httplib's own SO_REUSEPORT, which lets two receivers share a port unnoticed.
    server.set_socket_options([on = 1](auto s) { setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); });
    for (const int signal : {SIGINT, SIGTERM})
        std::signal(signal, [](int) { server.is_running() ? server.stop() : std::_Exit(0); });
    const int port = number("PORT", "8787", 1, 65535);
    if (!server.bind_to_port("127.0.0.1", port))
        throw std::runtime_error("port " + std::to_string(port) +
                                 " is in use, or may not be used: PORT= names another");
    std::cerr << "listening on http://127.0.0.1:" << port << "/webhooks/pivotal" << std::endl;
    return server.listen_after_bind() ? 0 : 1;
} catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
}
