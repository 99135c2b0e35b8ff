// SPDX-License-Identifier: MIT
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli.hpp"

namespace {

struct InputOptions {
    std::string delivery, headers, body, at;
    bool any_age = false, json = false;
};

void add_input(CLI::App& command, InputOptions& options) {
    auto* const delivery = command.add_option(
        "DELIVERY", options.delivery,
        "headers, an empty line and the body: a file of `listen --save`, or text that was pasted (default: "
        "standard input)");
    command
        .add_option("--headers", options.headers,
                    "the headers apart, as a dashboard or curl -v shows them; - is standard input")
        ->excludes(delivery);
    command.add_option("--body", options.body, "the body apart; - is standard input");
}

void add_time(CLI::App& command, InputOptions& options, const std::string& by_default) {
    command.add_option(
        "--at", options.at,
        "the time to compare with: Unix seconds, or as 2026-05-26T18:42:00Z (default: " + by_default + ")");
}

Delivery read_delivery(const InputOptions& options) {
    if (options.headers == "-" && options.body == "-")
        throw UsageError("--headers and --body cannot both be standard input");
    const std::string file = !options.headers.empty()    ? options.headers
                             : !options.delivery.empty() ? options.delivery
                                                         : "-";
    const bool typed = file == "-" && ::isatty(STDIN_FILENO) != 0;
    if (typed)
        std::cerr << (options.body.empty()
                          ? "Paste the headers, an empty line and the body, then Ctrl-D on a line of its own:\n"
                          : "Paste the headers, then Ctrl-D on a line of its own:\n");
    Delivery delivery = parse_delivery(read_all(file));
    // A terminal ends the body with a newline that was not sent.
    if (typed && !delivery.body.empty() && delivery.body.back() == '\n') delivery.body.pop_back();
    if (!options.body.empty()) delivery.body = read_all(options.body);
    if (options.body.empty() && delivery.without_body)
        throw UsageError("curl -v does not show the body that it sends: give it by --body");
    if (delivery.headers.empty()) throw UsageError("there are no headers: give lines such as \"svix-id: msg_...\"");
    return delivery;
}

int verify(const InputOptions& options, const std::string& secrets) {
    const Delivery delivery = read_delivery(options);
    const pivotal::WebhookOptions tolerance{options.any_age ? std::chrono::seconds::max()
                                                            : pivotal::WebhookOptions().tolerance};
    const pivotal::Webhook webhook(secrets, tolerance);
    const pivotal::Clock::time_point now = options.at.empty() ? pivotal::Clock::now() : parse_time(options.at);
    const bool colour = colours(STDOUT_FILENO);
    try {
        const pivotal::Event event = webhook.verify(delivery.body, delivery.headers, now);
        std::cout << coloured("valid", 32, colour) << ": " << printable(event.type) << " " << printable(event.id)
                  << ", signed " << iso8601(event.delivery.timestamp) << std::endl;
        return status_valid;
    } catch (const pivotal::WebhookVerificationError& error) {
        std::cout << coloured("invalid", 31, colour) << ": " << error.what() << std::endl;
        const bool late =
            error.code() == pivotal::Errc::timestamp_too_old || error.code() == pivotal::Errc::timestamp_too_new;
        if (late)
            std::cerr << "(For a delivery that was saved give --any-age, or --at and the time at which it came.)\n";
        else if (error.code() != pivotal::Errc::malformed_event)
            std::cerr << "(`pivotal-webhook explain` with the same input looks for the cause.)\n";
        return status_invalid;
    }
}

// The signed time, for a delivery whose age is not in question.
pivotal::Clock::time_point signed_time(const Delivery& delivery) {
    const std::string* const value = find_signing_header(delivery, "timestamp");
    const std::string seconds = value ? value->substr(0, 10) : "";  // the rest may be milliseconds
    const bool number = !seconds.empty() && seconds.find_first_not_of("0123456789") == seconds.npos;
    return number ? pivotal::Clock::time_point(parse_time(seconds)) : pivotal::Clock::now();
}

// What may be due to the text that was read, and not to the delivery; and what was left out.
void print_notes(const InputOptions& options, const Delivery& delivery, const std::vector<pivotal::Diagnosis>& found) {
    using pivotal::Finding;
    const auto has = [&](Finding finding) {
        return std::any_of(found.begin(), found.end(), [&](const auto& one) { return one.finding == finding; });
    };
    if (has(Finding::header_missing)) {
        std::cout
            << "(Headers are read as lines such as \"svix-id: msg_...\", as a table, as curl -v shows them, or as "
               "one JSON object of names and values.)\n";
        return;
    }
    if (has(Finding::body_empty) && options.body.empty())
        std::cout << "(The text that was read has no body: put it behind an empty line, or give it by --body.)\n";
    if (!delivery.received && (has(Finding::body_reserialized) || has(Finding::body_end_changed)))
        std::cout << "(A body that was copied from a page may have been formatted by that: `pivotal-webhook listen "
                     "--save` keeps the bytes.)\n";
    // A clock is judged by a signature that is good.
    const bool in_question = !has(Finding::unexplained) && !has(Finding::header_malformed) &&
                             !has(Finding::secret_malformed) && !has(Finding::crypto_failure);
    if (options.at.empty() && !delivery.received && in_question)
        std::cout << "(Whether a clock is wrong was not judged: for that give --at, the time at which it was "
                     "received.)\n";
}

int explain(const InputOptions& options, const std::string& secrets) {
    const Delivery delivery = read_delivery(options);
    const pivotal::Clock::time_point now = !options.at.empty() ? parse_time(options.at)
                                           : delivery.received ? pivotal::Clock::time_point(*delivery.received)
                                                               : signed_time(delivery);
    const auto found = pivotal::diagnose(secrets, delivery.body, delivery.headers, now);
    const bool good = found.front().finding == pivotal::Finding::verified;
    if (options.json) {
        nlohmann::ordered_json list = nlohmann::ordered_json::array();
        for (const auto& one : found)
            list.push_back({{"finding", to_string(one.finding)}, {"explanation", one.explanation}});
        std::cout << list.dump() << std::endl;
        return good ? status_valid : status_invalid;
    }
    const bool colour = colours(STDOUT_FILENO);
    for (const auto& one : found)
        std::cout << coloured(to_string(one.finding), good ? 32 : 33, colour) << ": " << one.explanation << '\n';
    print_notes(options, delivery, found);
    std::cout.flush();
    return good ? status_valid : status_invalid;
}

// The body alone, or a delivery's, which keeps its id.
int sign(const InputOptions& options, const std::string& id, const std::string& secrets) {
    Delivery delivery;
    const std::string body = options.body.empty() ? "-" : options.body;
    if (options.delivery.empty() && body == "-" && ::isatty(STDIN_FILENO) != 0)
        std::cerr << "Type the body, then Ctrl-D (an Enter before that is part of it):\n";
    if (options.delivery.empty())
        delivery.body = read_all(body);
    else
        delivery = read_delivery(options);
    const pivotal::Seconds time =
        options.at.empty() ? std::chrono::floor<std::chrono::seconds>(pivotal::Clock::now()) : parse_time(options.at);
    std::string used = id;
    if (const auto* const kept = find_signing_header(delivery, "id"); kept && used.empty()) used = *kept;
    if (used.empty()) used = random_id("msg_");
    const std::string signature = pivotal::Webhook(secrets).sign(used, time, delivery.body);
    std::cout << "svix-id: " << used << "\nsvix-timestamp: " << time.time_since_epoch().count()
              << "\nsvix-signature: " << signature << std::endl;
    return status_valid;
}

}  // namespace

