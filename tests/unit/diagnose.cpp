// SPDX-License-Identifier: MIT
#include <pivotal/diagnose.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "../support/message.hpp"
#include "catch.hpp"
#include "outcome.hpp"

namespace unit_diagnose {

using pivotal::Diagnosis;
using pivotal::Finding;
using support::Message;

namespace {

using Findings = std::vector<Finding>;
using Fields = std::vector<std::pair<std::string, std::string>>;

Fields fields_of(const Message& message, const std::string& family = "svix-") {
    return {{family + "id", message.id},
            {family + "timestamp", message.timestamp},
            {family + "signature", message.signature}};
}

// The findings; in passing, that no explanation is empty or repeats a secret, a signature or what was sent.
template <class HeaderSource>
Findings findings(const std::string& secrets, const std::string& body, const HeaderSource& headers,
                  pivotal::Clock::time_point now = support::now) {
    Findings found;
    for (const Diagnosis& diagnosis : pivotal::diagnose(secrets, body, headers, now)) {
        INFO(to_string(diagnosis.finding) << ": " << diagnosis.explanation);
        CHECK(diagnosis.explanation.size() > 40);
        CHECK(diagnosis.explanation.find("  ") == std::string::npos);
        CHECK_FALSE(support::has_piece_of(diagnosis.explanation, support::secret.substr(6)));
        CHECK_FALSE(support::has_piece_of(diagnosis.explanation, support::other_secret.substr(6)));
        found.push_back(diagnosis.finding);
    }
    return found;
}

Findings findings(const Message& message, const std::string& secrets = support::secret,
                  pivotal::Clock::time_point now = support::now) {
    return findings(secrets, message.body, fields_of(message), now);
}

// The only explanation.
std::string explanation(const Message& message, const std::string& secrets = support::secret,
                        pivotal::Clock::time_point now = support::now) {
    const auto found = pivotal::diagnose(secrets, message.body, fields_of(message), now);
    REQUIRE(found.size() == 1);
    return found.front().explanation;
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

// What was signed, and what arrives instead.
Message changed(const std::string& was_signed, const std::string& arrives) {
    Message message;
    message.body = was_signed;
    message.sign();
    message.body = arrives;
    return message;
}

const std::string event = R"({"id":"evt_1","type":"customer.created","url":"https://example.com/a",)"
                          R"("data":{"object":{"name":"Zoë 🎉","list":[1,2.50,{}],"empty":[]}}})";

}  // namespace

// ---- No false finding ----

TEST_CASE("a healthy delivery is verified, and nothing else is found", "[diagnose]") {
    CHECK(findings(Message()) == Findings{Finding::verified});
    CHECK(findings(Message(), support::secret + "\n") == Findings{Finding::verified});
    CHECK(findings(Message(), support::secret + " " + support::other_secret) == Findings{Finding::verified});
    CHECK(findings(Message(), "C2FVsBQIhrscChlQIMV+b5sSYspob7oD") == Findings{Finding::verified});
    CHECK(findings(support::secret, Message().body, fields_of(Message(), "webhook-")) == Findings{Finding::verified});

    Message rotated;
    rotated.signature = rotated.v1(support::other_key) + " " + rotated.signature;
    CHECK(findings(rotated) == Findings{Finding::verified});
    Message joined;
    joined.signature = joined.v1(support::other_key) + ", " + joined.signature;
    CHECK(findings(joined) == Findings{Finding::verified});

    for (const std::string& body :
         {std::string(), std::string("no JSON"), std::string("{}"), std::string("\0\x80\n", 3), event + "\r\n",
          std::string(1024, '{'), std::string("\x1F\x8B gzip?")}) {
        INFO(body);
        CHECK(findings(changed(body, body)) == Findings{Finding::verified});
    }
    CHECK(contains(explanation(changed("{}", "{}")), "no event"));
    CHECK(contains(explanation(changed("", "")), "it was empty"));
    CHECK(contains(explanation(changed("{\"id\":", "{\"id\":")), "ends in the middle"));
    CHECK_FALSE(contains(explanation(Message()), "no event"));

    const support::Ed25519Signer signer(std::string(32, 's'));
    Message asymmetric;
    asymmetric.signature = asymmetric.v1a(signer);
    CHECK(findings(asymmetric, signer.secret()) == Findings{Finding::verified});
}

TEST_CASE("an unrelated forgery is unexplained, and nothing else is found", "[diagnose]") {
    const Findings unexplained{Finding::unexplained};
    Message forged;
    forged.signature = forged.v1("a key of nobody");
    CHECK(findings(forged) == unexplained);
    CHECK(findings(support::secret, forged.body, fields_of(forged, "webhook-")) == unexplained);
    CHECK(findings(forged, support::secret + " " + support::other_secret) == unexplained);
    for (std::string body : {std::string("{}"), std::string("[1,2]"), std::string("no JSON"), event, event + "\n",
                             std::string("\xEF\xBB\xBF{}"), std::string("\xE9t\xE9"), std::string(1000, 'x'),
                             std::string("\xC3\xA9 {"), std::string("\xF0\x9F")}) {
        INFO(body);
        forged.body = body;
        CHECK(findings(forged) == unexplained);
    }
    forged = Message();
    forged.body.replace(forged.body.find("82"), 2, "83");
    CHECK(findings(forged) == unexplained);
    forged = Message();
    forged.id += "x";
    CHECK(findings(forged) == unexplained);
    forged = Message();
    forged.timestamp.back() = '1';
    CHECK(findings(forged) == unexplained);
    // Far from the clock, and unsigned: the clock is not accused.
    CHECK(findings(forged, support::secret, support::now + std::chrono::hours{5}) == unexplained);
}

TEST_CASE("what is unexplained lists what was ruled out and what is left", "[diagnose]") {
    Message forged;
    forged.signature = forged.v1("a key of nobody");
    const std::string text = explanation(forged);
    for (const char* const part :
         {"attempts", "JSON library", "newline", "CRLF", "byte order mark", "Latin-1", "secret", "event's id",
          "two families", "joined", "trimmed", "milliseconds", "another endpoint", "does not come from Pivotal"}) {
        INFO(part);
        CHECK(contains(text, part));
    }
    CHECK_FALSE(contains(text, "limit of work"));
    CHECK_FALSE(contains(text, ":."));
    CHECK_FALSE(contains(text, "gzip"));  // nothing can be ruled out without zlib
    CHECK_FALSE(contains(text, "alphabetical"));
    forged.body = R"({"data":{"object":{"id":"cus_1"}},"id":"evt_1","type":"customer.created"})";
    CHECK(contains(explanation(forged), "alphabetical"));
    forged.body = "text";
    CHECK(contains(explanation(forged), "no JSON object"));

    const support::Ed25519Signer signer(std::string(32, 's'));
    forged.signature = forged.v1a(signer);
    CHECK(contains(explanation(forged), "whpk_"));
}

TEST_CASE("verified is what Webhook accepts, whatever is changed", "[diagnose]") {
    std::mt19937 random(20260526);
    const pivotal::Webhook webhook(support::secret);
    int accepted = 0;
    for (int i = 0; i < 300; ++i) {
        Message message;
        message.body = "{}";
        message.sign();
        std::string* const fields[] = {&message.id, &message.timestamp, &message.signature, &message.body};
        std::string& field = *fields[random() % 4];
        const std::size_t at = random() % (field.size() + 1);
        const char byte = " ,.=v1aA\n\t\0\xFF"[random() % 12];
        if (random() % 3 == 0)
            field.insert(at, 1, byte);
        else if (random() % 2 == 0 && at < field.size())
            field.erase(at, 1 + random() % 3);
        else if (at < field.size())
            field[at] = byte;
        std::error_code error;
        const bool authentic = webhook.authenticate(message.body, fields_of(message), error, support::now).has_value();
        accepted += authentic;
        const Findings found = findings(message);
        CHECK_FALSE(found.empty());
        CHECK((found == Findings{Finding::verified}) == authentic);
    }
    CHECK(accepted > 0);
}

// ---- The body ----

TEST_CASE("a body that was serialised again", "[diagnose]") {
    const std::string e_acute = "\xC3\xA9";
    struct Case {
        std::string was_signed, arrives, says;
    };
    for (const Case& test : std::vector<Case>{
             // whichever was signed, the other arrives
             {R"({"a":1,"b":[true,null]})", R"({"a": 1, "b": [true, null]})", "minified"},
             {R"({"a": 1, "b": [true, null]})", R"({"a":1,"b":[true,null]})", "Python's json.dumps"},
             {"{\n  \"a\": 1,\n  \"b\": []\n}", R"({"a":1,"b":[]})", "indented by 2 spaces"},
             {"{\n   \"a\": 1,\n   \"b\": {}\n}", R"({"a":1,"b":{}})", "indented by 3 spaces"},
             {"{\n    \"a\": [\n        1\n    ]\n}", R"({"a":[1]})", "indented by 4 spaces"},
             {"{\n\t\"a\": 1\n}", R"({"a":1})", "indented by a tab"},
             {"{\r\n  \"a\": 1\r\n}", R"({"a":1})", "indented by 2 spaces with CRLF"},
             {R"({"a":1})", "{\n  \"a\": 1\n}", "minified"},
             {R"({"a":1,"b":{"c":2,"d":3}})", R"({"b":{"d":3,"c":2},"a":1})", "keys sorted"},
             {R"({"id":"evt_1","type":"t","created_at":"c","data":{"object":{"id":"cus_1","at_risk":true}}})",
              R"({"created_at":"c","data":{"object":{"at_risk":true,"id":"cus_1"}},"id":"evt_1","type":"t"})",
              "documentation"},
             {R"({"a":"x\/y"})", R"({"a":"x/y"})", R"(/ escaped as \/)"},
             {R"({"a":"x/y"})", R"({"a":"x\/y"})", "no character escaped"},
             {R"({"a":"\u00e9"})", R"({"a":")" + e_acute + R"("})", R"(escaped as \uxxxx)"},
             {R"({"a":"\u00E9"})", R"({"a":")" + e_acute + R"("})", R"(escaped as \uXXXX (upper case))"},
             {R"({"a":")" + e_acute + R"("})", R"({"a":"\u00e9"})", "no character escaped"},
             {R"({"a":"\ud83c\udf89"})", R"({"a":"🎉"})", R"(escaped as \uxxxx)"},
             {R"({"a":"🎉"})", R"({"a":"\ud83c\udf89"})", "no character escaped"},
             {R"({"a":"\u003cb\u003e\u0026"})", R"({"a":"<b>&"})", "as Go does"},
             {R"({"a":"<b>&"})", R"({"a":"\u003cb\u003e\u0026"})", "no character escaped"},
             {R"({"a":"\b\f\n\r\t\u0001\"\\"})", R"({ "a":"\u0008\u000c\u000A\u000d\u0009\u0001\u0022\u005c"})",
              "no character escaped"},
             {R"({"a":41})", R"({"a":41.0})", "as JavaScript writes them"},
             {R"({"a":[1,41.0]})", R"({"a":[1,41]})", ".0 behind it"},
             {R"({"a":[1.0,41.0]})", R"({"a":[1,41]})", ".0 behind it"},
             {R"({"a": 1, "b": "\u00e9"})", R"({"a":1,"b":")" + e_acute + R"("})", "Python's json.dumps"},
             {R"({"a":1,"b":"\u00e9 \/"})", R"({"b":")" + e_acute + R"( /","a":1})", "keys sorted"}}) {
        INFO(test.was_signed);
        const Message message = changed(test.was_signed, test.arrives);
        CHECK(findings(message) == Findings{Finding::body_reserialized});
        INFO(explanation(message));
        CHECK(contains(explanation(message), test.says));
        CHECK(contains(explanation(message), "raw body"));
    }
}

