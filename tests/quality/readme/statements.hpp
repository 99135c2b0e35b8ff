// SPDX-License-Identifier: MIT
// What README.md and examples/receiver.md take for granted around their statements.
#include <pivotal/webhook.hpp>
#ifdef PIVOTAL_README_SQLITE
#include <pivotal/inbox_worker.hpp>
#include <pivotal/receiver.hpp>
#include <pivotal/stores/sqlite.hpp>
#endif

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

const char* find_header(const char* name);
void handle(const pivotal::Event& event);
extern const pivotal::Webhook webhook;
extern const std::string body, id, timestamp, signature;
extern const std::multimap<std::string, std::string> headers;
#ifdef PIVOTAL_README_SQLITE
extern sqlite3* const database;
extern const pivotal::Event event;
#endif
