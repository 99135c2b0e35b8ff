// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <atomic>
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
#include <thread>
#include <utility>
#include <vector>

#include <pivotal/detail/receiver/incidents.hpp>
#include <pivotal/detail/receiver/lease_keeper.hpp>
#include <pivotal/detail/receiver/repeat.hpp>
#include <pivotal/event.hpp>
#include <pivotal/inbox.hpp>
#include <pivotal/incident.hpp>

namespace pivotal { inline namespace v1 { inline namespace PIVOTAL_DETAIL_JSON_ABI {

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
    /// How often an idle worker looks for work, whatever the number of its threads. A `put` of the same Inbox object
    /// wakes it at once.
    std::chrono::milliseconds poll = std::chrono::milliseconds{500};
    /// A handler that runs for longer is an incident, and again each time that this doubles.
    std::chrono::milliseconds slow = std::chrono::minutes{1};
    /// Told of what goes wrong, from the worker's threads, several at once; what it throws is dropped.
    std::function<void(const Incident&)> on_incident = {};
};

/// Handles the events of an Inbox in threads of its own, until it is stopped or destroyed.
///
/// The handler is called with each event, from `threads` threads at once. When it
/// - returns, the event is done;
/// - throws, it is tried again after a while, and buried after `max_attempts`;
/// - throws RetryAfter, it is tried again then, and that does not count;
/// - throws Discard, it is buried.
///
/// An event that kills its process is taken again some time after its lease has run out, alone if need be, and buried
/// likewise. So each event is handled at least once; for an effect exactly once see `complete_in` of the inboxes.
///
/// The constructor starts it; it throws std::invalid_argument where there is no inbox or no handler, and for an
/// option that makes no sense: no thread, no attempt, a lease or a poll of nothing, a negative time, one of more
/// than a year. While the store cannot answer, the worker keeps asking; what became of an event it tells the store
/// until that succeeds or the event's lease is over.
class InboxWorker {
public:
    /// Starts the threads.
    InboxWorker(std::shared_ptr<Inbox> inbox, JobHandler handler, WorkerOptions options = {});
    /// Stops, and waits for the handlers that run.
    ~InboxWorker();
    InboxWorker(const InboxWorker&) = delete;
    InboxWorker& operator=(const InboxWorker&) = delete;

    /// Takes nothing more, and waits for the handlers that run. False: after so long some still do; each keeps its
    /// lease until it ends. std::logic_error from the worker's own handler, which it would wait for.
    bool stop(std::chrono::milliseconds deadline);

private:
    using Deadline = std::chrono::steady_clock::time_point;

    /// The worker whose handler this thread runs, if it does.
    static const InboxWorker*& current() noexcept {
        thread_local const InboxWorker* worker = nullptr;
        return worker;
    }

    void request_stop() noexcept;
    void end() noexcept;
    void run() noexcept;
    bool wait_for_turn(bool found);
    void look_now();
    void look_later(Deadline earliest);
    void handle(Job job, Deadline lease_end);
    void fail(const Job& job, const std::string& error, Deadline lease_end);
    void give_up(const Job& job, const std::string& error, Deadline lease_end);
    std::chrono::milliseconds backoff(int attempt) const;
    void report(Incident::Reason reason, const Event* event, const char* error = nullptr) const noexcept {
        detail::report(options_.on_incident, reason, event, error);
    }

    const std::shared_ptr<Inbox> inbox_;
    const JobHandler handler_;
    const WorkerOptions options_;
    detail::LeaseKeeper keeper_;
    std::mutex mutex_;
    std::condition_variable wake_, ended_;
    bool stopping_ = false;
    bool polling_ = false;   // one of the idle threads waits until next_look_, for all of them
    unsigned wanted_ = 0;    // looks that are to be made at once
    unsigned handling_ = 0;  // threads that have an event
    Deadline next_look_{};
    std::size_t ended_threads_ = 0;
    std::vector<std::thread> threads_;
    const std::function<void()> on_put_ = [this] { look_now(); };
};

// ---- InboxWorker ----

inline InboxWorker::InboxWorker(std::shared_ptr<Inbox> inbox, JobHandler handler, WorkerOptions options)
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
    need(options_.slow > nothing && options_.slow <= year, "a time that is slow, of a year at most");
    threads_.reserve(options_.threads);
    inbox_->wakeups_.add(&on_put_);
    try {
        for (unsigned i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { run(); });
    } catch (...) {
        end();
        throw;
    }
}

inline InboxWorker::~InboxWorker() {
    end();
}

inline bool InboxWorker::stop(std::chrono::milliseconds deadline) {
    if (current() == this) throw std::logic_error("pivotal: a handler cannot stop its own InboxWorker");
    request_stop();
    std::unique_lock<std::mutex> lock(mutex_);
    const std::chrono::milliseconds year = std::chrono::hours{24 * 365};
    return ended_.wait_for(lock, (std::min)(deadline, year), [this] { return ended_threads_ == threads_.size(); });
}

inline void InboxWorker::request_stop() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
}

inline void InboxWorker::end() noexcept {
    request_stop();
    for (std::thread& thread : threads_) thread.join();
    inbox_->wakeups_.remove(&on_put_);
}

