// SPDX-License-Identifier: MIT
// Accept now, work later: the delivery is answered when the event is on the disk, and a worker handles it.
#include <httplib.h>

#include <csignal>
#include <iostream>
#include <pivotal/inbox_worker.hpp>
#include <pivotal/receiver.hpp>
#include <pivotal/stores/sqlite.hpp>
#include <thread>

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

int main() try {
    const auto log = [](const pivotal::Observation& seen) {
        if (seen.is_incident()) std::cerr << seen.event_id + ": " + seen.error + "\n" << std::flush;
    };
    const auto inbox = std::make_shared<pivotal::SqliteInbox>(setting("DATABASE", "inbox.db"));
    pivotal::ReceiverOptions receiver_options;
    receiver_options.observer = log;
    pivotal::Receiver receiver(pivotal::Webhook::from_env(), inbox,
                               receiver_options);  // PIVOTAL_WEBHOOK_SECRET

    const auto receive = [&](const auto& request, auto& response, const httplib::ContentReader& read) {
        std::string body;
        if (!read([&](auto* data, auto size) { return body.append(data, size).size() <= 4 << 20; })) return;
        const pivotal::Reply reply = receiver.receive(body, request.headers);
        response.status = reply.status;
        response.set_content(reply.body, "text/plain");
    };
    server.Post("/webhooks/pivotal", receive);  // by a ContentReader: httplib limits no chunked body
    server.set_exception_handler([](auto&, auto& reply, auto) { reply.status = 500; });
    server.set_keep_alive_max_count(1);  // what is left unread of an oversized body is no next request
    // Not httplib's own SO_REUSEPORT, which lets two receivers share a port unnoticed.
    server.set_socket_options([on = 1](auto s) { setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); });
    for (const int signal : {SIGINT, SIGTERM})
        std::signal(signal, [](int) { server.is_running() ? server.stop() : std::_Exit(0); });
    // A slow handler: by default it takes longer than the 10 seconds that Pivotal waits for an answer.
    const std::chrono::seconds work(number("HANDLER_SECONDS", "20", 0, 3600));
    const int port = number("PORT", "8787", 1, 65535);
    if (!server.bind_to_port("127.0.0.1", port))
        throw std::runtime_error("port " + std::to_string(port) +
                                 " is in use, or may not be used: PORT= names another");

    const auto handle = [&](const pivotal::Event& event) {
        std::cout << "working on " + event.id + "\n" << std::flush;
        std::this_thread::sleep_for(work);
        std::cout << event.type + " · " + event.id + "\n" << std::flush;
    };
    pivotal::WorkerOptions worker_options;
    worker_options.lease = std::chrono::seconds(2);  // after a crash its event is taken up again so soon
    worker_options.observer = log;
    const pivotal::InboxWorker worker(inbox, handle, worker_options);

    std::cerr << "listening on http://127.0.0.1:" << port << "/webhooks/pivotal" << std::endl;
    return server.listen_after_bind() ? 0 : 1;  // and then the worker finishes what it has begun
} catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
}
