// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <string>

#include "cli.hpp"

// What `send` and `listen --forward-to` send.

/// Where a URL points to: the scheme with host and port, and the path with its query.
struct Target {
    std::string host, path;
    bool tls;
};

/// UsageError where no webhook can be sent there.
Target parse_url(const std::string& url);

struct Answer {
    int status = 0;  // 0: there was none, for the reason that `problem` gives
    std::string body, type, problem;
    std::chrono::milliseconds time{0};
};

/// Waits for 10 s, as Pivotal does.
Answer post(const Target& target, const HeaderList& headers, const std::string& body);

/// As Pivotal's sender does on the wire: the headers in random order. Over http:// alone. Without `wait` the connection
/// ends before there is an answer.
Answer post_as_svix(const Target& target, HeaderList headers, const std::string& body, bool wait);

/// The headers that are the sender's, without those of its connection.
HeaderList end_to_end(const Delivery& delivery);
