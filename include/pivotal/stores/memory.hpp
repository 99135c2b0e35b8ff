// SPDX-License-Identifier: MIT
#pragma once

#include <pivotal/detail/core/attributes.hpp>

#include <array>
#include <chrono>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <pivotal/detail/receiver/store_time.hpp>
#include <pivotal/idempotency.hpp>

namespace pivotal { inline namespace v1 {

/// An IdempotencyStore in the memory of one process; everything is lost when it ends, so that an event may
/// run again after a restart. For tests, and for services whose events may do so.
///
/// Memory is bounded by the retention: an id that is no longer remembered is freed by the claims that follow, once those
/// that were claimed before it have expired (about 270 bytes for each id remembered). A claim takes about 1 us, and half
/// as much again among a million ids, which no processor's cache holds. Time is std::chrono::steady_clock, which nobody
/// sets. A process that was forked needs a new one: in the one it inherited a claim may wait for ever.
class MemoryStore final : public IdempotencyStore {
public:
    /// Tells the time. For tests that do not want to wait.
    using Now = std::function<std::chrono::steady_clock::time_point()>;

    /// Only the retention counts.
    explicit MemoryStore(const StoreOptions& options = {}, Now now = std::chrono::steady_clock::now)
        : retention_(detail::store_time(detail::checked(options).retention)), now_(std::move(now)) {}

    Claim claim(std::string_view event_id, std::string_view owner, std::chrono::milliseconds lease) override;
    bool renew(std::string_view event_id, std::string_view owner, std::chrono::milliseconds lease) override;
    bool complete(std::string_view event_id, std::string_view owner) override;
    bool release(std::string_view event_id, std::string_view owner) override;
    bool forget(std::string_view event_id) override;

private:
    struct Entry {
        std::string event_id;
        std::string owner;                  // of the claim, or of the claim that was completed
        detail::StoreTime lease_until = 0;  // means nothing once done
        detail::StoreTime expires_at = 0;   // from then on it is as if the id had never been seen
        bool done = false;
    };
    // In the order in which they expire: completed ids exactly, claims nearly so, since their leases differ.
    using Entries = std::list<Entry>;
    // Its keys are the entries' own ids.
    using Index = std::unordered_map<std::string_view, Entries::iterator>;

    detail::StoreTime now() const {
        return std::chrono::floor<std::chrono::milliseconds>(now_().time_since_epoch()).count();
    }
    Index& index_of(std::string_view event_id) {
        return indexes_[std::hash<std::string_view>()(event_id) % indexes_.size()];
    }
    Entries& list_of(const Entry& entry) { return entry.done ? completed_ : claimed_; }
    /// What is known of the id, or null: what has expired is not.
    const Entries::iterator* find(std::string_view event_id, detail::StoreTime now) {
        const Index& index = index_of(event_id);
        const auto found = index.find(event_id);
        return found != index.end() && now < found->second->expires_at ? &found->second : nullptr;
    }
    void start_lease(Entries::iterator entry, detail::StoreTime until) {
        claimed_.splice(claimed_.end(), list_of(*entry), entry);
        entry->lease_until = until;
        entry->expires_at = until + retention_;
        entry->done = false;
    }
    void erase(Entries::iterator entry) {
        index_of(entry->event_id).erase(entry->event_id);
        list_of(*entry).erase(entry);
    }
    /// A few for every new id: nothing piles up, and no claim pays for all.
    void remove_expired(detail::StoreTime now) {
        for (Entries* const entries : {&completed_, &claimed_})
            for (int i = 0; i < detail::removals_per_claim; ++i)
                if (!entries->empty() && entries->front().expires_at <= now) erase(entries->begin());
    }

    const detail::StoreTime retention_;
    const Now now_;
    std::mutex mutex_;
    Entries claimed_, completed_;
    // So many that the claim which makes one of them larger does not make all wait for all ids. A prime: some libraries
    // look within an index by the last bits of the hash, which must not be the same for all that are in it.
    std::array<Index, 61> indexes_;
};

// ---- MemoryStore ----

inline Claim MemoryStore::claim(std::string_view event_id, std::string_view owner, std::chrono::milliseconds lease) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const detail::StoreTime time = now(), until = time + detail::store_time(lease);
    Index& index = index_of(event_id);
    const auto found = index.find(event_id);
    if (found == index.end()) {
        remove_expired(time);
        Entries made;  // where memory runs out nothing has changed
        made.push_back({std::string(event_id), std::string(owner), until, until + retention_});
        index.emplace(made.front().event_id, made.begin());
        claimed_.splice(claimed_.end(), made);
        return Claim::granted;
    }
    Entry& known = *found->second;
    if (known.done ? time < known.expires_at : known.owner != owner && time < known.lease_until)
        return known.done ? Claim::duplicate : Claim::in_progress;
    known.owner = owner;
    start_lease(found->second, until);
    return Claim::granted;
}

inline bool MemoryStore::renew(std::string_view event_id, std::string_view owner, std::chrono::milliseconds lease) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const detail::StoreTime time = now();
    const auto* const known = find(event_id, time);
    if (!known || (*known)->done || (*known)->owner != owner) return false;
    start_lease(*known, time + detail::store_time(lease));
    return true;
}

inline bool MemoryStore::complete(std::string_view event_id, std::string_view owner) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const detail::StoreTime time = now();
    const auto* const known = find(event_id, time);
    if (!known || (*known)->owner != owner) return false;
    if ((*known)->done) return true;
    completed_.splice(completed_.end(), claimed_, *known);
    (*known)->done = true;
    (*known)->expires_at = time + retention_;
    return true;
}

inline bool MemoryStore::release(std::string_view event_id, std::string_view owner) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto* const known = find(event_id, now());
    if (!known || (*known)->done || (*known)->owner != owner) return false;
    erase(*known);
    return true;
}

inline bool MemoryStore::forget(std::string_view event_id) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto* const known = find(event_id, now());
    if (!known) return false;
    erase(*known);
    return true;
}

}}  // namespace pivotal::v1
