// SPDX-License-Identifier: MIT
// Receives Pivotal's webhooks with Boost.Beast, in C++20 coroutines.
#include <utility>  // Boost 1.74 forgets it

#include <boost/asio.hpp>
#include <boost/beast.hpp>
#include <cstdlib>
#include <iostream>
#include <pivotal/webhook.hpp>

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::use_awaitable;

pivotal::Reply receive(const http::request<http::string_body>& request, const pivotal::Webhook& webhook) {
    if (request.method() != http::verb::post || request.target() != "/webhooks/pivotal") return {404, "not found"};
    std::error_code error;
    const auto header = [&](const char* name) { return request[name]; };
    const auto event = webhook.verify(request.body(), header, error);
    if (event) std::cout << event->type + " · " + event->id + "\n" << std::flush;
    if (error) std::cerr << error.message() + "\n";
    return pivotal::reply(error);
}

asio::awaitable<void> converse(boost::beast::tcp_stream client, const pivotal::Webhook& webhook) try {
    boost::beast::flat_buffer buffer;
    for (bool again = true; again;) {
        http::request_parser<http::string_body> parser;
        parser.body_limit(4 << 20);  // 1 MB without this
        client.expires_after(std::chrono::seconds(30));
        co_await http::async_read(client, buffer, parser, use_awaitable);
        const pivotal::Reply reply = receive(parser.get(), webhook);
        http::response<http::string_body> response(http::status(reply.status), 11, reply.body);
        response.keep_alive(again = parser.keep_alive());
        response.prepare_payload();
        co_await http::async_write(client, response, use_awaitable);
    }
} catch (const boost::system::system_error&) {
    // The client is gone, too slow, or does not speak HTTP.
}

int main() try {
    const auto webhook = pivotal::Webhook::from_env();  // PIVOTAL_WEBHOOK_SECRET
    const std::string wanted = std::getenv("PORT") ? std::getenv("PORT") : "8787";
    const int port = std::atoi(wanted.c_str());
    if (port < 1 || port > 65535 || std::to_string(port) != wanted)
        throw std::runtime_error("PORT is " + wanted + ": give a number from 1 to 65535");
    asio::thread_pool worker(1);  // one thread: with more, every client would need a strand
    asio::ip::tcp::acceptor acceptor(worker, {asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(port)});
    for (;;) co_spawn(worker, converse(boost::beast::tcp_stream(acceptor.accept()), webhook), asio::detached);
} catch (const boost::system::system_error& error) {
    std::cerr << error.what() << ": PORT= names another port" << std::endl;
    return 1;
} catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
}
