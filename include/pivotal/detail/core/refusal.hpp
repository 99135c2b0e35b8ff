// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

#include <pivotal/error.hpp>

namespace pivotal {
inline namespace v1 {
namespace detail {

/// What the one path of code returns: accepted, or a code with what a sentence about it needs. It never
/// refers to bytes of a secret, header or body.
struct [[nodiscard]] Refusal {
    Errc code{};                // no Errc at all: accepted
    const char* reason = "";    // static text that continues the code's message
    std::int64_t distance = 0;  // seconds between the timestamp and now
    std::int64_t allowed = 0;   // seconds of tolerance

    constexpr explicit operator bool() const noexcept { return code != Errc{}; }
};

inline constexpr Refusal accepted{};

/// The error code of a refusal; no error where it is none.
inline std::error_code code_of(const Refusal& refusal) noexcept {
    return refusal ? make_error_code(refusal.code) : std::error_code();
}

/// One sentence for a log.
inline std::string sentence(const Refusal& refusal) {
    std::string text = make_error_code(refusal.code).message();
    if (refusal.code == Errc::timestamp_too_old || refusal.code == Errc::timestamp_too_new)
        return text + ": signed " + std::to_string(refusal.distance) +
               (refusal.code == Errc::timestamp_too_old ? " s ago, " : " s ahead of this clock, ") +
               std::to_string(refusal.allowed) + " s are allowed";
    return text.append(": ").append(refusal.reason);
}

}  // namespace detail
}  // namespace v1
}  // namespace pivotal
