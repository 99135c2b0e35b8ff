// SPDX-License-Identifier: MIT
#pragma once

#include <pivotal/detail/core/attributes.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include <pivotal/body.hpp>
#include <pivotal/detail/core/refusal.hpp>
#include <pivotal/detail/core/secret.hpp>
#include <pivotal/detail/core/verifier.hpp>
#include <pivotal/error.hpp>
#include <pivotal/event.hpp>
#include <pivotal/headers.hpp>
#include <pivotal/secrets.hpp>
#include <pivotal/version.hpp>

/// Receives Pivotal's webhooks: verifies the signature, gives the event. It begins with Webhook.
namespace pivotal { inline namespace v1 {

/// What a Webhook accepts.
struct WebhookOptions {
    /// How far `svix-timestamp` may lie from `now`, either way. Negative counts as 0;
    /// `std::chrono::seconds::max()` accepts any age.
    std::chrono::seconds tolerance = std::chrono::minutes{5};
};

/// Verifies the deliveries of one endpoint: Standard Webhooks 1.0.0, symmetric (`v1`, HMAC-SHA256) and asymmetric
/// (`v1a`, Ed25519), in the headers `svix-id`, `svix-timestamp` and `svix-signature`, or `webhook-...`.
///
///     static const pivotal::Webhook webhook = pivotal::Webhook::from_env();
///     std::error_code error;
///     if (auto event = webhook.verify(body, headers, error)) handle(*event);
///     return pivotal::http_status(error);
///
/// **Secrets** are one or several (see Secrets): a delivery is authentic when any of its signatures belongs to any of
/// them, and Delivery::secret says to which. Keys are wiped when the last copy goes.
///
/// **Thread safety:** const members may run in many threads at once. Copies are cheap and share the immutable
/// keys. A moved-from Webhook refuses everything (Errc::invalid_secret, or what the headers are refused for); it can be
/// assigned to.
///
/// **Not for:** rejecting replays within the tolerance, or handling an event once: that is the receiver's
/// work, by Event::id. Not for a body that was parsed and written again: verify the bytes that came.
///
/// **What is checked**, in this order; nothing is parsed before it is authentic:
/// 1. presence: `missing_header`. If any `svix-` header is there all three must be; else the `webhook-` family is used.
/// 2. form: `malformed_header`. No name twice; an id of 1 to 256 visible ASCII characters without `.`, a
///    timestamp `[1-9][0-9]{0,11}`, a signature header of at most 8 KiB.
/// 3. time: `timestamp_too_old`, `timestamp_too_new`. `now` is floored to seconds; exactly the tolerance away is good.
/// 4. signature: `signature_mismatch`. Every `v1` candidate is compared in constant time; of Ed25519 candidates the
///    first sixteen count.
/// 5. event (verify only): `malformed_event`, see Event::parse.
///
/// A failure inside OpenSSL is `crypto_failure`, never acceptance; a lack of memory in the middle of an Ed25519
/// verification is told as a wrong signature by OpenSSL itself. Where memory runs out elsewhere std::bad_alloc is
/// thrown, and what a HeaderSource throws passes through.
class Webhook {
public:
    /// Throws InvalidSecretError, whose text says what to do and never repeats a secret.
    explicit Webhook(Secrets secrets, WebhookOptions options = {}) PIVOTAL_DETAIL_NEEDS_EXCEPTIONS;

    /// With the secrets in the environment variable `name`. Throws InvalidSecretError, which names the variable where
    /// its name is of capitals, digits and `_`. Not while another thread changes the environment (std::getenv).
    static Webhook from_env(const char* name = "PIVOTAL_WEBHOOK_SECRET",
                            WebhookOptions options = {}) PIVOTAL_DETAIL_NEEDS_EXCEPTIONS;

    /// With a raw HMAC key (RFC 2104) of any length but 0, which throws InvalidSecretError. For tests and for keys from
    /// a key store; not for the text `whsec_...`, which is base64. An array of `char` is given with its size,
    /// `from_bytes({key, sizeof key})`.
    static Webhook from_bytes(Body key, WebhookOptions options = {}) PIVOTAL_DETAIL_NEEDS_EXCEPTIONS;
    static Webhook from_bytes(detail::CString key, WebhookOptions options = {}) = delete;  // a raw key is no C string

    /// The constructor, from_env and from_bytes that give nullopt and Errc::invalid_secret or Errc::crypto_failure
    /// instead of throwing.
    /// @{
    static std::optional<Webhook> create(Secrets secrets, std::error_code& error, WebhookOptions options = {});
    static std::optional<Webhook> from_env(const char* name, std::error_code& error, WebhookOptions options = {});
    static std::optional<Webhook> from_bytes(Body key, std::error_code& error, WebhookOptions options = {});
    static std::optional<Webhook> from_bytes(detail::CString key, std::error_code&, WebhookOptions = {}) = delete;
    /// @}

