// SPDX-License-Identifier: MIT
#include <pivotal/detail/receiver/random_token.hpp>

#include <set>
#include <string>

#include <openssl/err.h>
#include <openssl/rand.h>

#include "catch.hpp"

namespace unit_detail_random_token {

using pivotal::detail::random_token;

namespace {

const std::string digits = "0123456789abcdef";

}  // namespace

TEST_CASE("a token is 128 random bits in hexadecimal digits", "[random_token]") {
    std::set<std::string> tokens;
    std::set<char> seen[32];
    for (int i = 0; i < 1000; ++i) {
        const std::string token = random_token();
        REQUIRE(token.size() == 32);
        for (std::size_t at = 0; at < token.size(); ++at) seen[at].insert(token[at]);
        tokens.insert(token);
    }
    CHECK(tokens.size() == 1000);
    // That a digit never stands at a place has a probability of 1 to 10^25.
    for (const std::set<char>& place : seen) CHECK(std::string(place.begin(), place.end()) == digits);
}

#if !defined(OPENSSL_NO_DEPRECATED)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace {

/// OpenSSL's randomness comes from `bytes` while it lives.
class Randomness {
public:
    explicit Randomness(int (*bytes)(unsigned char*, int))
        : method_{nullptr, bytes, nullptr, nullptr, nullptr, nullptr} {
        RAND_set_rand_method(&method_);
    }
    ~Randomness() { RAND_set_rand_method(before_); }
    Randomness(const Randomness&) = delete;
    Randomness& operator=(const Randomness&) = delete;

private:
    const RAND_METHOD* const before_ = RAND_get_rand_method();
    const RAND_METHOD method_;
};

}  // namespace

TEST_CASE("each byte becomes its two digits, the high one first", "[random_token]") {
    const Randomness counting([](unsigned char* to, int size) {
        for (int i = 0; i < size; ++i) to[i] = static_cast<unsigned char>(16 * i + (15 - i) % 16);
        return 1;
    });
    CHECK(random_token() == "0f1e2d3c4b5a69788796a5b4c3d2e1f0");
}

TEST_CASE("without randomness there is no token, and no error is left in OpenSSL's queue", "[random_token]") {
    const Randomness none([](unsigned char*, int) {
        ERR_put_error(ERR_LIB_RAND, 0, 1, "", 0);
        return 0;
    });
    ERR_clear_error();
    CHECK(random_token().empty());
    CHECK(ERR_peek_error() == 0);
}

TEST_CASE("an answer of OpenSSL's other than 1 is a failure", "[random_token]") {
    const Randomness unsupported([](unsigned char*, int) { return -1; });
    CHECK(random_token().empty());
}

#pragma GCC diagnostic pop
#endif

}  // namespace unit_detail_random_token
