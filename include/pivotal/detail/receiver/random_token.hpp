// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#ifdef _WIN32
#include <random>
#else
#include <unistd.h>
#if __has_include(<sys/random.h>)
#include <sys/random.h>  // where macOS has getentropy
#endif
#endif

#include <pivotal/idempotency.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

/// 128 random bits from the system, as 32 hexadecimal digits: an owner that nobody else is. Not from OpenSSL, which is gone
/// before a worker that is a global variable; nor from std::random_device, which some processors give the same again.
/// Throws StoreError where the system has none.
inline std::string random_token() {
    unsigned char bytes[16];
#ifdef _WIN32
    std::random_device random;
    for (unsigned char& byte : bytes) byte = static_cast<unsigned char>(random());
#else
    if (getentropy(bytes, sizeof bytes) != 0) throw StoreError("the system has no randomness for the owner of a lease");
#endif
    std::string token;
    token.reserve(2 * sizeof bytes);
    for (const unsigned char byte : bytes) token.append({"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]});
    return token;
}

}}}  // namespace pivotal::v1::detail
