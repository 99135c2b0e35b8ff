// SPDX-License-Identifier: MIT
#include <pivotal/webhook.hpp>

#include <pivotal/receiver.hpp>
#include <pivotal/stores/memory.hpp>

#include <functional>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "delivery.hpp"
#include "inject.hpp"
#include "memory.hpp"

using pivotal::Clock;
using pivotal::Errc;
using pivotal::Webhook;

using namespace delivery;

namespace {

/// Something that is done with the library while calls fail, and how it ends where none does.
struct Scenario {
    std::string name;
    std::function<std::error_code()> run;
    std::error_code expected;
};

/// Ends a scenario whose results do not fit together, memory or not.
[[noreturn]] void contradict(const char* what) {
    inject::memory.disarm();
    throw std::logic_error(what);
}

std::error_code code_of(const std::function<void()>& throwing) {
    try {
        throwing();
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const std::system_error& error) {
        return error.code();
    }
    return {};
}

/// Everything that is needed is made beforehand: what a scenario does itself is all that fails.
std::vector<Scenario> scenarios() {
    static const Webhook hmac(other_secret + " " + secret);
    static const Webhook ed25519(public_key);
    static const Webhook both(secret + "\n" + public_key);
    static const std::string v1 = Webhook(secret).sign(id, now, body);
    static const std::string v1_of_flat_body = Webhook(secret).sign(id, now, flat_body);
    static const std::string v1a = ed25519_signature(id + "." + timestamp + "." + body);
    static const std::string long_key(65, 'k');

    const auto authenticate = [](const Webhook& webhook, const std::string& signature) {
        return [&webhook, &signature] {
            std::error_code error = Errc::invalid_secret;
            const bool authentic = webhook.authenticate(body, {id, timestamp, signature}, error, now).has_value();
            if (authentic != !error) contradict("the result and the code disagree");
            return error;
        };
    };
    const auto verify = [](const std::string& content, const std::string& signature) {
        return [&content, &signature] {
            std::error_code error = Errc::invalid_secret;
            const auto event = hmac.verify(content, {id, timestamp, signature}, error, now);
            if (event.has_value() != !error) contradict("the result and the code disagree");
            if (event && (event->id.substr(0, 4) != "evt_" || event->delivery.message_id != id))
                contradict("the event is not whole");
            return error;
        };
    };
    const auto create = [](std::string secrets) {
        return [secrets] {
            std::error_code error = Errc::malformed_event;
            const auto webhook = Webhook::create(std::string_view(secrets), error);
            if (webhook.has_value() != !error) contradict("the result and the code disagree");
            return error;
        };
    };

    return {
        {"create", create(secret + " " + other_secret + " " + public_key), {}},
        {"create, a wrong secret behind a good one", create(secret + " whsec_"), Errc::invalid_secret},
        {"construct", [] { return code_of([] { Webhook webhook(secret + " " + public_key); }); }, {}},
        {"construct, a wrong secret", [] { return code_of([] { Webhook webhook("whsec_c2hvcnQ="); }); },
         Errc::invalid_secret},
        {"from_bytes",
         [] {
             std::error_code error;
             (void)Webhook::from_bytes(long_key, error);
             return error;
         },
         {}},
        {"authenticate, HMAC", authenticate(hmac, v1), {}},
        {"authenticate, Ed25519", authenticate(ed25519, v1a), {}},
        {"authenticate, Ed25519 behind HMAC", authenticate(both, v1a), {}},
        {"authenticate, a forged HMAC", authenticate(hmac, forged), Errc::signature_mismatch},
        {"authenticate, a forged Ed25519", authenticate(both, forged_v1a), Errc::signature_mismatch},
        {"verify", verify(body, v1), {}},
        {"verify, an event without nested values", verify(flat_body, v1_of_flat_body), {}},
        {"verify, forged", verify(body, forged), Errc::signature_mismatch},
        {"verify that throws", [] { return code_of([] {
                                        (void)hmac.verify(body, {id, timestamp, v1}, now);
                                    }); }, {}},
        {"verify that throws, forged",
         [] { return code_of([] {
                  (void)hmac.verify(body, {id, timestamp, forged}, now);
              }); },
         Errc::signature_mismatch},
        {"sign",
         [] {
             std::error_code error;
             const std::string signature = hmac.sign(id, now, body, error);
             if (signature.empty() != !!error) contradict("the result and the code disagree");
             return error;
         },
         {}},
        {"sign that throws", [] { return code_of([] { (void)hmac.sign(id, now, body); }); }, {}},
        {"copy and assign",
         [] {
             Webhook copy = hmac;
             copy = both;
             std::error_code error;
             (void)copy.authenticate(body, {id, timestamp, v1}, error, now);
             return error;
         },
         {}},
    };
}

/// How a scenario ended: its code, or no memory.
struct Outcome {
    bool bad_alloc = false;
    std::error_code code;
    std::string unexpected;  // an exception that nobody may let out
    bool queue_clean = true;
    long calls = 0;
    bool failed = false;
};

/// Runs the scenario in a thread of its own, whose digest context is made anew, and where what a thread keeps
/// is given back at its end.
Outcome run(const Scenario& scenario, inject::Point& point, long at, bool onwards = false) {
    Outcome outcome;
    std::thread([&] {
        ERR_clear_error();
        point.arm(at, onwards);
        try {
            outcome.code = scenario.run();
        } catch (const std::bad_alloc&) {
            outcome.bad_alloc = true;
        } catch (const std::exception& error) {
            point.disarm();
            outcome.unexpected = error.what();
        }
        point.disarm();
        outcome.calls = point.calls();
        outcome.failed = point.failed();
        outcome.queue_clean = ERR_peek_error() == 0;
    }).join();
    return outcome;
}

/// OpenSSL and the runtime keep what they make on first use.
void warm_up(const Scenario& scenario) {
    for (int i = 0; i < 2; ++i) {
        const Outcome outcome = run(scenario, inject::openssl, inject::Point::never);
        REQUIRE(outcome.unexpected == "");
        REQUIRE_FALSE(outcome.bad_alloc);
        REQUIRE(outcome.code == scenario.expected);
    }
}

}  // namespace

