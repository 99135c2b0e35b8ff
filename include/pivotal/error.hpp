// SPDX-License-Identifier: MIT
#pragma once

#include <pivotal/detail/core/attributes.hpp>

#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace pivotal { inline namespace v1 {

/// Why a delivery, an event or a secret was refused. The list is closed: every failure is one of these.
enum class PIVOTAL_DETAIL_EXPORTED Errc {
    missing_header = 1,  ///< One of the three signing headers is absent or empty.
    malformed_header,    ///< A signing header is present but is not of its form, or occurs twice.
    timestamp_too_old,   ///< Signed longer ago than the tolerance allows: late, replayed, or a wrong clock.
    timestamp_too_new,   ///< Signed further ahead than the tolerance allows: most often a wrong clock.
    signature_mismatch,  ///< No signature belongs to this id, timestamp and body under any of the secrets.
    malformed_event,     ///< Authentic, but the body is not an event.
    invalid_secret,      ///< A mistake in the configuration, not in a request.
    crypto_failure,      ///< OpenSSL could not do its work (no memory, no provider). Never an acceptance.
};

namespace detail {

/// The one `const T` of the process, of all its shared libraries, made on first use and never destroyed: what other
/// statics use in their destructors must still be there.
template <class T> PIVOTAL_DETAIL_EXPORTED const T& immortal() noexcept {
    alignas(T) static unsigned char storage[sizeof(T)];
    static const T* const object = ::new (static_cast<void*>(storage)) T();
    return *object;
}

class PIVOTAL_DETAIL_EXPORTED WebhookCategory : public std::error_category {
public:
    const char* name() const noexcept override { return "pivotal.webhook"; }
    std::string message(int value) const override {
        constexpr const char* messages[] = {"unknown error",     "missing header",    "malformed header",
                                            "timestamp too old", "timestamp too new", "signature mismatch",
                                            "malformed event",   "invalid secret",    "failure inside OpenSSL"};
        return messages[value > 0 && value <= static_cast<int>(Errc::crypto_failure) ? value : 0];
    }
};

/// A std::system_error whose what() is one sentence and nothing else.
class PIVOTAL_DETAIL_EXPORTED SentenceError : public std::system_error {
public:
    explicit SentenceError(std::error_code code) : SentenceError(code, code.message()) {}
    SentenceError(std::error_code code, const std::string& sentence) : std::system_error(code), sentence_(sentence) {}
    const char* what() const noexcept override { return sentence_.what(); }

private:
    std::runtime_error sentence_;  // copies without throwing, which an exception has to
};

}  // namespace detail

/// The category of the codes made from Errc; its name is "pivotal.webhook". Lives until the process ends. Thread-safe.
///
/// It is one for all libraries that are linked; a plugin loaded by dlopen with RTLD_LOCAL may have another, whose codes are
/// equal to none of the program's. `reply` and `http_status` know them all the same.
PIVOTAL_DETAIL_EXPORTED inline const std::error_category& webhook_category() noexcept {
    return detail::immortal<detail::WebhookCategory>();
}

/// Makes a std::error_code of an Errc, so that `ec == pivotal::Errc::signature_mismatch` works. Thread-safe.
inline std::error_code make_error_code(Errc code) noexcept {
    return {static_cast<int>(code), webhook_category()};
}

/// What to answer to a delivery: an HTTP status, and a line of plain text that lives as long as the program.
struct Reply {
    int status = 500;                     ///< Of HTTP.
    const char* body = "internal error";  ///< Null-terminated.
};

/// The reply to a delivery with this outcome. Thread-safe.
///
/// | code | reply |
/// | --- | --- |
/// | no error | `200 ok` |
/// | `missing_header`, `malformed_header` | `401 invalid signature` |
/// | `timestamp_too_old`, `timestamp_too_new`, `signature_mismatch` | `401 invalid signature` |
/// | `malformed_event` | `400 malformed event` |
/// | `invalid_secret`, `crypto_failure`, a code of any other category | `500 internal error` |
///
/// Pivotal retries on everything but 2xx (RFC 9110 §15). Its own handlers answer 401 to all of these; 400 tells an
/// operator apart an authentic body that is no event.
inline Reply reply(const std::error_code& code) noexcept {
    if (!code) return {200, "ok"};
    // By its name: a plugin that was loaded with RTLD_LOCAL has a category of its own.
    if (std::string_view(code.category().name()) != webhook_category().name()) return {};
    const auto error = static_cast<Errc>(code.value());
    if (error == Errc::malformed_event) return {400, "malformed event"};
    if (error >= Errc::missing_header && error <= Errc::signature_mismatch) return {401, "invalid signature"};
    return {};
}

/// The status alone: `reply(code).status`. Thread-safe.
inline int http_status(const std::error_code& code) noexcept {
    return reply(code).status;
}

/// Thrown by Webhook::verify, Webhook::authenticate and Event::parse: this delivery must not be acted on.
///
/// `code()` is an Errc, `what()` a sentence for a log, such as "timestamp too old: signed 402 s ago, 300 s are allowed".
/// It never holds a secret, an expected signature or bytes of a header or body, but do not send it to the client: answer
/// `http_status(error.code())`.
class PIVOTAL_DETAIL_EXPORTED WebhookVerificationError : public detail::SentenceError {
public:
    using SentenceError::SentenceError;
};

/// Thrown by the constructors of Webhook: the configuration is wrong, no request can be verified.
///
/// `code()` is Errc::invalid_secret, or Errc::crypto_failure where OpenSSL failed; `what()` says what to do about it and
/// never repeats the secret.
class PIVOTAL_DETAIL_EXPORTED InvalidSecretError : public detail::SentenceError {
public:
    using SentenceError::SentenceError;
};

}}  // namespace pivotal::v1

template <> struct std::is_error_code_enum<pivotal::Errc> : std::true_type {};
