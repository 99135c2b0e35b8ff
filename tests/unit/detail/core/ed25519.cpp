// SPDX-License-Identifier: MIT
#include <pivotal/detail/core/ed25519.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "../support/message.hpp"
#include "catch.hpp"

namespace unit_detail_ed25519 {

using pivotal::detail::Ed25519Key;
using pivotal::detail::Match;

namespace {

/// A test of RFC 8032, section 7.1.
struct Vector {
    const char *key, *message, *signature;
};
const Vector vectors[] = {
    {"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
     "655141438e7a100b"},
    {"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
     "b00d291612bb0c00"},
    {"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28d"
     "c027beceea1ec40a"},
};

template <std::size_t N> struct Bytes {
    explicit Bytes(std::string_view text) {
        REQUIRE(text.size() == N);
        std::copy(text.begin(), text.end(), of);
    }
    unsigned char of[N];
};

Match verify(const std::string& key, const std::string& signature, const std::string& message) {
    return Ed25519Key(Bytes<32>(key).of).verify(Bytes<64>(signature).of, message);
}

}  // namespace

TEST_CASE("Ed25519 is that of RFC 8032", "[ed25519]") {
    for (const Vector& vector : vectors) {
        CAPTURE(vector.key);
        CHECK(verify(support::unhex(vector.key), support::unhex(vector.signature), support::unhex(vector.message)) ==
              Match::found);
        CHECK_FALSE(pivotal::detail::has_small_order(Bytes<32>(support::unhex(vector.key)).of));
    }
}

TEST_CASE("an Ed25519 signature with any bit changed does not match", "[ed25519]") {
    for (const Vector& vector : vectors) {
        const std::string key = support::unhex(vector.key), signature = support::unhex(vector.signature),
                          message = support::unhex(vector.message);
        for (std::size_t bit = 0; bit < 512; ++bit) {
            CAPTURE(vector.key, bit);
            std::string changed = signature;
            changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ 1 << bit % 8);
            CHECK(verify(key, changed, message) == Match::none);
        }
        CHECK(verify(key, signature, message + "x") == Match::none);
    }
}

TEST_CASE("a signature by one key does not match another", "[ed25519]") {
    CHECK(verify(support::unhex(vectors[1].key), support::unhex(vectors[0].signature), "") == Match::none);
}

}  // namespace unit_detail_ed25519
