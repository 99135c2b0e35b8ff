// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace pivotal { inline namespace v1 { namespace detail {

/// Milliseconds on a store's clock, or between two of its times.
using StoreTime = std::int64_t;

/// A duration as a store keeps it: from nothing to a hundred years, so that no sum of times overflows.
template <class Duration>
constexpr StoreTime store_time(Duration duration) noexcept {
    constexpr auto most = std::chrono::hours{24 * 365 * 100};
    if (duration <= Duration::zero()) return 0;
    if (duration >= most) return std::chrono::milliseconds(most).count();
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

/// How many expired ids each new one removes: more than one, so that they go faster than they come.
inline constexpr int removals_per_claim = 4;
/// Where that is a statement of its own, to a server, it is done for so many at once.
inline constexpr int claims_per_removal = 16;

/// What is known of an event id: somebody's claim, or that it is done. The rules of IdempotencyStore::claim
/// for the stores that decide in C++; Redis and PostgreSQL have them in their own languages, and the contract
/// tests hold all to the same.
struct ClaimRecord {
    std::string owner;          // of the claim, or of the claim that was completed
    StoreTime lease_until = 0;  // means nothing once done
    StoreTime expires_at = 0;   // from then on it is as if the id had never been seen
    bool done = false;
};

inline void start_lease(ClaimRecord& record, StoreTime now, std::chrono::milliseconds lease,
                        StoreTime retention) noexcept {
    record.lease_until = now + store_time(lease);
    record.expires_at = record.lease_until + retention;
}

inline ClaimRecord claimed(std::string_view owner, StoreTime now, std::chrono::milliseconds lease,
                           StoreTime retention) {
    ClaimRecord record;
    record.owner = owner;
    start_lease(record, now, lease, retention);
    return record;
}

/// Completed, and the retention is not over.
inline bool is_remembered(const ClaimRecord& record, StoreTime now) noexcept {
    return record.done && now < record.expires_at;
}

inline bool is_held_by_another(const ClaimRecord& record, std::string_view owner, StoreTime now) noexcept {
    return !record.done && record.owner != owner && now < record.lease_until;
}

}}}  // namespace pivotal::v1::detail
