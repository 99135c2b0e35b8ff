// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>

/// Where the tests make calls fail. The shadow of <pivotal/detail/core/openssl.hpp> asks `openssl` at each of the
/// library's calls into OpenSSL, operator new asks `memory`, and OpenSSL's own allocator asks
/// `openssl_memory`.
namespace inject {

/// Its address is another in each thread.
inline thread_local char this_thread = 0;

/// Counts the calls of one thread, and tells one of them, or all from that one on, to fail.
class Point {
public:
    static constexpr long never = -1;

    /// Forgets what was counted; this thread's call number `at` (from 0) will fail, and with `onwards` each one
    /// behind it. Where that is `never` they are only counted.
    void arm(long at, bool onwards = false) noexcept {
        calls_ = failures_ = 0;
        at_ = at;
        onwards_ = onwards;
        armed_in_ = &this_thread;
    }
    /// Nothing fails any more, nothing is counted.
    void disarm() noexcept { armed_in_ = nullptr; }

    /// True where this call, which is about to be made, must fail.
    bool fails() noexcept {
        if (armed_in_ != &this_thread) return false;
        const long call = calls_++;
        if (at_ == never || (onwards_ ? call < at_ : call != at_)) return false;
        ++failures_;
        return true;
    }

    // For the thread that armed it, and once that has ended for all.
    long calls() const noexcept { return calls_; }
    long failures() const noexcept { return failures_; }
    bool failed() const noexcept { return failures_ > 0; }

private:
    std::atomic<const char*> armed_in_{nullptr};
    long calls_ = 0, failures_ = 0, at_ = never;
    bool onwards_ = false;
};

inline Point openssl, memory, openssl_memory;

/// What the library has got from OpenSSL and not given back.
inline long live_openssl_objects = 0;

template <class T> T* acquired(T* object) noexcept {
    if (object) ++live_openssl_objects;
    return object;
}
template <class T> T* returned(T* object) noexcept {
    if (object) --live_openssl_objects;
    return object;
}

/// What EVP_DigestVerify and EVP_EncodeBlock give where they fail: each of the values that OpenSSL documents.
inline int failure_value = -1;

}  // namespace inject
