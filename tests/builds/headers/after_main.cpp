// SPDX-License-Identifier: MIT
#include <pivotal/webhook.hpp>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <system_error>

// A Webhook that is a static object serves the destructors of others after main, on every path: good, refused, with
// an exception, with an event, and signing. The exit status is 1 unless the last destructor has run.

namespace {

constexpr pivotal::Clock::time_point then{std::chrono::seconds(1649367553)};
constexpr const char* body = R"({"id":"evt_1","type":"a.b","data":{"object":{}}})";
int served = 0;

bool serves(const pivotal::Webhook& webhook) {
    std::error_code error;
    const std::string signature = webhook.sign("msg_1", then, body, error);
    if (error) return false;
    const auto event = webhook.verify(body, {"msg_1", "1649367553", signature}, error, then);
    if (error || !event || !event->previous_attributes().is_null()) return false;
    try {
        webhook.authenticate("other", {"msg_1", "1649367553", signature}, then);
    } catch (const pivotal::WebhookVerificationError& mismatch) {
        return mismatch.code() == pivotal::Errc::signature_mismatch &&
               mismatch.code().message() == "signature mismatch";
    }
    return false;
}

struct LastUser {
    std::optional<pivotal::Webhook> webhook;
    ~LastUser() {
        // OpenSSL has cleaned up by now: it may refuse to work, which must be no more than an error.
        std::error_code error;
        const bool signs = webhook && !webhook->sign("msg_1", then, body, error).empty();
        const bool good = served == 2 && (signs ? serves(*webhook) : error == pivotal::Errc::crypto_failure);
        std::puts(good ? "passed" : "failed: not every destructor was served");
        std::fflush(stdout);
        std::_Exit(good ? 0 : 1);
    }
};

LastUser last_user;  // made before anything of OpenSSL: its destructor is the last to run

const pivotal::Webhook& webhook() {
    static const pivotal::Webhook made("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
    return made;
}

struct User {
    ~User() {
        if (serves(webhook())) ++served;
    }
};

}  // namespace

int main() {
    if (!serves(webhook())) return 1;
    static User user;                        // destroyed before the Webhook
    static thread_local User of_the_thread;  // destroyed before every static, after main
    (void)user, (void)of_the_thread;
    last_user.webhook = webhook();
    return 1;
}
