// SPDX-License-Identifier: MIT
#include <pivotal/detail/core/text.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"

namespace unit_detail_text {

namespace detail = pivotal::detail;

// What a HeaderSource may hold is tested with headers.hpp; here is what it may not, and the functions.

TEST_CASE("what is text and what is not", "[text]") {
    STATIC_REQUIRE(detail::is_text<std::string>);
    STATIC_REQUIRE(detail::is_text<std::string_view>);
    STATIC_REQUIRE(detail::is_text<const char*>);
    STATIC_REQUIRE(detail::is_text<char*>);
    STATIC_REQUIRE(detail::is_text<char[8]>);
    STATIC_REQUIRE(detail::is_text<std::nullptr_t>);
    STATIC_REQUIRE(detail::is_text<std::vector<char>>);
    STATIC_REQUIRE(detail::is_text<std::optional<std::string>>);
    STATIC_REQUIRE(detail::is_text<std::optional<const char*>>);
    STATIC_REQUIRE(detail::is_text<const std::string*>);
    STATIC_REQUIRE(detail::is_text<std::unique_ptr<std::string>>);
    STATIC_REQUIRE(detail::is_text<std::shared_ptr<const std::string_view>>);

    STATIC_REQUIRE_FALSE(detail::is_text<void>);
    STATIC_REQUIRE_FALSE(detail::is_text<bool>);
    STATIC_REQUIRE_FALSE(detail::is_text<char>);
    STATIC_REQUIRE_FALSE(detail::is_text<int>);
    STATIC_REQUIRE_FALSE(detail::is_text<int*>);
    STATIC_REQUIRE_FALSE(detail::is_text<void*>);
    STATIC_REQUIRE_FALSE(detail::is_text<const unsigned char*>);
    STATIC_REQUIRE_FALSE(detail::is_text<std::wstring>);
    STATIC_REQUIRE_FALSE(detail::is_text<std::vector<unsigned char>>);
    STATIC_REQUIRE_FALSE(detail::is_text<std::vector<std::string>>);
    STATIC_REQUIRE_FALSE(detail::is_text<std::optional<int>>);
    STATIC_REQUIRE_FALSE(detail::is_text<std::optional<std::optional<std::string>>>);
    STATIC_REQUIRE_FALSE(detail::is_text<std::shared_ptr<int>>);
    STATIC_REQUIRE_FALSE(detail::is_text<std::weak_ptr<std::string>>);
}

namespace {

/// Its `*` makes a string that is gone when the expression ends.
struct MakesStrings {
    explicit operator bool() const { return true; }
    std::string operator*() const { return "temporary"; }
};

/// Its `*` makes a view of what stays.
struct MakesViews {
    explicit operator bool() const { return true; }
    std::string_view operator*() const { return "stays"; }
};

}  // namespace

/// Its `*` makes characters that are gone with it.
struct MakesArrays {
    struct Fixed {
        char text[24] = "gone";
        const char* data() const { return text; }
        std::size_t size() const { return 4; }
        operator std::string_view() const { return text; }
    };
    explicit operator bool() const { return true; }
    Fixed operator*() const { return {}; }
};

/// A view of old.
struct MakesOldViews {
    struct View {
        const char* text;
        std::size_t length;
        const char* data() const { return text; }
        std::size_t size() const { return length; }
    };
    explicit operator bool() const { return true; }
    View operator*() const { return {"stays", 5}; }
};

TEST_CASE("what a pointer-like makes anew must be a view", "[text]") {
    CHECK(detail::text_of(MakesOldViews()) == "stays");
    STATIC_REQUIRE_FALSE(detail::is_text<MakesStrings>);
    STATIC_REQUIRE_FALSE(detail::is_text<MakesArrays>);
    STATIC_REQUIRE(detail::is_text<const char**>);
    STATIC_REQUIRE(detail::is_text<MakesViews>);
    CHECK(detail::text_of(MakesViews()) == "stays");
}

TEST_CASE("trimmed takes spaces and tabs off both ends", "[text]") {
    CHECK(detail::trimmed("").empty());
    CHECK(detail::trimmed(" ").empty());
    CHECK(detail::trimmed("\t \t").empty());
    CHECK(detail::trimmed(std::string_view()).empty());
    CHECK(detail::trimmed("a") == "a");
    CHECK(detail::trimmed(" \ta \tb\t ") == "a \tb");
    for (int byte = 0; byte < 256; ++byte) {
        const std::string c(1, static_cast<char>(byte));
        CHECK(detail::trimmed(c + "a" + c) == (c == " " || c == "\t" ? "a" : c + "a" + c));
    }
}

TEST_CASE("end_before is where the bytes at the end begin", "[text]") {
    CHECK(detail::end_before("", "0.") == 0);
    CHECK(detail::end_before(".00", "0.") == 0);
    CHECK(detail::end_before(".010", "0.") == 3);
    CHECK(detail::end_before("0.1", "0.") == 3);
    CHECK(detail::end_before("a", "") == 1);
    CHECK(detail::end_before(std::string_view("a\0\0", 3), std::string_view("\0", 1)) == 1);
}

TEST_CASE("names compare without regard to ASCII case, and to nothing else", "[text]") {
    for (int a = 0; a < 256; ++a) {
        for (int b = 0; b < 256; ++b) {
            if (b >= 'A' && b <= 'Z') continue;  // the second text is in lower case
            const bool equal = a == b || (a >= 'A' && a <= 'Z' && a + 32 == b);
            const std::string left(1, static_cast<char>(a)), right(1, static_cast<char>(b));
            if (detail::equals_ignoring_case(left, right) != equal) FAIL(a << " and " << b);
        }
    }
    CHECK(detail::equals_ignoring_case("", ""));
    CHECK(detail::equals_ignoring_case("SVIX-id", "svix-id"));
    CHECK_FALSE(detail::equals_ignoring_case("svix-i", "svix-id"));
    CHECK_FALSE(detail::equals_ignoring_case("svix-idx", "svix-id"));
    CHECK_FALSE(detail::equals_ignoring_case("", "svix-id"));
    // What is behind the end of a name is not looked at.
    CHECK(detail::equals_ignoring_case(std::string_view("svix-idx").substr(0, 7), "svix-id"));
}

TEST_CASE("a text is found in another in whatever case, the first time that it is there", "[text]") {
    CHECK(detail::find_ignoring_case("whsec_", "whsec_") == 0);
    CHECK(detail::find_ignoring_case("a WhSeC_whsec_", "whsec_") == 2);
    CHECK(detail::find_ignoring_case("a whsec", "whsec_") == std::string_view::npos);
    CHECK(detail::find_ignoring_case("", "whsec_") == std::string_view::npos);
    CHECK(detail::find_ignoring_case("aB", "b") == 1);
}

}  // namespace unit_detail_text
