// SPDX-License-Identifier: MIT
#include <httplib.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "cli.hpp"

namespace {

#if defined(CPPHTTPLIB_OPENSSL_SUPPORT)  // Debian's has it; vcpkg's only with the feature openssl
constexpr bool has_tls = true;
#else
constexpr bool has_tls = false;
#endif

const std::map<std::string, std::string>& sample_events() {
    static const std::map<std::string, std::string> events = {
#include "sample_events.inc"
    };
    return events;
}

struct SendOptions {
    std::string url, type = "customer.created", body, expect;
    int retries = 0;
    double pause = 1;
    bool stale = false, future = false, tamper = false, wrong_secret = false, duplicate = false, rotate = false;

    bool misbehaves() const { return stale || future || tamper || wrong_secret; }
    std::string expected() const { return !expect.empty() ? expect : misbehaves() ? "4xx" : "2xx"; }
};

// The sample of the type, or a plain event; with an id of its own, and marked as a test.
std::string event_of(const std::string& type) {
    const auto sample = sample_events().find(type);
    auto event = sample == sample_events().end()
                     ? nlohmann::ordered_json{{"id", ""},
                                              {"type", type},
                                              {"data", {{"object", nlohmann::ordered_json::object()}}}}
                     : nlohmann::ordered_json::parse(sample->second);
    event["id"] = random_id("evt_test_");
    event["created_at"] = iso8601(std::chrono::floor<std::chrono::seconds>(pivotal::Clock::now()));
    event["livemode"] = false;
    return event.dump();
}

bool matches(int status, const std::string& expected) {
    const std::string text = std::to_string(status);
    return text == expected || (expected.substr(1) == "xx" && text.front() == expected.front());
}

// Where a URL points to: what httplib calls a host, with its scheme and port, and the path with its query.
struct Target {
    std::string host, path;
    bool tls;
};

Target parse_url(const std::string& url) {
    const std::size_t scheme_end = url.find("://");
    if (scheme_end == url.npos)
        throw UsageError("the URL must start with http:// or https://, as http://127.0.0.1:8787/webhooks/pivotal does");
    std::string scheme = url.substr(0, scheme_end);
    for (char& c : scheme) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (scheme != "http" && scheme != "https")
        throw UsageError("the URL starts with " + printable(scheme) + "://: webhooks are sent to http:// or https://");
    if (scheme == "https" && !has_tls)
        throw UsageError(
            "this pivotal-webhook cannot send to https://: it was built with a cpp-httplib without TLS (build that "
            "with CPPHTTPLIB_OPENSSL_SUPPORT), so send to the handler's http:// port");
    const std::size_t host = scheme_end + 3, path = std::min(url.find_first_of("/?#", host), url.size());
    const std::string authority = url.substr(host, path - host);
    if (authority.empty() || authority.front() == ':') throw UsageError("the URL names no host");
    if (authority.find('@') != authority.npos)
        throw UsageError("the URL holds a user or a password, which Pivotal does not send");
    const std::size_t host_end = authority.front() == '[' ? std::min(authority.find(']'), authority.size()) : 0;
    if (const std::size_t colon = authority.find(':', host_end); colon != authority.npos) {
        const std::string port = authority.substr(colon + 1);
        const bool number = !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == port.npos;
        if (!number || std::stoi(port) < 1 || std::stoi(port) > 65535)
            throw UsageError("the URL's port must be a number from 1 to 65535");
    }
    const std::string rest = url.substr(path, url.find('#', path) - path);
    return {scheme + "://" + authority, rest.substr(0, 1) == "/" ? rest : "/" + rest, scheme == "https"};
}

// Why there was no answer, and what to do about it.
std::string no_answer(httplib::Error error, const Target& target, [[maybe_unused]] const httplib::Client& client) {
    switch (error) {
        case httplib::Error::Connection:
        case httplib::Error::ConnectionTimeout:
            return "cannot connect to " + printable(target.host) +
                   ": is the handler running there, and is the host's name right?";
        case httplib::Error::Read:
        case httplib::Error::Write:
            return "the connection was closed before there was a whole answer, or there was none within 10 s, "
                   "which is as long as Pivotal waits" +
                   std::string(target.tls ? "" : " (does this port speak https:// alone?)");
#if defined(CPPHTTPLIB_OPENSSL_SUPPORT)
        case httplib::Error::SSLConnection:
            return "no TLS connection came about: does this port speak http:// alone?";
        case httplib::Error::SSLLoadingCerts:
            return "the certificates of the authorities cannot be read: look at SSL_CERT_FILE and SSL_CERT_DIR";
        case httplib::Error::SSLServerVerification: {
            const long result = client.get_openssl_verify_result();
            return result == X509_V_OK
                       ? std::string(
                             "the server's certificate is for another host: use the host name that it was made for")
                       : "the server's certificate is not trusted (" +
                             std::string(X509_verify_cert_error_string(result)) +
                             "): put the certificate of the authority that signed it, or its own, into a PEM file, "
                             "and name that in the environment variable SSL_CERT_FILE";
        }
#endif
        default:
            return httplib::to_string(error);
    }
}

// The given secrets, or with --rotate at least two.
std::string signing_secrets(const SendOptions& options, const std::string& secrets) {
    if (options.wrong_secret) return new_secret();
    std::istringstream words(secrets);
    const auto count = std::distance(std::istream_iterator<std::string>(words), {});
    return options.rotate && count < 2 ? new_secret() + " " + secrets : secrets;
}

class Sender {
public:
    Sender(const SendOptions& options, const std::string& secrets)
        : options_(options),
          target_(parse_url(options.url)),
          webhook_(signing_secrets(options, secrets)),
          body_(options.body.empty() ? event_of(options.type) : read_all(options.body)),
          colours_(::colours(STDOUT_FILENO)) {}

