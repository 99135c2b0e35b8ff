// SPDX-License-Identifier: MIT
// Receives Pivotal's webhooks with the C++ REST SDK ("Casablanca").
#include <cpprest/http_listener.h>

#include <cstdlib>
#include <future>
#include <iostream>

#include <pivotal/webhook.hpp>

using namespace web::http;

int main() try {
    const auto webhook = pivotal::Webhook::from_env();  // PIVOTAL_WEBHOOK_SECRET
    const std::string wanted = std::getenv("PORT") ? std::getenv("PORT") : "8787";
    const int port = std::atoi(wanted.c_str());
    if (port < 1 || port > 65535 || std::to_string(port) != wanted)
        throw std::runtime_error("PORT is " + wanted + ": give a number from 1 to 65535");

    experimental::listener::http_listener listener("http://127.0.0.1:" + std::to_string(port) + "/webhooks/pivotal");
    listener.support(methods::POST, [&](http_request request) {
        if (request.relative_uri().path() != "/") return void(request.reply(status_codes::NotFound));
        const auto answer = [&webhook, request](const std::vector<unsigned char>& body) {
            std::error_code error;
            const auto event = webhook.verify(body, request.headers(), error);
            if (event) std::cout << event->type + " · " + event->id + "\n" << std::flush;
            if (error) std::cerr << error.message() + "\n";
            const pivotal::Reply reply = pivotal::reply(error);
            return request.reply(static_cast<status_code>(reply.status), reply.body);
        };
        request.extract_vector().then(answer).then([](const pplx::task<void>& answered) {
            try {
                answered.get();
            } catch (const std::exception& error) {  // one that nobody takes would end the process
                std::cerr << error.what() << std::endl;
            }
        });
    });
    try {
        listener.open().wait();
    } catch (const std::exception& error) {
        throw std::runtime_error(std::string(error.what()) + ": PORT= names another port");
    }
    std::promise<void>().get_future().wait();  // until the process is stopped
} catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
}
