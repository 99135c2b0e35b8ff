// SPDX-License-Identifier: MIT
// Receives Pivotal's webhooks with Crow.
#include <crow.h>

#include <cstdlib>
#include <iostream>
#include <pivotal/webhook.hpp>

int main() try {
    const auto webhook = pivotal::Webhook::from_env();  // PIVOTAL_WEBHOOK_SECRET
    const std::string wanted = std::getenv("PORT") ? std::getenv("PORT") : "8787";
    const int port = std::atoi(wanted.c_str());
    if (port < 1 || port > 65535 || std::to_string(port) != wanted)
        throw std::runtime_error("PORT is " + wanted + ": give a number from 1 to 65535");

    crow::SimpleApp app;
    app.loglevel(crow::LogLevel::Warning);
    CROW_ROUTE(app, "/webhooks/pivotal").methods("POST"_method)([&](const crow::request& request) {
        std::error_code error;
        const auto event = webhook.verify(request.body, request.headers, error);
        if (event) std::cout << event->type + " · " + event->id + "\n" << std::flush;
        if (error) std::cerr << error.message() + "\n";
        const pivotal::Reply reply = pivotal::reply(error);
        return crow::response(reply.status, reply.body);
    });
    app.bindaddr("127.0.0.1").port(static_cast<std::uint16_t>(port)).multithreaded().run();
    if (!app.is_bound()) throw std::runtime_error("PORT= names another port");  // Crow has said why
} catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
}
