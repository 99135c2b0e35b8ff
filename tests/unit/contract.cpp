// SPDX-License-Identifier: MIT
#include <pivotal/webhook.hpp>

// What callers write, as they write it: the forms of a call that depend on overload resolution.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "../support/message.hpp"
#include "catch.hpp"
#include "outcome.hpp"

namespace unit_contract {

using pivotal::Body;
using pivotal::Errc;
using pivotal::Event;
using pivotal::Headers;
using pivotal::Webhook;
using support::Message;

namespace {

const Webhook& webhook() {
    static const Webhook made(support::secret);
    return made;
}

/// Calls all four functions with headers that are written in braces, where a function cannot take them as an
/// argument of its own. Each must find the delivery authentic.
#define CHECK_BRACES(...)                                                                    \
    do {                                                                                     \
        std::error_code error = support::stale_error();                                      \
        CHECK(webhook().verify(message.body, __VA_ARGS__, support::now).id == "evt_5tGz0q"); \
        CHECK(webhook().verify(message.body, __VA_ARGS__, error, support::now));             \
        CHECK(!error);                                                                       \
        error = support::stale_error();                                                      \
        CHECK(webhook().authenticate(message.body, __VA_ARGS__, error, support::now));       \
        CHECK(!error);                                                                       \
        CHECK_NOTHROW(webhook().authenticate(message.body, __VA_ARGS__, support::now));      \
    } while (false)

/// What boost::asio::const_buffer looks like: bytes behind a pointer to void.
struct SocketBuffer {
    const void* data() const;
    std::size_t size() const;
};
struct Incomplete;
struct OpaqueBuffer {
    const Incomplete* data() const;
    std::size_t size() const;
};
struct Letter {
    char data() const;
    std::size_t size() const;
};

}  // namespace

// ---- Headers in braces ----

TEST_CASE("three values in braces may be of three kinds", "[contract]") {
    const Message message;
    const std::string_view view = message.timestamp;
    std::string copy = message.signature;
    char* const signature = copy.data();
    CHECK_BRACES({message.id, message.timestamp, message.signature});
    CHECK_BRACES({message.id.c_str(), view, signature});
    CHECK_BRACES({std::string(message.id), std::string(view), std::string(signature)});
    CHECK_BRACES({std::optional<std::string>(message.id), std::make_shared<std::string>(view), &copy});
#if __cplusplus >= 202002L
    CHECK_BRACES(Headers{.id = message.id, .timestamp = view, .signature = signature});
#endif
}

TEST_CASE("names and values in braces may be of three kinds", "[contract]") {
    const Message message;
    const std::string_view view = message.timestamp;
    const std::string name = "svix-signature";
    CHECK_BRACES({{"svix-id", message.id}, {"svix-timestamp", message.timestamp}, {name, message.signature}});
    CHECK_BRACES({{"svix-id", message.id.c_str()},
                  {std::string_view("Svix-Timestamp"), view},
                  {name, std::string(message.signature)}});
}

TEST_CASE("pairs in braces are converted", "[contract]") {
    const Message message;
    const std::pair<std::string, std::string> id("svix-id", message.id);
    const std::pair<const char*, std::string_view> timestamp("svix-timestamp", message.timestamp);
    const std::pair<const std::string, const char*> signature("svix-signature", message.signature.c_str());
    CHECK_BRACES({id, timestamp, signature});
    CHECK_BRACES({id, {"svix-timestamp", message.timestamp}, signature});
    CHECK_BRACES({std::make_pair("svix-id", message.id), std::make_pair("svix-timestamp", message.timestamp),
                  std::make_pair("svix-signature", message.signature)});
}

TEST_CASE("a list in a variable is a HeaderSource, whatever its pairs are", "[contract]") {
    const Message message;
    const std::initializer_list<std::pair<const char*, std::string_view>> views = {
        {"svix-id", message.id}, {"svix-timestamp", message.timestamp}, {"svix-signature", message.signature}};
    CHECK_BRACES(views);
    const std::initializer_list<std::pair<const char*, std::string>> strings = {
        {"svix-id", message.id}, {"svix-timestamp", message.timestamp}, {"svix-signature", message.signature}};
    CHECK_BRACES(strings);
}

TEST_CASE("what is left out in braces is absent", "[contract]") {
    const Message message;
    const auto code_of = [&](auto call) {
        std::error_code error = support::stale_error();
        CHECK_FALSE(call(error));
        return error;
    };
    const char* const null = nullptr;
    CHECK(code_of([&](std::error_code& error) {
              return webhook().authenticate(message.body, {}, error, support::now);
          }) == Errc::missing_header);
    CHECK(code_of([&](std::error_code& error) {
              return webhook().authenticate(message.body, {nullptr, message.timestamp, message.signature}, error,
                                            support::now);
          }) == Errc::missing_header);
    CHECK(code_of([&](std::error_code& error) {
              return webhook().authenticate(
                  message.body,
                  {{"svix-id", message.id}, {"svix-timestamp", null}, {"svix-signature", message.signature}}, error,
                  support::now);
          }) == Errc::missing_header);
    CHECK(code_of([&](std::error_code& error) {
              return webhook().authenticate(message.body, {{"svix-id", message.id}}, error, support::now);
          }) == Errc::missing_header);
}

TEST_CASE("what is wrong in braces is thrown", "[contract]") {
    const Message message;
    const auto thrown = [&](auto call) {
        std::error_code code;
        try {
            call();
        } catch (const pivotal::WebhookVerificationError& error) {
            code = error.code();
        }
        return code;
    };
    CHECK(thrown([&] {
              (void)webhook().verify(message.body, {message.id, message.timestamp, "v1,x"}, support::now);
          }) == Errc::signature_mismatch);
    CHECK(thrown([&] {
              webhook().authenticate(message.body, {message.id, message.timestamp, "v1,x"}, support::now);
          }) == Errc::signature_mismatch);
    CHECK(thrown([&] {
              (void)webhook().verify(
                  message.body,
                  {{"svix-id", message.id}, {"svix-timestamp", message.timestamp}, {"svix-signature", "v1,x"}},
                  support::now);
          }) == Errc::signature_mismatch);
    CHECK(thrown([&] {
              webhook().authenticate(
                  message.body,
                  {{"svix-id", message.id}, {"svix-timestamp", message.timestamp}, {"svix-signature", "v1,x"}},
                  support::now);
          }) == Errc::signature_mismatch);
}

// ---- Time ----

TEST_CASE("now may be given in seconds", "[contract]") {
    const Message message;
    const pivotal::Seconds seconds{std::chrono::seconds(support::now_seconds)};
    CHECK_NOTHROW(webhook().authenticate(message.body, support::headers_of(message), seconds));
}

// ---- Bodies ----

TEST_CASE("what is no container of bytes is no body, and asking does no harm", "[contract]") {
    CHECK_FALSE(std::is_convertible_v<SocketBuffer, Body>);
    CHECK_FALSE(std::is_convertible_v<OpaqueBuffer, Body>);
    CHECK_FALSE(std::is_convertible_v<Letter, Body>);
    CHECK_FALSE(std::is_convertible_v<const void*, Body>);
    CHECK_FALSE(std::is_convertible_v<const unsigned char*, Body>);
    CHECK_FALSE(std::is_convertible_v<std::vector<int>, Body>);
    CHECK_FALSE(std::is_convertible_v<std::vector<bool>, Body>);
    CHECK_FALSE(std::is_convertible_v<std::wstring, Body>);
    CHECK_FALSE(std::is_convertible_v<int(&)[3], Body>);
}

TEST_CASE("a pointer and a length in braces are a body", "[contract]") {
    const Message message;
    const std::string longer = message.body + "and what a buffer holds behind it";
    CHECK_NOTHROW(
        webhook().authenticate({longer.data(), message.body.size()}, support::headers_of(message), support::now));
}

// ---- Event::parse ----

TEST_CASE("Event::parse is a function like any other", "[contract]") {
    Event (*const throwing)(Body) = &Event::parse;
    std::optional<Event> (*const coded)(Body, std::error_code&) = Event::parse;
    const Message message;
    std::error_code error = support::stale_error();
    CHECK(throwing(message.body).id == "evt_5tGz0q");
    CHECK(coded(message.body, error));
    CHECK(!error);
}

// ---- Types ----

TEST_CASE("a Webhook is made on purpose, and moves without throwing", "[contract]") {
    CHECK_FALSE(std::is_convertible_v<const char*, Webhook>);
    CHECK_FALSE(std::is_convertible_v<std::string, Webhook>);
    CHECK_FALSE(std::is_default_constructible_v<Webhook>);
    CHECK(std::is_nothrow_move_constructible_v<Webhook>);
    CHECK(std::is_nothrow_move_assignable_v<Webhook>);
    CHECK(std::is_nothrow_move_constructible_v<Event>);
    CHECK(std::is_nothrow_copy_constructible_v<pivotal::WebhookVerificationError>);
    CHECK(std::is_nothrow_copy_constructible_v<pivotal::InvalidSecretError>);
    // An error in a request must not be caught as one in the configuration, nor the other way round.
    CHECK_FALSE(std::is_base_of_v<pivotal::WebhookVerificationError, pivotal::InvalidSecretError>);
    CHECK_FALSE(std::is_base_of_v<pivotal::InvalidSecretError, pivotal::WebhookVerificationError>);
}

}  // namespace unit_contract
