// SPDX-License-Identifier: MIT
#include <pivotal/detail/core/signature_header.hpp>

#include <utility>
#include <vector>

#include "harness.hpp"
#include "model.hpp"

FUZZ_TARGET(signature_header) {
    using pivotal::detail::SignatureVersion;
    using Candidates = std::vector<std::pair<SignatureVersion, std::string>>;
    Candidates found, expected;
    pivotal::detail::for_each_candidate(
        input, [&](SignatureVersion version, std::string_view text) { found.emplace_back(version, text); });
    for (const std::string& part : model::split(std::string(input), ' ')) {
        const auto elements = model::split(part, ',');
        for (std::size_t i = 1; i < elements.size(); ++i) {
            if (elements[i - 1] == "v1") expected.emplace_back(SignatureVersion::hmac_sha256, elements[i]);
            if (elements[i - 1] == "v1a") expected.emplace_back(SignatureVersion::ed25519, elements[i]);
        }
    }
    FUZZ_CHECK(found == expected);
}