TEST_CASE("only what differs is said of a style", "[diagnose]") {
    const std::string text = explanation(changed(R"({"b":1,"a":"x\/y"})", R"({"b":1,"a":"x/y"})"));
    CHECK(contains(text, R"(/ escaped)"));
    CHECK_FALSE(contains(text, "minified"));
    CHECK_FALSE(contains(text, "sorted"));
    CHECK_FALSE(contains(text, "uxxxx"));
}

TEST_CASE("numbers as JavaScript writes them", "[diagnose]") {
    using pivotal::detail::javascript_number;
    for (const auto& [token, expected] :
         std::map<std::string, std::string>{{"0", "0"},
                                            {"-0", "0"},
                                            {"-0.0", "0"},
                                            {"12", "12"},
                                            {"41.0", "41"},
                                            {"-41.50", "-41.5"},
                                            {"1e5", "100000"},
                                            {"1E+2", "100"},
                                            {"0.1", "0.1"},
                                            {"123456789012345678901234567890", "123456789012345678901234567890"},
                                            {"1e21", "1e+21"},
                                            {"1.25e21", "1.25e+21"},
                                            {"-1e300", "-1e+300"},
                                            {"5e-324", "5e-324"},
                                            {"1.7976931348623157e308", "1.7976931348623157e+308"},
                                            {"0.30000000000000004", "0.30000000000000004"},
                                            {"123.456", "123.456"}}) {
        INFO(token);
        CHECK(javascript_number(token) == expected);
    }
}

