// SPDX-License-Identifier: MIT
#include <openssl/rand.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "cli.hpp"

namespace {

constexpr const char* received_header = "x-received-at";

std::string_view without_space(std::string_view text) {
    while (!text.empty() && std::strchr(" \t\r", text.front())) text.remove_prefix(1);
    while (!text.empty() && std::strchr(" \t\r", text.back())) text.remove_suffix(1);
    return text;
}

std::array<unsigned char, 32> random_bytes() {
    std::array<unsigned char, 32> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
        throw UsageError("OpenSSL has no random bytes");
    return bytes;
}

// One line of headers: `name: value`, or `name <tab> value` as a table of a dashboard is pasted.
void add_header(std::string_view line, Delivery& delivery) {
    std::size_t end = line.find_first_of(":\t ");
    if (end == 0 || end == line.npos) return;
    const std::string_view name = line.substr(0, end);
    std::string_view value = without_space(line.substr(end + 1));
    if (line[end] != ':' && !value.empty() && value.front() == ':') value = without_space(value.substr(1));
    if (name == received_header)
        delivery.received = parse_time(std::string(value));
    else
        delivery.headers.emplace_back(name, value);
}

// {"svix-id": "...", ...}, as some dashboards show headers.
bool add_json_headers(const std::string& text, Delivery& delivery) {
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object()) return false;
    for (const auto& member : json.items())
        if (member.value().is_string())
            delivery.headers.emplace_back(member.key(), member.value().get<std::string>());
    return true;
}

}  // namespace

std::string read_secrets(const std::string& file) {
    if (!file.empty()) return read_all(file);
    const char* const secrets = std::getenv("PIVOTAL_WEBHOOK_SECRET");
    if (!secrets || !*secrets)
        throw UsageError(
            "there is no secret: set the environment variable PIVOTAL_WEBHOOK_SECRET, or give --secret-file");
    return secrets;
}

std::string read_all(const std::string& file) {
    if (file == "-") return {std::istreambuf_iterator<char>(std::cin), {}};
    std::ifstream stream(file, std::ios::binary);
    std::string text((std::istreambuf_iterator<char>(stream)), {});
    if (!stream) throw UsageError("cannot read " + file);
    return text;
}

pivotal::Seconds parse_time(const std::string& text) {
    const bool number =
        !text.empty() && text.size() <= 12 && text.find_first_not_of("0123456789") == text.npos;
    if (number) return pivotal::Seconds(std::chrono::seconds(std::stoll(text)));
    std::tm time{};
    const char* const end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &time);
    const std::string rest = end ? end : "?";
    const bool utc = !rest.empty() && rest.back() == 'Z' &&
                     (rest.size() == 1 ||
                      (rest.front() == '.' && rest.find_first_not_of("0123456789", 1) == rest.size() - 1));
    if (!utc)
        throw UsageError("'" + printable(text) +
                         "' is no time: give Unix seconds, or UTC as 2026-05-26T18:42:00Z");
    return pivotal::Seconds(std::chrono::seconds(::timegm(&time)));
}

std::string iso8601(pivotal::Seconds time) {
    const std::time_t seconds = time.time_since_epoch().count();
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    char text[32];
    return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

Delivery parse_delivery(const std::string& text) {
    Delivery delivery;
    std::size_t at = 0;
    const std::size_t start = std::min(text.find_first_not_of(" \t\r\n"), text.size());
    if (start < text.size() && text[start] == '{') {
        const std::size_t end = std::min(text.find("}\n", start), text.size() - 1);
        if (add_json_headers(text.substr(start, end + 1 - start), delivery)) {
            delivery.body = text.substr(std::min(text.find_first_not_of(" \t\r\n", end + 1), text.size()));
            return delivery;
        }
    }
    bool any = false;
    while (at < text.size()) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        std::string_view line = std::string_view(text).substr(at, end - at);
        at = std::min(end + 1, text.size());
        // `curl -v`: "> header" was sent, "< header" answered; "* " and "{ [" are notes.
        const bool sent = !line.empty() && line.front() == '>';
        if (!line.empty() &&
            (line.front() == '<' || line.front() == '*' || line.front() == '{' || line.front() == '}'))
            continue;
        line = without_space(sent ? line.substr(1) : line);
        if (line.empty()) {
            if (any) break;
            continue;
        }
        any = true;
        const bool request = line.find(" HTTP/") != line.npos;
        if (!request) add_header(line, delivery);
    }
    delivery.body = text.substr(at);
    return delivery;
}

std::string write_delivery(const std::string& path, const Delivery& delivery) {
    std::string text = "POST " + path + " HTTP/1.1\r\n";
    for (const auto& [name, value] : delivery.headers) text += name + ": " + value + "\r\n";
    if (delivery.received) text += std::string(received_header) + ": " + iso8601(*delivery.received) + "\r\n";
    return text + "\r\n" + delivery.body;
}

std::string printable(std::string_view text) {
    std::string out;
    for (const char c : text.substr(0, 512))
        out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
    // C1 control characters, which some terminals obey, are C2 80 to C2 9F in UTF-8.
    for (std::size_t i = 0; (i = out.find('\xC2', i)) != out.npos; ++i)
        if (i + 1 < out.size() && static_cast<unsigned char>(out[i + 1]) < 0xA0) out.replace(i, 2, "?");
    return out;
}

std::string new_secret() {
    const auto bytes = random_bytes();
    unsigned char text[64];
    const int size = EVP_EncodeBlock(text, bytes.data(), static_cast<int>(bytes.size()));
    return "whsec_" + std::string(text, text + size);
}

std::string random_id(const char* prefix) {
    std::string id = prefix;
    for (const unsigned char byte : random_bytes()) {
        id += "0123456789abcdefghijklmnopqrstuv"[byte & 31U];
        if (id.size() >= 26) break;
    }
    return id;
}

bool colours(int descriptor) {
    const char* const no_colour = std::getenv("NO_COLOR");
    return ::isatty(descriptor) != 0 && (!no_colour || !*no_colour);
}

std::string coloured(std::string_view text, int colour, bool on) {
    return on ? "\x1b[" + std::to_string(colour) + "m" + std::string(text) + "\x1b[0m" : std::string(text);
}
