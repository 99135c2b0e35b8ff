// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pivotal { inline namespace v1 { namespace detail {

/// The four hexadecimal digits of an escape `\uXXXX` at `at`, which may be the end, or -1 where there is none.
inline int unicode_escape(std::string_view json, std::size_t at) noexcept {
    if (json.size() - at < 6 || json[at] != '\\' || json[at + 1] != 'u') return -1;
    int value = 0;
    for (std::size_t i = at + 2; i < at + 6; ++i) {
        const char c = json[i];
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

/// `json` with each escaped surrogate that has no partner turned into U+FFFD, as Go's encoding/json reads it: JavaScript
/// writes such an escape when it cuts a string inside an emoji, RFC 8259 §8.2 allows it, and nlohmann/json refuses it.
/// `copy` holds the text where it had to be changed. Outside of a string a backslash is an error before and after, so
/// there is no need to know where the strings are.
inline std::string_view with_whole_surrogates(std::string_view json, std::string& copy) {
    for (std::size_t at = 0; (at = json.find('\\', at)) != json.npos;) {
        const int unit = unicode_escape(json, at);
        if (unit < 0xD800 || unit > 0xDFFF) {
            at += 2;  // an escaped backslash counts as one
            continue;
        }
        const int next = unicode_escape(json, at + 6);
        const bool is_pair = unit < 0xDC00 && next >= 0xDC00 && next <= 0xDFFF;
        if (!is_pair) {
            if (copy.empty()) copy.assign(json);
            copy.replace(at, 6, "\\ufffd");
        }
        at += is_pair ? 12 : 6;
    }
    return copy.empty() ? json : std::string_view(copy);
}

}}}  // namespace pivotal::v1::detail
