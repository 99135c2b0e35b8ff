// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <pivotal/detail/receiver/claim_record.hpp>

namespace pivotal {
inline namespace v1 {

/// What IdempotencyStore::claim found.
enum class Claim {
    granted,      ///< The event is the caller's until the lease runs out.
    duplicate,    ///< It was completed earlier and is still remembered.
    in_progress,  ///< Another owner holds it.
};

/// Thrown by stores and inboxes that cannot answer: unreachable, full, locked, broken. What was asked for may
/// or may not have happened; `claim`, `renew` and `complete` can be repeated with the same owner. `what()` is
/// for a log and never holds a password.
class StoreError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Remembers which events are being handled and which were: each event once, whatever is retried or replayed.
///
/// An event id is claimed by an owner for a lease, and completed when its effect is done. The owner is any
/// bytes that no other caller uses, such as a random token for each delivery: the same owner can repeat
/// `claim`, `renew` and `complete` after a lost reply and gets the same answer.
///
/// Ids and owners are bytes: quotes and NUL are ordinary. A lease counts from the moment of the call on the
/// store's own clock; a negative one counts as 0 and is over at once.
///
/// **Thread safety:** every member may be called from many threads at once.
///
/// **Not for** exactly-once effects: a handler that dies between its effect and `complete` runs again. Where
/// that matters, write the mark in the effect's own transaction (`mark_processed` in
/// <pivotal/stores/sqlite.hpp> and <pivotal/stores/postgres.hpp>).
///
/// Every member throws StoreError when the store cannot answer.
class IdempotencyStore {
public:
    virtual ~IdempotencyStore() = default;

    /// Granted if the id is unknown, released or forgotten, if its lease has run out, or if it is this
    /// owner's already (the lease then starts anew); duplicate if it is completed and still remembered; else
    /// in_progress. Atomic: of many callers one is granted.
    virtual Claim claim(std::string_view event_id, std::string_view owner,
                        std::chrono::milliseconds lease) = 0;

    /// Starts the lease anew. False: the owner no longer holds the claim. A lease that has run out can still
    /// be renewed as long as nobody else has taken the claim over.
    virtual bool renew(std::string_view event_id, std::string_view owner,
                       std::chrono::milliseconds lease) = 0;

    /// The effect is done: the id is a duplicate from now on, for as long as StoreOptions::retention says.
    /// False: the owner no longer holds the claim, somebody else may have handled the event too.
    virtual bool complete(std::string_view event_id, std::string_view owner) = 0;

    /// The handler failed: the next delivery may claim. False: the owner no longer holds the claim.
    virtual bool release(std::string_view event_id, std::string_view owner) = 0;

    /// Whatever is known of the id is dropped, so that a replay after a mended mistake is handled again; an
    /// owner that still works on it loses its claim. False: nothing was known.
    virtual bool forget(std::string_view event_id) = 0;

protected:
    IdempotencyStore() = default;
    IdempotencyStore(const IdempotencyStore&) = default;
    IdempotencyStore& operator=(const IdempotencyStore&) = default;
};

/// What all stores and inboxes can be told.
struct StoreOptions {
    /// Part of every key: two services on one database do not take each other's events.
    std::string consumer = "default";
    /// How long completed ids are remembered. Pivotal asks for 7 days at least. Negative counts as 0.
    std::chrono::seconds retention = std::chrono::hours{24 * 7};
};

/// An IdempotencyStore in the memory of one process; everything is lost when it ends, so that an event may
/// run again after a restart. For tests, and for services whose events may do so.
///
/// Memory is bounded by the retention: an id that is no longer remembered is freed by the claims that follow
/// (about 270 bytes for each id remembered). A claim takes about 1 us, and half as much again among a million
/// ids, which no processor's cache holds. Time is std::chrono::steady_clock, which nobody sets.
class MemoryStore final : public IdempotencyStore {
public:
    /// Tells the time. For tests that do not want to wait.
    using Now = std::function<std::chrono::steady_clock::time_point()>;

    explicit MemoryStore(StoreOptions options = {}, Now now = std::chrono::steady_clock::now)
        : retention_(detail::store_time(options.retention)), now_(std::move(now)) {}

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

inline Claim MemoryStore::claim(std::string_view event_id, std::string_view owner,
                                std::chrono::milliseconds lease) {
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

inline bool MemoryStore::renew(std::string_view event_id, std::string_view owner,
                               std::chrono::milliseconds lease) {
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

}  // namespace v1
}  // namespace pivotal
