// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace pivotal {
inline namespace v1 {

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
    body_truncated,      ///< Looks so: cut at a buffer's size, or shorter than `content-length`.
    body_still_gzip,  ///< The gzip bytes instead of the decompressed body. Proved with zlib, else looks so.
    body_was_gunzipped,  ///< Decompressed, where the gzip bytes were signed. Proved with zlib, else looks so.
    body_empty,          ///< Looks so: read already by something else.

    // The secret.
    secret_used_as_text,  ///< Proved: the sender's key is the text of the secret, not what its base64 stands
                          ///< for.
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
    switch (finding) {
        case Finding::verified:
            return "verified";
        case Finding::body_reserialized:
            return "body_reserialized";
        case Finding::body_end_changed:
            return "body_end_changed";
        case Finding::body_start_changed:
            return "body_start_changed";
        case Finding::body_line_ends:
            return "body_line_ends";
        case Finding::body_charset:
            return "body_charset";
        case Finding::body_truncated:
            return "body_truncated";
        case Finding::body_still_gzip:
            return "body_still_gzip";
        case Finding::body_was_gunzipped:
            return "body_was_gunzipped";
        case Finding::body_empty:
            return "body_empty";
        case Finding::secret_used_as_text:
            return "secret_used_as_text";
        case Finding::secret_with_version:
            return "secret_with_version";
        case Finding::secret_url_safe:
            return "secret_url_safe";
        case Finding::secret_quoted:
            return "secret_quoted";
        case Finding::secret_malformed:
            return "secret_malformed";
        case Finding::secret_is_another:
            return "secret_is_another";
        case Finding::header_missing:
            return "header_missing";
        case Finding::header_malformed:
            return "header_malformed";
        case Finding::headers_mixed:
            return "headers_mixed";
        case Finding::headers_joined:
            return "headers_joined";
        case Finding::header_trimmed:
            return "header_trimmed";
        case Finding::event_id_for_header:
            return "event_id_for_header";
        case Finding::timestamp_in_milliseconds:
            return "timestamp_in_milliseconds";
        case Finding::clock_wrong:
            return "clock_wrong";
        case Finding::crypto_failure:
            return "crypto_failure";
        case Finding::unexplained:
            return "unexplained";
    }
    return "unknown";
}

/// One thing that diagnose() found.
struct Diagnosis {
    Finding finding;
    /// What it is, why it is believed and what to do about it: English prose for a developer. It holds no
    /// secret, no signature and no byte of a header or body.
    std::string explanation;
};

namespace detail {

/// One change under which a signature may verify.
struct Change {
    Finding finding;
    std::string when;    // continues "The signature verifies when "
    std::string advice;  // a sentence of its own
};

}  // namespace detail
}  // namespace v1
}  // namespace pivotal
