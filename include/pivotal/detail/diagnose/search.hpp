// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <pivotal/detail/core/hmac_sha256.hpp>
#include <pivotal/detail/core/numeric_locale.hpp>
#include <pivotal/detail/core/openssl.hpp>
#include <pivotal/detail/core/timestamp.hpp>
#include <pivotal/detail/diagnose/bodies.hpp>
#include <pivotal/detail/diagnose/json.hpp>
#include <pivotal/detail/diagnose/sender.hpp>
#include <pivotal/finding.hpp>

namespace pivotal { inline namespace v1 { namespace detail { inline namespace PIVOTAL_DETAIL_JSON_ABI {

/// A delivery, and what it may mean; nothing has been tried yet.
struct Evidence {
    NumericLocale locale;  // of all that nlohmann/json reads
    std::string_view body;
    GzipCodec codec;
    const SeenHeaders& seen;
    std::optional<HeaderTable> table;
    FoundHeaders found;  // what Webhook looks at, of `seen`
    SecretForms secrets;
    JsonBody json;
    HeaderForms headers;

    Evidence(std::string_view secret_texts, std::string_view body_, const SeenHeaders& seen_, GzipCodec codec_)
        : body(body_),
          codec(codec_),
          seen(seen_),
          found(find_headers(seen.fields, table)),
          secrets(secret_texts),
          json(may_vary() ? TextParts(body).core : std::string_view()),
          headers(seen, json.event_id) {}

    bool may_vary() const noexcept { return locale && body.size() <= max_diagnosed_body; }

    /// False where there is nothing to search with: no key, no signature, no id or no timestamp.
    bool is_complete() const noexcept {
        return !headers.ids.empty() && !headers.timestamps.empty() && !headers.signatures.empty() &&
               !secrets.keys.empty();
    }
};

/// Kinds of changes, each with an allowance of its own, so that none takes the work from the others.
enum ChangeGroup : std::size_t { of_headers, of_secret, of_frame, of_charset, of_wrapping, of_gzip, of_style };

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
    bool proved = false, failed = false;  // failed inside OpenSSL
    std::size_t attempts = 0;
    /// Of each group: how many changes at once were all tried. Two, unless its work was used up.
    std::array<std::size_t, change_groups.size()> finished = {2, 2, 2, 2, 2, 2, 2};

    // Where it is proved:
    std::vector<Change> changes;
    std::string timestamp;         // the one that was signed
    const KeyForm* key = nullptr;  // the one that signed
};

/// Looks for the changes of body, headers and key under which the signature of one delivery verifies. The
/// simplest explanation wins: no change, one, then two together.
class SignatureSearch {
public:
    static SearchResult run(const Evidence& evidence) {
        const ErrorQueueGuard guard;
        SignatureSearch search(evidence);
        for (; evidence.is_complete() && search.is_on() && search.changes_ <= 2; ++search.changes_)
            search.try_text(evidence.body, 0);
        return std::move(search.result_);
    }

private:
    explicit SignatureSearch(const Evidence& evidence) : evidence_(evidence) { left_.fill(std::size_t{48} << 20); }

    bool is_on() const noexcept { return !result_.proved && !result_.failed; }

    /// False where that is more bytes, hashed or written, than the group has left, or it is over.
    bool spend(ChangeGroup group, std::size_t bytes) noexcept {
        if (!is_on() || left_[group] < bytes) {
            left_[group] = 0;
            result_.finished[group] = (std::min)(result_.finished[group], changes_ - 1);
            return false;
        }
        left_[group] -= bytes;
        return true;
    }

