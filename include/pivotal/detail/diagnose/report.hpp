// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <pivotal/detail/core/refusal.hpp>
#include <pivotal/detail/core/timestamp.hpp>
#include <pivotal/detail/core/verifier.hpp>
#include <pivotal/detail/diagnose/search.hpp>
#include <pivotal/finding.hpp>

namespace pivotal {
inline namespace v1 {
namespace detail {

/// Says what a search found, or that it found nothing.
class DiagnosisReport {
public:
    DiagnosisReport(std::string_view body, const SeenHeaders& seen, const SignatureSearch& search,
                    std::chrono::system_clock::time_point now, std::chrono::seconds tolerance,
                    bool accepted_by_all, bool zlib)
        : body_(body),
          seen_(seen),
          search_(search),
          now_(now),
          tolerance_(tolerance),
          accepted_by_all_(accepted_by_all),
          zlib_(zlib) {
        if (search.failed || search.secrets.failed) {
            report(Finding::crypto_failure,
                   "OpenSSL could not compute a signature: is its default provider loaded, and is there "
                   "memory?");
            return;
        }
        report_secrets();
        if (search.key)
            report_proof();
        else
            report_without_proof();
        if (diagnoses_.empty())  // the one thing that Webhook does not look at, and the search does
            report(Finding::header_malformed,
                   "The signature fits, but Webhook refuses the headers: it verifies the first four v1a "
                   "signatures alone, and this one stands behind them.");
    }

    std::vector<Diagnosis> take() { return std::move(diagnoses_); }

private:
    void report(Finding finding, std::string explanation) {
        diagnoses_.push_back({finding, std::move(explanation)});
    }

    std::string name_of_secret(std::size_t place) const {
        return search_.secrets.count < 2
                   ? "the secret"
                   : "secret " + std::to_string(place + 1) + " of " + std::to_string(search_.secrets.count);
    }

    void report_secrets() {
        for (const SecretProblem& problem : search_.secrets.problems) {
            std::string text = "Webhook refuses " + name_of_secret(problem.secret) + ": " + problem.text;
            if (text.back() != '?') text += '.';
            if (problem.secret > 0 && !problem.mended)
                text += " Or is it the rest of the secret before it, which was broken into two lines?";
            if (problem.mended && search_.key && search_.key->secret == problem.secret &&
                !search_.key->change)
                text += " With that mended the key is the right one.";
            else if (problem.mended && !search_.key && search_.possible())
                text += " Mended, it does not make the signature of this delivery verify.";
            report(problem.finding, std::move(text));
        }
    }

    /// Adds a finding for each cause of the proof; changes of one cause are told together.
    void report_proof() {
        const std::vector<Change> changes = search_.changes();
        std::vector<Finding> causes;
        for (const Change& change : changes)
            if (std::find(causes.begin(), causes.end(), change.finding) == causes.end())
                causes.push_back(change.finding);
        for (const Finding cause : causes) {
            std::string when;
            const std::string* advice = nullptr;
            for (const Change& change : changes) {
                if (change.finding != cause) continue;
                when.append(when.empty() ? "" : " and ").append(change.when);
                advice = &change.advice;
            }
            report(cause,
                   "The signature verifies when " + when +
                       (causes.size() > 1 ? ", together with the other change that is reported. " : ". ") +
                       *advice);
        }

        report_form(causes);
        report_time();
        if (search_.key->secret > 0) report_other_secret();
    }

    /// What Webhook refuses before it looks at the signature, if no change accounts for it.
    void report_form(const std::vector<Finding>& causes) {
        const auto accounted = [&](std::initializer_list<Finding> findings) {
            return std::any_of(findings.begin(), findings.end(), [&](Finding finding) {
                return std::find(causes.begin(), causes.end(), finding) != causes.end();
            });
        };
        if (is_in_small_units(search_.found.timestamp)) {
            if (!accounted({Finding::timestamp_in_milliseconds}))
                report(
                    Finding::timestamp_in_milliseconds,
                    "The signature fits, but the timestamp counts milliseconds (or less) where Standard "
                    "Webhooks counts seconds: the sender must divide by 1000, in the header and in what it "
                    "signs.");
            return;
        }
        CheckedHeaders checked;
        const Refusal refusal = check_headers(search_.found, now_, std::chrono::seconds::max(), checked);
        const bool told = refusal.code == Errc::missing_header
                              ? accounted({Finding::headers_mixed})
                              : accounted({Finding::headers_mixed, Finding::headers_joined,
                                           Finding::header_trimmed, Finding::event_id_for_header});
        if (told) return;
        if (refusal.code == Errc::malformed_header && search_.found.repeated)
            report(Finding::headers_joined,
                   "The signature fits, but a signing header occurs twice, and Webhook refuses that: one of "
                   "them may not be what was signed. Find the proxy that adds a header instead of replacing "
                   "it.");
        else if (refusal)
            report(refusal.code == Errc::missing_header ? Finding::header_missing : Finding::header_malformed,
                   "The signature fits, but Webhook refuses the headers: " + sentence(refusal) + ".");
    }

    void report_time() {
        std::string text = search_.prefix->timestamp->text;
        if (is_in_small_units(text)) text.resize(10);
        const std::optional<std::int64_t> seconds = parse_timestamp(text);
        if (!seconds) return;
        const Refusal refusal = check_time(*seconds, now_, tolerance_);
        if (!refusal) return;
        const std::int64_t distance = refusal.distance;
        const bool old = refusal.code == Errc::timestamp_too_old;
        std::string explanation = "The signature is good, but it was made " + duration(distance) +
                                  (old ? " ago" : " in the future") +
                                  " by the clock that it is compared with, and " +
                                  std::to_string(refusal.allowed) + " s are allowed. ";
        explanation +=
            old ? "Either this is an old delivery (saved, replayed, or held up on the way), or this clock is "
                  "fast by about that much."
                : "This clock is slow by about that much, or the sender's is fast.";
        constexpr std::int64_t hour = 3600;
        const std::int64_t hours = (distance + hour / 2) / hour;
        if (hours >= 1 && hours <= 14 && std::abs(distance - hours * hour) <= refusal.allowed)
            explanation += " It is close to " + std::to_string(hours) + (hours == 1 ? " hour" : " hours") +
                           ": is a local time taken for UTC?";
        report(Finding::clock_wrong, explanation + " Synchronise clocks (NTP); don't raise the tolerance.");
    }

    void report_other_secret() {
        std::string text =
            "The signature was made with " + name_of_secret(search_.key->secret) + ", not with the first. ";
        if (accepted_by_all_)
            text += "A Webhook that is given all of them accepts it; one that has the first alone refuses. ";
        text +=
            search_.bodies.livemode() == "false"
                ? "The event says livemode false, so it may be the secret of the test endpoint: each "
                  "endpoint has its own."
                : "It may be the secret of another endpoint (live and test have one each), or the one before "
                  "a rotation, with which Pivotal still signs for 24 hours.";
        report(Finding::secret_is_another, std::move(text));
    }

    void report_without_proof() {
        if (search_.found.id.empty() || search_.found.timestamp.empty() || search_.found.signature.empty()) {
            report_missing();
            return;
        }
        if (is_in_small_units(search_.found.timestamp))
            report(Finding::timestamp_in_milliseconds,
                   "The timestamp counts milliseconds (or less) where Standard Webhooks counts seconds; in "
                   "seconds the signature does not verify either.");
        else
            report_malformed();
        if (!search_.possible() || !search_.has_secret())
            return;  // a secret or a header is the cause, and was told
        if (!report_looks()) report_unexplained();
    }

    void report_missing() {
        std::string text = "A delivery needs three headers of one family, and ";
        if (seen_.signing.empty() || !search_.found.any()) {
            text +=
                "none is there: neither svix-id, svix-timestamp, svix-signature nor webhook-id, "
                "webhook-timestamp, webhook-signature. Does the server (or a proxy before it) pass the "
                "request's headers on?";
        } else {
            const std::size_t family = seen_.has(0) || seen_.has(1) || seen_.has(2) ? 0 : 3;
            std::string missing;
            for (std::size_t i = family; i < family + 3; ++i)
                if (!seen_.has(i)) missing.append(missing.empty() ? "" : " and ").append(header_names[i]);
            text += missing + (missing.find(" and ") == missing.npos ? " is" : " are") + " absent or empty.";
            if (family == 0 && (seen_.has(3) || seen_.has(4) || seen_.has(5)))
                text +=
                    " There are webhook- headers too: once any svix- header is there, these are not looked "
                    "at.";
        }
        report(Finding::header_missing, std::move(text));
    }

    void report_malformed() {
        CheckedHeaders checked;
        const Refusal refusal = check_headers(search_.found, now_, std::chrono::seconds::max(), checked);
        if (refusal) {
            report(Finding::header_malformed, "Webhook refuses the headers: " + sentence(refusal) + ".");
            return;
        }
        if (search_.headers.signatures.empty())
            report(Finding::header_malformed,
                   "The signature header holds no signature of a version that is known (v1,<base64> or "
                   "v1a,<base64>). Is it another header's value?");
    }

    /// What cannot be proved, but has its looks. False where there is nothing of the kind.
    bool report_looks() {
        const std::size_t before = diagnoses_.size();
        const bool gzip_header = seen_.content_encoding.find("gzip") != std::string::npos;
        if (body_.empty())
            report(
                Finding::body_empty,
                "The body is empty, and the signature is not one of an empty body. It looks as if something "
                "read it already: a middleware, a parser, or a stream that is read twice.");
        else if (is_gzip(body_) && !zlib_)
            report(Finding::body_still_gzip,
                   "It looks as if the body was still compressed: it starts as gzip does. What is signed is "
                   "most likely the text inside; decompress it before verifying.");
        else if (gzip_header && !is_gzip(body_))
            report(Finding::body_was_gunzipped,
                   "It looks as if the body was decompressed on the way: content-encoding says gzip, and the "
                   "body is none. Verify the bytes that were sent.");
        else if (looks_truncated())
            report(
                Finding::body_truncated,
                "It looks as if the body was cut: it has " + std::to_string(body_.size()) +
                    " bytes, and is not all of a JSON text. Is a buffer or a limit of that size in the way?");
        if (!search_.bodies.event_id().empty() && search_.found.id == search_.bodies.event_id())
            report(Finding::event_id_for_header,
                   "The id that was given is the event's own (`id` in the body). What is signed is the "
                   "delivery's, in the header svix-id (msg_...): another value, which is needed here.");
        return diagnoses_.size() > before;
    }

    bool looks_truncated() const {
        if (search_.bodies.is_json() || body_.size() > DiagnosisBudget::max_body) return false;
        const std::string& length = seen_.content_length;
        const bool is_number =
            !length.empty() && length.size() < 12 && length.find_first_not_of("0123456789") == length.npos;
        const bool shorter = is_number && std::strtoull(length.c_str(), nullptr, 10) > body_.size();
        constexpr std::array<std::size_t, 5> kilobytes = {1, 4, 10, 64, 100};
        bool round = false;
        for (std::size_t size = 256; size <= DiagnosisBudget::max_body; size *= 2)
            round =
                round || body_.size() == size || body_.size() + 1 == size;  // one less: a NUL took its place
        for (const std::size_t kb : kilobytes)
            round = round || body_.size() == kb * 1000 || body_.size() == kb * 1024;
        return shorter || (round && TextParts(body_).core.substr(0, 1) == "{" && ends_too_early(body_));
    }

    /// True for the beginning of a JSON text.
    static bool ends_too_early(std::string_view text) {
        try {
            return nlohmann::json::parse(text.begin(), text.end()).is_discarded();
        } catch (const nlohmann::json::parse_error& error) {
            return error.byte > text.size();
        }
    }

    void report_unexplained() {
        const bool varied = body_.size() <= DiagnosisBudget::max_body;
        std::string text = "Nothing that was tried makes the signature verify (" +
                           std::to_string(DiagnosisBudget().attempts - search_.budget.attempts) +
                           " attempts). ";
        if (!varied)
            text += "The body is larger than " + std::to_string(DiagnosisBudget::max_body) +
                    " bytes, so it was tried as it is only. Ruled out: ";
        else
            text +=
                search_.budget.exhausted
                    ? "The limit of work was reached, so not every pair of changes was tried. Tried without "
                      "success: "
                    : "Ruled out: ";
        if (varied) {
            text +=
                search_.bodies.is_json()
                    ? "a body that a JSON library wrote again (minified, indented by 2, 3 or 4 spaces or a "
                      "tab, keys sorted, / escaped or not, non-ASCII escaped or not); "
                    : "";
            text +=
                "a newline, CRLF, byte order mark or white space added or removed; LF and CRLF exchanged; "
                "UTF-8 and Latin-1 exchanged; ";
            if (zlib_) text += "gzip and its content exchanged; ";
        }
        text += "the secret used as text, quoted, url-safe or with v1, in front; ";
        if (search_.secrets.count > SecretForms::max_secrets)
            text += "the first " + std::to_string(SecretForms::max_secrets) + " of the " +
                    std::to_string(search_.secrets.count) + " secrets (no more are looked at); ";
        else if (search_.secrets.count > 1)
            text += "each of the " + std::to_string(search_.secrets.count) + " secrets; ";
        text +=
            "the event's id used as the header's; headers of two families mixed, joined or trimmed; a "
            "timestamp in milliseconds. ";
        if (!varied || !search_.bodies.is_json()) {
            if (varied) text += "The body is not JSON, which an event of Pivotal is. ";
        } else if (search_.bodies.is_sorted()) {
            text +=
                "The body's keys are in alphabetical order, which Pivotal's are not: if a library that sorts "
                "them (nlohmann::json does) wrote the body again, the former order is lost and cannot be "
                "proved. ";
        }
        if (!search_.comparable())
            text +=
                "None of the signatures is of the kind that the secrets are for: v1 needs whsec_, v1a needs "
                "whpk_. ";
        text +=
            "What is left: it is the secret of another endpoint (copy it again from the dashboard), the body "
            "was changed in another way (log its size and compare), or the delivery does not come from "
            "Pivotal.";
        report(Finding::unexplained, std::move(text));
    }

    static bool is_in_small_units(std::string_view timestamp) noexcept {
        return (timestamp.size() == 13 || timestamp.size() == 16 || timestamp.size() == 19) &&
               timestamp.find_first_not_of("0123456789") == timestamp.npos;
    }

    static std::string duration(std::int64_t seconds) {
        std::string text = std::to_string(seconds) + " s";
        const auto part = [](std::int64_t count, const char* unit) {
            return std::to_string(count) + ' ' + unit;
        };
        if (seconds >= 86'400)
            text += " (" + part(seconds / 86'400, "d ") + part(seconds % 86'400 / 3600, "h)");
        else if (seconds >= 3600)
            text += " (" + part(seconds / 3600, "h ") + part(seconds % 3600 / 60, "min)");
        else if (seconds >= 60)
            text += " (" + part(seconds / 60, "min ") + part(seconds % 60, "s)");
        return text;
    }

    std::string_view body_;
    const SeenHeaders& seen_;
    const SignatureSearch& search_;
    std::chrono::system_clock::time_point now_;
    std::chrono::seconds tolerance_;
    bool accepted_by_all_, zlib_;
    std::vector<Diagnosis> diagnoses_;
};

}  // namespace detail
}  // namespace v1
}  // namespace pivotal
