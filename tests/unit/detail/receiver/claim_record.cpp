// SPDX-License-Identifier: MIT
#include <pivotal/detail/receiver/claim_record.hpp>

#include "catch.hpp"

namespace unit_detail_claim_record {

using namespace std::chrono_literals;
namespace detail = pivotal::detail;

TEST_CASE("a store's duration goes from nothing to a hundred years, in milliseconds", "[claim_record]") {
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

TEST_CASE("a claim says whose it is, until when, and when it is forgotten", "[claim_record]") {
    const detail::ClaimRecord record = detail::claimed("a", 1'000, 30s, 100);
    CHECK(record.owner == "a");
    CHECK(record.lease_until == 31'000);
    CHECK(record.expires_at == 31'100);
    CHECK_FALSE(record.done);
}

TEST_CASE("who holds a claim, and what is remembered, to the millisecond", "[claim_record]") {
    detail::ClaimRecord record = detail::claimed("a", 1'000, 30s, 100);
    CHECK(detail::is_held_by_another(record, "b", 30'999));
    CHECK_FALSE(detail::is_held_by_another(record, "b", 31'000));
    CHECK_FALSE(detail::is_held_by_another(record, "a", 30'999));
    CHECK_FALSE(detail::is_remembered(record, 30'999));
    record.done = true;
    CHECK_FALSE(detail::is_held_by_another(record, "b", 30'999));
    CHECK(detail::is_remembered(record, 31'099));
    CHECK_FALSE(detail::is_remembered(record, 31'100));
}

}  // namespace unit_detail_claim_record
