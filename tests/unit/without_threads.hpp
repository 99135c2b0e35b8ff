// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <optional>

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#include <cstdio>
#include <cstdlib>

#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace support {

/// What `use` returns, 0 to 99, in a process that gets `count` more threads and then none; 100 where that process is
/// killed. Nothing where it cannot be arranged: under a sanitizer, in an emulator.
inline std::optional<int> with_threads(unsigned count, const std::function<int()>& use) {
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
    const pid_t child = fork();
    if (child == 0) {
        // The stacks of threads are larger than all else that is needed, and than those of earlier threads.
        constexpr std::size_t stack = 256 << 20, rest = 64 << 20;
        std::size_t pages = 0;
        std::FILE* const statm = std::fopen("/proc/self/statm", "r");
        if (!statm || std::fscanf(statm, "%zu", &pages) != 1) _exit(101);
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, stack);
        pthread_setattr_default_np(&attributes);
        const rlim_t most = pages * static_cast<std::size_t>(getpagesize()) + count * (stack + (1 << 20)) + rest;
        const rlimit limit{most, most};
        rlimit found{};
        if (setrlimit(RLIMIT_AS, &limit) != 0 || getrlimit(RLIMIT_AS, &found) != 0 || found.rlim_cur != most)
            _exit(101);
        _exit(use());
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) return std::nullopt;
    if (WIFSIGNALED(status)) return 100;
    return WEXITSTATUS(status) == 101 ? std::nullopt : std::optional<int>(WEXITSTATUS(status));
#else
    (void)count;
    (void)use;
    return std::nullopt;
#endif
}

}  // namespace support
