// SPDX-License-Identifier: MIT
#include <pivotal/detail/core/timestamp.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>

#include "catch.hpp"

namespace unit_detail_timestamp {

using namespace std::chrono_literals;
using pivotal::Errc;
using pivotal::detail::check_time;
using pivotal::detail::parse_timestamp;
using Clock = std::chrono::system_clock;

TEST_CASE("a timestamp is 1 to 12 digits", "[timestamp]") {
    CHECK(parse_timestamp("1") == 1);
    CHECK(parse_timestamp("1779820920") == 1779820920);
    CHECK(parse_timestamp("999999999999") == pivotal::detail::max_timestamp);
    CHECK(parse_timestamp("100000000000") == 100000000000);
    for (const char* text :
         {"", "0", "00", "01", "-1", "+1", " 1", "1 ", "1a", "a1", "1.0", "1000000000000", "0x1", "1e3"})
        CHECK_FALSE(parse_timestamp(text).has_value());
    for (int byte = 0; byte < 256; ++byte) {
        const std::string c(1, static_cast<char>(byte));
        const bool digit = byte >= '0' && byte <= '9';
        CHECK(parse_timestamp(c).has_value() == (digit && byte != '0'));
        CHECK(parse_timestamp("1" + c).has_value() == digit);
        CHECK(parse_timestamp("17798209" + c + "0").has_value() == digit);
    }
    STATIC_REQUIRE(parse_timestamp("1779820920").value() == 1779820920);
}

TEST_CASE("a refusal for the time says how far away it is", "[timestamp]") {
    const auto at = [](std::int64_t seconds) { return Clock::time_point(std::chrono::seconds(seconds)); };
    CHECK_FALSE(check_time(1000, at(1000), 0s));
    CHECK_FALSE(check_time(1000, at(1300), 300s));
    CHECK_FALSE(check_time(1000, at(700), 300s));

    const auto old = check_time(1000, at(1402), 300s);
    CHECK(old.code == Errc::timestamp_too_old);
    CHECK(old.distance == 402);
    CHECK(old.allowed == 300);
    CHECK(sentence(old) == "timestamp too old: signed 402 s ago, 300 s are allowed");

    const auto ahead = check_time(1000, at(500), -5s);
    CHECK(ahead.code == Errc::timestamp_too_new);
    CHECK(sentence(ahead) == "timestamp too new: signed 500 s ahead of this clock, 0 s are allowed");
}

TEST_CASE("the ends of the clock, the timestamps and the tolerances meet without overflow", "[timestamp]") {
    for (const std::int64_t timestamp : {std::int64_t(1), pivotal::detail::max_timestamp}) {
        for (const auto now : {Clock::time_point::min(), Clock::time_point::max(), Clock::time_point()}) {
            CHECK_FALSE(check_time(timestamp, now, std::chrono::seconds::max()));
            CHECK(check_time(timestamp, now, std::chrono::seconds::min()));
            CHECK(check_time(timestamp, now, 0s));
        }
    }
}

}  // namespace unit_detail_timestamp