    /// The event of an authentic delivery, or nullopt and the code (an Errc; see the list above).
    ///
    /// `E` is Event, or a type of your own with `static std::optional<E> parse(Body, std::error_code&)`, which is given
    /// the body once it is authentic; a member `Delivery delivery`, where it has one, is filled in. `now` is compared
    /// with the signed timestamp; give it in tests only.
    template <class E = Event>
    [[nodiscard]] std::optional<E> verify(Body body, const HeaderSource& headers, std::error_code& error,
                                          Clock::time_point now = Clock::now()) const;

    /// What was verified of an authentic delivery, or nullopt and the code. The body is bytes and is never parsed: for
    /// users of another JSON library, for queues (see Event::parse) and proxies.
    [[nodiscard]] std::optional<Delivery> authenticate(Body body, const HeaderSource& headers, std::error_code& error,
                                                       Clock::time_point now = Clock::now()) const;

    /// The value of the signature header, one `v1,` signature for each HMAC secret, separated by spaces; or an empty
    /// string and std::errc::invalid_argument for an id or a time that verify would refuse, Errc::invalid_secret where
    /// there is no HMAC secret, Errc::crypto_failure where OpenSSL fails.
    ///
    /// For tests and senders; not for showing to a client what its signature should have been. `timestamp` is floored
    /// to seconds, and `svix-timestamp` must be sent as those.
    [[nodiscard]] std::string sign(std::string_view id, Clock::time_point timestamp, Body body,
                                   std::error_code& error) const;

    /// The same; throws WebhookVerificationError.
    template <class E = Event>
    [[nodiscard]] E verify(Body body, const HeaderSource& headers,
                           Clock::time_point now = Clock::now()) const PIVOTAL_DETAIL_NEEDS_EXCEPTIONS;

    /// The same; throws WebhookVerificationError.
    Delivery authenticate(Body body, const HeaderSource& headers,
                          Clock::time_point now = Clock::now()) const PIVOTAL_DETAIL_NEEDS_EXCEPTIONS;

    /// The same; throws std::invalid_argument, std::logic_error where there is no HMAC secret, or std::system_error
    /// (Errc::crypto_failure).
    [[nodiscard]] std::string sign(std::string_view id, Clock::time_point timestamp,
                                   Body body) const PIVOTAL_DETAIL_NEEDS_EXCEPTIONS;

private:
    // In this order, so that a null pointer is no ring.
    Webhook(WebhookOptions options, std::shared_ptr<const detail::KeyRing> keys) noexcept
        : keys_(std::move(keys)), tolerance_(options.tolerance) {}

    /// With the keys that `add(KeyRing&)` puts into the ring.
    template <class Add>
    static std::optional<Webhook> make_or_code(Add add, WebhookOptions options, std::error_code& error) {
        error = Errc::invalid_secret;
        auto keys = std::make_shared<detail::KeyRing>();
        error = detail::code_of(add(*keys));
        if (error) return std::nullopt;
        return Webhook(options, std::move(keys));
    }

#if defined(__cpp_exceptions)
    template <class Add> static Webhook make_or_throw(Add add, WebhookOptions options) {
        auto keys = std::make_shared<detail::KeyRing>();
        if (const detail::Refusal refusal = add(*keys)) detail::raise<InvalidSecretError>(refusal);
        return Webhook(options, std::move(keys));
    }
#endif

    /// The one path of verification.
    detail::Refusal check(Body body, const HeaderSource& headers, Clock::time_point now, Delivery& delivery) const {
        if (const Headers* const values = headers.values())
            return check(body,
                         detail::FoundHeaders{values->id.view(), values->timestamp.view(), values->signature.view()},
                         now, delivery);
        detail::HeaderTable table;
        headers.read(table);
        return check(body, table.chosen(), now, delivery);
    }
    detail::Refusal check(Body body, const detail::FoundHeaders& found, Clock::time_point now,
                          Delivery& delivery) const {
        std::int64_t seconds = 0;
        if (const auto refusal = detail::check_headers(found, now, tolerance_, seconds)) return refusal;
        if (!keys_) return {Errc::invalid_secret, "this Webhook was moved from and has no keys"};
        if (const auto refusal = detail::check_signature(*keys_, found, body.view(), delivery.secret)) return refusal;
        delivery.message_id = std::string(found.id);
        delivery.timestamp = Seconds(std::chrono::seconds(seconds));
        return detail::accepted;
    }

