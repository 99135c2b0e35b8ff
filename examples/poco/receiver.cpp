// SPDX-License-Identifier: MIT
// Receives Pivotal's webhooks with POCO.
#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>

#include <cstdlib>
#include <future>
#include <iostream>
#include <pivotal/webhook.hpp>

using namespace Poco::Net;

struct Receiver : HTTPRequestHandler {
    void handleRequest(HTTPServerRequest& request, HTTPServerResponse& response) override {
        std::string body;  // POCO has no limit; a body that is cut off is not authentic
        char piece[16384];
        while (body.size() < 4 << 20 && (request.stream().read(piece, sizeof piece), request.stream().gcount() > 0))
            body.append(piece, static_cast<std::size_t>(request.stream().gcount()));
        response.setKeepAlive(body.size() < 4 << 20);  // what was not read is no next request
        std::error_code error;
        const auto event = webhook.verify(body, request, error);
        if (event) std::cout << event->type + " · " + event->id + "\n" << std::flush;
        if (error) std::cerr << error.message() + "\n";
        const pivotal::Reply reply = pivotal::reply(error);
        response.setStatusAndReason(HTTPResponse::HTTPStatus(reply.status));
        response.send() << reply.body;
    }

    explicit Receiver(const pivotal::Webhook& verifier) : webhook(verifier) {}
    const pivotal::Webhook& webhook;
};

struct Router : HTTPRequestHandlerFactory {
    HTTPRequestHandler* createRequestHandler(const HTTPServerRequest& request) override {
        const bool ours = request.getMethod() == "POST" && request.getURI() == "/webhooks/pivotal";
        return ours ? new Receiver(webhook) : nullptr;  // null: 501
    }
    const pivotal::Webhook webhook = pivotal::Webhook::from_env();  // PIVOTAL_WEBHOOK_SECRET
};

int main() try {
    const std::string wanted = std::getenv("PORT") ? std::getenv("PORT") : "8787";
    const int port = std::atoi(wanted.c_str());
    if (port < 1 || port > 65535 || std::to_string(port) != wanted)
        throw std::runtime_error("PORT is " + wanted + ": give a number from 1 to 65535");
    ServerSocket socket;
    const SocketAddress here("127.0.0.1", static_cast<std::uint16_t>(port));
    socket.bind(here, true, false);  // else two receivers could share the port
    socket.listen();
    HTTPServer server(new Router, socket, new HTTPServerParams);
    server.start();
    std::promise<void>().get_future().wait();  // until the process is stopped
} catch (const std::exception& error) {
    const auto* const poco = dynamic_cast<const Poco::Exception*>(&error);  // its what() says less
    std::cerr << (poco ? poco->displayText() + ": PORT= names another port" : error.what()) << std::endl;
    return 1;
}
