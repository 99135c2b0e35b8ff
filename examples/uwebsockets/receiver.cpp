// SPDX-License-Identifier: MIT
// Receives Pivotal's webhooks with uWebSockets.
#include <uWebSockets/App.h>

#include <cstdlib>
#include <iostream>
#include <pivotal/webhook.hpp>

int main() try {
    const auto webhook = pivotal::Webhook::from_env();  // PIVOTAL_WEBHOOK_SECRET
    const std::string wanted = std::getenv("PORT") ? std::getenv("PORT") : "8787";
    const int port = std::atoi(wanted.c_str());
    if (port < 1 || port > 65535 || std::to_string(port) != wanted)
        throw std::runtime_error("PORT is " + wanted + ": give a number from 1 to 65535");

    struct Delivery {  // the request is gone when its handler returns, and the body comes later
        std::map<std::string, std::string> headers;
        std::string body;
    };
    const auto receive = [&](auto* response, auto* request) {
        const auto delivery = std::make_shared<Delivery>();
        for (const auto& [name, value] : *request) delivery->headers.emplace(name, value);
        response->onAborted([] {});
        response->onData([&webhook, response, delivery](std::string_view piece, bool last) {
            if (delivery->body.append(piece).size() > 4 << 20) return void(response->close());
            if (!last) return;
            std::error_code error;
            const auto event = webhook.verify(delivery->body, delivery->headers, error);
            if (event) std::cout << event->type + " · " + event->id + "\n" << std::flush;
            if (error) std::cerr << error.message() + "\n";
            const pivotal::Reply reply = pivotal::reply(error);
            response->writeStatus(std::to_string(reply.status) + " ")->end(reply.body);
        });
    };
    const auto listening = [&](auto* socket) {
        if (!socket) throw std::runtime_error("port " + wanted + " is in use, or may not be used: PORT= names another");
    };
    uWS::App()
        .post("/webhooks/pivotal", receive)
        .listen("127.0.0.1", port, LIBUS_LISTEN_EXCLUSIVE_PORT, listening)
        .run();
} catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
}
