// SPDX-License-Identifier: MIT
#include <httplib.h>

#include <csignal>
#include <iostream>
#include <pivotal/webhook.hpp>

static httplib::Server server;  // here, so that a signal can stop it

int main() try {
    const auto webhook = pivotal::Webhook::from_env();  // PIVOTAL_WEBHOOK_SECRET
    const auto receive = [&](const auto& request, auto& response, const httplib::ContentReader& read) {
        std::string body;
        if (!read([&](auto* data, auto size) { return body.append(data, size).size() <= 4 << 20; })) return;
        pivotal::Reply reply = pivotal::reply({});
        try {
            const pivotal::Event event = webhook.verify(body, request.headers);
            std::cout << event.type + " · " + event.id + "\n" << std::flush;
        } catch (const pivotal::WebhookVerificationError& refusal) {
            std::cerr << refusal.what() << std::endl;
            reply = pivotal::reply(refusal.code());
        }
        response.status = reply.status;
        response.set_content(reply.body, "text/plain");
    };
    server.Post("/webhooks/pivotal", receive);  // by a ContentReader: httplib refuses forms of over 8 KiB
    server.set_exception_handler([](auto&, auto& r, auto) { r.status = 500, r.body = "internal error"; });
    server.set_keep_alive_max_count(1);  // what is left unread of an oversized body is no next request
    // Not httplib's own SO_REUSEPORT, which lets two receivers share a port unnoticed.
    server.set_socket_options([on = 1](auto s) { setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); });
    for (const int signal : {SIGINT, SIGTERM})
        std::signal(signal, [](int) { server.is_running() ? server.stop() : std::_Exit(0); });
    const std::string wanted = std::getenv("PORT") ? std::getenv("PORT") : "8787";
    const int port = std::atoi(wanted.c_str());
    if (port < 1 || port > 65535 || std::to_string(port) != wanted)
        throw std::runtime_error("PORT is " + wanted + ": give a number from 1 to 65535");
    if (!server.bind_to_port("127.0.0.1", port))
        throw std::runtime_error("port " + wanted + " is in use, or may not be used: PORT= names another");
    std::cerr << "listening on http://127.0.0.1:" << port << "/webhooks/pivotal" << std::endl;
    return server.listen_after_bind() ? 0 : 1;
} catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
}
