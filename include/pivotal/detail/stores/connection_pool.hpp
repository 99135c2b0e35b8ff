// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <pivotal/idempotency.hpp>

namespace pivotal {
inline namespace v1 {
namespace detail {

/// Connections to a server that threads share: each is one thread's at a time, and is kept for the next.
///
/// A Connection has `bool is_usable()`, which tells without a question to the server whether it is still
/// open and in step.
template <class Connection>
class ConnectionPool {
public:
    using Deadline = std::chrono::steady_clock::time_point;
    using Connect = std::function<std::unique_ptr<Connection>(Deadline)>;

    /// `connect` makes a connection or throws; there are never more than `most`.
    ConnectionPool(std::size_t most, Connect connect) : most_(most), connect_(std::move(connect)) {
        idle_.reserve(most);
    }
    ConnectionPool(const ConnectionPool&) = delete;
    ConnectionPool& operator=(const ConnectionPool&) = delete;

    /// A connection that is one thread's. It is closed with the loan, unless it was given back before.
    class Loan {
    public:
        Loan(ConnectionPool& pool, std::unique_ptr<Connection> connection) noexcept
            : pool_(pool), connection_(std::move(connection)) {}
        ~Loan() {
            if (!connection_) return;
            connection_.reset();
            pool_.closed();
        }
        Loan(const Loan&) = delete;
        Loan& operator=(const Loan&) = delete;

        Connection* operator->() const noexcept { return connection_.get(); }
        Connection& operator*() const noexcept { return *connection_; }
        /// Nothing is under way on it: another may have it.
        void give_back() noexcept { pool_.keep(std::move(connection_)); }

    private:
        ConnectionPool& pool_;
        std::unique_ptr<Connection> connection_;
    };

    /// Throws what `connect` throws, and StoreError where none becomes free before the deadline, or where
    /// somebody else could not connect in the meantime: the others need not wait as long again.
    Loan take(Deadline deadline) {
        std::unique_lock<std::mutex> lock(mutex_);
        if (idle_.size() + (most_ - open_) <= promised_) {
            const std::uint64_t failures = failures_;
            Waiter self;
            waiting_.push_back(&self);
            const bool in_time =
                self.wake.wait_until(lock, deadline, [&] { return self.is_next || failures_ != failures; });
            if (!self.is_next) {
                waiting_.remove(&self);
                throw StoreError(in_time
                                     ? failure_
                                     : "all " + std::to_string(most_) + " connections to the store are busy");
            }
            --promised_;
        }
        while (!idle_.empty()) {
            std::unique_ptr<Connection> connection = std::move(idle_.back());
            idle_.pop_back();
            if (connection->is_usable()) return Loan(*this, std::move(connection));
            --open_;
        }
        ++open_;
        lock.unlock();
        try {
            return Loan(*this, connect_(deadline));
        } catch (const std::exception& error) {
            lock.lock();
            --open_;
            ++failures_;
            for (Waiter* const waiter : waiting_) waiter->wake.notify_one();
            failure_ = error.what();
            throw;
        }
    }

    /// Closes those that nobody has: where one was lost, the others probably are as well.
    void close_idle() noexcept {
        const std::lock_guard<std::mutex> lock(mutex_);
        open_ -= idle_.size();
        idle_.clear();
    }

    /// How many threads wait for a connection.
    std::size_t waiting() const {
        const std::lock_guard<std::mutex> lock(mutex_);
        return waiting_.size();
    }

private:
    struct Waiter {
        std::condition_variable wake;
        bool is_next = false;  // something is promised to it
    };

    void keep(std::unique_ptr<Connection> connection) noexcept {
        const std::lock_guard<std::mutex> lock(mutex_);
        idle_.push_back(std::move(connection));  // there is room for all
        promise();
    }
    void closed() noexcept {
        const std::lock_guard<std::mutex> lock(mutex_);
        --open_;
        promise();
    }
    /// What becomes free is for the one that waits longest: nobody who comes later takes it away.
    void promise() noexcept {
        if (waiting_.empty()) return;
        Waiter* const next = waiting_.front();
        waiting_.pop_front();
        ++promised_;
        next->is_next = true;
        next->wake.notify_one();
    }

    const std::size_t most_;
    const Connect connect_;
    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<Connection>> idle_;  // the last one used is the next one used
    std::size_t open_ = 0;                           // those, and what is lent or being made
    std::list<Waiter*> waiting_;                     // the first has waited longest
    std::size_t promised_ = 0;                       // of what is idle or can be made
    std::uint64_t failures_ = 0;                     // to connect
    std::string failure_;                            // the last one
};

}  // namespace detail
}  // namespace v1
}  // namespace pivotal
