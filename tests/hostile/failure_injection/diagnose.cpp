// SPDX-License-Identifier: MIT
#include <pivotal/diagnose.hpp>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "delivery.hpp"
#include "trial.hpp"

using namespace delivery;
using pivotal::Diagnosis;
using pivotal::Finding;
using pivotal::Webhook;

namespace {

struct Case {
    Finding finding;  // the first one
    std::string secrets, body, signature;
};

/// One for each way through it that is not too long to be gone again for each of its allocations.
std::vector<Case> cases() {
    const std::string v1 = Webhook(secret).sign(id, now, flat_body);
    const std::string of_other = Webhook(other_secret).sign(id, now, flat_body);
    const std::string of_text = Webhook::from_bytes(secret).sign(id, now, flat_body);
    const std::string v1a = ed25519_signature(id + "." + timestamp + "." + flat_body);
    const std::string of_short = Webhook(secret).sign(id, now, R"({"id":"evt_1","type":"ein_caf\u00e9"})");
    const std::string of_text_body = Webhook(secret).sign(id, now, "ein Caf\xC3\xA9\n");
    return {
        {Finding::body_reserialized, secret, R"({"id": "evt_1", "type": "ein_caf\u00e9"})", of_short},
        {Finding::body_charset, secret, "ein Caf\xE9\n", of_text_body},
        {Finding::verified, secret, flat_body, v1},
        {Finding::verified, public_key, flat_body, v1a},
        {Finding::body_end_changed, secret, flat_body + "\n", v1},
        {Finding::body_end_changed, public_key, flat_body + "\n", v1a},
        {Finding::body_empty, secret, "", v1},
        {Finding::secret_used_as_text, secret, flat_body, of_text},
        {Finding::secret_is_another, secret + " " + other_secret, flat_body, of_other},
        {Finding::secret_quoted, "\"" + secret + "\"", flat_body, v1},
        {Finding::secret_malformed, "whsec_", "a body", v1},
        {Finding::header_missing, secret, flat_body, ""},
        {Finding::unexplained, secret, "no JSON, and nothing that was signed", v1},
    };
}

}  // namespace

TEST_CASE("diagnose without memory is std::bad_alloc, and finds nothing", "[failure_injection]") {
    for (const Case& each : cases()) {
        INFO(to_string(each.finding) << ", " << each.secrets.substr(0, 6));
        const std::map<std::string, std::string> headers = {{"svix-id", id},
                                                            {"svix-timestamp", timestamp},
                                                            {"svix-signature", each.signature},
                                                            {"content-encoding", "identity, and something more"}};
        const long refusals = fail_each_allocation([&](Trial& trial) {
            std::vector<Diagnosis> found;
            const bool whole = trial.run([&] { found = pivotal::diagnose(each.secrets, each.body, headers, now); });
            CHECK(whole != trial.refused());
            CHECK(found.empty() == !whole);
            if (whole) CHECK(found.front().finding == each.finding);
        });
        CHECK(refusals > 10);
    }
}

#if defined(PIVOTAL_DIAGNOSE_ZLIB)
// What zlib itself allocated is looked for by AddressSanitizer.
TEST_CASE("gzip without memory for its result is std::bad_alloc", "[failure_injection]") {
    std::string gzip;
    REQUIRE(pivotal::detail::zlib_codec(flat_body, 6, gzip));
    const long refusals = fail_each_allocation([&](Trial& trial) {
        std::string packed, text;
        bool packs = false, unpacks = false;
        const bool whole = trial.run([&] { packs = pivotal::detail::zlib_codec(flat_body, 6, packed); });
        CHECK(whole != trial.refused());
        CHECK(packs == whole);
        const bool also_whole = trial.run([&] { unpacks = pivotal::detail::zlib_codec(gzip, 0, text); });
        CHECK(unpacks == also_whole);
    });
    CHECK(refusals > 0);
}
#endif
