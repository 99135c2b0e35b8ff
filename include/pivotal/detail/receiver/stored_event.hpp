// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <pivotal/detail/receiver/store_time.hpp>
#include <pivotal/event.hpp>

namespace pivotal { inline namespace v1 { namespace detail { inline namespace PIVOTAL_DETAIL_JSON_ABI {

/// An event as it was put, by what an inbox keeps of it. The id is the key that it was put under, whatever the body says.
inline Event restored(std::string id, std::string type, std::string message_id, std::int64_t signed_at,
                      std::string_view body) {
    std::error_code error;
    std::optional<Event> parsed = Event::parse(body, error);
    Event event = parsed ? *std::move(parsed) : Event();
    event.id = std::move(id);
    event.type = std::move(type);
    event.delivery.message_id = std::move(message_id);
    event.delivery.timestamp = Seconds(std::chrono::seconds(signed_at));
    return event;
}

/// Reads the body of a job or a dead letter that was restored without it. Empty, or why that cannot be read: what
/// `body_of(id)` throws as `Corrupted`.
template <class Corrupted, class Stored, class BodyOf> std::string restore_body(Stored& stored, const BodyOf& body_of) {
    Event& event = stored.event;
    try {
        stored.body = body_of(event.id);
        event = restored(event.id, event.type, event.delivery.message_id,
                         event.delivery.timestamp.time_since_epoch().count(), stored.body);
    } catch (const Corrupted& error) {
        return std::string("its body cannot be read: ") + error.what();
    }
    return {};
}

/// The same for those of dead letters: one that cannot be read hides no other, and its error says so.
template <class Corrupted, class Jobs, class BodyOf> void restore_bodies(Jobs& jobs, const BodyOf& body_of) {
    for (auto& job : jobs) {
        const std::string why = restore_body<Corrupted>(job, body_of);
        if (job.error.find(why) == job.error.npos) job.error.append(job.error.empty() ? "" : "; ").append(why);
    }
}

/// What `take(with_body)` leases. A body that cannot be read is to stop none of the events behind it: its job comes
/// without, and says why.
template <class Corrupted, class Take, class BodyOf>
auto take_readable(const Take& take, const BodyOf& body_of) -> decltype(take(true)) {
    try {
        return take(true);
    } catch (const Corrupted&) {
    }
    auto job = take(false);
    if (job) job->unreadable = restore_body<Corrupted>(*job, body_of);
    return job;
}

/// What an inbox keeps of an error: 4 KiB, and no character of UTF-8 cut in two.
inline std::string_view stored_error(std::string_view error) noexcept {
    constexpr std::size_t most = 4096;
    if (error.size() <= most) return error;
    std::size_t end = most;
    while (end > most - 4 && (static_cast<unsigned char>(error[end]) & 0xc0) == 0x80) --end;
    return error.substr(0, end);
}

/// The longest pause of `pause_after_lost_lease`.
inline constexpr StoreTime longest_pause = 3'600'000;

/// How long behind the end of its lease an event is due again, whose worker has not told what became of it: at
/// random, up to the length of the lease after the first attempt, and twice as long with each. So an event that
/// kills its worker comes back alone, and not together with those that were beside it.
inline StoreTime pause_after_lost_lease(StoreTime lease, std::int64_t attempt) {
    thread_local std::minstd_rand random{std::random_device{}()};
    StoreTime most = (std::min)(lease, longest_pause);
    for (; attempt > 1 && most > 0 && most < longest_pause; --attempt) most *= 2;
    return std::uniform_int_distribution<StoreTime>(0, (std::min)(most, longest_pause))(random);
}

}}}}  // namespace pivotal::v1::detail::PIVOTAL_DETAIL_JSON_ABI
