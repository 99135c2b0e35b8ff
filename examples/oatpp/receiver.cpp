// SPDX-License-Identifier: MIT
// Receives Pivotal's webhooks with oat++.
#include <cstdlib>
#include <iostream>
#include <oatpp/Environment.hpp>
#include <oatpp/network/Server.hpp>
#include <oatpp/network/tcp/server/ConnectionProvider.hpp>
#include <oatpp/web/server/HttpConnectionHandler.hpp>
#include <oatpp/web/server/HttpRouter.hpp>
#include <pivotal/webhook.hpp>

namespace http = oatpp::web::protocol::http;

struct Receiver : oatpp::web::server::HttpRequestHandler {
    std::shared_ptr<OutgoingResponse> handle(const std::shared_ptr<IncomingRequest>& request) override {
        const oatpp::String body = request->readBodyToString();
        const auto header = [&](const char* name) { return request->getHeader(name); };
        std::error_code error;
        const auto event = webhook.verify(*body, header, error);
        if (event) std::cout << event->type + " · " + event->id + "\n" << std::flush;
        if (error) std::cerr << error.message() + "\n";
        const pivotal::Reply reply = pivotal::reply(error);
        return ResponseFactory::createResponse(http::Status(reply.status, ""), reply.body);
    }

    const pivotal::Webhook webhook = pivotal::Webhook::from_env();  // PIVOTAL_WEBHOOK_SECRET
};

auto listen_on(std::uint16_t port) try {
    return oatpp::network::tcp::server::ConnectionProvider::createShared({"127.0.0.1", port});
} catch (const std::exception& error) {
    throw std::runtime_error(std::string(error.what()) + ": PORT= names another port");
}

void run(std::uint16_t port) {
    const auto router = oatpp::web::server::HttpRouter::createShared();
    router->route("POST", "/webhooks/pivotal", std::make_shared<Receiver>());
    const auto handler = oatpp::web::server::HttpConnectionHandler::createShared(router);
    oatpp::network::Server(listen_on(port), handler).run();
}

int main() try {
    const std::string wanted = std::getenv("PORT") ? std::getenv("PORT") : "8787";
    const int port = std::atoi(wanted.c_str());
    if (port < 1 || port > 65535 || std::to_string(port) != wanted)
        throw std::runtime_error("PORT is " + wanted + ": give a number from 1 to 65535");
    oatpp::Environment::init();
    run(static_cast<std::uint16_t>(port));
    oatpp::Environment::destroy();
} catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
}
