// SPDX-License-Identifier: MIT

// What went wrong in other verifiers of webhooks and tokens, each as a test of its own. Most of it stands elsewhere
// among the tests too; here it keeps its name.

#include <pivotal/webhook.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "../support/message.hpp"
#include "catch.hpp"
#include "outcome.hpp"

namespace unit_known_failures_of_others {

using pivotal::Errc;
using pivotal::Webhook;
using support::Message;
using Names = std::vector<std::pair<std::string, std::string>>;

namespace {

const Webhook webhook{support::secret};

/// The code of a delivery, and accepted where there is none.
std::error_code code_of(const Message& message, support::Clock::time_point now = support::now) {
    return support::authenticity(webhook, message.body, support::headers_of(message), now);
}

std::error_code code_of_secret(std::string_view secret) {
    std::error_code error;
    const bool made = Webhook::create(secret, error).has_value();
    CHECK(made == !error);
    return error;
}

const std::error_code accepted;

}  // namespace

TEST_CASE("RUSTSEC-2024-0010: a signature cut short, or empty, is refused", "[known_failures]") {
    Message message;
    const std::string whole = message.v1_text();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        INFO(size);
        message.signature = "v1," + whole.substr(0, size);
        CHECK(code_of(message) == Errc::signature_mismatch);
    }
    // The same on the boundary of bytes, with padding that makes it base64.
    const std::string tag = support::hmac_sha256(support::key, message.content());
    for (std::size_t size = 0; size < tag.size(); ++size) {
        INFO(size);
        message.signature = "v1," + support::base64(tag.substr(0, size));
        CHECK(code_of(message) == Errc::signature_mismatch);
    }
    message.signature = "v1," + whole;
    CHECK(code_of(message) == accepted);
}

TEST_CASE("a secret that decodes to nothing is no secret", "[known_failures]") {
    for (const char* secret : {"", " ", "whsec_", "whsec_ ", "whsec_=", "whsec_==", "whsec_====", "whpk_", "=",
                               "==", "whsec_!!!!", "whsec_\n"}) {
        INFO(secret);
        CHECK(code_of_secret(secret) == Errc::invalid_secret);
    }
    std::error_code error;
    CHECK_FALSE(Webhook::from_bytes(std::string(), error).has_value());
    CHECK(error == Errc::invalid_secret);
}

TEST_CASE("a key of one byte, or of 23, is too short", "[known_failures]") {
    for (std::size_t size = 1; size < 24; ++size) {
        INFO(size);
        CHECK(code_of_secret("whsec_" + support::base64(std::string(size, 'k'))) == Errc::invalid_secret);
    }
    CHECK(code_of_secret("whsec_" + support::base64(std::string(24, 'k'))) == accepted);
}

TEST_CASE("white space and junk inside a secret are not dropped silently", "[known_failures]") {
    // The first is of the fewest bytes; of the second there are enough also where it is cut at the junk.
    for (const std::string& whole : {support::secret, support::other_secret}) {
        REQUIRE(code_of_secret(whole) == accepted);
        for (std::size_t at = 6; at <= whole.size(); ++at)
            for (const char* junk :
                 {"-", "_", ".", "!", "\x01", "\x7f", "\xc3\xa9", "\xe2\x80\x8b", "*", "=", ",", ":", "\\n", "===="}) {
                INFO(at << " " << junk);
                CHECK(code_of_secret(whole.substr(0, at) + junk + whole.substr(at)) == Errc::invalid_secret);
            }
    }
    // White space separates secrets: it makes two halves, neither of which is one.
    const std::string whole = support::secret;
    for (std::size_t at = 6; at < whole.size(); ++at)
        for (const char* space : {" ", "\n", "\r\n", "\t", "\v", "\f", "  "}) {
            INFO(at);
            CHECK(code_of_secret(whole.substr(0, at) + space + whole.substr(at)) == Errc::invalid_secret);
        }
}