TEST_CASE("a body whose end was changed", "[diagnose]") {
    for (const std::string& end : {std::string("\n"), std::string("\r\n"), std::string("\r"), std::string(" "),
                                   std::string("\t"), std::string("\n\n"), std::string("\0", 1)}) {
        CHECK(findings(changed(event, event + end)) == Findings{Finding::body_end_changed});
        CHECK(findings(changed(event + end, event)) == Findings{Finding::body_end_changed});
    }
    CHECK(findings(changed(event, event + " \t\n\r\n")) == Findings{Finding::body_end_changed});
    CHECK(findings(changed("no JSON\n", "no JSON")) == Findings{Finding::body_end_changed});
    CHECK(contains(explanation(changed(event, event + "\n")), "a newline (LF) is taken off"));
    CHECK(contains(explanation(changed(event + "\r\n", event)), "a CRLF is added"));
    CHECK(contains(explanation(changed(event + "\r", event + " ")),
                   "a space at the end of the body is replaced by a carriage return (CR)"));
    CHECK(contains(explanation(changed(event, event + std::string(1, '\0'))), "a NUL byte is taken off"));
}

TEST_CASE("a body whose start was changed", "[diagnose]") {
    const std::string mark = "\xEF\xBB\xBF";
    CHECK(findings(changed(event, mark + event)) == Findings{Finding::body_start_changed});
    CHECK(findings(changed(mark + event, event)) == Findings{Finding::body_start_changed});
    CHECK(findings(changed(event, "\r\n" + event)) == Findings{Finding::body_start_changed});
}

TEST_CASE("a body whose line ends were changed", "[diagnose]") {
    const std::string lf = "{\n \"id\": \"evt_1\",\n\n \"type\":\"t\"\n}\n";
    const std::string crlf = "{\r\n \"id\": \"evt_1\",\r\n\r\n \"type\":\"t\"\r\n}\r\n";
    CHECK(findings(changed(lf, crlf)) == Findings{Finding::body_line_ends});
    CHECK(findings(changed(crlf, lf)) == Findings{Finding::body_line_ends});
    CHECK(contains(explanation(changed(lf, crlf)), "each CRLF of the body is turned into LF"));
}

TEST_CASE("a body whose encoding was changed", "[diagnose]") {
    struct Case {
        std::string was_signed, arrives;
    };
    for (const Case& test :
         std::vector<Case>{{"{\"a\":\"\xC3\xA9t\xC3\xA9\"}", "{\"a\":\"\xE9t\xE9\"}"},          // UTF-8 to Latin-1
                           {"{\"a\":\"\xE9t\xE9\"}", "{\"a\":\"\xC3\xA9t\xC3\xA9\"}"},          // Latin-1 to UTF-8
                           {"{\"a\":\"\xC3\xA9\"}", "{\"a\":\"\xC3\x83\xC2\xA9\"}"},            // encoded twice
                           {"{\"a\":\"\xE2\x82\xAC \xE2\x80\x9C\"}", "{\"a\":\"\x80 \x93\"}"},  // Windows-1252
                           {"{\"a\":\"\xE2\x82\xAC\"}", "{\"a\":\"\xC3\xA2\xE2\x80\x9A\xC2\xAC\"}"}}) {  // and twice
        INFO(test.was_signed);
        CHECK(findings(changed(test.was_signed, test.arrives)) == Findings{Finding::body_charset});
    }
    CHECK(contains(explanation(changed("\xC3\xA9", "\xE9")), "Latin-1"));
    CHECK(contains(explanation(changed("\xE2\x82\xAC", "\x80")), "Windows-1252"));
}

TEST_CASE("a body that looks truncated", "[diagnose]") {
    std::string whole = R"({"id":"evt_1","type":"customer.created","data":{"object":{"name":")";
    whole += std::string(70'000, 'x') + R"("}}})";
    for (const std::size_t size : {1000U, 1024U, 1234U, 4096U, 4095U, 10'000U, 65'536U}) {
        INFO(size);
        const Message message = changed(whole, whole.substr(0, size));
        CHECK(findings(message) == Findings{Finding::body_truncated});
        CHECK(contains(explanation(message), "looks as if"));
        CHECK(contains(explanation(message), std::to_string(size)));
        CHECK(contains(explanation(message), "ends in the middle"));
    }
    // Wherever the cut falls.
    for (std::size_t kept = 1; kept < event.size(); ++kept) {
        const std::string begin = "{" + std::string(1024 - kept, ' ') + event.substr(1);
        CHECK(findings(changed(begin, begin.substr(0, 1024))) == Findings{Finding::body_truncated});
    }
    // Complete, or no beginning of JSON: not accused.
    CHECK(findings(changed(whole, std::string(1024, 'x'))) == Findings{Finding::unexplained});
    CHECK(findings(changed(whole, "{\"a\":\"" + std::string(1016, 'x') + "\"}")) == Findings{Finding::unexplained});
    CHECK(findings(changed(whole, "{\"a\":]" + std::string(1018, 'x'))) == Findings{Finding::unexplained});

    // Of what is no JSON, content-length says it.
    const Message message = changed("text, and more", "text");
    Fields fields = fields_of(message);
    fields.emplace_back("Content-Length", "14");
    CHECK(findings(support::secret, message.body, fields) == Findings{Finding::body_truncated});
    fields.back().second = "4";
    CHECK(findings(support::secret, message.body, fields) == Findings{Finding::unexplained});
    fields.back().second = "many";
    CHECK(findings(support::secret, message.body, fields) == Findings{Finding::unexplained});
}

