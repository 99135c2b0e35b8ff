// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <pivotal/webhook.hpp>

#include "../support/message.hpp"
#include "catch.hpp"

namespace support {

/// The headers of a message as pivotal::Headers; they point into it.
inline pivotal::Headers headers_of(const Message& message) {
    return {message.id, message.timestamp, message.signature};
}

/// A code that no call leaves behind: each must overwrite it, also where there is no error.
inline std::error_code stale_error() {
    return std::make_error_code(std::errc::io_error);
}

/// The answer of a function that gives a code, and of its twin that throws.
struct Answer {
    bool accepted = false;
    std::error_code code = stale_error(), thrown;

    /// The code, on which they agree.
    std::error_code agreed() const {
        CHECK(accepted == !code);
        CHECK(thrown == code);
        return code;
    }
};

/// Whether a delivery is authentic.
inline Answer ask_authenticate(const pivotal::Webhook& webhook, pivotal::Body body,
                               const pivotal::HeaderSource& headers, Clock::time_point at) {
    Answer answer;
    answer.accepted = webhook.authenticate(body, headers, answer.code, at).has_value();
    try {
        webhook.authenticate(body, headers, at);
    } catch (const pivotal::WebhookVerificationError& error) {
        answer.thrown = error.code();
    }
    return answer;
}

/// Whether it is an authentic event.
inline Answer ask_verify(const pivotal::Webhook& webhook, pivotal::Body body, const pivotal::HeaderSource& headers,
                         Clock::time_point at) {
    Answer answer;
    answer.accepted = webhook.verify(body, headers, answer.code, at).has_value();
    try {
        (void)webhook.verify(body, headers, at);
    } catch (const pivotal::WebhookVerificationError& error) {
        answer.thrown = error.code();
    }
    return answer;
}

inline std::error_code agreed(const Answer& verified, const Answer& authenticated) {
    const std::error_code code = verified.agreed();
    CHECK(authenticated.agreed() == (code == pivotal::Errc::malformed_event ? std::error_code() : code));
    return code;
}

/// The outcome of authenticate, on which the function that gives a code and the one that throws agree.
inline std::error_code authenticity(const pivotal::Webhook& webhook, pivotal::Body body,
                                    const pivotal::HeaderSource& headers, Clock::time_point at = now) {
    return ask_authenticate(webhook, body, headers, at).agreed();
}

/// The outcome of verify, on which all four functions agree, but that authenticate accepts what is no event.
inline std::error_code outcome(const pivotal::Webhook& webhook, pivotal::Body body,
                               const pivotal::HeaderSource& headers, Clock::time_point at = now) {
    return agreed(ask_verify(webhook, body, headers, at), ask_authenticate(webhook, body, headers, at));
}

inline std::error_code outcome(const pivotal::Webhook& webhook, const Message& message, Clock::time_point at = now) {
    return outcome(webhook, message.body, headers_of(message), at);
}

/// The sentence of the refusal, or an empty text where it is accepted.
inline std::string sentence_of(const pivotal::Webhook& webhook, const Message& message, Clock::time_point at = now) {
    try {
        (void)webhook.verify(message.body, headers_of(message), at);
    } catch (const pivotal::WebhookVerificationError& error) {
        return error.what();
    }
    return {};
}

/// True where `text` has six characters in a row of `source`.
inline bool has_piece_of(std::string_view text, std::string_view source) {
    for (std::size_t i = 0; i + 6 <= source.size(); ++i)
        if (text.find(source.substr(i, 6)) != text.npos) return true;
    return false;
}

}  // namespace support
