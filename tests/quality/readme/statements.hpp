// SPDX-License-Identifier: MIT
// What README.md takes for granted around its statements.
#include <pivotal/webhook.hpp>
#ifdef PIVOTAL_README_SQLITE
#include <pivotal/inbox_worker.hpp>
#include <pivotal/receiver.hpp>
#include <pivotal/stores/sqlite.hpp>
#endif

#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <thread>

const char* find_header(const char* name);
void handle(const pivotal::Event& event);
extern const pivotal::Webhook webhook;
extern const std::string body, id, timestamp, signature;
extern const std::multimap<std::string, std::string> headers;
