// SPDX-License-Identifier: MIT
#include <pivotal/body.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#if __cplusplus >= 202002L
#include <span>
#endif

#include <nlohmann/json.hpp>
#include <pivotal/webhook.hpp>

#include "../support/message.hpp"
#include "catch.hpp"
#include "outcome.hpp"

namespace unit_body {

using pivotal::Body;

namespace {

/// As a function of the library takes it: the conversion is implicit.
std::string text_of(Body body) {
    return std::string(body.view());
}

/// Like QByteArray: const and mutable data(), a signed size.
class ByteArray {
public:
    explicit ByteArray(std::string text) : text_(std::move(text)) {}
    const char* data() const { return text_.data(); }
    char* data() { return text_.data(); }
    std::ptrdiff_t size() const { return static_cast<std::ptrdiff_t>(text_.size()); }

private:
    std::string text_;
};

const std::string with_nul("a\0b", 3);

}  // namespace

TEST_CASE("a body is made from text", "[body]") {
    const std::string_view view = with_nul;
    CHECK(text_of(with_nul) == with_nul);
    CHECK(text_of(view) == with_nul);
    CHECK(text_of(std::string("temporary")) == "temporary");
    CHECK(text_of("literal") == "literal");
    CHECK(text_of(with_nul.c_str()) == "a");  // to its NUL
    CHECK(text_of(ByteArray(with_nul)) == with_nul);
    ByteArray mutable_array(with_nul);
    CHECK(text_of(mutable_array) == with_nul);
}

TEST_CASE("null and empty are an empty body", "[body]") {
    const char* const null = nullptr;
    CHECK(text_of(null).empty());
    CHECK(text_of(nullptr).empty());
    CHECK(text_of({}).empty());
    CHECK(text_of("").empty());
    CHECK(text_of(std::string()).empty());
    CHECK(text_of(std::string_view()).empty());
    CHECK(text_of(std::vector<unsigned char>()).empty());
    CHECK(text_of({nullptr, 0}).empty());
    CHECK(Body().size() == 0);
}

TEST_CASE("a body is made from any container of bytes", "[body]") {
    CHECK(text_of(std::vector<unsigned char>{'a', 0, 'b'}) == with_nul);
    CHECK(text_of(std::vector<char>{'a', 0, 'b'}) == with_nul);
    CHECK(text_of(std::vector<signed char>{'a', 0, 'b'}) == with_nul);
    CHECK(text_of(std::vector<std::uint8_t>{'a', 0, 'b'}) == with_nul);
    CHECK(text_of(std::vector<std::byte>{std::byte{'a'}, std::byte{0}, std::byte{'b'}}) == with_nul);
    CHECK(text_of(std::array<unsigned char, 3>{'a', 0, 'b'}) == with_nul);
    CHECK(text_of(std::array<char, 3>{'a', 0, 'b'}) == with_nul);  // a container, not an array
#if __cplusplus >= 202002L
    const std::vector<unsigned char> bytes{'a', 0, 'b'};
    CHECK(text_of(std::span(bytes)) == with_nul);
    CHECK(text_of(std::as_bytes(std::span(bytes))) == with_nul);
    CHECK(text_of(std::span(bytes).subspan(1, 1)) == std::string(1, '\0'));
    CHECK(text_of(std::u8string{u8'a', 0, u8'b'}) == with_nul);
#endif
}

TEST_CASE("an array of char is read to its NUL, another whole", "[body]") {
    char buffer[8] = "ab";
    CHECK(text_of(buffer) == "ab");
    const char constant[] = "ab";
    CHECK(text_of(constant) == "ab");
    CHECK(text_of("a\0b") == "a");

    unsigned char bytes[3] = {'a', 0, 'b'};
    CHECK(text_of(bytes) == with_nul);
    const unsigned char constant_bytes[] = {'a', 0, 'b'};
    CHECK(text_of(constant_bytes) == with_nul);
    const std::byte std_bytes[] = {std::byte{'a'}, std::byte{0}, std::byte{'b'}};
    CHECK(text_of(std_bytes) == with_nul);
    const signed char signed_bytes[] = {'a', 0, 'b'};
    CHECK(text_of(signed_bytes) == with_nul);
    CHECK(text_of({buffer, 4}) == std::string("ab\0\0", 4));  // with its size
}

#if defined(__cpp_char8_t)
TEST_CASE("a literal of char8_t is read to its NUL too", "[body]") {
    CHECK(pivotal::Body(u8"{}").view() == "{}");
    const char8_t whole[2] = {u8'{', u8'}'};
    CHECK(pivotal::Body(whole).view() == "{}");
    CHECK(pivotal::Body(std::u8string_view(u8"a\0b", 3)).size() == 3);
}
#endif

TEST_CASE("a body is a view: nothing is copied", "[body]") {
    const std::string text = "text";
    CHECK(Body(text).data() == text.data());
    CHECK(Body(std::string_view(text)).data() == text.data());
    CHECK(Body(text.c_str()).data() == text.data());
    const std::vector<unsigned char> bytes{'a', 'b'};
    CHECK(static_cast<const void*>(Body(bytes).data()) == bytes.data());
    CHECK(Body(bytes.data(), 1).size() == 1);
    const Body body(text), copy = body;
    CHECK(copy.data() == text.data());
    Body changeable;
    changeable = body;
    CHECK(changeable.view() == "text");
    STATIC_REQUIRE(std::is_trivially_copyable_v<Body>);
}

TEST_CASE("what a container throws passes through", "[body]") {
    struct Gone {
        const char* data() const { throw std::runtime_error("the request is gone"); }
        std::size_t size() const { return 1; }
    };
    CHECK_THROWS_WITH(Body(Gone()), "the request is gone");
}

TEST_CASE("what converts to text of itself is a body, and JSON that was parsed is none", "[body]") {
    struct View {
        operator std::string_view() const { return "ab"; }
    };
    struct CString {
        operator const char*() const { return "ab"; }
    };
    CHECK(Body(View()).view() == "ab");
    CHECK(Body(CString()).view() == "ab");
    STATIC_REQUIRE_FALSE(std::is_constructible_v<Body, nlohmann::json>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<Body, nlohmann::ordered_json&>);
}

TEST_CASE("what holds no bytes is no body", "[body]") {
    STATIC_REQUIRE_FALSE(std::is_constructible_v<Body, int>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<Body, std::vector<int>>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<Body, std::wstring>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<Body, std::u16string>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<Body, std::vector<bool>>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<Body, std::vector<std::string>>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<Body, std::map<int, char>>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<Body, const unsigned char*>);  // without a size
    STATIC_REQUIRE_FALSE(std::is_constructible_v<Body, const void*>);
    STATIC_REQUIRE(std::is_convertible_v<std::string, Body>);
    STATIC_REQUIRE(std::is_convertible_v<const char*, Body>);
    STATIC_REQUIRE(std::is_convertible_v<std::nullptr_t, Body>);
    STATIC_REQUIRE(std::is_convertible_v<std::vector<unsigned char>, Body>);
}

TEST_CASE("a delivery is verified whatever holds its body", "[body]") {
    const pivotal::Webhook webhook(support::secret);
    support::Message message;
    const std::error_code good;
    const auto headers = support::headers_of(message);
    CHECK(support::outcome(webhook, message.body, headers) == good);
    CHECK(support::outcome(webhook, message.body.c_str(), headers) == good);
    CHECK(support::outcome(webhook, std::string_view(message.body), headers) == good);
    CHECK(support::outcome(webhook, std::vector<unsigned char>(message.body.begin(), message.body.end()), headers) ==
          good);
    CHECK(support::outcome(webhook, ByteArray(message.body), headers) == good);
    CHECK(support::outcome(webhook, {message.body.data(), message.body.size()}, headers) == good);

    message.body.clear();
    message.sign();
    const auto of_nothing = support::headers_of(message);
    const std::string none;
    for (const Body& empty : {Body(), Body(""), Body(nullptr), Body(none), Body(nullptr, 0)})
        CHECK(support::authenticity(webhook, empty, of_nothing) == good);
}

}  // namespace unit_body
