// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <pivotal/body.hpp>
#include <pivotal/detail/core/secret.hpp>
#include <pivotal/detail/core/verifier.hpp>
#include <pivotal/error.hpp>
#include <pivotal/event.hpp>
#include <pivotal/headers.hpp>
#include <pivotal/version.hpp>

namespace pivotal {
inline namespace v1 {

/// What a Webhook accepts.
struct WebhookOptions {
    /// How far `svix-timestamp` may lie from `now`, either way. Negative counts as 0;
    /// `std::chrono::seconds::max()` accepts any age.
    std::chrono::seconds tolerance = std::chrono::minutes{5};
};

/// Verifies the deliveries of one endpoint: Standard Webhooks 1.0.0, symmetric (`v1`, HMAC-SHA256) and
/// asymmetric (`v1a`, Ed25519), in the headers `svix-id`, `svix-timestamp` and `svix-signature`, or
/// `webhook-...`.
///
///     static const pivotal::Webhook webhook = pivotal::Webhook::from_env();
///     std::error_code error;
///     if (auto event = webhook.verify(body, headers, error)) handle(*event);
///     return pivotal::http_status(error);
///
/// **Secrets** are one or several, separated by white space, so that a rotation is an edit of the environment
/// variable: `whsec_<base64>` or bare base64 (an HMAC key of 24 to 75 bytes), or `whpk_<base64 of 32 bytes>`
/// (an Ed25519 public key). A delivery is authentic when any of its signatures belongs to any of the secrets.
/// Keys are wiped when the last copy goes.
///
/// **Thread safety:** const members may run in many threads at once. Copies are cheap and share the immutable
/// keys. A moved-from Webhook refuses everything (Errc::invalid_secret); it can be assigned to.
///
/// **Not for:** rejecting replays within the tolerance, or handling an event once: that is the receiver's
/// work, by Event::id. Not for a body that was parsed and written again: verify the bytes that came.
///
/// **Headers** are any HeaderSource: `{id, timestamp, signature}`; `{{"svix-id", a}, {"svix-timestamp", b},
/// {"svix-signature", c}}`; a callable that takes a header's name; or a range of name/value pairs (see
/// <pivotal/headers.hpp>).
///
/// **What is checked**, in this order; nothing is parsed before it is authentic:
/// 1. presence: `missing_header`. If any `svix-` header is there all three must be; else the `webhook-`
///    family is used.
/// 2. form: `malformed_header`. No name twice; an id of 1 to 256 visible ASCII characters without `.`, a
///    timestamp `[1-9][0-9]{0,11}`, a signature header of at most 8 KiB.
/// 3. time: `timestamp_too_old`, `timestamp_too_new`. `now` is floored to seconds; exactly the tolerance
///    away is good.
/// 4. signature: `signature_mismatch`. Every `v1` candidate is compared in constant time; of Ed25519
///    verifications at most four are made.
/// 5. event (verify only): `malformed_event`, see Event::parse.
///
/// A failure inside OpenSSL is `crypto_failure`, never acceptance; a lack of memory in the middle of an Ed25519
/// verification is told as a wrong signature by OpenSSL itself. Where memory runs out elsewhere std::bad_alloc is
/// thrown, and what a HeaderSource throws passes through.
class Webhook {
public:
#if defined(__cpp_exceptions)
    /// Throws InvalidSecretError, whose text says what to do and never repeats a secret.
    explicit Webhook(std::string_view secrets, WebhookOptions options = {});

    /// The same; a null pointer, which is what std::getenv returns for an unset variable, throws
    /// InvalidSecretError.
    explicit Webhook(const char* secrets, WebhookOptions options = {});

    /// With the secrets in the environment variable `name`. Throws InvalidSecretError, which names the variable
    /// where its name is of capitals, digits and `_`. Not while another thread changes the environment (std::getenv).
    static Webhook from_env(const char* name = "PIVOTAL_WEBHOOK_SECRET", WebhookOptions options = {});

    /// With a raw HMAC key (RFC 2104) of any length but 0, which throws InvalidSecretError. For tests and for
    /// keys from a key store; not for the text `whsec_...`, which is base64. A key in an array of `char` must be
    /// given with its size, `from_bytes({key, sizeof key})`: as a Body it ends at its first zero byte.
    static Webhook from_bytes(Body key, WebhookOptions options = {});
#endif

    /// from_bytes that gives nullopt and Errc::invalid_secret or Errc::crypto_failure instead of throwing.
    static std::optional<Webhook> from_bytes(Body key, std::error_code& error, WebhookOptions options = {});

    /// The constructor that gives nullopt and Errc::invalid_secret or Errc::crypto_failure instead of
    /// throwing.
    static std::optional<Webhook> create(std::string_view secrets, std::error_code& error,
                                         WebhookOptions options = {});
    static std::optional<Webhook> create(const char* secrets, std::error_code& error,
                                         WebhookOptions options = {});

    // Everything that parses is a template, so that a file which only includes this header does not pay for
    // nlohmann's parser. What is written in braces has no type to deduce: the default is for `{id, timestamp,
    // signature}`, and HeaderList is a parameter that nothing is deduced from, so that pairs are converted.

    /// The event of an authentic delivery, or nullopt and the code (an Errc; see the list above).
    ///
    /// `now` is compared with the signed timestamp; give it in tests only.
    template <class HeaderSource = Headers>
    [[nodiscard]] std::optional<Event> verify(Body body, const HeaderSource& headers, std::error_code& error,
                                              Clock::time_point now = Clock::now()) const;
    template <int = 0>
    [[nodiscard]] std::optional<Event> verify(Body body, HeaderList headers, std::error_code& error,
                                              Clock::time_point now = Clock::now()) const;

    /// True if the delivery is authentic, else false and the code. The body is bytes and is never parsed: for
    /// users of another JSON library, for queues (see Event::parse) and proxies. With HMAC secrets it
    /// allocates nothing of its own.
    template <class HeaderSource = Headers>
    [[nodiscard]] bool authenticate(Body body, const HeaderSource& headers, std::error_code& error,
                                    Clock::time_point now = Clock::now()) const;
    template <int = 0>
    [[nodiscard]] bool authenticate(Body body, HeaderList headers, std::error_code& error,
                                    Clock::time_point now = Clock::now()) const;

#if defined(__cpp_exceptions)
    /// The event of an authentic delivery, or a WebhookVerificationError.
    template <class HeaderSource = Headers>
    [[nodiscard]] Event verify(Body body, const HeaderSource& headers,
                               Clock::time_point now = Clock::now()) const;
    template <int = 0>
    [[nodiscard]] Event verify(Body body, HeaderList headers, Clock::time_point now = Clock::now()) const;

    /// Returns if the delivery is authentic, else throws WebhookVerificationError.
    template <class HeaderSource = Headers>
    void authenticate(Body body, const HeaderSource& headers, Clock::time_point now = Clock::now()) const;
    template <int = 0>
    void authenticate(Body body, HeaderList headers, Clock::time_point now = Clock::now()) const;

    /// The value of the signature header: one `v1,` signature for each HMAC secret, separated by spaces. For
    /// tests and senders; not for showing to a client what its signature should have been.
    ///
    /// `timestamp` is floored to seconds, and `svix-timestamp` must be sent as those.
    ///
    /// Throws std::invalid_argument for an id or a time that verify would refuse, std::logic_error where
    /// there is no HMAC secret, std::system_error (Errc::crypto_failure) where OpenSSL fails.
    [[nodiscard]] std::string sign(std::string_view id, Clock::time_point timestamp, Body body) const;
#endif

    /// sign that gives an empty string and std::errc::invalid_argument, Errc::invalid_secret or
    /// Errc::crypto_failure instead of throwing.
    [[nodiscard]] std::string sign(std::string_view id, Clock::time_point timestamp, Body body,
                                   std::error_code& error) const;

private:
    using Keys = std::shared_ptr<const detail::KeyRing>;

    Webhook(Keys keys, WebhookOptions options) noexcept
        : keys_(std::move(keys)), tolerance_(options.tolerance) {}

    /// The one path of construction: `add` puts keys into a KeyRing.
    template <class Add>
    static detail::SecretRefusal make_keys(Keys& keys, Add add);
    static detail::SecretRefusal from_secrets(std::string_view secrets, Keys& keys);
    static detail::SecretRefusal from_secrets(const char* secrets, Keys& keys);
    static detail::SecretRefusal from_raw_key(Body key, Keys& keys);
    static std::optional<Webhook> result(const detail::SecretRefusal& refusal, Keys keys,
                                         WebhookOptions options, std::error_code& error);

    /// The one path of verification: `accept(headers)` is called for an authentic delivery, and its outcome
    /// is the outcome.
    template <class HeaderSource, class Accept>
    detail::Refusal check(Body body, const HeaderSource& headers, Clock::time_point now, Accept accept) const;
    template <class HeaderSource>
    detail::Refusal check_event(Body body, const HeaderSource& headers, Clock::time_point now,
                                Event& event) const;
    template <class HeaderSource>
    detail::Refusal check_signature(Body body, const HeaderSource& headers, Clock::time_point now) const;

    Keys keys_;
    std::chrono::seconds tolerance_;
};

// ---- Construction ----

template <class Add>
detail::SecretRefusal Webhook::make_keys(Keys& keys, Add add) {
    const auto made = std::make_shared<detail::KeyRing>();
    const detail::SecretRefusal refusal = add(*made);
    if (!refusal) keys = made;
    return refusal;
}

inline detail::SecretRefusal Webhook::from_secrets(std::string_view secrets, Keys& keys) {
    return make_keys(keys, [&](detail::KeyRing& ring) { return detail::add_secrets(ring, secrets); });
}

inline detail::SecretRefusal Webhook::from_secrets(const char* secrets, Keys& keys) {
    if (!secrets) return {Errc::invalid_secret, detail::secret_advice_null};
    return from_secrets(std::string_view(secrets), keys);
}

inline detail::SecretRefusal Webhook::from_raw_key(Body key, Keys& keys) {
    return make_keys(keys, [&](detail::KeyRing& ring) { return detail::add_raw_key(ring, key.view()); });
}

inline std::optional<Webhook> Webhook::result(const detail::SecretRefusal& refusal, Keys keys,
                                              WebhookOptions options, std::error_code& error) {
    if (refusal) {
        error = make_error_code(refusal.code);
        return std::nullopt;
    }
    error.clear();
    return Webhook(std::move(keys), options);
}

inline std::optional<Webhook> Webhook::create(std::string_view secrets, std::error_code& error,
                                              WebhookOptions options) {
    Keys keys;
    const detail::SecretRefusal refusal = from_secrets(secrets, keys);
    return result(refusal, std::move(keys), options, error);
}

inline std::optional<Webhook> Webhook::create(const char* secrets, std::error_code& error,
                                              WebhookOptions options) {
    Keys keys;
    const detail::SecretRefusal refusal = from_secrets(secrets, keys);
    return result(refusal, std::move(keys), options, error);
}

inline std::optional<Webhook> Webhook::from_bytes(Body key, std::error_code& error, WebhookOptions options) {
    Keys keys;
    const detail::SecretRefusal refusal = from_raw_key(key, keys);
    return result(refusal, std::move(keys), options, error);
}

// ---- Verification ----

template <class HeaderSource, class Accept>
detail::Refusal Webhook::check(Body body, const HeaderSource& headers, Clock::time_point now,
                               Accept accept) const {
    return detail::with_headers(headers, [&](const detail::FoundHeaders& found) -> detail::Refusal {
        detail::CheckedHeaders checked;
        if (const auto refusal = detail::check_headers(found, now, tolerance_, checked)) return refusal;
        if (!keys_) return {Errc::invalid_secret, "this Webhook was moved from and has no keys"};
        if (const auto refusal = detail::check_signature(*keys_, checked, body.view())) return refusal;
        return accept(checked);
    });
}

template <class HeaderSource>
detail::Refusal Webhook::check_signature(Body body, const HeaderSource& headers,
                                         Clock::time_point now) const {
    return check(body, headers, now, [](const detail::CheckedHeaders&) { return detail::accepted; });
}

template <class HeaderSource>
detail::Refusal Webhook::check_event(Body body, const HeaderSource& headers, Clock::time_point now,
                                     Event& event) const {
    return check(body, headers, now, [&](const detail::CheckedHeaders& checked) {
        event.delivery.message_id = checked.id;
        event.delivery.timestamp = Seconds(std::chrono::seconds(checked.seconds));
        return detail::parse_event(body.view(), event);
    });
}

template <class HeaderSource>
std::optional<Event> Webhook::verify(Body body, const HeaderSource& headers, std::error_code& error,
                                     Clock::time_point now) const {
    std::optional<Event> event(std::in_place);
    const detail::Refusal refusal = check_event(body, headers, now, *event);
    error = detail::code_of(refusal);
    if (refusal) event.reset();
    return event;
}

template <int>
std::optional<Event> Webhook::verify(Body body, HeaderList headers, std::error_code& error,
                                     Clock::time_point now) const {
    return verify<HeaderList>(body, headers, error, now);
}

template <class HeaderSource>
bool Webhook::authenticate(Body body, const HeaderSource& headers, std::error_code& error,
                           Clock::time_point now) const {
    const detail::Refusal refusal = check_signature(body, headers, now);
    error = detail::code_of(refusal);
    return !refusal;
}

template <int>
bool Webhook::authenticate(Body body, HeaderList headers, std::error_code& error,
                           Clock::time_point now) const {
    return authenticate<HeaderList>(body, headers, error, now);
}

// ---- Signing ----

inline std::string Webhook::sign(std::string_view id, Clock::time_point timestamp, Body body,
                                 std::error_code& error) const {
    const std::int64_t seconds =
        std::chrono::floor<std::chrono::seconds>(timestamp).time_since_epoch().count();
    if (!detail::is_message_id(id) || seconds < 1 || seconds > detail::max_timestamp) {
        error = std::make_error_code(std::errc::invalid_argument);
        return {};
    }
    if (!keys_ || keys_->hmac.empty()) {
        error = Errc::invalid_secret;
        return {};
    }
    std::string signatures;
    if (!detail::sign(*keys_, detail::SignedContent(id, std::to_string(seconds), body.view()), signatures)) {
        error = Errc::crypto_failure;
        return {};
    }
    error.clear();
    return signatures;
}

// ---- The functions that throw, on top of those that return a code ----

#if defined(__cpp_exceptions)
inline Webhook::Webhook(std::string_view secrets, WebhookOptions options) : Webhook(Keys(), options) {
    if (const detail::SecretRefusal refusal = from_secrets(secrets, keys_))
        throw InvalidSecretError(make_error_code(refusal.code), detail::sentence(refusal));
}

inline Webhook::Webhook(const char* secrets, WebhookOptions options) : Webhook(Keys(), options) {
    if (const detail::SecretRefusal refusal = from_secrets(secrets, keys_))
        throw InvalidSecretError(make_error_code(refusal.code), detail::sentence(refusal));
}

inline Webhook Webhook::from_env(const char* name, WebhookOptions options) {
    if (const char* const mistake = detail::variable_name_mistake(name))
        throw InvalidSecretError(Errc::invalid_secret,
                                 detail::sentence(detail::SecretRefusal{Errc::invalid_secret, mistake}));
    const char* const secrets = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): as documented
    Webhook webhook{Keys(), options};
    const detail::SecretRefusal refusal =
        secrets ? from_secrets(secrets, webhook.keys_)
                : detail::SecretRefusal{Errc::invalid_secret, detail::secret_advice_unset};
    if (refusal)
        throw InvalidSecretError(make_error_code(refusal.code),
                                 detail::sentence(refusal, detail::shown_variable_name(name)));
    return webhook;
}

inline Webhook Webhook::from_bytes(Body key, WebhookOptions options) {
    Webhook webhook{Keys(), options};
    if (const detail::SecretRefusal refusal = from_raw_key(key, webhook.keys_))
        throw InvalidSecretError(make_error_code(refusal.code), detail::sentence(refusal));
    return webhook;
}

template <class HeaderSource>
Event Webhook::verify(Body body, const HeaderSource& headers, Clock::time_point now) const {
    Event event;
    if (const detail::Refusal refusal = check_event(body, headers, now, event))
        throw WebhookVerificationError(make_error_code(refusal.code), detail::sentence(refusal));
    return event;
}

template <int>
Event Webhook::verify(Body body, HeaderList headers, Clock::time_point now) const {
    return verify<HeaderList>(body, headers, now);
}

template <class HeaderSource>
void Webhook::authenticate(Body body, const HeaderSource& headers, Clock::time_point now) const {
    if (const detail::Refusal refusal = check_signature(body, headers, now))
        throw WebhookVerificationError(make_error_code(refusal.code), detail::sentence(refusal));
}

template <int>
void Webhook::authenticate(Body body, HeaderList headers, Clock::time_point now) const {
    authenticate<HeaderList>(body, headers, now);
}

inline std::string Webhook::sign(std::string_view id, Clock::time_point timestamp, Body body) const {
    std::error_code error;
    std::string signatures = sign(id, timestamp, body, error);
    if (error == std::errc::invalid_argument)
        throw std::invalid_argument(
            "pivotal: sign needs an id of 1 to 256 visible ASCII characters without a dot, and a time "
            "after 1970 of at most 12 digits of seconds");
    if (error == Errc::invalid_secret)
        throw std::logic_error("pivotal: sign needs an HMAC secret (whsec_...); this Webhook has none");
    if (error) throw std::system_error(error);
    return signatures;
}
#endif

}  // namespace v1
}  // namespace pivotal