TEST_CASE("a token without a comma is skipped, and raises nothing foreign", "[known_failures]") {
    Message message;
    const std::string good = message.signature;
    for (const std::string& token :
         std::vector<std::string>{"v1", "garbage", ",", ",,", "v1,", ",v1", "v1a", "v1a,", "=", "v1:" + good.substr(3),
                                  "v1" + good.substr(3), "v1;" + good.substr(3)}) {
        INFO(token);
        message.signature = token;
        CHECK(code_of(message) == Errc::signature_mismatch);
        message.signature = token + " " + good;
        CHECK(code_of(message) == accepted);
        message.signature = token;
        try {
            webhook.authenticate(message.body, {message.id, message.timestamp, message.signature}, support::now);
            FAIL("accepted");
        } catch (const pivotal::WebhookVerificationError& refused) {
            CHECK(refused.code() == Errc::signature_mismatch);
        }
    }
}

TEST_CASE("a signature of another length is refused, and raises nothing", "[known_failures]") {
    Message message;
    for (std::size_t size = 0; size <= 200; ++size) {
        INFO(size);
        message.signature = "v1," + support::base64(std::string(size, 'x'));
        CHECK(code_of(message) == Errc::signature_mismatch);
        message.signature = "v1," + std::string(size, 'A');
        CHECK(code_of(message) == Errc::signature_mismatch);
    }
}

TEST_CASE("a good signature is found wherever it stands in the list", "[known_failures]") {
    Message message;
    const std::string good = message.signature, bad = "v1," + support::base64(std::string(32, 'x'));
    for (std::size_t count = 1; count <= 20; ++count) {
        for (std::size_t at = 0; at < count; ++at) {
            INFO(at << " of " << count);
            message.signature.clear();
            for (std::size_t i = 0; i < count; ++i) message.signature += (i == 0 ? "" : " ") + (i == at ? good : bad);
            CHECK(code_of(message) == accepted);
        }
    }
}

TEST_CASE("the tolerance is checked on both sides", "[known_failures]") {
    const Message message;
    const auto at = [&](int seconds) { return code_of(message, support::now + std::chrono::seconds(seconds)); };
    CHECK(at(300) == accepted);
    CHECK(at(-300) == accepted);
    CHECK(at(301) == Errc::timestamp_too_old);
    CHECK(at(-301) == Errc::timestamp_too_new);
    CHECK(at(100'000'000) == Errc::timestamp_too_old);
    CHECK(at(-100'000'000) == Errc::timestamp_too_new);
}

TEST_CASE("the smallest and the largest timestamps of 64 bits do not overflow", "[known_failures]") {
    Message message;
    for (const char* timestamp :
         {"9223372036854775807", "-9223372036854775808", "9223372036854775808", "18446744073709551615",
          "18446744073709551616", "99999999999999999999999999", "-1", "0", "1000000000000"}) {
        INFO(timestamp);
        message.timestamp = timestamp;
        message.sign();
        CHECK(code_of(message) == Errc::malformed_header);
    }
    message.timestamp = "999999999999";
    message.sign();
    for (const auto now : {support::Clock::time_point::min(), support::now})
        CHECK(code_of(message, now) == Errc::timestamp_too_new);
    // The latest nanosecond of libstdc++'s clock is in the year 2262, the latest microsecond of libc++'s far behind 33658.
    constexpr auto latest = support::Clock::time_point::max();
    CHECK(code_of(message, latest) == (latest.time_since_epoch() / std::chrono::seconds(1) < 999999999999
                                           ? Errc::timestamp_too_new
                                           : Errc::timestamp_too_old));
    message.timestamp = "1";
    message.sign();
    CHECK(code_of(message, support::Clock::time_point::min()) == Errc::timestamp_too_new);
    CHECK(code_of(message, support::Clock::time_point::max()) == Errc::timestamp_too_old);
    // A tolerance without end accepts any age, and overflows nothing.
    std::error_code error;
    const Webhook patient(support::secret, {std::chrono::seconds::max()});
    for (const auto now : {support::Clock::time_point::min(), support::Clock::time_point::max()})
        CHECK(patient.authenticate(message.body, {message.id, message.timestamp, message.signature}, error, now));
}

