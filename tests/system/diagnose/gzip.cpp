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

std::string gzip_of(const std::string& text, int level = 6, std::uint32_t time = 0, char system = 3) {
    std::string out;
    REQUIRE(pivotal::detail::zlib_codec(text, level, out));
    pivotal::detail::set_gzip_header(out, time, system);
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
    for (const auto& found : pivotal::diagnose(support::secret, arrives,
                                               {message.id, message.timestamp, message.signature}, support::now)) {
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
        const Outcome found = outcome(event, gzip_of(event, level, 1234, '\xFF'));
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
        for (const char system : {'\x03', '\xFF'})
            for (const std::uint32_t time : {0U, second - 1, second, second + 1}) {
                const Outcome found = outcome(gzip_of(event, level, time, system), event);
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

TEST_CASE("only what was tried is ruled out, whatever the gzip of a large body costs", "[diagnose][gzip]") {
    std::string large = "{\"a\":[0";
    for (unsigned i = 1; large.size() < 683'000; ++i) large += "," + std::to_string(i * 2654435761U);
    large += "]}";
    const Outcome found = outcome("other", large);
    CHECK(found.findings == Findings{Finding::unexplained});
    const std::string ruled_out = found.text.substr(0, found.text.find("The limit of work"));
    for (const char* const tried : {"event's id", "secret used as text", "a newline", "Latin-1", "base64", "gzip"}) {
        INFO(found.text);
        CHECK(contains(ruled_out, tried));
    }
    CHECK_FALSE(contains(ruled_out, "JSON library"));
    CHECK(contains(found.text, "before all of this was tried: a body that a JSON library wrote again"));
    // And what is cheap is found.
    CHECK(outcome(large + "\n", large).findings == Findings{Finding::body_end_changed});
    CHECK(outcome(gzip_of(large, 1), large).findings == Findings{Finding::body_was_gunzipped});
}

TEST_CASE("decompression is bounded", "[diagnose][gzip]") {
    const std::string large(std::size_t{64} << 20, 'x');
    CHECK(outcome(large, gzip_of(large)).findings == Findings{Finding::unexplained});
}
