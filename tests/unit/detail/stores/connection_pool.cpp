// SPDX-License-Identifier: MIT

#include <pivotal/detail/stores/connection_pool.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

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

    bool is_usable() const { return !server_.has_closed_all; }
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
};

using Pool = pivotal::detail::ConnectionPool<Connection>;

Pool::Connect to(Server& server) {
    return [&server](Pool::Deadline) {
        if (server.refuses) throw StoreError("refused");
        return std::make_unique<Connection>(server);
    };
}

Pool::Deadline soon() {
    return Steady::now() + 20ms;
}
Pool::Deadline late() {
    return Steady::now() + 60s;
}

std::string error_of_take(Pool& pool, Pool::Deadline deadline) {
    try {
        pool.take(deadline);
    } catch (const StoreError& error) {
        return error.what();
    }
    return "none";
}

template <class Condition>
void wait_until(Condition condition) {
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

TEST_CASE("who cannot connect says so, and leaves the place to the next", "[pool]") {
    Server server;
    Pool pool(1, to(server));
    server.refuses = true;
    for (int i = 0; i < 3; ++i) CHECK(error_of_take(pool, soon()) == "refused");
    server.refuses = false;
    CHECK(error_of_take(pool, soon()) == "none");
}

TEST_CASE("those who wait learn that somebody could not connect", "[pool]") {
    std::atomic<int> connecting{0};
    std::atomic<bool> go_on{false};
    Pool pool(1, [&](Pool::Deadline) -> std::unique_ptr<Connection> {
        ++connecting;
        wait_until([&] { return go_on.load(); });
        throw StoreError("refused");
    });
    std::atomic<int> refused{0};
    std::vector<std::thread> running;
    const auto take = [&] {
        if (error_of_take(pool, late()) == "refused") ++refused;
    };
    running.emplace_back(take);
    wait_until([&] { return connecting == 1; });
    for (int i = 0; i < 4; ++i) running.emplace_back(take);
    wait_until([&] { return pool.waiting() == 4; });
    const auto start = Steady::now();
    go_on = true;
    for (std::thread& thread : running) thread.join();
    CHECK(refused == 5);
    CHECK(Steady::now() - start < 30s);
}

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
