// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#ifdef _WIN32
#include <winsock2.h>
#else
#include <poll.h>
#endif

#include <pivotal/detail/receiver/per_process.hpp>
#include <pivotal/detail/receiver/store_time.hpp>
#include <pivotal/idempotency.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

/// A call failed in a way that says nothing about the next: the connection was lost, the server was busy or starting.
class TryAgain : public StoreError {
public:
    TryAgain(const std::string& what, bool may_have_run) : StoreError(what), may_have_run_(may_have_run) {}
    /// False: what was asked for has not happened.
    bool may_have_run() const noexcept { return may_have_run_; }

private:
    bool may_have_run_;
};

/// Whether one of `events` is there, now or before some time has passed.
inline bool poll_socket(int socket, short events, int milliseconds) noexcept {
#ifdef _WIN32
    WSAPOLLFD polled{static_cast<SOCKET>(socket), events, 0};
    return WSAPoll(&polled, 1, milliseconds) > 0;
#else
    pollfd polled{socket, events, 0};
    return poll(&polled, 1, milliseconds) > 0;
#endif
}

/// The same, before the deadline; a signal does not end it.
inline bool wait_for_socket(int socket, short events, Deadline deadline) noexcept {
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        if (left <= left.zero()) return false;
        if (poll_socket(socket, events, static_cast<int>(left.count()))) return true;
    }
}

