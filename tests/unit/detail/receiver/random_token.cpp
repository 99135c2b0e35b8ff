// SPDX-License-Identifier: MIT
#include <pivotal/detail/receiver/random_token.hpp>

#include <set>
#include <string>

#if defined(__linux__)
#include <cerrno>
#include <cstddef>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "catch.hpp"

namespace unit_detail_random_token {

using pivotal::detail::random_token;

namespace {

const std::string digits = "0123456789abcdef";

}  // namespace

TEST_CASE("a token is 128 random bits in hexadecimal digits", "[random_token]") {
    std::set<std::string> tokens;
    std::set<char> seen[32];
    for (int i = 0; i < 1000; ++i) {
        const std::string token = random_token();
        REQUIRE(token.size() == 32);
        for (std::size_t at = 0; at < token.size(); ++at) seen[at].insert(token[at]);
        tokens.insert(token);
    }
    CHECK(tokens.size() == 1000);
    // That a digit never stands at a place has a probability of 1 to 10^25.
    for (const std::set<char>& place : seen) CHECK(std::string(place.begin(), place.end()) == digits);
}

#if defined(__linux__)
TEST_CASE("where the system has no randomness there is no token, but a StoreError", "[random_token]") {
    // A child that may not ask for any, as on a kernel that is too old for that.
    const pid_t child = fork();
    if (child == 0) {
        sock_filter program[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                                 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getrandom, 0, 1),
                                 BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
                                 BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
        const sock_fprog filter{sizeof program / sizeof *program, program};
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
            _exit(2);  // in an emulator
        try {
            random_token();
        } catch (const pivotal::StoreError&) {
            _exit(0);
        } catch (...) {
        }
        _exit(1);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    if (WEXITSTATUS(status) == 2)
        WARN("skipped: no system call can be refused here");
    else
        CHECK(WEXITSTATUS(status) == 0);
}
#endif

}  // namespace unit_detail_random_token
