// SPDX-License-Identifier: MIT
// fill ADDRESS: makes an inbox in which an event is done, one dead, one waits for a retry, one runs and two are ready.
#include <chrono>
#include <iostream>
#include <string>

#if defined(PIVOTAL_TEST_sqlite)
#include <pivotal/stores/sqlite.hpp>
using Inbox = pivotal::SqliteInbox;
#else
#include <pivotal/stores/postgres.hpp>
using Inbox = pivotal::PostgresInbox;
#endif

int main(int, char** argv) try {
    Inbox inbox(argv[1]);
    const auto put = [&](const std::string& id, const std::string& type) {
        const std::string body = R"({"id":")" + id + R"(","type":")" + type + R"("})";
        pivotal::Event event = pivotal::Event::parse(body);
        event.delivery.message_id = "msg_of_" + id;
        inbox.put(event, body);
    };
    const auto take = [&](const std::string& id) {
        put(id, "customer.created");
        const auto job = inbox.take(std::chrono::hours(1));
        if (!job || job->event.id != id) throw std::runtime_error("another event was taken than " + id);
        return *job;
    };
    inbox.done(take("evt_1"));
    inbox.bury(take("evt_2"), "no such customer");
    inbox.retry(take("evt_3"), std::chrono::hours(1), "the mail server is away");
    take("evt_4");
    put("evt_5", "task.completed");
    put("evt_6", "task.completed");
} catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
}
