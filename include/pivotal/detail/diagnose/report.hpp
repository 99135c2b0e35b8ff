// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <pivotal/detail/core/refusal.hpp>
#include <pivotal/detail/core/timestamp.hpp>
#include <pivotal/detail/core/verifier.hpp>
#include <pivotal/detail/diagnose/search.hpp>
#include <pivotal/finding.hpp>

namespace pivotal { inline namespace v1 { namespace detail { inline namespace PIVOTAL_DETAIL_JSON_ABI {

/// Says what a search found, or that it found nothing.
class DiagnosisReport {
public:
    /// `accepted_by_all`: a Webhook that is given all of the secrets accepts the delivery.
    DiagnosisReport(const Evidence& evidence, const SearchResult& result, bool accepted_by_all,
                    std::chrono::system_clock::time_point now, std::chrono::seconds tolerance)
        : evidence_(evidence), result_(result), accepted_(accepted_by_all), now_(now), tolerance_(tolerance) {
        if (result.outcome == SearchResult::Outcome::failed || evidence.secrets.failed) {
            report(Finding::crypto_failure,
                   "OpenSSL could not compute a signature: is its default provider loaded, and is there "
                   "memory?");
            return;
        }
        report_secrets();
        if (is_proved())
            report_proof();
        else
            report_without_proof();
        if (diagnoses_.empty())  // the one thing that Webhook does not look at, and the search does
            report(Finding::header_malformed,
                   "The signature fits, but Webhook refuses the headers: it verifies the first v1a signatures "
                   "alone, and this one stands behind them.");
    }

    std::vector<Diagnosis> take() { return std::move(diagnoses_); }

private:
    void report(Finding finding, std::string explanation) { diagnoses_.push_back({finding, std::move(explanation)}); }

    /// With a full stop, unless it is a question.
    static std::string ended(std::string text) { return text.back() == '?' ? text : text + '.'; }

    bool is_proved() const noexcept { return result_.outcome == SearchResult::Outcome::proved; }

    std::string name_of_secret(std::size_t place) const {
        const std::size_t count = evidence_.secrets.count;
        return count < 2 ? "the secret" : "secret " + std::to_string(place + 1) + " of " + std::to_string(count);
    }

    void report_secrets() {
        for (const SecretProblem& problem : evidence_.secrets.problems) {
            std::string text = ended("Webhook refuses " + name_of_secret(problem.secret) + ": " + problem.text);
            if (problem.secret > 0 && !problem.mended)
                text += " Or is it the rest of the secret before it, which was broken into two lines?";
            if (problem.mended && is_proved() && result_.secret == problem.secret && result_.key_as_it_is)
                text += " With that mended the key is the right one.";
            else if (problem.mended && !is_proved() && evidence_.is_complete())
                text += " Mended, it does not make the signature of this delivery verify.";
            report(problem.finding, std::move(text));
        }
    }

    /// Adds a finding for each cause of the proof; changes of one cause are told together.
    void report_proof() {
        std::vector<Finding> causes;
        for (const Change& change : result_.changes)
            if (std::find(causes.begin(), causes.end(), change.finding) == causes.end())
                causes.push_back(change.finding);
        for (const Finding cause : causes) {
            std::string when, advice;
            for (const Change& change : result_.changes) {
                if (change.finding != cause) continue;
                when.append(when.empty() ? "" : " and ").append(change.when);
                advice = change.advice;
            }
            std::string text = "The signature verifies when ";
            text.append(when);
            text.append(causes.size() > 1 ? ", together with the other change that is reported. " : ". ");
            report(cause, text.append(advice));
        }
        report_headers(causes);
        report_time();
        if (result_.secret > 0) report_other_secret();
    }