    std::shared_ptr<const detail::KeyRing> keys_;  // null once it was moved from
    std::chrono::seconds tolerance_;
};

// ---- Construction ----

inline std::optional<Webhook> Webhook::create(Secrets secrets, std::error_code& error, WebhookOptions options) {
    return make_or_code([&](auto& keys) { return detail::add_secrets(keys, secrets.view()); }, options, error);
}

inline std::optional<Webhook> Webhook::from_env(const char* name, std::error_code& error, WebhookOptions options) {
    return make_or_code([&](auto& keys) { return detail::add_secrets_of_variable(keys, name); }, options, error);
}

inline std::optional<Webhook> Webhook::from_bytes(Body key, std::error_code& error, WebhookOptions options) {
    return make_or_code([&](auto& keys) { return detail::add_raw_key(keys, key.view()); }, options, error);
}

// ---- Verification ----

namespace detail {

template <class E, class = void> constexpr bool has_delivery = false;
template <class E>
constexpr bool has_delivery<E, std::void_t<decltype(std::declval<E&>().delivery)>> =
    std::is_same_v<decltype(E::delivery), Delivery>;

/// The event in an authentic body.
template <class E> std::optional<E> parse_verified(Body body, Delivery&& delivery, std::error_code& error) {
    error = Errc::malformed_event;
    std::error_code own = error;  // a parse that throws may have cleared it before
    std::optional<E> event = E::parse(body, own);
    if (event || own) error = event ? std::error_code() : own;
    if constexpr (has_delivery<E>)
        if (event) event->delivery = std::move(delivery);
    return event;
}

}  // namespace detail

template <class E>
std::optional<E> Webhook::verify(Body body, const HeaderSource& headers, std::error_code& error,
                                 Clock::time_point now) const {
    error = Errc::crypto_failure;
    Delivery delivery;
    if (const detail::Refusal refusal = check(body, headers, now, delivery)) {
        error = detail::code_of(refusal);
        return std::nullopt;
    }
    return detail::parse_verified<E>(body, std::move(delivery), error);
}

inline std::optional<Delivery> Webhook::authenticate(Body body, const HeaderSource& headers, std::error_code& error,
                                                     Clock::time_point now) const {
    error = Errc::crypto_failure;
    Delivery delivery;
    const detail::Refusal refusal = check(body, headers, now, delivery);
    error = detail::code_of(refusal);
    if (refusal) return std::nullopt;
    return delivery;
}

// ---- Signing ----

inline std::string Webhook::sign(std::string_view id, Clock::time_point timestamp, Body body,
                                 std::error_code& error) const {
    error = Errc::crypto_failure;
    const std::int64_t seconds = std::chrono::floor<std::chrono::seconds>(timestamp).time_since_epoch().count();
    if (!detail::is_message_id(id) || seconds < 1 || seconds > detail::max_timestamp) {
        error = std::make_error_code(std::errc::invalid_argument);
        return {};
    }
    if (!keys_ || keys_->hmac.empty()) {
        error = Errc::invalid_secret;
        return {};
    }
    std::string signatures;
    if (!detail::sign(*keys_, detail::SignedContent(id, std::to_string(seconds), body.view()), signatures)) return {};
    error.clear();
    return signatures;
}

// ---- The functions that throw, on top of those that return a code ----

#if defined(__cpp_exceptions)
inline Webhook::Webhook(Secrets secrets, WebhookOptions options)
    : Webhook(make_or_throw([&](auto& keys) { return detail::add_secrets(keys, secrets.view()); }, options)) {}

inline Webhook Webhook::from_env(const char* name, WebhookOptions options) {
    return make_or_throw([&](auto& keys) { return detail::add_secrets_of_variable(keys, name); }, options);
}

inline Webhook Webhook::from_bytes(Body key, WebhookOptions options) {
    return make_or_throw([&](auto& keys) { return detail::add_raw_key(keys, key.view()); }, options);
}

template <class E> E Webhook::verify(Body body, const HeaderSource& headers, Clock::time_point now) const {
    Delivery delivery;
    if (const detail::Refusal refusal = check(body, headers, now, delivery))
        detail::raise<WebhookVerificationError>(refusal);
    if constexpr (std::is_same_v<E, Event>) {  // whose own error says more than a code
        Event event = Event::parse(body);
        event.delivery = std::move(delivery);
        return event;
    } else {
        std::error_code error;
        std::optional<E> event = detail::parse_verified<E>(body, std::move(delivery), error);
        if (!event) throw WebhookVerificationError(error);
        return *std::move(event);
    }
}

inline Delivery Webhook::authenticate(Body body, const HeaderSource& headers, Clock::time_point now) const {
    Delivery delivery;
    if (const detail::Refusal refusal = check(body, headers, now, delivery))
        detail::raise<WebhookVerificationError>(refusal);
    return delivery;
}

inline std::string Webhook::sign(std::string_view id, Clock::time_point timestamp, Body body) const {
    std::error_code error;
    std::string signatures = sign(id, timestamp, body, error);
    if (error == std::errc::invalid_argument)
        throw std::invalid_argument(
            "pivotal: sign needs an id of 1 to 256 visible ASCII characters without a dot, and a time after 1970 of at "
            "most 12 digits of seconds");
    if (error == Errc::invalid_secret)
        throw std::logic_error("pivotal: sign needs an HMAC secret (whsec_...); this Webhook has none");
    if (error) throw std::system_error(error);
    return signatures;
}
#endif

}}  // namespace pivotal::v1
