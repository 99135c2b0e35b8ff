// SPDX-License-Identifier: MIT

#include <pivotal/detail/stores/connection_pool.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#if defined(__unix__)
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "catch.hpp"

namespace unit_detail_connection_pool {

using namespace std::chrono_literals;
using pivotal::StoreError;

namespace {

using Steady = std::chrono::steady_clock;

/// What happens to the connections of a pool.
struct Server {
    std::atomic<int> open{0}, made{0}, most_open{0};
    std::atomic<bool> refuses{false}, has_closed_all{false};
};

class Connection {
public:
    explicit Connection(Server& server) : server_(server), number_(++server.made) {
        const int open = ++server.open;
        if (open > server.most_open) server.most_open = open;
    }
    ~Connection() { --server_.open; }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    bool is_usable() const { return !is_lost_ && !server_.has_closed_all; }
    void lose() { is_lost_ = true; }
    int number() const { return number_; }
    /// False: another thread is at it.
    bool use() {
        if (used_.exchange(true)) return false;
        std::this_thread::yield();
        used_ = false;
        return true;
    }

private:
    Server& server_;
    const int number_;
    std::atomic<bool> used_{false};
    bool is_lost_ = false;
};

using pivotal::detail::Deadline;
using pivotal::detail::TryAgain;
using Pool = pivotal::detail::ConnectionPool<Connection>;

Pool::Connect to(Server& server) {
    return [&server](Deadline) {
        if (server.refuses) throw StoreError("refused");
        return std::make_unique<Connection>(server);
    };
}

Deadline soon() {
    return Steady::now() + 20ms;
}
Deadline late() {
    return Steady::now() + 60s;
}

std::string error_of_take(Pool& pool, Deadline deadline) {
    try {
        pool.take(deadline);
    } catch (const StoreError& error) {
        return error.what();
    }
    return "none";
}

template <class Condition> void wait_until(Condition condition) {
    while (!condition()) std::this_thread::yield();
}

}  // namespace

TEST_CASE("a connection that was given back is lent again, the last one first", "[pool]") {
    Server server;
    Pool pool(3, to(server));
    CHECK(server.made == 0);
    {
        auto first = pool.take(soon()), second = pool.take(soon());
        CHECK(first->number() == 1);
        CHECK(second->number() == 2);
        second.give_back();
        first.give_back();
    }
    CHECK(pool.take(soon())->number() == 1);  // which is not given back
    CHECK(server.open == 1);
    CHECK(pool.take(soon())->number() == 2);
    CHECK(server.open == 0);
    CHECK(pool.take(soon())->number() == 3);
}

TEST_CASE("there are never more connections than the most", "[pool]") {
    Server server;
    Pool pool(2, to(server));
    auto first = std::unique_ptr<Pool::Loan>(new Pool::Loan(pool.take(soon())));
    auto second = pool.take(soon());
    const auto start = Steady::now();
    CHECK(error_of_take(pool, soon()) == "all 2 connections to the store are busy");
    CHECK(Steady::now() - start >= 19ms);
    CHECK(server.made == 2);
    SECTION("one is given back") {
        (*first).give_back();
        CHECK(pool.take(soon())->number() == 1);
    }
    SECTION("one is closed") {
        first.reset();
        CHECK(pool.take(soon())->number() == 3);
    }
    // However often that happens.
    for (int i = 0; i < 5; ++i) CHECK(error_of_take(pool, soon()) == "none");
}

TEST_CASE("what the server has closed is not lent", "[pool]") {
    Server server;
    Pool pool(2, to(server));
    {
        auto first = pool.take(soon()), second = pool.take(soon());
        first.give_back();
        second.give_back();
    }
    server.has_closed_all = true;
    auto third = pool.take(soon()), fourth = pool.take(soon());
    CHECK(third->number() == 3);
    CHECK(fourth->number() == 4);
    CHECK(server.open == 2);
    CHECK(error_of_take(pool, soon()) == "all 2 connections to the store are busy");
}

TEST_CASE("the idle ones can be closed", "[pool]") {
    Server server;
    Pool pool(3, to(server));
    {
        auto first = pool.take(soon()), second = pool.take(soon()), third = pool.take(soon());
        first.give_back();
        second.give_back();
        pool.close_idle();
        CHECK(server.open == 1);
        pool.close_idle();
        third.give_back();
    }
    CHECK(pool.take(soon())->number() == 3);
    auto fourth = pool.take(soon()), fifth = pool.take(soon()), sixth = pool.take(soon());
    CHECK(sixth->number() == 6);
}

TEST_CASE("who is refused a connection waits for one that is lent", "[pool]") {
    Server server;
    Pool pool(3, to(server));
    auto lent = std::unique_ptr<Pool::Loan>(new Pool::Loan(pool.take(soon())));
    server.refuses = true;
    CHECK(error_of_take(pool, soon()) == "refused");  // when its time is over
    std::atomic<int> served{0};
    std::vector<std::thread> running;
    for (int i = 0; i < 5; ++i)
        running.emplace_back([&] {
            Pool::Loan loan = pool.take(late());
            ++served;
            loan.give_back();
        });
    wait_until([&] { return pool.waiting() == 5; });
    CHECK(served == 0);
    lent->give_back();
    for (std::thread& thread : running) thread.join();
    CHECK(served == 5);
    CHECK(server.made == 1);
}

TEST_CASE("after a refused connection none is asked for during half a second", "[pool]") {
    std::atomic<int> asked{0};
    std::atomic<bool> refuses{true};
    Server server;
    Pool pool(3, [&](Deadline) {
        ++asked;
        if (refuses) throw StoreError("refused");
        return std::make_unique<Connection>(server);
    });
    const auto start = Steady::now();
    CHECK(error_of_take(pool, start + 1100ms) == "refused");
    CHECK(asked >= 1);
    CHECK(asked <= 3);
    std::thread later([&] {
        std::this_thread::sleep_for(100ms);
        refuses = false;
    });
    CHECK(error_of_take(pool, late()) == "none");  // nothing wakes it but the time
    later.join();
}

TEST_CASE("who was refused a connection is told of that, however late it wakes", "[pool][threads]") {
    const Deadline deadline = Steady::now() + 2s;
    const auto connect = [&](Deadline) -> std::unique_ptr<Connection> {
        const bool in_time = Steady::now() < deadline;
        std::this_thread::sleep_until(deadline - 500ms);  // what is refused now may be asked for at the deadline
        throw StoreError(in_time ? "refused" : "no time");
    };
    std::atomic<int> told{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 64; ++i)
        threads.emplace_back([&] {
            Pool pool(1, connect);
            if (error_of_take(pool, deadline) == "refused") ++told;
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(told == 64);
}

TEST_CASE("a call that has no time left costs no other anything", "[pool]") {
    Server server;
    Pool pool(3, to(server));
    pool.take(soon()).give_back();
    const auto overdue = [] { return Steady::now() - 1ms; };
    CHECK(error_of_take(pool, overdue()) == "no time was left to ask the store");
    Pool small(1, to(server));
    small.take(late()).give_back();
    CHECK(error_of_take(small, overdue()) == "no time was left to ask the store");
    small.close_idle();
    {
        const pivotal::detail::DueTime due(overdue());
        CHECK_THROWS_AS(pool.use(true, [](Connection&, Deadline) { return 1; }), StoreError);
    }
    {
        const auto lose = [](Connection& connection, Deadline deadline) -> int {  // as one that waits for a reply
            while (Steady::now() < deadline) std::this_thread::sleep_for(1ms);
            connection.lose();
            throw TryAgain("no reply in time", true);
        };
        auto other = pool.take(late()), idle = pool.take(late());
        other.give_back();
        idle.give_back();
        const pivotal::detail::DueTime due(Steady::now() + 500ms);
        CHECK_THROWS_WITH(pool.use(true, lose), "no reply in time");
    }
    CHECK(server.open == 1);  // the other idle one is kept
    server.refuses = true;
    CHECK(pool.use(true, [](Connection& connection, Deadline) { return connection.number(); }) == 1);
}

TEST_CASE("what failed for a passing reason is done again, unless it must not be done twice", "[pool]") {
    Server server;
    Pool pool(3, to(server));
    {
        auto first = pool.take(soon()), second = pool.take(soon()), third = pool.take(soon());
        first.give_back();
        second.give_back();
        third.give_back();
    }
    const bool may_have_run = GENERATE(true, false), repeatable = GENERATE(true, false);
    int calls = 0;
    const auto work = [&](Connection& connection, Deadline) {
        if (++calls == 1) {
            connection.lose();
            throw TryAgain("lost", may_have_run);
        }
        return connection.number();
    };
    if (may_have_run && !repeatable) {
        CHECK_THROWS_AS(pool.use(repeatable, work), TryAgain);
        CHECK(calls == 1);
    } else {
        CHECK(pool.use(repeatable, work) == 4);  // the idle ones were not trusted
        CHECK(calls == 2);
        CHECK(server.open == 1);
    }
}

TEST_CASE("a statement that fails does not cost the connection", "[pool]") {
    Server server;
    Pool pool(3, to(server));
    const auto fails = [](Connection&, Deadline) -> int { throw StoreError("permission denied"); };
    for (int i = 0; i < 3; ++i) CHECK_THROWS_AS(pool.use(true, fails), StoreError);
    CHECK(pool.use(true, [](Connection& connection, Deadline) { return connection.number(); }) == 1);
}

TEST_CASE("a reply on a connection that was idle is not waited for as long as on a new one", "[pool]") {
    Server server;
    Pool pool(1, to(server));
    const auto time_left = [](Connection&, Deadline deadline) { return deadline - Steady::now(); };
    CHECK(pool.use(true, time_left) > 2s);
    CHECK(pool.use(true, time_left) <= 2s);
    const pivotal::detail::DueTime due(Steady::now() + 1s);
    CHECK(pool.use(true, time_left) <= 1s);
    pool.close_idle();
    CHECK(pool.use(true, time_left) <= 1s);
}

#if defined(__unix__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("a process that was forked has connections of its own", "[pool]") {
    Server server;
    Pool pool(2, to(server));
    auto lent = pool.take(soon());
    {
        auto other = pool.take(soon());
        other.give_back();
    }
    const pid_t child = fork();
    if (child == 0) {
        int number = 0;
        {
            auto first = pool.take(soon()), second = pool.take(soon());
            number = first->number() + second->number();
            first.give_back();
        }
        _exit(number == 3 + 4 && server.open == 3 ? 0 : 1);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    CHECK(pool.take(soon())->number() == 2);
}
#endif

TEST_CASE("who has waited longest is next, before all who come later", "[pool]") {
    Server server;
    Pool pool(1, to(server));
    auto lent = std::unique_ptr<Pool::Loan>(new Pool::Loan(pool.take(soon())));
    std::vector<std::size_t> served;  // the connection is one thread's at a time
    std::vector<std::thread> running;
    for (std::size_t i = 0; i < 5; ++i) {
        running.emplace_back([&, i] {
            Pool::Loan loan = pool.take(late());
            served.push_back(i);
            if (i != 2) loan.give_back();
        });
        wait_until([&] { return pool.waiting() == i + 1; });
    }
    CHECK(error_of_take(pool, soon()) == "all 1 connections to the store are busy");  // and leaves the queue
    (*lent).give_back();
    {
        Pool::Loan again = pool.take(late());  // at once, and yet behind the others
        CHECK(served == std::vector<std::size_t>{0, 1, 2, 3, 4});
        CHECK(again->number() == 2);
        again.give_back();
    }
    for (std::thread& thread : running) thread.join();
    CHECK(pool.waiting() == 0);
}

TEST_CASE("of many threads each has a connection of its own", "[pool][threads]") {
    Server server;
    Pool pool(3, to(server));
    std::atomic<int> shared{0}, errors{0};
    std::vector<std::thread> running;
    for (int thread = 0; thread < 8; ++thread)
        running.emplace_back([&, thread] {
            for (int i = 0; i < 2000; ++i) {
                try {
                    Pool::Loan loan = pool.take(late());
                    if (!loan->use()) ++shared;
                    if ((i + thread) % 7 == 0) continue;  // which closes it
                    loan.give_back();
                    if ((i + thread) % 100 == 0) pool.close_idle();
                } catch (const StoreError&) {
                    ++errors;
                }
            }
        });
    for (std::thread& thread : running) thread.join();
    CHECK(shared == 0);
    CHECK(errors == 0);
    CHECK(server.most_open <= 3);
    pool.close_idle();
    CHECK(server.open == 0);
}

}  // namespace unit_detail_connection_pool