    /// What Webhook refuses before it looks at the signature, if no change accounts for it.
    void report_headers(const std::vector<Finding>& causes = {}) {
        const auto accounted = [&](std::initializer_list<Finding> findings) {
            return std::find_first_of(causes.begin(), causes.end(), findings.begin(), findings.end()) != causes.end();
        };
        const FoundHeaders& found = evidence_.found;
        const std::string but = is_proved() ? "The signature fits, but " : "As it is, ";
        CheckedHeaders checked;
        const Refusal refusal = check_headers(found, now_, (std::chrono::seconds::max)(), checked);
        if (is_in_small_units(found.timestamp)) {
            if (!accounted({Finding::timestamp_in_milliseconds}))
                report(Finding::timestamp_in_milliseconds,
                       but +
                           "the timestamp counts milliseconds (or less) where Standard Webhooks counts seconds: the "
                           "sender must divide by 1000, in the header and in what it signs.");
        } else if (refusal.code == Errc::missing_header) {
            if (accounted({Finding::headers_mixed})) return;
            std::string text = ended(but + "Webhook refuses the headers: " + sentence(refusal));
            if (evidence_.seen.has_family(3))
                text += evidence_.seen.has_family(0)
                            ? " There are webhook- headers too: once any svix- header is there, these are not "
                              "looked at."
                            : " There is no svix- header, so the webhook- headers are looked at.";
            report(Finding::header_missing, std::move(text));
        } else if (refusal && !accounted({Finding::headers_mixed, Finding::headers_joined, Finding::header_trimmed,
                                          Finding::event_id_for_header})) {
            report(found.repeated && is_proved() ? Finding::headers_joined : Finding::header_malformed,
                   ended(but + "Webhook refuses the headers: " + sentence(refusal)));
        } else if (!refusal && evidence_.headers.signatures.empty()) {
            report(Finding::header_malformed,
                   "The signature header holds no signature of a version that is known (v1,<base64> or "
                   "v1a,<base64>). Is it another header's value?");
        }
    }

    void report_time() {
        std::string text = result_.timestamp;
        if (is_in_small_units(text)) text.resize(10);
        const std::optional<std::int64_t> seconds = parse_timestamp(text);
        const Refusal refusal = seconds ? check_time(*seconds, now_, tolerance_) : accepted;
        if (!refusal) return;
        const std::int64_t distance = refusal.distance;
        const bool old = refusal.code == Errc::timestamp_too_old;
        std::string explanation = "The signature is good, but it was made " + duration(distance) +
                                  (old ? " ago" : " in the future") + " by the clock that it is compared with, and " +
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
        std::string text = "The signature was made with " + name_of_secret(result_.secret) + ", not with the first. ";
        if (accepted_) text += "A Webhook that is given all of them accepts it; one that has the first alone refuses. ";
        text += evidence_.json.is_test()
                    ? "The event says livemode false, so it may be the secret of the test endpoint: each "
                      "endpoint has its own."
                    : "It may be the secret of another endpoint (live and test have one each), or the one "
                      "before a rotation, with which Pivotal still signs for 24 hours.";
        report(Finding::secret_is_another, std::move(text));
    }

    void report_without_proof() {
        report_headers();
        // Without a secret, as it is or mended, or without a header nothing can be ruled out; that was told.
        const FoundHeaders& found = evidence_.found;
        if (!found.id.empty() && !found.timestamp.empty() && !found.signature.empty() && evidence_.is_complete() &&
            !evidence_.secrets.keys.front().change && !report_looks())
            report_unexplained();
    }

    /// What cannot be proved, but has its looks. False where there is nothing of the kind.
    bool report_looks() {
        const std::size_t before = diagnoses_.size();
        const std::string_view body = evidence_.body;
        if (body.empty())
            report(Finding::body_empty,
                   "The body is empty, and the signature is not one of an empty body. It looks as if "
                   "something read it already: a middleware, a parser, or a stream that is read twice.");
        else if (is_gzip(body) && !evidence_.codec.decompress)
            report(Finding::body_still_gzip,
                   "It looks as if the body was still compressed: it starts as gzip does. What is signed is "
                   "most likely the text inside; decompress it before verifying.");
        else if (evidence_.seen.content_encoding().find("gzip") != std::string_view::npos && !is_gzip(body))
            report(Finding::body_was_gunzipped,
                   "It looks as if the body was decompressed on the way: content-encoding says gzip, and the "
                   "body is none. Verify the bytes that were sent.");
        else if (evidence_.may_vary() && !evidence_.json && (is_shorter_than_announced() || is_cut_json(body)))
            report(Finding::body_truncated,
                   "It looks as if the body was cut: it has " + std::to_string(body.size()) + " bytes, and " +
                       (is_cut_json(body) ? "ends in the middle of a JSON text." : "content-length announces more.") +
                       " Is a buffer or a limit of that size in the way?");
        if (!evidence_.json.event_id().empty() && evidence_.found.id == evidence_.json.event_id())
            report(Finding::event_id_for_header,
                   "The id that was given is the event's own (`id` in the body). What is signed is the "
                   "delivery's, in the header svix-id (msg_...): another value, which is needed here.");
        return diagnoses_.size() > before;
    }

