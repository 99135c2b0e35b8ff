// SPDX-License-Identifier: MIT
#include <pivotal/webhook.hpp>

#include <set>

#include "harness.hpp"
#include "model.hpp"

FUZZ_TARGET(secret) {
    using pivotal::Errc;
    using pivotal::Webhook;
    const std::string secrets(input);
    std::error_code error = Errc::crypto_failure;
    const auto webhook = Webhook::create(std::string_view(secrets), error);
    const auto expected = model::read_secrets(secrets);
    FUZZ_CHECK(webhook.has_value() == expected.has_value());
    FUZZ_CHECK(error == (expected ? std::error_code() : make_error_code(Errc::invalid_secret)));

    try {
        const Webhook made(secrets);
        FUZZ_CHECK(expected.has_value());
    } catch (const pivotal::InvalidSecretError& refused) {
        FUZZ_CHECK(refused.code() == error);
        // A message that repeated the secret would be another one for each secret: there are few, but for numbers.
        std::string message;
        for (const char* c = refused.what(); *c != '\0'; ++c)
            if (*c < '0' || *c > '9') message += *c;
        static std::set<std::string> messages;
        messages.insert(message);
        FUZZ_CHECK(messages.size() < 40);
    }

    if (!webhook || expected->hmac.empty()) return;
    const std::string signatures =
        webhook->sign("msg_1", pivotal::Clock::time_point(std::chrono::seconds(1)), "{}", error);
    std::string by_model;
    for (const std::string& key : expected->hmac)
        by_model += (by_model.empty() ? "v1," : " v1,") + model::hmac_signature(key, "msg_1.1.{}");
    FUZZ_CHECK(!error && signatures == by_model);
}
