// SPDX-License-Identifier: MIT
#pragma once

#include <random>
#include <string>

namespace pivotal { inline namespace v1 { namespace detail {

/// 128 random bits of the system's, as 32 hexadecimal digits: an owner that nobody else is. Not from OpenSSL, which is gone
/// before a worker that is a global variable.
inline std::string random_token() {
    std::random_device random;
    std::string token;
    while (token.size() < 32)
        for (unsigned bits = random(), i = 0; i < 8; ++i, bits >>= 4) token += "0123456789abcdef"[bits & 15];
    return token;
}

}}}  // namespace pivotal::v1::detail
