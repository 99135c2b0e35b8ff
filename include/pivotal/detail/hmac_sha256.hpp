// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstring>
#include <optional>
#include <string_view>

#include <pivotal/detail/openssl.hpp>

namespace pivotal {
inline namespace v1 {
namespace detail {

inline constexpr std::size_t sha256_size = 32;
inline constexpr std::size_t sha256_block_size = 64;

/// The digest context of this thread, or one of its own where the thread's is gone (in destructors that run
/// after it).
class ScratchContext {
public:
    ScratchContext() noexcept {
        thread_local Slot slot;
        if (Slot::destroyed()) {
            own_.reset(EVP_MD_CTX_new());
            context_ = own_.get();
            return;
        }
        if (!slot.context) slot.context.reset(EVP_MD_CTX_new());
        context_ = slot.context.get();
    }
    /// What a computation left in the context, its tag, is wiped.
    ~ScratchContext() {
        if (context_ && !keep_) EVP_MD_CTX_reset(context_);
    }
    ScratchContext(const ScratchContext&) = delete;
    ScratchContext& operator=(const ScratchContext&) = delete;

    EVP_MD_CTX* get() const noexcept { return context_; }

    /// For a tag that is no secret: the next computation overwrites it sooner than a wipe, which would let go
    /// of the digest, whose reference counter all threads share.
    void keep() noexcept { keep_ = true; }

private:
    struct Slot {
        MdContext context;
        ~Slot() { destroyed() = true; }
        // A thread_local without a destructor can be read until the thread has ended.
        static bool& destroyed() noexcept {
            thread_local bool flag = false;
            return flag;
        }
    };

    EVP_MD_CTX* context_ = nullptr;
    MdContext own_;
    bool keep_ = false;
};

/// An HMAC-SHA256 key (RFC 2104) as its key schedule: the states of the inner and the outer hash behind the
/// padded key. Immutable; const members may run in many threads at once.
class HmacSha256Key {
public:
    /// A key of any length; nullopt where OpenSSL fails. The bytes are not kept.
    static std::optional<HmacSha256Key> create(const unsigned char* key, std::size_t size) noexcept {
        HmacSha256Key made;
        const Digest digest = sha256();
        made.inner_.reset(EVP_MD_CTX_new());
        made.outer_.reset(EVP_MD_CTX_new());
        if (!digest || !made.inner_ || !made.outer_) return std::nullopt;

        SecretBytes<sha256_block_size> block;
        std::memset(block.data, 0, block.size());
        if (size <= block.size()) {
            std::memcpy(block.data, key, size);
        } else if (!starts(made.inner_.get(), digest.get(), key, size) ||
                   EVP_DigestFinal_ex(made.inner_.get(), block.data, nullptr) != 1) {
            return std::nullopt;
        }
        for (unsigned char& byte : block.data) byte ^= 0x36;
        if (!starts(made.inner_.get(), digest.get(), block.data, block.size())) return std::nullopt;
        for (unsigned char& byte : block.data) byte ^= 0x36 ^ 0x5c;
        if (!starts(made.outer_.get(), digest.get(), block.data, block.size())) return std::nullopt;
        return made;
    }

    /// The tag of `head` followed by `rest`, in one pass and without a copy of either. False where OpenSSL
    /// fails.
    [[nodiscard]] bool compute(const ScratchContext& scratch, std::string_view head, std::string_view rest,
                               SecretBytes<sha256_size>& tag) const noexcept {
        EVP_MD_CTX* const context = scratch.get();
        return context != nullptr &&                                        //
               EVP_MD_CTX_copy_ex(context, inner_.get()) == 1 &&            //
               EVP_DigestUpdate(context, head.data(), head.size()) == 1 &&  //
               EVP_DigestUpdate(context, rest.data(), rest.size()) == 1 &&  //
               EVP_DigestFinal_ex(context, tag.data, nullptr) == 1 &&       //
               EVP_MD_CTX_copy_ex(context, outer_.get()) == 1 &&            //
               EVP_DigestUpdate(context, tag.data, tag.size()) == 1 &&      //
               EVP_DigestFinal_ex(context, tag.data, nullptr) == 1;
    }

private:
    HmacSha256Key() noexcept = default;

    static bool starts(EVP_MD_CTX* context, const EVP_MD* digest, const unsigned char* bytes,
                       std::size_t size) noexcept {
        return EVP_DigestInit_ex(context, digest, nullptr) == 1 &&
               EVP_DigestUpdate(context, bytes, size) == 1;
    }

    MdContext inner_, outer_;
};

}  // namespace detail
}  // namespace v1
}  // namespace pivotal
