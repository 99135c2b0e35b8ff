// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

#include <pivotal/detail/core/base64.hpp>
#include <pivotal/detail/core/ed25519.hpp>
#include <pivotal/detail/core/hmac_sha256.hpp>
#include <pivotal/detail/core/openssl.hpp>
#include <pivotal/detail/core/refusal.hpp>
#include <pivotal/detail/core/text.hpp>
#include <pivotal/error.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

/// The keys of one Webhook, each with the number of its secret, from 0. Immutable once made.
struct KeyRing {
    template <class Key> struct Numbered {
        Key key;
        std::size_t secret;
    };
    std::vector<Numbered<HmacSha256Key>> hmac;
    std::vector<Numbered<Ed25519Key>> ed25519;
};

inline constexpr std::size_t min_secret_size = 24;  // Standard Webhooks 1.0.0, "Signature scheme"
inline constexpr std::size_t max_secret_size = 75;  // Svix's server makes up to 75; the specification says 64

inline constexpr const char* secret_advice_unset =
    "it is not set, or empty; give the endpoint's signing secret (whsec_...), which Pivotal's dashboard shows once";
inline constexpr const char* secret_advice_openssl =
    "OpenSSL could not prepare the key; is its default provider loaded, and is there memory?";

constexpr bool starts_with(std::string_view text, std::string_view prefix) noexcept {
    return text.substr(0, prefix.size()) == prefix;
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
    if (equals_ignoring_case(secret.substr(0, 5), "whsk_"))
        return "it is a private key (whsk_), which only the sender may have; give the public key (whpk_), "
               "and have the private key replaced if it was exposed";
    if (starts_with(secret, "pivotal_"))
        return "it is a Pivotal API key; give the endpoint's signing secret (whsec_...) from the dashboard's "
               "webhook page";
    for (const std::string_view prefix : {"whsec_", "whpk_", "whsk_"}) {
        const std::size_t known = starts_with(secret, prefix) ? prefix.size() : 0;
        const std::size_t at = find_ignoring_case(secret.substr(known), prefix);
        if (at == secret.npos) continue;
        return known + at == 0
                   ? "its prefix must be in lower case (whsec_, whpk_)"
                   : "there is text in front of its prefix; remove what stands in front, and separate several "
                     "secrets by white space";
    }
    // Base64 has no `_` and no `-`.
    for (const std::string_view prefix : {"sk_", "pk_", "rk_", "sk-", "ghp_", "ep_", "msg_", "evt_"})
        if (starts_with(secret, prefix))
            return "it is not a webhook secret but an id, or a key of another kind; give the endpoint's signing "
                   "secret (whsec_...) from the dashboard's webhook page";
    return nullptr;
}

/// Takes the first of the secrets off `rest`; empty where there is none left. They are separated by white space.
inline std::string_view next_secret(std::string_view& rest) noexcept {
    constexpr std::string_view white_space = " \t\n\r\v\f";
    rest.remove_prefix((std::min)(rest.find_first_not_of(white_space), rest.size()));
    const std::string_view found = rest.substr(0, rest.find_first_of(white_space));
    rest.remove_prefix(found.size());
    return found;
}

/// What a secret is for, and the base64 behind its prefix.
struct SecretForm {
    bool is_public_key;
    std::string_view base64;
};

/// `whpk_<base64>`, `whsec_<base64>` or bare base64.
constexpr SecretForm form_of(std::string_view secret) noexcept {
    if (starts_with(secret, "whpk_")) return {true, secret.substr(5)};
    return {false, starts_with(secret, "whsec_") ? secret.substr(6) : secret};
}