TEST_CASE("a timestamp is digits alone: no NaN, suffix, sign, leading zero or other script", "[known_failures]") {
    // What a patient parser reads in each is the time of the test, and none is too long.
    struct Form {
        std::string text;
        std::int64_t read_as;
    };
    const std::int64_t now = support::now_seconds;
    const std::string good = std::to_string(now);
    const std::vector<Form> forms = {
        {"NaN", now},
        {"nan", now},
        {"Infinity", now},
        {"inf", now},
        {"123abc", 123},
        {good + "s", now},
        {good + ",", now},
        {good + ";", now},
        {good + "\n", now},
        {good + "\v", now},
        {"\n" + good, now},
        {good + std::string(1, '\0'), now},
        {"+1", 1},
        {"+" + good, now},
        {"-" + good, now},
        {"-1", 1},
        {"-0", 0},
        {"0", 0},
        {"01", 1},
        {"0" + good, now},
        {"00" + good, now},
        {good + ".0", now},
        {good + ".", now},
        {good + "e0", now},
        {"1e3", 1000},
        {"0x7b", 123},
        {"123 456", 123},
        {"123 456", 123'456},
        {good.substr(0, 4) + "_" + good.substr(4), now},
        {good.substr(0, 4) + "'" + good.substr(4), now},
        {"\xef\xbc\x91\xef\xbc\x97\xef\xbc\x97\xef\xbc\x99", 1779},     // full-width digits
        {"\xd9\xa1\xd9\xa7\xd9\xa7\xd9\xa9\xd9\xa8\xd9\xa2", 177'982},  // Arabic-Indic ones
        {"\xe0\xa5\xa7\xe0\xa5\xad\xe0\xa5\xad\xe0\xa5\xaf", 1779},     // those of Devanagari
        {"\xc2\xb9\xc2\xb2\xc2\xb3", 123},                              // superscripts
        {"12\xef\xbc\x93", 123},
    };
    for (const Form& form : forms) {
        INFO(form.text);
        REQUIRE(form.text.size() <= 12);
        const support::Clock::time_point then{std::chrono::seconds(form.read_as)};
        Message message;
        message.timestamp = form.text;
        message.sign();
        CHECK(code_of(message, then) == Errc::malformed_header);
        // Nor where the number that is read is what was signed.
        Message plain;
        plain.timestamp = std::to_string(form.read_as);
        plain.sign();
        message.signature += " " + plain.signature;
        CHECK(code_of(message, then) == Errc::malformed_header);
        if (form.read_as > 0) CHECK(code_of(plain, then) == accepted);
    }
}

TEST_CASE("the names of headers are found in any case", "[known_failures]") {
    const Message message;
    for (const std::string prefix : {"svix-", "Svix-", "SVIX-", "sViX-", "webhook-", "Webhook-", "WEBHOOK-"}) {
        for (const char* id : {"id", "Id", "ID", "iD"}) {
            INFO(prefix << id);
            const Names headers = {{prefix + id, message.id},
                                   {prefix + "TimeStamp", message.timestamp},
                                   {prefix + "SIGNATURE", message.signature}};
            std::error_code error;
            CHECK(webhook.authenticate(message.body, headers, error, support::now));
        }
    }
}

TEST_CASE("bodies that read the same through U+FFFD do not share a signature", "[known_failures]") {
    // Decoded as UTF-8, each of these becomes U+FFFD; as bytes they differ.
    const std::vector<std::string> bodies = {"\xff", "\xfe", "\x80", "\xc3", "\xef\xbf\xbd"};
    for (const std::string& signed_body : bodies) {
        Message message;
        message.body = signed_body;
        message.sign();
        for (const std::string& body : bodies) {
            message.body = body;
            CHECK(code_of(message) == (body == signed_body ? accepted : make_error_code(Errc::signature_mismatch)));
        }
    }
}

TEST_CASE("an unsigned svix-id beside a valid webhook- triple is never used", "[known_failures]") {
    // A receiver that verifies one family and remembers the id of the other can be made to handle a replay.
    const Message message;
    const Names triple = {
        {"webhook-id", message.id}, {"webhook-timestamp", message.timestamp}, {"webhook-signature", message.signature}};
    std::error_code error;
    const auto event = webhook.verify(message.body, triple, error, support::now);
    REQUIRE(event);
    CHECK(event->delivery.message_id == message.id);

    Names with_fresh_id = triple;
    with_fresh_id.emplace_back("svix-id", "msg_fresh");
    CHECK_FALSE(webhook.verify(message.body, with_fresh_id, error, support::now));
    CHECK(error == Errc::missing_header);

    // And the other way round: what is remembered is the signed id.
    Names both = triple;
    both[0].second = "msg_fresh";
    both.insert(
        both.end(),
        {{"svix-id", message.id}, {"svix-timestamp", message.timestamp}, {"svix-signature", message.signature}});
    const auto other = webhook.verify(message.body, both, error, support::now);
    REQUIRE(other);
    CHECK(other->delivery.message_id == message.id);
}

TEST_CASE("the boundary of the id cannot be moved by a dot", "[known_failures]") {
    // id.timestamp.body: cut elsewhere, the same bytes would be another message.
    Message message;
    message.id = "msg_1";
    message.body = message.timestamp + ".{}";
    message.sign();
    REQUIRE(code_of(message) == accepted);
    Message moved = message;
    moved.id = message.id + "." + message.timestamp;
    moved.body = "{}";
    REQUIRE(moved.content() == message.content());
    CHECK(code_of(moved) == Errc::malformed_header);
}

TEST_CASE("base64 is not indexed by a signed char", "[known_failures]") {
    // The decoder itself: what it reads outside of its table need not change what comes of a delivery.
    const std::string letters(8, 'A');
    unsigned char bytes[6];
    REQUIRE(pivotal::detail::base64_decode(letters, bytes, sizeof bytes) == sizeof bytes);
    for (int byte = 128; byte < 256; ++byte)
        for (std::size_t at = 0; at < letters.size(); ++at)
            for (std::size_t size = letters.size(); size > at && size > 5; --size) {
                INFO(byte << " at " << at << " of " << size);
                std::string text = letters.substr(0, size);
                text[at] = static_cast<char>(byte);
                CHECK(pivotal::detail::base64_decode(text, bytes, sizeof bytes) == pivotal::detail::base64_invalid);
            }

    Message message;
    const std::string good = message.v1_text();
    for (int byte = 128; byte < 256; ++byte) {
        INFO(byte);
        std::string text = good;
        text[7] = static_cast<char>(byte);
        message.signature = "v1," + text;
        CHECK(code_of(message) == Errc::signature_mismatch);
        std::string secret = support::secret;
        secret[9] = static_cast<char>(byte);
        CHECK(code_of_secret(secret) == Errc::invalid_secret);
    }
}

TEST_CASE("a public key is never used as an HMAC secret", "[known_failures]") {
    // Who knows the public key could otherwise sign with it, as with tokens whose header names the algorithm.
    const support::Ed25519Signer signer(std::string(32, 's'));
    const Webhook with_public_key(signer.secret());
    Message message;
    std::error_code error;
    for (const std::string& key : {signer.public_key(), signer.secret(), support::base64(signer.public_key())}) {
        for (const char* version : {"v1,", "v1a,"}) {
            message.signature = version + message.v1_text(key);
            CHECK_FALSE(with_public_key.authenticate(message.body, {message.id, message.timestamp, message.signature},
                                                     error, support::now));
            CHECK(error == Errc::signature_mismatch);
        }
    }
    message.signature = message.v1a(signer);
    CHECK(with_public_key.authenticate(message.body, {message.id, message.timestamp, message.signature}, error,
                                       support::now));
    // Nor can it sign.
    CHECK(with_public_key.sign(message.id, support::now, message.body, error).empty());
    CHECK(error == Errc::invalid_secret);
}

}  // namespace unit_known_failures_of_others
