// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include "cases.hpp"
#include "compare.hpp"
#include "harness.hpp"

namespace fuzz {

/// Made of an input: secrets, clock and tolerance by its first two bytes, then the body, then names and values of
/// headers. `@` in a value stands for the right HMAC signature and `#` for the right Ed25519 one, since no fuzzer
/// finds those.
inline model::Delivery read_delivery(std::string_view input) {
    static const std::string key = *model::decode_base64("C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
    static const model::Signer signer(std::string(32, 's'));
    static const std::string hmac_secret = "whsec_" + model::encode_base64(key);
    static const std::string other_secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    static const std::string public_key = "whpk_" + model::encode_base64(signer.public_key());

    const unsigned first = input.empty() ? 0 : static_cast<unsigned char>(input[0]);
    const unsigned second = input.size() < 2 ? 0 : static_cast<unsigned char>(input[1]);
    Fields fields(input.substr(input.size() < 2 ? input.size() : 2));

    model::Delivery delivery;
    switch (first % 4) {
        case 0:
            delivery.secrets = hmac_secret;
            break;
        case 1:
            delivery.secrets = public_key;
            break;
        case 2:
            delivery.secrets = other_secret + "\n" + hmac_secret;
            break;
        default:
            delivery.secrets = public_key + " " + other_secret + "\t" + hmac_secret;
            break;
    }
    delivery.now = 1'649'367'553 + (static_cast<int>(second) - 128) * 5;
    delivery.tolerance = first / 4 % 8 == 7 ? std::numeric_limits<std::int64_t>::max() : first / 4 % 8 == 6 ? -1 : 300;
    delivery.body = fields.next();
    while (!fields.empty() && delivery.headers.size() < 16) {
        const std::string name = fields.next();
        delivery.headers.emplace_back(name, fields.next());
    }

    // What is signed are the first values of the family that the placeholder stands in.
    for (auto& [name, value] : delivery.headers) {
        if (value.size() > 20'000) continue;
        const std::string family = model::lower(name).substr(0, name.find('-') + 1);
        const auto first_of = [&](const std::string& last) {
            for (const auto& [other, text] : delivery.headers)
                if (model::lower(other) == family + last && !model::trim(text).empty()) return model::trim(text);
            return std::string();
        };
        const std::string content = first_of("id") + "." + first_of("timestamp") + "." + delivery.body;
        std::string filled;
        int signatures = 0;
        for (const char c : value) {
            if (c == '@' && signatures < 8)
                filled += "v1," + model::hmac_signature(key, content), ++signatures;
            else if (c == '#' && signatures < 8)
                filled += "v1a," + model::encode_base64(signer.sign(content)), ++signatures;
            else
                filled += c;
        }
        value = filled;
    }
    return delivery;
}

inline void check(const model::Delivery& delivery, model::Source source) {
    if (source != model::Source::range && delivery.headers.size() < 3) return;
    const std::string difference = model::Comparison(delivery).differs(source, true);
    if (!difference.empty()) std::fprintf(stderr, "source %d: %s\n", static_cast<int>(source), difference.c_str());
    FUZZ_CHECK(difference.empty());
}

}  // namespace fuzz