/// Returns when this thread is to look for work: at once where it has just found some, else when somebody has reason to
/// think that there is some, or as the one of the idle threads that looks for all. False: the worker stops.
inline bool InboxWorker::wait_for_turn(bool found) {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!stopping_ && !found) {
        if (wanted_ > 0) {
            --wanted_;
            break;
        }
        if (polling_) {
            wake_.wait(lock);
            continue;
        }
        polling_ = true;
        const bool in_time = !wake_.wait_until(lock, next_look_, [this] { return stopping_ || wanted_ > 0; });
        polling_ = false;
        wake_.notify_one();  // another one polls
        if (!in_time) continue;
        next_look_ = std::chrono::steady_clock::now() + options_.poll;
        break;
    }
    return !stopping_;
}

/// One more thread looks at once, where one is idle or about to be.
inline void InboxWorker::look_now() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (wanted_ + handling_ < options_.threads) ++wanted_;
    wake_.notify_one();
}

/// The idle threads look no earlier than that.
inline void InboxWorker::look_later(Deadline earliest) {
    const std::lock_guard<std::mutex> lock(mutex_);
    next_look_ = (std::max)(next_look_, earliest);
}

inline void InboxWorker::run() noexcept {
    current() = this;
    const auto failed = [this](Incident::Reason reason) {
        report(reason, nullptr);
        look_later(std::chrono::steady_clock::now() +
                   (std::max<std::chrono::milliseconds>)(options_.poll, std::chrono::seconds(1)));
        return false;
    };
    const auto set_handling = [this](bool on) {
        const std::lock_guard<std::mutex> lock(mutex_);
        on ? ++handling_ : --handling_;
    };
    for (bool found = true; wait_for_turn(found);) {
        try {
            const Deadline start = std::chrono::steady_clock::now();
            std::optional<Job> job = inbox_->take(options_.lease);
            found = job.has_value();
            if (!found) {
                look_later(start + options_.poll);
                continue;
            }
            set_handling(true);
            look_now();  // there may be more
            try {
                handle(*std::move(job), start + options_.lease);
            } catch (...) {
                set_handling(false);
                throw;
            }
            set_handling(false);
        } catch (const std::bad_alloc&) {
            found = failed(Incident::Reason::internal_error);
        } catch (...) {
            found = failed(Incident::Reason::store_unavailable);
        }
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    ++ended_threads_;
    ended_.notify_all();
}

/// The inbox may throw; the handler's exceptions end here.
inline void InboxWorker::handle(Job job, Deadline lease_end) {
    if (job.attempt > options_.max_attempts) {  // those before it ended without a word
        give_up(job, "its worker died, or lost its lease, in each attempt", lease_end);
        return;
    }
    const auto end = std::make_shared<std::atomic<Deadline>>(lease_end);
    const auto renew = [&] {
        Job leased;  // what a renewal needs, which may end behind its guard
        leased.event.id = job.event.id;
        leased.owner = job.owner;
        leased.attempt = job.attempt;
        return [inbox = inbox_, leased = std::move(leased), lease = options_.lease, end] {
            const Deadline renewed = std::chrono::steady_clock::now() + lease;
            const bool held = inbox->renew(leased, lease);
            if (held) *end = renewed;
            return held;
        };
    }();
    const auto tell_slow = [on_incident = options_.on_incident, slow = options_.slow, id = job.event.id,
                            message_id = job.event.delivery.message_id, times = std::int64_t{0}]() mutable {
        ++times;
        if ((times & (times - 1)) != 0) return true;
        Event event;
        event.id = id;
        event.delivery.message_id = message_id;
        const std::string text = "the handler has run for " + std::to_string((slow * times).count()) + " ms";
        detail::report(on_incident, Incident::Reason::handler_slow, &event, text.c_str());
        return true;
    };
    job.renew = renew;

    std::string error;
    enum class Outcome { handled, failed, postponed, discarded } outcome = Outcome::failed;
    std::chrono::milliseconds delay{0};
    try {
        const detail::LeaseKeeper::Guard held(keeper_, options_.lease, renew);
        const detail::LeaseKeeper::Guard watched(keeper_, 2 * options_.slow,
                                                 tell_slow);  // called at each half
        handler_(job);
        outcome = Outcome::handled;
    } catch (const RetryAfter& retry) {
        outcome = Outcome::postponed;
        delay = retry.delay();
        error = retry.what();
    } catch (const Discard& discard) {
        outcome = Outcome::discarded;
        error = discard.what();
    } catch (...) {
        detail::with_current_error([&](const char* text) { error = text; });
        if (error.empty()) error = "unknown error";
    }
    switch (outcome) {
        case Outcome::handled:
            detail::record_handled(options_.on_incident, job.event, *end, [&] { return inbox_->done(job); });
            break;
        case Outcome::postponed:
            detail::repeat_until(*end, [&] { return inbox_->postpone(job, delay, error); });
            break;
        case Outcome::discarded:
            give_up(job, error, *end);
            break;
        case Outcome::failed:
            fail(job, error, *end);
    }
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
    return milliseconds(std::uniform_int_distribution<milliseconds::rep>(top.count() / 2, top.count())(random));
}

}}}  // namespace pivotal::v1::PIVOTAL_DETAIL_JSON_ABI
