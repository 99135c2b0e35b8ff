// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <openssl/crypto.h>

#include <pivotal/detail/core/base64.hpp>
#include <pivotal/detail/core/header_lookup.hpp>
#include <pivotal/detail/core/openssl.hpp>
#include <pivotal/detail/core/secret.hpp>
#include <pivotal/detail/core/signature_header.hpp>
#include <pivotal/detail/core/text.hpp>
#include <pivotal/detail/core/verifier.hpp>
#include <pivotal/finding.hpp>
#include <pivotal/headers.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

// What the sender may have used, according to the secrets and the headers: keys, ids, timestamps and signatures.

/// One change under which a signature may verify.
struct Change {
    Finding finding;
    std::string when;  // continues "The signature verifies when "
};

/// A secret on its way to a key. All that its memory ever held is wiped, what was cut off the text too.
struct SecretText {
    std::string text;

    explicit SecretText(std::string_view secret) {
        text.reserve(secret.size() + 16);  // what is put around a secret fits: no copy is left behind
        text = secret;
    }
    ~SecretText() { wipe(); }
    SecretText(const SecretText&) = delete;

    void wipe() noexcept {
        text.resize(text.capacity());
        OPENSSL_cleanse(text.data(), text.size());
    }
};

/// A key that may be the sender's, and the change that it stands for, if it is one.
struct KeyForm {
    KeyRing ring;        // of one key
    std::size_t secret;  // its place among the secrets given
    std::optional<Change> change;
};

/// A secret that Webhook refuses.
struct SecretProblem {
    Finding finding;
    std::size_t secret;
    const char* text;
    bool mended;  // the search goes on with what was meant
};

/// Mends one mistake of a secret that is refused; nullopt where it has none that is known.
inline std::optional<Finding> mend_secret(std::string& secret) {
    // Also those of typography, U+2018 to U+201E, byte by byte.
    constexpr std::string_view quotes = "\"'`\xE2\x80\x98\x99\x9C\x9D\x9E";
    const std::size_t begin = (std::min)(secret.find_first_not_of(quotes), secret.size());
    const std::size_t end = (std::max)(end_before(secret, quotes), begin);
    const auto is_ascii = [&](std::size_t at) { return static_cast<unsigned char>(secret[at]) < 0x80; };
    if (end - begin < secret.size() && (begin == end || (is_ascii(begin) && is_ascii(end - 1)))) {
        secret.erase(end).erase(0, begin);
        return Finding::secret_quoted;
    }
    if (starts_with(secret, "v1,") || starts_with(secret, "v1a,")) {
        secret.erase(0, secret.find(',') + 1);
        return Finding::secret_with_version;
    }
    for (const std::string_view prefix : {"whsec_", "whpk_"}) {
        const std::size_t at = find_ignoring_case(secret, prefix);
        if (at == secret.npos || starts_with(secret, prefix)) continue;
        secret.replace(at, prefix.size(), prefix).erase(0, at);
        return Finding::secret_malformed;
    }
    if (secret.empty() || obvious_mistake(secret)) return std::nullopt;
    SecretText standard(secret);
    const auto payload = standard.text.end() - static_cast<std::ptrdiff_t>(form_of(secret).base64.size());
    std::replace(payload, standard.text.end(), '-', '+');
    std::replace(payload, standard.text.end(), '_', '/');
    KeyRing ring;
    if (standard.text == secret || add_secret(ring, standard.text, 0)) return std::nullopt;
    secret.replace(0, secret.npos, standard.text);
    return Finding::secret_url_safe;
}

/// The keys of all secrets, which are separated by white space.
struct SecretForms {
    static constexpr std::size_t max_secrets = 16;

    std::vector<KeyForm> keys;  // those without a change come first
    std::vector<SecretProblem> problems;
    std::size_t count = 0;  // of the secrets given, of which max_secrets are looked at
    bool failed = false;    // inside OpenSSL