TEST_CASE("a body that looks like gzip, or like none", "[diagnose]") {
    const Message gzip = changed(event, std::string("\x1F\x8B\x08\0\0\0\0\0\0\x03 and so on", 20));
    CHECK(findings(gzip) == Findings{Finding::body_still_gzip});
    CHECK(contains(explanation(gzip), "looks as if"));

    const Message plain = changed("the gzip bytes", event);
    Fields fields = fields_of(plain);
    fields.emplace_back("Content-Encoding", "gzip");
    CHECK(findings(support::secret, plain.body, fields) == Findings{Finding::body_was_gunzipped});
    fields.back().second = "identity";
    CHECK(findings(support::secret, plain.body, fields) == Findings{Finding::unexplained});
}

TEST_CASE("an empty body", "[diagnose]") {
    CHECK(findings(changed(event, "")) == Findings{Finding::body_empty});
}

TEST_CASE("a body that was wrapped", "[diagnose]") {
    const Findings base64{Finding::body_base64}, string{Finding::body_json_string};
    const std::string bytes = "\x1F\x8B\x08 bytes \xFF";
    for (const std::string& body : {event, bytes, event + "\n"}) {
        CHECK(findings(changed(body, support::base64(body))) == base64);
        CHECK(findings(changed(support::base64(body), body)) == base64);
    }
    std::string lines = support::base64(event);  // as `base64` breaks it
    for (std::size_t at = 76; at < lines.size(); at += 77) lines.insert(at, 1, '\n');
    CHECK(findings(changed(event, lines + "\n")) == base64);
    CHECK(contains(explanation(changed(event, lines)), "isBase64Encoded"));

    const std::string quoted = nlohmann::json(event).dump(), ascii = nlohmann::json(event).dump(-1, ' ', true);
    REQUIRE(quoted != ascii);
    for (const std::string& text : {quoted, ascii}) {
        CHECK(findings(changed(event, text)) == string);
        CHECK(findings(changed(text, event)) == string);
        CHECK(findings(changed(event, text + "\n")) == string);
    }
    CHECK(contains(explanation(changed(event, quoted)), "JSON.stringify"));
    CHECK(findings(changed("{\"a\": 1}\n", "\"{\\\"a\\\": 1}\"")) ==
          Findings{Finding::body_json_string, Finding::body_end_changed});
    // What only looks so.
    CHECK(findings(changed(event, support::base64("something else"))) == Findings{Finding::unexplained});
    CHECK(findings(changed(event, "\"something else\"")) == Findings{Finding::unexplained});
}

// ---- The secret ----

TEST_CASE("the sender takes the text of the secret for the key", "[diagnose]") {
    const std::string bare = support::secret.substr(6);
    for (const std::string& key : {support::secret, bare, support::secret + "\n", bare + "\n", "v1," + support::secret,
                                   "\"" + support::secret + "\"", "'" + support::secret + "'"}) {
        Message message;
        message.sign(key);
        INFO(key);
        CHECK(findings(message) == Findings{Finding::secret_used_as_text});
        CHECK(findings(message, bare) == Findings{Finding::secret_used_as_text});
    }
}

TEST_CASE("the sender decodes whsec_ together with the base64 behind it", "[diagnose]") {
    const Findings expected{Finding::secret_used_as_text};
    // What Node's Buffer.from(secret, "base64") gives for the two secrets of the tests.
    Message message;
    message.sign(support::unhex("c21b1e73f0b6155b0140886bb1c0a195020c57e6f9b1262ca686fba0"));
    CHECK(findings(message) == expected);
    message.sign(
        support::unhex("c21b1e73f746865206f74686572206b6579206f66207468652074657374732c203430206279"
                       "7465732e2e2e2e0"));
    CHECK(findings(message, support::other_secret) == expected);
    CHECK(contains(explanation(message, support::other_secret), "together with the base64"));
    // What Python's base64.b64decode(secret) gives for the second; the first it refuses.
    message.sign(
        support::unhex("c21b1e71d1a19481bdd1a195c881ad95e481bd9881d1a19481d195cdd1ccb080d0c08189e5d195"
                       "ccb8b8b8b8"));
    CHECK(findings(message, support::other_secret) == expected);
}

TEST_CASE("a secret that was copied badly", "[diagnose]") {
    const std::string& secret = support::secret;
    std::string url_safe = "whsec_" + support::base64("\xFB\xEF\xBE\xFF\xFF\xFF 24 bytes at least is it");
    Message message;
    message.sign("\xFB\xEF\xBE\xFF\xFF\xFF 24 bytes at least is it");
    REQUIRE(findings(message, url_safe) == Findings{Finding::verified});
    for (char& c : url_safe) c = c == '+' ? '-' : c == '/' ? '_' : c;
    CHECK(findings(message, url_safe) == Findings{Finding::secret_url_safe});
    CHECK(contains(explanation(message, url_safe), "the key is the right one"));
    CHECK(findings(message, "\"v1," + url_safe + "\"") ==
          Findings{Finding::secret_quoted, Finding::secret_with_version, Finding::secret_url_safe});

    for (const std::string& quoted : {"\"" + secret + "\"", "'" + secret + "'", secret + "\"", "\"'" + secret + "'\"",
                                      "`" + secret + "`", "\xE2\x80\x9C" + secret + "\xE2\x80\x9D"}) {
        INFO(quoted);
        CHECK(findings(Message(), quoted) == Findings{Finding::secret_quoted});
        CHECK(contains(explanation(Message(), quoted), "the key is the right one"));
    }
    CHECK(findings(Message(), "v1," + secret) == Findings{Finding::secret_with_version});
    CHECK(findings(Message(), "PIVOTAL_WEBHOOK_SECRET=" + secret) == Findings{Finding::secret_malformed});
    CHECK(contains(explanation(Message(), "PIVOTAL_WEBHOOK_SECRET=" + secret), "the key is the right one"));

    // Wrong in itself, and not this delivery's besides.
    Message forged;
    forged.sign("a key of nobody");
    CHECK(findings(forged, "\"" + secret + "\"") == Findings{Finding::secret_quoted, Finding::unexplained});
    // Wrong in itself, and another fault besides.
    CHECK(findings(changed(event, event + "\n"), "'" + secret + "'") ==
          Findings{Finding::secret_quoted, Finding::body_end_changed});
}

