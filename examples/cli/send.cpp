// SPDX-License-Identifier: MIT
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "http.hpp"

namespace {

using Json = nlohmann::ordered_json;

const std::map<std::string, std::string>& sample_events() {
    static const std::map<std::string, std::string> events = {
#include "sample_events.inc"
    };
    return events;
}

struct SendOptions {
    std::string url, type = "customer.created", body, delivery, id, expect;
    std::vector<std::string> headers, changes;
    int retries = 0, signatures = 1;
    double pause = 1;
    bool stale = false, future = false, tamper = false, wrong_secret = false, duplicate = false, rotate = false;
    bool as_is = false, as_svix = false, hang_up = false;

    bool misbehaves() const { return stale || future || tamper || wrong_secret; }
    std::string expected() const { return !expect.empty() ? expect : misbehaves() ? "4xx" : "2xx"; }
};

// The sample of the type, with an id of its own, and marked as a test.
std::string event_of(const std::string& type) {
    auto event = Json::parse(sample_events().at(type));
    event["id"] = random_id("evt_test_");
    event["created_at"] = iso8601(std::chrono::floor<std::chrono::seconds>(pivotal::Clock::now()));
    event["livemode"] = false;
    return event.dump();
}

// data.object.name=Zoe: the value is JSON, or else text.
void change(Json& event, const std::string& assignment) {
    const std::size_t equals = assignment.find('=');
    if (equals == 0 || equals == assignment.npos)
        throw UsageError("--set wants a field and a value, such as data.object.name=Zoe");
    std::string pointer = "/";
    for (const char c : assignment.substr(0, equals))
        pointer += c == '.' ? "/" : c == '/' ? "~1" : c == '~' ? "~0" : std::string(1, c);
    const std::string text = assignment.substr(equals + 1);
    const auto value = Json::parse(text, nullptr, false);
    try {
        event[Json::json_pointer(pointer)] = value.is_discarded() ? Json(text) : value;
    } catch (const Json::exception&) {
        throw UsageError("--set: the event has no place for " + printable(assignment.substr(0, equals)));
    }
}

std::string changed(const std::string& body, const std::vector<std::string>& changes) {
    if (changes.empty()) return body;
    auto event = Json::parse(body, nullptr, false);
    if (!event.is_object()) throw UsageError("--set: the body is no JSON object");
    for (const auto& one : changes) change(event, one);
    return event.dump();
}

bool matches(int status, const std::string& expected) {
    const std::string text = std::to_string(status);
    return text == expected || (expected.substr(1) == "xx" && text.front() == expected.front());
}

// The given secrets, behind as many new ones as it takes: a receiver knows the new one late, or only the old.
std::string signing_secrets(const SendOptions& options, const std::string& secrets) {
    if (options.wrong_secret) return new_secret();
    std::istringstream words(secrets);
    const auto wanted = std::max<std::ptrdiff_t>(options.signatures, options.rotate ? 2 : 1);
    std::string all = secrets;
    for (auto count = std::distance(std::istream_iterator<std::string>(words), {}); count < wanted; ++count)
        all = new_secret() + " " + all;
    return all;
}

class Sender {
public:
    Sender(const SendOptions& options, const CommonOptions& common)
        : options_(options), target_(parse_url(options.url)), colours_(::colours(STDOUT_FILENO)) {
        if (!options.as_is) webhook_.emplace(signing_secrets(options, read_secrets(common.secret_file)));
        Delivery saved;
        if (!options.delivery.empty()) saved = parse_delivery(read_all(options.delivery));
        for (auto& [name, value] : end_to_end(saved))
            if (options.as_is || !is_signing_header(name)) headers_.emplace_back(name, value);
        const bool typed = std::any_of(headers_.begin(), headers_.end(),
                                       [](const auto& header) { return is_same_name(header.first, "content-type"); });
        if (!typed) headers_.emplace_back("content-type", "application/json");
        for (const auto& header : options.headers) add_header(header);
        body_ = changed(!options.delivery.empty() ? saved.body
                        : !options.body.empty()   ? read_all(options.body)
                                                  : event_of(options.type),
                        options.changes);
        const std::string* const saved_id = find_signing_header(saved, "id");
        id_ = !options.id.empty() ? options.id : saved_id ? *saved_id : random_id("msg_");
    }

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
        std::cout << attempts_ << (attempts_ == 1 ? " attempt of " : " attempts of ") << printable(id_) << ", expected "
                  << options_.expected() << ": "
                  << (good_ ? coloured("as expected", 32, colours_) : coloured("not as expected", 31, colours_))
                  << std::endl;
        return good_ ? status_valid : status_invalid;
    }

private:
    void add_header(const std::string& header) {
        const std::size_t colon = header.find(':');
        if (colon == 0 || colon == header.npos || header.find_first_of("\r\n") != header.npos)
            throw UsageError("--header wants a name and a value, such as 'X-Tenant: 7'");
        const std::size_t value = std::min(header.find_first_not_of(" \t", colon + 1), header.size());
        headers_.emplace_back(header.substr(0, colon), header.substr(value));
    }

