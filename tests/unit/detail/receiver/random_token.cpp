// SPDX-License-Identifier: MIT
#include <pivotal/detail/receiver/random_token.hpp>

#include <set>
#include <string>

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

}  // namespace unit_detail_random_token
