// SPDX-License-Identifier: MIT
#include <pivotal/detail/receiver/turns.hpp>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "../../catch.hpp"

namespace unit_detail_turns {

using namespace std::chrono_literals;
using pivotal::detail::Turns;
using Clock = Turns::Clock;

namespace {

/// Threads that find nothing each time that they look.
class Idle {
public:
    Idle(unsigned threads, std::chrono::milliseconds poll) : turns(threads, poll) {
        for (unsigned i = 0; i < threads; ++i)
            threads_.emplace_back([this] {
                while (turns.wait(false)) ++looks;
                turns.end();
            });
    }
    ~Idle() {
        turns.request_stop();
        for (std::thread& thread : threads_) thread.join();
    }
    void wait_for(int count) const {
        while (looks < count) std::this_thread::yield();
    }
    /// Whether there are so many looks, and no more.
    bool are(int count) const {
        wait_for(count);
        std::this_thread::sleep_for(20ms);  // time for one more
        return looks == count;
    }

    Turns turns;
    std::atomic<int> looks{0};

private:
    std::vector<std::thread> threads_;
};

}  // namespace

TEST_CASE("who has found something looks again at once, and who is to end does not", "[turns]") {
    Turns turns(1, 24h);
    for (int i = 0; i < 3; ++i) CHECK(turns.wait(true));
    turns.request_stop();
    CHECK_FALSE(turns.wait(true));
    CHECK_FALSE(turns.wait(false));
}

TEST_CASE("of those that are idle one looks at first, and each time that it is time to", "[turns]") {
    SECTION("once a day") {
        CHECK(Idle(8, 24h).are(1));
    }
    SECTION("every 20 ms, after some were woken too") {
        Idle idle(8, 20ms);
        for (int i = 0; i < 30; ++i) {
            const int before = idle.looks;
            idle.turns.look_now();
            idle.wait_for(before + 1);
        }
        const auto start = Clock::now();
        const int before = idle.looks;
        // Of each thread two looks may be under way: that it was woken for, and that which it did not count yet.
        idle.wait_for(before + 2 * 8 + 11);
        CHECK(Clock::now() - start >= 9 * 20ms);
    }
    SECTION("and not before it was told to") {
        Idle idle(2, 1ms);
        idle.wait_for(1);
        const auto start = Clock::now();
        idle.turns.look_later(start + 100ms);
        idle.turns.look_later(start);  // that is earlier
        const int before = idle.looks;
        idle.wait_for(before + 3);  // both may have been about to
        CHECK(Clock::now() - start >= 100ms);
    }
}

TEST_CASE("each reason to look makes one of those look that have no event", "[turns]") {
    Idle idle(3, 24h);
    CHECK(idle.are(1));
    idle.turns.look_now();
    CHECK(idle.are(2));
    idle.turns.look_now();
    idle.turns.look_now();
    CHECK(idle.are(4));
}

TEST_CASE("there are no more reasons to look than threads that have no event", "[turns]") {
    // Of three threads one has asked, and will ask again; the other two are busy, or about to ask.
    Turns turns(3, 50ms);
    const auto start = Clock::now();
    CHECK(turns.wait(false));
    const auto wanted = [&] {  // how often it is to look at once
        int count = 0;
        for (; turns.wait(false) && Clock::now() - start < 50ms; ++count) {
        }
        return count;
    };
    // Where the machine was late there may seem to be fewer.
    SECTION("none has one") {
        for (int i = 0; i < 9; ++i) turns.look_now();
        CHECK(wanted() <= 3);
    }
    SECTION("two have one") {
        turns.set_handling(true);
        turns.set_handling(true);
        for (int i = 0; i < 9; ++i) turns.look_now();
        CHECK(wanted() <= 1);
    }
    SECTION("all have one") {
        for (int i = 0; i < 3; ++i) turns.set_handling(true);
        for (int i = 0; i < 9; ++i) turns.look_now();
        CHECK(wanted() == 0);
    }
}

TEST_CASE("who has no event any more can be woken again", "[turns]") {
    Turns turns(2, 24h);
    CHECK(turns.wait(false));
    for (int i = 0; i < 2; ++i) turns.set_handling(true);
    turns.look_now();  // for nobody
    for (int i = 0; i < 2; ++i) turns.set_handling(false);
    for (int i = 0; i < 2; ++i) turns.look_now();
    for (int i = 0; i < 2; ++i) CHECK(turns.wait(false));
}

TEST_CASE("the end is when all threads have ended", "[turns]") {
    Turns turns(2, 24h);
    CHECK_FALSE(turns.wait_for_end(0ms));
    turns.end();
    CHECK_FALSE(turns.wait_for_end(20ms));
    std::thread last([&] {
        std::this_thread::sleep_for(20ms);  // by then it is waited for
        turns.end();
    });
    CHECK(turns.wait_for_end(std::chrono::milliseconds::max()));
    last.join();
    CHECK(turns.wait_for_end(0ms));
}

}  // namespace unit_detail_turns