    explicit SecretForms(std::string_view secrets) {
        for (std::string_view secret = next_secret(secrets); !secret.empty(); secret = next_secret(secrets), ++count) {
            if (count >= max_secrets) continue;
            SecretText mended(secret);
            const std::size_t first = problems.size();
            const char* advice = add(secret);
            for (int left = 4; advice; --left) {  // mistakes that are mended of one secret
                const std::optional<Finding> mend = left > 0 ? mend_secret(mended.text) : std::nullopt;
                problems.push_back({mend.value_or(Finding::secret_malformed), count, advice, true});
                if (!mend) break;
                advice = mended.text.empty() ? secret_advice_unset : add(mended.text);
            }
            for (std::size_t i = first; advice && i < problems.size(); ++i) problems[i].mended = false;
            if (starts_with(mended.text, "whpk_") || starts_with(mended.text, "whsk_") || mended.text.empty() ||
                mended.text.size() > 2 * max_secret_size)
                continue;
            add_texts(mended.text);
            if (secret != mended.text) add(secret, "the text of the secret as it was given is the key");
        }
        if (count == 0) problems.push_back({Finding::secret_malformed, 0, secret_advice_unset, false});
    }

private:
    /// Adds a secret, or a text that is the key, with what that changes. Null, or why it is refused.
    const char* add(std::string_view text, const std::string& when = {}) {
        KeyForm form{{}, count, std::nullopt};
        if (!when.empty()) form.change = Change{Finding::secret_used_as_text, when};
        const Refusal refusal = form.change ? add_raw_key(form.ring, text) : add_secret(form.ring, text, 0);
        failed = failed || refusal.code == Errc::crypto_failure;
        if (refusal) return refusal.reason;
        const auto is_text = [](const KeyForm& key) { return key.change.has_value(); };
        keys.insert(form.change ? keys.end() : std::find_if(keys.begin(), keys.end(), is_text), std::move(form));
        return nullptr;
    }

    /// Adds the keys that senders make of the text of a secret by mistake.
    void add_texts(std::string_view secret) {
        const std::string_view bare = form_of(secret).base64;
        constexpr const char* around[][3] = {{"", "", ""},
                                             {"", "\n", " and a newline"},
                                             {"v1,", "", " behind v1,"},
                                             {"\"", "\"", " in quotes"},
                                             {"'", "'", " in quotes"}};
        for (const auto& [before, behind, name] : around)
            for (const std::string_view prefix : {"whsec_", ""}) {
                SecretText key(bare);
                key.text.insert(0, prefix).insert(0, before).append(behind);
                add(key.text, std::string("the key is the text of the secret") +
                                  (prefix.empty() ? " without whsec_" : "") + name +
                                  ", instead of the bytes that its base64 stands for");
            }
        // What a lenient decoder makes of the text when whsec_ is left on: Node takes _ for /, Python skips it; both
        // drop the bits that fill no byte.
        for (const std::string_view prefix : {"whsec/", "whsec"}) {
            SecretText key(bare.substr(0, bare.find('=')));
            key.text.insert(0, prefix);
            const std::size_t size = key.text.size() * 6 / 8;
            key.text.append((4 - key.text.size() % 4) % 4, 'A');
            auto* const bytes = reinterpret_cast<unsigned char*>(key.text.data());
            if (base64_decode(key.text, bytes, key.text.size()) != base64_invalid)
                add(std::string_view(key.text).substr(0, size), "whsec_ is decoded together with the base64 behind it");
        }
    }
};

inline constexpr std::array<std::string_view, 8> diagnosed_names = {
    "svix-id",           "svix-timestamp",    "svix-signature",   "webhook-id",
    "webhook-timestamp", "webhook-signature", "content-encoding", "content-length"};

/// What a HeaderSource has that a diagnosis looks at, copied: so that a source is read once.
struct SeenHeaders final : HeaderSink {
    std::vector<std::pair<std::string, std::string>> fields;  // in the source's order: a HeaderSource itself
    std::array<std::vector<std::string>, diagnosed_names.size()> values;  // of each name, those that are not empty

    explicit SeenHeaders(const HeaderSource& source) : HeaderSink(diagnosed_names) { source.read(*this); }

    bool wants(std::size_t) const noexcept override { return true; }
    void add(std::size_t index, std::string_view value) override {
        fields.emplace_back(name(index), trimmed(value));
        if (!fields.back().second.empty()) values[index].push_back(fields.back().second);
    }
    void keep(std::size_t index, std::string&& value) override { add(index, value); }

    std::string_view last(std::size_t index) const {
        return values[index].empty() ? std::string_view() : std::string_view(values[index].back());
    }
    /// Whether there is any of the family whose names begin at `first`, 0 or 3.
    bool has_family(std::size_t first) const {
        return !(values[first].empty() && values[first + 1].empty() && values[first + 2].empty());
    }
};

/// A text that may be the signed id or timestamp, or the signature (base64, of an HMAC perhaps without its end), and
/// the change that it stands for, if it is one.
struct HeaderForm {
    std::string text;
    std::optional<Change> change;
    SignatureVersion version{};  // of a signature
};

