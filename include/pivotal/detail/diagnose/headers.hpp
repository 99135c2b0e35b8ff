// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <pivotal/detail/core/base64.hpp>
#include <pivotal/detail/core/header_lookup.hpp>
#include <pivotal/detail/core/signature_header.hpp>
#include <pivotal/detail/core/text.hpp>
#include <pivotal/detail/core/timestamp.hpp>
#include <pivotal/detail/core/verifier.hpp>
#include <pivotal/finding.hpp>
#include <pivotal/headers.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

inline constexpr std::array<std::string_view, 8> diagnosed_names = {
    "svix-id",           "svix-timestamp",    "svix-signature",   "webhook-id",
    "webhook-timestamp", "webhook-signature", "content-encoding", "content-length"};

/// What a HeaderSource has that a diagnosis looks at, copied: so that a source is read once.
class SeenHeaders final : public HeaderSink {
public:
    explicit SeenHeaders(const HeaderSource& source) : HeaderSink(diagnosed_names) { source.read(*this); }

    bool wants(std::size_t) const noexcept override { return true; }
    void add(std::size_t index, std::string_view value) override { fields.emplace_back(name(index), trimmed(value)); }
    void keep(std::size_t index, std::string&& value) override { add(index, value); }

    /// The values under diagnosed_names[index] that are not empty.
    std::vector<std::string_view> values(std::size_t index) const {
        std::vector<std::string_view> found;
        for (const auto& [name, value] : fields)
            if (name == diagnosed_names[index] && !value.empty()) found.push_back(value);
        return found;
    }

    bool has(std::size_t index) const { return !values(index).empty(); }

    /// The place of the first name of the family that Webhook looks at.
    std::size_t family() const { return has_family(0) ? 0 : 3; }
    bool has_family(std::size_t first) const { return has(first) || has(first + 1) || has(first + 2); }

    std::string_view content_encoding() const { return last(6); }
    std::string_view content_length() const { return last(7); }

    /// Under their own names, in the source's order: a HeaderSource itself.
    std::vector<std::pair<std::string, std::string>> fields;

private:
    std::string_view last(std::size_t index) const {
        const auto found = values(index);
        return found.empty() ? std::string_view() : found.back();
    }
};

/// What Webhook looks at.
inline FoundHeaders chosen_headers(const SeenHeaders& seen) {
    std::optional<HeaderTable> table;
    return find_headers(seen.fields, table);
}

/// A text that may be the signed id or timestamp, and the change that it stands for, if it is one.
struct HeaderForm {
    std::string text;
    std::optional<Change> change;
};

/// An id and a timestamp together, as the signed content starts with them.
struct PrefixForm {
    std::string text;  // `id.timestamp.`
    int changes;
    const HeaderForm* id;
    const HeaderForm* timestamp;
};

/// A signature that may be the one: base64, of an HMAC perhaps without its end.
struct SignatureForm {
    SignatureVersion version;
    std::string text;
    std::optional<Change> change;
};

/// All that may have been signed, or be the signature, according to the headers; what was sent comes first.
class HeaderForms {
public:
    std::vector<PrefixForm> prefixes;  // those with the fewest changes first
    std::vector<SignatureForm> signatures;

    /// `event_id` is the `id` of the body, or empty.
    HeaderForms(const SeenHeaders& seen, std::string_view event_id) {
        const std::size_t own = seen.family();
        const std::size_t other = 3 - own;
        add_values(ids_, seen, own, other);
        add_values(timestamps_, seen, own + 1, other + 1);
        add_time_units();
        add(ids_, event_id,
            Change{Finding::event_id_for_header, "the event's own id is taken for the id that is signed",
                   "The id in the header (svix-id, msg_...) and the event's id (evt_...) are two things; what "
                   "is signed is the header's. The sender of this delivery signs the event's."});
        if (!ids_.empty() && ids_.front().text.substr(0, 4) != "msg_")
            add(ids_, "msg_" + ids_.front().text, trimmed_change("msg_ is put back in front of the id"));
        for (const HeaderForm& id : ids_)
            for (const HeaderForm& timestamp : timestamps_) {
                const bool one_cause = id.change && timestamp.change && id.change->finding == timestamp.change->finding;
                const int changes = (id.change ? 1 : 0) + (timestamp.change && !one_cause ? 1 : 0);
                prefixes.push_back({id.text + '.' + timestamp.text + '.', changes, &id, &timestamp});
            }
        // Equal ones in the order of the forms, which lie in two vectors.
        std::sort(prefixes.begin(), prefixes.end(), [](const PrefixForm& a, const PrefixForm& b) {
            return std::tie(a.changes, a.id, a.timestamp) < std::tie(b.changes, b.id, b.timestamp);
        });

        std::optional<Change> change;
        for (const std::string_view value : seen.values(own + 2)) {
            add_signatures(value, change);
            change = joined_change(own + 2);
        }
        for (const std::string_view value : seen.values(other + 2)) add_signatures(value, mixed_change(other + 2));
    }
    HeaderForms(const HeaderForms&) = delete;
    HeaderForms& operator=(const HeaderForms&) = delete;

private:
    static Change mixed_change(std::size_t index) {
        return {Finding::headers_mixed, "the value of " + std::string(header_names[index]) + " is taken",
                "The svix- and the webhook- headers of this delivery don't agree. All three must come from "
                "one family, and svix- goes first: pass on the headers that the sender sent, and remove a "
                "proxy's renaming of some of them."};
    }

