// SPDX-License-Identifier: MIT
#include <pivotal/webhook.hpp>

#include <map>
#include <string>
#include <system_error>
#include <vector>

// Compiled as it is, and once with each of these names defined, which must fail with a readable message.
int main() {
    const pivotal::Webhook webhook("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
    std::error_code error;
#if defined(A_NUMBER)
    const int headers = 5;
#elif defined(A_RANGE_OF_NUMBERS)
    const std::map<std::string, int> headers = {{"svix-timestamp", 5}};
#elif defined(A_CALLABLE_THAT_CHANGES)
    auto headers = [calls = 0](const char* name) mutable { return ++calls > 6 ? "" : name; };
#elif defined(RETURNS_A_NUMBER)
    const auto headers = [](const char*) { return 5; };
#elif defined(RETURNS_NOTHING)
    const auto headers = [](const char*) {};
#elif defined(A_MAP_OF_VECTORS)
    const std::map<std::string, std::vector<std::string> > headers = {{"svix-timestamp", {"5"}}};
#elif defined(A_RANGE_THAT_CHANGES)
    struct {
        std::map<std::string, std::string> fields;
        auto begin() { return fields.begin(); }
        auto end() { return fields.end(); }
    } headers;
#else
    const auto headers = [](const char* name) { return name; };
#endif

#if defined(A_KEY_THAT_IS_A_C_STRING)
    (void)pivotal::Webhook::from_bytes("a key");
#endif
#if defined(A_PARSED_BODY)
    const auto parsed = nlohmann::json::object();
    return webhook.authenticate(parsed, headers, error) ? 1 : 0;
#elif defined(AN_EVENT_AS_A_BODY)
    pivotal::Event event;
    return webhook.authenticate(event, headers, error) ? 1 : 0;
#endif
#if defined(DISCARDS_AN_EVENT)
    webhook.verify("{}", headers);
#endif
    return webhook.authenticate("{}", headers, error) ? 1 : 0;
}
