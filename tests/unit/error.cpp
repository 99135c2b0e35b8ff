// SPDX-License-Identifier: MIT
#include <pivotal/error.hpp>

#include <cerrno>
#include <exception>
#include <future>
#include <string>
#include <system_error>
#include <type_traits>

#include "catch.hpp"

namespace unit_error {

using pivotal::Errc;
using pivotal::http_status;
using pivotal::InvalidSecretError;
using pivotal::WebhookVerificationError;

namespace {

struct Expected {
    Errc code;
    int value;
    const char* message;
    int status;
};

const Expected all_codes[] = {
    {Errc::missing_header, 1, "missing header", 401},         {Errc::malformed_header, 2, "malformed header", 401},
    {Errc::timestamp_too_old, 3, "timestamp too old", 401},   {Errc::timestamp_too_new, 4, "timestamp too new", 401},
    {Errc::signature_mismatch, 5, "signature mismatch", 401}, {Errc::malformed_event, 6, "malformed event", 400},
    {Errc::invalid_secret, 7, "invalid secret", 500},         {Errc::crypto_failure, 8, "failure inside OpenSSL", 500},
};

/// A category of somebody else, which has the same numbers.
class OtherCategory : public std::error_category {
public:
    const char* name() const noexcept override { return "other"; }
    std::string message(int) const override { return "other"; }
};

}  // namespace

TEST_CASE("each code has its number, its message and its status", "[error]") {
    for (const Expected& expected : all_codes) {
        CAPTURE(expected.message);
        const std::error_code code = expected.code;  // converts by is_error_code_enum
        CHECK(code.value() == expected.value);
        CHECK(code.message() == expected.message);
        CHECK(code.category() == pivotal::webhook_category());
        CHECK(code == make_error_code(expected.code));
        CHECK(code == expected.code);
        CHECK(bool(code));
        CHECK(http_status(code) == expected.status);
        CHECK(code.default_error_condition().category() == pivotal::webhook_category());
    }
    STATIC_REQUIRE(std::is_error_code_enum_v<Errc>);
    STATIC_REQUIRE_FALSE(std::is_error_condition_enum_v<Errc>);
    STATIC_REQUIRE(noexcept(make_error_code(Errc::missing_header)));
}

TEST_CASE("the category has a name, and a message for every number", "[error]") {
    const std::error_category& category = pivotal::webhook_category();
    CHECK(std::string(category.name()) == "pivotal.webhook");
    CHECK(&category == &pivotal::webhook_category());
    for (const int value : {0, 9, -1, 1000000}) CHECK(category.message(value) == "unknown error");
    CHECK(category != std::generic_category());
    STATIC_REQUIRE(noexcept(pivotal::webhook_category()));
}

TEST_CASE("no error is 200, and what is not ours is 500", "[error]") {
    static const OtherCategory other;
    CHECK(http_status({}) == 200);
    CHECK(http_status({0, std::generic_category()}) == 200);
    CHECK(http_status({0, pivotal::webhook_category()}) == 200);
    CHECK(http_status({9, pivotal::webhook_category()}) == 500);
    CHECK(http_status({-1, pivotal::webhook_category()}) == 500);
    CHECK(http_status(std::make_error_code(std::errc::invalid_argument)) == 500);
    CHECK(http_status({1, std::system_category()}) == 500);
    CHECK(http_status(std::make_error_code(std::future_errc::no_state)) == 500);
    for (int value = 1; value <= 8; ++value) {
        CHECK(http_status({value, std::generic_category()}) == 500);
        CHECK(http_status({value, other}) == 500);
    }
    STATIC_REQUIRE(noexcept(http_status({})));
}

TEST_CASE("a code has its reply, and everything else is an internal error", "[error]") {
    const auto text = [](const std::error_code& code) {
        const pivotal::Reply made = pivotal::reply(code);
        CHECK(made.status == http_status(code));
        return std::to_string(made.status) + " " + made.body;
    };
    CHECK(text({}) == "200 ok");
    for (const Errc code : {Errc::missing_header, Errc::malformed_header, Errc::timestamp_too_old,
                            Errc::timestamp_too_new, Errc::signature_mismatch})
        CHECK(text(code) == "401 invalid signature");
    CHECK(text(Errc::malformed_event) == "400 malformed event");
    CHECK(text(Errc::invalid_secret) == "500 internal error");
    CHECK(text(Errc::crypto_failure) == "500 internal error");
    CHECK(text({99, pivotal::webhook_category()}) == "500 internal error");
    CHECK(text(std::make_error_code(std::errc::invalid_argument)) == "500 internal error");
    CHECK(pivotal::Reply().status == 500);
    CHECK(std::string(pivotal::Reply().body) == "internal error");
    STATIC_REQUIRE(noexcept(pivotal::reply({})));
}

TEST_CASE("a code of a plugin's own copy of the category has its reply", "[error]") {
    static const pivotal::detail::WebhookCategory copy;  // as RTLD_LOCAL makes it
    const auto of_copy = [](Errc code) { return std::error_code(static_cast<int>(code), copy); };
    CHECK(of_copy(Errc::signature_mismatch) != Errc::signature_mismatch);
    CHECK(http_status(of_copy(Errc::signature_mismatch)) == 401);
    CHECK(http_status(of_copy(Errc::malformed_event)) == 400);
    CHECK(http_status(of_copy(Errc::crypto_failure)) == 500);
}

TEST_CASE("the exceptions carry a code and one sentence", "[error]") {
    const WebhookVerificationError plain(Errc::signature_mismatch);
    CHECK(plain.code() == Errc::signature_mismatch);
    CHECK(std::string(plain.what()) == "signature mismatch");

    const WebhookVerificationError error(Errc::timestamp_too_old, "a sentence");
    CHECK(error.code() == Errc::timestamp_too_old);
    CHECK(std::string(error.what()) == "a sentence");  // and not ": timestamp too old" behind it

    const InvalidSecretError secret(Errc::invalid_secret, "another sentence");
    CHECK(secret.code() == Errc::invalid_secret);
    CHECK(std::string(secret.what()) == "another sentence");

    STATIC_REQUIRE(std::is_base_of_v<std::system_error, WebhookVerificationError>);
    STATIC_REQUIRE(std::is_base_of_v<std::system_error, InvalidSecretError>);
    // A handler of the one never takes the other.
    STATIC_REQUIRE_FALSE(std::is_base_of_v<WebhookVerificationError, InvalidSecretError>);
    STATIC_REQUIRE_FALSE(std::is_base_of_v<InvalidSecretError, WebhookVerificationError>);
    STATIC_REQUIRE(std::is_nothrow_copy_constructible_v<WebhookVerificationError>);
    STATIC_REQUIRE(std::is_nothrow_copy_constructible_v<InvalidSecretError>);
}

TEST_CASE("an exception is caught as what it is", "[error]") {
    const auto caught_as_system_error = [](auto thrown) {
        try {
            throw thrown;
        } catch (const std::system_error& error) {
            return error.code();
        }
    };
    CHECK(caught_as_system_error(WebhookVerificationError(Errc::missing_header)) == Errc::missing_header);
    CHECK(caught_as_system_error(InvalidSecretError(Errc::crypto_failure)) == Errc::crypto_failure);

    // Its sentence outlives the exception that it was copied from.
    std::exception_ptr kept;
    try {
        throw WebhookVerificationError(Errc::missing_header, std::string(100, 'x'));
    } catch (const WebhookVerificationError& error) {
        const WebhookVerificationError copy = error;
        kept = std::make_exception_ptr(copy);
    }
    CHECK_THROWS_AS(std::rethrow_exception(kept), WebhookVerificationError);
    try {
        std::rethrow_exception(kept);
    } catch (const std::exception& error) {
        CHECK(error.what() == std::string(100, 'x'));
    }
}

}  // namespace unit_error
