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
    HmacSha256Key(const unsigned char* key, std::size_t size) noexcept {
        ScratchContext scratch;
        SecretBytes<sha256_block_size> block;
        if (!start(scratch, key, size, block)) return;
        // The two are made after what this thread writes at each delivery, and while that is held: else they can share a
        // cache line with it, and other threads, which only read them, take half as long again.
        scratch.keep();
        inner_ = state_behind(scratch, block, 0x36);
        outer_ = state_behind(scratch, block, 0x5c);
    }
    explicit operator bool() const noexcept { return inner_ && outer_; }

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
    /// Starts a hash, and makes a block of the key.
    static bool start(const ScratchContext& scratch, const unsigned char* key, std::size_t size,
                      SecretBytes<sha256_block_size>& block) noexcept {
        EVP_MD_CTX* const context = scratch.get();
        const EVP_MD* const digest = EVP_sha256();
        if (!context || !digest) return false;
        std::memset(block.data, 0, block.size());
        if (size <= block.size())
            std::memcpy(block.data, key, size);
        else if (EVP_DigestInit_ex(context, digest, nullptr) != 1 || EVP_DigestUpdate(context, key, size) != 1 ||
                 EVP_DigestFinal_ex(context, block.data, nullptr) != 1)
            return false;
        return EVP_DigestInit_ex(context, digest, nullptr) == 1;
    }

    /// The hash that was started, of the padded block; null where OpenSSL fails. It is copied, so that OpenSSL looks for
    /// the digest's implementation once.
    static MdContext state_behind(const ScratchContext& started, const SecretBytes<sha256_block_size>& block,
                                  unsigned char pad) noexcept {
        SecretBytes<sha256_block_size> padded;
        std::memcpy(padded.data, block.data, block.size());
        for (unsigned char& byte : padded.data) byte ^= pad;
        MdContext state(EVP_MD_CTX_new());
        if (!state || EVP_MD_CTX_copy_ex(state.get(), started.get()) != 1 ||
            EVP_DigestUpdate(state.get(), padded.data, padded.size()) != 1)
            return nullptr;
        return state;
    }

    MdContext inner_, outer_;
};

}}}  // namespace pivotal::v1::detail
