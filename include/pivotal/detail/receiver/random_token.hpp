// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <openssl/rand.h>

#include <pivotal/detail/core/openssl.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

/// 128 random bits from OpenSSL, as 32 hexadecimal digits: an owner that nobody else is. Empty where OpenSSL
/// has no randomness to give.
inline std::string random_token() {
    const ErrorQueueGuard guard;
    unsigned char bytes[16];
    if (RAND_bytes(bytes, sizeof bytes) != 1) return {};
    std::string token;
    token.reserve(2 * sizeof bytes);
    for (const unsigned char byte : bytes) token.append({"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]});
    return token;
}

}}}  // namespace pivotal::v1::detail
