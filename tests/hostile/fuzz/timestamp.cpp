// SPDX-License-Identifier: MIT
#include <pivotal/detail/core/timestamp.hpp>

#include <cstring>

#include "harness.hpp"

namespace {

// What a grammar says, written as one: [1-9][0-9]{0,11}.
bool is_timestamp(std::string_view text) {
    return !text.empty() && text.size() <= 12 && text[0] != '0' &&
           text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

// Eight bytes of clock, eight of tolerance, then the text.
FUZZ_TARGET(timestamp) {
    namespace detail = pivotal::detail;
    if (input.size() < 16) return;
    std::int64_t nanoseconds, tolerance;
    std::memcpy(&nanoseconds, input.data(), 8);
    std::memcpy(&tolerance, input.data() + 8, 8);
    const std::string text(input.substr(16));

    const auto seconds = detail::parse_timestamp(text);
    FUZZ_CHECK(seconds.has_value() == is_timestamp(text));
    if (!seconds) return;
    FUZZ_CHECK(std::to_string(*seconds) == text);

    using Clock = std::chrono::system_clock;
    const Clock::time_point now{std::chrono::duration_cast<Clock::duration>(std::chrono::nanoseconds(nanoseconds))};
    const auto refusal = detail::check_time(*seconds, now, std::chrono::seconds(tolerance));
    // The same in a type that nothing can overflow; dividing by floor, not towards zero.
    __extension__ using Wide = __int128;
    const Wide second = Wide(1'000'000'000);
    const Wide floored = nanoseconds / second - (nanoseconds % second < 0 ? 1 : 0);
    const Wide age = floored - *seconds, allowed = tolerance < 0 ? 0 : tolerance;
    const pivotal::Errc expected = age > allowed    ? pivotal::Errc::timestamp_too_old
                                   : -age > allowed ? pivotal::Errc::timestamp_too_new
                                                    : pivotal::Errc{};
    FUZZ_CHECK(refusal.code == expected);
    if (refusal) FUZZ_CHECK(refusal.distance == (age > 0 ? age : -age) && refusal.allowed == allowed);
    FUZZ_CHECK(detail::sentence(refusal).size() < 200);
}
