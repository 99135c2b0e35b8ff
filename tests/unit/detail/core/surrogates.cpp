// SPDX-License-Identifier: MIT
#include <pivotal/detail/core/surrogates.hpp>

#include <string>
#include <string_view>

#include "catch.hpp"

namespace unit_detail_surrogates {

namespace {

std::string whole(std::string_view json) {
    std::string copy;
    const std::string_view text = pivotal::detail::with_whole_surrogates(json, copy);
    // Copied only where something had to be changed.
    CHECK((text.data() == json.data()) == (text == json));
    CHECK(text.size() == json.size());
    return std::string(text);
}

}  // namespace

// What becomes of them in an event is tested with event.hpp.

TEST_CASE("an escape is a backslash, a u and four hexadecimal digits", "[surrogates]") {
    using pivotal::detail::unicode_escape;
    CHECK(unicode_escape("\\u0000", 0) == 0);
    CHECK(unicode_escape("\\u09Af", 0) == 0x09AF);
    CHECK(unicode_escape("\\uFfFf", 0) == 0xFFFF);
    CHECK(unicode_escape("ab\\u1234cd", 2) == 0x1234);
    CHECK(unicode_escape("\\\\u1234", 0) == -1);
    CHECK(unicode_escape("ab", 2) == -1);
    const std::string digits = "0123456789abcdef";
    for (std::size_t at = 2; at < 6; ++at) {
        for (int byte = 0; byte < 256; ++byte) {
            CAPTURE(at, byte);
            std::string text = "\\u0000";
            text[at] = static_cast<char>(byte);
            const bool upper = byte >= 'A' && byte <= 'Z';
            const std::size_t digit = digits.find(static_cast<char>(upper ? byte + 0x20 : byte));
            CHECK(unicode_escape(text, 0) == (digit == digits.npos ? -1 : static_cast<int>(digit) << 4 * (5 - at)));
        }
    }
}

TEST_CASE("what is behind the end of a text is not looked at", "[surrogates]") {
    const std::string_view pair = R"(\ud83c\udf89)";
    for (std::size_t size = 0; size <= pair.size(); ++size) {
        CAPTURE(size);
        const std::string cut(pair.substr(0, size));
        CHECK(whole(pair.substr(0, size)) == (size < 6 || size == 12 ? cut : R"(\ufffd)" + cut.substr(6)));
    }
    CHECK(whole(std::string_view(R"(\\abc\ud83d)").substr(0, 4)) == R"(\\ab)");
    CHECK(whole(std::string_view(R"(ab\\\ud83d)").substr(0, 4)) == R"(ab\\)");
}

TEST_CASE("a text without lone surrogates is left alone, and not copied", "[surrogates]") {
    for (const char* json : {"", "{}", R"("\ud83c\udf89")", R"("\uD83C\uDF89")", R"("\u0041")", R"("\\ud83d")",
                             R"("\\\\ud83d")", R"("\ud7ff\ue000")", R"("\ud83")", R"("\ud8)", R"("\u)", R"("\)",
                             R"(\\)", R"(\u12g4)", "ud83d", R"("\Ud83d")"})
        CHECK(whole(json) == json);
    CHECK(whole(std::string_view()) == "");
}

TEST_CASE("a lone surrogate is replaced by the escape of U+FFFD", "[surrogates]") {
    CHECK(whole(R"(\ud83d)") == R"(\ufffd)");
    CHECK(whole(R"(\uDFFF)") == R"(\ufffd)");
    CHECK(whole(R"(\ud83d\u0041)") == R"(\ufffd\u0041)");
    CHECK(whole(R"(\udc00\udc00)") == R"(\ufffd\ufffd)");
    CHECK(whole(R"(\ud83d\ud83c\udf89\udf89)") == R"(\ufffd\ud83c\udf89\ufffd)");
    CHECK(whole(R"(\\\ud83d)") == R"(\\\ufffd)");
    CHECK(whole(R"(\ud83d\\udf89)") == R"(\ufffd\\udf89)");
    CHECK(whole(R"(\ud83d\)") == R"(\ufffd\)");
    CHECK(whole(R"(\ud83d\u)") == R"(\ufffd\u)");
    CHECK(whole(R"(\ud83d\udf8)") == R"(\ufffd\udf8)");
    CHECK(whole(R"(\ud83d\udf8g)") == R"(\ufffd\udf8g)");
}

TEST_CASE("every unit is told from its neighbours", "[surrogates]") {
    const auto escape = [](unsigned unit) {
        const char* const digits = "0123456789abcdef";
        std::string text = "\\u";
        for (int shift = 12; shift >= 0; shift -= 4) text += digits[unit >> shift & 15];
        return text;
    };
    for (unsigned unit = 0; unit < 0x10000; ++unit) {
        const bool surrogate = unit >= 0xD800 && unit <= 0xDFFF;
        if (whole(escape(unit)) != (surrogate ? "\\ufffd" : escape(unit))) FAIL(unit);
        const bool high = surrogate && unit < 0xDC00, low = surrogate && !high;
        if (whole("\\ud800" + escape(unit)) !=
            (low ? "\\ud800" + escape(unit) : "\\ufffd" + (high ? "\\ufffd" : escape(unit))))
            FAIL(unit);
    }
}

}  // namespace unit_detail_surrogates
