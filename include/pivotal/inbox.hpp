// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <pivotal/body.hpp>
#include <pivotal/event.hpp>
#include <pivotal/idempotency.hpp>

namespace pivotal {
inline namespace v1 {

/// An event that a worker has leased.
struct Job {
    Event event;        ///< As it was put, with its Delivery.
    std::string body;   ///< The bytes that were put.
    int attempt = 0;    ///< 1 the first time; counted as the event is leased.
    std::string owner;  ///< Who holds the lease: random, new for each take.
};

/// An event that was given up.
struct DeadJob {
    Event event;
    std::string body;
    int attempts = 0;          ///< How often it was leased.
    std::string error;         ///< What `bury` was told.
    Clock::time_point died{};  ///< When, on the store's clock.
};

/// How many events of one consumer an inbox has.
struct InboxStats {
    std::uint64_t waiting = 0;  ///< Due or due later, and those whose lease has run out.
    std::uint64_t running = 0;  ///< Leased.
    std::uint64_t done = 0;     ///< Handled and still remembered.
    std::uint64_t dead = 0;     ///< Given up.
    /// How long ago the oldest of those that wait was put; 0 where none waits.
    std::chrono::seconds oldest{0};
};

/// What an inbox can be told besides StoreOptions.
struct InboxOptions {
    /// Keep the body of an event that is done for as long as its id is remembered. False: dropped at once.
    bool keep_bodies = false;
};

/// Events that were accepted and wait for a worker, durable: accept now, work later.
///
/// An event is known by its id from `put` until StoreOptions::retention after `done`, so that the inbox is
/// its own idempotency store. Time is the store's own clock; a negative lease or delay counts as 0.
///
/// **Thread safety:** every member may be called from many threads, processes and machines at once.
///
/// Every member throws StoreError when the store cannot answer.
class Inbox {
public:
    virtual ~Inbox() = default;

    /// Durable when it returns. True: new. False: known already; one that is dead is revived, as by `revive`.
    virtual bool put(const Event& event, Body body) = 0;

    /// Leases the oldest event that is due, and counts the attempt; nullopt: nothing is due. An event is due
    /// when it was put, when the delay of its retry is over, and when the lease of its worker has run out.
    virtual std::optional<Job> take(std::chrono::milliseconds lease) = 0;

    /// Starts the lease anew. False, here and below: the job's owner no longer holds the lease. A lease that
    /// has run out still counts as long as nobody else has taken the event.
    virtual bool renew(const Job& job, std::chrono::milliseconds lease) = 0;

    /// Handled: the body is dropped (see InboxOptions), the id is remembered. Can be repeated.
    virtual bool done(const Job& job) = 0;

    /// Failed: due again after `delay`. `error` is kept for those who look into the store.
    virtual bool retry(const Job& job, std::chrono::milliseconds delay, std::string_view error) = 0;

    /// Given up: a dead letter, kept until it is revived or put again. Can be repeated.
    virtual bool bury(const Job& job, std::string_view error) = 0;

    /// At most `limit` dead letters, those that died first.
    virtual std::vector<DeadJob> dead(std::size_t limit) = 0;

    /// A dead letter is due again, with its attempts counted from 0. False: there is none of this id.
    virtual bool revive(std::string_view event_id) = 0;

    /// Counts them, in a time that grows with their number: for a monitor that asks every few seconds.
    virtual InboxStats stats() = 0;

protected:
    Inbox() = default;
    Inbox(const Inbox&) = default;
    Inbox& operator=(const Inbox&) = default;
};

}  // namespace v1
}  // namespace pivotal
