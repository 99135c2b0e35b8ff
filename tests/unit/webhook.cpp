// SPDX-License-Identifier: MIT
#include <pivotal/webhook.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <regex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <openssl/err.h>

#include "../support/message.hpp"
#include "catch.hpp"
#include "outcome.hpp"

namespace unit_webhook {

using namespace std::chrono_literals;
using pivotal::Errc;
using pivotal::Webhook;
using support::Ed25519Signer;
using support::Message;
using support::outcome;
using support::sentence_of;

namespace {

const std::error_code good;

const Webhook& webhook() {
    static const Webhook made(support::secret);
    return made;
}

Webhook with_tolerance(std::chrono::seconds tolerance) {
    return Webhook(support::secret, {tolerance});
}

// RFC 8032 §7.1, the secret keys of TEST 1, 2 and 3.
const Ed25519Signer& signer() {
    static const Ed25519Signer made(support::unhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
    return made;
}
const Ed25519Signer& other_signer() {
    static const Ed25519Signer made(support::unhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"));
    return made;
}
const Ed25519Signer& third_signer() {
    static const Ed25519Signer made(support::unhex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"));
    return made;
}

Message signed_by_ed25519() {
    Message message;
    message.signature = message.v1a(signer());
    return message;
}

std::string with_flipped_bit(std::string text, std::size_t bit) {
    text[bit / 8] = static_cast<char>(static_cast<unsigned char>(text[bit / 8]) ^ 1U << bit % 8);
    return text;
}

}  // namespace

// ---- A good delivery ----

TEST_CASE("a good delivery is verified and parsed", "[webhook]") {
    const Message message;
    const pivotal::Event event =
        webhook().verify(message.body, {message.id, message.timestamp, message.signature}, support::now);
    CHECK(event.id == "evt_5tGz0q");
    CHECK(event.type == "customer.created");
    CHECK(event.created_at == "2026-05-26T18:42:00.000Z");
    CHECK(event.org_id == "org_9Yx");
    CHECK(event.api_version == "v1");
    CHECK(event.livemode == true);
    CHECK(event.object().at("name") == "Zoë & Söhne 🎉");
    CHECK(event.extra.is_null());
    CHECK(event.delivery.message_id == message.id);
    CHECK(event.delivery.timestamp == pivotal::Seconds(std::chrono::seconds(support::now_seconds)));
    CHECK(outcome(webhook(), message) == good);
}

TEST_CASE("the published vectors are authentic", "[webhook]") {
    struct Vector {
        const char *secret, *id, *body, *signature;
        std::int64_t timestamp;
    };
    const Vector vectors[] = {
        {"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
         R"({"email":"test@example.com","username":"test_user"})",
         "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=", 1649367553},
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", R"({"test": 2432232314})",
         "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", 1614265330},
    };
    for (const Vector& vector : vectors) {
        CAPTURE(vector.id);
        const pivotal::Clock::time_point at{std::chrono::seconds(vector.timestamp)};
        const std::string timestamp = std::to_string(vector.timestamp);
        const pivotal::Headers headers{vector.id, timestamp, vector.signature};
        const Webhook by_secret(vector.secret);
        CHECK(support::authenticity(by_secret, vector.body, headers, at) == good);
        CHECK(support::authenticity(Webhook(vector.secret + 6), vector.body, headers, at) == good);
        CHECK(by_secret.sign(vector.id, at, vector.body) == vector.signature);
        // Authentic, but they are no events of Pivotal.
        CHECK(outcome(by_secret, vector.body, headers, at) == Errc::malformed_event);
    }
}

TEST_CASE("now defaults to the clock", "[webhook]") {
    const auto now = pivotal::Clock::now();
    Message message;
    message.timestamp = std::to_string(std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count());
    message.sign();
    const pivotal::Headers headers = support::headers_of(message);
    std::error_code code = support::stale_error();
    CHECK(webhook().authenticate(message.body, headers, code));
    CHECK(!code);
    CHECK(webhook().verify(message.body, headers, code));
    CHECK(webhook().verify(message.body, headers).id == "evt_5tGz0q");
    CHECK_NOTHROW(webhook().authenticate(message.body, headers));

    const Message old;  // signed on a fixed day
    CHECK_FALSE(webhook().authenticate(old.body, support::headers_of(old), code));
    CHECK((code == Errc::timestamp_too_old || code == Errc::timestamp_too_new));
}

// ---- 1. Presence ----

TEST_CASE("each header must be there", "[webhook]") {
    Message message;
    SECTION("id") {
        message.id.clear();
        CHECK(sentence_of(webhook(), message) == "missing header: the id (svix-id) is absent or empty");
    }
    SECTION("timestamp") {
        message.timestamp.clear();
        CHECK(sentence_of(webhook(), message) == "missing header: the timestamp (svix-timestamp) is absent or empty");
    }
    SECTION("signature") {
        message.signature.clear();
        CHECK(sentence_of(webhook(), message) == "missing header: the signature (svix-signature) is absent or empty");
    }
    SECTION("all") {
        message.id = message.timestamp = message.signature = "";
        CHECK(sentence_of(webhook(), message) ==
              "missing header: none of svix-id, svix-timestamp, svix-signature is there (nor webhook-...); "
              "does the server pass the request's headers on?");
    }
    SECTION("white space alone is empty") {
        message.id = " \t ";
    }
    CHECK(outcome(webhook(), message) == Errc::missing_header);
}

TEST_CASE("presence is judged before form, time and signature", "[webhook]") {
    Message message;
    message.id = "not.valid";
    message.timestamp = "no number";
    message.signature = "";
    CHECK(outcome(webhook(), message) == Errc::missing_header);
}

// ---- 2. Form ----

TEST_CASE("the id is 1 to 256 visible ASCII characters without a dot", "[webhook]") {
    Message message;
    SECTION("the shortest") {
        message.id = "m";
        CHECK(outcome(webhook(), message.sign()) == good);
    }
    SECTION("the longest") {
        message.id = std::string(256, 'm');
        CHECK(outcome(webhook(), message.sign()) == good);
        message.id += 'm';
        CHECK(outcome(webhook(), message.sign()) == Errc::malformed_header);
        CHECK(sentence_of(webhook(), message) ==
              "malformed header: the id is not 1 to 256 visible ASCII characters without a dot");
        message.id.assign(100000, 'm');
        CHECK(outcome(webhook(), message.sign()) == Errc::malformed_header);
    }
    SECTION("every byte") {
        for (int byte = 0; byte < 256; ++byte) {
            CAPTURE(byte);
            message.id = "msg_" + std::string(1, static_cast<char>(byte)) + "x";
            const bool allowed = byte >= 0x21 && byte <= 0x7e && byte != '.';
            CHECK(outcome(webhook(), message.sign()) == (allowed ? good : make_error_code(Errc::malformed_header)));
        }
    }
}

TEST_CASE("a signed message cannot be split in another place", "[webhook]") {
    Message message;
    const std::string moved = message.id + "." + message.timestamp;  // as an id, with the rest behind it
    message.body = "1." + message.body;
    message.sign();
    Message forged = message;
    forged.id = moved;
    forged.timestamp = "1";
    forged.body = message.body.substr(2);
    REQUIRE(forged.content() == message.content());
    CHECK(outcome(with_tolerance(std::chrono::seconds::max()), forged) == Errc::malformed_header);
}

TEST_CASE("the timestamp is 1 to 12 digits without a leading zero", "[webhook]") {
    const Webhook any_time = with_tolerance(std::chrono::seconds::max());
    Message message;
    for (const char* timestamp : {"1", "9", "10", "1779820920", "99999999999", "100000000000", "999999999999"}) {
        CAPTURE(timestamp);
        message.timestamp = timestamp;
        CHECK(outcome(any_time, message.sign()) == good);
    }
    for (const char* timestamp : {"0",
                                  "01",
                                  "01779820920",
                                  "-1",
                                  "-1779820920",
                                  "+1779820920",
                                  "1779820920.",
                                  "1779820920.0",
                                  "1e9",
                                  "0x6a15e9f8",
                                  "1779820920s",
                                  "1 779",
                                  "1,779",
                                  "1000000000000",
                                  "9999999999999",
                                  "99999999999999999999999999",
                                  "18446744073709551617",
                                  "nan",
                                  "now",
                                  "\xEF\xBC\x91",
                                  "\xD9\xA1",
                                  "1779820920\n",
                                  "\r1779820920",
                                  "1779820920\v"}) {
        CAPTURE(timestamp);
        message.timestamp = timestamp;
        CHECK(outcome(any_time, message.sign()) == Errc::malformed_header);
    }
    CHECK(sentence_of(any_time, message) == "malformed header: the timestamp is not Unix seconds in 1 to 12 digits");
    for (int byte = 0; byte < 256; ++byte) {
        CAPTURE(byte);
        message.timestamp = "17" + std::string(1, static_cast<char>(byte)) + "7";
        CHECK(outcome(any_time, message.sign()) ==
              (byte >= '0' && byte <= '9' ? good : make_error_code(Errc::malformed_header)));
    }
}

TEST_CASE("the signature header is at most 8 KiB", "[webhook]") {
    Message message;
    const std::string signature = message.signature;
    message.signature = std::string(8192 - 1 - signature.size(), 'x') + " " + signature;
    REQUIRE(message.signature.size() == 8192);
    CHECK(outcome(webhook(), message) == good);

    SECTION("the white space around it does not count") {
        message.signature = "  " + message.signature + " \t";
        CHECK(outcome(webhook(), message) == good);
    }
    SECTION("one more") {
        message.signature = "x" + message.signature;
        CHECK(outcome(webhook(), message) == Errc::malformed_header);
        CHECK(sentence_of(webhook(), message) == "malformed header: the signature header is longer than 8 KiB");
    }
    SECTION("a great many more") {
        message.signature.append(1 << 20, ' ').append("x");
        CHECK(outcome(webhook(), message) == Errc::malformed_header);
    }
}

TEST_CASE("form is judged before time, and time before the signature", "[webhook]") {
    Message message;
    message.timestamp = "1";
    message.signature = "v1,nonsense";
    CHECK(outcome(webhook(), message) == Errc::timestamp_too_old);
    message.id = "a.b";
    CHECK(outcome(webhook(), message) == Errc::malformed_header);
    message.id = "a";
    message.timestamp = std::to_string(support::now_seconds);
    message.body = "no JSON";
    CHECK(outcome(webhook(), message) == Errc::signature_mismatch);
    CHECK(outcome(webhook(), message.sign()) == Errc::malformed_event);
}

TEST_CASE("spaces and tabs around a value are not part of it", "[webhook]") {
    const Message message;
    Message padded = message;
    padded.id = " \t" + message.id + "\t ";
    padded.timestamp = "\t" + message.timestamp + "  ";
    padded.signature = "   " + message.signature + "\t";
    CHECK(outcome(webhook(), padded) == good);
    const auto event = webhook().verify(padded.body, support::headers_of(padded), support::now);
    CHECK(event.delivery.message_id == message.id);

    for (const char* other : {"\n", "\r", "\v", "\f", "\xC2\xA0"}) {
        padded = message;
        padded.id += other;
        CHECK(outcome(webhook(), padded) == Errc::malformed_header);
    }
}

// ---- 3. Time ----

TEST_CASE("exactly the tolerance away is good, one second more is not", "[webhook]") {
    const Message message;
    const auto signed_at = support::now;
    CHECK(outcome(webhook(), message, signed_at + 300s) == good);
    CHECK(outcome(webhook(), message, signed_at + 300s + 999ms) == good);  // now is floored
    CHECK(outcome(webhook(), message, signed_at + 301s) == Errc::timestamp_too_old);
    CHECK(outcome(webhook(), message, signed_at - 300s) == good);
    CHECK(outcome(webhook(), message, signed_at - 300s - 1ms) == Errc::timestamp_too_new);
    CHECK(outcome(webhook(), message, signed_at - 301s) == Errc::timestamp_too_new);

    CHECK(sentence_of(webhook(), message, signed_at + 402s) ==
          "timestamp too old: signed 402 s ago, 300 s are allowed");
    CHECK(sentence_of(webhook(), message, signed_at - 301s) ==
          "timestamp too new: signed 301 s ahead of this clock, 300 s are allowed");
}

TEST_CASE("a clock before 1970 is floored too", "[webhook]") {
    Message message;
    message.timestamp = "1";
    message.sign();
    const auto second = pivotal::Clock::time_point(1s);
    const Webhook strict = with_tolerance(2s);
    CHECK(outcome(strict, message, second - 2s) == good);
    CHECK(outcome(strict, message, second - 2s - 1ms) == Errc::timestamp_too_new);  // -1.001 s is in second -2
}

TEST_CASE("the tolerance is an option", "[webhook]") {
    const Message message;
    const auto signed_at = support::now;
    CHECK(pivotal::WebhookOptions().tolerance == 300s);

    const Webhook hour = Webhook(support::secret, {1h});
    CHECK(outcome(hour, message, signed_at + 3600s) == good);
    CHECK(outcome(hour, message, signed_at + 3601s) == Errc::timestamp_too_old);

    for (const auto none : {0s, -1s, -300s, std::chrono::seconds::min()}) {
        CAPTURE(none.count());
        const Webhook strict = with_tolerance(none);
        CHECK(outcome(strict, message, signed_at) == good);
        CHECK(outcome(strict, message, signed_at + 999ms) == good);
        CHECK(outcome(strict, message, signed_at + 1s) == Errc::timestamp_too_old);
        CHECK(outcome(strict, message, signed_at - 1ms) == Errc::timestamp_too_new);
    }
}

TEST_CASE("no clock and no timestamp overflows", "[webhook]") {
    constexpr auto earliest = pivotal::Clock::time_point::min(), latest = pivotal::Clock::time_point::max();
    const Webhook any_time = with_tolerance(std::chrono::seconds::max());
    const Webhook almost_any_time = with_tolerance(std::chrono::seconds::max() - 1s);
    for (const char* timestamp : {"1", "1779820920", "999999999999"}) {
        CAPTURE(timestamp);
        Message message;
        message.timestamp = timestamp;
        message.sign();
        for (const auto at : {earliest, latest, pivotal::Clock::time_point()}) {
            CHECK(outcome(any_time, message, at) == good);
            CHECK(outcome(almost_any_time, message, at) == good);
        }
        CHECK(outcome(webhook(), message, earliest) == Errc::timestamp_too_new);
        // Twelve digits reach to the year 33658; libstdc++'s clock of nanoseconds to 2262, libc++'s farther than both.
        const bool is_newer = std::stoll(timestamp) > latest.time_since_epoch() / 1s;
        CHECK(outcome(webhook(), message, latest) == (is_newer ? Errc::timestamp_too_new : Errc::timestamp_too_old));
    }
    Message distant;
    distant.timestamp = "999999999999";
    distant.sign();
    const auto event = any_time.verify(distant.body, support::headers_of(distant), latest);
    CHECK(event.delivery.timestamp.time_since_epoch() == 999999999999s);
}

// ---- 4. Signature ----

TEST_CASE("another secret, id, timestamp or body is a mismatch", "[webhook]") {
    Message message;
    CHECK(outcome(Webhook(support::other_secret), message) == Errc::signature_mismatch);
    CHECK(sentence_of(Webhook(support::other_secret), message) ==
          "signature mismatch: no signature fits the id, timestamp and body; is it the secret of this "
          "endpoint, and the raw body?");
    SECTION("id") {
        message.id += "x";
    }
    SECTION("timestamp") {
        message.timestamp = std::to_string(support::now_seconds - 1);
    }
    SECTION("body with a byte more") {
        message.body += "\n";
    }
    SECTION("body with a NUL more") {
        message.body += '\0';
    }
    SECTION("empty body") {
        message.body.clear();
    }
    CHECK(outcome(webhook(), message) == Errc::signature_mismatch);
}

TEST_CASE("the signature header is a list", "[webhook]") {
    Message message;
    const std::string good_text = message.v1_text(), bad_text = message.v1_text("another key");
    const std::string v1 = "v1," + good_text, bad = "v1," + bad_text;
    const auto with = [&](const std::string& header) {
        CAPTURE(header);
        message.signature = header;
        return outcome(webhook(), message);
    };
    SECTION("accepted") {
        CHECK(with(v1) == good);
        CHECK(with(bad + " " + v1) == good);
        CHECK(with(v1 + " " + bad) == good);
        CHECK(with(bad + "  " + bad + "   " + v1 + "  x") == good);
        // Pairs that are joined by commas, as one page of Pivotal's documentation shows them.
        CHECK(with(bad + "," + v1) == good);
        CHECK(with(v1 + "," + bad) == good);
        CHECK(with(bad + "," + bad + " " + bad + "," + v1) == good);
        CHECK(with("v1,v1," + good_text) == good);
        CHECK(with("v1,v1,v1,v1," + good_text) == good);
        CHECK(with("," + v1) == good);
        CHECK(with(v1 + ",") == good);
        CHECK(with(v1 + ",,,") == good);
        CHECK(with("," + v1 + " ,") == good);
        // Other versions may appear at any time.
        CHECK(with("v2,abc " + v1) == good);
        CHECK(with("v2,abc," + v1) == good);
        CHECK(with("v0 v2 v1a v10,x " + v1 + " v3,y") == good);
        CHECK(with("v1a," + good_text + " " + v1) == good);
        CHECK(with("v2," + v1) == good);
        CHECK(with("v1 " + v1) == good);
        std::string many;  // the last of as many as fit
        while (many.size() + bad.size() + 1 + v1.size() <= 8192) many += bad + " ";
        CHECK(with(many + v1) == good);
    }
    SECTION("refused") {
        for (const std::string& header : std::vector<std::string>{
                 good_text,
                 "v1",
                 "v1,",
                 "v1," + bad_text,
                 "V1," + good_text,
                 "v1=" + good_text,
                 "v1:" + good_text,
                 "v1;" + good_text,
                 "v1 " + good_text,
                 "v1, " + good_text,
                 "v1 ," + good_text,
                 "v1,," + good_text,
                 "v2," + good_text,
                 "v1a," + good_text,
                 "v10," + good_text,
                 "v," + good_text,
                 "xv1," + good_text,
                 "v1x," + good_text,
                 "v1,v2," + good_text,
                 "v1,x," + good_text,
                 bad + "\t" + v1,
                 "v1,\t" + good_text,
                 v1 + "\t,",
                 v1 + "\n",
                 v1 + "x",
                 "v1,x" + good_text,
                 "v1," + good_text + good_text,
                 "\"" + v1 + "\"",
                 "v1,\"" + good_text + "\"",
                 good_text + ",v1",
                 std::string(8192, ','),
                 std::string(4096, 'v') + std::string(4096, '1'),
                 std::string("v1\0,", 4) + good_text,
                 "v1," + good_text + std::string(1, '\0'),
                 std::string("\0", 1) + v1,
             })
            CHECK(with(header) == Errc::signature_mismatch);
    }
    SECTION("a signature is strict base64 of 44 characters") {
        std::string text = good_text;
        REQUIRE(text.size() == 44);
        CHECK(with("v1," + text.substr(0, 43)) == Errc::signature_mismatch);  // without its padding
        CHECK(with("v1," + text + "=") == Errc::signature_mismatch);
        CHECK(with("v1," + text.substr(0, 43) + "A") == Errc::signature_mismatch);
        // The last character before the padding has two tail bits, which a lenient decoder ignores.
        const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for (std::size_t tail = 1; tail < 4; ++tail) {
            text[42] = alphabet[alphabet.find(good_text[42]) + tail];
            CHECK(with("v1," + text) == Errc::signature_mismatch);
        }
        // White space inside, which a lenient decoder skips.
        CHECK(with("v1," + good_text.substr(0, 20) + "\n" + good_text.substr(20)) == Errc::signature_mismatch);
        // In hexadecimal, as other senders write it.
        std::string hex;
        for (const char c : support::hmac_sha256(support::key, message.content())) {
            hex += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
            hex += "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
        }
        CHECK(with("v1," + hex) == Errc::signature_mismatch);
    }
    SECTION("url-safe base64 is another alphabet") {
        for (int i = 0; message.v1_text().find_first_of("+/") == std::string::npos; ++i)
            message.id = "msg_" + std::to_string(i);
        std::string text = message.v1_text();
        message.signature = "v1," + text;
        CHECK(outcome(webhook(), message) == good);
        for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
        message.signature = "v1," + text;
        CHECK(outcome(webhook(), message) == Errc::signature_mismatch);
    }
}

TEST_CASE("every flipped bit of a good delivery is refused", "[webhook]") {
    const bool ed25519 = GENERATE(false, true);
    CAPTURE(ed25519);
    const Webhook any_time(ed25519 ? signer().secret() : support::secret, {std::chrono::seconds::max()});
    const Message message = ed25519 ? signed_by_ed25519() : Message();
    REQUIRE(outcome(any_time, message) == good);

    for (std::size_t bit = 0; bit < message.body.size() * 8; ++bit) {
        CAPTURE(bit);
        Message changed = message;
        changed.body = with_flipped_bit(message.body, bit);
        CHECK(outcome(any_time, changed) == Errc::signature_mismatch);
    }
    for (std::size_t bit = 0; bit < message.signature.size() * 8; ++bit) {
        CAPTURE(bit);
        Message changed = message;
        changed.signature = with_flipped_bit(message.signature, bit);
        CHECK(outcome(any_time, changed) == Errc::signature_mismatch);
    }
    for (std::size_t bit = 0; bit < message.id.size() * 8; ++bit) {
        CAPTURE(bit);
        Message changed = message;
        changed.id = with_flipped_bit(message.id, bit);
        const bool well_formed = changed.id.find_first_not_of(
                                     "!\"#$%&'()*+,-/0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
                                     "abcdefghijklmnopqrstuvwxyz{|}~") == std::string::npos;
        CHECK(outcome(any_time, changed) == (well_formed ? Errc::signature_mismatch : Errc::malformed_header));
    }
    const std::regex well_formed("[ \t]*[1-9][0-9]{0,11}[ \t]*");
    for (std::size_t bit = 0; bit < message.timestamp.size() * 8; ++bit) {
        CAPTURE(bit);
        Message changed = message;
        changed.timestamp = with_flipped_bit(message.timestamp, bit);
        CHECK(outcome(any_time, changed) ==
              (std::regex_match(changed.timestamp, well_formed) ? Errc::signature_mismatch : Errc::malformed_header));
    }
}

TEST_CASE("every truncation of a good delivery is refused", "[webhook]") {
    const bool ed25519 = GENERATE(false, true);
    CAPTURE(ed25519);
    const Webhook any_time(ed25519 ? signer().secret() : support::secret, {std::chrono::seconds::max()});
    const Message message = ed25519 ? signed_by_ed25519() : Message();
    for (std::string Message::*const field : {&Message::body, &Message::signature, &Message::id, &Message::timestamp}) {
        const std::string whole = message.*field;
        for (std::size_t size = 0; size < whole.size(); ++size) {
            CAPTURE(whole, size);
            Message changed = message;
            changed.*field = whole.substr(0, size);
            // An Ed25519 signature is whole without its padding.
            if (!(ed25519 && field == &Message::signature && whole[size] == '='))
                CHECK(outcome(any_time, changed) == (changed.*field == "" && field != &Message::body
                                                         ? Errc::missing_header
                                                         : Errc::signature_mismatch));
            changed.*field = whole.substr(size + 1);  // in front, too
            if (field == &Message::body || field == &Message::signature)
                CHECK(outcome(any_time, changed) == (changed.*field == "" && field == &Message::signature
                                                         ? Errc::missing_header
                                                         : Errc::signature_mismatch));
        }
    }
}

TEST_CASE("no changed or cut secret verifies", "[webhook]") {
    for (const bool other : {false, true}) {
        const std::string secret = other ? support::other_secret : support::secret;
        Message message;
        message.sign(other ? support::other_key : support::key);
        REQUIRE(outcome(Webhook(secret), message) == good);
        int still_secrets = 0;
        const auto check = [&](const std::string& changed) {
            CAPTURE(changed);
            std::error_code code = support::stale_error();
            const auto made = Webhook::create(changed, code);
            CHECK(made.has_value() == !code);
            if (made) {
                ++still_secrets;
                CHECK(outcome(*made, message) == Errc::signature_mismatch);
            } else {
                CHECK(code == Errc::invalid_secret);
            }
        };
        for (std::size_t bit = 0; bit < secret.size() * 8; ++bit) check(with_flipped_bit(secret, bit));
        CHECK(still_secrets > 0);
        // `whsec_` without the padding that ends it is the same secret.
        const std::size_t end = secret.find('=') == std::string::npos ? secret.size() : secret.find('=');
        for (std::size_t size = 0; size < end; ++size) check(secret.substr(0, size));
    }
}

// ---- Rotation, Ed25519 and several secrets ----

TEST_CASE("during a rotation either secret verifies", "[webhook]") {
    Message message;
    const Webhook both(support::secret + " " + support::other_secret);
    const Webhook reversed(support::other_secret + "\n" + support::secret + "\n");
    const std::string old_one = message.v1(), new_one = message.v1(support::other_key);
    for (const std::string& signature : {old_one, new_one, old_one + " " + new_one, new_one + "," + old_one}) {
        CAPTURE(signature);
        message.signature = signature;
        CHECK(outcome(both, message) == good);
        CHECK(outcome(reversed, message) == good);
    }
    message.sign("a third key");
    CHECK(outcome(both, message) == Errc::signature_mismatch);
}

TEST_CASE("Ed25519 signatures are verified with a public key", "[webhook]") {
    const Webhook by_key(signer().secret());
    Message message = signed_by_ed25519();
    CHECK(outcome(by_key, message) == good);
    CHECK(outcome(Webhook(other_signer().secret()), message) == Errc::signature_mismatch);
    CHECK(outcome(webhook(), message) == Errc::signature_mismatch);

    SECTION("the label decides the algorithm") {
        message.signature.replace(0, 3, "v1");
        CHECK(outcome(by_key, message) == Errc::signature_mismatch);
        message.signature = message.v1(signer().public_key());  // HMAC with the public key
        CHECK(outcome(by_key, message) == Errc::signature_mismatch);
        message.signature.replace(0, 2, "v1a");
        CHECK(outcome(by_key, message) == Errc::signature_mismatch);
    }
    SECTION("an empty body") {
        message.body.clear();
        message.signature = message.v1a(signer());
        CHECK(outcome(by_key, message) == Errc::malformed_event);
    }
    SECTION("in a list") {
        const std::string v1a = message.signature, wrong = message.v1a(third_signer());
        for (const std::string& signature : {wrong + " " + v1a, wrong + "," + v1a, message.v1() + " " + v1a,
                                             "v1a,v1a," + v1a.substr(4), "v1a,x " + v1a, "v2,x," + v1a}) {
            message.signature = signature;
            CHECK(outcome(by_key, message) == good);
        }
    }
    SECTION("with tail bits") {
        REQUIRE(message.signature.size() == 4 + 88);
        std::string text = message.signature;
        text[4 + 85] = static_cast<char>(text[4 + 85] + 1);  // A to B, Q to R, g to h, w to x
        message.signature = text;
        CHECK(outcome(by_key, message) == Errc::signature_mismatch);
    }
}

TEST_CASE("HMAC and Ed25519 secrets may be mixed", "[webhook]") {
    const Webhook mixed(signer().secret() + " " + support::secret + " " + other_signer().secret());
    Message message;
    CHECK(outcome(mixed, message) == good);
    message.signature = message.v1a(signer());
    CHECK(outcome(mixed, message) == good);
    message.signature = message.v1a(other_signer());
    CHECK(outcome(mixed, message) == good);
    message.signature = message.v1(support::other_key) + " " + message.v1a(third_signer());
    CHECK(outcome(mixed, message) == Errc::signature_mismatch);
}

TEST_CASE("the first sixteen Ed25519 candidates count, each with every key", "[webhook]") {
    Message message;
    const std::string right = message.v1a(signer()), wrong = message.v1a(third_signer());
    const auto repeated = [](const std::string& text, int count) {
        std::string all;
        while (count-- > 0) all += text + " ";
        return all;
    };
    const Webhook one(signer().secret());
    message.signature = repeated(wrong, 15) + right;
    CHECK(outcome(one, message) == good);
    message.signature = repeated(wrong, 16) + right;
    CHECK(outcome(one, message) == Errc::signature_mismatch);
    message.signature = right + " " + repeated(wrong, 20);
    CHECK(outcome(one, message) == good);
    // Only candidates of 64 bytes are verified and counted.
    message.signature = repeated("v1a,", 3) + repeated("v1a,QUJD", 3) + repeated(wrong + "AAAA", 3) +
                        repeated(message.v1(), 3) + repeated(wrong, 15) + right;
    CHECK(outcome(one, message) == good);

    // However many keys there are, which are the user's own.
    const std::string others = repeated(other_signer().secret(), 20);
    const Webhook many(others + signer().secret());
    message.signature = repeated(wrong, 15) + right;
    CHECK(outcome(many, message) == good);
    message.signature = repeated(wrong, 16) + right;
    CHECK(outcome(many, message) == Errc::signature_mismatch);
    // The limit is of Ed25519 alone.
    message.signature = repeated(wrong, 20) + message.v1();
    CHECK(outcome(Webhook(support::secret + " " + signer().secret()), message) == good);
}

TEST_CASE("a delivery says which of the secrets it was", "[webhook]") {
    const Webhook mixed(signer().secret() + " " + support::other_secret + " " + support::secret + " " +
                        other_signer().secret());
    Message message;
    const auto secret_of = [&](const std::string& signature) {
        message.signature = signature;
        std::error_code error;
        const auto delivery = mixed.authenticate(message.body, support::headers_of(message), error, support::now);
        const auto event = mixed.verify(message.body, support::headers_of(message), error, support::now);
        REQUIRE(delivery);
        REQUIRE(event);
        CHECK(event->delivery.secret == delivery->secret);
        return delivery->secret;
    };
    CHECK(secret_of(message.v1a(signer())) == 0);
    CHECK(secret_of(message.v1(support::other_key)) == 1);
    CHECK(secret_of(message.v1()) == 2);
    CHECK(secret_of(message.v1a(other_signer())) == 3);
    // During a rotation both fit: the first of the list.
    CHECK(secret_of(message.v1() + " " + message.v1(support::other_key)) == 1);
    CHECK(secret_of(message.v1a(other_signer()) + " " + message.v1a(signer())) == 3);
}

// ---- 5. Event ----

TEST_CASE("an authentic body that is no event is named as such", "[webhook]") {
    Message message;
    for (const char* body : {"", "null", "no JSON", "[]", "{}", R"({"id":"evt_1"})", R"({"type":"a.b"})",
                             R"({"id":1,"type":"a.b"})", "{\"id\":\"evt_1\",\"type\":\"a.b\"} x"}) {
        CAPTURE(body);
        message.body = body;
        CHECK(outcome(webhook(), message.sign()) == Errc::malformed_event);
        CHECK(support::authenticity(webhook(), message.body, support::headers_of(message)) == good);
    }
}

TEST_CASE("nothing is parsed before it is authentic", "[webhook]") {
    Message message;
    message.body = "no JSON";  // unsigned
    CHECK(outcome(webhook(), message) == Errc::signature_mismatch);
    message.body.assign(1 << 20, '[');
    CHECK(outcome(webhook(), message) == Errc::signature_mismatch);
}

TEST_CASE("the body is bytes", "[webhook]") {
    Message message;
    SECTION("CRLF and white space") {
        message.body = "\r\n {\"id\":\"evt_1\",\r\n\"type\":\"a\"}\t\r\n ";
    }
    SECTION("a mebibyte") {
        message.body = R"({"id":"evt_1","type":"a","data":{"object":{"text":")" + std::string(1 << 20, 'x') + "\"}}}";
    }
    CHECK(outcome(webhook(), message.sign()) == good);
    message.body += " ";
    CHECK(outcome(webhook(), message) == Errc::signature_mismatch);
    for (int byte = 0; byte < 256; ++byte) {
        message.body = std::string("a") + static_cast<char>(byte) + "b";
        message.sign();
        CHECK(support::authenticity(webhook(), message.body, support::headers_of(message)) == good);
    }
}

// ---- Copies and moves ----

TEST_CASE("copies verify on their own", "[webhook]") {
    const Message message;
    std::optional<Webhook> original(std::in_place, support::secret);
    const Webhook copy = *original;
    Webhook assigned(support::other_secret, {0s});
    assigned = copy;
    original.reset();
    CHECK(outcome(copy, message) == good);
    CHECK(outcome(assigned, message, support::now + 300s) == good);  // the options are copied too
    CHECK(copy.sign(message.id, support::now, message.body) == message.signature);
}

TEST_CASE("a moved-from Webhook refuses everything and can be assigned to", "[webhook]") {
    const Message message;
    Webhook from(support::secret);
    const Webhook to = std::move(from);
    CHECK(outcome(to, message) == good);
    CHECK(outcome(from, message) == Errc::invalid_secret);
    CHECK(sentence_of(from, message) == "invalid secret: this Webhook was moved from and has no keys");
    std::error_code code = support::stale_error();
    CHECK(from.sign(message.id, support::now, message.body, code).empty());
    CHECK(code == Errc::invalid_secret);
    CHECK_THROWS_AS(from.sign(message.id, support::now, message.body), std::logic_error);

    const Webhook copy_of_nothing = from;
    CHECK(outcome(copy_of_nothing, message) == Errc::invalid_secret);

    from = to;
    CHECK(outcome(from, message) == good);
    Webhook again(support::other_secret);
    again = std::move(from);
    CHECK(outcome(again, message) == good);
    CHECK(outcome(from, message) == Errc::invalid_secret);
    from = Webhook(support::other_secret);
    CHECK(outcome(from, message) == Errc::signature_mismatch);

    STATIC_REQUIRE(std::is_nothrow_move_constructible_v<Webhook>);
    STATIC_REQUIRE(std::is_nothrow_move_assignable_v<Webhook>);
    STATIC_REQUIRE_FALSE(std::is_default_constructible_v<Webhook>);
    STATIC_REQUIRE_FALSE(std::is_convertible_v<const char*, Webhook>);
    STATIC_REQUIRE_FALSE(std::is_convertible_v<std::string_view, Webhook>);
}

// ---- OpenSSL's error queue ----

TEST_CASE("OpenSSL's error queue is left as it was", "[webhook]") {
    const auto use_everything = [] {
        Message message;
        const Webhook mixed(support::secret + " " + signer().secret());
        CHECK(outcome(mixed, message) == good);
        message.signature = message.v1a(signer());
        CHECK(outcome(mixed, message) == good);
        message.signature = message.v1a(third_signer());
        CHECK(outcome(mixed, message) == Errc::signature_mismatch);
        message.signature = "v1a," + support::base64(std::string(64, '\xff'));
        CHECK(outcome(mixed, message) == Errc::signature_mismatch);
        message.body = "no JSON";
        CHECK(outcome(mixed, message.sign()) == Errc::malformed_event);
        for (const char* secret : {"", "whsec_", "whpk_AAAA", "v1,x", "\"x\""}) {
            std::error_code code;
            CHECK_FALSE(Webhook::create(secret, code));
            CHECK(code == Errc::invalid_secret);
        }
        std::error_code code;
        CHECK(Webhook::create("whpk_" + support::base64(std::string(32, '\xff')), code));
        CHECK(Webhook::from_bytes(std::string("key")).sign("id", support::now, "body").size() == 47);
    };
    const auto entries = [] {
        std::vector<unsigned long> all;
        while (const unsigned long entry = ERR_get_error()) all.push_back(entry);
        return all;
    };
    const auto leave_an_error = [](int type) {  // as a server's own call might
        CHECK(EVP_PKEY_new_raw_public_key(type, nullptr, support::bytes_of("short"), 5) == nullptr);
    };
    ERR_clear_error();
    use_everything();
    CHECK(ERR_peek_error() == 0);

    leave_an_error(EVP_PKEY_ED25519);
    leave_an_error(EVP_PKEY_X25519);
    const std::vector<unsigned long> before = entries();
    REQUIRE_FALSE(before.empty());
    leave_an_error(EVP_PKEY_ED25519);
    leave_an_error(EVP_PKEY_X25519);
    use_everything();
    CHECK(entries() == before);
}

// ---- Codes and types of one's own ----

TEST_CASE("a code is an error from the first line on, whatever happens on the way", "[webhook]") {
    const Message message;
    const auto throws = [](const char*) -> const char* { throw std::runtime_error("a header source that fails"); };
    std::error_code code;
    CHECK_THROWS_AS(webhook().authenticate(message.body, throws, code, support::now), std::runtime_error);
    CHECK(pivotal::http_status(code) == 500);
    code.clear();
    CHECK_THROWS_AS(webhook().verify(message.body, throws, code, support::now), std::runtime_error);
    CHECK(pivotal::http_status(code) == 500);
}

namespace {

/// An event of a user's own.
struct Bytes {
    std::string body;
    pivotal::Delivery delivery;

