// SPDX-License-Identifier: MIT

// What only a store in memory can show: how much of it it takes.

#include "memory.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <string>

#include <malloc.h>

#include "catch.hpp"

namespace stores_memory {

using namespace std::chrono_literals;
using pivotal::Claim;
using pivotal::MemoryStore;

TEST_CASE("no claim makes room for all the ids at once", "[memory]") {
    // While it did, which takes a tenth of a second among a million ids, every other claim would wait.
    MemoryStore store;
    std::size_t most = 0;
    for (int i = 0; i < 200'000; ++i) {
        const std::string id = "evt_" + std::to_string(i);
        const std::size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
        if (store.claim(id, "a", 30s) != Claim::granted) support::fail("not granted");
        most = std::max(most, mallinfo2().uordblks + mallinfo2().hblkhd - before);
    }
    CHECK(most < 100'000);
}

TEST_CASE("memory is bounded by the ids of one retention", "[memory]") {
    std::chrono::steady_clock::time_point now{1000h};
    const auto in_use = [] { return static_cast<double>(mallinfo2().uordblks + mallinfo2().hblkhd); };
    const double before = in_use();
    MemoryStore store({"default", 168h}, [&] { return now; });
    constexpr int a_week = 1'000'000;
    int number = 0;
    const auto weeks = [&](int count) {
        for (int i = 0; i < count * a_week; ++i, now += std::chrono::nanoseconds(168h) / a_week) {
            // As Pivotal's ids are long, and as the receiver's owners are.
            const std::string id = "evt_2nQv8c9aZmYHKr1T" + std::to_string(10'000'000 + ++number);
            const std::string owner = std::to_string(number) + "-0123456789abcdef01234567";
            if (store.claim(id, owner, 30s) != Claim::granted) support::fail("not granted");
            if (number % 100 == 0) continue;  // its process died
            if (!store.complete(id, owner)) support::fail("not completed");
        }
    };
    weeks(1);
    const double first = in_use() - before;
    std::printf("MemoryStore: %.0f bytes for each of %d ids\n", first / a_week, a_week);
    CHECK(first / a_week < 400);
    weeks(1);
    CHECK(in_use() - before < 1.1 * first);
    // All are forgotten: what is left goes with the next claims.
    now += 2 * 168h;
    for (int i = 0; i < a_week / 4; ++i) {
        const std::string id = "evt_last_" + std::to_string(i);
        if (store.claim(id, "a", 0ms) != Claim::granted) support::fail("not granted");
        if (!store.forget(id)) support::fail("not forgotten");
    }
    CHECK(in_use() - before < 0.2 * first);
}

}  // namespace stores_memory
