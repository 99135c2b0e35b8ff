// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <pivotal/body.hpp>
#include <pivotal/detail/core/numeric_locale.hpp>
#include <pivotal/detail/core/refusal.hpp>
#include <pivotal/detail/core/timestamp.hpp>
#include <pivotal/detail/core/verifier.hpp>
#include <pivotal/detail/diagnose/search.hpp>
#include <pivotal/event.hpp>
#include <pivotal/finding.hpp>

namespace pivotal { inline namespace v1 { namespace detail { inline namespace PIVOTAL_DETAIL_JSON_ABI {

/// What to do about a change under which the signature verifies.
inline constexpr std::pair<Finding, const char*> advices[] = {
    {Finding::body_reserialized, "A JSON library wrote it again: verify the raw body first, and parse it afterwards."},
    {Finding::body_end_changed, "Editors, echo, trim() and `curl -d @file` change it (curl: use --data-binary)."},
    {Finding::body_start_changed, "Editors and text decoders change it: pass the bytes exactly as they came."},
    {Finding::body_line_ends, "Text mode, autocrlf, dos2unix or unix2dos changed them: read and write it as binary."},
    {Finding::body_charset, "A string type that converts encodings changed it: pass the bytes as they came."},
    {Finding::body_base64, "API Gateway, Lambda (isBase64Encoded) and queues do it: verify the bytes that were sent."},
    {Finding::body_json_string, "JSON.stringify of a string, or a queue, does it: verify the body that was sent."},
    {Finding::body_still_gzip, "What was signed is the text inside the gzip: decompress it before verifying."},
    {Finding::body_was_gunzipped, "The gzip was signed, and a proxy or the server unpacked it: verify its bytes."},
    {Finding::secret_used_as_text, "The key is what the base64 stands for: this sender (a test script?) is wrong."},
    {Finding::headers_mixed, "All three must come from one family, svix- first: has a proxy renamed some of them?"},
    {Finding::headers_joined, "It came twice, or joined from two (\"a, b\"): find the proxy that adds a header."},
    {Finding::header_trimmed, "A proxy or a limited field cuts it, or code splits it: pass it on as it came."},
    {Finding::event_id_for_header, "The header's id (msg_...) is to be signed; this sender signs the event's."},
    {Finding::timestamp_in_milliseconds, "Standard Webhooks counts seconds, in the header and in what is signed."},
};

/// True for the beginning of a JSON object.
inline bool is_cut_json(std::string_view text) {
    if (TextParts(text).core.substr(0, 1) != "{") return false;
    try {
        return nlohmann::json::parse(text.begin(), text.end()).is_discarded();
    } catch (const nlohmann::json::parse_error& error) {
        return error.byte > text.size();
    } catch (const nlohmann::json::out_of_range&) {  // a number that nlohmann cannot represent
        return false;
    }
}

/// Of a delivery that is accepted.
inline Diagnosis nothing_wrong(Body body) {
    std::string text =
        "Nothing is wrong: the signature verifies with the first secret, and the time is within the tolerance.";
    try {
        Event::parse(body);
    } catch (const WebhookVerificationError& refusal) {
        const NumericLocale locale;
        text.append(" But the body is no event, so Webhook::verify refuses it: ")
            .append(body.size() == 0 ? "it was empty when it was signed"
                    : locale && body.size() <= max_diagnosed_body && is_cut_json(body.view())
                        ? "it ends in the middle of a JSON text, so it was cut before it was signed"
                        : refusal.what())
            .append(".");
    }
    return {Finding::verified, text};
}

/// Such as "402 s (6 min 42 s)".
inline std::string in_words(std::int64_t seconds) {
    std::string text = std::to_string(seconds) + " s";
    constexpr std::tuple<int, const char*, int, const char*> units[] = {
        {86'400, " d ", 3600, " h)"}, {3600, " h ", 60, " min)"}, {60, " min ", 1, " s)"}};
    for (const auto& [unit, name, part, part_name] : units)
        if (seconds >= unit)
            return text + " (" + std::to_string(seconds / unit) + name + std::to_string(seconds % unit / part) +
                   part_name;
    return text;
}

/// The kinds of changes, by their ChangeGroup.
inline constexpr const char* change_groups[group_count] = {
    "the event's id for the header's, headers of two families mixed, joined or trimmed, a timestamp in milliseconds",
    "the secret used as text, quoted, url-safe or with v1, in front",
    "a newline, CRLF, byte order mark or white space added or removed, LF and CRLF exchanged",
    "UTF-8 and Latin-1 exchanged",
    "base64 or a JSON string and what it holds exchanged",
    "gzip and its content exchanged",
    ("a body that a JSON library wrote again (minified, indented by 2, 3 or 4 spaces or a tab, keys sorted, / escaped "
     "or not, non-ASCII escaped or not)"),
};

/// Says what a search found, or that it found nothing.
struct DiagnosisReport {
    const Evidence& evidence;
    const SearchResult& result;
    const std::optional<Delivery>& delivery;  // where a Webhook that is given all of the secrets accepts it
    std::chrono::system_clock::time_point now;
    std::chrono::seconds tolerance;
    std::vector<Diagnosis> diagnoses{};

    std::vector<Diagnosis> take() {
        if (result.failed || evidence.secrets.failed)
            return {{Finding::crypto_failure,
                     "OpenSSL could not compute a signature: is its default provider loaded, and is there memory?"}};
        report_secrets();
        if (result.proved) report_proof();
        report_headers();
        const FoundHeaders& found = evidence.found;
        if (result.proved) report_time();
        if (delivery || result.proved) report_secret(delivery ? delivery->secret : result.key->secret);
        // Without a secret, as it is or mended, or without a header nothing can be ruled out; that was told.
        else if (!found.id.empty() && !found.timestamp.empty() && !found.signature.empty() && evidence.is_complete() &&
                 !evidence.secrets.keys.front().change && !report_looks())
            report_unexplained();
        if (diagnoses.empty())  // the one thing that Webhook does not look at, and the search does
            report(Finding::header_malformed,
                   "The signature fits, but stands behind the v1a signatures that Webhook looks at.");
        return std::move(diagnoses);
    }

    void report(Finding finding, std::string explanation) { diagnoses.push_back({finding, std::move(explanation)}); }

    /// With a full stop, unless it is a question.
    static std::string ended(std::string text) { return text.back() == '?' ? text : text + '.'; }

    std::string name_of_secret(std::size_t place) const {
        const std::size_t count = evidence.secrets.count;
        return count < 2 ? "the secret" : "secret " + std::to_string(place + 1) + " of " + std::to_string(count);
    }

    void report_secrets() {
        for (const auto& [finding, place, problem, mended] : evidence.secrets.problems) {
            std::string text = ended("Webhook refuses " + name_of_secret(place) + ": " + problem);
            if (place > 0 && !mended) text += " Or is it the rest of the secret before, broken into two lines?";
            if (mended && result.proved && result.key->secret == place && !result.key->change)
                text += " With that mended the key is the right one.";
            if (mended && !result.proved && evidence.is_complete())
                text += " Mended, it does not make the signature of this delivery verify.";
            report(finding, std::move(text));
        }
    }

    void report_proof() {
        std::vector<Diagnosis> causes;  // changes of one cause are told together
        for (const Change& change : result.changes) {
            const auto is_same = [&](const Diagnosis& cause) { return cause.finding == change.finding; };
            const auto known = std::find_if(causes.begin(), causes.end(), is_same);
            if (known == causes.end())
                causes.push_back({change.finding, "The signature verifies when " + change.when});
            else
                known->explanation += " and " + change.when;
        }
        for (auto& [finding, text] : causes) {
            text += causes.size() > 1 ? ", together with the other change that is reported. " : ". ";
            for (const auto& [known, advice] : advices)
                if (known == finding) text += advice;
            report(finding, std::move(text));
        }
    }

    /// What Webhook refuses before it looks at the signature, if no change accounts for it.
    void report_headers() {
        const auto accounts = [&](Finding first, Finding last) {
            const auto is_one = [&](const Change& change) { return change.finding >= first && change.finding <= last; };
            return std::any_of(result.changes.begin(), result.changes.end(), is_one);
        };
        const std::string but = result.proved ? "The signature fits, but " : "As it is, ";
        std::int64_t seconds = 0;
        const Refusal refusal = check_headers(evidence.found, now, (std::chrono::seconds::max)(), seconds);
        std::string text = ended(but + "Webhook refuses the headers: " + sentence(refusal));
        if (is_in_small_units(evidence.found.timestamp)) {
            if (!accounts(Finding::timestamp_in_milliseconds, Finding::timestamp_in_milliseconds))
                report(Finding::timestamp_in_milliseconds,
                       but + "the timestamp is not in seconds: the sender must divide it, in what it signs too.");
        } else if (refusal.code == Errc::missing_header) {
            if (evidence.seen.has_family(3))
                text += evidence.seen.has_family(0)
                            ? " The webhook- headers are not looked at once there is any svix- header."
                            : " There is no svix- header, so the webhook- headers are looked at.";
            if (!result.proved) report(Finding::header_missing, std::move(text));
        } else if (refusal) {
            if (!accounts(Finding::headers_mixed, Finding::event_id_for_header))
                report(evidence.found.repeated && result.proved ? Finding::headers_joined : Finding::header_malformed,
                       std::move(text));
        } else if (evidence.headers.signatures.empty()) {
            report(Finding::header_malformed,
                   "It holds no signature of a known version (v1,<base64> or v1a,<base64>): is it another header's?");
        }
    }

    void report_time() {
        const auto seconds = parse_timestamp(
            std::string_view(result.timestamp).substr(0, is_in_small_units(result.timestamp) ? 10 : 19));
        const Refusal refusal = seconds ? check_time(*seconds, now, tolerance) : accepted;
        if (refusal) {
            const bool old = refusal.code == Errc::timestamp_too_old;
            std::string text =
                "The signature is good, but it was made " + in_words(refusal.distance) +
                (old ? " ago" : " in the future") + " by the clock that it is compared with, and " +
                std::to_string(refusal.allowed) + " s are allowed. " +
                (old ? "Either this is an old delivery (saved, replayed, or held up), or this clock is fast."
                     : "This clock is slow, or the sender's is fast.");
            const std::int64_t hours = (refusal.distance + 1800) / 3600;
            if (hours >= 1 && hours <= 14 && std::abs(refusal.distance - hours * 3600) <= refusal.allowed)
                text += " It is close to " + std::to_string(hours) + (hours == 1 ? " hour" : " hours") +
                        ": is a local time taken for UTC?";
            report(Finding::clock_wrong, text + " Synchronise clocks (NTP); don't raise the tolerance.");
        }
    }

    void report_secret(std::size_t used) {
        if (used == 0) return;
        report(Finding::secret_is_another,
               "The signature was made with " + name_of_secret(used) + ", not with the first. " +
                   (delivery ? "A Webhook that has all of them accepts it. " : "") +
                   (evidence.json.is_test
                        ? "As livemode is false, it may be the test endpoint's: each has its own."
                        : "It may be another endpoint's, or the one before a rotation (used for 24 hours more)."));
    }

    /// What cannot be proved, but has its looks. False where there is nothing of the kind.
    bool report_looks() {
        const std::size_t before = diagnoses.size();
        const std::string_view body = evidence.body, length = evidence.seen.last(7);
        std::size_t announced = 0;
        const char* const read = std::from_chars(length.data(), length.data() + length.size(), announced).ptr;
        const bool is_short = read == length.data() + length.size() && announced > body.size();
        if (body.empty())
            report(Finding::body_empty,
                   "The body is empty. It looks as if something read it already: a middleware, or a parser.");
        else if (is_gzip(body) && !evidence.codec)
            report(Finding::body_still_gzip,
                   "It looks as if the body was still compressed: decompress it before verifying.");
        else if (evidence.seen.last(6).find("gzip") != std::string_view::npos && !is_gzip(body))
            report(Finding::body_was_gunzipped,
                   "It looks as if it was decompressed on the way (content-encoding: gzip). Verify the bytes sent.");
        else if (evidence.may_vary() && evidence.json.text.empty() && (is_short || is_cut_json(body)))
            report(Finding::body_truncated,
                   "It looks as if the body was cut: it has " + std::to_string(body.size()) + " bytes, and " +
                       (is_cut_json(body) ? "ends in the middle of a JSON text." : "content-length announces more.") +
                       " Is a buffer or a limit of that size in the way?");
        if (!evidence.json.event_id.empty() && evidence.found.id == evidence.json.event_id)
            report(Finding::event_id_for_header,
                   "The id given is the event's own. What is signed is the delivery's, in svix-id (msg_...).");
        return diagnoses.size() > before;
    }

    void report_unexplained() {
        const std::size_t count = evidence.secrets.count;
        const bool varies = evidence.may_vary(), is_json = !evidence.json.text.empty();
        std::string ruled_out, unfinished;
        std::size_t finished = 2;
        for (std::size_t i = 0; i < group_count; ++i) {
            if ((i >= of_frame && !varies) || (i == of_gzip && !evidence.codec) || (i == of_style && !is_json))
                continue;
            (result.finished[i] > 0 ? ruled_out : unfinished).append("; ").append(change_groups[i]);
            finished = (std::min)(finished, result.finished[i]);
        }
        if (count > SecretForms::max_secrets)
            ruled_out += "; the first " + std::to_string(SecretForms::max_secrets) + " of the " +
                         std::to_string(count) + " secrets (no more are looked at)";
        else if (count > 1)
            ruled_out += "; each of the " + std::to_string(count) + " secrets";
        bool is_of_kind = false;  // a signature, of a key
        for (const HeaderForm& form : evidence.headers.signatures)
            for (const KeyForm& key : evidence.secrets.keys)
                is_of_kind = is_of_kind || key.ring.hmac.empty() == (form.version == SignatureVersion::ed25519);

        std::string text =
            "Nothing that was tried makes the signature verify (" + std::to_string(result.attempts) + " attempts).";
        const auto say = [&](bool is_so, const std::string& more) {
            if (is_so) text.append(" ").append(more);
        };
        const auto say_list = [&](const char* what, const std::string& list) {  // each behind "; "
            if (!list.empty()) text.append(" ").append(what).append(": ").append(list, 2, list.npos).append(".");
        };
        say(evidence.body.size() > max_diagnosed_body,
            "The body is larger than " + std::to_string(max_diagnosed_body) + " bytes, so it was tried as it is only.");
        say_list("Ruled out", ruled_out);
        say_list("The limit of work was reached before all of this was tried", unfinished);
        say(finished == 1, "The limit of work was reached, so not every pair of changes was tried.");
        say(varies && !is_json, "The body is no JSON object, which an event of Pivotal is.");
        say(evidence.json.is_sorted,
            "The body's keys are in alphabetical order, which Pivotal's are not: if nlohmann::json wrote it again, "
            "that cannot be proved.");
        say(!is_of_kind,
            "None of the signatures is of the kind that the secrets are for: v1 needs whsec_, v1a needs whpk_.");
        say(true,
            "What is left: it is the secret of another endpoint (copy it again from the dashboard), the body was "
            "changed in another way (log its size and compare), or the delivery does not come from Pivotal.");
        report(Finding::unexplained, text);
    }
};

}}}}  // namespace pivotal::v1::detail::PIVOTAL_DETAIL_JSON_ABI
