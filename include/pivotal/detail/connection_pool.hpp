// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
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
            pool_.closed(1);
        }
        Loan(const Loan&) = delete;
        Loan& operator=(const Loan&) = delete;

        Connection* operator->() const noexcept { return connection_.get(); }
        /// Nothing is under way on it: another may have it.
        void give_back() noexcept { pool_.keep(std::move(connection_)); }

    private:
        ConnectionPool& pool_;
        std::unique_ptr<Connection> connection_;
    };

    /// Throws what `connect` throws, and StoreError where none becomes free before the deadline.
    Loan take(Deadline deadline) {
        std::unique_lock<std::mutex> lock(mutex_);
        for (;;) {
            if (!freed_.wait_until(lock, deadline, [&] { return !idle_.empty() || open_ < most_; }))
                throw StoreError("all " + std::to_string(most_) + " connections to the store are busy");
            if (idle_.empty()) break;
            std::unique_ptr<Connection> connection = std::move(idle_.back());
            idle_.pop_back();
            if (connection->is_usable()) return Loan(*this, std::move(connection));
            --open_;
        }
        ++open_;
        lock.unlock();
        try {
            return Loan(*this, connect_(deadline));
        } catch (...) {
            closed(1);
            throw;
        }
    }

    /// Closes those that nobody has: where one was lost, the others probably are as well.
    void close_idle() noexcept {
        std::size_t count = 0;
        for (;; ++count) {
            std::unique_ptr<Connection> connection;
            const std::lock_guard<std::mutex> lock(mutex_);
            if (idle_.empty()) break;
            connection = std::move(idle_.back());
            idle_.pop_back();
        }
        if (count) closed(count);
    }

private:
    void keep(std::unique_ptr<Connection> connection) noexcept {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            idle_.push_back(std::move(connection));  // there is room for all
        }
        freed_.notify_one();
    }
    void closed(std::size_t count) noexcept {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            open_ -= count;
        }
        freed_.notify_all();
    }

    const std::size_t most_;
    const Connect connect_;
    std::mutex mutex_;
    std::condition_variable freed_;
    std::vector<std::unique_ptr<Connection>> idle_;  // the last one used is the next one used
    std::size_t open_ = 0;                           // idle, lent, or being made
};

}  // namespace detail
}  // namespace v1
}  // namespace pivotal
