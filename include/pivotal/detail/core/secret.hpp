// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pivotal/detail/core/base64.hpp>
#include <pivotal/detail/core/ed25519.hpp>
#include <pivotal/detail/core/hmac_sha256.hpp>
#include <pivotal/detail/core/openssl.hpp>
#include <pivotal/error.hpp>

namespace pivotal {
inline namespace v1 {
namespace detail {

/// The keys of one Webhook. Immutable once made.
struct KeyRing {
    std::vector<HmacSha256Key> hmac;
    std::vector<Ed25519Key> ed25519;
};

/// Why a secret was refused; static texts only, so that no message can repeat a secret.
struct [[nodiscard]] SecretRefusal {
    Errc code{};              // no Errc at all: accepted
    const char* advice = "";  // what to do about it
    std::size_t position = 0, count = 0;

    constexpr explicit operator bool() const noexcept { return code != Errc{}; }
};

/// One sentence for a log; `variable` is the environment variable that the secret came from, where there is
/// one.
inline std::string sentence(const SecretRefusal& refusal, const char* variable = nullptr) {
    std::string text = make_error_code(refusal.code).message();
    if (variable) text.append(" in the environment variable ").append(variable);
    if (refusal.count > 1)
        text += " (number " + std::to_string(refusal.position) + " of " + std::to_string(refusal.count) +
                ", separated by white space)";
    return text.append(": ").append(refusal.advice);
}

inline constexpr std::size_t min_secret_size = 24;  // Standard Webhooks 1.0.0, "Signature scheme"
inline constexpr std::size_t max_secret_size =
    75;  // the most that Svix's server makes; the specification says 64

inline constexpr const char* secret_advice_unset =
    "it is not set; set it to the endpoint's signing secret (whsec_...), which Pivotal's dashboard shows once";
inline constexpr const char* secret_advice_null =
    "it is a null pointer, as std::getenv returns for a variable that is not set; set the variable to the "
    "endpoint's signing secret (whsec_...)";
inline constexpr const char* secret_advice_empty =
    "it is empty; give the endpoint's signing secret (whsec_...), which Pivotal's dashboard shows once";
inline constexpr const char* secret_advice_openssl =
    "OpenSSL could not prepare the key; is its default provider loaded, and is there memory?";

constexpr bool starts_with(std::string_view text, std::string_view prefix) noexcept {
    return text.substr(0, prefix.size()) == prefix;
}

/// What is wrong with the name of an environment variable; nullptr where nothing is.
inline const char* variable_name_mistake(const char* name) noexcept {
    if (!name) return "from_env takes the name of an environment variable, and was given a null pointer";
    for (const std::string_view prefix : {"whsec_", "whpk_", "whsk_"})
        if (starts_with(name, prefix))
            return "from_env takes the name of an environment variable, and was given a secret";
    return nullptr;
}

/// The name of an environment variable as a message may have it. A secret may have been given for one, also bare
/// base64: what is not of capitals, digits and `_` alone, as portable names are (POSIX, XBD 8.1), is not repeated.
inline const char* shown_variable_name(const char* name) noexcept {
    constexpr std::string_view portable = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    return std::string_view(name).find_first_not_of(portable) == std::string_view::npos
               ? name
               : "(whose name is not repeated, as it may be a secret)";
}

/// True for an id or another service's key. None is base64, which has no `_` and no `-`.
inline bool is_other_token(std::string_view secret) noexcept {
    for (const std::string_view prefix : {"sk_", "pk_", "rk_", "sk-", "ghp_", "ep_", "msg_", "evt_"})
        if (starts_with(secret, prefix)) return true;
    return false;
}

/// What is wrong with a text that is no secret at all, by its look; nullptr where it may be one.
inline const char* obvious_mistake(std::string_view secret) noexcept {
    constexpr std::string_view quotes = "\"'`";
    if (quotes.find(secret.front()) != quotes.npos || quotes.find(secret.back()) != quotes.npos)
        return "it has quotes around it; remove the quotes";
    for (const char c : secret)
        if (static_cast<unsigned char>(c) > 126 || c < '!')
            return "it has a character that is not visible ASCII (an invisible space or a typographic "
                   "quote?); copy it again from Pivotal's dashboard";
    if (starts_with(secret, "v1,") || starts_with(secret, "v1a,"))
        return "it starts with a signature's version (v1,); remove that, the secret starts with whsec_";
    if (starts_with(secret, "whsk_"))
        return "it is a private key (whsk_), which only the sender may have; give the public key (whpk_), "
               "and have the private key replaced if it was exposed";
    if (starts_with(secret, "pivotal_"))
        return "it is a Pivotal API key; give the endpoint's signing secret (whsec_...) from the dashboard's "
               "webhook page";
    if (is_other_token(secret))
        return "it is not a webhook secret but an id, or a key of another kind; give the endpoint's signing "
               "secret (whsec_...) from the dashboard's webhook page";
    for (const std::string_view prefix : {"whsec_", "whpk_", "whsk_"})
        if (secret.find(prefix, 1) != secret.npos)
            return "there is text in front of its prefix; remove what stands in front, and separate several "
                   "secrets by white space";
    return nullptr;
}

/// What is wrong with the base64 behind a prefix; nullptr where its form is right but for its length.
inline const char* base64_mistake(std::string_view payload) noexcept {
    if (payload.find_first_of("-_") != payload.npos)
        return "it is url-safe base64 (with - or _); it must be standard base64 (with + and /), as the "
               "dashboard shows it";
    return "it is not base64 of standard form (letters, digits, + and /, padded fully or not at all); was it "
           "cut or changed while copying?";
}

inline SecretRefusal add_hmac_key(KeyRing& keys, const unsigned char* bytes, std::size_t size) {
    HmacSha256Key key(bytes, size);
    if (!key) return {Errc::crypto_failure, secret_advice_openssl};
    keys.hmac.emplace_back(std::move(key));
    return {};
}

/// Adds an HMAC key that is no text but the key itself.
inline SecretRefusal add_raw_key(KeyRing& keys, std::string_view key) {
    if (key.empty()) return {Errc::invalid_secret, "the key is empty"};
    const ErrorQueueGuard guard;
    return add_hmac_key(keys, reinterpret_cast<const unsigned char*>(key.data()), key.size());
}

/// Adds one secret: `whsec_<base64>` or bare base64 (HMAC), or `whpk_<base64>` (Ed25519).
inline SecretRefusal add_secret(KeyRing& keys, std::string_view secret) {
    constexpr auto refused = [](const char* advice) { return SecretRefusal{Errc::invalid_secret, advice}; };
    if (const char* const mistake = obvious_mistake(secret)) return refused(mistake);

    if (starts_with(secret, "whpk_")) {
        secret.remove_prefix(5);
        unsigned char key[ed25519_key_size];
        if (base64_decode(secret, key, sizeof key) != sizeof key)
            return refused(
                "it is no public key: whpk_ must be followed by the standard base64 of 32 bytes; was it cut "
                "while copying?");
        if (has_small_order(key))
            return refused(
                "it is no sender's public key: with this one anyone could make signatures that verify; copy the "
                "endpoint's key (whpk_...) again");
        Ed25519Key made(key);
        if (!made) return {Errc::crypto_failure, secret_advice_openssl};
        keys.ed25519.emplace_back(std::move(made));
        return {};
    }

    if (starts_with(secret, "whsec_")) secret.remove_prefix(6);
    SecretBytes<max_secret_size> key;
    if (secret.size() > max_secret_size / 3 * 4)
        return refused("it is too long: a signing secret has at most 75 bytes; were two pasted together?");
    const std::size_t size = base64_decode(secret, key.data, key.size());
    if (size == base64_invalid) return refused(base64_mistake(secret));
    if (size < min_secret_size)
        return refused(
            "it is too short: a signing secret has at least 24 bytes (32 characters behind whsec_); was it "
            "cut while copying?");
    return add_hmac_key(keys, key.data, size);
}

/// Adds every secret of `secrets`, which are separated by white space.
inline SecretRefusal add_secrets(KeyRing& keys, std::string_view secrets) {
    constexpr std::string_view white_space = " \t\n\r\v\f";
    constexpr auto skip = [](std::string_view text, std::string_view::size_type to) {
        return to == text.npos ? std::string_view() : text.substr(to);
    };
    const auto next = [&](std::string_view& rest) {  // takes the next secret off `rest`; empty at the end
        rest = skip(rest, rest.find_first_not_of(white_space));
        const std::string_view found = rest.substr(0, rest.find_first_of(white_space));
        rest.remove_prefix(found.size());
        return found;
    };

    std::size_t count = 0, position = 0;
    for (std::string_view rest = secrets; !next(rest).empty();) ++count;
    if (count == 0) return {Errc::invalid_secret, secret_advice_empty};
    const ErrorQueueGuard guard;
    for (std::string_view rest = secrets, secret = next(rest); !secret.empty(); secret = next(rest)) {
        ++position;
        if (SecretRefusal refusal = add_secret(keys, secret)) {
            refusal.position = position;
            refusal.count = count;
            return refusal;
        }
    }
    return {};
}

}  // namespace detail
}  // namespace v1
}  // namespace pivotal
