// SPDX-License-Identifier: MIT
#pragma once

#include <pivotal/detail/core/attributes.hpp>

#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include <pivotal/body.hpp>
#include <pivotal/detail/core/json_abi.hpp>
#include <pivotal/detail/core/secret.hpp>
#include <pivotal/detail/diagnose/report.hpp>
#include <pivotal/detail/diagnose/search.hpp>
#include <pivotal/finding.hpp>
#include <pivotal/headers.hpp>
#include <pivotal/secrets.hpp>
#include <pivotal/webhook.hpp>

namespace pivotal { inline namespace v1 { inline namespace PIVOTAL_DETAIL_JSON_ABI {
#if defined(PIVOTAL_DIAGNOSE_ZLIB)
inline namespace with_zlib {  // other functions than those without it, should both meet in one program
#endif

/// Why a signature does not match: for a developer at a desk.
///
///     for (const auto& found : pivotal::diagnose(secrets, body, headers))
///         std::cerr << to_string(found.finding) << ": " << found.explanation << '\n';
///
/// It makes the changes that happen in practice (see Finding), one and two at a time, and reports those under which the
/// signature verifies: such a finding is proved. What only looks so is said so. A delivery that Webhook accepts gives
/// Finding::verified alone, one that nothing explains Finding::unexplained with what was ruled out: the list is never
/// empty.
///
/// - `secrets`: one or several, as for Webhook; besides the one in use give the test endpoint's, or the one before a
///   rotation, to learn whether it was that. Those that Webhook refuses are findings, not errors; at most 16 are
///   searched with. A null pointer counts as empty.
/// - `body`, `headers`: as for Webhook::verify. A callable or range is also asked for `content-encoding` and
///   `content-length`.
/// - `now`: what the timestamp is compared with; five minutes are allowed.
///
/// It throws std::bad_alloc, and what a HeaderSource throws. It never prints a secret, an expected signature or a byte
/// of a header or body. Thread-safe.
///
/// **Never answer a request with it, and never run it on each delivery:** it tells a forger what a signature lacks, and
/// it is slow. Its work is bounded: besides what Webhook tries, with each of the secrets, at most 336 MiB are hashed or
/// rewritten, and a body of more than 1 MiB is tried as it is only. gzip is proved where zlib is there: link the CMake
/// target pivotal::diagnose, or define PIVOTAL_DIAGNOSE_ZLIB and link zlib.
[[nodiscard]] inline std::vector<Diagnosis> diagnose(Secrets secrets, Body body, const HeaderSource& headers,
                                                     Clock::time_point now = Clock::now()) {
    const detail::SeenHeaders seen(headers);
#if defined(PIVOTAL_DIAGNOSE_ZLIB)
    constexpr detail::GzipCodec codec = &detail::zlib_codec;
#else
    constexpr detail::GzipCodec codec = nullptr;
#endif
    const auto accepts = [&](std::string_view some) {
        std::error_code error;
        const std::optional<Webhook> webhook = Webhook::create(some, error);
        return webhook ? webhook->authenticate(body, seen.fields, error, now) : std::nullopt;
    };
    std::string_view rest = secrets.view();
    const std::optional<Delivery> accepted = accepts(rest);
    if (accepted && accepts(detail::next_secret(rest))) return {detail::nothing_wrong(body)};
    const detail::Evidence evidence(secrets.view(), body.view(), seen, codec);
    const detail::SearchResult result = detail::SignatureSearch::run(evidence);
    return detail::DiagnosisReport{evidence, result, accepted, now, WebhookOptions().tolerance}.take();
}

#if defined(PIVOTAL_DIAGNOSE_ZLIB)
}  // namespace with_zlib
#endif
}}}  // namespace pivotal::v1::PIVOTAL_DETAIL_JSON_ABI
