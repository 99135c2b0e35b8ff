// SPDX-License-Identifier: MIT
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <pivotal/diagnose.hpp>
#include <pivotal/webhook.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What the commands of pivotal-webhook share.

constexpr int status_valid = 0, status_invalid = 1, status_usage = 2;

/// A mistake of the user, or of the machine: told in one line, status 2.
struct UsageError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// What errno says of a write to `where` that failed.
UsageError write_error(const std::string& where);

using HeaderList = std::vector<std::pair<std::string, std::string>>;

/// The headers and the body of a delivery, as they were sent.
struct Delivery {
    HeaderList headers;
    std::string body;
    std::optional<pivotal::Seconds> received;  // where it was saved by `listen`
    bool without_body = false;                 // it is a paste of `curl -v`, which does not show what it sends
};

/// Where `listen --save` writes down when a delivery was received.
constexpr std::string_view received_header = "x-received-at";

// ---- delivery.cpp ----

/// The secrets in `file`, or in PIVOTAL_WEBHOOK_SECRET; never from an argument, which `ps` would show.
std::string read_secrets(const std::string& file);
/// All of a file; `-` is standard input.
std::string read_all(const std::string& file);
/// Unix seconds, or ISO 8601 such as 2026-05-26T18:42:00Z.
pivotal::Seconds parse_time(const std::string& text);
std::string iso8601(pivotal::Seconds time);
/// Names of headers compare without regard to ASCII case.
bool is_same_name(std::string_view name, std::string_view other);
/// One of the three, of either family.
bool is_signing_header(std::string_view name);
/// The value of `svix-<what>`, or else of `webhook-<what>`, or null.
const std::string* find_signing_header(const Delivery& delivery, std::string_view what);
/// Headers, an empty line and a body: as `listen --save` keeps them, or as a dashboard shows them; or the headers
/// alone, as `curl -v` does.
Delivery parse_delivery(const std::string& text);
std::string write_delivery(const std::string& path, const Delivery& delivery);
/// Visible text, at most about 512 bytes: control characters of an unverified request must not reach a terminal.
std::string printable(std::string_view text);
std::string new_secret();
std::string random_id(const char* prefix);
bool colours(int descriptor);
std::string coloured(std::string_view text, int colour, bool on);

// ---- The commands ----

struct CommonOptions {
    std::string secret_file;
};

/// Each adds a subcommand; its callback sets `status`.
void add_listen(CLI::App& app, const CommonOptions& common, int& status);
void add_send(CLI::App& app, const CommonOptions& common, int& status);
void add_offline(CLI::App& app, const CommonOptions& common, int& status);  // sign, verify, explain, secret
void add_inbox(CLI::App& app, int& status);
void add_completion(CLI::App& app, int& status);

/// UsageError, with the name that is meant, where a command or an option was given that there is not.
void refuse_unknown(const CLI::App& app);
