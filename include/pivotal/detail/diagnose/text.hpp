// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace pivotal { inline namespace v1 { namespace detail {

// What editors, shells and string types do to a text.

inline constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

inline std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
    std::string out;
    for (std::size_t at; (at = text.find(from)) != text.npos; text.remove_prefix(at + from.size()))
        out.append(text.substr(0, at)).append(to);
    return out.append(text);
}

/// The bytes read as Latin-1 (or Windows-1252) and written as UTF-8.
inline std::string utf8_from_latin1(std::string_view bytes, bool windows) {
    // The code points of Windows-1252 from 0x80 on; 0 where it has none.
    constexpr unsigned windows_1252[32] = {0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                           0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017D, 0,
                                           0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                           0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};
    std::string out;
    out.reserve(bytes.size() + bytes.size() / 2);
    for (const char c : bytes) {
        unsigned code = static_cast<unsigned char>(c);
        if (windows && code >= 0x80 && code < 0xA0 && windows_1252[code - 0x80] != 0) code = windows_1252[code - 0x80];
        if (code < 0x80) {
            out += c;
            continue;
        }
        if (code >= 0x800) out += static_cast<char>(0xE0U | code >> 12);
        out += static_cast<char>(code < 0x800 ? 0xC0U | code >> 6 : 0x80U | (code >> 6 & 0x3FU));
        out += static_cast<char>(0x80U | (code & 0x3FU));
    }
    return out;
}

/// The text read as UTF-8 and written as Latin-1 (or Windows-1252); nullopt where that cannot be.
inline std::optional<std::string> latin1_from_utf8(std::string_view text, bool windows) {
    std::map<std::string, char, std::less<>> bytes;  // by their UTF-8
    for (int byte = 0x80; byte < 0x100; ++byte)
        bytes.emplace(utf8_from_latin1(std::string(1, static_cast<char>(byte)), windows), static_cast<char>(byte));
    std::string out;
    while (!text.empty()) {
        const auto first = static_cast<unsigned char>(text.front());
        const std::size_t size = first < 0x80 ? 1 : first < 0xE0 ? 2 : 3;
        const auto found = bytes.find(text.substr(0, size));
        if (size > 1 && found == bytes.end()) return std::nullopt;
        out += size > 1 ? found->second : text.front();
        text.remove_prefix(size);
    }
    return out;
}

/// A text without what surrounds it: `front` is a byte order mark and white space, `tail` white space and
/// NULs.
struct TextParts {
    std::string_view front, core, tail;

    explicit TextParts(std::string_view text) noexcept {
        constexpr std::string_view space(" \t\r\n\0", 5);
        std::size_t begin = text.substr(0, 3) == byte_order_mark ? 3 : 0;
        while (begin < text.size() && space.find(text[begin]) != space.npos) ++begin;
        std::size_t end = text.size();
        while (end > begin && space.find(text[end - 1]) != space.npos) --end;
        front = text.substr(0, begin);
        core = text.substr(begin, end - begin);
        tail = text.substr(end);
    }
};

}}}  // namespace pivotal::v1::detail
