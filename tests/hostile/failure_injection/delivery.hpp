// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>

#include <pivotal/webhook.hpp>

/// A delivery and what may be signed with. Its texts are longer than what a std::string holds without memory.
namespace delivery {

inline const std::string secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
inline const std::string other_secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
// RFC 8032 §7.1, TEST 1.
inline const unsigned char private_key[32] = {0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a,
                                              0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32,
                                              0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};
inline const std::string public_key = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

inline const std::string id = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
inline const std::string timestamp = "1649367553";
inline const pivotal::Clock::time_point now{std::chrono::seconds{1649367553}};
inline const std::string event_id = "evt_2nQv8c9aZmYHKr1XyT0aBcDeFgH";
inline const std::string body =
    R"({"id":"evt_2nQv8c9aZmYHKr1XyT0aBcDeFgH","type":"customer.health_score_dropped",)"
    R"("created_at":"2026-05-26T18:42:00.000Z","org_id":"org_0123456789abcdef","livemode":true,)"
    R"("api_version":"v1","something_new":["x",{"\ud83d":1e3}],)"
    R"("data":{"object":{"id":"cus_1","name":"A rather long name of a customer"},)"
    R"("previous_attributes":{"health_score":80}}})";
inline const std::string flat_body = R"({"id":"evt_2nQv8c9aZmYHKr1XyT0aBcDeFgH","type":"webhook.ping",)"
                                     R"("created_at":"2026-05-26T18:42:00.000Z","livemode":null})";

inline const std::string forged = "v1," + std::string(43, 'A') + "=";
inline const std::string forged_v1a = "v1a," + std::string(86, 'A') + "==";

inline std::string ed25519_signature(const std::string& content) {
    const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, private_key, sizeof private_key),
        [](EVP_PKEY* made) { (EVP_PKEY_free)(made); });
    const pivotal::detail::MdContext context(EVP_MD_CTX_new());
    unsigned char signature[64], text[89];
    std::size_t size = sizeof signature;
    if (EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
        EVP_DigestSign(context.get(), signature, &size, reinterpret_cast<const unsigned char*>(content.data()),
                       content.size()) != 1)
        throw std::runtime_error("OpenSSL does not sign");
    EVP_EncodeBlock(text, signature, 64);
    return "v1a," + std::string(reinterpret_cast<const char*>(text), 88);
}

}  // namespace delivery
