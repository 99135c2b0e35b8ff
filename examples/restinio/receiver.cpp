// SPDX-License-Identifier: MIT
// Receives Pivotal's webhooks with RESTinio.
#include <cstdlib>
#include <iostream>

#include <restinio/all.hpp>

#include <pivotal/webhook.hpp>

using Router = restinio::router::express_router_t<>;

struct Traits : restinio::default_single_thread_traits_t {
    using request_handler_t = Router;
};

int main() try {
    const auto webhook = pivotal::Webhook::from_env();  // PIVOTAL_WEBHOOK_SECRET
    const std::string wanted = std::getenv("PORT") ? std::getenv("PORT") : "8787";
    const int port = std::atoi(wanted.c_str());
    if (port < 1 || port > 65535 || std::to_string(port) != wanted)
        throw std::runtime_error("PORT is " + wanted + ": give a number from 1 to 65535");

    auto router = std::make_unique<Router>();
    router->http_post("/webhooks/pivotal", [&](const auto& request, const auto&) {
        const auto header = [&](const char* name) { return request->header().try_get_field(name); };
        std::error_code error;
        const auto event = webhook.verify(request->body(), header, error);
        if (event) std::cout << event->type + " · " + event->id + "\n" << std::flush;
        if (error) std::cerr << error.message() + "\n";
        const pivotal::Reply reply = pivotal::reply(error);
        const restinio::http_status_code_t code(static_cast<std::uint16_t>(reply.status));
        return request->create_response({code, reply.body}).set_body(reply.body).done();
    });

    try {
        restinio::run(restinio::on_this_thread<Traits>()
                          .address("127.0.0.1")
                          .port(static_cast<std::uint16_t>(port))
                          .incoming_http_msg_limits(restinio::incoming_http_msg_limits_t().max_body_size(4 << 20))
                          .request_handler(std::move(router)));
    } catch (const std::exception& error) {
        throw std::runtime_error(std::string(error.what()) + ": PORT= names another port");
    }
} catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
}
