// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>

#include <pivotal/detail/core/text.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

/// A time of RFC 3339, such as `2026-05-26T14:02:00.25+02:00`, in a form in which equal instants are equal and earlier
/// ones are less, byte by byte: in UTC, without the zeros that end a fraction, of any length. Throws
/// std::invalid_argument where it is none; without an offset it is no instant.
inline std::string instant(std::string_view time) {
    std::size_t at = 0;
    const auto need = [](bool is_so) {
        if (!is_so) throw std::invalid_argument("pivotal: not a time of RFC 3339");
    };
    const auto is_digit = [&] { return at < time.size() && time[at] >= '0' && time[at] <= '9'; };
    const auto number = [&](int digits, int least, int most) {
        int value = 0;
        for (; digits > 0; --digits, ++at) {
            need(is_digit());
            value = value * 10 + (time[at] - '0');
        }
        need(value >= least && value <= most);
        return value;
    };
    const auto skip = [&](std::string_view one_of) {
        need(at < time.size() && one_of.find(time[at]) != one_of.npos);
        return time[at++];
    };
    int year = number(4, 0, 9999), month = (skip("-"), number(2, 1, 12));
    const auto days = [&] {
        const bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        return month == 2 ? (is_leap ? 29 : 28) : month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
    };
    int day = (skip("-"), number(2, 1, days()));
    int minute = 60 * (skip("Tt "), number(2, 0, 23));
    minute += (skip(":"), number(2, 0, 59));
    const int second = (skip(":"), number(2, 0, 60));
    std::string_view fraction;
    if (at < time.size() && time[at] == '.') {
        const std::size_t begin = at++;
        need(is_digit());
        while (is_digit()) ++at;
        fraction = time.substr(begin, at - begin);
        fraction = fraction.substr(0, end_before(fraction, "0."));
    }
    const char sign = skip("Zz+-");
    if (sign == '+' || sign == '-') {
        int offset = 60 * number(2, 0, 23);
        offset += (skip(":"), number(2, 0, 59));
        minute += sign == '+' ? -offset : offset;
    }
    need(at == time.size());
    const int step = minute < 0 ? -1 : minute < 24 * 60 ? 0 : 1;
    minute -= step * 24 * 60;
    day += step;
    if (day == 0 || day > days()) {
        month += step;
        if (month == 0 || month == 13) {
            month = step > 0 ? 1 : 12;
            year += step;
        }
        day = step > 0 ? 1 : days();
    }
    need(year >= 0 && year <= 9999);
    need(second < 60 || minute == 24 * 60 - 1);  // a leap second
    char text[64];
    (void)std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d", year, month, day, minute / 60, minute % 60,
                        second);
    return text + std::string(fraction);
}

}}}  // namespace pivotal::v1::detail