/// Connections to a server that threads share: each is one thread's at a time, and is kept for the next.
///
/// Who needs one takes an idle one, the last that was used, or makes one while there are fewer than `most`; or else
/// waits in a queue, in which nobody overtakes. Where the server refuses a connection, no new one is asked for during
/// half a second, and those that are there do the work of all. A call gives up only when its time is over.
///
/// Firewalls forget connections without a word. So a reply on one that was idle is waited for two seconds, no longer;
/// and when one is lost the idle ones are closed, since they probably are lost as well.
///
/// A process that was forked has a pool of its own, see PerProcess.
///
/// A Connection has `bool is_usable()`, which tells without a question to the server whether it is still open and in
/// step.
template <class Connection> class ConnectionPool {
    using Time = std::chrono::steady_clock;
    struct State;

public:
    using Connect = std::function<std::unique_ptr<Connection>(Deadline)>;

    /// `connect` makes a connection or throws StoreError; there are never more than `most`.
    ConnectionPool(int most, Connect connect) : most_(static_cast<std::size_t>(most)), connect_(std::move(connect)) {}
    ConnectionPool(const ConnectionPool&) = delete;
    ConnectionPool& operator=(const ConnectionPool&) = delete;

    /// A connection that is one thread's. It is closed with the loan, unless it was given back before.
    class Loan {
    public:
        ~Loan() {
            if (!connection_) return;
            connection_.reset();
            const std::lock_guard<std::mutex> lock(state_.mutex);
            --state_.open;
            state_.wake_first();
        }
        Loan(const Loan&) = delete;
        Loan& operator=(const Loan&) = delete;

        Connection* operator->() const noexcept { return connection_.get(); }
        Connection& operator*() const noexcept { return *connection_; }
        /// It was made for this loan.
        bool is_new() const noexcept { return is_new_; }
        /// Nothing is under way on it: another may have it.
        void give_back() noexcept {
            const std::lock_guard<std::mutex> lock(state_.mutex);
            state_.idle.push_back(std::move(connection_));  // there is room for all
            state_.wake_first();
        }

    private:
        friend ConnectionPool;
        Loan(State& state, std::unique_ptr<Connection> connection, bool is_new) noexcept
            : state_(state), connection_(std::move(connection)), is_new_(is_new) {}

        State& state_;
        std::unique_ptr<Connection> connection_;
        const bool is_new_;
    };

    /// Throws StoreError where none can be had before the deadline.
    Loan take(Deadline deadline) {
        State& state = state_.get();
        std::unique_lock<std::mutex> lock(state.mutex);
        for (bool was_refused = false;; was_refused = true) {
            wait_for_turn(state, lock, deadline, was_refused);
            while (!state.idle.empty()) {
                std::unique_ptr<Connection> connection = std::move(state.idle.back());
                state.idle.pop_back();
                if (connection->is_usable()) return Loan(state, std::move(connection), false);
                --state.open;
            }
            state.idle.reserve(most_);
            ++state.open;
            lock.unlock();
            try {
                return Loan(state, connect_(deadline), true);
            } catch (const StoreError& error) {
                lock.lock();
                --state.open;
                if (Time::now() < deadline) {
                    state.refuse(error.what());
                    continue;
                }
                state.wake_first();  // there was no time, which says nothing of the server
                if (was_refused) throw StoreError(state.refusal);
                throw;
            } catch (...) {
                lock.lock();
                --state.open;
                state.wake_first();
                throw;
            }
        }
    }

    /// A connection that is the caller's, at once or not at all.
    std::unique_ptr<Connection> make(Deadline deadline) { return connect_(deadline); }
    /// And which it does not need any longer.
    void add(std::unique_ptr<Connection> connection) {
        State& state = state_.get();
        const std::lock_guard<std::mutex> lock(state.mutex);
        state.idle.reserve(most_);
        state.idle.push_back(std::move(connection));
        ++state.open;
    }

    /// What `work` returns for a connection, and for the time that it has. Where it throws TryAgain it is called again,
    /// unless it may have been done and must not be done twice.
    template <class Work> auto use(bool repeatable, const Work& work) {
        const Deadline deadline = DueTime::of_call();
        for (;;) {
            Loan loan = take(deadline);
            try {
                auto result = work(*loan, loan.is_new() ? deadline : (std::min)(deadline, Time::now() + silence));
                loan.give_back();
                return result;
            } catch (const TryAgain& error) {
                if (loan->is_usable())
                    loan.give_back();
                else if (Time::now() < deadline)  // else it had no time, which says nothing of the others
                    close_idle(loan.is_new() ? error.what() : nullptr);
                if ((error.may_have_run() && !repeatable) || Time::now() >= deadline) throw;
            } catch (const StoreError&) {
                if (loan->is_usable()) loan.give_back();
                throw;
            }
        }
    }

    /// Closes those that nobody has; and no new one is made for a while, where one that was new had failed.
    void close_idle(const char* failure = nullptr) {
        State& state = state_.get();
        const std::lock_guard<std::mutex> lock(state.mutex);
        state.open -= state.idle.size();
        state.idle.clear();
        if (failure) state.refuse(failure);
        state.wake_first();
    }

    /// How many threads wait for a connection.
    std::size_t waiting() {
        State& state = state_.get();
        const std::lock_guard<std::mutex> lock(state.mutex);
        return state.queue.size();
    }

private:
    static constexpr std::chrono::seconds silence{2};
    static constexpr std::chrono::milliseconds pause_after_refusal{500};

    struct State {
        std::mutex mutex;
        std::vector<std::unique_ptr<Connection>> idle;  // the last one used is the next one used
        std::size_t open = 0;                           // those, and what is lent or being made
        std::list<std::condition_variable> queue;       // the first has waited longest
        typename Time::time_point refused_until{};
        std::string refusal;

        void wake_first() noexcept {
            if (!queue.empty()) queue.front().notify_one();
        }
        void refuse(const char* why) {
            refused_until = Time::now() + pause_after_refusal;
            refusal = why;
            wake_first();
        }
    };

    /// Who was refused a connection has waited already.
    void wait_for_turn(State& state, std::unique_lock<std::mutex>& lock, Deadline deadline, bool in_front) {
        const auto place = state.queue.emplace(in_front ? state.queue.begin() : state.queue.end());
        const auto leave = [&] {
            state.queue.erase(place);
            state.wake_first();
        };
        for (;;) {
            const auto now = Time::now();
            const bool is_first = place == state.queue.begin(), may_make = state.open < most_;
            if (now >= deadline) {
                leave();
                const bool was_refused = in_front || now < state.refused_until;
                throw StoreError(!may_make && state.idle.empty()
                                     ? "all " + std::to_string(most_) + " connections to the store are busy"
                                 : was_refused ? state.refusal
                                               : "no time was left to ask the store");
            }
            if (is_first && (!state.idle.empty() || (may_make && now >= state.refused_until))) return leave();
            place->wait_until(lock, is_first && may_make ? (std::min)(deadline, state.refused_until) : deadline);
        }
    }

    const std::size_t most_;
    const Connect connect_;
    PerProcess<State> state_;
};

}}}  // namespace pivotal::v1::detail
