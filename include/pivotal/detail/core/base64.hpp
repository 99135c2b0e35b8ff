// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pivotal { inline namespace v1 { namespace detail {

/// The value of each character, `none` where it has none. A plain array, which a compiler fills in less time.
struct Base64Values {
    static constexpr std::uint8_t none = 64;  // a bit that no value has
    std::uint8_t of[256]{};

    constexpr Base64Values() noexcept {
        for (std::uint8_t& value : of) value = none;
        std::uint8_t value = 0;
        constexpr std::string_view all = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for (const char c : all) of[static_cast<unsigned char>(c)] = value++;
    }
};

/// What base64_decode returns for a text that it refuses.
inline constexpr std::size_t base64_invalid = static_cast<std::size_t>(-1);

/// Decodes `text` strictly after RFC 4648 §4: the standard alphabet, padded fully or not at all, zero tail bits, nothing
/// else. Returns the number of bytes written to `out`, or `base64_invalid` where the text is not of this form or does
/// not fit into `capacity`; what `out` then holds is unspecified. Its table is indexed by the text: a secret leaves
/// traces in the cache, once, when it is configured.
inline std::size_t base64_decode(std::string_view text, unsigned char* out, std::size_t capacity) noexcept {
    static constexpr Base64Values values;
    if (text.size() % 4 == 0 && !text.empty() && text.back() == '=')
        text.remove_suffix(text[text.size() - 2] == '=' ? 2 : 1);
    const std::size_t tail = text.size() % 4;
    if (tail == 1) return base64_invalid;
    const std::size_t size = text.size() / 4 * 3 + (tail == 0 ? 0 : tail - 1);
    if (size > capacity) return base64_invalid;

    std::uint32_t seen = 0;  // the bits of all values, for one test at the end
    const auto value = [&](std::size_t i) {
        const std::uint32_t found = values.of[static_cast<unsigned char>(text[i])];
        seen |= found;
        return found;
    };
    std::size_t i = 0;
    for (const unsigned char* const end = out + size / 3 * 3; out != end; i += 4) {
        const std::uint32_t bits = value(i) << 18 | value(i + 1) << 12 | value(i + 2) << 6 | value(i + 3);
        *out++ = static_cast<unsigned char>(bits >> 16 & 255U);
        *out++ = static_cast<unsigned char>(bits >> 8 & 255U);
        *out++ = static_cast<unsigned char>(bits & 255U);
    }
    std::uint32_t tail_bits = 0;
    if (tail != 0) {
        const std::uint32_t bits = value(i) << 18 | value(i + 1) << 12 | (tail == 3 ? value(i + 2) << 6 : 0);
        *out++ = static_cast<unsigned char>(bits >> 16 & 255U);
        if (tail == 3) *out = static_cast<unsigned char>(bits >> 8 & 255U);
        tail_bits = bits & (tail == 3 ? 0xFFU : 0xFFFFU);
    }
    return (seen & values.none) != 0 || tail_bits != 0 ? base64_invalid : size;
}

}}}  // namespace pivotal::v1::detail
