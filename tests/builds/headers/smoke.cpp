// SPDX-License-Identifier: MIT
#include <pivotal/webhook.hpp>

#include <chrono>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

// The core through the functions that give a code, in a program without a test framework, so that it can be
// compiled in ways which that does not know. It checks a little of everything; the unit tests check the rest.

namespace {

int failures = 0;

void check(bool good, const char* what) {
    if (good) return;
    std::printf("failed: %s\n", what);
    ++failures;
}

#define CHECK(condition) check((condition) ? true : false, #condition)

// Two published vectors.
constexpr const char* secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
constexpr const char* id = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
constexpr const char* signature = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";
constexpr std::string_view no_event = R"({"email":"test@example.com","username":"test_user"})";
constexpr pivotal::Clock::time_point then{std::chrono::seconds(1649367553)};
// The public key of RFC 8032 §7.1, TEST 1.
constexpr const char* public_key = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

void verify() {
    std::error_code error = std::make_error_code(std::errc::io_error);
    const std::optional<pivotal::Webhook> webhook = pivotal::Webhook::create(secret, error);
    CHECK(!error);
    if (!webhook) return check(false, "create");

    CHECK(webhook->authenticate(no_event, {id, "1649367553", signature}, error, then));
    CHECK(!error);
    CHECK(!webhook->verify(no_event, {id, "1649367553", signature}, error, then));
    CHECK(error == pivotal::Errc::malformed_event);
    CHECK(pivotal::http_status(error) == 400);
    CHECK(!webhook->authenticate("other", {id, "1649367553", signature}, error, then));
    CHECK(error == pivotal::Errc::signature_mismatch);
    CHECK(!webhook->authenticate(no_event, {id, "1649367553", nullptr}, error, then));
    CHECK(error == pivotal::Errc::missing_header);
    CHECK(!webhook->authenticate(no_event, {id, "x", signature}, error, then));
    CHECK(error == pivotal::Errc::malformed_header);
    CHECK(!webhook->authenticate(no_event, {id, "1649367553", signature}, error));
    CHECK(error == pivotal::Errc::timestamp_too_old || error == pivotal::Errc::timestamp_too_new);

    const std::string body = R"({"id":"evt_1","type":"a.b","data":{"object":{"cut":"\ud83d"}}})";
    const std::string signed_by_us = webhook->sign(id, then, body, error);
    CHECK(!error);
    const std::map<std::string, std::string> range = {
        {"Svix-Id", id}, {"Svix-Timestamp", "1649367553"}, {"Svix-Signature", signed_by_us}};
    const std::optional<pivotal::Event> event = webhook->verify(body, range, error, then);
    CHECK(!error);
    CHECK(event && event->id == "evt_1" && event->delivery.message_id == id);
    CHECK(event && event->object().find("cut") != event->object().end());
    const auto callable = [&](std::string_view name) {
        return name == "webhook-id"          ? id
               : name == "webhook-timestamp" ? "1649367553"
               : name == "webhook-signature" ? signed_by_us.c_str()
                                             : nullptr;
    };
    CHECK(webhook->authenticate(body, callable, error, then));
    CHECK(webhook->authenticate(
        body, {{"svix-id", id}, {"svix-timestamp", "1649367553"}, {"svix-signature", signed_by_us}}, error, then));
    CHECK(webhook->sign("a.b", then, body, error).empty());
    CHECK(error == std::errc::invalid_argument);
}

void construct() {
    std::error_code error;
    CHECK(pivotal::Webhook::create(std::string_view(secret), error, {std::chrono::hours{1}}));
    CHECK(pivotal::Webhook::create(public_key, error));
    CHECK(pivotal::Webhook::from_bytes(std::string("a raw key"), error));
    CHECK(!error);
    CHECK(!pivotal::Webhook::create(nullptr, error));
    CHECK(error == pivotal::Errc::invalid_secret);
    CHECK(!pivotal::Webhook::create("whsec_", error));
    CHECK(error == pivotal::Errc::invalid_secret);
    CHECK(!pivotal::Webhook::from_bytes(std::string(), error));
    CHECK(error == pivotal::Errc::invalid_secret);
}

void verify_ed25519() {
    // With a wrong signature: there is no way to sign here.
    std::error_code error;
    const auto webhook = pivotal::Webhook::create(public_key, error);
    if (!webhook) return check(false, "create with a public key");
    const std::string wrong = "v1a," + std::string(86, 'A') + "==";
    CHECK(!webhook->authenticate(no_event, {id, "1649367553", wrong}, error, then));
    CHECK(error == pivotal::Errc::signature_mismatch);
    CHECK(webhook->sign(id, then, no_event, error).empty());
    CHECK(error == pivotal::Errc::invalid_secret);
}

void parse() {
    std::error_code error;
    CHECK(pivotal::Event::parse(R"({"id":"evt_1","type":"a.b"})", error));
    CHECK(!error);
    for (const char* text : {"", "{", "[]", "nonsense", R"({"id":"evt_1","type":"a.b"} x)", "\xEF\xBB\xBF{}",
                             R"({"id":"evt_1","type":"a.b","x":1e999})", R"({"id":"evt_1","type":"a.b","x":"\xff"})"}) {
        CHECK(!pivotal::Event::parse(text, error));
        CHECK(error == pivotal::Errc::malformed_event);
    }
}

}  // namespace

int main() {
    construct();
    verify();
    verify_ed25519();
    parse();
    if (failures == 0) std::puts("passed");
    return failures == 0 ? 0 : 1;
}
