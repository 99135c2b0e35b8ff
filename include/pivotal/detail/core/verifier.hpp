// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include <pivotal/detail/core/base64.hpp>
#include <pivotal/detail/core/header_lookup.hpp>
#include <pivotal/detail/core/refusal.hpp>
#include <pivotal/detail/core/secret.hpp>
#include <pivotal/detail/core/signature_header.hpp>
#include <pivotal/detail/core/timestamp.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

inline constexpr std::size_t max_id_size = 256;
inline constexpr std::size_t max_signature_header_size = 8192;
inline constexpr int max_ed25519_candidates = 16;  // Svix sends up to eleven signatures

/// 1 to 256 visible ASCII characters without `.`: with one, a signed message could be split in another place.
inline bool is_message_id(std::string_view id) noexcept {
    return !id.empty() && id.size() <= max_id_size &&
           std::all_of(id.begin(), id.end(), [](char c) { return c >= '!' && c <= '~' && c != '.'; });
}

/// What is signed, `id.timestamp.body` (Standard Webhooks 1.0.0, "Signature scheme"), in two parts: the body
/// stays where it is, but for the few bytes of it that fill up the last block of the first part. So SHA-256
/// reads whole blocks from where they lie, which saves a copy and a call.
class SignedContent {
public:
    /// `id` satisfies is_message_id, `timestamp` is at most twelve characters.
    SignedContent(std::string_view id, std::string_view timestamp, std::string_view body) noexcept {
        append(id);
        append(".");
        append(timestamp);
        append(".");
        const std::size_t gap = (sha256_block_size - size_ % sha256_block_size) % sha256_block_size;
        append(body.substr(0, gap));
        rest_ = body.substr((std::min<std::size_t>)(gap, body.size()));
    }
    std::string_view head() const noexcept { return {head_, size_}; }
    std::string_view rest() const noexcept { return rest_; }

private:
    void append(std::string_view part) noexcept {
        if (!part.empty()) std::memcpy(head_ + size_, part.data(), part.size());
        size_ += part.size();
    }

    // The longest id is whole blocks; two dots, the timestamp and what fills it up are at most one more.
    char head_[max_id_size + sha256_block_size];
    std::size_t size_ = 0;
    std::string_view rest_;
};

/// Looks at every `v1` candidate with every key, so that the time does not tell which one matched; `secret` is the
/// number of the first that did. The content is `head` and `rest` behind it.
inline Match match_hmac(const KeyRing& keys, std::string_view head, std::string_view rest, std::string_view signatures,
                        std::size_t& secret) noexcept {
    Match match = Match::none;
    for (const auto& [key, number] : keys.hmac) {
        ScratchContext scratch;
        SecretBytes<sha256_size> expected;
        if (!key.compute(scratch, head, rest, expected)) return Match::failure;
        bool matches = false;
        for_each_candidate(signatures, [&](SignatureVersion version, std::string_view text) {
            unsigned char candidate[sha256_size];
            if (version == SignatureVersion::hmac_sha256 && text.size() == 44 &&
                base64_decode(text, candidate, sizeof candidate) == sizeof candidate)
                matches |= equal_in_constant_time(candidate, expected.data, sizeof candidate);
        });
        if (!matches) continue;
        scratch.keep();  // what it and the tag hold stands in the header
        expected.make_public();
        if (match == Match::none) secret = number;
        match = Match::found;
    }
    return match;
}

