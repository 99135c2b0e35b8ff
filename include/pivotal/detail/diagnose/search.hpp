// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <pivotal/detail/core/hmac_sha256.hpp>
#include <pivotal/detail/core/numeric_locale.hpp>
#include <pivotal/detail/core/openssl.hpp>
#include <pivotal/detail/core/timestamp.hpp>
#include <pivotal/detail/diagnose/bodies.hpp>
#include <pivotal/detail/diagnose/gzip.hpp>
#include <pivotal/detail/diagnose/headers.hpp>
#include <pivotal/detail/diagnose/json.hpp>
#include <pivotal/detail/diagnose/secrets.hpp>
#include <pivotal/finding.hpp>

namespace pivotal { inline namespace v1 { namespace detail { inline namespace PIVOTAL_DETAIL_JSON_ABI {

/// A delivery, and what it may mean; nothing has been tried yet.
struct Evidence {
    NumericLocale locale;  // of all that nlohmann/json reads
    std::string_view body;
    GzipCodec codec;
    const SeenHeaders& seen;
    FoundHeaders found;  // what Webhook looks at, of `seen`
    SecretForms secrets;
    JsonBody json;
    HeaderForms headers;

    Evidence(std::string_view secret_texts, std::string_view body_, const SeenHeaders& seen_, GzipCodec codec_)
        : body(body_),
          codec(codec_),
          seen(seen_),
          found(chosen_headers(seen)),
          secrets(secret_texts),
          json(may_vary() ? TextParts(body).core : std::string_view()),
          headers(seen, json.event_id()) {}
    Evidence(const Evidence&) = delete;
    Evidence& operator=(const Evidence&) = delete;

    bool may_vary() const noexcept { return locale && body.size() <= max_diagnosed_body; }

    /// False where there is nothing to search with: no key, no signature, no id or no timestamp.
    bool is_complete() const noexcept {
        return !headers.prefixes.empty() && !headers.signatures.empty() && !secrets.keys.empty();
    }
};

/// Changes of one kind, each with an allowance of its own, so that none takes the work from the others.
struct ChangeGroup {
    enum Index { headers, secret, frame, charset, wrapping, gzip, style };

    static constexpr std::size_t work = std::size_t{48} << 20;  // in bytes that are hashed or written
};

inline constexpr std::array<const char*, 7> change_groups = {
    "the event's id used as the header's, headers of two families mixed, joined or trimmed, a timestamp in "
    "milliseconds",
    "the secret used as text, quoted, url-safe or with v1, in front",
    "a newline, CRLF, byte order mark or white space added or removed, LF and CRLF exchanged",
    "UTF-8 and Latin-1 exchanged",
    "base64 or a JSON string and what it holds exchanged",
    "gzip and its content exchanged",
    "a body that a JSON library wrote again (minified, indented by 2, 3 or 4 spaces or a tab, keys sorted, / escaped "
    "or not, non-ASCII escaped or not)",
};

/// What a search ended with.
struct SearchResult {
    enum class Outcome { nothing, proved, failed };  // failed inside OpenSSL

    Outcome outcome = Outcome::nothing;
    std::size_t attempts = 0;
    /// Of each group: how many changes at once were all tried. Two, unless its work was used up.
    std::array<int, change_groups.size()> finished = {2, 2, 2, 2, 2, 2, 2};

    // Where it is proved:
    std::vector<Change> changes;
    std::string timestamp;     // the one that was signed
    std::size_t secret = 0;    // whose key it was
    bool key_as_it_is = true;  // and not made of the secret in another way
};

/// Looks for the changes of body, headers and key under which the signature of one delivery verifies. The
/// simplest explanation wins: no change, one, then two together.
class SignatureSearch {
public:
    static SearchResult run(const Evidence& evidence) {
        const ErrorQueueGuard guard;
        SignatureSearch search(evidence);
        if (evidence.is_complete())
            while (search.is_on() && search.changes_ <= 2) {
                search.try_each_text();
                ++search.changes_;
            }
        return std::move(search.result_);
    }

private:
    using Outcome = SearchResult::Outcome;

    explicit SignatureSearch(const Evidence& evidence) : evidence_(evidence), frames_(Frame::all()) {
        left_.fill(ChangeGroup::work);
        if (!evidence.may_vary()) frames_.resize(1);
    }

    bool is_on() const noexcept { return result_.outcome == Outcome::nothing; }

    /// False where the group has no work left for changes of this number.
    bool has_work(std::size_t group) const noexcept { return result_.finished[group] >= changes_; }

    /// False where that is more than the group has left.
    bool spend(std::size_t group, std::size_t bytes) noexcept {
        if (left_[group] < bytes) {
            left_[group] = 0;
            result_.finished[group] = (std::min)(result_.finished[group], changes_ - 1);
            return false;
        }
        left_[group] -= bytes;
        return true;
    }

