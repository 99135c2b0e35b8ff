// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string_view>

#include <pivotal/detail/openssl.hpp>

namespace pivotal {
inline namespace v1 {
namespace detail {

inline constexpr std::size_t ed25519_key_size = 32;
inline constexpr std::size_t ed25519_signature_size = 64;

enum class Ed25519Result { match, mismatch, failure };

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
