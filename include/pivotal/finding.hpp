// SPDX-License-Identifier: MIT
#pragma once

#include <pivotal/detail/core/attributes.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace pivotal { inline namespace v1 {

/// What diagnose() found. "Proved" means that the signature verifies once this one thing is changed; "looks
/// so" that the evidence is strong and cannot be proved.
enum class Finding {
    verified,  ///< Nothing is wrong: Webhook::authenticate accepts this delivery under the first secret.

    // The body is not the bytes that were signed.
    body_reserialized,   ///< Proved: a JSON library parsed it and wrote it again, in another style.
    body_end_changed,    ///< Proved: a newline, white space or NUL was added or removed at its end.
    body_start_changed,  ///< Proved: a byte order mark or white space was added or removed at its start.
    body_line_ends,      ///< Proved: LF was turned into CRLF, or CRLF into LF.
    body_charset,        ///< Proved: UTF-8 was read or written as Latin-1 (or Windows-1252).
    body_base64,         ///< Proved: it is base64 of what was signed (or the other way round).
    body_json_string,    ///< Proved: it is a JSON string that holds what was signed (or the other way round).
    body_truncated,      ///< Looks so: it ends in the middle of a JSON text, or is shorter than `content-length`.
    body_still_gzip,     ///< The gzip bytes instead of the decompressed body. Proved with zlib, else looks so.
    body_was_gunzipped,  ///< Decompressed, where the gzip bytes were signed. Proved with zlib, else looks so.
    body_empty,          ///< Looks so: read already by something else.

    // The secret.
    secret_used_as_text,  ///< Proved: the sender's key is the secret's text, not what its base64 stands for.
    secret_with_version,  ///< `v1,` stands in front of the secret.
    secret_url_safe,      ///< The secret is url-safe base64 (with `-` and `_`).
    secret_quoted,        ///< The secret has quotes around it.
    secret_malformed,     ///< The secret is no secret in another way; the explanation says in which.
    secret_is_another,    ///< Proved: signed with another of the secrets given than the first.

    // The headers.
    header_missing,       ///< One or more of the three are absent.
    header_malformed,     ///< A header is not of its form; the explanation says how.
    headers_mixed,        ///< Proved: the values belong together across `svix-` and `webhook-` names.
    headers_joined,       ///< Proved: a header came twice, or a proxy joined two into one (`a, b`).
    header_trimmed,       ///< Proved: something was cut off a header's value.
    event_id_for_header,  ///< The `id` of the event was used instead of `svix-id`. Proved, or looks so.

    // The time.
    timestamp_in_milliseconds,  ///< The timestamp is not in seconds.
    clock_wrong,                ///< Proved: the signature is good, and the time is too far from this clock.

    crypto_failure,  ///< OpenSSL could not do its work.
    unexplained,     ///< Nothing that was tried explains it; the explanation lists what was ruled out.
};

/// The enumerator's name, such as "body_reserialized", for logs and tests. Thread-safe.
constexpr std::string_view to_string(Finding finding) noexcept {
    std::string_view names =
        "verified body_reserialized body_end_changed body_start_changed body_line_ends body_charset body_base64 "
        "body_json_string body_truncated body_still_gzip body_was_gunzipped body_empty secret_used_as_text "
        "secret_with_version secret_url_safe secret_quoted secret_malformed secret_is_another header_missing "
        "header_malformed headers_mixed headers_joined header_trimmed event_id_for_header timestamp_in_milliseconds "
        "clock_wrong crypto_failure unexplained unknown";
    if (finding < Finding::verified || finding > Finding::unexplained) return names.substr(names.rfind(' ') + 1);
    for (int i = 0; i < static_cast<int>(finding); ++i) names.remove_prefix(names.find(' ') + 1);
    return names.substr(0, names.find(' '));
}

/// One thing that diagnose() found.
struct Diagnosis {
    Finding finding;  ///< Which of the list it is.
    /// What it is, why it is believed and what to do about it: English prose for a developer. It holds no
    /// secret, no signature and no byte of a header or body.
    std::string explanation;
};

}}  // namespace pivotal::v1
