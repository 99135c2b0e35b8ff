// SPDX-License-Identifier: MIT
// Receives Pivotal's webhooks with Crow.
#include <crow.h>

#include <cstdlib>
#include <iostream>
#include <pivotal/webhook.hpp>

int main() try {
    const auto webhook = pivotal::Webhook::from_env();  // PIVOTAL_WEBHOOK_SECRET
    const std::string port = std::getenv("PORT") ? std::getenv("PORT") : "8787";

    crow::SimpleApp app;
    app.loglevel(crow::LogLevel::Warning);
    CROW_ROUTE(app, "/webhooks/pivotal").methods("POST"_method)([&](const crow::request& request) {
        std::error_code error;
        const auto event = webhook.verify(request.body, request.headers, error);
        if (event) std::cout << event->type + " · " + event->id + "\n" << std::flush;
        if (error) std::cerr << error.message() + "\n";
        const int status = pivotal::http_status(error);
        const char* const text = event ? "ok" : status == 400 ? "malformed event" : "invalid signature";
        return crow::response(status, text);
    });
    app.bindaddr("127.0.0.1").port(static_cast<std::uint16_t>(std::stoi(port))).multithreaded().run();
    return app.is_bound() ? 0 : 1;  // Crow has said why
} catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
}
