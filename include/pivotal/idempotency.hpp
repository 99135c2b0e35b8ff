// SPDX-License-Identifier: MIT
#pragma once

#include <pivotal/detail/core/attributes.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>

namespace pivotal { inline namespace v1 {

/// What IdempotencyStore::claim found.
enum class Claim {
    granted,      ///< The event is the caller's until the lease runs out.
    duplicate,    ///< It was completed earlier and is still remembered.
    in_progress,  ///< Another owner holds it.
};

/// Thrown by stores and inboxes that cannot answer: unreachable, full, locked, broken. What was asked for may
/// or may not have happened; `claim`, `renew` and `complete` can be repeated with the same owner. `what()` is
/// for a log and never holds a password.
class PIVOTAL_DETAIL_EXPORTED StoreError : public std::runtime_error {
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
    virtual Claim claim(std::string_view event_id, std::string_view owner, std::chrono::milliseconds lease) = 0;

    /// Starts the lease anew. False: the owner no longer holds the claim. A lease that has run out can still
    /// be renewed as long as nobody else has taken the claim over.
    virtual bool renew(std::string_view event_id, std::string_view owner, std::chrono::milliseconds lease) = 0;

    /// The effect is done: the id is a duplicate from now on, for as long as StoreOptions::retention says.
    /// False: the owner no longer holds the claim, somebody else may have handled the event too.
    virtual bool complete(std::string_view event_id, std::string_view owner) = 0;

    /// The handler failed: the next delivery may claim. False: the owner no longer holds the claim.
    virtual bool release(std::string_view event_id, std::string_view owner) = 0;

    /// Whatever is known of the id is dropped, so that a replay after a mended mistake is handled again; an
    /// owner that still works on it loses its claim. False: nothing was known.
    virtual bool forget(std::string_view event_id) = 0;

protected:
    /// For those who derive from it.
    /// @{
    IdempotencyStore() = default;
    IdempotencyStore(const IdempotencyStore&) = default;
    IdempotencyStore& operator=(const IdempotencyStore&) = default;
    /// @}
};

/// What all stores and inboxes can be told. Their constructors throw std::invalid_argument where it makes no sense.
struct StoreOptions {
    /// Part of every key: two services on one database do not take each other's events.
    std::string consumer = "default";
    /// How long completed ids are remembered. Pivotal asks for 7 days at least. Not negative; with 0 a `complete` that is
    /// repeated finds nothing.
    std::chrono::seconds retention = std::chrono::hours{24 * 7};
    /// How many connections to a server all threads share, from 1 to 1,000; each is made when it is first needed, and
    /// where the server grants fewer, those do the work of all. One that is lost is made anew, and what can be repeated
    /// is repeated on it, for 5 s at most, before the StoreError; where the reply to `release` or `forget` was lost, or
    /// that of an inbox to `take`, `retry`, `postpone` or `requeue`, there is one at once. A process that was forked has
    /// connections of its own.
    int connections = 10;
    /// Create what is missing of the tables. False, for a role that may not: an error where one is missing.
    bool create_schema = true;
};

namespace detail {

/// The options, or std::invalid_argument where one makes no sense.
inline const StoreOptions& checked(const StoreOptions& options) {
    if (options.retention < options.retention.zero())
        throw std::invalid_argument("pivotal: StoreOptions::retention is not to be negative");
    if (options.connections < 1 || options.connections > 1000)
        throw std::invalid_argument("pivotal: StoreOptions::connections is to be from 1 to 1,000");
    return options;
}

}  // namespace detail

}}  // namespace pivotal::v1
