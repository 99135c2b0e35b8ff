// SPDX-License-Identifier: MIT
#include <pivotal/webhook.hpp>

#include <openssl/provider.h>

#include "catch.hpp"

using pivotal::Clock;
using pivotal::Errc;
using pivotal::Webhook;

// One test in a process of its own: which providers are loaded holds for the whole process.
TEST_CASE("without OpenSSL's default provider everything is crypto_failure", "[failure_injection]") {
    const std::string secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const std::string public_key = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    const Clock::time_point now{std::chrono::seconds{1649367553}};
    const std::string ed25519_signature = "v1a," + std::string(86, 'A') + "==";

    // A provider that is loaded by hand stops OpenSSL from loading the default one by itself.
    OSSL_PROVIDER* const null_provider = OSSL_PROVIDER_load(nullptr, "null");
    REQUIRE(null_provider != nullptr);
    const auto nothing_works = [&] {
        for (const std::string& secrets : {secret, public_key}) {
#ifdef PIVOTAL_DETAIL_NO_FETCH
            if (secrets == public_key) continue;  // without providers there is nothing to ask
#endif
            INFO(secrets.substr(0, 6));
            std::error_code error;
            CHECK_FALSE(Webhook::create(std::string_view(secrets), error).has_value());
            CHECK(error == Errc::crypto_failure);
            try {
                const Webhook webhook(secrets);
                FAIL("a Webhook without cryptography");
            } catch (const pivotal::InvalidSecretError& refused) {
                CHECK(refused.code() == Errc::crypto_failure);
            }
        }
        CHECK(ERR_peek_error() == 0);
    };
    nothing_works();

    // With the provider there it works; when it goes, a Webhook that was made before refuses.
    OSSL_PROVIDER* const default_provider = OSSL_PROVIDER_load(nullptr, "default");
    REQUIRE(default_provider != nullptr);
    const Webhook hmac(secret);
    const Webhook ed25519(public_key);
    const std::string signature = hmac.sign("msg_1", now, "{}");
    std::error_code error;
    CHECK(hmac.authenticate("{}", {"msg_1", "1649367553", signature}, error, now));
    CHECK_FALSE(ed25519.authenticate("{}", {"msg_1", "1649367553", ed25519_signature}, error, now));
    CHECK(error == Errc::signature_mismatch);

    OSSL_PROVIDER_unload(default_provider);
    CHECK_FALSE(ed25519.authenticate("{}", {"msg_1", "1649367553", ed25519_signature}, error, now));
#ifndef PIVOTAL_DETAIL_NO_FETCH
    CHECK(error == Errc::crypto_failure);
#endif
    CHECK_FALSE(hmac.authenticate("{}", {"msg_1", "1649367553", "v1," + std::string(43, 'A') + "="}, error, now));
    // The key's own reference keeps the hash usable.
    CHECK(hmac.authenticate("{}", {"msg_1", "1649367553", signature}, error, now));
    CHECK(ERR_peek_error() == 0);
    nothing_works();
    OSSL_PROVIDER_unload(null_provider);
}
