// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>

/// Blocks from operator new, and from OpenSSL's allocator, that nobody has given back yet.
inline std::atomic<long> live_blocks{0}, live_openssl_blocks{0};

/// How often operator new had nothing to give. For the thread that asked, and once that has ended for all.
inline long refused_allocations = 0;

/// True where OpenSSL uses the allocator of the tests.
bool memory_of_openssl_is_watched() noexcept;
