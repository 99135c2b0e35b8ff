// SPDX-License-Identifier: MIT
#include <pivotal/webhook.hpp>

#include <pivotal/detail/random_token.hpp>
#include <pivotal/idempotency.hpp>
#include <pivotal/receiver.hpp>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <new>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "inject.hpp"
#include "memory.hpp"

using pivotal::Clock;
using pivotal::Errc;
using pivotal::Webhook;

namespace {

const std::string secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const std::string other_secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
// RFC 8032 §7.1, TEST 1.
const unsigned char private_key[32] = {0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a,
                                       0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32,
                                       0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};
const std::string public_key = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

const std::string id = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
const std::string timestamp = "1649367553";
const Clock::time_point now{std::chrono::seconds{1649367553}};
const std::string body =
    R"({"id":"evt_2nQv8c9aZmYHKr1XyT0aBcDeFgH","type":"customer.health_score_dropped",)"
    R"("created_at":"2026-05-26T18:42:00.000Z","org_id":"org_0123456789abcdef","livemode":true,)"
    R"("api_version":"v1","something_new":["x",{"\ud83d":1e3}],)"
    R"("data":{"object":{"id":"cus_1","name":"A rather long name of a customer"},)"
    R"("previous_attributes":{"health_score":80}}})";
const std::string flat_body = R"({"id":"evt_2nQv8c9aZmYHKr1XyT0aBcDeFgH","type":"webhook.ping",)"
                              R"("created_at":"2026-05-26T18:42:00.000Z","livemode":null})";

std::string ed25519_signature(const std::string& content) {
    const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, private_key, sizeof private_key),
        [](EVP_PKEY* made) { (EVP_PKEY_free)(made); });
    const pivotal::detail::MdContext context(EVP_MD_CTX_new());
    unsigned char signature[64], text[89];
    std::size_t size = sizeof signature;
    if (EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
        EVP_DigestSign(context.get(), signature, &size,
                       reinterpret_cast<const unsigned char*>(content.data()), content.size()) != 1)
        throw std::runtime_error("OpenSSL does not sign");
    EVP_EncodeBlock(text, signature, 64);
    return "v1a," + std::string(reinterpret_cast<const char*>(text), 88);
}

