// SPDX-License-Identifier: MIT
#include <pivotal/detail/receiver/instant.hpp>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"

namespace unit_instant {

using pivotal::detail::instant;

TEST_CASE("equal instants are equal, however they are written", "[instant]") {
    for (const char* const time :
         {"2026-03-01T00:30:00Z", "2026-03-01T00:30:00z", "2026-03-01t00:30:00.000Z", "2026-03-01 00:30:00.0000000000Z",
          "2026-03-01T00:30:00+00:00", "2026-03-01T00:30:00-00:00", "2026-03-01T02:30:00+02:00",
          "2026-02-28T23:00:00-01:30", "2026-03-01T14:15:00+13:45", "2026-02-28T12:30:00-12:00"})
        CHECK(instant(time) == "2026-03-01T00:30:00");
    CHECK(instant("2028-03-01T00:30:00+01:00") == "2028-02-29T23:30:00");
    CHECK(instant("2100-03-01T00:30:00+01:00") == "2100-02-28T23:30:00");
    CHECK(instant("2000-02-29T23:30:00-01:00") == "2000-03-01T00:30:00");
    CHECK(instant("2026-05-01T00:00:00+00:01") == "2026-04-30T23:59:00");
    CHECK(instant("2026-04-30T23:59:00-00:01") == "2026-05-01T00:00:00");
    CHECK(instant("2027-01-01T00:00:00+23:59") == "2026-12-31T00:01:00");
    CHECK(instant("2026-12-31T23:59:59.5-00:01") == "2027-01-01T00:00:59.5");
    CHECK(instant("2017-01-01T01:59:60+02:00") == "2016-12-31T23:59:60");
    CHECK(instant("2026-05-26T23:00:00Z") == "2026-05-26T23:00:00");
    CHECK(instant("0000-01-01T00:00:00Z") == "0000-01-01T00:00:00");
    CHECK(instant("9999-12-31T23:59:59.999999999999999999Z") == "9999-12-31T23:59:59.999999999999999999");
}

TEST_CASE("an earlier instant is less, to any fraction", "[instant]") {
    const std::vector<std::string> times{
        "0001-01-01T00:00:00Z",          "1969-12-31T23:59:59.9Z",      "1970-01-01T00:00:00Z",
        "2016-12-31T23:59:59.999Z",      "2016-12-31T23:59:60Z",        "2016-12-31T23:59:60.5Z",
        "2017-01-01T00:00:00Z",          "2026-05-26T12:00:00Z",        "2026-05-26T12:00:00.000000001Z",
        "2026-05-26T12:00:00.000001Z",   "2026-05-26T12:00:00.00001Z",  "2026-05-26T12:00:00.0000100000001Z",
        "2026-05-26T12:00:00.09Z",       "2026-05-26T12:00:00.1Z",      "2026-05-26T12:00:00.25Z",
        "2026-05-26T11:00:00.5-01:00",   "2026-05-26T15:00:01+03:00",   "2026-05-26T12:00:10Z",
        "2026-05-27T00:00:00.000+23:59", "2026-05-26T00:02:00.0-23:59", "9999-12-31T23:59:59Z"};
    std::vector<std::string> sorted;
    for (const std::string& time : times) sorted.push_back(instant(time));
    const auto middle = sorted.begin() + 18;  // but for one that an offset brings to the front
    std::rotate(sorted.begin() + 7, middle, middle + 1);
    for (std::size_t i = 1; i < sorted.size(); ++i) {
        INFO(sorted[i - 1] << " and " << sorted[i]);
        CHECK(sorted[i - 1] < sorted[i]);
    }
}

TEST_CASE("each month has its days", "[instant]") {
    const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const auto two = [](int number) { return std::to_string(100 + number).substr(1); };
    for (int month = 1; month <= 12; ++month) {
        const std::string start = "2026-" + two(month) + "-";
        const std::string last = start + two(days[month - 1]), behind = start + two(days[month - 1] + 1);
        INFO(last);
        CHECK(instant(last + "T12:34:56Z") == last + "T12:34:56");
        CHECK(instant(last + "T00:30:00+01:00") == start + two(days[month - 1] - 1) + "T23:30:00");
        CHECK(instant(start + two(days[month - 1] - 1) + "T23:30:00-01:00") == last + "T00:30:00");
        CHECK_THROWS_AS(instant(behind + "T12:34:56Z"), std::invalid_argument);
    }
}

TEST_CASE("what is no instant is refused", "[instant]") {
    for (const char* const time : {"",
                                   "now",
                                   "2026",
                                   "2026-05-26",
                                   "2026-05-26T12:00:00",
                                   "2026-05-26T12:00Z",
                                   "2026-05-26T12:00:00.Z",
                                   "2026-05-26T12:00:00,5Z",
                                   "2026-05-26T12:00:00+02",
                                   "2026-05-26T12:00:00+0200",
                                   "2026-05-26T12:00:00+24:00",
                                   "2026-05-26T12:00:00+02:60",
                                   "2026-05-26T12:00:00Z ",
                                   " 2026-05-26T12:00:00Z",
                                   "2026-05-26T12:00:00ZZ",
                                   "2026-13-01T12:00:00Z",
                                   "2026-00-01T12:00:00Z",
                                   "2026-05-00T12:00:00Z",
                                   "2026-02-29T12:00:00Z",
                                   "2100-02-29T12:00:00Z",
                                   "2026-04-31T12:00:00Z",
                                   "2026-05-32T12:00:00Z",
                                   "2026-05-26T24:00:00Z",
                                   "2026-05-26T12:60:00Z",
                                   "2026-05-26T12:00:60Z",
                                   "2026-05-26T12:00:61Z",
                                   "2026-05-26T23:59:61Z",
                                   "2026-05-26_12:00:00Z",
                                   "20260526T120000Z",
                                   "+2026-05-26T12:00:00Z",
                                   "026-05-26T12:00:00Z",
                                   "2026-5-26T12:00:00Z",
                                   "202:-05-26T12:00:00Z",
                                   "2026-05-2/T12:00:00Z",
                                   "2026-05-1:T12:00:00Z",
                                   "2026-05-26T12:00:00.5",
                                   "2026-05-26T12:00:00.5x",
                                   "0000-01-01T00:00:00+00:01",
                                   "9999-12-31T23:59:00-00:01",
                                   "-026-05-26T12:00:00Z",
                                   "1779820920"}) {
        INFO(time);
        CHECK_THROWS_AS(instant(time), std::invalid_argument);
    }
    const std::string good = "2026-05-26T12:00:00.5+01:00";
    for (std::size_t length = 0; length < good.size(); ++length)
        CHECK_THROWS_AS(instant(good.substr(0, length)), std::invalid_argument);
    CHECK_THROWS_AS(instant(good + std::string(1, '\0')), std::invalid_argument);
}

}  // namespace unit_instant