/// True for a timestamp in milliseconds, microseconds or nanoseconds.
inline bool is_in_small_units(std::string_view timestamp) noexcept {
    return (timestamp.size() == 13 || timestamp.size() == 16 || timestamp.size() == 19) &&
           timestamp.find_first_not_of("0123456789") == timestamp.npos;
}

/// All that may have been signed, or be the signature, according to the headers; what was sent comes first.
struct HeaderForms {
    std::vector<HeaderForm> ids, timestamps, signatures;

    /// `event_id` is the `id` of the body, or empty.
    HeaderForms(const SeenHeaders& seen, std::string_view event_id) {
        const std::size_t own = seen.has_family(0) ? 0 : 3;
        add_values(ids, seen, own);
        add_values(timestamps, seen, own + 1);
        const std::string time = timestamps.empty() ? "" : timestamps.front().text;
        const bool in_milliseconds = is_in_small_units(time);
        if (in_milliseconds || (time.size() == 10 && is_in_small_units(time + "000")))
            add(timestamps, in_milliseconds ? time.substr(0, 10) : time + "000",
                Change{Finding::timestamp_in_milliseconds, in_milliseconds
                                                               ? "the timestamp is written in seconds"
                                                               : "the timestamp is written in milliseconds"});
        add(ids, event_id,
            Change{Finding::event_id_for_header, "the event's own id is taken for the id that is signed"});
        if (!ids.empty() && !starts_with(ids.front().text, "msg_"))
            add(ids, "msg_" + ids.front().text, Change{Finding::header_trimmed, "msg_ is put back in front of the id"});

        std::optional<Change> change;
        for (const std::string_view value : seen.values[own + 2]) {
            add_signatures(value, change);
            change = joined(own + 2);
        }
        for (const std::string_view value : seen.values[5 - own]) add_signatures(value, mixed(5 - own));
        constexpr std::size_t max_signatures = 64;
        if (signatures.size() > max_signatures) signatures.resize(max_signatures);
    }

private:
    static Change mixed(std::size_t index) {
        return {Finding::headers_mixed, "the value of " + std::string(header_names[index]) + " is taken"};
    }
    static Change joined(std::size_t index) {
        return {Finding::headers_joined, "one of the values of " + std::string(header_names[index]) + " is taken"};
    }

    static void add(std::vector<HeaderForm>& forms, std::string_view text, std::optional<Change> change) {
        constexpr std::size_t max_forms = 12, max_size = 1024;
        const auto same = [&](const HeaderForm& form) { return form.text == text; };
        if (!text.empty() && text.size() <= max_size && forms.size() < max_forms &&
            std::none_of(forms.begin(), forms.end(), same))
            forms.push_back({std::string(text), std::move(change)});
    }

    /// The forms of the id or the timestamp at header_names[own], and those of its counterpart in the other family.
    static void add_values(std::vector<HeaderForm>& forms, const SeenHeaders& seen, std::size_t own) {
        const std::size_t other = own < 3 ? own + 3 : own - 3;
        for (const std::string_view value : seen.values[own])
            add(forms, value, forms.empty() ? std::nullopt : std::optional(joined(own)));
        for (std::string_view value : seen.values[own])
            for (std::string_view part; next_element(value, ',', part);) add(forms, trimmed(part), joined(own));
        for (const std::string_view value : seen.values[other]) add(forms, value, mixed(other));
    }

    void add_signatures(std::string_view header, const std::optional<Change>& change) {
        constexpr std::size_t hmac_length = 44;
        constexpr std::size_t least = 16;  // characters of an HMAC: they are 96 bits, and no coincidence
        constexpr std::string_view separators = " ,\"'";
        const Change cut{Finding::header_trimmed,
                         "the rest of the signature is put back, whose first characters are right"};
        const Change bare{Finding::header_trimmed, "the signature header has the form \"v1,<signature>\""};
        if (header.size() > max_signature_header_size) return;
        for_each_candidate(header, [&](SignatureVersion version, std::string_view text) {
            if (version == SignatureVersion::ed25519 || text.size() == hmac_length)
                signatures.push_back({std::string(text), change, version});
            else if (text.size() >= least && text.size() < hmac_length)
                signatures.push_back({std::string(text), cut, version});
        });
        // A signature without its version, in quotes, or behind a space that was put in.
        while (!header.empty()) {
            const std::string_view text = header.substr(0, header.find_first_of(separators));
            if (text.size() == hmac_length) signatures.push_back({std::string(text), bare, {}});
            header.remove_prefix((std::min)(text.size() + 1, header.size()));
        }
    }
};

}}}  // namespace pivotal::v1::detail
