// SPDX-License-Identifier: MIT
#pragma once
#pragma GCC system_header  // #include_next is an extension

// Stands in front of the library's own <pivotal/detail/core/openssl.hpp> by the order of the include path, and puts a
// step between the comparison of two tags and those who use its result: `after_comparison` for memcheck, and a
// comparison that leaks, for the tests of the tests.

#include <cstddef>

#define equal_in_constant_time the_real_equal_in_constant_time
#include_next <pivotal/detail/core/openssl.hpp>
#undef equal_in_constant_time

namespace constant_time {

/// What a test wants to see instead of the library's own comparison; null for that.
using Comparison = bool (*)(const unsigned char* a, const unsigned char* b, std::size_t size);
inline Comparison planted = nullptr;

/// Called with what was compared and the result, which it may change the memory state of.
inline void (*after_comparison)(const unsigned char* tag, std::size_t size, bool& result) = nullptr;

}  // namespace constant_time

namespace pivotal { inline namespace v1 { namespace detail {

inline bool equal_in_constant_time(const unsigned char* a, const unsigned char* b, std::size_t size) noexcept {
    bool result =
        constant_time::planted ? constant_time::planted(a, b, size) : the_real_equal_in_constant_time(a, b, size);
    if (constant_time::after_comparison) constant_time::after_comparison(b, size, result);
    return result;
}

}}}  // namespace pivotal::v1::detail
