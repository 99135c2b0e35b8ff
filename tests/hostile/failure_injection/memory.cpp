// SPDX-License-Identifier: MIT
#include "memory.hpp"

#include <dlfcn.h>
#include <execinfo.h>

#include <cstdlib>
#include <cstring>
#include <new>

#include <openssl/crypto.h>

#include "inject.hpp"

namespace {

// nlohmann's destructor flattens a value into a vector, so that it needs no deep stack; where there is no
// memory for that, the program ends. No caller can prevent this, so those allocations are let through.
bool called_by_a_destructor_of_nlohmann() {
    void* frames[64];
    const int count = backtrace(frames, 64);
    for (int i = 0; i < count; ++i) {
        Dl_info info;
        if (dladdr(frames[i], &info) && info.dli_sname && std::strstr(info.dli_sname, "nlohmann") &&
            std::strstr(info.dli_sname, "json_value7destroy"))
            return true;
    }
    return false;
}

void* allocate(std::size_t size) {
    if (inject::memory.fails() && !called_by_a_destructor_of_nlohmann()) {
        ++refused_allocations;
        throw std::bad_alloc();
    }
    void* const block = std::malloc(size == 0 ? 1 : size);
    if (!block) throw std::bad_alloc();
    ++live_blocks;
    return block;
}

void release(void* block) noexcept {
    if (block) --live_blocks;
    std::free(block);
}

void* openssl_allocate(std::size_t size, const char*, int) {
    if (inject::openssl_memory.fails()) return nullptr;
    void* const block = std::malloc(size);
    if (block) ++live_openssl_blocks;
    return block;
}

void* openssl_reallocate(void* block, std::size_t size, const char*, int) {
    if (inject::openssl_memory.fails()) return nullptr;
    void* const moved = std::realloc(block, size);
    if (!block && moved) ++live_openssl_blocks;
    return moved;
}

void openssl_release(void* block, const char*, int) {
    if (block) --live_openssl_blocks;
    std::free(block);
}

// Before OpenSSL's first allocation, or it is refused.
const bool openssl_memory_is_ours =
    CRYPTO_set_mem_functions(openssl_allocate, openssl_reallocate, openssl_release) == 1;

}  // namespace

bool memory_of_openssl_is_watched() noexcept {
    return openssl_memory_is_ours;
}

void* operator new(std::size_t size) {
    return allocate(size);
}
void* operator new[](std::size_t size) {
    return allocate(size);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    try {
        return allocate(size);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}
void* operator new[](std::size_t size, const std::nothrow_t& nothrow) noexcept {
    return operator new(size, nothrow);
}
void operator delete(void* block) noexcept {
    release(block);
}
void operator delete[](void* block) noexcept {
    release(block);
}
void operator delete(void* block, std::size_t) noexcept {
    release(block);
}
void operator delete[](void* block, std::size_t) noexcept {
    release(block);
}
