// SPDX-License-Identifier: MIT
#include <pivotal/secrets.hpp>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "catch.hpp"

namespace unit_secrets {

using pivotal::Secrets;

TEST_CASE("secrets view the text that they are made from", "[secrets]") {
    const std::string text = "whsec_one whsec_two";
    const auto views = [](Secrets secrets, const char* of) { return secrets.view().data() == of; };
    CHECK(views(text, text.data()));
    CHECK(views(std::string_view(text), text.data()));
    CHECK(views(text.c_str(), text.data()));
    CHECK(views(std::optional<std::string_view>(text), text.data()));
    CHECK(views(&text, text.data()));
    CHECK(Secrets(text).view() == text);
    CHECK(Secrets(std::string_view(text).substr(0, 9)).view() == "whsec_one");
    CHECK(Secrets("whsec_literal").view() == "whsec_literal");
    CHECK(Secrets(std::make_unique<std::string>("whsec_pointed")).view() == "whsec_pointed");
}

TEST_CASE("what is not there is no secret at all", "[secrets]") {
    const std::optional<std::string> none;
    const std::string* const null = nullptr;
    CHECK(Secrets(static_cast<const char*>(nullptr)).view().empty());
    CHECK(Secrets(std::getenv("PIVOTAL_TEST_NEVER_SET")).view().empty());
    CHECK(Secrets(none).view().empty());
    CHECK(Secrets(null).view().empty());
    CHECK(Secrets("").view().empty());
}

TEST_CASE("secrets are not made from what is no text", "[secrets]") {
    STATIC_REQUIRE(std::is_convertible_v<const std::string&, Secrets>);
    STATIC_REQUIRE(std::is_convertible_v<const char*, Secrets>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<Secrets, int>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<Secrets, std::vector<unsigned char>>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<Secrets, std::vector<std::string>>);
    STATIC_REQUIRE(std::is_trivially_copyable_v<Secrets>);
}

}  // namespace unit_secrets