    static std::optional<Bytes> parse(pivotal::Body body, std::error_code& error) {
        if (body.view() == "throws") {
            error.clear();
            throw std::runtime_error("a parser that fails");
        }
        if (body.view() == "its own code") error = std::make_error_code(std::errc::bad_message);
        if (body.view() == "no error") error.clear();
        if (body.size() != 2) return std::nullopt;
        return Bytes{std::string(body.view()), {}};
    }
};

/// One that wants to know nothing of its delivery.
struct Length {
    std::size_t size = 0;
    int delivery = 0;

    static std::optional<Length> parse(pivotal::Body body, std::error_code&) { return Length{body.size(), 7}; }
};

}  // namespace

TEST_CASE("verify gives an event of one's own", "[webhook]") {
    Message message;
    message.body = "{}";
    message.sign();
    std::error_code code = support::stale_error();
    const auto event = webhook().verify<Bytes>(message.body, support::headers_of(message), code, support::now);
    REQUIRE(event);
    CHECK(!code);
    CHECK(event->body == "{}");
    CHECK(event->delivery.message_id == message.id);
    CHECK(event->delivery.timestamp.time_since_epoch().count() == support::now_seconds);
    CHECK(webhook().verify<Bytes>(message.body, support::headers_of(message), support::now).body == "{}");
    const auto length = webhook().verify<Length>(message.body, support::headers_of(message), support::now);
    CHECK(length.size == 2);
    CHECK(length.delivery == 7);

    SECTION("or its parser's code, and malformed_event where it left none") {
        for (const auto& [body, expected] : {std::pair<const char*, std::error_code>{"other", Errc::malformed_event},
                                             {"no error", Errc::malformed_event},
                                             {"its own code", std::make_error_code(std::errc::bad_message)}}) {
            message.body = body;
            message.sign();
            CHECK_FALSE(webhook().verify<Bytes>(message.body, support::headers_of(message), code, support::now));
            CHECK(code == expected);
            try {
                (void)webhook().verify<Bytes>(message.body, support::headers_of(message), support::now);
                FAIL("accepted");
            } catch (const pivotal::WebhookVerificationError& error) {
                CHECK(error.code() == expected);
            }
        }
    }
    SECTION("which is never asked about what is not authentic") {
        message.body = "throws";
        CHECK_FALSE(webhook().verify<Bytes>(message.body, support::headers_of(message), code, support::now));
        CHECK(code == Errc::signature_mismatch);
        message.sign();
        code.clear();
        CHECK_THROWS_AS(webhook().verify<Bytes>(message.body, support::headers_of(message), code, support::now),
                        std::runtime_error);
        CHECK(code == Errc::malformed_event);
    }
}

}  // namespace unit_webhook
