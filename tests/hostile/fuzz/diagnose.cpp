// SPDX-License-Identifier: MIT
#include <pivotal/diagnose.hpp>

#include <sstream>
#include <string>
#include <vector>

#include "delivery.hpp"
#include "harness.hpp"

namespace {

/// True where `text` has twelve characters in a row of `source`.
bool has_piece_of(const std::string& text, const std::string& source) {
    for (std::size_t i = 0; i + 12 <= source.size(); ++i)
        if (text.find(source.substr(i, 12)) != text.npos) return true;
    return false;
}

}  // namespace

// It always says something, it says "verified" where and only where the library accepts, and it never shows a secret
// or an expected signature.
FUZZ_TARGET(diagnose) {
    using pivotal::Finding;
    model::Delivery delivery = fuzz::read_delivery(input);
    delivery.tolerance = 300;  // that of diagnose
    const pivotal::Clock::time_point now{std::chrono::seconds(delivery.now)};
    const auto findings = pivotal::diagnose(delivery.secrets, delivery.body, delivery.headers, now);
    FUZZ_CHECK(!findings.empty());

    // Its first secret is the one in use.
    model::Delivery with_first = delivery;
    std::istringstream(delivery.secrets) >> with_first.secrets;
    std::optional<model::Event> event;
    const pivotal::Errc code = model::verify(with_first, event, false);
    FUZZ_CHECK((findings[0].finding == Finding::verified) == (code == model::accepted));

    std::istringstream words(delivery.secrets);
    std::string explanations;
    for (const auto& found : findings) {
        FUZZ_CHECK(!found.explanation.empty());
        explanations += found.explanation + "\n";
    }
    for (std::string secret; words >> secret;) FUZZ_CHECK(!has_piece_of(explanations, secret));
    const auto keys = model::read_secrets(delivery.secrets);
    const auto values_of = [&](const std::string& last) {
        std::vector<std::string> values;
        for (const auto& [name, value] : delivery.headers)
            if (model::lower(name) == "svix-" + last || model::lower(name) == "webhook-" + last)
                values.push_back(model::trim(value));
        return values;
    };
    for (const std::string& id : values_of("id"))
        for (const std::string& timestamp : values_of("timestamp"))
            for (const std::string& key : keys->hmac)
                FUZZ_CHECK(!has_piece_of(explanations,
                                         model::hmac_signature(key, id + "." + timestamp + "." + delivery.body)));
}
