// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <new>
#include <string>
#include <thread>

#include <openssl/err.h>

#include "catch.hpp"
#include "inject.hpp"
#include "memory.hpp"

/// One of the times that something is done while an allocation fails, or all from one on.
class Trial {
public:
    Trial(long at, bool onwards) noexcept : onwards_(onwards), at_(at) {}

    /// Does `work`, whose allocations fail, in a thread of its own: what a thread makes on first use is made, and
    /// given back. True: it came to its end. False: std::bad_alloc. Catch2 allocates too: check nothing in `work`.
    template <class Work> bool run(Work work) {
        bool whole = false, queue_clean = false;
        std::string unexpected;
        const long refused = refused_allocations;
        std::thread([&] {
            inject::memory.arm(at_, onwards_);
            try {
                work();
                whole = true;
            } catch (const std::bad_alloc&) {
            } catch (const std::exception& error) {
                inject::memory.disarm();
                unexpected = error.what();
            }
            inject::memory.disarm();
            queue_clean = ERR_peek_error() == 0;
        }).join();
        end(refused);
        CHECK(unexpected == "");
        CHECK(queue_clean);
        return whole;
    }

    /// For work that a thread of the library does: from here on this thread's allocations fail.
    void begin() const noexcept { inject::memory.arm(at_, onwards_); }
    /// When that thread has ended.
    void end(long refused_before) noexcept {
        inject::memory.disarm();
        failed_ = failed_ || inject::memory.failed();
        refused_ = refused_ || refused_allocations != refused_before;
    }

    bool onwards() const noexcept { return onwards_; }
    /// There were as many allocations as that one should fail.
    bool failed() const noexcept { return failed_; }
    /// Memory was asked for in vain, not only by nlohmann's destructor, which always gets it.
    bool refused() const noexcept { return refused_; }

private:
    const bool onwards_;
    const long at_;
    bool failed_ = false, refused_ = false;
};

/// Calls `attempt(Trial&)` for each allocation that there is in what it runs: once with this one failing, once with
/// all from this one on, and at the end of both with none. Nothing may be left of it. Returns how often memory was
/// refused.
template <class Attempt> long fail_each_allocation(Attempt attempt) {
    for (int i = 0; i < 2; ++i) {  // OpenSSL and the runtime keep what they make on first use
        Trial warm_up(inject::Point::never, false);
        attempt(warm_up);
    }
    long refusals = 0;
    for (const bool onwards : {false, true}) {
        for (long at = 0;; ++at) {
            INFO("allocation " << at << ", onwards " << onwards);
            const long blocks = live_blocks, objects = inject::live_openssl_objects;
            Trial trial(at, onwards);
            attempt(trial);
            CHECK(live_blocks == blocks);
            CHECK(inject::live_openssl_objects == objects);
            refusals += trial.refused() ? 1 : 0;
            if (!trial.failed()) break;
        }
    }
    return refusals;
}