void add_offline(CLI::App& app, const CommonOptions& common, int& status) {
    auto options = std::make_shared<InputOptions>();
    auto id = std::make_shared<std::string>();
    const auto secrets = [&common] { return read_secrets(common.secret_file); };

    CLI::App* command = app.add_subcommand("sign", "Prints the three headers that sign a body.");
    auto* const delivery = command->add_option("DELIVERY", options->delivery,
                                               "a file of `listen --save`, to sign its body again under its own id");
    command->add_option("--body", options->body, "the body; - is standard input, and the default")->excludes(delivery);
    command->add_option("--id", *id, "the delivery's id (default: a new one)");
    command->add_option("--at", options->at, "the time: Unix seconds, or as 2026-05-26T18:42:00Z (default: now)");
    command->footer(
        "Examples:\n"
        "  echo -n '{\"id\":\"evt_1\",\"type\":\"task.completed\"}' | pivotal-webhook sign\n"
        "  pivotal-webhook sign --id msg_1 --at 2026-05-26T18:42:00Z --body event.json\n"
        "  pivotal-webhook sign delivery.http");
    command->callback([=, &status] { status = sign(*options, *id, secrets()); });

    command = app.add_subcommand("verify", "Says whether a delivery is valid, and why not.");
    add_input(*command, *options);
    add_time(*command, *options, "now");
    command->add_flag("--any-age", options->any_age, "accept any timestamp");
    command->footer(
        "Exit status: 0 valid, 1 invalid, 2 usage.\n\nExamples:\n"
        "  pivotal-webhook verify delivery.http --any-age\n"
        "  pivotal-webhook verify --headers headers.txt --body event.json --at 2026-05-26T18:42:00Z\n"
        "  cat delivery.http | pivotal-webhook verify --any-age");
    command->callback([=, &status] { status = verify(*options, secrets()); });

    command = app.add_subcommand("explain", "Explains why a delivery does not verify.");
    add_input(*command, *options);
    add_time(*command, *options, "when `listen` saved it, else its own: then no clock is judged");
    command->add_flag("--json", options->json, "the findings as a line of JSON");
    command->footer(
        "Exit status: 0 nothing is wrong, 1 something is, 2 usage. Give several secrets to learn whether it "
        "was another.\n\n"
        "Examples:\n"
        "  pivotal-webhook explain delivery.http\n"
        "  pivotal-webhook explain --headers headers.txt --body event.json\n"
        "  cat delivery.http | pivotal-webhook explain --json");
    command->callback([=, &status] { status = explain(*options, secrets()); });

    command = app.add_subcommand("secret", "Makes a new signing secret, for tests.");
    command->footer("Examples:\n  pivotal-webhook secret");
    command->callback([&status] {
        std::cout << new_secret() << std::endl;
        status = status_valid;
    });
}
