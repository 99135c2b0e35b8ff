// SPDX-License-Identifier: MIT
#include <pivotal/diagnose.hpp>

#include <string>
#include <vector>

#include "../../support/message.hpp"
#include "catch.hpp"

#if !defined(PIVOTAL_DIAGNOSE_ZLIB)
#error "pivotal::diagnose did not bring zlib"
#endif

using pivotal::Finding;
using support::Message;

namespace {

using Findings = std::vector<Finding>;

std::string gzip_of(const std::string& text, const pivotal::detail::GzipForm& form = {6, 0, 3}) {
    std::string out;
    REQUIRE(pivotal::detail::zlib_compress(text, form, out));
    return out;
}

struct Outcome {
    Findings findings;
    std::string text;
};

Outcome outcome(const std::string& was_signed, const std::string& arrives) {
    Message message;
    message.body = was_signed;
    message.sign();
    Outcome result;
    for (const auto& found : pivotal::diagnose(
             support::secret, arrives, {message.id, message.timestamp, message.signature}, support::now)) {
        result.findings.push_back(found.finding);
        result.text += found.explanation;
    }
    return result;
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

const std::string event = Message().body;

}  // namespace

TEST_CASE("with zlib it is proved that the body is still compressed", "[diagnose][gzip]") {
    for (const int level : {1, 6, 9}) {
        const Outcome found = outcome(event, gzip_of(event, {level, 1234, 255}));
        CHECK(found.findings == Findings{Finding::body_still_gzip});
        CHECK(contains(found.text, "The signature verifies when the body is decompressed"));
    }
    CHECK(outcome(event, gzip_of(event + "\n")).findings ==
          Findings{Finding::body_still_gzip, Finding::body_end_changed});
    // Signed and sent as gzip: nothing is wrong.
    CHECK(outcome(gzip_of(event), gzip_of(event)).findings == Findings{Finding::verified});
}

TEST_CASE("with zlib it is proved that the body was decompressed", "[diagnose][gzip]") {
    const auto second = static_cast<std::uint32_t>(support::now_seconds);
    for (const int level : {1, 6, 9})
        for (const int system : {3, 255})
            for (const std::uint32_t time : {0U, second - 1, second, second + 1}) {
                const Outcome found = outcome(gzip_of(event, {level, time, system}), event);
                CHECK(found.findings == Findings{Finding::body_was_gunzipped});
                CHECK(contains(found.text, "The signature verifies when the body is compressed with gzip"));
            }
}

TEST_CASE("with zlib, gzip of something else is not accused", "[diagnose][gzip]") {
    const Outcome other = outcome(event, gzip_of("{}"));
    CHECK(other.findings == Findings{Finding::unexplained});
    CHECK(contains(other.text, "gzip and its content exchanged"));
    const std::string gzip = gzip_of(event);
    CHECK(outcome("other", gzip.substr(0, gzip.size() - 9)).findings == Findings{Finding::unexplained});
    CHECK(outcome("other", "\x1F\x8B").findings == Findings{Finding::unexplained});
    CHECK(outcome("other", event).findings == Findings{Finding::unexplained});
}

TEST_CASE("decompression is bounded", "[diagnose][gzip]") {
    const std::string large(std::size_t{64} << 20, 'x');
    CHECK(outcome(large, gzip_of(large)).findings == Findings{Finding::unexplained});
}
