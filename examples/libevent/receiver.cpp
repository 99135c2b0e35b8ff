// SPDX-License-Identifier: MIT
// Receives Pivotal's webhooks with libevent's evhttp.
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>

#include <cerrno>
#include <cstdlib>
#include <iostream>

#include <pivotal/webhook.hpp>

void receive(evhttp_request* request, void* webhook) {
    evbuffer* const input = evhttp_request_get_input_buffer(request);
    const pivotal::Body body(evbuffer_pullup(input, -1), evbuffer_get_length(input));
    const auto header = [headers = evhttp_request_get_input_headers(request)](const char* name) {
        return evhttp_find_header(headers, name);
    };
    std::error_code error;
    const auto event = static_cast<const pivotal::Webhook*>(webhook)->verify(body, header, error);
    if (event) std::cout << event->type + " · " + event->id + "\n" << std::flush;
    if (error) std::cerr << error.message() + "\n";
    const pivotal::Reply reply = pivotal::reply(error);
    evbuffer_add_printf(evhttp_request_get_output_buffer(request), "%s", reply.body);
    evhttp_send_reply(request, reply.status, nullptr, nullptr);
}

int main() try {
    auto webhook = pivotal::Webhook::from_env();  // PIVOTAL_WEBHOOK_SECRET
    const std::string wanted = std::getenv("PORT") ? std::getenv("PORT") : "8787";
    const int port = std::atoi(wanted.c_str());
    if (port < 1 || port > 65535 || std::to_string(port) != wanted)
        throw std::runtime_error("PORT is " + wanted + ": give a number from 1 to 65535");

    event_base* const base = event_base_new();
    evhttp* const server = evhttp_new(base);
    evhttp_set_allowed_methods(server, EVHTTP_REQ_POST);
    evhttp_set_max_body_size(server, 4 << 20);  // no limit without this
    evhttp_set_timeout(server, 30);
    evhttp_set_cb(server, "/webhooks/pivotal", receive, &webhook);
    if (evhttp_bind_socket(server, "127.0.0.1", static_cast<std::uint16_t>(port)) != 0)
        throw std::system_error(errno, std::generic_category(),
                                "cannot listen on port " + wanted + ", PORT= names another");
    event_base_dispatch(base);
} catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
}
