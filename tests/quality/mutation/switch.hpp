// SPDX-License-Identifier: MIT
#pragma once

// What woven headers ask: which of the mutants is on. Included in front of everything.

#include <cstdlib>

namespace mutation {

inline constexpr int most = 1 << 14;

/// The mutant that is on, by its number in the environment; 0 is none.
inline const int active = std::getenv("MUTANT") ? std::atoi(std::getenv("MUTANT")) : 0;  // NOLINT

/// Which were asked for. Threads set the same bytes to the same value.
inline unsigned char reached[most];

__attribute__((always_inline)) constexpr bool on(int number) {
    if (__builtin_is_constant_evaluated()) return false;  // such a mutant needs a build of its own
    reached[number] = 1;
    return number == active;
}

}  // namespace mutation
