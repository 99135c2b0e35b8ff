// SPDX-License-Identifier: MIT
#include <httplib.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli.hpp"

namespace {

struct ListenOptions {
    int port = 8787;
    bool json = false;
    std::string save;
};

class Listener {
public:
    Listener(const ListenOptions& options, std::string secrets)
        : options_(options), secrets_(std::move(secrets)), webhook_(secrets_), colours_(::colours(STDOUT_FILENO)) {}

    pivotal::Webhook& webhook() { return webhook_; }

    pivotal::Reply receive(const httplib::Request& request, std::string body) {
        Delivery delivery;
        for (const auto& [name, value] : request.headers)
            if (!is_added(name)) delivery.headers.emplace_back(name, value);
        delivery.body = std::move(body);
        delivery.received = std::chrono::floor<std::chrono::seconds>(pivotal::Clock::now());
        Outcome outcome;
        try {
            outcome.event = webhook_.verify(delivery.body, delivery.headers);
        } catch (const pivotal::WebhookVerificationError& refusal) {
            outcome.error = refusal.code();
            outcome.reason = refusal.what();
            outcome.found = pivotal::diagnose(secrets_, delivery.body, delivery.headers);
            // Whoever sent it may claim anything: this is shown to find the delivery again, and nothing else.
            std::error_code no_event;
            if (delivery.body.size() <= max_claim) outcome.claimed = pivotal::Event::parse(delivery.body, no_event);
        }
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!options_.save.empty()) outcome.file = save(request.path, delivery);
        try {
            options_.json ? print_json(delivery, outcome) : print(delivery, outcome);
        } catch (const std::ios::failure&) {
            throw write_error("standard output");
        }
        return pivotal::reply(outcome.error);
    }

private:
    static constexpr std::size_t max_claim = std::size_t{1} << 20;  // of a body that is parsed unverified

    struct Outcome {
        std::optional<pivotal::Event> event, claimed;  // verified; or what a refused delivery says that it is
        std::error_code error;
        std::string reason, file;
        std::vector<pivotal::Diagnosis> found;
    };

    // Not the sender's: httplib puts these among the headers, and `listen` the last.
    static bool is_added(const std::string& name) {
        for (const std::string_view added : {"REMOTE_ADDR", "REMOTE_PORT", "LOCAL_ADDR", "LOCAL_PORT"})
            if (name == added) return true;
        return is_same_name(name, received_header);
    }

    std::string save(const std::string& path, const Delivery& delivery) {
        const std::string file =
            (std::filesystem::path(options_.save) /
             (std::to_string(delivery.received->time_since_epoch().count()) + "-" + random_id("delivery_") + ".http"))
                .string();
        std::ofstream stream(file, std::ios::binary);
        stream << write_delivery(path, delivery);
        if (!stream.flush()) throw write_error(file);
        return file;
    }

    void print(const Delivery& delivery, const Outcome& outcome) const {
        std::cout << iso8601(*delivery.received) << "  ";
        if (outcome.event)
            std::cout << named(*outcome.event) << "  " << coloured("verified", 32, colours_);
        else
            std::cout << coloured(outcome.reason, 31, colours_);
        if (!outcome.file.empty()) std::cout << "  " << outcome.file;
        std::cout << '\n';
        if (outcome.claimed) std::cout << "    claims to be, unverified: " << named(*outcome.claimed) << '\n';
        for (const auto& one : outcome.found)
            std::cout << "    " << coloured(to_string(one.finding), 33, colours_) << ": " << one.explanation << '\n';
        std::cout.flush();
    }

    static std::string named(const pivotal::Event& event) { return printable(event.type) + "  " + printable(event.id); }