    int run() {
        const int deliveries = options_.duplicate ? 2 : 1;
        for (int i = 0; i < deliveries; ++i) {
            bool as_expected = attempt();
            for (int retry = 0; retry < options_.retries && !as_expected; ++retry) {
                std::this_thread::sleep_for(std::chrono::duration<double>(options_.pause));
                as_expected = attempt();
            }
            good_ = good_ && as_expected;
        }
        std::cout << attempts_ << (attempts_ == 1 ? " attempt of " : " attempts of ") << id_ << ", expected "
                  << options_.expected() << ": "
                  << (good_ ? coloured("as expected", 32, colours_) : coloured("not as expected", 31, colours_))
                  << std::endl;
        return good_ ? status_valid : status_invalid;
    }

private:
    // A retry has the same id and a signature of its own time.
    bool attempt() {
        auto time = std::chrono::floor<std::chrono::seconds>(pivotal::Clock::now());
        if (options_.stale) time -= std::chrono::minutes{6};
        if (options_.future) time += std::chrono::minutes{6};
        const httplib::Headers headers = {{"svix-id", id_},
                                          {"svix-timestamp", std::to_string(time.time_since_epoch().count())},
                                          {"svix-signature", webhook_.sign(id_, time, body_)}};
        std::string body = body_;
        if (options_.tamper) body.empty() ? body.push_back(' ') : void(body[body.size() / 2] ^= 1);
        httplib::Client client(target_.host);
        client.set_read_timeout(10, 0);  // as long as Pivotal waits
        const auto answer = client.Post(target_.path, headers, body, "application/json");
        ++attempts_;
        if (!answer) {
            std::cout << "no answer: " << no_answer(answer.error(), target_, client) << std::endl;
            return false;
        }
        std::cout << answer->status << " " << printable(answer->body) << std::endl;
        return matches(answer->status, options_.expected());
    }

    const SendOptions& options_;
    Target target_;
    pivotal::Webhook webhook_;
    std::string body_, id_ = random_id("msg_");
    int attempts_ = 0;
    bool good_ = true, colours_;
};

}  // namespace

void add_send(CLI::App& app, const CommonOptions& common, int& status) {
    auto options = std::make_shared<SendOptions>();
    CLI::App* const command =
        app.add_subcommand("send", "Sends a signed test event to a handler, and judges its answer.");
    command->add_option("URL", options->url, "the handler, such as http://127.0.0.1:8787/webhooks/pivotal")->required();
    auto* const type = command->add_option("--event", options->type, "the type of event")->capture_default_str();
    command->add_option("--body", options->body, "a file to send instead of an event; - is standard input")
        ->excludes(type);
    command->add_option("--retry", options->retries, "tries again, up to N times, while the answer is not as expected")
        ->check(CLI::Range(0, 100));
    command->add_option("--pause", options->pause, "seconds between these tries")
        ->capture_default_str()
        ->check(CLI::Range(0.0, 3600.0));
    auto* const kinds = command->add_option_group("misbehaviour", "at most one of these");
    kinds->add_flag("--stale", options->stale, "signed 6 minutes ago");
    kinds->add_flag("--future", options->future, "signed 6 minutes ahead");
    kinds->add_flag("--tamper", options->tamper, "one bit of the body changed after signing");
    kinds->add_flag("--wrong-secret", options->wrong_secret, "signed with a secret of nobody");
    kinds->add_flag("--duplicate", options->duplicate, "the same delivery twice");
    kinds->add_flag("--rotate", options->rotate,
                    "signed with two secrets, as during a rotation: those given, or a new one and the one given");
    kinds->require_option(0, 1);
    command
        ->add_option("--expect", options->expect,
                     "the status to expect, such as 401 or 4xx (default: 2xx, and 4xx for a misbehaviour that must be "
                     "refused)")
        ->check([](const std::string& text) {
            const bool form = text.size() == 3 && text[0] >= '1' && text[0] <= '5' &&
                              (text.substr(1) == "xx" || text.find_first_not_of("0123456789") == text.npos);
            return form ? std::string() : "is no HTTP status such as 401 or 4xx";
        });
    command->footer(
        "Exit status: 0 if every answer is the expected one, 1 if not, 2 usage.\n"
        "https: the authorities of the system are trusted, or those in the PEM file that SSL_CERT_FILE "
        "names.\n\nExamples:\n"
        "  pivotal-webhook send http://127.0.0.1:8787/webhooks/pivotal\n"
        "  pivotal-webhook send http://127.0.0.1:8787/webhooks/pivotal --event customer.at_risk --duplicate\n"
        "  pivotal-webhook send http://127.0.0.1:8787/webhooks/pivotal --tamper --expect 401\n"
        "  echo '{\"id\":\"evt_1\",\"type\":\"task.completed\"}' | pivotal-webhook send "
        "http://127.0.0.1:8787/ --body -");
    command->callback(
        [&status, &common, options] { status = Sender(*options, read_secrets(common.secret_file)).run(); });
}
