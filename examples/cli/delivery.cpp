// SPDX-License-Identifier: MIT
#include <openssl/rand.h>
#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "cli.hpp"

namespace {

std::string_view without_space(std::string_view text) {
    while (!text.empty() && std::strchr(" \t\r", text.front())) text.remove_prefix(1);
    while (!text.empty() && std::strchr(" \t\r", text.back())) text.remove_suffix(1);
    return text;
}

std::array<unsigned char, 32> random_bytes() {
    std::array<unsigned char, 32> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) throw UsageError("OpenSSL has no random bytes");
    return bytes;
}

// `curl -v` marks what was answered, and its own notes.
bool is_note_of_curl(std::string_view line) {
    for (const std::string_view mark : {"<", "* ", "{ [", "} ["})
        if (line.substr(0, mark.size()) == mark) return true;
    return false;
}

// {"svix-id": "...", ...}, as some dashboards show headers; a value may be a list of one.
bool add_json_headers(const std::string& text, Delivery& delivery) {
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object()) return false;
    for (const auto& member : json.items()) {
        const auto& value = member.value();
        const auto& one = value.is_array() && value.size() == 1 ? value.front() : value;
        if (one.is_string()) delivery.headers.emplace_back(member.key(), one.get<std::string>());
    }
    return true;
}

// Takes headers line by line: `name: value`, `name <tab> value` as a table of a dashboard is pasted, or a name
// and its value on two lines.
class HeaderLines {
public:
    explicit HeaderLines(Delivery& delivery) : delivery_(delivery) {}

    /// True where the value of a name is still to come.
    bool expects_value() const { return !name_.empty(); }

    void add(std::string_view line) {
        if (expects_value()) return add(std::exchange(name_, {}), line);
        const std::size_t end = std::min(line.find_first_of(":\t "), line.size());
        const std::string_view name = line.substr(0, end);
        std::string_view value = without_space(line.substr(std::min(end + 1, line.size())));
        if (end < line.size() && line[end] != ':' && !value.empty() && value.front() == ':')
            value = without_space(value.substr(1));
        if (value.empty() && is_signing_header(name))
            name_ = name;
        else if (!name.empty() && end < line.size())
            add(std::string(name), value);
    }

private:
    void add(const std::string& name, std::string_view value) {
        if (name == received_header)
            delivery_.received = parse_time(std::string(value));
        else
            delivery_.headers.emplace_back(name, value);
    }

    Delivery& delivery_;
    std::string name_;
};

// The bytes of the character that `text` starts with; 0 where it is no UTF-8, or nothing that a terminal should
// be given: a control character, or one that hides or turns round what stands beside it.
std::size_t visible_size(std::string_view text) {
    const auto byte = static_cast<unsigned char>(text.front());
    if (byte < 0x80) return byte < 0x20 || byte == 0x7F ? 0 : 1;
    const std::size_t size = byte < 0xC2 ? 0 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : byte < 0xF5 ? 4 : 0;
    if (size == 0 || text.size() < size) return 0;
    unsigned code = byte & (0x7FU >> size);
    for (const char c : text.substr(1, size - 1)) {
        if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80) return 0;
        code = code << 6 | (static_cast<unsigned char>(c) & 0x3FU);
    }
    const auto within = [&](unsigned first, unsigned last) { return first <= code && code <= last; };
    const bool hidden = within(0x80, 0x9F) || code == 0xAD || code == 0x61C || within(0x200B, 0x200F) ||
                        within(0x2028, 0x202E) || within(0x2060, 0x206F) || code == 0xFEFF || within(0xFFF9, 0xFFFB) ||
                        within(0xE0000, 0xE007F);
    const bool strict = code >= (size == 2   ? 0x80U
                                 : size == 3 ? 0x800U
                                             : 0x10000U) &&
                        code <= 0x10FFFF && !within(0xD800, 0xDFFF);
    return hidden || !strict ? 0 : size;
}

}  // namespace

UsageError write_error(const std::string& where) {
    return UsageError("cannot write to " + where + (errno ? ": " + std::string(std::strerror(errno)) : ""));
}

