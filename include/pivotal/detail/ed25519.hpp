// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>

#include <pivotal/detail/openssl.hpp>

namespace pivotal {
inline namespace v1 {
namespace detail {

inline constexpr std::size_t ed25519_key_size = 32;
inline constexpr std::size_t ed25519_signature_size = 64;

enum class Ed25519Result { match, mismatch, failure };

/// True for a public key of small order, such as 32 zero bytes: for one there are signatures that verify with many
/// messages, which anyone can write down. OpenSSL takes them, as RFC 8032 does; no sender has one.
inline bool has_small_order(const unsigned char (&key)[ed25519_key_size]) noexcept {
    // The y coordinates, little-endian, of the eight points whose order divides 8, also as y + p where that fits.
    static constexpr unsigned char known[][ed25519_key_size] = {
        {0x00},
        {0x01},
        {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
         0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
        {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
         0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
        {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
        {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
        {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}};
    unsigned char y[ed25519_key_size];
    std::memcpy(y, key, sizeof y);
    y[sizeof y - 1] &= 0x7f;  // without the sign of x
    for (const auto& other : known)
        if (std::memcmp(y, other, sizeof y) == 0) return true;
    return false;
}

/// An Ed25519 public key (RFC 8032). Immutable; const members may run in many threads at once.
class Ed25519Key {
public:
    /// Where OpenSSL fails it is false, and not to be used.
    explicit Ed25519Key(const unsigned char (&key)[ed25519_key_size]) noexcept
        : key_(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key, sizeof key)) {
        if (!has_sha512()) key_.reset();
    }
    explicit operator bool() const noexcept { return key_ != nullptr; }

    Ed25519Result verify(const unsigned char (&signature)[ed25519_signature_size],
                         std::string_view message) const noexcept {
        const MdContext context(EVP_MD_CTX_new());
        if (!context || EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1)
            return Ed25519Result::failure;
        const int result =
            EVP_DigestVerify(context.get(), signature, sizeof signature,
                             reinterpret_cast<const unsigned char*>(message.data()), message.size());
        if (result == 1) return Ed25519Result::match;
        return result == 0 && has_sha512() ? Ed25519Result::mismatch : Ed25519Result::failure;
    }

private:
    PublicKey key_;
};

}  // namespace detail
}  // namespace v1
}  // namespace pivotal
