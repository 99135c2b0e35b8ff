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
    const QString port = qEnvironmentVariable("PORT", "8787");

    QHttpServer server;
    using Method = QHttpServerRequest::Method;
    server.route("/webhooks/pivotal", Method::Post, [&](const QHttpServerRequest& request) {
        const auto header = [&](const char* name) { return request.value(name); };
        std::error_code error;
        const auto event = webhook.verify(request.body(), header, error);
        if (event) std::cout << event->type + " · " + event->id + "\n" << std::flush;
        if (error) std::cerr << error.message() + "\n";
        const int status = pivotal::http_status(error);
        const char* const text = event ? "ok" : status == 400 ? "malformed event" : "invalid signature";
        return QHttpServerResponse("text/plain", text, QHttpServerResponse::StatusCode(status));
    });

    auto* const listener = new QTcpServer(&server);
    if (!listener->listen(QHostAddress::LocalHost, port.toUShort()))
        throw std::runtime_error("cannot listen on port " +
                                 (port + ": " + listener->errorString()).toStdString());
    server.bind(listener);
    return application.exec();
} catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
}
