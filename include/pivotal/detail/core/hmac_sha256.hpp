// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>

#include <pivotal/detail/core/openssl.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

inline constexpr std::size_t sha256_size = 32;
inline constexpr std::size_t sha256_block_size = 64;

/// MinGW frees the memory of what is thread_local before it destroys it (GCC's bug 80816).
#if defined(__MINGW32__)
inline constexpr bool threads_have_contexts = false;
#else
inline constexpr bool threads_have_contexts = true;
#endif

/// The digest context of this thread, or one of its own where the thread has none, or its is gone (in destructors that
/// run after it).
class ScratchContext {
public:
    ScratchContext() noexcept {
        if constexpr (threads_have_contexts) {
            thread_local Slot slot;
            if (!Slot::destroyed()) {
                if (!slot.context) slot.context.reset(EVP_MD_CTX_new());
                context_ = slot.context.get();
                return;
            }
        }
        own_.reset(EVP_MD_CTX_new());
        context_ = own_.get();
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
    /// A key of any length; the bytes are not kept. Where OpenSSL fails it is false, and computes nothing.
    HmacSha256Key(const unsigned char* key, std::size_t size) noexcept
        : inner_(EVP_MD_CTX_new()), outer_(EVP_MD_CTX_new()) {
        if (!make_schedule(key, size)) inner_.reset();
    }
    explicit operator bool() const noexcept { return inner_ != nullptr; }

    /// The tag of `head` followed by `rest`, in one pass and without a copy of either. False where OpenSSL fails.
    [[nodiscard]] bool compute(const ScratchContext& scratch, std::string_view head, std::string_view rest,
                               SecretBytes<sha256_size>& tag) const noexcept {
        EVP_MD_CTX* const context = scratch.get();
        if (!context) return false;
        const auto start_from = [&](const MdContext& state) { return EVP_MD_CTX_copy_ex(context, state.get()) == 1; };
        const auto update = [&](const void* data, std::size_t n) { return EVP_DigestUpdate(context, data, n) == 1; };
        const auto finish = [&] { return EVP_DigestFinal_ex(context, tag.data, nullptr) == 1; };
        return start_from(inner_) && update(head.data(), head.size()) && update(rest.data(), rest.size()) && finish() &&
               start_from(outer_) && update(tag.data, tag.size()) && finish();
    }

private:
    bool make_schedule(const unsigned char* key, std::size_t size) noexcept {
        EVP_MD_CTX *const inner = inner_.get(), *const outer = outer_.get();
        const EVP_MD* const digest = EVP_sha256();
        if (!inner || !outer || !digest) return false;
        SecretBytes<sha256_block_size> block;
        std::memset(block.data, 0, block.size());
        if (size <= block.size())
            std::memcpy(block.data, key, size);
        else if (EVP_DigestInit_ex(inner, digest, nullptr) != 1 || EVP_DigestUpdate(inner, key, size) != 1 ||
                 EVP_DigestFinal_ex(inner, block.data, nullptr) != 1)
            return false;
        // Copied, so that OpenSSL looks for the digest's implementation once.
        if (EVP_DigestInit_ex(inner, digest, nullptr) != 1 || EVP_MD_CTX_copy_ex(outer, inner) != 1) return false;
        for (unsigned char& byte : block.data) byte ^= 0x36;
        if (EVP_DigestUpdate(inner, block.data, block.size()) != 1) return false;
        for (unsigned char& byte : block.data) byte ^= 0x36 ^ 0x5c;
        return EVP_DigestUpdate(outer, block.data, block.size()) == 1;
    }

    MdContext inner_, outer_;
};

}}}  // namespace pivotal::v1::detail
