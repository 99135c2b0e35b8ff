// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
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

namespace pivotal {
inline namespace v1 {
namespace detail {

/// What a HeaderSource has that a diagnosis looks at, copied: so that a source is read once.
struct SeenHeaders {
    /// The signing headers under their own names, in the source's order: a HeaderSource itself.
    std::vector<std::pair<std::string, std::string>> signing;
    std::string content_encoding, content_length;

    void add(std::string_view name, std::string_view value) {
        value = trimmed(value);
        const std::size_t index = HeaderTable::index_of(name);
        if (index != HeaderTable::npos)
            signing.emplace_back(header_names[index], value);
        else if (equals_ignoring_case(name, "content-encoding"))
            content_encoding = value;
        else if (equals_ignoring_case(name, "content-length"))
            content_length = value;
    }

    /// The values under header_names[index] that are not empty.
    std::vector<std::string_view> values(std::size_t index) const {
        std::vector<std::string_view> found;
        for (const auto& [name, value] : signing)
            if (name == header_names[index] && !value.empty()) found.push_back(value);
        return found;
    }

    bool has(std::size_t index) const { return !values(index).empty(); }
};

template <class HeaderSource>
void see_headers(const HeaderSource& source, SeenHeaders& seen) {
    if constexpr (is_header_callable<HeaderSource>) {
        const auto call = [&](const char* name) {
            auto&& value = source(name);
            seen.add(name, text_of(value));
        };
        for (const char* const name : header_names) call(name);
        call("content-encoding");
        call("content-length");
    } else {
        for (auto&& field : source) seen.add(text_of(field.first), text_of(field.second));
    }
}

/// What Webhook looks at.
inline FoundHeaders chosen_headers(const SeenHeaders& seen) {
    return with_ranged_headers(seen.signing, [](const FoundHeaders& found) { return found; });
}

/// A text that may be the signed id or timestamp, and the change that it stands for, if it is one.
struct HeaderForm {
    std::string text;
    std::optional<Change> change;
};

/// A signature that may be the one.
struct SignatureForm {
    SignatureVersion version = SignatureVersion::hmac_sha256;
    unsigned char bytes[ed25519_signature_size] = {};
    std::string cut;  // base64 without its end, instead of the bytes
    std::optional<Change> change;
};

/// All that may have been signed, or be the signature, according to the headers; what was sent comes first.
struct HeaderForms {
    static constexpr std::size_t max_forms = 12, max_signatures = 64;

    std::vector<HeaderForm> ids, timestamps;
    std::vector<SignatureForm> signatures;

    static void add(std::vector<HeaderForm>& forms, std::string text, std::optional<Change> change) {
        constexpr std::size_t max_size = 1024;
        const auto same = [&](const HeaderForm& form) { return form.text == text; };
        if (!text.empty() && text.size() <= max_size && forms.size() < max_forms &&
            std::none_of(forms.begin(), forms.end(), same))
            forms.push_back({std::move(text), std::move(change)});
    }
};

inline Change mixed_change(std::size_t index) {
    return {Finding::headers_mixed, std::string("the value of ") + header_names[index] + " is taken",
            "The svix- and the webhook- headers of this delivery don't agree. All three must come from one "
            "family, and svix- goes first: pass on the headers that the sender sent, and remove a proxy's "
            "renaming of some of them."};
}

inline Change joined_change(const char* name) {
    return {
        Finding::headers_joined, std::string("one of the values of ") + name + " is taken",
        "This header came twice, or something in between joined two of them into one (\"a, b\"). Find the "
        "proxy that adds a header instead of replacing it."};
}

inline Change trimmed_change(std::string when) {
    return {
        Finding::header_trimmed, std::move(when),
        "Something in between cuts or rewrites header values: a proxy's rule, a field of limited length, or "
        "code that splits the value. Pass the header on as it came."};
}

/// The forms of the id or the timestamp at header_names[own], whose counterpart in the other family is
/// header_names[other].
inline void add_header_forms(const SeenHeaders& seen, std::size_t own, std::size_t other,
                             std::vector<HeaderForm>& forms) {
    const std::vector<std::string_view> values = seen.values(own);
    for (const std::string_view value : values)
        HeaderForms::add(forms, std::string(value),
                         forms.empty() ? std::nullopt : std::optional(joined_change(header_names[own])));
    for (const std::string_view value : values) {
        if (value.find(',') == value.npos) continue;
        for (std::size_t begin = 0; begin <= value.size();) {
            const std::size_t end = std::min(value.find(',', begin), value.size());
            HeaderForms::add(forms, std::string(trimmed(value.substr(begin, end - begin))),
                             joined_change(header_names[own]));
            begin = end + 1;
        }
    }
    for (const std::string_view value : seen.values(other))
        HeaderForms::add(forms, std::string(value), mixed_change(other));
}

/// The timestamps that are meant by one in milliseconds, microseconds or nanoseconds, and the other way
/// round.
inline void add_time_units(std::vector<HeaderForm>& forms) {
    const auto add = [&](std::string text, const char* when) {
        HeaderForms::add(
            forms, std::move(text),
            Change{Finding::timestamp_in_milliseconds, when,
                   "Standard Webhooks counts seconds, in the header and in the signed content; JavaScript's "
                   "Date.now() is in milliseconds."});
    };
    if (forms.empty()) return;
    const std::string text = forms.front().text;
    if (text.find_first_not_of("0123456789") != text.npos) return;
    for (const std::size_t excess : {3U, 6U, 9U})
        if (text.size() == 10 + excess) add(text.substr(0, 10), "the timestamp is written in seconds");
    if (text.size() == 10) add(text + "000", "the timestamp is written in milliseconds");
}

inline void add_signatures(std::string_view header, const std::optional<Change>& change,
                           std::vector<SignatureForm>& signatures) {
    constexpr std::size_t hmac_length = 44, least_cut = 16;  // 16 characters are 96 bits: no coincidence
    const auto add = [&](SignatureVersion version, std::string_view text, const std::optional<Change>& why) {
        SignatureForm form;
        form.version = version;
        form.change = why;
        const std::size_t size = version == SignatureVersion::ed25519 ? ed25519_signature_size : sha256_size;
        if (signatures.size() < HeaderForms::max_signatures && base64_decode(text, form.bytes, size) == size)
            signatures.push_back(std::move(form));
    };
    const auto add_cut = [&](std::string_view text, const char* when) {
        SignatureForm form;
        form.cut = text;
        form.change = trimmed_change(when);
        if (signatures.size() < HeaderForms::max_signatures) signatures.push_back(std::move(form));
    };

    if (header.size() > max_signature_header_size) return;
    for_each_candidate(header, [&](SignatureVersion version, std::string_view text) {
        if (version == SignatureVersion::ed25519 || text.size() == hmac_length)
            add(version, text, change);
        else if (text.size() == hmac_length - 1)
            add(version, text, trimmed_change("the padding (=) is put back at the end of the signature"));
        else if (text.size() >= least_cut && text.size() < hmac_length - 1)
            add_cut(text, "the rest of the signature is put back, whose first characters are right");
    });
    // A signature without its version, in quotes, or behind a space that was put in.
    for (std::size_t begin = 0; begin < header.size();) {
        begin = std::min(header.find_first_not_of(" ,\"'", begin), header.size());
        const std::size_t end = std::min(header.find_first_of(" ,\"'", begin), header.size());
        const std::string_view element = header.substr(begin, end - begin);
        if (element.size() == hmac_length)
            add(SignatureVersion::hmac_sha256, element,
                trimmed_change("the signature header has the form \"v1,<signature>\""));
        begin = end;
    }
}

/// Everything that the headers may mean; `event_id` is the `id` of the body, or empty.
inline HeaderForms header_forms(const SeenHeaders& seen, std::string_view event_id) {
    const std::size_t own = seen.has(0) || seen.has(1) || seen.has(2) ? 0 : 3;
    const std::size_t other = 3 - own;
    HeaderForms forms;
    add_header_forms(seen, own, other, forms.ids);
    add_header_forms(seen, own + 1, other + 1, forms.timestamps);
    add_time_units(forms.timestamps);
    HeaderForms::add(
        forms.ids, std::string(event_id),
        Change{Finding::event_id_for_header, "the event's own id is taken for the id that is signed",
               "The id in the header (svix-id, msg_...) and the event's id (evt_...) are two things; what is "
               "signed is the header's. The sender of this delivery signs the event's."});
    if (!forms.ids.empty() && forms.ids.front().text.substr(0, 4) != "msg_")
        HeaderForms::add(forms.ids, "msg_" + forms.ids.front().text,
                         trimmed_change("msg_ is put back in front of the id"));

    bool first = true;
    for (const std::string_view value : seen.values(own + 2)) {
        add_signatures(value, first ? std::nullopt : std::optional(joined_change(header_names[own + 2])),
                       forms.signatures);
        first = false;
    }
    for (const std::string_view value : seen.values(other + 2))
        add_signatures(value, mixed_change(other + 2), forms.signatures);
    return forms;
}

/// An id and a timestamp together, as the signed content starts with them.
struct PrefixForm {
    std::string text;  // `id.timestamp.`
    int changes = 0;
    const HeaderForm* id = nullptr;
    const HeaderForm* timestamp = nullptr;
};

/// All pairs; those with the fewest changes first.
inline std::vector<PrefixForm> prefix_forms(const HeaderForms& forms) {
    std::vector<PrefixForm> prefixes;
    for (const HeaderForm& id : forms.ids)
        for (const HeaderForm& timestamp : forms.timestamps) {
            const bool one_cause =
                id.change && timestamp.change && id.change->finding == timestamp.change->finding;
            const int changes = one_cause ? 1 : (id.change ? 1 : 0) + (timestamp.change ? 1 : 0);
            prefixes.push_back({id.text + '.' + timestamp.text + '.', changes, &id, &timestamp});
        }
    // Equal ones in the order of the forms, which lie in two vectors.
    std::sort(prefixes.begin(), prefixes.end(), [](const PrefixForm& a, const PrefixForm& b) {
        return std::tie(a.changes, a.id, a.timestamp) < std::tie(b.changes, b.id, b.timestamp);
    });
    return prefixes;
}

}  // namespace detail
}  // namespace v1
}  // namespace pivotal
