// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pivotal/detail/core/base64.hpp>
#include <pivotal/detail/core/openssl.hpp>
#include <pivotal/detail/core/secret.hpp>
#include <pivotal/detail/core/text.hpp>
#include <pivotal/finding.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

/// A secret on its way to a key. All that its memory ever held is wiped, what was cut off the text too.
class SecretText {
public:
    explicit SecretText(std::string_view text) {
        text_.reserve(text.size() + 16);  // what is put around a secret fits: no copy is left behind
        text_ = text;
    }
    ~SecretText() { wipe(); }
    SecretText(const SecretText&) = delete;
    SecretText& operator=(const SecretText&) = delete;

    std::string& text() noexcept { return text_; }
    std::string_view view() const noexcept { return text_; }

    void wipe() noexcept {
        text_.resize(text_.capacity());
        OPENSSL_cleanse(text_.data(), text_.size());
    }

private:
    std::string text_;
};

/// A key that may be the sender's, and the change that it stands for, if it is one.
struct KeyForm {
    std::optional<HmacSha256Key> hmac;
    std::optional<Ed25519Key> ed25519;
    std::size_t secret = 0;  // its place among the secrets given
    std::optional<Change> change;
};

/// A secret that Webhook refuses.
struct SecretProblem {
    Finding finding;
    std::size_t secret;
    std::string text;
    bool mended;  // the search goes on with what was meant
};

/// A mistake that was mended.
struct Mended {
    Finding finding;
    const char* advice = nullptr;  // null: Webhook's own says it
};

/// Mends one mistake of a secret that is refused; nullopt where it has none that is known.
inline std::optional<Mended> mend_secret(std::string& secret) {
    const std::size_t size = secret.size();
    for (int twice = 0; twice < 2; ++twice)  // of one kind within another
        for (const std::string_view quote :
             {"\"", "'", "`", "\xE2\x80\x98", "\xE2\x80\x99", "\xE2\x80\x9C", "\xE2\x80\x9D", "\xE2\x80\x9E"}) {
            while (starts_with(secret, quote)) secret.erase(0, quote.size());
            while (secret.size() >= quote.size() &&
                   secret.compare(secret.size() - quote.size(), quote.size(), quote) == 0)
                secret.erase(secret.size() - quote.size());
        }
    if (secret.size() < size) return Mended{Finding::secret_quoted};
    for (const std::string_view version : {"v1,", "v1a,"})
        if (starts_with(secret, version)) {
            secret.erase(0, version.size());
            return Mended{Finding::secret_with_version};
        }
    for (const std::string_view prefix : {"whsec_", "whpk_"}) {
        if (starts_with(secret, prefix)) break;
        if (equals_ignoring_case(std::string_view(secret).substr(0, prefix.size()), prefix)) {
            secret.replace(0, prefix.size(), prefix);
            return Mended{Finding::secret_malformed, "its prefix must be in lower case (whsec_, whpk_)"};
        }
        if (const std::size_t at = secret.find(prefix); at != secret.npos) {
            secret.erase(0, at);
            return Mended{Finding::secret_malformed,
                          "there is text in front of its prefix (the variable's name, or a byte order mark?): "
                          "remove what stands in front"};
        }
    }
    if (secret.empty() || obvious_mistake(secret)) return std::nullopt;
    SecretText standard(secret);
    const std::size_t payload = secret.size() - form_of(secret).base64.size();
    const auto begin = standard.text().begin() + static_cast<std::ptrdiff_t>(payload);
    std::replace(begin, standard.text().end(), '-', '+');
    std::replace(begin, standard.text().end(), '_', '/');
    KeyRing ring;
    if (standard.view() == secret || add_secret(ring, standard.view(), 0)) return std::nullopt;
    secret.replace(payload, secret.npos, standard.view(), payload, standard.view().npos);
    return Mended{Finding::secret_url_safe};
}

