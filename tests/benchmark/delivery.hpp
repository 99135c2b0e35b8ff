// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

#include <openssl/evp.h>

#include <pivotal/webhook.hpp>

#include "../../examples/simdjson/customer_event.hpp"

inline std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot read " + path);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// A delivery as a sender makes it.
struct Delivery {
    static constexpr const char* secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    /// Always the same, and the moment at which it is to be verified.
    static constexpr std::int64_t fixed_time = 1649367553;
    static pivotal::Clock::time_point fixed_now() { return pivotal::Clock::from_time_t(fixed_time); }
    static Delivery fixed(std::string body) {
        const std::string id = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
        std::string signature = pivotal::Webhook(secret).sign(id, fixed_now(), body);
        return {id, std::to_string(fixed_time), std::move(signature), std::move(body)};
    }

    pivotal::Headers headers() const { return {id, timestamp, signature}; }

    /// As the other libraries are given them: to be looked up by name.
    std::map<std::string, std::string> header_map() const {
        return {{"svix-id", id}, {"svix-timestamp", timestamp}, {"svix-signature", signature}};
    }

    std::string id, timestamp, signature, body;
};

template <class Outcome> bool require(const Outcome& authentic) {
    if (!authentic) std::abort();  // a figure for a refusal would be no figure
    return true;
}

/// What a handler does that reads by simdjson: the id, the type and three fields of the object.
inline std::size_t read_by_simdjson(const pivotal::Webhook& webhook, const std::string& body,
                                    const pivotal::HeaderSource& headers, pivotal::Clock::time_point now) {
    std::error_code error;
    const auto event = webhook.verify<CustomerEvent>(body, headers, error, now);
    require(event && event->health_score == 41);
    return event->id.size() + event->type.size() + event->customer_id.size() + event->name.size();
}

/// The floor: HMAC-SHA256 from a precomputed key schedule over the signed bytes, which lie in one piece
/// already, and nothing else: no look at a header, no comparison, no check of a result.
class Floor {
public:
    explicit Floor(const Delivery& delivery) : content_(delivery.id + '.' + delivery.timestamp + '.' + delivery.body) {
        // The key's bytes make no difference to the time.
        unsigned char block[64] = {};
        EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
        for (const int pad : {0x36, 0x5c}) {
            EVP_MD_CTX* const context = pad == 0x36 ? inner_ : outer_;
            for (auto& byte : block) byte = static_cast<unsigned char>(pad);
            EVP_DigestInit_ex(context, sha256, nullptr);
            EVP_DigestUpdate(context, block, sizeof block);
        }
        EVP_MD_free(sha256);
    }
    ~Floor() {
        for (EVP_MD_CTX* const context : {inner_, outer_, scratch_}) EVP_MD_CTX_free(context);
    }
    Floor(const Floor&) = delete;
    Floor& operator=(const Floor&) = delete;

    unsigned char operator()() noexcept {
        unsigned char tag[32];
        EVP_MD_CTX_copy_ex(scratch_, inner_);
        EVP_DigestUpdate(scratch_, content_.data(), content_.size());
        EVP_DigestFinal_ex(scratch_, tag, nullptr);
        EVP_MD_CTX_copy_ex(scratch_, outer_);
        EVP_DigestUpdate(scratch_, tag, sizeof tag);
        EVP_DigestFinal_ex(scratch_, tag, nullptr);
        return tag[0];
    }

private:
    std::string content_;
    EVP_MD_CTX* const inner_ = EVP_MD_CTX_new();
    EVP_MD_CTX* const outer_ = EVP_MD_CTX_new();
    EVP_MD_CTX* const scratch_ = EVP_MD_CTX_new();
};
