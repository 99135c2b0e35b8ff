// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pivotal {
inline namespace v1 {
namespace detail {

// What editors, shells and string types do to a text.

inline constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

/// The code points of Windows-1252 from 0x80 to 0x9F; 0 where it has none.
inline constexpr std::array<std::uint16_t, 32> windows_1252 = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

inline void append_utf8(std::uint32_t code, std::string& out) {
    if (code < 0x80) {
        out += static_cast<char>(code);
    } else if (code < 0x800) {
        out += static_cast<char>(0xC0U | code >> 6);
        out += static_cast<char>(0x80U | (code & 0x3FU));
    } else {  // nothing beyond U+FFFF is in an 8-bit character set
        out += static_cast<char>(0xE0U | code >> 12);
        out += static_cast<char>(0x80U | (code >> 6 & 0x3FU));
        out += static_cast<char>(0x80U | (code & 0x3FU));
    }
}

/// The bytes read as Latin-1 (or Windows-1252) and written as UTF-8.
inline std::string utf8_from_latin1(std::string_view bytes, bool windows) {
    std::string out;
    out.reserve(bytes.size() + bytes.size() / 2);
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        const std::uint16_t special = windows && byte >= 0x80 && byte < 0xA0 ? windows_1252[byte - 0x80U] : 0;
        append_utf8(special ? special : byte, out);
    }
    return out;
}

/// The text read as UTF-8 and written as Latin-1 (or Windows-1252); nullopt where that cannot be.
inline std::optional<std::string> latin1_from_utf8(std::string_view text, bool windows) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size();) {
        const auto byte = static_cast<unsigned char>(text[i]);
        const std::size_t size = byte < 0x80 ? 1 : byte < 0xC2 ? 0 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 0;
        if (size == 0 || text.size() - i < size) return std::nullopt;
        std::uint32_t code = size == 1 ? byte : size == 2 ? byte & 0x1FU : byte & 0x0FU;
        for (std::size_t k = 1; k < size; ++k) {
            const auto next = static_cast<unsigned char>(text[i + k]);
            if ((next & 0xC0U) != 0x80) return std::nullopt;
            code = code << 6 | (next & 0x3FU);
        }
        if (windows && code > 0xFF) {
            for (std::size_t k = 0; k < windows_1252.size(); ++k)
                if (windows_1252[k] == code) code = static_cast<std::uint32_t>(0x80 + k);
        }
        if (code > 0xFF) return std::nullopt;
        out += static_cast<char>(code);
        i += size;
    }
    return out;
}

inline bool is_ascii(std::string_view text) noexcept {
    for (const char c : text)
        if (static_cast<unsigned char>(c) >= 0x80) return false;
    return true;
}

inline std::string with_crlf(std::string_view text) {
    std::string out;
    out.reserve(text.size() + text.size() / 16);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) out += '\r';
        out += text[i];
    }
    return out;
}

inline std::string with_lf(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i)
        if (text[i] != '\r' || i + 1 == text.size() || text[i + 1] != '\n') out += text[i];
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

}  // namespace detail
}  // namespace v1
}  // namespace pivotal
