// SPDX-License-Identifier: MIT
#pragma once

// What woven headers ask: which of the mutants is on. Included in front of everything.

#include <cstdlib>
#include <cstring>

#include <sys/mman.h>

namespace mutation {

inline constexpr int most = 1 << 14;

/// The mutant that is on, by its number in the environment; 0 is none.
inline const int active = std::getenv("MUTANT") ? std::atoi(std::getenv("MUTANT")) : 0;  // NOLINT

/// Which were asked for, in this process and in those that it forked. Threads set the same bytes to the same value.
inline unsigned char before_main[most];
inline unsigned char* reached = before_main;
inline const bool is_shared = [] {
    void* const all = mmap(nullptr, most, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) std::abort();
    reached = static_cast<unsigned char*>(std::memcpy(all, before_main, most));
    return true;
}();

__attribute__((always_inline)) constexpr bool on(int number) {
    if (__builtin_is_constant_evaluated()) return false;  // such a mutant needs a build of its own
    reached[number] = 1;
    return number == active;
}

}  // namespace mutation