/// Calls `add(key, when)` with the keys that senders make of the text of a secret by mistake.
template <class Add>
void for_each_text_key(std::string_view secret, Add&& add) {
    const std::string_view bare = form_of(secret).base64;
    struct Around {
        std::string_view before, behind;
        const char* name;
    };
    for (const Around& around :
         {Around{"", "", ""}, Around{"", "\n", " and a newline"}, Around{"v1,", "", " behind v1,"},
          Around{"\"", "\"", " in quotes"}, Around{"'", "'", " in quotes"}})
        for (const std::string_view prefix : {"whsec_", ""}) {
            SecretText key(bare);
            key.text().insert(0, prefix).insert(0, around.before).append(around.behind);
            add(key.view(), std::string("the key is the text of the secret") +
                                (prefix.empty() ? " without whsec_" : "") + around.name +
                                ", instead of the bytes that its base64 stands for");
        }

    // What a lenient decoder makes of the text when whsec_ is left on: Node takes _ for /, Python skips it;
    // both drop the bits that fill no byte.
    for (const std::string_view prefix : {"whsec/", "whsec"}) {
        SecretText text(bare.substr(0, bare.find('=')));
        text.text().insert(0, prefix);
        const std::size_t size = text.view().size() * 6 / 8;
        text.text().append((4 - text.view().size() % 4) % 4, 'A');
        SecretBytes<2 * max_secret_size> key;
        if (base64_decode(text.view(), key.data, key.size()) != base64_invalid)
            add(std::string_view(reinterpret_cast<const char*>(key.data), size),
                "whsec_ is decoded together with the base64 behind it");
    }
}

/// The keys of all secrets, which are separated by white space.
class SecretForms {
public:
    static constexpr std::size_t max_secrets = 16;

    std::vector<KeyForm> keys;  // those without a change come first, in the order of the secrets
    std::vector<SecretProblem> problems;
    std::size_t count = 0;  // of the secrets given, of which max_secrets are looked at
    bool failed = false;    // inside OpenSSL

    explicit SecretForms(std::string_view secrets) {
        const ErrorQueueGuard guard;
        for (std::string_view secret = next_secret(secrets); !secret.empty(); secret = next_secret(secrets), ++count)
            if (count < max_secrets) add_secret_and_texts(secret);
        if (count == 0) problems.push_back({Finding::secret_malformed, 0, secret_advice_unset, false});
        std::move(as_text_.begin(), as_text_.end(), std::back_inserter(keys));
    }

private:
    void add_secret_and_texts(std::string_view secret) {
        SecretText mended(secret);
        const std::size_t first = problems.size();
        const char* advice = add_key(secret);
        for (std::optional<Mended> made; advice && (made = mend_secret(mended.text()));) {
            problems.push_back({made->finding, count, made->advice ? made->advice : advice, true});
            advice = mended.view().empty() ? secret_advice_unset : add_key(mended.view());
        }
        if (advice) {
            problems.push_back({Finding::secret_malformed, count, advice, false});
            for (std::size_t i = first; i < problems.size(); ++i) problems[i].mended = false;
        }
        if (starts_with(mended.view(), "whpk_") || starts_with(mended.view(), "whsk_") || mended.view().empty() ||
            mended.view().size() > 2 * max_secret_size)
            return;
        const auto add = [&](std::string_view key, std::string when) { add_text_key(key, std::move(when)); };
        for_each_text_key(mended.view(), add);
        if (secret != mended.view()) add(secret, "the text of the secret as it was given is the key");
    }

    /// Null, or why it is refused.
    const char* add_key(std::string_view secret) {
        KeyRing ring;
        const Refusal refusal = add_secret(ring, secret, 0);
        failed = failed || refusal.code == Errc::crypto_failure;
        if (refusal) return refusal.reason;
        KeyForm form;
        form.secret = count;
        if (ring.ed25519.empty())
            form.hmac = std::move(ring.hmac.back().key);
        else
            form.ed25519 = std::move(ring.ed25519.back().key);
        keys.push_back(std::move(form));
        return nullptr;
    }

    void add_text_key(std::string_view key, std::string when) {
        KeyForm form;
        form.hmac.emplace(reinterpret_cast<const unsigned char*>(key.data()), key.size());
        form.secret = count;
        form.change =
            Change{Finding::secret_used_as_text, std::move(when),
                   "The key is what the base64 behind whsec_ stands for, not its text. The sender of this delivery "
                   "(a test script of yours?) doesn't decode it, or not strictly."};
        failed = failed || !*form.hmac;
        if (*form.hmac) as_text_.push_back(std::move(form));
    }

    std::vector<KeyForm> as_text_;
};

}}}  // namespace pivotal::v1::detail
