// SPDX-License-Identifier: MIT
#include <pivotal/detail/surrogates.hpp>

#include <string>
#include <string_view>

#include "catch.hpp"

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

TEST_CASE("a text without lone surrogates is left alone, and not copied", "[surrogates]") {
    for (const char* json : {"", "{}", R"("\ud83c\udf89")", R"("\uD83C\uDF89")", R"("\u0041")",
                             R"("\\ud83d")", R"("\\\\ud83d")", R"("\ud7ff\ue000")", R"("\ud83")", R"("\ud8)",
                             R"("\u)", R"("\)", R"(\\)", R"(\u12g4)", "ud83d", R"("\Ud83d")"})
        CHECK(whole(json) == json);
    CHECK(whole(std::string_view()) == "");
}

TEST_CASE("a lone surrogate is replaced by the escape of U+FFFD", "[surrogates]") {
    CHECK(whole(R"(\ud83d)") == R"(\ufffd)");
    CHECK(whole(R"(\uDFFF)") == R"(\ufffd)");
    CHECK(whole(R"(\ud83d\u0041)") == R"(\ufffd\u0041)");
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