    void try_each_text() {
        try_text(evidence_.body, nullptr, 0);
        if (changes_ == 0 || !evidence_.may_vary()) return;
        const auto spend_on = [&](std::size_t group) {
            return [this, group](std::size_t bytes) { return spend(group, bytes); };
        };
        const auto use_in = [&](std::size_t group) {
            return [this, group](std::string_view text, const Change& change) {
                return text == evidence_.body || try_text(text, &change, group);
            };
        };
        for_each_charset(evidence_.body, use_in(ChangeGroup::charset));
        for_each_wrapping(evidence_.body, use_in(ChangeGroup::wrapping));
        for_each_gzip(evidence_.body, evidence_.codec, parse_timestamp(evidence_.found.timestamp).value_or(0),
                      spend_on(ChangeGroup::gzip), use_in(ChangeGroup::gzip));
        const TextParts parts(evidence_.body);
        evidence_.json.for_each_style(spend_on(ChangeGroup::style), [&](std::string_view text,
                                                                        const std::string& style) {
            const Change change{Finding::body_reserialized, "the body is written as JSON in another style: " + style,
                                "A JSON library (or a formatter) parsed the body and wrote it again in its own style. "
                                "Verify the raw body first, as it came, and parse it afterwards."};
            return use_in(ChangeGroup::style)(std::string(parts.front).append(text).append(parts.tail), change);
        });
    }

    /// Tries what is `changes_` away from the delivery and has this text, which is another than the body where
    /// there is a change. False where it makes no sense to go on with the group.
    bool try_text(std::string_view text, const Change* change, std::size_t group) {
        const TextParts parts(text);
        for (const Frame& frame : frames_) {
            const int rest = changes_ - frame.changes() - (change ? 1 : 0);
            if (rest < 0) break;
            const bool varies = change || frame.changes() > 0;
            if (!change) group = ChangeGroup::frame;
            if (varies && !spend(group, text.size() / 4)) return false;  // a copy is cheaper than the rest
            const std::optional<std::string> framed = varies ? frame.around(parts) : std::optional<std::string>();
            if (varies && !framed) continue;
            for (const PrefixForm& prefix : evidence_.headers.prefixes)
                for (const KeyForm& key : evidence_.secrets.keys) {
                    if (prefix.changes + (key.change ? 1 : 0) != rest) continue;
                    if (!varies) group = key.change ? ChangeGroup::secret : ChangeGroup::headers;
                    const std::string_view body = varies ? std::string_view(*framed) : text;
                    const SignatureForm* const signature = fitting_signature(key, prefix.text, body, group);
                    if (signature) {
                        if (change) result_.changes.push_back(*change);
                        frame.describe(parts.tail, result_.changes);
                        prove(key, prefix, *signature);
                    }
                    if (!is_on() || (varies && !has_work(group))) return false;
                }
        }
        return true;
    }

    void prove(const KeyForm& key, const PrefixForm& prefix, const SignatureForm& signature) {
        for (const auto* change : {&prefix.id->change, &prefix.timestamp->change, &signature.change, &key.change})
            if (*change) result_.changes.push_back(**change);
        result_.timestamp = prefix.timestamp->text;
        result_.secret = key.secret;
        result_.key_as_it_is = !key.change;
        result_.outcome = Outcome::proved;
    }

    /// The signature that belongs to this key, prefix and body, or null.
    const SignatureForm* fitting_signature(const KeyForm& key, const std::string& before, std::string_view body,
                                           std::size_t group) {
        // What Webhook tries as well is tried whatever it costs.
        if (changes_ > 0 && !spend(group, body.size() + 512)) return nullptr;
        ++result_.attempts;
        return key.ed25519 ? fitting(*key.ed25519, before, body, group) : fitting(*key.hmac, before, body);
    }

    const SignatureForm* fitting(const HmacSha256Key& hmac, std::string_view before, std::string_view body) {
        const ScratchContext scratch;
        SecretBytes<sha256_size> tag;
        SecretBytes<44 + 1> expected;
        if (!hmac.compute(scratch, before, body, tag) || EVP_EncodeBlock(expected.data, tag.data, sha256_size) != 44) {
            result_.outcome = Outcome::failed;
            return nullptr;
        }
        for (const SignatureForm& form : evidence_.headers.signatures)
            if (form.version == SignatureVersion::hmac_sha256 &&
                equal_in_constant_time(reinterpret_cast<const unsigned char*>(form.text.data()), expected.data,
                                       form.text.size()))
                return &form;
        return nullptr;
    }

    const SignatureForm* fitting(const Ed25519Key& ed25519, std::string_view before, std::string_view body,
                                 std::size_t group) {
        constexpr std::size_t cost = 65'536;  // a verification takes as long as hashing this many bytes
        const std::string content = std::string(before).append(body);
        for (const SignatureForm& form : evidence_.headers.signatures) {
            unsigned char bytes[ed25519_signature_size];
            if (form.version != SignatureVersion::ed25519 ||
                base64_decode(form.text, bytes, sizeof bytes) != sizeof bytes)
                continue;
            if (changes_ > 0 && !spend(group, cost)) return nullptr;
            const Ed25519Result result = ed25519.verify(bytes, content);
            if (result == Ed25519Result::match) return &form;
            if (result == Ed25519Result::failure) {
                result_.outcome = Outcome::failed;
                return nullptr;
            }
        }
        return nullptr;
    }

    const Evidence& evidence_;
    std::vector<Frame> frames_;
    int changes_ = 0;  // that are made at once
    std::array<std::size_t, change_groups.size()> left_{};
    SearchResult result_;
};

}}}}  // namespace pivotal::v1::detail::PIVOTAL_DETAIL_JSON_ABI
