// SPDX-License-Identifier: MIT
#pragma once

#include <pivotal/detail/core/attributes.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <pivotal/body.hpp>
#include <pivotal/detail/receiver/wakeups.hpp>
#include <pivotal/event.hpp>
#include <pivotal/idempotency.hpp>
#include <pivotal/observation.hpp>

namespace pivotal { inline namespace v1 { inline namespace PIVOTAL_DETAIL_JSON_ABI {

/// An event that a worker has leased.
struct Job {
    Event event;             ///< As it was put, with its Delivery.
    std::string body;        ///< The bytes that were put.
    int attempt = 0;         ///< 1 the first time; counted as the event is leased.
    std::string message_id;  ///< That of the delivery which brought it.
    std::string owner;       ///< Who holds the lease: random, new for each take.
    /// Why the store could not read the body, which is empty then; an InboxWorker treats it as the handler's failure.
    std::string unreadable = {};

    /// Whether the lease is still this job's; it then starts anew. For a handler that runs long, before its effect, and
    /// before it opens a transaction in the inbox's own database, which this could wait for: it asks the store, and throws
    /// StoreError where that cannot answer. Of a job that no InboxWorker has taken: true.
    bool held() const { return !renew || renew(); }

    std::function<bool()> renew = {};  ///< What `held` asks; set by the InboxWorker.
};

/// What is called with each event: anything that takes a `const Event&` or a `const Job&`.
class JobHandler {
public:
    /// None, which no InboxWorker takes.
    JobHandler(std::nullptr_t) noexcept {}
    /// A function, a lambda, a std::function, an EventRouter.
    template <class Handler,
              std::enable_if_t<std::is_invocable_v<Handler&, const Event&> || std::is_invocable_v<Handler&, const Job&>,
                               int> = 0>
    JobHandler(Handler handler) {
        if constexpr (std::is_invocable_v<Handler&, const Event&>) {
            std::function<void(const Event&)> call(std::move(handler));
            if (call) call_ = [call = std::move(call)](const Job& job) { call(job.event); };
        } else {
            call_ = std::move(handler);
        }
    }
    /// Whether there is one.
    explicit operator bool() const noexcept { return static_cast<bool>(call_); }
    /// Calls it; what it throws passes through.
    void operator()(const Job& job) const { call_(job); }

private:
    std::function<void(const Job&)> call_;
};

/// Thrown by a handler that cannot do its work yet: the event is due again then, and this attempt is not counted.
class PIVOTAL_DETAIL_EXPORTED RetryAfter : public std::runtime_error {
public:
    /// Due again after `delay`; `reason` is for a log.
    explicit RetryAfter(std::chrono::milliseconds delay, const std::string& reason = "to be tried again later")
        : std::runtime_error(reason), delay_(delay) {}
    /// How long from now.
    std::chrono::milliseconds delay() const noexcept { return delay_; }

private:
    std::chrono::milliseconds delay_;
};

/// Thrown by a handler that will never be able to: the event is a dead letter at once. Over an IdempotencyStore, which
/// keeps none, it is done.
class PIVOTAL_DETAIL_EXPORTED Discard : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// An event that was given up.
struct DeadJob {
    Event event;               ///< As it was put.
    std::string body;          ///< The bytes that were put.
    int attempts = 0;          ///< How often it was leased.
    std::string error;         ///< What `bury` was told; and why the body cannot be read, where it cannot.
    Clock::time_point died{};  ///< When, on the store's clock.
};

/// What one consumer's inbox has to do. Events that are done are not counted: there may be millions.
struct InboxStats {
    std::uint64_t ready = 0;     ///< Due: new, or their delay is over.
    std::uint64_t retrying = 0;  ///< Due later: they failed, or the worker that leased them is gone.
    std::uint64_t running = 0;   ///< Leased.
    std::uint64_t dead = 0;      ///< Given up.
    /// How long the one that is ready longest has been so; 0 where none is.
    std::chrono::milliseconds oldest_ready{0};
    /// How long ago the one that runs longest was taken, and its id; 0 and empty where none runs.
    std::chrono::milliseconds longest_running{0};
    std::string longest_running_id;  ///< See longest_running.
};

/// What an inbox can be told besides StoreOptions.
struct InboxOptions {
    /// Keep the body of an event that is done for as long as its id is remembered. False: dropped at once.
    bool keep_bodies = false;
};

class InboxWorker;

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

