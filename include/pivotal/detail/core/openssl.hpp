// SPDX-License-Identifier: MIT
#pragma once

// What differs between OpenSSL 1.1.1, 3 and 4, LibreSSL, BoringSSL and AWS-LC stands in this file.

#include <algorithm>
#include <cstddef>
#include <memory>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

// PIVOTAL_DETAIL_NO_FETCH is for the tests: it selects the path of OpenSSL 1.1.1 on a newer one.
#if defined(OPENSSL_VERSION_MAJOR) && OPENSSL_VERSION_MAJOR >= 3 && !defined(PIVOTAL_DETAIL_NO_FETCH)
#define PIVOTAL_DETAIL_HAS_FETCH 1
#else
#define PIVOTAL_DETAIL_HAS_FETCH 0
#endif

namespace pivotal { inline namespace v1 { namespace detail {

struct OpensslDeleter {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};
using MdContext = std::unique_ptr<EVP_MD_CTX, OpensslDeleter>;
using PublicKey = std::unique_ptr<EVP_PKEY, OpensslDeleter>;

/// Ed25519 takes SHA-512 from a provider; where there is none OpenSSL calls every signature wrong.
inline bool has_sha512() noexcept {
#if PIVOTAL_DETAIL_HAS_FETCH
    EVP_MD* const digest = EVP_MD_fetch(nullptr, "SHA512", nullptr);
    const bool found = digest != nullptr;
    EVP_MD_free(digest);
    return found;
#else
    return true;  // built in
#endif
}

/// Leaves OpenSSL's error queue as it was: what our calls add is taken off again, what the server's own calls
/// left stays.
class ErrorQueueGuard {
public:
    ErrorQueueGuard() noexcept : marked_(ERR_set_mark() == 1) {}
    ~ErrorQueueGuard() {
        ERR_pop_to_mark();  // where none was set, since the queue was empty, to its end
#if !defined(OPENSSL_VERSION_MAJOR)
        // Before OpenSSL 3 and in the forks marks are not counted: one of the server's own on the same error went with
        // ours. Better one too many than one lost.
        if (marked_) ERR_set_mark();
#endif
    }
    ErrorQueueGuard(const ErrorQueueGuard&) = delete;
    ErrorQueueGuard& operator=(const ErrorQueueGuard&) = delete;

private:
    [[maybe_unused]] const bool marked_;
};

/// Bytes that are overwritten when they go out of scope, in a way that no optimiser removes.
template <std::size_t N> struct SecretBytes {
    unsigned char data[N];

    SecretBytes() noexcept = default;
    ~SecretBytes() {
        if (!public_) OPENSSL_cleanse(data, N);
    }
    SecretBytes(const SecretBytes&) = delete;
    SecretBytes& operator=(const SecretBytes&) = delete;
    static constexpr std::size_t size() noexcept { return N; }

    /// They are known to all: a wipe would only cost time.
    void make_public() noexcept { public_ = true; }

private:
    bool public_ = false;
};

/// Compares without a branch or an early exit that depends on the bytes, so that the time tells nothing of
/// how far two tags agree. memcmp and operator== do tell: a forger would find a signature byte by byte.
inline bool equal_in_constant_time(const unsigned char* a, const unsigned char* b, std::size_t size) noexcept {
    // OpenSSL's assembly compares 16 bytes at once, and everything longer byte by byte.
    constexpr std::size_t at_once = 16;
    int different = 0;
    for (std::size_t i = 0; i < size; i += at_once)
        different |= CRYPTO_memcmp(a + i, b + i, (std::min)(at_once, size - i));
    return different == 0;
}

}}}  // namespace pivotal::v1::detail
