// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <pivotal/detail/core/hmac_sha256.hpp>
#include <pivotal/detail/core/openssl.hpp>
#include <pivotal/detail/core/timestamp.hpp>
#include <pivotal/detail/diagnose/bodies.hpp>
#include <pivotal/detail/diagnose/gzip.hpp>
#include <pivotal/detail/diagnose/headers.hpp>
#include <pivotal/detail/diagnose/secrets.hpp>
#include <pivotal/finding.hpp>

namespace pivotal {
inline namespace v1 {
namespace detail {

/// Looks for the changes of body, headers and key under which the signature of one delivery verifies. The
/// simplest explanation wins: no change, one, then two together.
class SignatureSearch {
public:
    SignatureSearch(std::string_view secret_texts, std::string_view body, const SeenHeaders& seen,
                    GzipCodec codec)
        : found(chosen_headers(seen)),
          secrets(secret_texts),
          bodies(body, codec, parse_timestamp(found.timestamp).value_or(0), budget),
          headers(header_forms(seen, bodies.event_id())),
          prefixes(prefix_forms(headers)) {}
    SignatureSearch(const SignatureSearch&) = delete;
    SignatureSearch& operator=(const SignatureSearch&) = delete;

    const FoundHeaders found;  // what Webhook would look at
    const SecretForms secrets;
    DiagnosisBudget budget;
    BodyVariants bodies;
    const HeaderForms headers;
    const std::vector<PrefixForm> prefixes;

    // What was found.
    const KeyForm* key = nullptr;
    const PrefixForm* prefix = nullptr;
    const SignatureForm* signature = nullptr;
    bool failed = false;  // inside OpenSSL

    /// False where there is nothing to search with: no key, no signature, no id or no timestamp.
    bool possible() const noexcept {
        return !prefixes.empty() && !headers.signatures.empty() && !secrets.keys.empty();
    }

    /// True where one of the secrets is one, as it is or mended: else nothing can be ruled out.
    bool has_secret() const noexcept {
        return std::any_of(secrets.keys.begin(), secrets.keys.end(),
                           [](const KeyForm& form) { return !form.change; });
    }

    /// True where there is a signature of a kind (HMAC, Ed25519) that there is a key for.
    bool comparable() const noexcept {
        for (const SignatureForm& form : headers.signatures)
            for (const KeyForm& key_form : secrets.keys)
                if (key_form.ed25519.has_value() == (form.version == SignatureVersion::ed25519)) return true;
        return false;
    }

    /// True where the signature was made to verify.
    bool run() {
        const ErrorQueueGuard guard;
        for (int changes = 0; changes <= 2 && possible() && !done(); ++changes)
            bodies.for_each(changes, [&](std::string_view body, int changed) {
                for (const PrefixForm& prefix_form : prefixes)
                    for (const KeyForm& key_form : secrets.keys)
                        if (changed + prefix_form.changes + (key_form.change ? 1 : 0) == changes) {
                            attempt(key_form, prefix_form, body);
                            if (done()) return true;
                        }
                return false;
            });
        return key != nullptr;
    }

    /// The changes of what was found.
    std::vector<Change> changes() const {
        std::vector<Change> made = bodies.changes();
        for (const auto* change :
             {&prefix->id->change, &prefix->timestamp->change, &signature->change, &key->change})
            if (*change) made.push_back(**change);
        return made;
    }

private:
    bool done() const noexcept { return key || failed || budget.exhausted; }

    void attempt(const KeyForm& key_form, const PrefixForm& prefix_form, std::string_view body) {
        if (!budget.attempt(body.size() + 256)) return;
        signature = key_form.ed25519 ? fitting(*key_form.ed25519, prefix_form.text, body)
                                     : fitting(*key_form.hmac, prefix_form.text, body);
        if (!signature) return;
        key = &key_form;
        prefix = &prefix_form;
    }

    /// The signature that belongs to this key, prefix and body, or null.
    const SignatureForm* fitting(const HmacSha256Key& hmac, std::string_view before, std::string_view body) {
        const ScratchContext scratch;
        SecretBytes<sha256_size> expected;
        SecretBytes<44 + 1> text;
        if (!hmac.compute(scratch, before, body, expected) ||
            EVP_EncodeBlock(text.data, expected.data, sha256_size) != 44) {
            failed = true;
            return nullptr;
        }
        for (const SignatureForm& form : headers.signatures) {
            const auto* const cut = reinterpret_cast<const unsigned char*>(form.cut.data());
            if (form.cut.empty() ? form.version == SignatureVersion::hmac_sha256 &&
                                       equal_in_constant_time(form.bytes, expected.data, sha256_size)
                                 : equal_in_constant_time(cut, text.data, form.cut.size()))
                return &form;
        }
        return nullptr;
    }

    const SignatureForm* fitting(const Ed25519Key& ed25519, std::string_view before, std::string_view body) {
        constexpr std::size_t cost = 65'536;  // a verification takes as long as hashing this many bytes
        const std::string content = std::string(before).append(body);
        for (const SignatureForm& form : headers.signatures) {
            if (form.version != SignatureVersion::ed25519 || !form.cut.empty()) continue;
            if (!budget.spend(cost)) return nullptr;
            const Ed25519Result result = ed25519.verify(form.bytes, content);
            if (result == Ed25519Result::match) return &form;
            failed = result == Ed25519Result::failure;
            if (failed) return nullptr;
        }
        return nullptr;
    }
};

}  // namespace detail
}  // namespace v1
}  // namespace pivotal
