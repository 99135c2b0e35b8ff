// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

#include <pivotal/error.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

/// What the one path of code returns: accepted, or a code with what a sentence about it needs. It never refers to bytes
/// of a secret, header or body.
struct [[nodiscard]] Refusal {
    Errc code{};              // no Errc at all: accepted
    const char* reason = "";  // static text that continues the code's message

    // Of a timestamp: its seconds from now, and those of the tolerance.
    std::int64_t distance = 0, allowed = 0;
    // Of a secret: which of how many it is, from 1, and the environment variable that it came from.
    std::uint32_t position = 0, count = 0;
    const char* variable = nullptr;

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
    if (refusal.variable) text.append(" in the environment variable ").append(refusal.variable);
    if (refusal.count > 1)
        text += " (number " + std::to_string(refusal.position) + " of " + std::to_string(refusal.count) +
                ", separated by white space)";
    return text.append(": ").append(refusal.reason);
}

#if defined(__cpp_exceptions)
template <class Error> [[noreturn]] void raise(const Refusal& refusal) {
    throw Error(make_error_code(refusal.code), sentence(refusal));
}
#endif

}}}  // namespace pivotal::v1::detail
