// SPDX-License-Identifier: MIT
#include <pivotal/webhook.hpp>

#include <cstddef>
#include <cstring>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>

#include "catch.hpp"
#include "rfc.hpp"
#include "wycheproof_ed25519.hpp"
#include "wycheproof_hmac_sha256.hpp"

namespace detail = pivotal::detail;

namespace {

std::string bytes_of(std::string_view hex) {
    REQUIRE(hex.size() % 2 == 0);
    std::string bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2)
        bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
    return bytes;
}

const unsigned char* data_of(const std::string& bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}

std::string base64_of(const std::string& bytes) {
    std::string text(bytes.size() / 3 * 4 + 5, '\0');
    const auto size =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(&text[0]), data_of(bytes), static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    return text;
}

std::string tag_of(const std::string& key, std::string_view prefix, std::string_view body) {
    const detail::HmacSha256Key made(data_of(key), key.size());
    REQUIRE(made);
    detail::SecretBytes<detail::sha256_size> tag;
    REQUIRE(made.compute(detail::ScratchContext(), prefix, body, tag));
    return std::string(reinterpret_cast<const char*>(tag.data), tag.size());
}

detail::KeyRing hmac_ring(const std::string& key) {
    detail::KeyRing ring;
    REQUIRE_FALSE(detail::add_raw_key(ring, key));
    return ring;
}

detail::KeyRing ed25519_ring(const std::string& key) {
    detail::KeyRing ring;
    REQUIRE_FALSE(detail::add_secret(ring, "whpk_" + base64_of(key), 0));
    return ring;
}

bool matches(decltype(detail::match_ed25519)& match, const detail::KeyRing& ring, std::string_view head,
             std::string_view rest, const std::string& signatures) {
    std::size_t secret = 1;
    const detail::Match found = match(ring, head, rest, signatures, secret);
    CHECK(found != detail::Match::failure);
    CHECK(secret == (found == detail::Match::found ? 0 : 1));
    return found == detail::Match::found;
}

}  // namespace

TEST_CASE("Wycheproof, HMAC-SHA256: 174 vectors", "[vectors]") {
    REQUIRE(std::size(wycheproof_hmac_sha256) == 174);
    for (const HmacVector& vector : wycheproof_hmac_sha256) {
        INFO("number " << vector.number);
        const std::string key = bytes_of(vector.key), message = bytes_of(vector.message), tag = bytes_of(vector.tag);

        // Where the message is cut between prefix and body makes no difference.
        const std::string computed = tag_of(key, "", message);
        CHECK((computed.substr(0, tag.size()) == tag) == vector.valid);
        for (const std::size_t cut : {message.size(), message.size() / 2})
            CHECK(tag_of(key, message.substr(0, cut), message.substr(cut)) == computed);

        // Through the comparison that decides: a tag that was cut is wrong, even where what is left is right.
        const bool whole = tag.size() == detail::sha256_size;
        const bool matched = matches(detail::match_hmac, hmac_ring(key), "", message, "v1," + base64_of(tag));
        CHECK(matched == (vector.valid && whole));
    }
}

TEST_CASE("Wycheproof, Ed25519: 151 vectors", "[vectors]") {
    REQUIRE(std::size(wycheproof_ed25519) == 151);
    for (const Ed25519Vector& vector : wycheproof_ed25519) {
        INFO("number " << vector.number);
        const std::string message = bytes_of(vector.message), signature = bytes_of(vector.signature);
        const detail::KeyRing ring = ed25519_ring(bytes_of(vector.key));
        CHECK(matches(detail::match_ed25519, ring, "", message, "v1a," + base64_of(signature)) == vector.valid);
        CHECK(matches(detail::match_ed25519, ring, message, "", "v1a," + base64_of(signature)) == vector.valid);
        CHECK(matches(detail::match_ed25519, ring, "", message, "v1," + base64_of(signature)) == false);
    }
}

TEST_CASE("RFC 4231: HMAC-SHA256", "[vectors]") {
    for (const Rfc4231Vector& vector : rfc_4231) {
        INFO("test case " << vector.number);
        const std::string tag = bytes_of(vector.tag);
        CHECK(tag_of(bytes_of(vector.key), "", bytes_of(vector.message)).substr(0, tag.size()) == tag);
    }
}

TEST_CASE("RFC 8032 section 7.1: Ed25519", "[vectors]") {
    for (const Rfc8032Vector& vector : rfc_8032) {
        INFO(vector.name);
        const std::string message = bytes_of(vector.message), signature = bytes_of(vector.signature);
        const detail::KeyRing ring = ed25519_ring(bytes_of(vector.public_key));
        CHECK(matches(detail::match_ed25519, ring, "", message, "v1a," + base64_of(signature)) == true);
        for (std::size_t bit = 0; bit < 8 * signature.size(); ++bit) {
            std::string flipped = signature;
            flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
            CHECK(matches(detail::match_ed25519, ring, "", message, "v1a," + base64_of(flipped)) == false);
        }
    }
}

TEST_CASE("RFC 4648 section 10: base64", "[vectors]") {
    for (const Rfc4648Vector& vector : rfc_4648) {
        INFO(vector.base64);
        std::string_view text = vector.base64;
        for (int form = 0; form < 2; ++form) {  // with padding and without
            unsigned char out[6];
            const std::size_t size = detail::base64_decode(text, out, sizeof out);
            REQUIRE(size == std::strlen(vector.bytes));
            CHECK(std::memcmp(out, vector.bytes, size) == 0);
            while (!text.empty() && text.back() == '=') text.remove_suffix(1);
        }
    }
}