    static Change joined_change(std::size_t index) {
        return {Finding::headers_joined, "one of the values of " + std::string(header_names[index]) + " is taken",
                "This header came twice, or something in between joined two of them into one (\"a, b\"). Find "
                "the proxy that adds a header instead of replacing it."};
    }

    static Change trimmed_change(const char* when) {
        return {Finding::header_trimmed, when,
                "Something in between cuts or rewrites header values: a proxy's rule, a field of limited "
                "length, or code that splits the value. Pass the header on as it came."};
    }

    static void add(std::vector<HeaderForm>& forms, std::string_view text, std::optional<Change> change) {
        constexpr std::size_t max_forms = 12, max_size = 1024;
        const auto same = [&](const HeaderForm& form) { return form.text == text; };
        if (!text.empty() && text.size() <= max_size && forms.size() < max_forms &&
            std::none_of(forms.begin(), forms.end(), same))
            forms.push_back({std::string(text), std::move(change)});
    }

    /// The forms of the id or the timestamp at header_names[own], whose counterpart in the other family is
    /// header_names[other].
    static void add_values(std::vector<HeaderForm>& forms, const SeenHeaders& seen, std::size_t own,
                           std::size_t other) {
        for (const std::string_view value : seen.values(own))
            add(forms, value, forms.empty() ? std::nullopt : std::optional(joined_change(own)));
        for (std::string_view value : seen.values(own))
            for (std::string_view part; next_element(value, ',', part);) add(forms, trimmed(part), joined_change(own));
        for (const std::string_view value : seen.values(other)) add(forms, value, mixed_change(other));
    }

    /// The timestamps that are meant by one in milliseconds, microseconds or nanoseconds, and the other way
    /// round.
    void add_time_units() {
        const std::string text = timestamps_.empty() ? "" : timestamps_.front().text;
        if (text.find_first_not_of("0123456789") != text.npos) return;
        const auto add_unit = [&](const std::string& other, const char* when) {
            add(timestamps_, other,
                Change{Finding::timestamp_in_milliseconds, when,
                       "Standard Webhooks counts seconds, in the header and in the signed content; "
                       "JavaScript's Date.now() is in milliseconds."});
        };
        if (text.size() == 13 || text.size() == 16 || text.size() == 19)
            add_unit(text.substr(0, 10), "the timestamp is written in seconds");
        if (text.size() == 10) add_unit(text + "000", "the timestamp is written in milliseconds");
    }

    void add_signatures(std::string_view header, const std::optional<Change>& change) {
        constexpr std::size_t hmac_length = 44;
        constexpr std::size_t least = 16;  // characters of an HMAC: they are 96 bits, and no coincidence
        if (header.size() > max_signature_header_size) return;
        for_each_candidate(header, [&](SignatureVersion version, std::string_view text) {
            if (version == SignatureVersion::ed25519 || text.size() == hmac_length)
                add_signature({version, std::string(text), change});
            else if (text.size() >= least && text.size() < hmac_length)
                add_signature({version, std::string(text),
                               trimmed_change("the rest of the signature is put back, whose first characters "
                                              "are right")});
        });
        // A signature without its version, in quotes, or behind a space that was put in.
        for (std::size_t begin = 0; (begin = header.find_first_not_of(" ,\"'", begin)) != header.npos;) {
            const std::size_t end = (std::min)(header.find_first_of(" ,\"'", begin), header.size());
            if (end - begin == hmac_length)
                add_signature({SignatureVersion::hmac_sha256, std::string(header.substr(begin, hmac_length)),
                               trimmed_change("the signature header has the form \"v1,<signature>\"")});
            begin = end;
        }
    }

    void add_signature(SignatureForm form) {
        constexpr std::size_t max_signatures = 64;
        if (signatures.size() < max_signatures) signatures.push_back(std::move(form));
    }

    std::vector<HeaderForm> ids_, timestamps_;
};

}}}  // namespace pivotal::v1::detail
