// SPDX-License-Identifier: MIT
#include <pivotal/detail/stores/postgres/index_start.hpp>

#include <atomic>
#include <thread>

#if defined(__unix__)
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "catch.hpp"

namespace unit_detail_index_start {

using pivotal::detail::IndexStart;

#if defined(__unix__)
TEST_CASE("a process that was forked looks while another thread of its parent does", "[index_start]") {
    IndexStart start;
    std::atomic<bool> stop{false};
    std::thread looking([&] {
        while (!stop) start.found(start.begin(), 1);
    });
    for (int i = 0; i < 50; ++i) {
        const pid_t child = fork();
        if (child == 0) {
            alarm(30);  // where it waits for what nobody will ever do
            start.found(start.begin(), 1);
            _exit(0);
        }
        int status = -1;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(status == 0);
        if (status != 0) break;
    }
    stop = true;
    looking.join();
}
#endif

}  // namespace unit_detail_index_start