/// Ed25519 verification costs tens of microseconds, so the number of candidates is bounded.
inline Match match_ed25519(const KeyRing& keys, std::string_view head, std::string_view rest,
                           std::string_view signatures, std::size_t& secret) {
    if (keys.ed25519.empty()) return Match::none;
    const ErrorQueueGuard guard;  // OpenSSL tells of a wrong signature there
    int left = max_ed25519_candidates;
    Match match = Match::none;
    std::string joined;  // OpenSSL verifies Ed25519 over one contiguous message
    for_each_candidate(signatures, [&](SignatureVersion version, std::string_view text) {
        unsigned char candidate[ed25519_signature_size];
        if (version != SignatureVersion::ed25519 || left == 0 ||
            base64_decode(text, candidate, sizeof candidate) != sizeof candidate)
            return;
        --left;
        if (joined.empty()) joined.append(head).append(rest);
        for (const auto& [key, number] : keys.ed25519) {
            if (match != Match::none) return;
            match = key.verify(candidate, joined);
            if (match == Match::found) secret = number;
        }
    });
    return match;
}

/// Presence, form and time, in the order of the contract; `seconds` is the timestamp, where its form is right.
inline Refusal check_headers(const FoundHeaders& found, std::chrono::system_clock::time_point now,
                             std::chrono::seconds tolerance, std::int64_t& seconds) noexcept {
    if (!found.any())
        return {Errc::missing_header,
                "none of svix-id, svix-timestamp, svix-signature is there (nor webhook-...); does the server "
                "pass the request's headers on?"};
    if (found.id.empty()) return {Errc::missing_header, "the id (svix-id) is absent or empty"};
    if (found.timestamp.empty()) return {Errc::missing_header, "the timestamp (svix-timestamp) is absent or empty"};
    if (found.signature.empty()) return {Errc::missing_header, "the signature (svix-signature) is absent or empty"};

    if (found.repeated) return {Errc::malformed_header, "a signing header occurs twice"};
    if (!is_message_id(found.id))
        return {Errc::malformed_header, "the id is not 1 to 256 visible ASCII characters without a dot"};
    seconds = parse_timestamp(found.timestamp).value_or(0);
    if (seconds == 0) return {Errc::malformed_header, "the timestamp is not Unix seconds in 1 to 12 digits"};
    if (found.signature.size() > max_signature_header_size)
        return {Errc::malformed_header, "the signature header is longer than 8 KiB"};

    return check_time(seconds, now, tolerance);
}

/// The signature over id, timestamp and body; `secret` is the number of the secret that it belongs to.
inline Refusal check_signature(const KeyRing& keys, const FoundHeaders& headers, std::string_view body,
                               std::size_t& secret) {
    const SignedContent content(headers.id, headers.timestamp, body);
    Match match = match_hmac(keys, content.head(), content.rest(), headers.signature, secret);
    // OpenSSL has no memory, or no provider. What it says of that goes, and with it what the server's own calls had left:
    // to keep that would take a mark, which costs every delivery.
    if (match == Match::failure) ERR_clear_error();
    if (match == Match::none) match = match_ed25519(keys, content.head(), content.rest(), headers.signature, secret);
    if (match == Match::failure) return {Errc::crypto_failure, "the signature could not be computed"};
    if (match == Match::none)
        return {Errc::signature_mismatch,
                "no signature fits the id, timestamp and body; is it the secret of this endpoint, and the raw body?"};
    return accepted;
}

/// Appends a `v1,` signature for each HMAC key, separated by spaces. False where OpenSSL fails; what `signatures`
/// then holds is unspecified.
inline bool sign(const KeyRing& keys, const SignedContent& content, std::string& signatures) {
    const ErrorQueueGuard guard;
    for (const auto& numbered : keys.hmac) {
        ScratchContext scratch;
        SecretBytes<sha256_size> tag;
        signatures.append(signatures.empty() ? "v1," : " v1,");
        const std::size_t at = signatures.size();
        signatures.resize(at + 44);  // behind them EVP_EncodeBlock writes a NUL, where the string has its own
        if (!numbered.key.compute(scratch, content.head(), content.rest(), tag) ||
            EVP_EncodeBlock(reinterpret_cast<unsigned char*>(&signatures[at]), tag.data, sha256_size) != 44)
            return false;
    }
    return true;
}

}}}  // namespace pivotal::v1::detail
