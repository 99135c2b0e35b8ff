// SPDX-License-Identifier: MIT
#include <pivotal/detail/receiver/lease_keeper.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#if defined(__unix__)
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "catch.hpp"

namespace unit_detail_lease_keeper {

using namespace std::chrono_literals;
using pivotal::detail::LeaseKeeper;
using Clock = std::chrono::steady_clock;

namespace {

/// Counts renewals, and waits for them. To be made before the keeper, whose end waits for what is under way.
class Renewals {
public:
    void add() {
        const std::lock_guard<std::mutex> lock(mutex_);
        ++count_;
        changed_.notify_all();
    }
    bool wait_for(int count) {
        std::unique_lock<std::mutex> lock(mutex_);
        return changed_.wait_for(lock, 60s, [&] { return count_ >= count; });
    }
    int count() {
        const std::lock_guard<std::mutex> lock(mutex_);
        return count_;
    }
    std::function<bool()> renew() {
        return [this] {
            add();
            return true;
        };
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int count_ = 0;
};

/// What must not take long is tried again where the machine was late; what always takes too long never passes.
bool in_one_of(int tries, const std::function<bool()>& good) {
    for (int i = 0; i < tries; ++i)
        if (good()) return true;
    return false;
}

/// How long so many renewals of such a lease take.
Clock::duration time_of(int count, std::chrono::milliseconds lease) {
    Renewals renewals;
    LeaseKeeper keeper;
    const Clock::time_point start = Clock::now();
    const LeaseKeeper::Guard guard(keeper, lease, renewals.renew());
    CHECK(renewals.wait_for(count));
    return Clock::now() - start;
}

}  // namespace

TEST_CASE("a lease is renewed each time that half of it has passed, and not earlier", "[lease_keeper]") {
    CHECK(time_of(3, 40ms) >= 60ms);
    CHECK(in_one_of(100, [] { return time_of(3, 40ms) < 80ms; }));
}

TEST_CASE("a lease of no time is renewed each millisecond", "[lease_keeper]") {
    for (const std::chrono::milliseconds lease : {0ms, -1ms, 1ms, 2ms, std::chrono::milliseconds::min()}) {
        CHECK(time_of(5, lease) >= 5ms);
        CHECK(in_one_of(1000, [&] { return time_of(5, lease) < 10ms; }));
    }
}

TEST_CASE("a lease for ever is not renewed, and overflows nothing", "[lease_keeper]") {
    Renewals longest, shorter;
    LeaseKeeper keeper;
    const LeaseKeeper::Guard first(keeper, std::chrono::milliseconds::max(), longest.renew());
    const LeaseKeeper::Guard second(keeper, 2ms, shorter.renew());
    CHECK(shorter.wait_for(3));
    CHECK(longest.count() == 0);
}

TEST_CASE("a shorter lease does not wait for a longer one, nor for an earlier one that is over", "[lease_keeper]") {
    Renewals renewals;
    LeaseKeeper keeper;
    {
        const LeaseKeeper::Guard first(keeper, 1h, [] { return true; });
        std::this_thread::sleep_for(10ms);  // by now the thread waits for it
        const LeaseKeeper::Guard second(keeper, 2ms, renewals.renew());
        CHECK(renewals.wait_for(2));
    }
    {
        const LeaseKeeper::Guard third(keeper, 2ms, renewals.renew());
        CHECK(renewals.wait_for(renewals.count() + 1));
    }
    std::this_thread::sleep_for(10ms);  // by now the thread waits for nothing
    const LeaseKeeper::Guard fourth(keeper, 2ms, renewals.renew());
    CHECK(renewals.wait_for(renewals.count() + 1));
}

TEST_CASE("a lease that is lost is renewed no more, and the others are", "[lease_keeper]") {
    Renewals lost, kept;
    LeaseKeeper keeper;
    const LeaseKeeper::Guard first(keeper, 2ms, [&] {
        lost.add();
        return false;
    });
    const LeaseKeeper::Guard second(keeper, 2ms, kept.renew());
    CHECK(lost.wait_for(1));
    CHECK(kept.wait_for(kept.count() + 5));
    CHECK(lost.count() == 1);
}

TEST_CASE("a renewal that throws is repeated after a quarter of the time", "[lease_keeper]") {
    // The other lease tells the time: it comes between the repetition and where a later one would be.
    const auto order = [] {
        std::mutex mutex;
        std::string calls;
        Renewals others;
        LeaseKeeper keeper;
        const Clock::time_point start = Clock::now();
        const LeaseKeeper::Guard throwing(keeper, 400ms, [&]() -> bool {
            const std::lock_guard<std::mutex> lock(mutex);
            calls += 'a';
            if (calls.size() == 1) throw std::runtime_error("no route to host");
            CHECK(Clock::now() - start >= 250ms);
            return true;
        });
        const LeaseKeeper::Guard other(keeper, 520ms, [&] {
            const std::lock_guard<std::mutex> lock(mutex);
            calls += 'b';
            others.add();
            return true;
        });
        CHECK(others.wait_for(1));
        const std::lock_guard<std::mutex> lock(mutex);
        return calls;
    };
    for (int i = 0; i < 4; ++i) CHECK(in_one_of(20, [&] { return order() == "aab"; }));
}

TEST_CASE("no renewal begins once the guard is gone", "[lease_keeper]") {
    for (const bool throws : {false, true}) {
        Renewals begun;
        LeaseKeeper keeper;
        {
            const LeaseKeeper::Guard guard(keeper, 2ms, [&] {
                begun.add();
                if (throws) throw std::runtime_error("no route to host");
                return true;
            });
            CHECK(begun.wait_for(3));
        }
        const int count = begun.count();  // one more may be under way
        Renewals later;
        const LeaseKeeper::Guard other(keeper, 2ms, later.renew());
        CHECK(later.wait_for(20));
        CHECK(begun.count() <= count + 1);
    }
}

TEST_CASE("a guard that goes takes what is due later with it", "[lease_keeper]") {
    const auto none_is_renewed = [] {
        Renewals none, others;
        LeaseKeeper keeper;
        const LeaseKeeper::Guard other(keeper, 600ms, others.renew());
        { const LeaseKeeper::Guard goes(keeper, 500ms, none.renew()); }
        CHECK(others.wait_for(1));
        return none.count() == 0;
    };
    CHECK(in_one_of(10, none_is_renewed));
}

TEST_CASE("a renewal that is under way as its guard goes is the last", "[lease_keeper]") {
    Renewals begun, others;
    std::promise<void> end;
    LeaseKeeper keeper;
    {
        const LeaseKeeper::Guard guard(keeper, 2ms, [&, ended = end.get_future().share()] {
            begun.add();
            ended.wait();
            return true;
        });
        CHECK(begun.wait_for(1));
    }
    const LeaseKeeper::Guard other(keeper, 2ms, others.renew());
    end.set_value();
    CHECK(others.wait_for(20));
    CHECK(begun.count() == 1);
}

TEST_CASE("a guard that goes waits for no renewal, nor for its own", "[lease_keeper]") {
    Renewals begun;
    std::promise<void> end;
    bool ended_too = false;
    {
        LeaseKeeper keeper;
        {
            const LeaseKeeper::Guard guard(keeper, 2ms, [&, ended = end.get_future().share()] {
                begun.add();
                ended.wait();
                std::this_thread::sleep_for(20ms);
                return ended_too = true;
            });
            const LeaseKeeper::Guard other(keeper, 1h, [] { return true; });
            CHECK(begun.wait_for(1));
        }
        end.set_value();
    }  // the keeper does wait
    CHECK(begun.count() == 1);
    CHECK(ended_too);
}

TEST_CASE("renewals that are stuck delay no other", "[lease_keeper]") {
    // More of them than there are threads that rest, which those before have left.
    std::list<Renewals> all;
    LeaseKeeper keeper;
    for (const int count : {20, 20, 50}) {
        Renewals &stuck = all.emplace_back(), &others = all.emplace_back();
        std::promise<void> end;
        const auto ended = end.get_future().share();
        std::vector<std::unique_ptr<LeaseKeeper::Guard>> guards;
        for (int i = 0; i < count; ++i)
            guards.push_back(std::make_unique<LeaseKeeper::Guard>(keeper, 2ms, [&stuck, ended] {
                stuck.add();
                ended.wait();
                return true;
            }));
        CHECK(stuck.wait_for(count));
        {
            const LeaseKeeper::Guard first(keeper, 2ms, others.renew()), second(keeper, 4ms, others.renew());
            CHECK(others.wait_for(20));
        }
        CHECK(stuck.count() == count);
        end.set_value();
        CHECK(stuck.wait_for(3 * count));
    }
}

TEST_CASE("there are as many threads as renewals were stuck at once, and one", "[lease_keeper]") {
    std::mutex mutex;
    std::condition_variable both;
    std::set<std::thread::id> threads;
    int calls = 0;
    bool over = false;
    const auto meet = [&] {  // each renewal waits for one of the other lease
        std::unique_lock<std::mutex> lock(mutex);
        threads.insert(std::this_thread::get_id());
        ++calls;
        const int both_are_here = calls + calls % 2;
        both.notify_all();
        both.wait(lock, [&] { return calls >= both_are_here || over; });
        return true;
    };
    {
        LeaseKeeper keeper;
        const LeaseKeeper::Guard first(keeper, 2ms, meet), second(keeper, 2ms, meet);
        const LeaseKeeper::Guard waits(keeper, 1h, [] { return true; });
        std::unique_lock<std::mutex> lock(mutex);
        CHECK(both.wait_for(lock, 60s, [&] { return calls >= 100; }));
        over = true;
        both.notify_all();
    }
    CHECK(threads.size() <= 3);
}

#if defined(__unix__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("leases are renewed in a process that was forked, too", "[lease_keeper][forks_threads]") {
    Renewals renewals;
    LeaseKeeper keeper;
    const LeaseKeeper::Guard guard(keeper, 2ms, renewals.renew());
    CHECK(renewals.wait_for(1));
    const pid_t child = fork();
    if (child == 0) {
        Renewals own;
        const LeaseKeeper::Guard second(keeper, 2ms, own.renew());
        _exit(own.wait_for(3) ? 0 : 1);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
}
#endif

}  // namespace unit_detail_lease_keeper
