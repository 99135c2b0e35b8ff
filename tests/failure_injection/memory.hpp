// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>

/// Blocks from operator new, and from OpenSSL's allocator, that nobody has given back yet.
inline std::atomic<long> live_blocks{0}, live_openssl_blocks{0};

/// How often a failing allocation was let through because nlohmann's destructor made it.
inline long memory_in_destructors_of_nlohmann = 0;

/// True where OpenSSL uses the allocator of the tests.
bool memory_of_openssl_is_watched() noexcept;