    /// Durable when it returns. True: new. False: known already, or put by this call, where the store had to be told twice;
    /// one that is dead is due again, with this body and its attempts counted from 0.
    virtual bool put(const Event& event, Body body) = 0;

    /// Leases the event that has been due longest, and counts the attempt; nullopt: nothing is due. An event is due
    /// from `put` on, and again when the delay of its retry is over. One whose lease has run out is due after a
    /// random pause, which is as long as the lease at most and twice as long after each such attempt (an hour at
    /// most): an event that kills its worker is soon alone with it.
    ///
    /// Not durable: after a power failure the event may be due again with this attempt forgotten.
    virtual std::optional<Job> take(std::chrono::milliseconds lease) = 0;

    /// Starts the lease anew. False, here and below: the job's owner no longer holds the lease. A lease that
    /// has run out still counts as long as nobody else has taken the event.
    virtual bool renew(const Job& job, std::chrono::milliseconds lease) = 0;

    /// Handled: the body is dropped (see InboxOptions), the id is remembered. Can be repeated.
    virtual bool done(const Job& job) = 0;

    /// Failed: due again after `delay`. Of `error`, here and below, the first 4 KiB are kept.
    virtual bool retry(const Job& job, std::chrono::milliseconds delay, std::string_view error) = 0;

    /// Not now: due again after `delay`, and this attempt is not counted.
    virtual bool postpone(const Job& job, std::chrono::milliseconds delay, std::string_view reason) = 0;

    /// Given up: a dead letter, kept until it is requeued, forgotten, purged or put again. Can be repeated.
    virtual bool bury(const Job& job, std::string_view error) = 0;

    /// At most `limit` dead letters, those that died first; where `after` is given, those behind the one with that id,
    /// the last of the page before. StoreError where that one is no dead letter any more: begin again.
    virtual std::vector<DeadJob> dead(std::size_t limit, std::string_view after = {}) = 0;

    /// An event that is done, dead or waiting for a retry is due now, with its attempts counted from 0. False: there
    /// is none of this id, or it is running. StoreError where its body was dropped, see InboxOptions::keep_bodies.
    virtual bool requeue(std::string_view event_id) = 0;

    /// Whatever is known of the event is dropped, so that it is new when it is put again; who works on it loses its
    /// lease. False: nothing was known.
    virtual bool forget(std::string_view event_id) = 0;

    /// Forgets the dead letters that died at least so long ago; how many they were.
    virtual std::uint64_t purge(std::chrono::seconds older_than) = 0;

    /// Counts what is not done, in a time that grows with the number of that: for a monitor that asks every few
    /// seconds.
    virtual InboxStats stats() = 0;

protected:
    /// For those who derive from it.
    /// @{
    Inbox() = default;
    Inbox(const Inbox&) = default;
    Inbox& operator=(const Inbox&) = default;

    /// Wakes the InboxWorkers on this object: for `put`, and whatever else makes an event due at once.
    void wake_workers() { wakeups_.notify(); }
    /// Calls wake_workers when another object or process has made an event due, until what it returns is destroyed.
    /// Null: nobody tells of that; where something could have, the observer is told why it does not.
    virtual std::shared_ptr<void> listen(const Observer& /*observer*/) { return nullptr; }
    /// @}

private:
    friend class InboxWorker;
    detail::Wakeups wakeups_;
};

}}}  // namespace pivotal::v1::PIVOTAL_DETAIL_JSON_ABI
