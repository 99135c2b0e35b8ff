// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <memory>

#ifndef _WIN32
#include <unistd.h>
#endif

namespace pivotal { inline namespace v1 { namespace detail {

inline long process_id() noexcept {
#ifdef _WIN32
    return 0;  // where nothing forks
#else
    return getpid();
#endif
}

/// A State that belongs to one process: threads, connections, and the mutex in front of them. A process that was
/// forked gets a new one when it first asks.
///
/// What it inherited is left alone, its memory too: the threads are not there, the connections are its parent's, who
/// would lose them if they were closed properly here, and whoever held the mutex at the fork will not release it.
template <class State> class PerProcess {
public:
    PerProcess() : current_(new Tagged) {}
    ~PerProcess() {
        Tagged* const mine = current_;
        if (mine->process == process_id()) delete mine;
    }
    PerProcess(const PerProcess&) = delete;
    PerProcess& operator=(const PerProcess&) = delete;

    State& get() {
        Tagged* known = current_;
        if (known->process == process_id()) return known->state;
        auto made = std::make_unique<Tagged>();
        // Of several threads of the new process one is the first.
        if (current_.compare_exchange_strong(known, made.get())) known = made.release();
        return known->state;
    }

private:
    struct Tagged {
        const long process = process_id();
        State state;
    };

    std::atomic<Tagged*> current_;
};

}}}  // namespace pivotal::v1::detail