    static void print_json(const Delivery& delivery, const Outcome& outcome) {
        nlohmann::ordered_json line = {{"time", iso8601(*delivery.received)}, {"verified", outcome.event.has_value()}};
        if (outcome.event) {
            line["type"] = outcome.event->type;
            line["id"] = outcome.event->id;
            line["message_id"] = outcome.event->delivery.message_id;
        } else {
            line["error"] = outcome.error.message();
            line["reason"] = outcome.reason;
            if (outcome.claimed) line["unverified"] = {{"type", outcome.claimed->type}, {"id", outcome.claimed->id}};
            line["findings"] = nlohmann::ordered_json::array();
            for (const auto& one : outcome.found)
                line["findings"].push_back({{"finding", to_string(one.finding)}, {"explanation", one.explanation}});
        }
        if (!outcome.file.empty()) line["file"] = outcome.file;
        // Control characters are escaped by JSON, and all that is not ASCII here.
        std::cout << line.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace) << std::endl;
    }

    const ListenOptions& options_;
    std::string secrets_;
    pivotal::Webhook webhook_;
    bool colours_;
    std::mutex mutex_;
};

int listen(const ListenOptions& options, const std::string& secrets) {
    ::umask(077);  // what is saved is for its owner alone
    std::error_code problem;
    if (!options.save.empty()) std::filesystem::create_directories(options.save, problem);
    if (problem) throw UsageError("cannot make the folder " + options.save + ": " + problem.message());
    Listener listener(options, secrets);

    // Ctrl-C ends it; every thread that is started from here on leaves the signals to the waiting one.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);

    std::once_flag failed;
    std::exception_ptr failure;
    httplib::Server server;
    // Without SO_REUSEPORT, which would let two listeners share a port.
    server.set_socket_options([](socket_t socket) {
        const int yes = 1;
        setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    server.set_payload_max_length(std::size_t{16} << 20);
    // A content reader takes a body of any type as it is; a handler without one would parse forms.
    server.Post(
        ".*", [&](const httplib::Request& request, httplib::Response& response, const httplib::ContentReader& content) {
            std::string body;
            // Without any of the two there is no body, but httplib would wait for one.
            if (request.has_header("content-length") || request.has_header("transfer-encoding"))
                content([&](const char* data, std::size_t size) {
                    body.append(data, size);
                    return true;
                });
            pivotal::Reply reply;
            try {
                reply = listener.receive(request, std::move(body));
            } catch (...) {  // it was not printed or saved: the sender is to try again, and the user is to know
                std::call_once(failed, [&] { failure = std::current_exception(); });
                server.stop();
            }
            response.status = reply.status;
            response.set_content(reply.body, "text/plain");
        });
    int port = options.port;
    if (port == 0)
        port = server.bind_to_any_port("127.0.0.1");
    else if (!server.bind_to_port("127.0.0.1", port))
        throw UsageError("cannot listen on 127.0.0.1:" + std::to_string(port) +
                         ": the port is in use, or not allowed; --port 0 takes any free one");
    std::cerr << "listening on http://127.0.0.1:" << port << "/webhooks/pivotal (any path); Ctrl-C ends it"
              << std::endl;
    std::thread waiter([&] {
        int signal = 0;
        sigwait(&signals, &signal);
        server.stop();
    });
    server.listen_after_bind();
    ::kill(::getpid(), SIGTERM);  // for the waiter, where the server ended by itself
    waiter.join();
    if (failure) std::rethrow_exception(failure);
    return status_valid;
}

}  // namespace

void add_listen(CLI::App& app, const CommonOptions& common, int& status) {
    auto options = std::make_shared<ListenOptions>();
    CLI::App* const command = app.add_subcommand("listen", "Receives deliveries on 127.0.0.1 and prints each.");
    command->add_option("--port", options->port, "0 takes any free one")
        ->capture_default_str()
        ->check(CLI::Range(0, 65535));
    command->add_flag("--json", options->json, "one line of JSON for each delivery");
    command->add_option("--save", options->save, "a folder to keep the raw deliveries in");
    command->footer(
        "A delivery that is refused is explained, and shown with the type and id that it claims to have, which "
        "are not verified.\n\n"
        "Examples:\n"
        "  pivotal-webhook listen\n"
        "  pivotal-webhook listen --port 8787 --json --save deliveries");
    command->callback([&status, &common, options] { status = listen(*options, read_secrets(common.secret_file)); });
}
