// SPDX-License-Identifier: MIT
#pragma once

// A valid delivery for the tests to spoil, and signatures that are computed without the library's code: by
// OpenSSL's one-shot HMAC() and EVP_DigestSign().

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace support {

using Clock = std::chrono::system_clock;

inline const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

/// Standard base64, padded.
inline std::string base64(std::string_view bytes) {
    std::vector<unsigned char> text(bytes.size() / 3 * 4 + 5);
    // An int in OpenSSL, a size_t in BoringSSL, which also takes one.
    const auto size = EVP_EncodeBlock(text.data(), bytes_of(bytes), static_cast<int>(bytes.size()));
    return {text.begin(), text.begin() + static_cast<std::ptrdiff_t>(size)};
}

/// The bytes that hexadecimal digits stand for; white space between them is skipped.
inline std::string unhex(std::string_view digits) {
    const auto value = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
    std::string bytes;
    int high = -1;
    for (const char c : digits) {
        if (c == ' ' || c == '\n') continue;
        if (high < 0) {
            high = value(c);
        } else {
            bytes += static_cast<char>(high * 16 + value(c));
            high = -1;
        }
    }
    return bytes;
}

inline std::string hmac_sha256(std::string_view key, std::string_view message) {
    unsigned char tag[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (!HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(message), message.size(), tag, &size))
        throw std::runtime_error("HMAC failed");
    return {tag, tag + size};
}

/// The digest that a context is at work on, or null.
inline const EVP_MD* digest_of(const EVP_MD_CTX* context) {
#if defined(OPENSSL_VERSION_MAJOR) && OPENSSL_VERSION_MAJOR >= 3
    return EVP_MD_CTX_get0_md(context);
#else
    return EVP_MD_CTX_md(context);
#endif
}

/// An Ed25519 key pair (RFC 8032) from its 32 secret bytes.
class Ed25519Signer {
public:
    explicit Ed25519Signer(std::string_view seed)
        : key_(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes_of(seed), seed.size())) {
        if (!key_) throw std::runtime_error("no Ed25519 key");
    }
    ~Ed25519Signer() { EVP_PKEY_free(key_); }
    Ed25519Signer(const Ed25519Signer&) = delete;
    Ed25519Signer& operator=(const Ed25519Signer&) = delete;

    std::string public_key() const {
        unsigned char key[32];
        std::size_t size = sizeof key;
        if (EVP_PKEY_get_raw_public_key(key_, key, &size) != 1) throw std::runtime_error("no public key");
        return {key, key + size};
    }

    /// The public key as a receiver configures it: `whpk_...`.
    std::string secret() const { return "whpk_" + base64(public_key()); }

    std::string sign(std::string_view message) const {
        unsigned char signature[64];
        std::size_t size = sizeof signature;
        EVP_MD_CTX* const context = EVP_MD_CTX_new();
        const bool done = EVP_DigestSignInit(context, nullptr, nullptr, nullptr, key_) == 1 &&
                          EVP_DigestSign(context, signature, &size, bytes_of(message), message.size()) == 1;
        EVP_MD_CTX_free(context);
        if (!done) throw std::runtime_error("Ed25519 signing failed");
        return {signature, signature + size};
    }

private:
    EVP_PKEY* key_;
};

/// The key of the tests and its secret (published in the tests of the official libraries).
inline const std::string key = unhex("0b6155b0140886bb1c0a195020c57e6f9b1262ca686fba03");
inline const std::string secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// Another key, for rotation, and its secret.
inline const std::string other_key = "the other key of the tests, 40 bytes....";
inline const std::string other_secret = "whsec_" + base64(other_key);

/// The time of every test, unless it is about time.
inline constexpr std::int64_t now_seconds = 1779820920;
inline constexpr Clock::time_point now{std::chrono::seconds(now_seconds)};

/// A delivery that is valid under `secret` at `now`. A test changes one field; it calls sign() where the
/// change is to be signed.
struct Message {
    std::string id = "msg_2nQv8c9aZmYHKr1TtQmXjdB4uWx";
    std::string timestamp = std::to_string(now_seconds);
    std::string body = R"({"id":"evt_5tGz0q","type":"customer.created","created_at":"2026-05-26T18:42:00.000Z",)"
                       R"("org_id":"org_9Yx","livemode":true,"api_version":"v1",)"
                       R"("data":{"object":{"id":"cus_31","name":"Zoë & Söhne 🎉","health_score":82}}})";
    std::string signature;

    Message() { sign(); }

    std::string content() const { return id + "." + timestamp + "." + body; }

    /// The signature alone: base64 without `v1,`.
    std::string v1_text(std::string_view with = key) const { return base64(hmac_sha256(with, content())); }
    std::string v1(std::string_view with = key) const { return "v1," + v1_text(with); }
    std::string v1a(const Ed25519Signer& signer) const { return "v1a," + base64(signer.sign(content())); }

    Message& sign(std::string_view with = key) {
        signature = v1(with);
        return *this;
    }
};

}  // namespace support
