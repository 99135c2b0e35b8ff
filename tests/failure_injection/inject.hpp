// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

/// Where the tests make calls fail. The shadow of <pivotal/detail/openssl.hpp> asks `openssl` at each of the
/// library's calls into OpenSSL, operator new asks `memory`, and OpenSSL's own allocator asks
/// `openssl_memory`.
namespace inject {

/// Counts calls, and tells one of them, or all from that one on, to fail. For one thread.
class Point {
public:
    static constexpr long never = -1;

    /// Forgets what was counted; call number `at` (from 0) will fail, and with `onwards` each one behind it.
    void arm(long at, bool onwards = false) noexcept {
        calls_ = 0;
        at_ = at;
        onwards_ = onwards;
        failed_ = false;
    }
    /// Nothing fails any more, nothing is counted.
    void disarm() noexcept { at_ = idle; }
    /// Counts, and lets nothing fail.
    void count_only() noexcept { arm(never); }

    /// True where this call, which is about to be made, must fail.
    bool fails() noexcept {
        if (at_ == idle) return false;
        const long call = calls_++;
        if (at_ == never || (onwards_ ? call < at_ : call != at_)) return false;
        return failed_ = true;
    }

    long calls() const noexcept { return calls_; }
    bool failed() const noexcept { return failed_; }

private:
    static constexpr long idle = -2;

    long calls_ = 0, at_ = idle;
    bool onwards_ = false, failed_ = false;
};

inline Point openssl, memory, openssl_memory;

/// What the library has got from OpenSSL and not given back.
inline long live_openssl_objects = 0;

template <class T>
T* acquired(T* object) noexcept {
    if (object) ++live_openssl_objects;
    return object;
}
template <class T>
T* returned(T* object) noexcept {
    if (object) --live_openssl_objects;
    return object;
}

/// What EVP_DigestVerify and EVP_EncodeBlock give where they fail: each of the values that OpenSSL documents.
inline int failure_value = -1;

}  // namespace inject
