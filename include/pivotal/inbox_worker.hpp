// SPDX-License-Identifier: MIT
#pragma once

#include <pivotal/detail/core/attributes.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <pivotal/detail/receiver/lease_keeper.hpp>
#include <pivotal/detail/receiver/observe.hpp>
#include <pivotal/detail/receiver/repeat.hpp>
#include <pivotal/detail/receiver/turns.hpp>
#include <pivotal/event.hpp>
#include <pivotal/inbox.hpp>
#include <pivotal/observation.hpp>

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
    /// How often an idle worker looks for work, whatever the number of its threads. A `put` of the same Inbox object,
    /// or over SQLite of the same process, wakes it at once, and over PostgreSQL any other soon.
    std::chrono::milliseconds poll = std::chrono::milliseconds{500};
    /// A handler that runs for longer is an incident, and again each time that this doubles.
    std::chrono::milliseconds slow = std::chrono::minutes{1};
    /// Told of what happens, from the worker's threads.
    Observer observer = {};
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
    /// Stops, and waits for the handlers that run. Where it is one of them that destroys the worker, it waits for the
    /// others: that one goes on without it, and the observer is told of the mistake, an `internal_error`.
    ~InboxWorker();
    InboxWorker(const InboxWorker&) = delete;
    InboxWorker& operator=(const InboxWorker&) = delete;

    /// Takes nothing more, and waits for the handlers that run. False: after so long some still do; each keeps its
    /// lease until it ends. std::logic_error from the worker's own handler, which it would wait for.
    bool stop(std::chrono::milliseconds deadline);

private:
    class Loop;

    void end() noexcept;

    const std::shared_ptr<Loop> loop_;
    std::vector<std::thread> threads_;
    std::shared_ptr<void> listening_;
};

// ---- InboxWorker ----

/// What the threads share, and keep: a worker that its own handler destroys is gone before its thread is.
class InboxWorker::Loop {
    using Deadline = std::chrono::steady_clock::time_point;
    using Kind = Observation::Kind;

public:
    Loop(std::shared_ptr<Inbox> inbox, JobHandler handler, WorkerOptions options)
        : inbox_(std::move(inbox)),
          handler_(std::move(handler)),
          options_(std::move(options)),
          turns_(options_.threads, options_.poll) {
        constexpr std::chrono::milliseconds nothing{0}, year = std::chrono::hours{24 * 365};
        const auto need = [](bool is_so, const char* what) {
            if (!is_so) throw std::invalid_argument(std::string("pivotal: an InboxWorker needs ") + what);
        };
        need(inbox_ && handler_, "an inbox and a handler");
        need(options_.threads > 0, "a thread");
        need(options_.lease > nothing && options_.lease <= year, "a lease, of a year at most");
        need(options_.max_attempts > 0, "an attempt");
        need(options_.min_backoff >= nothing && options_.min_backoff <= year, "a min_backoff of 0 to a year");
        need(options_.max_backoff >= options_.min_backoff && options_.max_backoff <= year,
             "a max_backoff of min_backoff to a year");
        need(options_.poll > nothing && options_.poll <= year, "a time to poll after, of a year at most");
        need(options_.slow > nothing && options_.slow <= year, "a time that is slow, of a year at most");
    }

    void observe(Kind kind, const Event* event, const char* error = nullptr,
                 const detail::Attempt* attempt = nullptr) const noexcept {
        detail::observe(options_.observer, kind, event, error, attempt);
    }

    /// The loop whose handler this thread runs, if it does.
    static const Loop*& current() noexcept {
        thread_local const Loop* loop = nullptr;
        return loop;
    }

    void run() noexcept {
        current() = this;
        const auto failed = [this](Kind reason) {
            observe(reason, nullptr);
            turns_.look_later(std::chrono::steady_clock::now() +
                              (std::max<std::chrono::milliseconds>)(options_.poll, std::chrono::seconds(1)));
            return false;
        };
        for (bool found = true; turns_.wait(found);) {
            try {
                const Deadline start = std::chrono::steady_clock::now();
                std::optional<Job> job = inbox_->take(options_.lease);
                found = job.has_value();
                if (!found) {
                    turns_.look_later(start + options_.poll);
                    continue;
                }
                turns_.set_handling(true);
                const auto end = [](detail::Turns* turns) { turns->set_handling(false); };
                const std::unique_ptr<detail::Turns, decltype(end)> handling(&turns_, end);
                turns_.look_now();  // there may be more
                handle(*std::move(job), start + options_.lease);
            } catch (const std::bad_alloc&) {
                found = failed(Kind::internal_error);
            } catch (...) {
                found = failed(Kind::store_unavailable);
            }
        }
        turns_.end();
    }