std::string read_secrets(const std::string& file) {
    if (!file.empty()) return read_all(file);
    const char* const secrets = std::getenv("PIVOTAL_WEBHOOK_SECRET");
    if (!secrets || !*secrets)
        throw UsageError(
            "there is no secret: set the environment variable PIVOTAL_WEBHOOK_SECRET, or give --secret-file");
    return secrets;
}

std::string read_all(const std::string& file) {
    if (file == "-") {
        std::string text((std::istreambuf_iterator<char>(std::cin)), {});
        if (std::ferror(stdin)) throw UsageError("cannot read standard input: " + std::string(std::strerror(errno)));
        return text;
    }
    if (std::filesystem::is_directory(file)) throw UsageError("cannot read " + file + ": it is a folder");
    errno = 0;
    std::ifstream stream(file, std::ios::binary);
    std::string text((std::istreambuf_iterator<char>(stream)), {});
    if (!stream) throw UsageError("cannot read " + file + (errno ? ": " + std::string(std::strerror(errno)) : ""));
    return text;
}

pivotal::Seconds parse_time(const std::string& text) {
    const bool number = !text.empty() && text.size() <= 12 && text.find_first_not_of("0123456789") == text.npos;
    if (number) return pivotal::Seconds(std::chrono::seconds(std::stoll(text)));
    std::tm time{};
    const char* const end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &time);
    const std::string rest = end ? end : "?";
    const bool utc =
        !rest.empty() && rest.back() == 'Z' &&
        (rest.size() == 1 || (rest.front() == '.' && rest.find_first_not_of("0123456789", 1) == rest.size() - 1));
    if (!utc)
        throw UsageError("'" + printable(text) + "' is no time: give Unix seconds, or UTC as 2026-05-26T18:42:00Z");
    return pivotal::Seconds(std::chrono::seconds(::timegm(&time)));
}

bool is_same_name(std::string_view name, std::string_view other) {
    return name.size() == other.size() && ::strncasecmp(name.data(), other.data(), name.size()) == 0;
}

bool is_signing_header(std::string_view name) {
    for (const std::string family : {"svix-", "webhook-"})
        for (const char* const what : {"id", "timestamp", "signature"})
            if (is_same_name(name, family + what)) return true;
    return false;
}

const std::string* find_signing_header(const Delivery& delivery, std::string_view what) {
    for (const char* const family : {"svix-", "webhook-"})
        for (const auto& [name, value] : delivery.headers)
            if (is_same_name(name, family + std::string(what))) return &value;
    return nullptr;
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
    bool any = false, of_curl = false;
    HeaderLines headers(delivery);
    while (at < text.size()) {
        const std::size_t begin = at, end = std::min(text.find('\n', at), text.size());
        std::string_view line = std::string_view(text).substr(at, end - at);
        at = std::min(end + 1, text.size());
        if (is_note_of_curl(line)) {
            of_curl = true;
            continue;
        }
        const bool sent = !line.empty() && line.front() == '>';  // by curl
        of_curl = of_curl || sent;
        line = without_space(sent ? line.substr(1) : line);
        if (line.empty()) {
            if (any && !headers.expects_value()) break;
            continue;
        }
        if (any && line.front() == '{') {  // a body that no empty line stands before
            at = begin;
            break;
        }
        any = true;
        const bool request = line.find(" HTTP/") != line.npos;
        if (!request) headers.add(line);
    }
    delivery.body = text.substr(at);
    // What follows then is what was answered: `curl -v` does not show the body that it sends.
    if (of_curl && is_note_of_curl(delivery.body)) delivery.body.clear();
    delivery.without_body = of_curl && delivery.body.empty();
    return delivery;
}

std::string write_delivery(const std::string& path, const Delivery& delivery) {
    std::string text = "POST " + path + " HTTP/1.1\r\n";
    for (const auto& [name, value] : delivery.headers) text += name + ": " + value + "\r\n";
    if (delivery.received) text += std::string(received_header) + ": " + iso8601(*delivery.received) + "\r\n";
    return text + "\r\n" + delivery.body;
}

std::string printable(std::string_view text) {
    constexpr std::size_t longest = 512;
    std::string out;
    while (!text.empty() && out.size() < longest) {
        const std::size_t size = visible_size(text);
        out += size == 0 ? "?" : text.substr(0, size);
        text.remove_prefix(std::max<std::size_t>(size, 1));
    }
    return text.empty() ? out : out + "...";
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
