// SPDX-License-Identifier: MIT

// A clock for redis-server, preloaded: the machine's, so many seconds ahead as the file PIVOTAL_TEST_CLOCK
// says at the moment. libfaketime, which the other stores' tests use, keeps Redis from starting.

#include <cstdint>
#include <cstdlib>
#include <ctime>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

namespace {

std::int64_t ahead() {
    static const volatile std::int64_t* const shared = []() -> const volatile std::int64_t* {
        const char* const path = std::getenv("PIVOTAL_TEST_CLOCK");
        const int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        void* const memory = mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, file, 0);
        if (memory == MAP_FAILED) std::abort();
        close(file);
        return static_cast<const std::int64_t*>(memory);
    }
    ();
    return *shared;
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
    const long result = syscall(SYS_clock_gettime, clock, time);
    if (result == 0 && clock == CLOCK_REALTIME) time->tv_sec += ahead();
    return static_cast<int>(result);
}

extern "C" int gettimeofday(timeval* time, void*) noexcept {
    timespec precise{};
    const int result = clock_gettime(CLOCK_REALTIME, &precise);
    time->tv_sec = precise.tv_sec;
    time->tv_usec = precise.tv_nsec / 1000;
    return result;
}

extern "C" time_t time(time_t* result) noexcept {
    timespec precise{};
    clock_gettime(CLOCK_REALTIME, &precise);
    if (result) *result = precise.tv_sec;
    return precise.tv_sec;
}