/// Something that is done with the library while calls fail, and how it ends where none does.
struct Scenario {
    std::string name;
    std::function<std::error_code()> run;
    std::error_code expected;
};

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
    static const std::string forged = "v1," + std::string(43, 'A') + "=";
    static const std::string forged_v1a = "v1a," + std::string(86, 'A') + "==";
    static const std::string long_key(65, 'k');

    const auto authenticate = [](const Webhook& webhook, const std::string& signature) {
        return [&webhook, &signature] {
            std::error_code error = Errc::invalid_secret;
            const bool authentic = webhook.authenticate(body, {id, timestamp, signature}, error, now);
            if (authentic != !error) throw std::logic_error("the result and the code disagree");
            return error;
        };
    };
    const auto verify = [](const std::string& content, const std::string& signature) {
        return [&content, &signature] {
            std::error_code error = Errc::invalid_secret;
            const auto event = hmac.verify(content, {id, timestamp, signature}, error, now);
            if (event.has_value() != !error) throw std::logic_error("the result and the code disagree");
            if (event && (event->id.substr(0, 4) != "evt_" || event->delivery_id != id))
                throw std::logic_error("the event is not whole");
            return error;
        };
    };
    const auto create = [](std::string secrets) {
        return [secrets] {
            std::error_code error = Errc::malformed_event;
            const auto webhook = Webhook::create(std::string_view(secrets), error);
            if (webhook.has_value() != !error) throw std::logic_error("the result and the code disagree");
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
        {"an owner's token",
         [] {
             return pivotal::detail::random_token().empty() ? make_error_code(Errc::crypto_failure)
                                                            : std::error_code();
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
        {"verify that throws",
         [] { return code_of([] {
                  (void)hmac.verify(body, {id, timestamp, v1}, now);
              }); },
         {}},
        {"verify that throws, forged",
         [] { return code_of([] {
                  (void)hmac.verify(body, {id, timestamp, forged}, now);
              }); },
         Errc::signature_mismatch},
        {"sign",
         [] {
             std::error_code error;
             const std::string signature = hmac.sign(id, now, body, error);
             if (signature.empty() != !!error) throw std::logic_error("the result and the code disagree");
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
    memory_in_destructors_of_nlohmann = 0;
    long failures = 0;
    for (const Scenario& scenario : scenarios()) {
        INFO(scenario.name);
        warm_up(scenario);
        const long calls = run(scenario, inject::memory, inject::Point::never).calls;
        for (long at = 0; at < calls; ++at) {
            INFO("allocation " << at << " of " << calls);
            const long blocks = live_blocks, objects = inject::live_openssl_objects;
            const long let_through = memory_in_destructors_of_nlohmann;
            const Outcome outcome = run(scenario, inject::memory, at);
            CHECK(outcome.unexpected == "");
            CHECK(outcome.failed);
            CHECK(outcome.queue_clean);
            if (memory_in_destructors_of_nlohmann == let_through) {
                CHECK(outcome.bad_alloc);
                ++failures;
            }
            CHECK(live_blocks == blocks);
            CHECK(inject::live_openssl_objects == objects);
        }
        CHECK(run(scenario, inject::memory, inject::Point::never).code == scenario.expected);
    }
    CHECK(failures > 50);
}

TEST_CASE("authenticate allocates nothing of its own with HMAC secrets", "[failure_injection]") {
    for (const Scenario& scenario : scenarios()) {
        if (scenario.name.find("authenticate") == std::string::npos ||
            scenario.name.find("Ed25519") != std::string::npos)
            continue;
        INFO(scenario.name);
        warm_up(scenario);
        CHECK(run(scenario, inject::memory, inject::Point::never).calls == 0);
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
                CHECK((outcome.code == Errc::crypto_failure || outcome.code == scenario.expected ||
                       (outcome.code == Errc::signature_mismatch &&
                        scenario.name.find("Ed25519") != std::string::npos)));
                CHECK(outcome.queue_clean);
                CHECK(live_blocks == blocks);
                CHECK(live_openssl_blocks <= openssl_blocks);
                CHECK(inject::live_openssl_objects == objects);
            }
        }
        CHECK(run(scenario, inject::openssl_memory, inject::Point::never).code == scenario.expected);
    }
}

TEST_CASE("a failure leaves the server's own entries in OpenSSL's error queue", "[failure_injection]") {
    for (const Scenario& scenario : scenarios()) {
        INFO(scenario.name);
        warm_up(scenario);
        ERR_clear_error();
        ERR_put_error(ERR_LIB_USER, 0, 42, "server.cpp", 1);
        const unsigned long left = ERR_peek_last_error();
        REQUIRE(left != 0);
        inject::openssl.arm(0);
        (void)scenario.run();
        inject::openssl.disarm();
        CHECK(ERR_get_error() == left);
        CHECK(ERR_get_error() == 0);
    }
}

TEST_CASE("a Receiver whose OpenSSL fails handles nothing, and handles the retry", "[failure_injection]") {
    const Webhook webhook(secret);
    const std::string signature = webhook.sign(id, now, body);
    int handled = 0, incidents = 0;
    pivotal::ReceiverOptions options;
    options.on_incident = [&](const pivotal::Incident&) { ++incidents; };
    pivotal::Receiver receiver(
        webhook, std::make_shared<pivotal::MemoryStore>(), [&](const pivotal::Event&) { ++handled; },
        options);
    const auto receive = [&] { return receiver.receive(body, {id, timestamp, signature}, now); };

    int failures = 0;
    for (;; ++failures) {
        INFO(failures);
        inject::openssl.arm(failures);
        const pivotal::Reply reply = receive();
        const bool failed = inject::openssl.failed();
        inject::openssl.disarm();
        CHECK(ERR_peek_error() == 0);
        if (!failed) {
            CHECK(reply.status == 200);
            break;
        }
        CHECK(reply.status == 500);
        CHECK(handled == 0);
        CHECK(incidents == failures + 1);
    }
    CHECK(handled == 1);
    CHECK(failures > 1);  // the signature's calls and the owner's randomness
}

TEST_CASE("no call into OpenSSL gets around the injection", "[failure_injection]") {
    const auto words = [](const std::filesystem::path& path) {
        std::ifstream file(path);
        std::vector<std::string> found(1);
        for (std::istreambuf_iterator<char> it(file), end; it != end; ++it) {
            const char c = *it;
            if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')
                found.back() += c;
            else if (!found.back().empty())
                found.emplace_back();
        }
        return found;
    };
    const auto names_openssl = [](const std::string& word) {
        for (const char* prefix :
             {"EVP_", "ERR_", "CRYPTO_", "OPENSSL_", "OSSL_", "RAND_", "HMAC_", "SHA256_"})
            if (word.rfind(prefix, 0) == 0) return true;
        return false;
    };

    // What cannot fail, or is no call; and what the shadow redefines.
    std::set<std::string> known = {
        "EVP_MD_CTX_free",  "EVP_MD_CTX_reset", "EVP_PKEY_free",        "EVP_MD_free", "ERR_set_mark",
        "ERR_pop_to_mark",  "OPENSSL_cleanse",  "CRYPTO_memcmp",        "EVP_MD_CTX",  "EVP_PKEY",
        "EVP_PKEY_ED25519", "EVP_MD",           "OPENSSL_VERSION_MAJOR"};
    const auto shadow = words(PIVOTAL_TEST_SHADOW);
    for (std::size_t i = 1; i < shadow.size(); ++i)
        if (shadow[i - 1] == "define") known.insert(shadow[i]);

    std::size_t found = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(PIVOTAL_TEST_INCLUDE)) {
        if (!entry.is_regular_file()) continue;
        INFO(entry.path().filename().string());
        for (const std::string& word : words(entry.path())) {
            if (!names_openssl(word)) continue;
            INFO(word);
            CHECK(known.count(word) == 1);
            ++found;
        }
    }
    CHECK(found > 20);
}
