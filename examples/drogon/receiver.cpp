// SPDX-License-Identifier: MIT
// Receives Pivotal's webhooks with Drogon.
#include <drogon/drogon.h>

#include <cstdlib>
#include <iostream>
#include <pivotal/webhook.hpp>

int main() try {
    const auto webhook = pivotal::Webhook::from_env();  // PIVOTAL_WEBHOOK_SECRET
    const std::string wanted = std::getenv("PORT") ? std::getenv("PORT") : "8787";
    const int port = std::atoi(wanted.c_str());
    if (port < 1 || port > 65535 || std::to_string(port) != wanted)
        throw std::runtime_error("PORT is " + wanted + ": give a number from 1 to 65535");

    using Answer = std::function<void(const drogon::HttpResponsePtr&)>;
    const auto receive = [&](const drogon::HttpRequestPtr& request, Answer&& answer) {
        std::error_code error;
        const auto event = webhook.verify(request->body(), request->headers(), error);
        if (event) std::cout << event->type + " · " + event->id + "\n" << std::flush;
        if (error) std::cerr << error.message() + "\n";
        const pivotal::Reply reply = pivotal::reply(error);
        const auto response = drogon::HttpResponse::newHttpResponse();
        response->setStatusCode(static_cast<drogon::HttpStatusCode>(reply.status));
        response->setContentTypeCode(drogon::CT_TEXT_PLAIN);
        response->setBody(reply.body);
        answer(response);
    };
    trantor::Logger::setOutputFunction(  // Drogon's own log, which would go where the events are printed
        [](const char* text, std::uint64_t size) { std::cerr.write(text, static_cast<long>(size)); },
        [] { std::cerr.flush(); });
    drogon::app()
        .registerHandler("/webhooks/pivotal", receive, {drogon::Post})
        .addListener("127.0.0.1", static_cast<std::uint16_t>(port))
        .setClientMaxBodySize(4 << 20)  // 1 MB without this
        .run();
} catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
}
