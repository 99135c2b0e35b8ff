// SPDX-License-Identifier: MIT
#include <pivotal/detail/receiver/stored_event.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <pivotal/inbox.hpp>

#include "../../catch.hpp"

namespace unit_detail_stored_event {

using pivotal::Event;
using pivotal::Job;
using pivotal::Seconds;
using pivotal::detail::longest_pause;
using pivotal::detail::pause_after_lost_lease;
using pivotal::detail::restore_body;
using pivotal::detail::restored;
using pivotal::detail::stored_error;
using pivotal::detail::StoreTime;
using pivotal::detail::take_readable;

constexpr const char* body = R"({"id":"evt_other","type":"other.type","livemode":true})";

struct Corrupted : std::runtime_error {
    using std::runtime_error::runtime_error;
};

void check_is_as_it_was_put(const Event& event) {
    CHECK(event.id == "evt_1");
    CHECK(event.type == "customer.created");
    CHECK(event.delivery.message_id == "msg_1");
    CHECK(event.delivery.timestamp == Seconds(std::chrono::seconds(1649367553)));
}

TEST_CASE("an event is restored by what it was put under, and by its body where that is an event", "[stored_event]") {
    const Event event = restored("evt_1", "customer.created", "msg_1", 1649367553, body);
    check_is_as_it_was_put(event);
    CHECK(event.livemode == true);
    const Event without = restored("evt_1", "customer.created", "msg_1", 1649367553, "no event");
    check_is_as_it_was_put(without);
    CHECK_FALSE(without.livemode);
}

TEST_CASE("the body of a job is read behind it, or it says why it cannot be", "[stored_event]") {
    Job job;
    job.event = restored("evt_1", "customer.created", "msg_1", 1649367553, {});
    const auto corrupted = [](const std::string&) -> std::string { throw Corrupted("page 7"); };
    CHECK(restore_body<Corrupted>(job, corrupted) == "its body cannot be read: page 7");
    check_is_as_it_was_put(job.event);
    CHECK(job.body.empty());
    const auto away = [](const std::string&) -> std::string { throw std::runtime_error("away"); };
    CHECK_THROWS_WITH(restore_body<Corrupted>(job, away), "away");

    std::string asked;
    CHECK(restore_body<Corrupted>(job, [&](const std::string& id) { return asked = id, body; }).empty());
    CHECK(asked == "evt_1");
    CHECK(job.body == body);
    check_is_as_it_was_put(job.event);
    CHECK(job.event.livemode == true);
}

TEST_CASE("a job whose body cannot be read is leased without it", "[stored_event]") {
    std::vector<bool> asked;
    const auto leased = [&](bool with_body) {
        asked.push_back(with_body);
        Job job;
        job.event = restored("evt_1", "customer.created", "msg_1", 1649367553, {});
        return std::optional(job);
    };
    const auto corrupted = [](const std::string&) -> std::string { throw Corrupted("page 7"); };
    CHECK(take_readable<Corrupted>(leased, corrupted)->unreadable.empty());
    CHECK(asked == std::vector{true});

    asked.clear();
    const auto leased_without = [&](bool with_body) {
        const auto job = leased(with_body);
        if (with_body) throw Corrupted("page 7");
        return job;
    };
    const auto job = take_readable<Corrupted>(leased_without, corrupted);
    CHECK(asked == std::vector{true, false});
    CHECK(job->unreadable == "its body cannot be read: page 7");
    check_is_as_it_was_put(job->event);

    // In the meantime somebody else took it.
    const auto gone = [](bool with_body) -> std::optional<Job> {
        if (with_body) throw Corrupted("page 7");
        return std::nullopt;
    };
    CHECK_FALSE(take_readable<Corrupted>(gone, corrupted));
}

TEST_CASE("a dead letter whose body cannot be read says so, once, and hides no other", "[stored_event]") {
    std::vector<pivotal::DeadJob> jobs(3);
    for (std::size_t i = 0; i < 3; ++i)
        jobs[i].event = restored("evt_" + std::to_string(i), "t", "msg_1", 1649367553, {});
    jobs[0].error = "card declined";
    jobs[2].error = "its body cannot be read: page 7";
    pivotal::detail::restore_bodies<Corrupted>(jobs, [](const std::string& id) -> std::string {
        if (id != "evt_1") throw Corrupted("page 7");
        return body;
    });
    CHECK(jobs[0].error == "card declined; its body cannot be read: page 7");
    CHECK(jobs[1].error.empty());
    CHECK(jobs[1].body == body);
    CHECK(jobs[2].error == "its body cannot be read: page 7");
    std::vector<pivotal::DeadJob> unexplained(1);
    pivotal::detail::restore_bodies<Corrupted>(unexplained,
                                               [](const std::string&) -> std::string { throw Corrupted("x"); });
    CHECK(unexplained[0].error == "its body cannot be read: x");
}

TEST_CASE("of an error 4 KiB are kept, and no character is cut in two", "[stored_event]") {
    CHECK(stored_error("").empty());
    const std::string whole(4096, 'a');
    CHECK(stored_error(whole) == whole);
    CHECK(stored_error(whole + 'b') == whole);
    for (const std::string character : {"\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"})
        for (std::size_t inside = 0; inside <= character.size(); ++inside) {
            INFO(character << ", of which " << inside << " bytes are within the 4 KiB");
            const std::string before(4096 - inside, 'a');
            const std::string kept = inside == character.size() ? before + character : before;
            CHECK(stored_error(before + character + "and so on") == kept);
        }
    // What is no UTF-8 is cut where 4 KiB end, or a little before.
    CHECK(stored_error(std::string(5000, '\x80')).size() == 4092);
}

TEST_CASE("the pause behind a lost lease is drawn up to the lease, twice as much with each attempt, an hour at most",
          "[stored_event]") {
    const auto most_of = [](StoreTime lease, std::int64_t attempt) {
        StoreTime most = 0;
        for (int i = 0; i < 2000; ++i) {
            const StoreTime pause = pause_after_lost_lease(lease, attempt);
            CHECK(pause >= 0);
            most = (std::max)(most, pause);
        }
        return most;
    };
    const auto is_about = [](StoreTime most, StoreTime expected) {
        return most <= expected && most > expected / 10 * 9;
    };
    CHECK(is_about(most_of(1000, 1), 1000));
    CHECK(is_about(most_of(1000, 0), 1000));
    CHECK(is_about(most_of(1000, 2), 2000));
    CHECK(is_about(most_of(1000, 5), 16'000));
    CHECK(is_about(most_of(1, 11), 1024));
    CHECK(is_about(most_of(1000, 60), longest_pause));
    CHECK(is_about(most_of(2 * longest_pause, 1), longest_pause));
    CHECK(most_of(0, 60) == 0);
    CHECK(longest_pause == std::chrono::milliseconds(std::chrono::hours(1)).count());
}

}  // namespace unit_detail_stored_event