    const std::shared_ptr<Inbox> inbox_;
    const JobHandler handler_;
    const WorkerOptions options_;
    detail::Turns turns_;
    const std::function<void()> on_put_ = [this] { turns_.look_now(); };

private:
    /// The inbox may throw; the handler's exceptions end here.
    void handle(Job job, Deadline lease_end) {
        detail::Attempt attempt;
        attempt.number = job.attempt;
        if (!job.unreadable.empty()) return fail(job, job.unreadable, attempt, lease_end);
        if (job.attempt > options_.max_attempts)  // those before it ended without a word
            return give_up(job, "its worker died, or lost its lease, in each attempt", attempt, lease_end);
        const auto end = std::make_shared<std::atomic<Deadline>>(lease_end);
        Job known;  // what a renewal needs and an observer is told, which may end behind their guards
        known.event.id = job.event.id;
        known.event.type = job.event.type;
        known.event.delivery.message_id = job.event.delivery.message_id;
        known.owner = job.owner;
        known.attempt = job.attempt;
        const auto tell_slow = [observer = options_.observer, slow = options_.slow, event = known.event, attempt,
                                times = std::int64_t{0}]() mutable {
            ++times;
            if ((times & (times - 1)) != 0) return true;
            const std::string text = "the handler has run for " + std::to_string((slow * times).count()) + " ms";
            attempt.end();  // so far
            detail::observe(observer, Kind::slow, &event, text.c_str(), &attempt);
            return true;
        };
        job.renew = [inbox = inbox_, known = std::move(known), lease = options_.lease, end] {
            const Deadline renewed = std::chrono::steady_clock::now() + lease;
            const bool held = inbox->renew(known, lease);
            if (held) *end = renewed;
            return held;
        };
        bool was_called = false;
        try {
            const detail::LeaseKeeper::Guard held(keeper_, options_.lease, job.renew);
            const detail::LeaseKeeper::Guard watched(keeper_, 2 * options_.slow, tell_slow);  // called at each half
            was_called = true;
            handler_(job);
            attempt.end();
        } catch (const RetryAfter& retry) {
            attempt.end();
            observe(Kind::postponed, &job.event, retry.what(), &attempt);
            detail::repeat_until(*end, [&] { return inbox_->postpone(job, retry.delay(), retry.what()); });
            return;
        } catch (const Discard& discard) {
            attempt.end();
            return give_up(job, discard.what(), attempt, *end);
        } catch (...) {
            attempt.end();
            std::string error;
            detail::with_current_error([&](const char* text) { error = text; });
            if (error.empty()) error = "unknown error";
            if (was_called) return fail(job, error, attempt, *end);
            // Nobody can keep its lease: there is no thread to be had, or no memory.
            observe(Kind::internal_error, &job.event, error.c_str(), &attempt);
            detail::repeat_until(*end, [&] { return inbox_->postpone(job, std::chrono::seconds(1), error); });
            return;
        }
        detail::record_handled(options_.observer, job.event, attempt, *end, [&] { return inbox_->done(job); });
    }

    void fail(const Job& job, const std::string& error, const detail::Attempt& attempt, Deadline lease_end) {
        if (job.attempt >= options_.max_attempts) return give_up(job, error, attempt, lease_end);
        observe(Kind::failed, &job.event, error.c_str(), &attempt);
        detail::repeat_until(lease_end, [&] { return inbox_->retry(job, backoff(job.attempt), error); });
    }

    void give_up(const Job& job, const std::string& error, const detail::Attempt& attempt, Deadline lease_end) {
        detail::record_handled(
            options_.observer, job.event, attempt, lease_end, [&] { return inbox_->bury(job, error); }, error.c_str());
    }

    /// Drawn, so that what failed together does not come back together.
    std::chrono::milliseconds backoff(int attempt) const {
        using std::chrono::milliseconds;
        const milliseconds most = options_.max_backoff;
        milliseconds top = options_.min_backoff;
        for (int i = 0; i < attempt && top < most; ++i) top *= 2;
        top = (std::min)(top, most);
        const milliseconds least = (std::max)(options_.min_backoff, top / 2);
        thread_local std::minstd_rand random{std::random_device{}()};
        return milliseconds(std::uniform_int_distribution<milliseconds::rep>(least.count(), top.count())(random));
    }

    detail::LeaseKeeper keeper_;
};

inline InboxWorker::InboxWorker(std::shared_ptr<Inbox> inbox, JobHandler handler, WorkerOptions options)
    : loop_(std::make_shared<Loop>(std::move(inbox), std::move(handler), std::move(options))) {
    threads_.reserve(loop_->options_.threads);
    loop_->inbox_->wakeups_.add(&loop_->on_put_);
    try {
        for (unsigned i = 0; i < loop_->options_.threads; ++i) threads_.emplace_back([loop = loop_] { loop->run(); });
        listening_ = loop_->inbox_->listen(loop_->options_.observer);
    } catch (...) {
        end();
        throw;
    }
}

inline InboxWorker::~InboxWorker() {
    end();
}

inline void InboxWorker::end() noexcept {
    loop_->turns_.request_stop();
    for (std::thread& thread : threads_) {
        if (thread.get_id() != std::this_thread::get_id()) {
            thread.join();
            continue;
        }
        thread.detach();
        loop_->observe(Observation::Kind::internal_error, nullptr,
                       "an InboxWorker was destroyed by its own handler, which goes on without it");
    }
    loop_->inbox_->wakeups_.remove(&loop_->on_put_);
}

inline bool InboxWorker::stop(std::chrono::milliseconds deadline) {
    if (Loop::current() == loop_.get()) throw std::logic_error("pivotal: a handler cannot stop its own InboxWorker");
    loop_->turns_.request_stop();
    return loop_->turns_.wait_for_end(deadline);
}

}}}  // namespace pivotal::v1::PIVOTAL_DETAIL_JSON_ABI
