// SPDX-License-Identifier: MIT
// Receives Pivotal's webhooks with CivetWeb.
#include <CivetServer.h>

#include <cstdlib>
#include <cstring>
#include <future>
#include <iostream>

#include <pivotal/webhook.hpp>

struct Receiver : CivetHandler {
    bool handlePost(CivetServer*, mg_connection* client) override {
        std::string body;  // CivetWeb has no limit; a body that is cut off is not authentic
        char piece[16384];
        for (int n; body.size() < 4 << 20 && (n = mg_read(client, piece, sizeof piece)) > 0;)
            body.append(piece, static_cast<std::size_t>(n));

        const auto header = [&](const char* name) { return mg_get_header(client, name); };
        std::error_code error;
        const auto event = webhook.verify(body, header, error);
        if (event) std::cout << event->type + " · " + event->id + "\n" << std::flush;
        if (error) std::cerr << error.message() + "\n";
        const pivotal::Reply reply = pivotal::reply(error);
        mg_response_header_start(client, reply.status);
        mg_response_header_add(client, "Content-Length", std::to_string(std::strlen(reply.body)).c_str(), -1);
        mg_response_header_send(client);
        mg_write(client, reply.body, std::strlen(reply.body));
        return true;
    }

    const pivotal::Webhook webhook = pivotal::Webhook::from_env();  // PIVOTAL_WEBHOOK_SECRET
};

int main() try {
    const std::string wanted = std::getenv("PORT") ? std::getenv("PORT") : "8787";
    const int port = std::atoi(wanted.c_str());
    if (port < 1 || port > 65535 || std::to_string(port) != wanted)
        throw std::runtime_error("PORT is " + wanted + ": give a number from 1 to 65535");
    Receiver receiver;
    CivetServer server({"listening_ports", "127.0.0.1:" + std::to_string(port), "num_threads", "8"});
    server.addHandler("/webhooks/pivotal$", receiver);
    std::promise<void>().get_future().wait();  // until the process is stopped
} catch (const CivetException& error) {
    std::cerr << error.what() << " PORT= names another." << std::endl;
    return 1;
} catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
}
