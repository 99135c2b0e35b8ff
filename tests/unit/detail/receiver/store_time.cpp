// SPDX-License-Identifier: MIT
#include <pivotal/detail/receiver/store_time.hpp>

#include "catch.hpp"

namespace unit_detail_store_time {

using namespace std::chrono_literals;
namespace detail = pivotal::detail;

TEST_CASE("a store's duration goes from nothing to a hundred years, in milliseconds", "[store_time]") {
    constexpr std::chrono::milliseconds century = 24h * 365 * 100;
    CHECK(detail::store_time(0s) == 0);
    CHECK(detail::store_time(-1ms) == 0);
    CHECK(detail::store_time(std::chrono::seconds::min()) == 0);
    CHECK(detail::store_time(1ms) == 1);
    CHECK(detail::store_time(30s) == 30'000);
    CHECK(detail::store_time(1'999us) == 1);
    CHECK(detail::store_time(century - 1ms) == century.count() - 1);
    CHECK(detail::store_time(century) == century.count());
    CHECK(detail::store_time(century + 1ms) == century.count());
    CHECK(detail::store_time(std::chrono::hours::max()) == century.count());
    CHECK(century.count() == 3'153'600'000'000);
}

TEST_CASE("a call to a store takes as long as is documented", "[store_time]") {
    CHECK(detail::store_patience == 5s);
}

}  // namespace unit_detail_store_time