    /// Tries what is `changes_` away from the delivery and has this text, and then what changes the text further: its
    /// frame from the part `first` on. False where it makes no sense to go on with the group.
    bool try_text(std::string_view text, int first) {
        const std::size_t left = changes_ - result_.changes.size();
        const bool varies = !result_.changes.empty();
        for (const HeaderForm& id : evidence_.headers.ids)
            for (const HeaderForm& timestamp : evidence_.headers.timestamps) {
                const bool one_cause = id.change && timestamp.change && id.change->finding == timestamp.change->finding;
                const std::size_t changes = (id.change ? 1U : 0U) + (timestamp.change && !one_cause ? 1U : 0U);
                for (const KeyForm& key : evidence_.secrets.keys) {
                    if (changes + (key.change ? 1U : 0U) != left) continue;
                    if (!varies) group_ = key.change ? of_secret : of_headers;
                    if (const HeaderForm* const signature = fitting(key, id.text + '.' + timestamp.text + '.', text)) {
                        for (const auto* change : {&id.change, &timestamp.change, &signature->change, &key.change})
                            if (*change) result_.changes.push_back(**change);
                        result_.timestamp = timestamp.text;
                        result_.key = &key;
                        result_.proved = true;
                    }
                    if (!is_on() || (varies && result_.finished[group_] < changes_)) return false;
                }
            }
        if (left == 0 || !evidence_.may_vary()) return true;

        const auto use_in = [&](ChangeGroup group) {
            return [this, text, varies, group](std::string_view other, Change change, int next = 0) {
                if (other == text) return true;
                if (!varies) group_ = group;
                if (!spend(group_, other.size() / 4)) return false;  // a copy is cheaper than the rest
                result_.changes.push_back(std::move(change));
                const bool goes_on = try_text(other, next);
                if (!result_.proved) result_.changes.pop_back();
                return goes_on;
            };
        };
        for_each_frame(text, first, use_in(of_frame));
        if (varies) return is_on() && result_.finished[group_] >= changes_;
        const auto spend_on = [this](ChangeGroup group) {
            return [this, group](std::size_t bytes) { return spend(group, bytes); };
        };
        for_each_charset(text, use_in(of_charset));
        for_each_wrapping(text, use_in(of_wrapping));
        for_each_gzip(text, evidence_.codec, parse_timestamp(evidence_.found.timestamp).value_or(0), spend_on(of_gzip),
                      use_in(of_gzip));
        const TextParts parts(text);
        evidence_.json.for_each_style(spend_on(of_style), [&](std::string_view json, const std::string& style) {
            return use_in(of_style)(
                std::string(parts.front).append(json).append(parts.tail),
                {Finding::body_reserialized, "the body is written as JSON in another style: " + style});
        });
        return true;
    }

    /// The signature that belongs to this key, prefix and body, or null.
    const HeaderForm* fitting(const KeyForm& key, const std::string& before, std::string_view body) {
        constexpr std::size_t ed25519_cost = 65'536;  // a verification takes as long as hashing this many bytes
        // What Webhook tries as well is tried whatever it costs.
        if (changes_ > 0 && !spend(group_, body.size() + 512)) return nullptr;
        ++result_.attempts;
        SecretBytes<44 + 1> expected;
        std::string content;
        if (key.ring.hmac.empty()) {
            content.append(before).append(body);
        } else {
            const ScratchContext scratch;
            SecretBytes<sha256_size> tag;
            result_.failed = !key.ring.hmac.front().key.compute(scratch, before, body, tag) ||
                             EVP_EncodeBlock(expected.data, tag.data, sha256_size) != 44;
        }
        for (const HeaderForm& form : evidence_.headers.signatures) {
            unsigned char bytes[ed25519_signature_size];
            if (result_.failed) break;
            if (form.version == SignatureVersion::hmac_sha256) {
                if (!key.ring.hmac.empty() &&
                    equal_in_constant_time(reinterpret_cast<const unsigned char*>(form.text.data()), expected.data,
                                           form.text.size()))
                    return &form;
            } else if (key.ring.hmac.empty() && base64_decode(form.text, bytes, sizeof bytes) == sizeof bytes) {
                if (changes_ > 0 && !spend(group_, ed25519_cost)) break;
                const Ed25519Result result = key.ring.ed25519.front().key.verify(bytes, content);
                if (result == Ed25519Result::match) return &form;
                result_.failed = result == Ed25519Result::failure;
            }
        }
        return nullptr;
    }

    const Evidence& evidence_;
    std::size_t changes_ = 0;  // that are made at once
    ChangeGroup group_ = of_headers;
    std::array<std::size_t, change_groups.size()> left_{};
    SearchResult result_;
};

}}}}  // namespace pivotal::v1::detail::PIVOTAL_DETAIL_JSON_ABI
