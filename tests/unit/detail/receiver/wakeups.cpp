// SPDX-License-Identifier: MIT
#include <pivotal/detail/receiver/wakeups.hpp>

#include <functional>
#include <string>

#if defined(__unix__)
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "../../catch.hpp"

namespace unit_detail_wakeups {

using pivotal::detail::Wakeups;

TEST_CASE("each is woken of what it waits for, until it is removed", "[wakeups]") {
    std::string woken;
    const std::function<void()> a = [&] { woken += 'a'; }, b = [&] { woken += 'b'; }, c = [&] { woken += 'c'; };
    Wakeups wakeups;
    wakeups.notify("file");
    wakeups.add(&a, "file");
    wakeups.add(&b, "other");
    wakeups.add(&c, "file");
    wakeups.notify("file");
    CHECK(woken == "ac");
    wakeups.notify("other");
    CHECK(woken == "acb");
    wakeups.notify();
    wakeups.notify("fil");
    CHECK(woken == "acb");
    wakeups.remove(&a);
    wakeups.notify("file");
    CHECK(woken == "acbc");
    wakeups.remove(&a);
    wakeups.remove(&c);
    wakeups.notify("file");
    wakeups.notify("other");
    CHECK(woken == "acbcb");
}

TEST_CASE("a copy wakes nobody, and a copy that is assigned those that it had", "[wakeups]") {
    std::string woken;
    const std::function<void()> a = [&] { woken += 'a'; }, b = [&] { woken += 'b'; };
    Wakeups first, second;
    first.add(&a);
    second.add(&b);
    Wakeups copy(first);
    copy.notify();
    CHECK(woken.empty());
    second = first;
    second.notify();
    CHECK(woken == "b");
    first.notify();
    CHECK(woken == "ba");
}

#if defined(__unix__)
TEST_CASE("a process that was forked wakes its own, also where another was just being woken", "[wakeups]") {
    Wakeups wakeups;
    pid_t child = -1;
    int woken = 0;
    const std::function<void()> forks = [&] {
        ++woken;
        child = fork();
        if (child != 0) return;
        alarm(30);  // where it waits for a lock that nobody will ever release
        int own = 0;
        const std::function<void()> wake = [&] { ++own; };
        wakeups.notify();
        wakeups.add(&wake);
        wakeups.notify();
        wakeups.remove(&wake);
        _exit(own == 1 && woken == 1 ? 0 : 1);
    };
    wakeups.add(&forks);
    wakeups.notify();
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    CHECK(woken == 1);
}
#endif

}  // namespace unit_detail_wakeups
