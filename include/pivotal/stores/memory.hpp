// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <pivotal/detail/receiver/claim_record.hpp>
#include <pivotal/idempotency.hpp>

namespace pivotal { inline namespace v1 {

/// An IdempotencyStore in the memory of one process; everything is lost when it ends, so that an event may
/// run again after a restart. For tests, and for services whose events may do so.
///
/// Memory is bounded by the retention: an id that is no longer remembered is freed by the claims that follow
/// (about 270 bytes for each id remembered). A claim takes about 1 us, and half as much again among a million
/// ids, which no processor's cache holds. Time is std::chrono::steady_clock, which nobody sets. A process that is
/// forked has a copy of its own, which knows nothing of what comes after.
class MemoryStore final : public IdempotencyStore {
public:
    /// Tells the time. For tests that do not want to wait.
    using Now = std::function<std::chrono::steady_clock::time_point()>;

    /// Throws std::invalid_argument where an option makes no sense.
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
        detail::ClaimRecord record;
    };
    // In the order in which they expire: completed ids exactly, claims nearly so, since their leases differ.
    using Entries = std::list<Entry>;
    // Its keys are the entries' own ids.
    using Index = std::unordered_map<std::string_view, Entries::iterator>;

    detail::StoreTime now() const {
        return std::chrono::floor<std::chrono::milliseconds>(now_().time_since_epoch()).count();
    }
    /// What is known of the id, or null: what has expired is not.
    const Entries::iterator* find(std::string_view event_id, detail::StoreTime now) {
        const Index& index = index_of(event_id);
        const auto found = index.find(event_id);
        return found != index.end() && now < found->second->record.expires_at ? &found->second : nullptr;
    }
    Index& index_of(std::string_view event_id) {
        return indexes_[std::hash<std::string_view>()(event_id) % indexes_.size()];
    }
    Entries& list_of(const Entry& entry) { return entry.record.done ? completed_ : claimed_; }
    void erase(Entries::iterator entry) {
        index_of(entry->event_id).erase(entry->event_id);
        list_of(*entry).erase(entry);
    }
    void remove_expired(detail::StoreTime now);

    const detail::StoreTime retention_;
    const Now now_;
    std::mutex mutex_;
    Entries claimed_, completed_;
    // One for every 64th id: the claim that makes one of them larger does not make all wait for all ids.
    std::array<Index, 64> indexes_;
};

// ---- MemoryStore ----

/// A few for every new id: nothing piles up, and no claim pays for all.
inline void MemoryStore::remove_expired(detail::StoreTime now) {
    for (Entries* const entries : {&completed_, &claimed_})
        for (int i = 0; i < detail::removals_per_claim; ++i)
            if (!entries->empty() && entries->front().record.expires_at <= now) erase(entries->begin());
}

inline Claim MemoryStore::claim(std::string_view event_id, std::string_view owner, std::chrono::milliseconds lease) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const detail::StoreTime time = now();
    Index& index = index_of(event_id);
    const auto found = index.find(event_id);
    if (found == index.end()) {
        remove_expired(time);
        Entries made;  // where memory runs out nothing has changed
        made.push_back({std::string(event_id), detail::claimed(owner, time, lease, retention_)});
        index.emplace(made.front().event_id, made.begin());
        claimed_.splice(claimed_.end(), made);
        return Claim::granted;
    }
    const Entries::iterator entry = found->second;
    if (detail::is_remembered(entry->record, time)) return Claim::duplicate;
    if (detail::is_held_by_another(entry->record, owner, time)) return Claim::in_progress;
    detail::ClaimRecord taken = detail::claimed(owner, time, lease, retention_);
    claimed_.splice(claimed_.end(), list_of(*entry), entry);
    entry->record = std::move(taken);
    return Claim::granted;
}

inline bool MemoryStore::renew(std::string_view event_id, std::string_view owner, std::chrono::milliseconds lease) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const detail::StoreTime time = now();
    const auto* const entry = find(event_id, time);
    if (!entry || (*entry)->record.done || (*entry)->record.owner != owner) return false;
    detail::start_lease((*entry)->record, time, lease, retention_);
    claimed_.splice(claimed_.end(), claimed_, *entry);
    return true;
}

inline bool MemoryStore::complete(std::string_view event_id, std::string_view owner) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const detail::StoreTime time = now();
    const auto* const entry = find(event_id, time);
    if (!entry || (*entry)->record.owner != owner) return false;
    detail::ClaimRecord& record = (*entry)->record;
    if (!record.done) {
        completed_.splice(completed_.end(), claimed_, *entry);
        record.done = true;
        record.expires_at = time + retention_;
    }
    return true;
}

inline bool MemoryStore::release(std::string_view event_id, std::string_view owner) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto* const entry = find(event_id, now());
    if (!entry || (*entry)->record.done || (*entry)->record.owner != owner) return false;
    erase(*entry);
    return true;
}

inline bool MemoryStore::forget(std::string_view event_id) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto* const entry = find(event_id, now());
    if (!entry) return false;
    erase(*entry);
    return true;
}

}}  // namespace pivotal::v1