TEST_CASE("each call into OpenSSL that fails is crypto_failure", "[failure_injection]") {
    for (const Scenario& scenario : scenarios()) {
        INFO(scenario.name);
        warm_up(scenario);
        const long calls = run(scenario, inject::openssl, inject::Point::never).calls;
        for (const int value : {-1, 0}) {
            inject::failure_value = value;
            for (const bool onwards : {false, true}) {
                for (long at = 0; at < calls; ++at) {
                    INFO("call " << at << " of " << calls << ", onwards " << onwards << ", value " << value);
                    const long objects = inject::live_openssl_objects;
                    const Outcome outcome = run(scenario, inject::openssl, at, onwards);
                    CHECK(outcome.unexpected == "");
                    CHECK_FALSE(outcome.bad_alloc);
                    CHECK(outcome.failed);
                    // 0 of EVP_DigestVerify is no failure but a wrong signature.
                    const bool mismatch = value == 0 && outcome.code == Errc::signature_mismatch &&
                                          scenario.name.find("Ed25519") != std::string::npos;
                    CHECK((outcome.code == Errc::crypto_failure || mismatch));
                    CHECK(outcome.queue_clean);
                    CHECK(inject::live_openssl_objects == objects);
                }
            }
        }
        CHECK(run(scenario, inject::openssl, inject::Point::never).code == scenario.expected);
    }
}

TEST_CASE("each allocation that fails is bad_alloc, and nothing is leaked", "[failure_injection]") {
    long failures = 0;
    for (const Scenario& scenario : scenarios()) {
        INFO(scenario.name);
        warm_up(scenario);
        const long calls = run(scenario, inject::memory, inject::Point::never).calls;
        for (const bool onwards : {false, true}) {
            for (long at = 0; at < calls; ++at) {
                INFO("allocation " << at << " of " << calls << ", onwards " << onwards);
                const long blocks = live_blocks, objects = inject::live_openssl_objects;
                const long refused = refused_allocations;
                const Outcome outcome = run(scenario, inject::memory, at, onwards);
                CHECK(outcome.unexpected == "");
                CHECK(outcome.failed);
                CHECK(outcome.queue_clean);
                CHECK(outcome.bad_alloc == (refused_allocations != refused));
                if (!outcome.bad_alloc) CHECK(outcome.code == scenario.expected);
                failures += outcome.bad_alloc ? 1 : 0;
                CHECK(live_blocks == blocks);
                CHECK(inject::live_openssl_objects == objects);
            }
        }
        CHECK(run(scenario, inject::memory, inject::Point::never).code == scenario.expected);
    }
    CHECK(failures > 100);
}

TEST_CASE("where memory runs out the caller's code is left an error", "[failure_injection]") {
    const auto check = [](const auto& call) {
        long at = 0;
        for (bool fails = true; fails; ++at) {
            INFO("allocation " << at);
            std::error_code error;
            fails = false;
            inject::memory.arm(at);
            try {
                call(error);
            } catch (const std::bad_alloc&) {
                fails = true;
            }
            inject::memory.disarm();
            CHECK(error == (fails ? error : std::error_code()));
            if (fails) CHECK(error);
        }
        CHECK(at > 1);
    };
    check([](std::error_code& error) { (void)Webhook::create(secret, error); });
    check([](std::error_code& error) { (void)Webhook::from_bytes(secret, error); });
    check([](std::error_code& error) { (void)pivotal::Event::parse(body, error); });
    const Webhook webhook(secret);
    const std::string signature = webhook.sign(id, now, body);
    check([&](std::error_code& error) { (void)webhook.verify(body, {id, timestamp, signature}, error, now); });
}