    // A retry has the same id and a signature of its own time.
    bool attempt() {
        auto time = std::chrono::floor<std::chrono::seconds>(pivotal::Clock::now());
        if (options_.stale) time -= std::chrono::minutes{6};
        if (options_.future) time += std::chrono::minutes{6};
        HeaderList headers = headers_;
        if (webhook_) {
            headers.emplace_back("svix-id", id_);
            headers.emplace_back("svix-timestamp", std::to_string(time.time_since_epoch().count()));
            headers.emplace_back("svix-signature", webhook_->sign(id_, time, body_));
        }
        std::string body = body_;
        if (options_.tamper) body.empty() ? body.push_back(' ') : void(body[body.size() / 2] ^= 1);
        ++attempts_;
        if (options_.hang_up) {
            post_as_svix(target_, headers, body, false);
            std::cout << "hung up before the answer; the same bytes again" << std::endl;
        }
        Answer answer = exchange(headers, body);
        // Pivotal's sender does so, and counts it as one attempt.
        if (options_.as_svix && answer.status == 0 && answer.time < std::chrono::seconds{1}) {
            std::cout << "no answer: " << answer.problem << "; the same bytes again" << std::endl;
            answer = exchange(headers, body);
        }
        if (answer.status == 0) {
            std::cout << "no answer: " << answer.problem << std::endl;
            return false;
        }
        std::cout << answer.status << " " << printable(answer.body) << std::endl;
        return matches(answer.status, options_.expected());
    }

    Answer exchange(const HeaderList& headers, const std::string& body) const {
        return options_.as_svix ? post_as_svix(target_, headers, body, true) : post(target_, headers, body);
    }

    const SendOptions& options_;
    Target target_;
    std::optional<pivotal::Webhook> webhook_;  // not for what is sent as it is
    HeaderList headers_;
    std::string body_, id_;
    int attempts_ = 0;
    bool good_ = true, colours_;
};

std::vector<std::string> types() {
    std::vector<std::string> names;
    for (const auto& event : sample_events()) names.push_back(event.first);
    return names;
}

}  // namespace

void add_send(CLI::App& app, const CommonOptions& common, int& status) {
    auto options = std::make_shared<SendOptions>();
    CLI::App* const command =
        app.add_subcommand("send", "Sends a signed test event to a handler, and judges its answer.");
    command->add_option("URL", options->url, "the handler, such as http://127.0.0.1:8787/webhooks/pivotal")->required();
    auto* const type = command->add_option("--event", options->type, "the type of event; of another: --set type=...")
                           ->capture_default_str()
                           ->check(CLI::IsMember(types()));
    auto* const body =
        command->add_option("--body", options->body, "a file to send instead of an event; - is standard input")
            ->type_name("FILE")
            ->excludes(type);
    auto* const delivery = command
                               ->add_option("--delivery", options->delivery,
                                            "a file of `listen --save` to send, with its id and headers, signed anew")
                               ->type_name("FILE")
                               ->excludes(type)
                               ->excludes(body);
    auto* const set = command->add_option("--set", options->changes, "changes a field: data.object.name=Zoe")
                          ->type_name("FIELD=VALUE")
                          ->allow_extra_args(false);
    command->add_option("--header", options->headers, "one more header: 'X-Tenant: 7'")
        ->type_name("HEADER")
        ->allow_extra_args(false);
    auto* const id =
        command->add_option("--id", options->id, "the delivery's id, to send it once more (default: a new one)");
    command->add_option("--retry", options->retries, "tries again, up to N times, while the answer is not as expected")
        ->check(CLI::Range(0, 100));
    command->add_option("--pause", options->pause, "seconds between these tries")
        ->capture_default_str()
        ->check(CLI::Range(0.0, 3600.0));
    command->add_flag(
        "--as-svix", options->as_svix,
        "as Pivotal's sender does on the wire: headers in random order, and after a connection that fails "
        "at once the same bytes once more");
    command->add_option("--signatures", options->signatures, "signed with so many secrets, new ones before those given")
        ->capture_default_str()
        ->check(CLI::Range(1, 11));
    auto* const kinds = command->add_option_group("misbehaviour", "at most one of these");
    auto* const as_is = kinds->add_flag("--as-is", options->as_is, "the delivery with the signature that it has");
    as_is->needs(delivery)->excludes(set)->excludes(id);
    kinds->add_flag("--stale", options->stale, "signed 6 minutes ago");
    kinds->add_flag("--future", options->future, "signed 6 minutes ahead");
    kinds->add_flag("--tamper", options->tamper, "one bit of the body changed after signing");
    kinds->add_flag("--wrong-secret", options->wrong_secret, "signed with a secret of nobody");
    kinds->add_flag("--duplicate", options->duplicate, "the same delivery twice");
    kinds->add_flag("--hang-up", options->hang_up,
                    "the connection ends before the answer, and the same bytes come once more at once");
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
        "  pivotal-webhook send http://127.0.0.1:8787/ --event customer.at_risk --set data.object.name=Zoe --duplicate\n"
        "  pivotal-webhook send http://127.0.0.1:8787/webhooks/pivotal --tamper --expect 401\n"
        "  pivotal-webhook send http://127.0.0.1:8787/ --delivery delivery.http --header 'X-Tenant: 7'\n"
        "  pivotal-webhook send http://127.0.0.1:8787/ --as-svix --signatures 11\n"
        "  echo '{\"id\":\"evt_1\",\"type\":\"task.completed\"}' | pivotal-webhook send "
        "http://127.0.0.1:8787/ --body -");
    command->callback([&status, &common, options] { status = Sender(*options, common).run(); });
}
