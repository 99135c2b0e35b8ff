// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include <pivotal/idempotency.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

/// Where a Redis is, and who asks it: what RedisStore's URL says.
struct RedisAddress {
    std::string host;    // of TCP, or
    std::string socket;  // the path of a Unix socket
    int port = 6379;
    std::string user, password;  // empty: not given
    int database = 0;

    /// For error texts: without the user and the password.
    std::string name() const {
        if (!socket.empty()) return socket;
        const bool is_ipv6 = host.find(':') != host.npos;
        return (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
    }

    static RedisAddress parse(std::string_view url);
};

/// None of these texts repeats anything of the URL: there may be a password in it, in any place.
[[noreturn]] inline void throw_redis_url_error(const char* what) {
    throw StoreError(std::string("Redis: ") + what +
                     "; it is redis://[user:password@]host[:port][/database] or "
                     "unix://[user:password@]/path");
}

inline std::string percent_decoded(std::string_view text) {
    const auto digit = [](char c) {
        return c >= '0' && c <= '9'   ? c - '0'
               : c >= 'A' && c <= 'F' ? c - 'A' + 10
               : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                      : -1;
    };
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            decoded += text[i];
            continue;
        }
        const int high = i + 2 < text.size() ? digit(text[i + 1]) : -1;
        const int low = i + 2 < text.size() ? digit(text[i + 2]) : -1;
        if (high < 0 || low < 0) throw_redis_url_error("a % in the URL's user or password has to be written %25");
        decoded += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return decoded;
}

/// A number from 0 to 65535, or -1.
inline int small_number(std::string_view digits) noexcept {
    if (digits.empty() || digits.size() > 5) return -1;
    int number = 0;
    for (const char c : digits) {
        if (c < '0' || c > '9') return -1;
        number = number * 10 + (c - '0');
    }
    return number <= 65535 ? number : -1;
}

inline RedisAddress RedisAddress::parse(std::string_view url) {
    constexpr std::string_view tcp = "redis://", local = "unix://", encrypted = "rediss://";
    const auto begins_with = [&](std::string_view prefix) { return url.substr(0, prefix.size()) == prefix; };
    if (begins_with(encrypted))
        throw StoreError(
            "Redis: this library speaks no TLS (rediss://); run a TLS proxy such as stunnel beside the service "
            "and give its address as redis://");
    if (!begins_with(tcp) && !begins_with(local)) throw_redis_url_error("the URL has no scheme that is known");
    const bool is_tcp = begins_with(tcp);
    url.remove_prefix(is_tcp ? tcp.size() : local.size());

    RedisAddress address;
    const std::size_t slash = (std::min)(url.find('/'), url.size());
    std::string_view authority = url.substr(0, slash);
    const std::string_view path = url.substr(slash);
    const std::size_t at = authority.rfind('@');
    if (at != authority.npos) {
        const std::string_view credentials = authority.substr(0, at);
        authority.remove_prefix(at + 1);
        const std::size_t colon = credentials.find(':');
        if (colon == credentials.npos || colon + 1 == credentials.size())
            throw_redis_url_error("the URL has a user but no password");
        address.user = percent_decoded(credentials.substr(0, colon));
        address.password = percent_decoded(credentials.substr(colon + 1));
    }
    if (!is_tcp) {
        if (!authority.empty() || path.size() < 2) throw_redis_url_error("the URL has no path of a socket");
        address.socket = path;
        return address;
    }

    std::size_t end_of_host = authority.find(':');
    if (!authority.empty() && authority.front() == '[') {
        const std::size_t bracket = authority.find(']');
        if (bracket == authority.npos) throw_redis_url_error("the URL's [ has no ]");
        address.host = authority.substr(1, bracket - 1);
        end_of_host = bracket + 1;
    } else {
        address.host = authority.substr(0, end_of_host);
    }
    if (address.host.empty()) throw_redis_url_error("the URL has no host");
    if (end_of_host < authority.size()) {
        address.port = authority[end_of_host] == ':' ? small_number(authority.substr(end_of_host + 1)) : -1;
        if (address.port <= 0) throw_redis_url_error("the URL's port is no number from 1 to 65535");
    }
    if (path.size() > 1) {
        address.database = small_number(path.substr(1));
        if (address.database < 0) throw_redis_url_error("the URL's database is no number");
    }
    return address;
}

}}}  // namespace pivotal::v1::detail