TEST_CASE("authenticate allocates nothing with HMAC secrets but the id that it returns", "[failure_injection]") {
    for (const Scenario& scenario : scenarios()) {
        if (scenario.name.find("authenticate") == std::string::npos ||
            scenario.name.find("Ed25519") != std::string::npos)
            continue;
        INFO(scenario.name);
        warm_up(scenario);
        CHECK(run(scenario, inject::memory, inject::Point::never).calls == (scenario.expected ? 0 : 1));
    }
}

TEST_CASE("OpenSSL without memory is never acceptance of a forgery", "[failure_injection]") {
    REQUIRE(memory_of_openssl_is_watched());
    for (const Scenario& scenario : scenarios()) {
        INFO(scenario.name);
        warm_up(scenario);
        const long calls = run(scenario, inject::openssl_memory, inject::Point::never).calls;
        for (const bool onwards : {false, true}) {
            for (long at = 0; at < calls; ++at) {
                INFO("allocation " << at << " of " << calls << ", onwards " << onwards);
                const long blocks = live_blocks, objects = inject::live_openssl_objects;
                const long openssl_blocks = live_openssl_blocks;
                const Outcome outcome = run(scenario, inject::openssl_memory, at, onwards);
                CHECK(outcome.unexpected == "");
                CHECK_FALSE(outcome.bad_alloc);
                // Some of its allocations OpenSSL can do without, and its Ed25519 says "wrong signature"
                // where it has no memory, which is a refusal all the same.
                CHECK(
                    (outcome.code == Errc::crypto_failure || outcome.code == scenario.expected ||
                     (outcome.code == Errc::signature_mismatch && scenario.name.find("Ed25519") != std::string::npos)));
                CHECK(outcome.queue_clean);
                CHECK(live_blocks == blocks);
                CHECK(live_openssl_blocks <= openssl_blocks);
                CHECK(inject::live_openssl_objects == objects);
            }
        }
        CHECK(run(scenario, inject::openssl_memory, inject::Point::never).code == scenario.expected);
    }
}

TEST_CASE("a failure leaves nothing of ours in OpenSSL's error queue, and clears the server's own at most",
          "[failure_injection]") {
    for (const Scenario& scenario : scenarios()) {
        INFO(scenario.name);
        warm_up(scenario);
        ERR_clear_error();
        ERR_put_error(ERR_LIB_USER, 0, 42, "server.cpp", 1);
        const unsigned long left = ERR_peek_last_error();
        REQUIRE(left != 0);
        inject::openssl.arm(0);
        const std::error_code code = scenario.run();
        inject::openssl.disarm();
        const unsigned long first = ERR_get_error();
        CHECK((first == left || (first == 0 && code == Errc::crypto_failure)));
        CHECK(ERR_get_error() == 0);
    }
}

TEST_CASE("a Receiver whose OpenSSL fails handles nothing, and handles the retry", "[failure_injection]") {
    const Webhook webhook(secret);
    const std::string signature = webhook.sign(id, now, body);
    for (const int value : {-1, 0}) {
        inject::failure_value = value;
        for (const bool onwards : {false, true}) {
            int handled = 0, incidents = 0;
            pivotal::ReceiverOptions options;
            options.observer = [&](const pivotal::Observation& seen) { incidents += seen.is_incident() ? 1 : 0; };
            pivotal::Receiver receiver(
                webhook, std::make_shared<pivotal::MemoryStore>(), [&](const pivotal::Event&) { ++handled; }, options);

            int failures = 0;
            for (;; ++failures) {
                INFO("call " << failures << ", onwards " << onwards << ", value " << value);
                inject::openssl.arm(failures, onwards);
                const pivotal::Reply reply = receiver.receive(body, {id, timestamp, signature}, now);
                const bool failed = inject::openssl.failed();
                inject::openssl.disarm();
                CHECK(ERR_peek_error() == 0);
                if (!failed) {
                    CHECK(reply.status == 200);
                    break;
                }
                CHECK(reply.status == 500);
                CHECK(std::string_view(reply.body) == "internal error");
                CHECK(handled == 0);
                CHECK(incidents == failures + 1);
            }
            CHECK(handled == 1);
            CHECK(failures > 1);
        }
    }
}
