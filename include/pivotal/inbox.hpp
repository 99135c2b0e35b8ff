// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <pivotal/body.hpp>
#include <pivotal/detail/receiver/incidents.hpp>
#include <pivotal/detail/receiver/lease_keeper.hpp>
#include <pivotal/event.hpp>
#include <pivotal/idempotency.hpp>
#include <pivotal/incident.hpp>

namespace pivotal {
inline namespace v1 {

/// An event that a worker has leased.
struct Job {
    Event event;        ///< As it was put: with its delivery_id and delivered_at.
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

/// How an InboxWorker works.
struct WorkerOptions {
    /// How many events are handled at once, at least 1.
    unsigned threads = 1;
    /// How long the event of a worker that died stays with it. Renewed while a handler runs.
    std::chrono::milliseconds lease = std::chrono::seconds{30};
    /// How often a handler may fail, or kill its process, before the event is buried.
    int max_attempts = 10;
    /// The wait after the first failed attempt is drawn between this and twice as much; it doubles with each
    /// attempt ...
    std::chrono::milliseconds min_backoff = std::chrono::seconds{1};
    /// ... and is never longer than this.
    std::chrono::milliseconds max_backoff = std::chrono::hours{1};
    /// How often an idle worker looks for work.
    std::chrono::milliseconds poll = std::chrono::milliseconds{200};
    /// Told of what goes wrong, from the worker's threads, several at once; what it throws is dropped.
    std::function<void(const Incident&)> on_incident = {};
};

/// Handles the events of an Inbox in threads of its own, until it is destroyed.
///
/// The handler is called with each event, from `threads` threads at once. When it returns the event is done;
/// when it throws the event is tried again after a while, and buried after `max_attempts`. An event that
/// kills its process is taken again when its lease has run out, and buried likewise. So each event is handled
/// at least once; for an effect exactly once see `mark_processed`.
///
/// The constructor starts it; it throws std::invalid_argument where there is no inbox or no handler. The
/// destructor waits for the handlers that are running. While the store cannot answer, it keeps asking.
class InboxWorker {
public:
    InboxWorker(std::shared_ptr<Inbox> inbox, std::function<void(const Event&)> handler,
                WorkerOptions options = {});
    ~InboxWorker() { stop(); }
    InboxWorker(const InboxWorker&) = delete;
    InboxWorker& operator=(const InboxWorker&) = delete;

private:
    void stop() noexcept;
    void run() noexcept;
    void handle(const Job& job);
    void finish(const Job& job);
    void fail(const Job& job, const std::string& error);
    void give_up(const Job& job, const std::string& error);
    std::chrono::milliseconds backoff(int attempt) const;
    void pause(std::chrono::milliseconds time);
    void report(Incident::Reason reason, const char* error, const Job& job) const noexcept {
        detail::report(options_.on_incident, reason, error, &job.event);
    }
    void report_current(Incident::Reason reason, const Job& job) const noexcept {
        detail::report_current(options_.on_incident, reason, &job.event);
    }

    const std::shared_ptr<Inbox> inbox_;
    const std::function<void(const Event&)> handler_;
    const WorkerOptions options_;
    detail::LeaseKeeper keeper_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

// ---- InboxWorker ----

inline InboxWorker::InboxWorker(std::shared_ptr<Inbox> inbox, std::function<void(const Event&)> handler,
                                WorkerOptions options)
    : inbox_(std::move(inbox)), handler_(std::move(handler)), options_(std::move(options)) {
    if (!inbox_ || !handler_)
        throw std::invalid_argument("pivotal: an InboxWorker needs an inbox and a handler");
    const unsigned count = std::max(options_.threads, 1U);
    threads_.reserve(count);
    try {
        for (unsigned i = 0; i < count; ++i) threads_.emplace_back([this] { run(); });
    } catch (...) {
        stop();
        throw;
    }
}

inline void InboxWorker::stop() noexcept {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
}

/// Waits, or returns at once where the worker stops.
inline void InboxWorker::pause(std::chrono::milliseconds time) {
    std::unique_lock<std::mutex> lock(mutex_);
    wake_.wait_for(lock, time, [this] { return stopping_; });
}

inline void InboxWorker::run() noexcept {
    const auto is_stopping = [this] {
        const std::lock_guard<std::mutex> lock(mutex_);
        return stopping_;
    };
    const auto failed = [this](Incident::Reason reason) {
        detail::report_current(options_.on_incident, reason, nullptr);
        return std::max<std::chrono::milliseconds>(options_.poll, std::chrono::seconds(1));
    };
    while (!is_stopping()) {
        std::chrono::milliseconds wait{0};
        try {
            const std::optional<Job> job = inbox_->take(options_.lease);
            if (job)
                handle(*job);
            else
                wait = options_.poll;
        } catch (const std::bad_alloc&) {
            wait = failed(Incident::Reason::internal_error);
        } catch (...) {
            wait = failed(Incident::Reason::store_unavailable);
        }
        if (wait > wait.zero()) pause(wait);
    }
}

/// The inbox may throw; the handler's exceptions end here.
inline void InboxWorker::handle(const Job& job) {
    if (job.attempt > options_.max_attempts) {  // those before it ended without a word
        give_up(job, "its worker died, or lost its lease, in each attempt");
        return;
    }
    std::string error;
    try {
        const detail::LeaseKeeper::Guard guard(keeper_, options_.lease,
                                               [&] { return inbox_->renew(job, options_.lease); });
        handler_(job.event);
    } catch (...) {
        detail::with_current_error([&](const char* text) { error = text; });
        if (error.empty()) error = "unknown error";
    }
    if (error.empty())
        finish(job);
    else
        fail(job, error);
}

inline void InboxWorker::finish(const Job& job) {
    bool held = false;
    try {
        held = inbox_->done(job);
    } catch (...) {
        try {
            held = inbox_->done(job);
        } catch (...) {
            report_current(Incident::Reason::not_recorded, job);
            return;
        }
    }
    if (!held) report(Incident::Reason::claim_lost, "the event's lease was taken over", job);
}

inline void InboxWorker::fail(const Job& job, const std::string& error) {
    if (job.attempt >= options_.max_attempts) {
        give_up(job, error);
        return;
    }
    report(Incident::Reason::handler_failed, error.c_str(), job);
    inbox_->retry(job, backoff(job.attempt), error);
}

inline void InboxWorker::give_up(const Job& job, const std::string& error) {
    if (inbox_->bury(job, error)) report(Incident::Reason::buried, error.c_str(), job);
}

/// Between half of it and all of it, so that what failed together does not come back together.
inline std::chrono::milliseconds InboxWorker::backoff(int attempt) const {
    using std::chrono::milliseconds;
    const milliseconds most =
        std::clamp<milliseconds>(options_.max_backoff, milliseconds(0), std::chrono::hours(24 * 365));
    milliseconds top = std::clamp(options_.min_backoff, milliseconds(0), most);
    for (int i = 0; i < attempt && top < most; ++i) top *= 2;
    top = std::min(top, most);
    thread_local std::minstd_rand random{std::random_device{}()};
    return milliseconds(
        std::uniform_int_distribution<milliseconds::rep>(top.count() / 2, top.count())(random));
}

}  // namespace v1
}  // namespace pivotal
