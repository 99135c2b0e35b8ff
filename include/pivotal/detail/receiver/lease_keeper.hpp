// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <pivotal/detail/receiver/per_process.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

/// Renews the leases of handlers that run long, each when half of it has passed, however long another renewal takes.
///
/// The leases are in a schedule, by the time of their next renewal. One thread leads: it waits for the first of them.
/// When it goes to renew, it hands the lead over, to a thread that rests or else to a new one, so that somebody always
/// waits for what is due next; when it comes back it rests, or leads where nobody does. So there are as many threads
/// as renewals were ever stuck at once, and one: mostly one or two in all, for any number of leases.
///
/// A Guard takes its lease out of the schedule and waits for nobody: a renewal that is under way may end behind it.
/// That does no harm, since an owner whose claim has ended renews nothing; what `renew` uses it must own.
///
/// The threads start with the first lease, and anew in a process that was forked. The destructor waits for them, but for
/// the one that it runs in.
class LeaseKeeper {
    using Clock = std::chrono::steady_clock;
    struct Lease;
    using Schedule = std::multimap<Clock::time_point, std::shared_ptr<Lease>>;

    struct Lease {
        std::function<bool()> renew;
        Clock::duration half;
        Schedule::iterator place;  // the schedule's end while it is being renewed, and once it is lost
        bool is_guarded = true;
    };

    // A thread keeps it, since what one of them calls may be what ends them.
    class Threads : public std::enable_shared_from_this<Threads> {
    public:
        void end() {
            {
                const std::lock_guard<std::mutex> lock(mutex_);
                stopping_ = true;
            }
            due_.notify_all();
            lead_.notify_all();
            for (std::thread& thread : threads_)
                if (thread.get_id() == std::this_thread::get_id())
                    thread.detach();
                else
                    thread.join();
        }

        void add(const std::shared_ptr<Lease>& lease) {
            const std::lock_guard<std::mutex> lock(mutex_);
            if (!has_leader_) hand_over();
            lease->place = schedule_.emplace(Clock::now() + lease->half, lease);
            // Most leases are alike, and then the leader already waits for an earlier one.
            if (lease->place->first < leader_waits_until_) due_.notify_one();
        }

        void remove(Lease& lease) noexcept {
            const std::lock_guard<std::mutex> lock(mutex_);
            lease.is_guarded = false;
            if (lease.place != schedule_.end()) schedule_.erase(lease.place);
        }

    private:
        /// Throws where there is no thread that could lead.
        void hand_over() {
            if (resting_ > 0) return lead_.notify_one();
            threads_.emplace_back([kept = shared_from_this()] { kept->run(); });
            has_leader_ = true;
        }

        void run() {
            std::unique_lock<std::mutex> lock(mutex_);
            while (!stopping_) {
                if (schedule_.empty()) {
                    leader_waits_until_ = (Clock::time_point::max)();
                    due_.wait(lock);
                } else if (Clock::now() < schedule_.begin()->first) {
                    leader_waits_until_ = schedule_.begin()->first;
                    due_.wait_until(lock, leader_waits_until_);
                } else {
                    renew_first(lock);
                    ++resting_;
                    lead_.wait(lock, [this] { return !has_leader_ || stopping_; });
                    --resting_;
                    has_leader_ = true;
                }
            }
        }

        void renew_first(std::unique_lock<std::mutex>& lock) {
            Schedule::node_type place = schedule_.extract(schedule_.begin());
            const std::shared_ptr<Lease> lease = place.mapped();
            lease->place = schedule_.end();
            has_leader_ = false;
            try {
                if (!schedule_.empty()) hand_over();
            } catch (...) {
                // The others wait for this renewal, or for `add` to find a thread.
            }
            lock.unlock();
            bool again = true;
            Clock::duration pause = lease->half;
            const Clock::time_point start = Clock::now();
            try {
                again = lease->renew();
            } catch (...) {
                pause /= 4;  // the handler's end will tell whether the lease was lost
            }
            lock.lock();
            if (!again || !lease->is_guarded) return;
            place.key() = start + pause;
            lease->place = schedule_.insert(std::move(place));
            if (lease->place->first < leader_waits_until_) due_.notify_one();
        }

        std::mutex mutex_;
        std::condition_variable due_;   // the leader waits for it
        std::condition_variable lead_;  // those that rest wait for it
        Schedule schedule_;
        Clock::time_point leader_waits_until_ = (Clock::time_point::max)();
        bool has_leader_ = false, stopping_ = false;
        std::size_t resting_ = 0;
        std::vector<std::thread> threads_;
    };

public:
    /// While it lives, `renew` is called each time that half of `lease` has passed since the lease was last started:
    /// until it returns false, and again soon when it throws.
    class Guard {
    public:
        /// Throws std::bad_alloc, or std::system_error where no thread can be had.
        Guard(LeaseKeeper& keeper, std::chrono::milliseconds lease, std::function<bool()> renew)
            : threads_(*keeper.threads_.get().threads), lease_(std::make_shared<Lease>()) {
            lease_->renew = std::move(renew);
            constexpr std::chrono::milliseconds shortest{1}, longest = std::chrono::hours(24 * 365);
            lease_->half = std::clamp(lease / 2, shortest, longest);
            threads_.add(lease_);
        }
        ~Guard() { threads_.remove(*lease_); }
        Guard(const Guard&) = delete;
        Guard& operator=(const Guard&) = delete;

    private:
        Threads& threads_;
        const std::shared_ptr<Lease> lease_;
    };

private:
    struct State {
        ~State() { threads->end(); }
        const std::shared_ptr<Threads> threads = std::make_shared<Threads>();
    };
    PerProcess<State> threads_;
};

}}}  // namespace pivotal::v1::detail
