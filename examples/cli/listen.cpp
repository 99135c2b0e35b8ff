// SPDX-License-Identifier: MIT
#include <fnmatch.h>
#include <httplib.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "http.hpp"

namespace {

struct ListenOptions {
    int port = 8787, respond = 0;
    bool json = false, forward_all = false;
    std::string host = "127.0.0.1", save, forward_to;
    std::vector<std::string> events;
};

class Listener {
public:
    Listener(const ListenOptions& options, std::string secrets)
        : options_(options), secrets_(std::move(secrets)), webhook_(secrets_), colours_(::colours(STDOUT_FILENO)) {
        if (!options.forward_to.empty()) handler_ = parse_url(options.forward_to);
    }

    Answer receive(const httplib::Request& request, std::string body) {
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
        const pivotal::Reply reply = pivotal::reply(outcome.error);
        Answer answer;
        answer.status = reply.status;
        answer.body = reply.body;
        answer.type = "text/plain";
        if (outcome.event && !is_wanted(outcome.event->type)) return answer;
        if (handler_ && (outcome.event || options_.forward_all)) {
            outcome.handler = post(*handler_, end_to_end(delivery), delivery.body);
            answer = *outcome.handler;
            if (answer.status == 0) answer.status = 502, answer.body = "no answer from the handler";
        }
        if (options_.respond != 0) answer.status = options_.respond, answer.body = "as --respond says";
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!options_.save.empty()) outcome.file = save(request.path, delivery);
        try {
            options_.json ? print_json(delivery, outcome) : print(delivery, outcome);
        } catch (const std::ios::failure&) {
            throw write_error("standard output");
        }
        return answer;
    }

private:
    static constexpr std::size_t max_claim = std::size_t{1} << 20;  // of a body that is parsed unverified

    struct Outcome {
        std::optional<pivotal::Event> event, claimed;  // verified; or what a refused delivery says that it is
        std::error_code error;
        std::string reason, file;
        std::vector<pivotal::Diagnosis> found;
        std::optional<Answer> handler;  // of the handler that it was forwarded to
    };

