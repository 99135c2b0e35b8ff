// SPDX-License-Identifier: MIT
// What README.md takes for granted around its statements.
#include <pivotal/webhook.hpp>

#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <thread>

const char* find_header(const char* name);
extern const pivotal::Webhook webhook;
extern const std::string body, id, timestamp, signature;
extern const std::multimap<std::string, std::string> headers;
