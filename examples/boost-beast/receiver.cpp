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
using asio::ip::tcp;
using Response = http::response<http::string_body>;

Response answer(const http::request<http::string_body>& request, const pivotal::Webhook& webhook) {
    if (request.method() != http::verb::post || request.target() != "/webhooks/pivotal")
        return {http::status::not_found, request.version(), "not found"};
    std::error_code error;
    const auto event = webhook.verify(
        request.body(), [&](const char* name) { return request[name]; }, error);
    if (event) std::cout << event->type + " · " + event->id + "\n" << std::flush;
    if (error) std::cerr << error.message() + "\n";
    const int status = pivotal::http_status(error);
    const char* const text = event ? "ok" : status == 400 ? "malformed event" : "invalid signature";
    return {http::status(status), request.version(), text};
}

asio::awaitable<void> converse(boost::beast::tcp_stream client, const pivotal::Webhook& webhook) try {
    boost::beast::flat_buffer buffer;
    for (bool again = true; again;) {
        http::request_parser<http::string_body> parser;
        parser.body_limit(4 << 20);  // 1 MB without this
        client.expires_after(std::chrono::seconds(30));
        co_await http::async_read(client, buffer, parser, use_awaitable);
        Response response = answer(parser.get(), webhook);
        response.keep_alive(again = parser.keep_alive());
        response.prepare_payload();
        co_await http::async_write(client, response, use_awaitable);
    }
} catch (const boost::system::system_error&) {
    // The client is gone, too slow, or does not speak HTTP.
}

asio::awaitable<void> listen(tcp::acceptor acceptor, const pivotal::Webhook& webhook) {
    for (;;) {
        boost::beast::tcp_stream client(co_await acceptor.async_accept(use_awaitable));
        asio::co_spawn(acceptor.get_executor(), converse(std::move(client), webhook), asio::detached);
    }
}

int main() try {
    const auto webhook = pivotal::Webhook::from_env();  // PIVOTAL_WEBHOOK_SECRET
    const std::string port = std::getenv("PORT") ? std::getenv("PORT") : "8787";
    asio::io_context context;
    const tcp::endpoint here = *tcp::resolver(context).resolve("127.0.0.1", port).begin();
    const auto rethrow = [](std::exception_ptr problem) {
        if (problem) std::rethrow_exception(problem);
    };
    asio::co_spawn(context, listen(tcp::acceptor(context, here), webhook), rethrow);
    context.run();
} catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
}