TEST_CASE("a secret that is none", "[diagnose]") {
    for (const std::string& bad :
         {std::string(), std::string(" \n"), std::string("whsec_"), std::string("whsec_AAAA"),
          std::string("whsec_????"), std::string("\""), std::string("whsk_") + support::base64(std::string(64, 'x')),
          std::string("pivotal_test_0123456789abcdef0123456789abcdef"), std::string("whpk_AAAA"),
          std::string("whsec_") + std::string(400, 'A'), std::string("v1,"), std::string("\"\"")}) {
        INFO(bad);
        const auto found = pivotal::diagnose(bad, Message().body, fields_of(Message()), support::now);
        REQUIRE_FALSE(found.empty());
        CHECK(std::any_of(found.begin(), found.end(),
                          [](const Diagnosis& d) { return d.finding == Finding::secret_malformed; }));
        CHECK(std::none_of(found.begin(), found.end(),
                           [](const Diagnosis& d) { return d.finding == Finding::verified; }));
        std::error_code error;
        CHECK_FALSE(pivotal::Webhook::create(bad, error));
    }
    const char* const unset = nullptr;
    CHECK(pivotal::diagnose(unset, Message().body, fields_of(Message()), support::now).front().finding ==
          Finding::secret_malformed);
    // Its `_` does not make it url-safe base64.
    CHECK(findings(Message(), "sk_live_0123456789abcdef0123456789abcdef0123") == Findings{Finding::secret_malformed});
    // Nor do those of two secrets without a space between them, nor of what is no base64 at all.
    CHECK(findings(Message(), support::secret + support::other_secret) == Findings{Finding::secret_malformed});
    CHECK(findings(Message(), "whsec_{\"some_secret\":1}") == Findings{Finding::secret_malformed});
    // Without any secret nothing can be ruled out; with one that is another it can.
    CHECK(findings(Message(), "whsec_AAAA") == Findings{Finding::secret_malformed});
    CHECK(findings(Message(), "whsec_AAAA " + support::other_secret) ==
          Findings{Finding::secret_malformed, Finding::unexplained});
    // One of two is bad: Webhook refuses both.
    CHECK(findings(Message(), support::secret + " whsec_AAAA") == Findings{Finding::secret_malformed});
    CHECK(contains(explanation(Message(), support::secret + " whsec_AAAA"), "secret 2 of 2"));
}

TEST_CASE("signed with another of the secrets given", "[diagnose]") {
    Message message;
    message.sign(support::other_key);
    const std::string both = support::secret + "\n" + support::other_secret + "\n";
    CHECK(findings(message, both) == Findings{Finding::secret_is_another});
    CHECK(contains(explanation(message, both), "secret 2 of 2"));
    CHECK(contains(explanation(message, both), "rotation"));
    message.body.replace(message.body.find("true"), 4, "false");
    message.sign(support::other_key);
    CHECK(contains(explanation(message, both), "test endpoint"));

    message.body += "\n";
    CHECK(findings(message, both) == Findings{Finding::body_end_changed, Finding::secret_is_another});

    const support::Ed25519Signer signer(std::string(32, 's'));
    Message asymmetric;
    asymmetric.signature = asymmetric.v1a(signer);
    CHECK(findings(asymmetric, support::secret + " " + signer.secret()) == Findings{Finding::secret_is_another});
    asymmetric.body += "\n";
    CHECK(findings(asymmetric, signer.secret()) == Findings{Finding::body_end_changed});
}

// ---- The headers ----

TEST_CASE("a header that is missing", "[diagnose]") {
    const Fields whole = fields_of(Message());
    for (std::size_t i = 0; i < 3; ++i) {
        Fields fields = whole;
        fields.erase(fields.begin() + static_cast<std::ptrdiff_t>(i));
        CHECK(findings(support::secret, Message().body, fields) == Findings{Finding::header_missing});
        const auto found = pivotal::diagnose(support::secret, Message().body, fields, support::now);
        CHECK(contains(found.front().explanation, whole[i].first + ") is absent"));
        fields = whole;
        fields[i].second = " \t";
        CHECK(findings(support::secret, Message().body, fields) == Findings{Finding::header_missing});
    }
    CHECK(findings(support::secret, Message().body, Fields()) == Findings{Finding::header_missing});
    CHECK(findings(support::secret, Message().body, Fields{{"svix-id", "msg_1"}}) == Findings{Finding::header_missing});
    CHECK(findings("", "", Fields()) == Findings{Finding::secret_malformed, Finding::header_missing});
}

