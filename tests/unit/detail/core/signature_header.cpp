// SPDX-License-Identifier: MIT
#include <pivotal/detail/core/signature_header.hpp>

#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"

namespace unit_detail_signature_header {

namespace {

/// The candidates in their order: `1:` is v1, `a:` is v1a.
std::vector<std::string> candidates(std::string_view header) {
    std::vector<std::string> found;
    pivotal::detail::for_each_candidate(header, [&](pivotal::detail::SignatureVersion version, std::string_view text) {
        const bool hmac = version == pivotal::detail::SignatureVersion::hmac_sha256;
        found.push_back((hmac ? "1:" : "a:") + std::string(text));
    });
    return found;
}

using All = std::vector<std::string>;

}  // namespace

TEST_CASE("an element behind v1 or v1a in its part is a candidate", "[signature header]") {
    CHECK(candidates("v1,X") == All{"1:X"});
    CHECK(candidates("v1a,X") == All{"a:X"});
    CHECK(candidates("v1,X v1,Y v1a,Z") == All{"1:X", "1:Y", "a:Z"});
    CHECK(candidates("v1,X,v1,Y,v1a,Z") == All{"1:X", "1:Y", "a:Z"});
    CHECK(candidates("v1,v1,X") == All{"1:v1", "1:X"});
    CHECK(candidates("v1,v1a,X") == All{"1:v1a", "a:X"});
    CHECK(candidates("v1a,v1,X") == All{"a:v1", "1:X"});
    CHECK(candidates("v2,v1,X") == All{"1:X"});
    CHECK(candidates("v1,X,Y") == All{"1:X"});
    CHECK(candidates("v1,") == All{"1:"});
    CHECK(candidates("v1,,X") == All{"1:"});
    CHECK(candidates("v1,X,") == All{"1:X"});
    CHECK(candidates(",v1,X") == All{"1:X"});
    CHECK(candidates("  v1,X   v1,Y  ") == All{"1:X", "1:Y"});
    CHECK(candidates("v1,v1,v1") == All{"1:v1", "1:v1"});
}

TEST_CASE("everything else is skipped", "[signature header]") {
    for (const char* header :
         {"",      " ",      ",",     ",,",  " , ", "v1",   "v1a",  "v1 X", "v1 ,X",  "X,v1",   "v2,X",  "V1,X",
          "v1b,X", "v1aa,X", "v11,X", "v,X", "1,X", "v1=X", "v1:X", "v1;X", "v1\t,X", "\tv1,X", "v 1,X", "v1 a,X"}) {
        CAPTURE(header);
        CHECK(candidates(header).empty());
    }
    CHECK(candidates(std::string_view("v1\0,X", 6)).empty());
    CHECK(candidates(std::string_view()).empty());
    CHECK(candidates("v1,X\tv1,Y") == All{"1:X\tv1"});  // a tab separates nothing
    CHECK(candidates("v1,X\nv1,Y") == All{"1:X\nv1"});
}

TEST_CASE("a header is split by a plain rule", "[signature header]") {
    // Every text of seven symbols, against the rule spelled out in another way.
    const std::string_view symbols[] = {"v1", "v1a", ",", " ", "X"};
    const auto split = [](const std::string& text, char separator) {
        std::vector<std::string> parts(1);
        for (const char c : text)
            if (c == separator)
                parts.emplace_back();
            else
                parts.back() += c;
        return parts;
    };
    int wrong = 0, count = 0;
    for (int number = 0; number < 5 * 5 * 5 * 5 * 5 * 5 * 5; ++number) {
        std::string header;
        for (int rest = number, i = 0; i < 7; ++i, rest /= 5) header += symbols[rest % 5];
        All expected;
        for (const std::string& part : split(header, ' ')) {
            const std::vector<std::string> elements = split(part, ',');
            for (std::size_t i = 1; i < elements.size(); ++i) {
                if (elements[i - 1] == "v1") expected.push_back("1:" + elements[i]);
                if (elements[i - 1] == "v1a") expected.push_back("a:" + elements[i]);
            }
        }
        wrong += candidates(header) != expected;
        ++count;
    }
    CHECK(wrong == 0);
    CHECK(count == 78125);
}

}  // namespace unit_detail_signature_header
