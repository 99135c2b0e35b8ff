// SPDX-License-Identifier: MIT
#include <pivotal/detail/core/base64.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../support/message.hpp"
#include "catch.hpp"

namespace unit_detail_base64 {

namespace {

const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The bytes, or nothing. What is behind `capacity` bytes must not be touched.
std::optional<std::string> decoded(std::string_view text, std::size_t capacity = 200) {
    std::vector<unsigned char> out(capacity + 8, 0xAB);
    const std::size_t size = pivotal::detail::base64_decode(text, out.data(), capacity);
    for (std::size_t i = capacity; i < out.size(); ++i) CHECK(out[i] == 0xAB);
    if (size == pivotal::detail::base64_invalid) return std::nullopt;
    REQUIRE(size <= capacity);
    return std::string(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(size));
}

std::string unpadded(std::string text) {
    while (!text.empty() && text.back() == '=') text.pop_back();
    return text;
}

}  // namespace

TEST_CASE("base64 of every length and byte is decoded, padded fully or not at all", "[base64]") {
    CHECK(decoded("") == "");
    std::string bytes;
    for (int i = 0; i < 120; ++i) {
        CAPTURE(i);
        bytes += static_cast<char>(i * 151 + 7);
        const std::string text = support::base64(bytes);
        CHECK(decoded(text) == bytes);
        CHECK(decoded(unpadded(text)) == bytes);
        if (text.back() == '=') {
            CHECK_FALSE(decoded(text + "="));
            if (text[text.size() - 2] == '=') CHECK_FALSE(decoded(text.substr(0, text.size() - 1)));
        }
    }
    for (int byte = 0; byte < 256; ++byte) {
        const std::string one(1, static_cast<char>(byte));
        CHECK(decoded(support::base64(one)) == one);
        CHECK(decoded(support::base64("ab" + one)) == "ab" + one);
    }
}

TEST_CASE("only the bytes of the alphabet are base64, in every place", "[base64]") {
    for (int byte = 0; byte < 256; ++byte) {
        CAPTURE(byte);
        const char c = static_cast<char>(byte);
        const bool known = alphabet.find(c) != std::string::npos;
        for (const std::string_view around : {"AAAA", "AAAAAAAA", "AAAAAAA", "AAAAAA"}) {
            for (std::size_t at = 0; at < around.size(); ++at) {
                std::string text(around);
                text[at] = c;
                // In the last place of a tail only those without tail bits; `=` only as padding.
                const std::size_t value = alphabet.find(c);
                const bool last = at + 1 == around.size();
                const bool tail_bits =
                    last && known &&
                    ((around.size() % 4 == 3 && value % 4 != 0) || (around.size() % 4 == 2 && value % 16 != 0));
                const bool padding = c == '=' && last && around.size() % 4 == 0;
                CHECK(decoded(text).has_value() == ((known && !tail_bits) || padding));
            }
        }
    }
}

TEST_CASE("base64 has zero tail bits", "[base64]") {
    for (std::size_t value = 0; value < 64; ++value) {
        const std::string c(1, alphabet[value]);
        CHECK(decoded("A" + c).has_value() == (value % 16 == 0));
        CHECK(decoded("A" + c + "==").has_value() == (value % 16 == 0));
        CHECK(decoded("AA" + c).has_value() == (value % 4 == 0));
        CHECK(decoded("AA" + c + "=").has_value() == (value % 4 == 0));
    }
}

TEST_CASE("a text of a group and one character is no base64, whatever stands behind it", "[base64]") {
    unsigned char bytes[16];
    for (const std::size_t size : {1U, 5U, 9U})
        CHECK(pivotal::detail::base64_decode(std::string_view("AAAAAAAAAAAA").substr(0, size), bytes, sizeof bytes) ==
              pivotal::detail::base64_invalid);
}

TEST_CASE("other padding, white space and half groups are no base64", "[base64]") {
    for (const char* text :
         {"=",      "==",       "===",    "====",   "A",        "A=",       "A==",        "A===",     "AA=",
          "AA===",  "AAA==",    "AAAA=",  "AAAA==", "AAAA===",  "AAAA====", "AA==AAAA",   "AA==AA==", "AAA=AAA=",
          "=AAA",   "A=AA",     "AA=A",   "AAAAA",  "AAAAA===", " AAAA",    "AAAA ",      "AA AA",    "AA\nAA",
          "AAAA\n", "AAAA\r\n", "AA\tAA", "AA-A",   "AA_A",     "AA.A",     "AA\xC3\xA9", "AA,A"}) {
        CAPTURE(text);
        CHECK_FALSE(decoded(text));
    }
    CHECK_FALSE(decoded(std::string_view("AA\0A", 4)));
    CHECK_FALSE(decoded(std::string_view("AAA\0", 4)));
}

TEST_CASE("what does not fit is refused and nothing is written behind the end", "[base64]") {
    for (std::size_t size = 1; size < 20; ++size) {
        const std::string bytes(size, 'x'), text = support::base64(bytes);
        CHECK(decoded(text, size) == bytes);
        CHECK(decoded(unpadded(text), size) == bytes);
        CHECK_FALSE(decoded(text, size - 1));
        CHECK_FALSE(decoded(unpadded(text), size - 1));
        CHECK_FALSE(decoded(text, 0));
    }
    CHECK(decoded("", 0) == "");
}

}  // namespace unit_detail_base64
