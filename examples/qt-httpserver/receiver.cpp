// SPDX-License-Identifier: MIT
// Receives Pivotal's webhooks with Qt HttpServer.
#include <QCoreApplication>
#include <QHttpServer>
#include <QTcpServer>

#include <iostream>

#include <pivotal/webhook.hpp>

int main(int argc, char** argv) try {
    QCoreApplication application(argc, argv);
    const auto webhook = pivotal::Webhook::from_env();  // PIVOTAL_WEBHOOK_SECRET
    const std::string wanted = std::getenv("PORT") ? std::getenv("PORT") : "8787";
    const int port = std::atoi(wanted.c_str());
    if (port < 1 || port > 65535 || std::to_string(port) != wanted)
        throw std::runtime_error("PORT is " + wanted + ": give a number from 1 to 65535");

    QHttpServer server;
    using Method = QHttpServerRequest::Method;
    server.route("/webhooks/pivotal", Method::Post, [&](const QHttpServerRequest& request) {
        const auto header = [&](const char* name) { return request.value(name); };
        std::error_code error;
        const auto event = webhook.verify(request.body(), header, error);
        if (event) std::cout << event->type + " · " + event->id + "\n" << std::flush;
        if (error) std::cerr << error.message() + "\n";
        const pivotal::Reply reply = pivotal::reply(error);
        return QHttpServerResponse("text/plain", reply.body, QHttpServerResponse::StatusCode(reply.status));
    });

    auto* const listener = new QTcpServer(&server);
    if (!listener->listen(QHostAddress::LocalHost, static_cast<quint16>(port)))
        throw std::runtime_error("cannot listen on port " + wanted +
                                 ", PORT= names another: " + listener->errorString().toStdString());
    server.bind(listener);
    return application.exec();
} catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
}
