// SPDX-License-Identifier: MIT
#include <pivotal/webhook.hpp>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "../support/message.hpp"
#include "catch.hpp"
#include "outcome.hpp"

namespace unit_webhook_sign {

using namespace std::chrono_literals;
using pivotal::Clock;
using pivotal::Errc;
using pivotal::Webhook;
using support::Message;

namespace {

const std::error_code good;

const support::Ed25519Signer& signer() {
    static const support::Ed25519Signer made(std::string(32, 's'));
    return made;
}

/// The signature, by the function that gives a code and the one that throws: they agree.
std::string signed_by_both(const Webhook& webhook, std::string_view id, Clock::time_point at, pivotal::Body body) {
    std::error_code code = support::stale_error();
    const std::string signature = webhook.sign(id, at, body, code);
    CHECK(!code);
    CHECK(webhook.sign(id, at, body) == signature);
    return signature;
}

template <class Exception>
void check_refused(const Webhook& webhook, std::string_view id, Clock::time_point at, std::error_code expected) {
    std::error_code code = support::stale_error();
    CHECK(webhook.sign(id, at, "body", code).empty());
    CHECK(code == expected);
    CHECK_THROWS_AS(webhook.sign(id, at, "body"), Exception);
}

}  // namespace

TEST_CASE("what is signed is verified", "[sign]") {
    const Message message;
    const Webhook webhook(support::secret);
    CHECK(signed_by_both(webhook, message.id, support::now, message.body) == message.signature);
    CHECK(signed_by_both(webhook, message.id, support::now + 999ms, message.body) == message.signature);  // floored

    for (const std::size_t size : {0U, 1U, 47U, 48U, 63U, 64U, 65U, 1000U, 1U << 20}) {
        CAPTURE(size);
        Message other;
        other.body.assign(size, 'x');
        other.sign();
        CHECK(signed_by_both(webhook, other.id, support::now, other.body) == other.signature);
    }
    // However long the id is, which decides where the blocks of SHA-256 end.
    for (std::size_t size = 1; size <= 256; ++size) {
        Message other;
        other.id.assign(size, 'i');
        other.sign();
        CHECK(webhook.sign(other.id, support::now, other.body) == other.signature);
        other.body = "";
        other.sign();
        CHECK(webhook.sign(other.id, support::now, "") == other.signature);
    }
}

TEST_CASE("there is one signature for each HMAC secret, in their order", "[sign]") {
    const Message message;
    const std::string first = message.v1(), second = message.v1(support::other_key);
    const auto with = [&](const std::string& secrets) {
        return signed_by_both(Webhook(secrets), message.id, support::now, message.body);
    };
    CHECK(with(support::secret) == first);
    CHECK(with(support::secret + " " + support::other_secret) == first + " " + second);
    CHECK(with(support::other_secret + "\n" + support::secret) == second + " " + first);
    CHECK(with(support::other_secret + " " + signer().secret() + " " + support::secret) == second + " " + first);
    CHECK(with(support::secret + " " + support::secret) == first + " " + first);

    Message rotated = message;
    rotated.signature = with(support::secret + " " + support::other_secret);
    CHECK(support::outcome(Webhook(support::secret), rotated) == good);
    CHECK(support::outcome(Webhook(support::other_secret), rotated) == good);
}

TEST_CASE("an id that verify would refuse is not signed", "[sign]") {
    const Webhook webhook(support::secret);
    const auto invalid = std::make_error_code(std::errc::invalid_argument);
    const std::vector<std::string> ids = {"",         std::string(257, 'a'), "a.b", "a b", " a", "a ", "a\t", "a\n",
                                          "\xC3\xA9", std::string("a\0", 2)};
    for (const std::string& id : ids) {
        CAPTURE(id);
        check_refused<std::invalid_argument>(webhook, id, support::now, invalid);
    }
    CHECK_FALSE(signed_by_both(webhook, std::string(256, 'a'), support::now, "").empty());
    CHECK_FALSE(signed_by_both(webhook, "!~", support::now, "").empty());
}

TEST_CASE("a time that verify would refuse is not signed", "[sign]") {
    const Webhook webhook(support::secret);
    const auto invalid = std::make_error_code(std::errc::invalid_argument);
    for (const Clock::time_point at :
         {Clock::time_point(), Clock::time_point(999ms), Clock::time_point(-1s), Clock::time_point::min()})
        check_refused<std::invalid_argument>(webhook, "msg_1", at, invalid);

    Message first;
    first.timestamp = "1";
    CHECK(signed_by_both(webhook, first.id, Clock::time_point(1s), first.body) == first.sign().signature);
    // The end of a clock of nanoseconds is before the end of the timestamps; of a coarser clock it is behind.
    using Rep = std::chrono::seconds::rep;
    const auto end = std::chrono::floor<std::chrono::seconds>(Clock::time_point::max()).time_since_epoch();
    if (end.count() <= 999999999999) {
        CHECK_FALSE(signed_by_both(webhook, "msg_1", Clock::time_point::max(), "").empty());
    } else {
        const Clock::time_point last(std::chrono::seconds(std::min(end.count(), Rep{999999999999})));
        Message longest;
        longest.timestamp = "999999999999";
        CHECK(signed_by_both(webhook, longest.id, last + 999ms, longest.body) == longest.sign().signature);
        check_refused<std::invalid_argument>(webhook, "msg_1", last + 1s, invalid);
        check_refused<std::invalid_argument>(webhook, "msg_1", Clock::time_point::max(), invalid);
    }
}

TEST_CASE("without an HMAC secret nothing is signed", "[sign]") {
    const Webhook public_key_only(signer().secret());
    check_refused<std::logic_error>(public_key_only, "msg_1", support::now, Errc::invalid_secret);
    try {
        (void)public_key_only.sign("msg_1", support::now, "");
    } catch (const std::logic_error& error) {
        CHECK(std::string(error.what()) == "pivotal: sign needs an HMAC secret (whsec_...); this Webhook has none");
        CHECK(dynamic_cast<const std::invalid_argument*>(&error) == nullptr);
    }
    // A wrong argument is named first.
    check_refused<std::invalid_argument>(public_key_only, "", support::now,
                                         std::make_error_code(std::errc::invalid_argument));
    try {
        (void)public_key_only.sign("", support::now, "");
    } catch (const std::invalid_argument& error) {
        CHECK(std::string(error.what()) ==
              "pivotal: sign needs an id of 1 to 256 visible ASCII characters without a dot, and a time after 1970 "
              "of at most 12 digits of seconds");
    }
}

}  // namespace unit_webhook_sign
