// SPDX-License-Identifier: MIT
#include <pivotal/detail/core/secret.hpp>

#include <string>
#include <string_view>
#include <vector>

#include "../support/message.hpp"
#include "catch.hpp"

namespace unit_detail_secret {

namespace detail = pivotal::detail;
using pivotal::Errc;

namespace {

std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> found;
    for (;;) {
        const std::string_view one = detail::next_secret(text);
        if (one.empty()) return found;
        found.push_back(one);
    }
}

/// An Ed25519 public key: the base point of the curve.
std::string public_key() {
    return "whpk_" + support::base64('\x58' + std::string(31, '\x66'));
}

}  // namespace

// What the sentences say is tested with webhook_secrets.cpp; here is how secrets are told apart and where they end up.

TEST_CASE("secrets are separated by any white space", "[secrets]") {
    using Found = std::vector<std::string_view>;
    CHECK(split("").empty());
    CHECK(split(" \t\n\r\v\f").empty());
    CHECK(split("a") == Found{"a"});
    CHECK(split("  a\n") == Found{"a"});
    CHECK(split("a b\tc\nd\re\vf\fg") == Found{"a", "b", "c", "d", "e", "f", "g"});
    CHECK(split("a\r\n\r\nb") == Found{"a", "b"});
    CHECK(split("a,b;c") == Found{"a,b;c"});
    CHECK(split("a\xC2\xA0"
                "b") == Found{"a\xC2\xA0"
                              "b"});  // a space, but not of ASCII
}

TEST_CASE("a prefix says what a secret is", "[secrets]") {
    const auto is = [](std::string_view secret, bool is_public_key, std::string_view base64) {
        const detail::SecretForm form = detail::form_of(secret);
        return form.is_public_key == is_public_key && form.base64 == base64;
    };
    CHECK(is("whsec_AAAA", false, "AAAA"));
    CHECK(is("whpk_AAAA", true, "AAAA"));
    CHECK(is("AAAA", false, "AAAA"));
    CHECK(is("WHSEC_AAAA", false, "WHSEC_AAAA"));
    CHECK(is("whsec", false, "whsec"));
    CHECK(is("whsec_", false, ""));
    CHECK(is("whpk_", true, ""));
    CHECK(is("whsec_whpk_AAAA", false, "whpk_AAAA"));
}

TEST_CASE("each key keeps the number of its secret", "[secrets]") {
    detail::KeyRing keys;
    const std::string secrets = support::secret + " " + public_key() + "\n" + support::other_secret;
    REQUIRE_FALSE(detail::add_secrets(keys, secrets));
    REQUIRE(keys.hmac.size() == 2);
    REQUIRE(keys.ed25519.size() == 1);
    CHECK(keys.hmac[0].secret == 0);
    CHECK(keys.ed25519[0].secret == 1);
    CHECK(keys.hmac[1].secret == 2);
}

TEST_CASE("a refusal says which of how many secrets it is about", "[secrets]") {
    detail::KeyRing keys;
    const detail::Refusal none = detail::add_secrets(keys, " \n ");
    CHECK(none.code == Errc::invalid_secret);
    CHECK(none.count == 0);
    const detail::Refusal third =
        detail::add_secrets(keys, support::secret + " " + support::secret + " x " + public_key());
    CHECK(third.code == Errc::invalid_secret);
    CHECK(third.position == 3);
    CHECK(third.count == 4);
    CHECK(third.variable == nullptr);
}

}  // namespace unit_detail_secret
