// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

#include <pivotal/detail/core/openssl.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

inline constexpr std::size_t ed25519_key_size = 32;
inline constexpr std::size_t ed25519_signature_size = 64;

/// What comparing signatures with keys came to.
enum class Match { none, found, failure };

/// True for a public key of small order, such as 32 zero bytes: for one there are signatures that verify with many
/// messages, which anyone can write down. OpenSSL takes them, as RFC 8032 does; no sender has one.
inline bool has_small_order(const unsigned char (&key)[ed25519_key_size]) noexcept {
    // The y coordinates, lowest word first, of the eight points whose order divides 8, also as y + p where that fits.
    static constexpr std::uint64_t known[][4] = {
        {0, 0, 0, 0},
        {1, 0, 0, 0},
        {0xb027b2c28f95e826, 0xf098eff289f4c345, 0x3933c6d305acdfd5, 0x05fc536d880238b1},
        {0x4fd84d3d706a17c7, 0x0f67100d760b3cba, 0xc6cc392cfa53202a, 0x7a03ac9277fdc74e},
        {0xffffffffffffffec, 0xffffffffffffffff, 0xffffffffffffffff, 0x7fffffffffffffff},
        {0xffffffffffffffed, 0xffffffffffffffff, 0xffffffffffffffff, 0x7fffffffffffffff},
        {0xffffffffffffffee, 0xffffffffffffffff, 0xffffffffffffffff, 0x7fffffffffffffff}};
    std::uint64_t y[4] = {};
    std::size_t at = 0;
    for (const unsigned char byte : key) {
        y[at / 8] |= std::uint64_t{byte} << (at % 8 * 8);
        ++at;
    }
    y[3] &= 0x7fffffffffffffff;  // without the sign of x
    return std::any_of(std::begin(known), std::end(known), [&](const auto& one) { return std::equal(y, y + 4, one); });
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

    Match verify(const unsigned char (&signature)[ed25519_signature_size], std::string_view message) const noexcept {
        const MdContext context(EVP_MD_CTX_new());
        if (!context || EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1)
            return Match::failure;
        const int result = EVP_DigestVerify(context.get(), signature, sizeof signature,
                                            reinterpret_cast<const unsigned char*>(message.data()), message.size());
        if (result == 1) return Match::found;
        return result == 0 && has_sha512() ? Match::none : Match::failure;
    }

private:
    PublicKey key_;
};

}}}  // namespace pivotal::v1::detail