    bool is_shorter_than_announced() const {
        const std::string_view length = evidence_.seen.content_length();
        std::size_t bytes = 0;
        const auto read = std::from_chars(length.data(), length.data() + length.size(), bytes);
        return read.ec == std::errc() && read.ptr == length.data() + length.size() && bytes > evidence_.body.size();
    }

    void report_unexplained() {
        std::string text =
            "Nothing that was tried makes the signature verify (" + std::to_string(result_.attempts) + " attempts). ";
        if (evidence_.body.size() > max_diagnosed_body)
            text += "The body is larger than " + std::to_string(max_diagnosed_body) +
                    " bytes, so it was tried as it is only. ";
        const std::size_t count = evidence_.secrets.count;
        std::string ruled_out, unfinished;
        int finished = 2;
        for (std::size_t i = 0; i < change_groups.size(); ++i) {
            if (i == ChangeGroup::style  ? !evidence_.json
                : i == ChangeGroup::gzip ? !evidence_.codec.compress || !evidence_.may_vary()
                                         : i >= ChangeGroup::frame && !evidence_.may_vary())
                continue;
            (result_.finished[i] > 0 ? ruled_out : unfinished).append(change_groups[i]).append("; ");
            finished = (std::min)(finished, result_.finished[i]);
        }
        if (count > SecretForms::max_secrets)
            ruled_out += "the first " + std::to_string(SecretForms::max_secrets) + " of the " + std::to_string(count) +
                         " secrets (no more are looked at); ";
        else if (count > 1)
            ruled_out += "each of the " + std::to_string(count) + " secrets; ";
        const auto add_list = [&](const char* introduction, std::string& list) {
            if (list.empty()) return;
            list.replace(list.size() - 2, 2, ". ");
            text.append(introduction).append(list);
        };
        add_list("Ruled out: ", ruled_out);
        add_list("The limit of work was reached before all of this was tried: ", unfinished);
        if (finished == 1) text += "The limit of work was reached, so not every pair of changes was tried. ";
        if (evidence_.may_vary() && !evidence_.json)
            text += "The body is not JSON, which an event of Pivotal is. ";
        else if (evidence_.json.is_sorted())
            text +=
                "The body's keys are in alphabetical order, which Pivotal's are not: if a library that sorts "
                "them (nlohmann::json does) wrote the body again, the former order is lost and cannot be "
                "proved. ";
        if (!has_signature_for_key())
            text +=
                "None of the signatures is of the kind that the secrets are for: v1 needs whsec_, v1a needs "
                "whpk_. ";
        text +=
            "What is left: it is the secret of another endpoint (copy it again from the dashboard), the body "
            "was changed in another way (log its size and compare), or the delivery does not come from "
            "Pivotal.";
        report(Finding::unexplained, std::move(text));
    }

    /// True where there is a signature of a kind (HMAC, Ed25519) that there is a key for.
    bool has_signature_for_key() const noexcept {
        for (const SignatureForm& form : evidence_.headers.signatures)
            for (const KeyForm& key : evidence_.secrets.keys)
                if (key.ed25519.has_value() == (form.version == SignatureVersion::ed25519)) return true;
        return false;
    }

    static bool is_in_small_units(std::string_view timestamp) noexcept {
        return (timestamp.size() == 13 || timestamp.size() == 16 || timestamp.size() == 19) &&
               timestamp.find_first_not_of("0123456789") == timestamp.npos;
    }

    static std::string duration(std::int64_t seconds) {
        std::string text = std::to_string(seconds) + " s";
        struct Unit {
            std::int64_t seconds, next;
            const char *name, *next_name;
        };
        for (const Unit& unit :
             {Unit{86'400, 3600, " d ", " h"}, Unit{3600, 60, " h ", " min"}, Unit{60, 1, " min ", " s"}})
            if (seconds >= unit.seconds)
                return text + " (" + std::to_string(seconds / unit.seconds) + unit.name +
                       std::to_string(seconds % unit.seconds / unit.next) + unit.next_name + ")";
        return text;
    }

    const Evidence& evidence_;
    const SearchResult& result_;
    bool accepted_;
    std::chrono::system_clock::time_point now_;
    std::chrono::seconds tolerance_;
    std::vector<Diagnosis> diagnoses_;
};

}}}}  // namespace pivotal::v1::detail::PIVOTAL_DETAIL_JSON_ABI
