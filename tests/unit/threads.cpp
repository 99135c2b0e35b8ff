// SPDX-License-Identifier: MIT
#include <pivotal/webhook.hpp>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "../support/message.hpp"
#include "catch.hpp"
#include "outcome.hpp"

namespace unit_threads {

using pivotal::Errc;
using pivotal::Webhook;
using support::Message;

// Assertions are made by one thread; the others count.

TEST_CASE("one Webhook serves eight threads at once", "[threads]") {
    const support::Ed25519Signer signer(std::string(32, 's'));
    const Webhook webhook(support::secret + " " + support::other_secret + " " + signer.secret());
    std::atomic<int> ready{0}, failures{0};
    const auto serve = [&](int number) {
        Message message;
        message.id += std::to_string(number);
        message.body.back() = ' ';
        message.body += std::string(static_cast<std::size_t>(number) * 100, ' ') + "}";
        message.sign(number % 2 ? support::key : support::other_key);
        Message bad = message, asymmetric = message;
        bad.body += "x";
        asymmetric.signature = message.v1a(signer);
        ++ready;
        while (ready != 8) std::this_thread::yield();  // all begin together

        const auto expect = [&](const Message& m, std::error_code expected) {
            std::error_code code = support::stale_error();
            const bool authentic = webhook.authenticate(m.body, support::headers_of(m), code, support::now).has_value();
            if (authentic != !expected || code != expected) ++failures;
            const auto event = webhook.verify(m.body, support::headers_of(m), code, support::now);
            if (event.has_value() != !expected || code != expected) ++failures;
            if (event && (event->id != "evt_5tGz0q" || event->delivery.message_id != m.id)) ++failures;
        };
        for (int round = 0; round < 50; ++round) {
            expect(message, {});
            expect(bad, Errc::signature_mismatch);
            expect(asymmetric, {});
            const Webhook copy = webhook;
            if (copy.sign(message.id, support::now, message.body).find(message.signature) == std::string::npos)
                ++failures;
            try {
                (void)copy.verify(bad.body, support::headers_of(bad), support::now);
                ++failures;
            } catch (const pivotal::WebhookVerificationError& error) {
                if (error.code() != Errc::signature_mismatch) ++failures;
            }
        }
    };
    std::vector<std::thread> threads;
    for (int number = 0; number < 8; ++number) threads.emplace_back(serve, number);
    for (std::thread& thread : threads) thread.join();
    CHECK(failures == 0);
}

TEST_CASE("Webhooks are made in many threads at once", "[threads]") {
    std::atomic<int> ready{0}, failures{0};
    const auto make = [&] {
        const Message message;
        ++ready;
        while (ready != 8) std::this_thread::yield();
        for (int round = 0; round < 20; ++round) {
            std::error_code code;
            const Webhook webhook(support::secret);
            if (!webhook.authenticate(message.body, support::headers_of(message), code, support::now)) ++failures;
            if (Webhook::create("no secret", code) || code != Errc::invalid_secret) ++failures;
        }
    };
    std::vector<std::thread> threads;
    for (int number = 0; number < 8; ++number) threads.emplace_back(make);
    for (std::thread& thread : threads) thread.join();
    CHECK(failures == 0);
}

#if !defined(__MINGW32__)  // which frees a thread's objects before it destroys them

namespace {

/// Uses a Webhook in the destructor of a thread's own object, before or after the library's.
struct LateUser {
    const Webhook* webhook = nullptr;
    std::atomic<int>* good = nullptr;
    ~LateUser() {
        const Message message;
        std::error_code code;
        if (webhook && webhook->authenticate(message.body, support::headers_of(message), code, support::now)) ++*good;
    }
};

LateUser& late_user() {
    static thread_local LateUser user;
    return user;
}

}  // namespace

TEST_CASE("a Webhook is used in destructors of thread_local objects", "[threads]") {
    const Message message;
    const Webhook webhook(support::secret);
    std::atomic<int> good{0};
    const auto use = [&] {
        std::error_code code;
        if (webhook.authenticate(message.body, support::headers_of(message), code, support::now)) ++good;
    };
    const auto prepare = [&] { late_user().webhook = &webhook, late_user().good = &good; };
    std::thread([&] { prepare(), use(); }).join();  // destroyed after what the library has for the thread
    CHECK(good == 2);
    std::thread([&] { use(), prepare(); }).join();  // before it
    CHECK(good == 4);
    std::thread([&] { prepare(); }).join();  // which is made only then
    CHECK(good == 5);
}

#endif

}  // namespace unit_threads
