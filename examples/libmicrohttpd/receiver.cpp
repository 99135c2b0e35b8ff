// SPDX-License-Identifier: MIT
// Receives Pivotal's webhooks with GNU libmicrohttpd.
#include <arpa/inet.h>
#include <microhttpd.h>

#include <cstring>
#include <future>
#include <iostream>
#include <pivotal/webhook.hpp>

MHD_Result answer(MHD_Connection* client, const pivotal::Reply& reply) {
    MHD_Response* const response =
        MHD_create_response_from_buffer(std::strlen(reply.body), const_cast<char*>(reply.body), MHD_RESPMEM_PERSISTENT);
    const MHD_Result result = MHD_queue_response(client, static_cast<unsigned>(reply.status), response);
    MHD_destroy_response(response);
    return result;
}

/// Called when the headers are there, for each piece of the body, and at its end; `state` holds the body.
MHD_Result receive(void* webhook, MHD_Connection* client, const char* path, const char* method, const char*,
                   const char* piece, std::size_t* size, void** state) {
    if (std::strcmp(method, "POST") != 0 || std::strcmp(path, "/webhooks/pivotal") != 0)
        return answer(client, {404, "not found"});
    if (!*state) return *state = new std::string, MHD_YES;
    auto& body = *static_cast<std::string*>(*state);
    if (body.size() + *size > 4 << 20) return MHD_NO;  // closes the connection: there is no other limit
    if (*size > 0) return body.append(piece, std::exchange(*size, 0)), MHD_YES;
    const auto header = [&](auto* name) { return MHD_lookup_connection_value(client, MHD_HEADER_KIND, name); };
    std::error_code error;
    const auto event = static_cast<const pivotal::Webhook*>(webhook)->verify(body, header, error);
    if (event) std::cout << event->type + " · " + event->id + "\n" << std::flush;
    if (error) std::cerr << error.message() + "\n";
    return answer(client, pivotal::reply(error));
}

int main() try {
    auto webhook = pivotal::Webhook::from_env();  // PIVOTAL_WEBHOOK_SECRET
    const std::string wanted = std::getenv("PORT") ? std::getenv("PORT") : "8787";
    const int port = std::atoi(wanted.c_str());
    if (port < 1 || port > 65535 || std::to_string(port) != wanted)
        throw std::runtime_error("PORT is " + wanted + ": give a number from 1 to 65535");
    const sockaddr_in here{AF_INET, htons(static_cast<std::uint16_t>(port)), {htonl(INADDR_LOOPBACK)}, {}};
    const MHD_RequestCompletedCallback forget = [](void*, MHD_Connection*, void** state, auto) {
        delete static_cast<std::string*>(*state);
    };
    if (!MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD, 0, nullptr, nullptr, receive, &webhook, MHD_OPTION_SOCK_ADDR,
                          &here, MHD_OPTION_NOTIFY_COMPLETED, forget, nullptr, MHD_OPTION_END))
        throw std::system_error(errno, std::generic_category(),
                                "cannot listen on port " + wanted + ", PORT= names another");
    std::promise<void>().get_future().wait();  // until the process is stopped
} catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
}
