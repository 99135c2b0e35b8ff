// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include <pivotal/detail/core/refusal.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

/// The largest timestamp that is understood: twelve digits.
inline constexpr std::int64_t max_timestamp = 999'999'999'999;

/// Unix seconds of the form `[1-9][0-9]{0,11}`; nullopt for everything else.
constexpr std::optional<std::int64_t> parse_timestamp(std::string_view text) noexcept {
    if (text.empty() || text.size() > 12 || text.front() == '0') return std::nullopt;
    std::int64_t seconds = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        seconds = seconds * 10 + (c - '0');
    }
    return seconds;
}

/// Refuses a timestamp further from `now` than `tolerance`, either way. Seconds of a clock and a parsed timestamp stay
/// below 10^13, so that their difference cannot overflow; nothing is added to the tolerance, which may be the largest.
inline Refusal check_time(std::int64_t timestamp, std::chrono::system_clock::time_point now,
                          std::chrono::seconds tolerance) noexcept {
    const std::int64_t allowed = (std::max<std::int64_t>)(tolerance.count(), 0);
    const std::int64_t age = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count() - timestamp;
    if (age > allowed) return {Errc::timestamp_too_old, "", age, allowed};
    if (-age > allowed) return {Errc::timestamp_too_new, "", -age, allowed};
    return accepted;
}

}}}  // namespace pivotal::v1::detail