    bool is_wanted(const std::string& type) const {
        const auto fits = [&](const auto& pattern) { return ::fnmatch(pattern.c_str(), type.c_str(), 0) == 0; };
        return options_.events.empty() || std::any_of(options_.events.begin(), options_.events.end(), fits);
    }

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
        if (stream.flush()) return file;
        const auto error = write_error(file);
        std::error_code ignored;
        std::filesystem::remove(file, ignored);  // it would pass for a delivery
        throw error;
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
        if (const auto& handler = outcome.handler) {
            const bool good = 200 <= handler->status && handler->status < 300;
            const std::string what = handler->status == 0
                                         ? "no answer: " + handler->problem
                                         : std::to_string(handler->status) + " " + printable(handler->body);
            std::cout << "    handler: " << coloured(what, good ? 32 : 31, colours_) << "  (" << handler->time.count()
                      << " ms)\n";
        }
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
        if (const auto& handler = outcome.handler) {
            if (handler->status == 0)
                line["handler"] = {{"error", handler->problem}};
            else
                line["handler"] = {{"status", handler->status}, {"body", handler->body}};
            line["handler"]["milliseconds"] = handler->time.count();
        }
        if (!outcome.file.empty()) line["file"] = outcome.file;
        // Control characters are escaped by JSON, and all that is not ASCII here.
        std::cout << line.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace) << std::endl;
    }

    const ListenOptions& options_;
    std::string secrets_;
    pivotal::Webhook webhook_;
    std::optional<Target> handler_;
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

    // RFC 9110, 5.1 and 5.5. Some versions of httplib take any name, and decode %XX in values: what is then none would end
    // the head where the delivery is written again.
    const auto is_name = [](const std::string& text) {
        const auto is_token = [](unsigned char c) {
            return std::isalnum(c) || (c != 0 && std::strchr("!#$%&'*+-.^_`|~", c));
        };
        return !text.empty() && std::all_of(text.begin(), text.end(), is_token);
    };
    const auto is_value = [](const std::string& text) {
        return std::none_of(text.begin(), text.end(),
                            [](unsigned char c) { return (c < ' ' && c != '\t') || c == 127; });
    };
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
            // httplib would decompress the body, and take a form to pieces: it is to come as it was sent.
            auto& headers = const_cast<httplib::Headers&>(request.headers);
            const httplib::Headers all = headers;
            for (const char* const name : {"content-encoding", "content-type"}) headers.erase(name);
            std::string body;
            // Without any of the two there is no body, but httplib would wait for one.
            if (request.has_header("content-length") || request.has_header("transfer-encoding"))
                content([&](const char* data, std::size_t size) {
                    body.append(data, size);
                    return true;
                });
            headers = all;
            for (const auto& [name, value] : all)
                if (!is_name(name) || !is_value(value)) {
                    response.status = 400;
                    return response.set_content("a header has a character that belongs to none", "text/plain");
                }
            Answer answer;
            answer.status = 500;
            try {
                answer = listener.receive(request, std::move(body));
            } catch (...) {  // it was not printed or saved: the sender is to try again, and the user is to know
                std::call_once(failed, [&] { failure = std::current_exception(); });
                server.stop();
            }
            response.status = answer.status;
            response.set_content(answer.body, answer.type.c_str());
        });
    const bool any = options.port == 0;
    const int port = any ? server.bind_to_any_port(options.host.c_str()) : options.port;
    if (any ? port < 0 : !server.bind_to_port(options.host.c_str(), port)) {
        const std::string why = any ? ": is that an address of this machine?"
                                    : ": the port is in use, or not allowed (--port 0 takes any free one), or the "
                                      "address is not this machine's";
        throw UsageError("cannot listen on " + options.host + ":" + std::to_string(options.port) + why);
    }
    const bool ipv6 = options.host.find(':') != options.host.npos;
    std::cerr << "listening on http://" << (ipv6 ? "[" + options.host + "]" : options.host) << ":" << port
              << "/webhooks/pivotal (any path); Ctrl-C ends it" << std::endl;
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
    CLI::App* const command = app.add_subcommand("listen", "Receives deliveries on this machine and prints each.");
    command->add_option("--port", options->port, "0 takes any free one")
        ->capture_default_str()
        ->check(CLI::Range(0, 65535));
    command->add_option("--host", options->host, "the address to listen on")->capture_default_str();
    command->add_flag("--json", options->json, "one line of JSON for each delivery");
    command->add_option("--save", options->save, "a folder to keep the raw deliveries in")->type_name("FOLDER");
    auto* const forward =
        command
            ->add_option("--forward-to", options->forward_to,
                         "the handler under development: what verifies goes on to it as it came, and its answer back")
            ->type_name("URL");
    command->add_flag("--forward-all", options->forward_all, "what does not verify too")->needs(forward);
    command
        ->add_option("--events", options->events,
                     "only these types, such as 'customer.*'; all others are accepted and passed over")
        ->type_name("PATTERN")
        ->delimiter(',')
        ->allow_extra_args(false);
    command->add_option("--respond", options->respond, "the status to answer, to provoke retries")
        ->type_name("STATUS")
        ->check(CLI::Range(200, 599));
    command->footer(
        "A delivery that is refused is explained, and shown with the type and id that it claims to have, which "
        "are not verified.\n\n"
        "Examples:\n"
        "  pivotal-webhook listen\n"
        "  pivotal-webhook listen --port 8787 --json --save deliveries\n"
        "  pivotal-webhook listen --events 'customer.*,task.*' --respond 500\n"
        "  pivotal-webhook listen --forward-to http://127.0.0.1:3000/webhooks/pivotal");
    command->callback([&status, &common, options] { status = listen(*options, read_secrets(common.secret_file)); });
}