/// Adds an HMAC key that is no text but the key itself, of the `number`th secret from 0.
inline Refusal add_raw_key(KeyRing& keys, std::string_view bytes, std::size_t number = 0) {
    if (bytes.empty()) return {Errc::invalid_secret, "the key is empty"};
    const ErrorQueueGuard guard;
    HmacSha256Key key(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    if (!key) return {Errc::crypto_failure, secret_advice_openssl};
    keys.hmac.push_back({std::move(key), number});
    return accepted;
}

inline Refusal add_public_key(KeyRing& keys, std::string_view base64, std::size_t number) {
    unsigned char bytes[ed25519_key_size];
    if (base64_decode(base64, bytes, sizeof bytes) != sizeof bytes)
        return {Errc::invalid_secret,
                "it is no public key: whpk_ must be followed by the standard base64 of 32 bytes; was it cut while "
                "copying?"};
    if (has_small_order(bytes))
        return {Errc::invalid_secret,
                "it is no sender's public key: with this one anyone could make signatures that verify; copy the "
                "endpoint's key (whpk_...) again"};
    Ed25519Key key(bytes);
    if (!key) return {Errc::crypto_failure, secret_advice_openssl};
    keys.ed25519.push_back({std::move(key), number});
    return accepted;
}

/// Adds one secret, the `number`th from 0.
inline Refusal add_secret(KeyRing& keys, std::string_view secret, std::size_t number) {
    if (const char* const mistake = obvious_mistake(secret)) return {Errc::invalid_secret, mistake};
    const SecretForm form = form_of(secret);
    if (form.is_public_key) return add_public_key(keys, form.base64, number);

    SecretBytes<max_secret_size> key;
    if (form.base64.size() > max_secret_size / 3 * 4)
        return {Errc::invalid_secret,
                "it is too long: a signing secret has at most 75 bytes; were two pasted together?"};
    const std::size_t size = base64_decode(form.base64, key.data, key.size());
    if (size == base64_invalid)
        return {Errc::invalid_secret,
                form.base64.find_first_of("-_") != form.base64.npos
                    ? "it is url-safe base64 (with - or _); it must be standard base64 (with + and /), as the "
                      "dashboard shows it"
                    : "it is not base64 of standard form (letters, digits, + and /, padded fully or not at all); was "
                      "it cut or changed while copying?"};
    if (size < min_secret_size)
        return {Errc::invalid_secret,
                "it is too short: a signing secret has at least 24 bytes (32 characters behind whsec_); was it cut "
                "while copying?"};
    return add_raw_key(keys, {reinterpret_cast<const char*>(key.data), size}, number);
}

/// Adds every one of the secrets.
inline Refusal add_secrets(KeyRing& keys, std::string_view secrets) {
    std::size_t count = 0, number = 0;
    for (std::string_view rest = secrets; !next_secret(rest).empty();) ++count;
    if (count == 0) return {Errc::invalid_secret, secret_advice_unset};
    const ErrorQueueGuard guard;
    for (std::string_view rest = secrets; number < count; ++number)
        if (Refusal refusal = add_secret(keys, next_secret(rest), number)) {
            refusal.position = static_cast<std::uint32_t>(number + 1);
            refusal.count = static_cast<std::uint32_t>(count);
            return refusal;
        }
    return accepted;
}

/// Adds the secrets that the environment variable `name` holds.
inline Refusal add_secrets_of_variable(KeyRing& keys, const char* name) {
    if (!name)
        return {Errc::invalid_secret,
                "from_env takes the name of an environment variable, and was given a null pointer"};
    for (const std::string_view prefix : {"whsec_", "whpk_", "whsk_"})
        if (starts_with(name, prefix))
            return {Errc::invalid_secret, "from_env takes the name of an environment variable, and was given a secret"};
    const char* const secrets = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): as documented
    Refusal refusal = add_secrets(keys, secrets ? std::string_view(secrets) : std::string_view());
    // It may be a secret in bare base64: what is no portable name (POSIX, XBD 8.1) is not repeated.
    constexpr std::string_view portable = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    refusal.variable = std::string_view(name).find_first_not_of(portable) == std::string_view::npos
                           ? name
                           : "(whose name is not repeated, as it may be a secret)";
    return refusal;
}

}}}  // namespace pivotal::v1::detail