TEST_CASE("a header that is not of its form", "[diagnose]") {
    const auto changed_field = [](std::string Message::*field, const std::string& value) {
        Message message;
        message.*field = value;
        return message;
    };
    for (const char* const value : {"v1", "none", "v2,AAAA", "v1,short"}) {
        INFO(value);
        CHECK(findings(changed_field(&Message::signature, value)) == Findings{Finding::header_malformed});
    }
    CHECK(findings(changed_field(&Message::timestamp, "2026-05-26T18:42:00Z")) ==
          Findings{Finding::header_malformed, Finding::unexplained});
    CHECK(findings(changed_field(&Message::signature, std::string(9000, 'x'))) == Findings{Finding::header_malformed});
    // Signed, and refused all the same.
    for (const auto& [field, value] : std::vector<std::pair<std::string Message::*, std::string>>{
             {&Message::id, "msg.with.dots"},
             {&Message::id, std::string(257, 'x')},
             {&Message::id, "msg_\xC3\xA9"},
             {&Message::timestamp, "0" + std::to_string(support::now_seconds)}}) {
        Message message;
        message.*field = value;
        message.sign();
        INFO(value);
        CHECK(findings(message) == Findings{Finding::header_malformed});
        CHECK(contains(explanation(message), "The signature fits"));
    }
    const support::Ed25519Signer signer(std::string(32, 's'));
    Message last;
    last.signature.clear();
    for (int i = 0; i < 30; ++i) last.signature += "v1a," + support::base64(std::string(64, 'x')) + " ";
    last.signature += last.v1a(signer);
    CHECK(findings(last, signer.secret()) == Findings{Finding::header_malformed});
}

TEST_CASE("headers of two families", "[diagnose]") {
    const Message message;
    const Fields svix = fields_of(message), webhook = fields_of(message, "webhook-");
    const Findings mixed{Finding::headers_mixed};
    for (unsigned from_webhook = 1; from_webhook < 7; ++from_webhook) {
        Fields fields;
        for (std::size_t i = 0; i < 3; ++i) fields.push_back((from_webhook >> i & 1U) ? webhook[i] : svix[i]);
        INFO(from_webhook);
        CHECK(findings(support::secret, message.body, fields) == mixed);
    }
    // A whole family is right, and another's value stands in its way.
    Fields fields = webhook;
    fields.emplace_back("svix-id", "msg_of_a_proxy");
    CHECK(findings(support::secret, message.body, fields) == mixed);
    fields.emplace_back("svix-timestamp", "1");
    fields.emplace_back("svix-signature", "v1,none");
    CHECK(findings(support::secret, message.body, fields) == mixed);
    const auto found = pivotal::diagnose(support::secret, message.body, fields, support::now);
    CHECK(contains(found.front().explanation,
                   "the value of webhook-id is taken and the value of webhook-timestamp is taken and the value of "
                   "webhook-signature is taken"));
}

TEST_CASE("headers joined or repeated", "[diagnose]") {
    const Findings joined{Finding::headers_joined};
    for (const char* const separator : {", ", ","}) {
        Message message;
        const std::string id = message.id, timestamp = message.timestamp;
        message.id = id + separator + id;
        CHECK(findings(message) == joined);
        message.id = "msg_other" + std::string(separator) + id;
        CHECK(findings(message) == joined);
        message.timestamp = timestamp + separator + timestamp;
        CHECK(findings(message) == joined);
    }
    const Message message;
    for (std::size_t i = 0; i < 3; ++i) {
        Fields fields = fields_of(message);
        fields.push_back(fields[i]);
        INFO(fields[i].first);
        CHECK(findings(support::secret, message.body, fields) == joined);  // the same value twice
        fields[i].second = i == 1 ? "1779820000" : "other";
        CHECK(findings(support::secret, message.body, fields) == joined);  // the second is the right one
    }
}

TEST_CASE("headers that were trimmed", "[diagnose]") {
    const Findings trimmed{Finding::header_trimmed};
    const std::string whole = Message().signature;
    for (const std::string& signature :
         {whole.substr(0, whole.size() - 1), whole.substr(3), "\"" + whole + "\"", "v1, " + whole.substr(3),
          whole.substr(0, 40), whole.substr(0, 3 + 16), "v1=" + whole.substr(3, 0) + " " + whole.substr(3)}) {
        INFO(signature);
        Message message;
        message.signature = signature;
        CHECK(findings(message) == trimmed);
    }
    Message message;
    message.id = message.id.substr(4);
    CHECK(findings(message) == trimmed);
    // Too little is left to prove anything.
    message = Message();
    message.signature = whole.substr(0, 3 + 15);
    CHECK(findings(message) == Findings{Finding::header_malformed});
    // Of a forgery, nothing is proved.
    message.signature = message.v1("a key of nobody").substr(0, 40);
    CHECK(findings(message) == Findings{Finding::unexplained});
    message.signature = "v1," + whole.substr(4, 30);
    CHECK(findings(message) == Findings{Finding::unexplained});
}

TEST_CASE("the event's id instead of the delivery's", "[diagnose]") {
    // The sender signs the event's.
    Message message;
    const std::string id = message.id;
    message.id = "evt_5tGz0q";
    message.sign();
    message.id = id;
    CHECK(findings(message) == Findings{Finding::event_id_for_header});
    // The receiver passes the event's on: what was signed is unknown then.
    message = Message();
    message.id = "evt_5tGz0q";
    CHECK(findings(message) == Findings{Finding::event_id_for_header});
    // Where the signature is over it, there is nothing to find.
    message.sign();
    CHECK(findings(message) == Findings{Finding::verified});
}

// ---- The time ----

TEST_CASE("a timestamp in milliseconds", "[diagnose]") {
    const Findings milliseconds{Finding::timestamp_in_milliseconds};
    const std::string seconds = std::to_string(support::now_seconds);
    for (const char* const more : {"123", "123456", "123456789"}) {
        Message signed_so;
        signed_so.timestamp = seconds + more;
        signed_so.sign();
        CHECK(findings(signed_so) == milliseconds);
        Message header_only;
        header_only.timestamp = seconds + more;
        CHECK(findings(header_only) == milliseconds);
    }
    Message content_only;
    content_only.timestamp = seconds + "000";
    content_only.sign();
    content_only.timestamp = seconds;
    CHECK(findings(content_only) == milliseconds);

    Message forged;
    forged.timestamp = seconds + "123";
    forged.signature = forged.v1("a key of nobody");
    CHECK(findings(forged) == Findings{Finding::timestamp_in_milliseconds, Finding::unexplained});
}

