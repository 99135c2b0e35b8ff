// SPDX-License-Identifier: MIT
// Receives Pivotal's webhooks with Pistache.
#include <pistache/endpoint.h>
#include <pistache/router.h>

#include <cstdlib>
#include <iostream>

#include <pivotal/webhook.hpp>

using namespace Pistache;

int main() try {
    const auto webhook = pivotal::Webhook::from_env();  // PIVOTAL_WEBHOOK_SECRET
    const std::string wanted = std::getenv("PORT") ? std::getenv("PORT") : "8787";
    const int port = std::atoi(wanted.c_str());
    if (port < 1 || port > 65535 || std::to_string(port) != wanted)
        throw std::runtime_error("PORT is " + wanted + ": give a number from 1 to 65535");

    Rest::Router router;
    Rest::Routes::Post(router, "/webhooks/pivotal", [&](const Rest::Request& request, Http::ResponseWriter response) {
        const auto header = [&](const char* name) {
            const auto raw = request.headers().tryGetRaw(name);
            return raw ? raw->value() : std::string();
        };
        std::error_code error;
        const auto event = webhook.verify(request.body(), header, error);
        if (event) std::cout << event->type + " · " + event->id + "\n" << std::flush;
        if (error) std::cerr << error.message() + "\n";
        const pivotal::Reply reply = pivotal::reply(error);
        response.send(Http::Code(reply.status), reply.body);
        return Rest::Route::Result::Ok;
    });

    Http::Endpoint server(Address("127.0.0.1:" + std::to_string(port)));
    server.init(Http::Endpoint::options()
                    .threads(2)
                    .flags(Tcp::Options::ReuseAddr)
                    .maxRequestSize(4 << 20));  // 4 kB without this
    server.setHandler(router.handler());
    try {
        server.serve();
    } catch (const std::exception& error) {
        throw std::runtime_error(std::string(error.what()) + ": PORT= names another port");
    }
} catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
}
