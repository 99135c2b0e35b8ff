// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <pivotal/detail/receiver/incidents.hpp>
#include <pivotal/detail/receiver/lease_keeper.hpp>
#include <pivotal/detail/receiver/repeat.hpp>
#include <pivotal/event.hpp>
#include <pivotal/inbox.hpp>
#include <pivotal/incident.hpp>

namespace pivotal {
inline namespace v1 {
inline namespace PIVOTAL_DETAIL_JSON_ABI {

/// How an InboxWorker works.
struct WorkerOptions {
    /// How many events are handled at once.
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
/// kills its process is taken again some time after its lease has run out, alone if need be, and buried likewise.
/// So each event is handled at least once; for an effect exactly once see `mark_processed`.
///
/// The constructor starts it; it throws std::invalid_argument where there is no inbox or no handler, and for an
/// option that makes no sense: no thread, no attempt, a lease or a poll of nothing, a negative time, one of more
/// than a year. The destructor waits for the handlers that are running. While the store cannot answer, it keeps
/// asking; what became of an event it tells the store until that succeeds or the event's lease is over.
class InboxWorker {
public:
    /// Starts the threads.
    InboxWorker(std::shared_ptr<Inbox> inbox, std::function<void(const Event&)> handler,
                WorkerOptions options = {});
    ~InboxWorker() { stop(); }
    InboxWorker(const InboxWorker&) = delete;
    InboxWorker& operator=(const InboxWorker&) = delete;

private:
    void stop() noexcept;
    using Deadline = std::chrono::steady_clock::time_point;

    void run() noexcept;
    void handle(const Job& job, Deadline lease_end);
    void fail(const Job& job, const std::string& error, Deadline lease_end);
    void give_up(const Job& job, const std::string& error, Deadline lease_end);
    std::chrono::milliseconds backoff(int attempt) const;
    void pause(std::chrono::milliseconds time);
    void report(Incident::Reason reason, const Event* event, const char* error = nullptr) const noexcept {
        detail::report(options_.on_incident, reason, event, error);
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
    constexpr std::chrono::milliseconds nothing{0}, year = std::chrono::hours{24 * 365};
    const auto need = [](bool is_so, const char* what) {
        if (!is_so) throw std::invalid_argument(std::string("pivotal: an InboxWorker needs ") + what);
    };
    need(inbox_ && handler_, "an inbox and a handler");
    need(options_.threads > 0, "a thread");
    need(options_.lease > nothing && options_.lease <= year, "a lease, of a year at most");
    need(options_.max_attempts > 0, "an attempt");
    need(options_.min_backoff >= nothing && options_.min_backoff <= year, "a min_backoff of 0 to a year");
    need(options_.max_backoff >= nothing && options_.max_backoff <= year, "a max_backoff of 0 to a year");
    need(options_.poll > nothing && options_.poll <= year, "a time to poll after, of a year at most");
    threads_.reserve(options_.threads);
    try {
        for (unsigned i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { run(); });
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
        report(reason, nullptr);
        return (std::max<std::chrono::milliseconds>)(options_.poll, std::chrono::seconds(1));
    };
    while (!is_stopping()) {
        std::chrono::milliseconds wait{0};
        try {
            const Deadline lease_end = std::chrono::steady_clock::now() + options_.lease;
            if (const std::optional<Job> job = inbox_->take(options_.lease))
                handle(*job, lease_end);
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
inline void InboxWorker::handle(const Job& job, Deadline lease_end) {
    if (job.attempt > options_.max_attempts) {  // those before it ended without a word
        give_up(job, "its worker died, or lost its lease, in each attempt", lease_end);
        return;
    }
    std::string error;
    const auto end = std::make_shared<std::atomic<Deadline>>(lease_end);
    try {
        Job leased;  // what a renewal needs, which may end behind the guard
        leased.event.id = job.event.id;
        leased.owner = job.owner;
        leased.attempt = job.attempt;
        const detail::LeaseKeeper::Guard guard(
            keeper_, options_.lease,
            [inbox = inbox_, leased = std::move(leased), lease = options_.lease, end] {
                const Deadline renewed = std::chrono::steady_clock::now() + lease;
                const bool held = inbox->renew(leased, lease);
                if (held) *end = renewed;
                return held;
            });
        handler_(job.event);
    } catch (...) {
        detail::with_current_error([&](const char* text) { error = text; });
        if (error.empty()) error = "unknown error";
    }
    if (error.empty())
        detail::record_handled(options_.on_incident, job.event, *end, [&] { return inbox_->done(job); });
    else
        fail(job, error, *end);
}

inline void InboxWorker::fail(const Job& job, const std::string& error, Deadline lease_end) {
    if (job.attempt >= options_.max_attempts) {
        give_up(job, error, lease_end);
        return;
    }
    report(Incident::Reason::handler_failed, &job.event, error.c_str());
    detail::repeat_until(lease_end, [&] { return inbox_->retry(job, backoff(job.attempt), error); });
}

inline void InboxWorker::give_up(const Job& job, const std::string& error, Deadline lease_end) {
    if (detail::repeat_until(lease_end, [&] { return inbox_->bury(job, error); }))
        report(Incident::Reason::buried, &job.event, error.c_str());
}

/// Between half of it and all of it, so that what failed together does not come back together.
inline std::chrono::milliseconds InboxWorker::backoff(int attempt) const {
    using std::chrono::milliseconds;
    const milliseconds most = options_.max_backoff;
    milliseconds top = (std::min)(options_.min_backoff, most);
    for (int i = 0; i < attempt && top < most; ++i) top *= 2;
    top = (std::min)(top, most);
    thread_local std::minstd_rand random{std::random_device{}()};
    return milliseconds(
        std::uniform_int_distribution<milliseconds::rep>(top.count() / 2, top.count())(random));
}

}  // namespace PIVOTAL_DETAIL_JSON_ABI
}  // namespace v1
}  // namespace pivotal