TEST_CASE("a clock that is wrong, and by how much", "[diagnose]") {
    using std::chrono::seconds;
    const Findings wrong{Finding::clock_wrong};
    for (const int distance : {-300, -1, 0, 1, 300})
        CHECK(findings(Message(), support::secret, support::now + seconds{distance}) == Findings{Finding::verified});
    for (const int distance : {-100'000, -3600, -301, 301, 3600, 100'000})
        CHECK(findings(Message(), support::secret, support::now + seconds{distance}) == wrong);

    const auto at = [](int distance) {
        return explanation(Message(), support::secret, support::now + seconds{distance});
    };
    CHECK(contains(at(402), "402 s (6 min 42 s) ago"));
    CHECK(contains(at(402), "300 s are allowed"));
    CHECK(contains(at(402), "old delivery"));
    CHECK(contains(at(-402), "402 s (6 min 42 s) in the future"));
    CHECK(contains(at(-402), "This clock is slow"));
    CHECK(contains(at(7260), "2 hours: is a local time taken for UTC?"));
    CHECK(contains(at(-3601), "1 hour: is a local time taken for UTC?"));
    CHECK_FALSE(contains(at(5400), "UTC"));
    CHECK_FALSE(contains(at(100'000), "UTC"));
    CHECK(contains(at(100'000), "(1 d 3 h)"));

    // Together with another fault, each is reported.
    CHECK(findings(changed(event, event + "\n"), support::secret, support::now + seconds{402}) ==
          Findings{Finding::body_end_changed, Finding::clock_wrong});
    Message milliseconds;
    milliseconds.timestamp += "123";
    CHECK(findings(milliseconds, support::secret, support::now + seconds{402}) ==
          Findings{Finding::timestamp_in_milliseconds, Finding::clock_wrong});
    CHECK(findings(Message(), support::secret, pivotal::Clock::time_point()) == wrong);
}

// ---- Two at once, and the bounds ----

TEST_CASE("two changes together", "[diagnose]") {
    CHECK(findings(changed("{\n  \"a\": 1\n}\n", R"({"a":1})")) ==
          Findings{Finding::body_reserialized, Finding::body_end_changed});
    CHECK(findings(changed("{\r\n  \"a\": 1\r\n}\r\n", R"({"a":1})")) ==
          Findings{Finding::body_reserialized, Finding::body_end_changed});
    CHECK(findings(changed("\xEF\xBB\xBF{\"a\":1}\r\n", R"({"a":1})")) ==
          Findings{Finding::body_end_changed, Finding::body_start_changed});

    Message message = changed("{\"a\":1}\n", R"({"a":1})");
    message.id += ", " + message.id;
    const auto found = pivotal::diagnose(support::secret, message.body, fields_of(message), support::now);
    REQUIRE(found.size() == 2);
    CHECK(found[0].finding == Finding::body_end_changed);
    CHECK(found[1].finding == Finding::headers_joined);
    CHECK(contains(found[0].explanation, "together with the other change"));

    message = changed(R"({"a":1})", R"({"a": 1})");
    message.signature = "v1," + support::base64(support::hmac_sha256(
                                    support::secret, message.id + "." + message.timestamp + R"(.{"a":1})"));
    CHECK(findings(message) == Findings{Finding::body_reserialized, Finding::secret_used_as_text});
}

TEST_CASE("the work is bounded", "[diagnose][long]") {
    const std::size_t limit = std::size_t{1} << 20;
    const std::string large = "{\"a\":\"" + std::string(limit, 'x') + "\"}";
    CHECK(findings(changed(large, large)) == Findings{Finding::verified});
    CHECK(findings(changed(large + "\n", large)) == Findings{Finding::unexplained});
    CHECK(contains(explanation(changed(large + "\n", large)), "1048576 bytes"));
    // Exactly as large as is allowed.
    const std::string largest = large.substr(0, limit - 3) + "\"}";
    CHECK(findings(changed(largest + "\n", largest)) == Findings{Finding::body_end_changed});
    // The limit of work ends the search, and it is said.
    std::string list = "[0";
    while (list.size() < limit / 2) list += ",1";
    Message forged = changed("", list + "]");
    forged.signature = forged.v1("a key of nobody");
    CHECK(contains(explanation(forged), "limit of work"));

    // Many secrets, many signatures, many repeated headers.
    std::string secrets;
    for (int i = 0; i < 200; ++i) secrets += support::secret + " ";
    forged.body = event;
    for (int i = 0; i < 150; ++i) forged.signature += " " + forged.v1("a key of nobody");
    Fields fields;
    for (int i = 0; i < 100; ++i)
        for (const auto& field : fields_of(forged)) fields.push_back(field);
    CHECK(findings(secrets, forged.body, fields) == Findings{Finding::header_malformed, Finding::unexplained});

    // Deep, wide and broken JSON.
    for (const std::string& body : {std::string(100'000, '['), std::string(600, '[') + std::string(600, ']'),
                                    "[" + std::string(100'000, ' ') + "]", std::string("{\"a\":1,\"a\":2}"),
                                    std::string("\"\\ud83d\""), std::string("1"), std::string("\"text\"")}) {
        forged.body = body;
        CHECK(findings(secrets, forged.body, fields).back() == Finding::unexplained);
    }
}

// ---- What it must not say ----

TEST_CASE("a number that nobody can represent is no reason to throw", "[diagnose]") {
    const std::string body = R"({"id":"evt_1","type":"t","data":1e999})";
    CHECK(findings(changed(body, body)) == Findings{Finding::verified});
    CHECK(contains(explanation(changed(body, body)), "the body is no event"));
    Message forged = changed(body, body);
    forged.signature = forged.v1("a key of nobody");
    CHECK(findings(forged) == Findings{Finding::unexplained});
}

TEST_CASE("a secret with any number of mistakes is told of in a few findings", "[diagnose]") {
    std::string versions, both;
    for (int i = 0; i < 20'000; ++i) versions += "v1,", both += "v1,'";
    for (const std::string& mistakes : {versions, both}) {
        const auto found = findings(Message(), mistakes + support::secret);
        CHECK(found.size() == 5);
        CHECK(found.front() == Finding::secret_with_version);
        CHECK(found.back() == Finding::secret_malformed);
    }
}

TEST_CASE("a lone surrogate is JSON, as Event takes it", "[diagnose]") {
    const std::string cut = R"({"id":"evt_1","type":"t","a":"\ud83d"})";
    Message forged = changed(cut, cut);
    forged.signature = forged.v1("a key of nobody");
    CHECK_FALSE(contains(explanation(forged), "no JSON object"));
    CHECK(contains(explanation(forged), "a JSON library"));
    CHECK(findings(changed(cut, R"({"id": "evt_1", "type": "t", "a": "\ud83d"})")) ==
          Findings{Finding::body_reserialized});
}

TEST_CASE("that a Webhook accepts is said only where it does", "[diagnose]") {
    const std::string both = support::secret + " " + support::other_secret;
    const auto says_so = [](const Message& message, const std::string& secrets,
                            pivotal::Clock::time_point now = support::now) {
        std::string text;
        for (const Diagnosis& one : pivotal::diagnose(secrets, message.body, fields_of(message), now))
            text += one.explanation;
        CHECK(contains(text, "secret 2 of"));
        return contains(text, "accepts");
    };
    Message message;
    message.sign(support::other_key);
    CHECK(says_so(message, both));
    CHECK_FALSE(says_so(message, both + " whsec_AAAA"));
    CHECK_FALSE(says_so(message, both, support::now + std::chrono::hours{1}));
    message.body += "\n";
    CHECK_FALSE(says_so(message, both));
}

TEST_CASE("a prefix in capitals is one mistake", "[diagnose]") {
    for (const std::string& secret : {"WHSEC_" + support::secret.substr(6), "Whsec_" + support::secret.substr(6)}) {
        CHECK(findings(Message(), secret) == Findings{Finding::secret_malformed});
        CHECK(contains(explanation(Message(), secret), "lower case"));
        CHECK(contains(explanation(Message(), secret), "the key is the right one"));
    }
    // What is no secret for another reason is not called url-safe base64 besides.
    CHECK(findings(Message(), "whsec_AA-A") == Findings{Finding::secret_malformed});
}

TEST_CASE("that the search stopped at sixteen secrets is said", "[diagnose]") {
    std::string secrets;
    for (int i = 0; i < 16; ++i) secrets += support::other_secret + " ";
    CHECK(findings(Message(), secrets) == Findings{Finding::unexplained});
    CHECK_FALSE(contains(explanation(Message(), secrets), "the first 16"));
    CHECK(contains(explanation(Message(), secrets + support::other_secret), "the first 16 of the 17 secrets"));
    // What Webhook tells is told.
    CHECK(findings(Message(), secrets + support::secret) == Findings{Finding::secret_is_another});
    CHECK(contains(explanation(Message(), secrets + support::secret), "secret 17 of 17"));
    CHECK(contains(explanation(Message(), support::other_secret + " " + support::secret + " " + secrets),
                   "secret 2 of 18"));
}

TEST_CASE("no byte of a secret is left behind, not even one that was cut off", "[diagnose]") {
    pivotal::detail::SecretText secret(support::secret);
    secret.text.erase(0, 10);
    secret.wipe();
    secret.text.resize(secret.text.capacity());
    CHECK(secret.text == std::string(secret.text.size(), '\0'));
}

// ---- How it is called ----

TEST_CASE("every kind of HeaderSource is diagnosed alike", "[diagnose]") {
    const Message message = changed(event, event + "\n");
    const Findings expected{Finding::body_end_changed};
    CHECK(findings(support::secret, message.body, support::headers_of(message)) == expected);
    CHECK(findings(support::secret, message.body,
                   std::multimap<std::string, std::string>{{"SVIX-ID", message.id},
                                                           {"Svix-Timestamp", " " + message.timestamp + "\t"},
                                                           {"svix-signature", message.signature},
                                                           {"host", "example.com"}}) == expected);
    std::set<std::string> asked;
    const auto callable = [&](const char* name) -> std::string {
        asked.insert(name);
        for (const auto& [key, value] : fields_of(message))
            if (key == name) return value;
        return {};
    };
    CHECK(findings(support::secret, message.body, callable) == expected);
    CHECK(asked == std::set<std::string>{"svix-id", "svix-timestamp", "svix-signature", "webhook-id",
                                         "webhook-timestamp", "webhook-signature", "content-encoding",
                                         "content-length"});

    const auto one = [&](const std::vector<Diagnosis>& found) {
        REQUIRE(found.size() == 1);
        CHECK(found.front().finding == Finding::body_end_changed);
    };
    const char* const secret = support::secret.c_str();
    const std::vector<unsigned char> bytes(message.body.begin(), message.body.end());
    one(pivotal::diagnose(secret, bytes, {message.id, message.timestamp, message.signature}, support::now));
    one(pivotal::diagnose(support::secret, bytes, {message.id, message.timestamp, message.signature}, support::now));
    one(pivotal::diagnose(
        secret, message.body,
        {{"svix-id", message.id}, {"svix-timestamp", message.timestamp}, {"svix-signature", message.signature}},
        support::now));
    one(pivotal::diagnose(support::secret, message.body,
                          {{"webhook-id", message.id},
                           {"webhook-timestamp", message.timestamp},
                           {"webhook-signature", message.signature}},
                          support::now));
    one(pivotal::diagnose(secret, message.body, fields_of(message), support::now));
    // Without a time it is compared with the clock, which has gone on since.
    CHECK(pivotal::diagnose(secret, message.body, fields_of(message)).size() == 2);
    CHECK_THROWS_WITH(
        pivotal::diagnose(secret, message.body,
                          [](const char*) -> const char* { throw std::runtime_error("the server's own"); }),
        "the server's own");
}

TEST_CASE("each finding has its own name", "[diagnose]") {
    std::set<std::string_view> names;
    for (int i = 0; i <= static_cast<int>(Finding::unexplained); ++i) names.insert(to_string(static_cast<Finding>(i)));
    CHECK(names.size() == static_cast<std::size_t>(Finding::unexplained) + 1);
    CHECK(names.count("unknown") == 0);
    CHECK(to_string(static_cast<Finding>(1000)) == "unknown");
    CHECK(to_string(Finding::body_reserialized) == "body_reserialized");
}

}  // namespace unit_diagnose
