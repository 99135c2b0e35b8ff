// SPDX-License-Identifier: MIT
#include <pivotal/inbox_worker.hpp>

#include <algorithm>
#include <atomic>
#include <climits>
#include <condition_variable>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <pivotal/receiver.hpp>

#include "../support/message.hpp"
#include "catch.hpp"
#include "outcome.hpp"
#include "without_threads.hpp"

namespace unit_inbox_worker {

// The inboxes themselves are tested with real stores, in tests/system/stores. Here is the worker, over an inbox that
// shows what it was told.

using namespace std::chrono_literals;
using pivotal::Body;
using pivotal::Event;
using pivotal::Inbox;
using pivotal::InboxWorker;
using pivotal::Job;
using pivotal::Observation;
using pivotal::StoreError;
using pivotal::WorkerOptions;
using support::Message;
using Kind = pivotal::Observation::Kind;

namespace {

/// Gives each event that was put, and again what was told to be tried again, without waiting.
class ListInbox : public Inbox {
public:
    std::function<void()> on_put, on_take, on_done, on_retry, on_bury;

    bool put(const Event& event, Body body) override { return put(event, body, 0); }
    bool put(const Event& event, Body body, int attempt) {
        if (on_put) on_put();
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!states_.emplace(event.id, "waiting").second) return false;
        Job job;
        job.event = event;
        job.body = body.view();
        job.message_id = event.delivery.message_id;
        job.attempt = attempt;
        due_.push_back(std::move(job));
        if (wakes) wake_workers();
        return true;
    }
    std::shared_ptr<void> listen(const pivotal::Observer& observer) override {
        if (!hears) return Inbox::listen(observer);
        listens_to = &observer;
        return std::shared_ptr<void>(nullptr, [this](void*) { listens_to = nullptr; });
    }
    std::optional<Job> take(std::chrono::milliseconds) override {
        if (on_take) on_take();
        const std::lock_guard<std::mutex> lock(mutex_);
        if (due_.empty()) return std::nullopt;
        Job job = due_.front();
        due_.erase(due_.begin());
        ++job.attempt;
        job.unreadable = unreadable;
        job.owner = "owner of " + job.event.id;
        states_[job.event.id] = "running";
        return job;
    }
    bool renew(const Job& job, std::chrono::milliseconds) override {
        ++renewals;
        const std::lock_guard<std::mutex> lock(mutex_);
        changed_.notify_all();
        return !lost && job.owner == "owner of " + job.event.id && job.attempt > 0 &&
               states_[job.event.id] == "running";
    }
    bool done(const Job& job) override {
        if (on_done) on_done();
        return set(job, "done");
    }
    bool retry(const Job& job, std::chrono::milliseconds delay, std::string_view error) override {
        if (on_retry) on_retry();
        const std::lock_guard<std::mutex> lock(mutex_);
        delays.push_back(delay);
        errors.emplace_back(error);
        due_.push_back(job);
        return true;
    }
    bool postpone(const Job& job, std::chrono::milliseconds delay, std::string_view reason) override {
        const std::lock_guard<std::mutex> lock(mutex_);
        delays.push_back(delay);
        errors.emplace_back(reason);
        due_.push_back(job);
        --due_.back().attempt;
        return true;
    }
    bool bury(const Job& job, std::string_view error) override {
        if (on_bury) on_bury();
        return set(job, "dead: " + std::string(error));
    }
    std::vector<pivotal::DeadJob> dead(std::size_t, std::string_view) override { return {}; }
    bool requeue(std::string_view) override { return false; }
    bool forget(std::string_view) override { return false; }
    std::uint64_t purge(std::chrono::seconds) override { return 0; }
    pivotal::InboxStats stats() override { return {}; }

    /// Waits until the event is in this state; false: in a minute it was not.
    bool wait_for(const std::string& id, const std::string& state) {
        std::unique_lock<std::mutex> lock(mutex_);
        return changed_.wait_for(lock, 60s, [&] { return states_[id] == state; });
    }
    /// Its last owner has not told what became of it, and nothing was taken since.
    bool is_running(const std::string& id) {
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto waiting = [](const auto& state) { return state.second == "waiting"; };
        return states_[id] == "running" && std::any_of(states_.begin(), states_.end(), waiting);
    }
    bool wait_for_renewals(int count) {
        std::unique_lock<std::mutex> lock(mutex_);
        return changed_.wait_for(lock, 60s, [&] { return renewals >= count; });
    }
    void add(const std::string& id, int attempt = 0) {
        Event event;
        event.id = id;
        put(event, "", attempt);
    }

    std::vector<std::chrono::milliseconds> delays;
    std::vector<std::string> errors;
    std::string unreadable;
    std::atomic<int> renewals{0};
    bool lost = false, wakes = true, hears = false;
    const pivotal::Observer* listens_to = nullptr;

private:
    bool set(const Job& job, const std::string& state) {
        const std::lock_guard<std::mutex> lock(mutex_);
        states_[job.event.id] = state;
        changed_.notify_all();
        return !lost;
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Job> due_;
    std::map<std::string, std::string> states_;
};

struct Fixture {
    std::shared_ptr<ListInbox> inbox = std::make_shared<ListInbox>();
    std::mutex mutex;
    std::vector<Observation> seen, incidents;

    WorkerOptions options() {
        WorkerOptions made;
        made.poll = 1ms;
        made.observer = [this](const Observation& one) {
            const std::lock_guard<std::mutex> lock(mutex);
            seen.push_back(one);
            if (one.is_incident()) incidents.push_back(one);
        };
        return made;
    }
};

}  // namespace

TEST_CASE("the defaults of a worker and an inbox are those that are documented", "[inbox]") {
    const WorkerOptions options;
    CHECK(options.threads == 1);
    CHECK(options.lease == 30s);
    CHECK(options.max_attempts == 10);
    CHECK(options.min_backoff == 1s);
    CHECK(options.max_backoff == 1h);
    CHECK(options.poll == 500ms);
    CHECK(options.slow == 1min);
    CHECK_FALSE(pivotal::InboxOptions{}.keep_bodies);
    CHECK(Job{}.attempt == 0);
    CHECK(pivotal::DeadJob{}.attempts == 0);
    const pivotal::InboxStats stats;
    CHECK(stats.ready + stats.retrying + stats.running + stats.dead == 0);
    CHECK(stats.oldest_ready == 0s);
    CHECK(stats.longest_running == 0s);
    CHECK(stats.longest_running_id.empty());
}

TEST_CASE("a worker hands each event to the handler and is done with it", "[inbox]") {
    Fixture f;
    std::vector<std::string> handled;
    f.inbox->add("evt_1");
    f.inbox->add("evt_2");
    {
        const InboxWorker worker(
            f.inbox, [&](const Event& event) { handled.push_back(event.id); }, f.options());
        CHECK(f.inbox->wait_for("evt_2", "done"));
        f.inbox->add("evt_3");  // it waits for more
        CHECK(f.inbox->wait_for("evt_3", "done"));
    }
    CHECK(handled == std::vector<std::string>{"evt_1", "evt_2", "evt_3"});
    CHECK(f.incidents.empty());
}

TEST_CASE("the destructor waits for the handlers that run, and no more are started", "[inbox]") {
    Fixture f;
    std::atomic<int> started{0}, ended{0};
    std::atomic<bool> leave{false};
    for (int i = 0; i < 20; ++i) f.inbox->add("evt_" + std::to_string(i));
    std::thread releaser;
    {
        auto options = f.options();
        options.threads = 4;
        const InboxWorker worker(
            f.inbox,
            [&](const Event&) {
                ++started;
                while (!leave) std::this_thread::yield();
                ++ended;
            },
            options);
        while (started < 4) std::this_thread::yield();
        releaser = std::thread([&] { leave = true; });
    }
    CHECK(started == ended);
    releaser.join();
}

TEST_CASE("a handler that fails is called again, with longer and longer pauses, and then given up", "[inbox]") {
    Fixture f;
    int calls = 0;
    f.inbox->add("evt_1");
    {
        auto options = f.options();
        options.max_attempts = 15;
        const InboxWorker worker(
            f.inbox, [&](const Event&) { throw std::runtime_error("no " + std::to_string(++calls)); }, options);
        CHECK(f.inbox->wait_for("evt_1", "dead: no 15"));
    }
    CHECK(calls == 15);
    REQUIRE(f.inbox->delays.size() == 14);
    std::chrono::milliseconds most = 2s;
    for (const std::chrono::milliseconds delay : f.inbox->delays) {
        CHECK(delay >= most / 2);
        CHECK(delay <= most);
        most = std::min<std::chrono::milliseconds>(2 * most, 1h);
    }
    CHECK(most == 1h);
    CHECK(f.inbox->errors.front() == "no 1");
    REQUIRE(f.incidents.size() == 15);
    CHECK(f.incidents[0].kind == Kind::failed);
    CHECK(f.incidents[0].error == "no 1");
    CHECK(f.incidents[0].event_id == "evt_1");
    CHECK(f.incidents[14].kind == Kind::buried);
    CHECK(f.incidents[14].error == "no 15");
}

TEST_CASE("pauses are between half of it and all of it, never longer than the longest nor shorter than the shortest",
          "[inbox]") {
    Fixture f;
    auto options = f.options();
    options.max_attempts = 100;
    std::chrono::milliseconds least{}, most{};
    SECTION("nothing") {
        options.min_backoff = options.max_backoff = 0ms;
    }
    SECTION("a year") {
        options.min_backoff = options.max_backoff = least = most = 24h * 365;
    }
    SECTION("from nothing") {
        options.min_backoff = 0s;
    }
    SECTION("to nothing") {
        options.min_backoff = options.max_backoff = 0s;
    }
    SECTION("the most is less than twice the least") {
        options.min_backoff = least = 1s;
        options.max_backoff = most = 1100ms;
    }
    SECTION("all of the range, and no more") {
        options.max_attempts = 20'000;
        options.min_backoff = least = 10min;
        options.max_backoff = most = 20min;
    }
    f.inbox->add("evt_1");
    {
        const InboxWorker worker(
            f.inbox, [](const Event&) { throw std::runtime_error("no"); }, options);
        CHECK(f.inbox->wait_for("evt_1", "dead: no"));
    }
    REQUIRE(f.inbox->delays.size() == static_cast<std::size_t>(options.max_attempts) - 1);
    const auto [shortest, longest] = std::minmax_element(f.inbox->delays.begin(), f.inbox->delays.end());
    CHECK(*shortest >= least);
    CHECK(*longest <= most);
    // That 20,000 draws leave a 500th of the range out at one end has a probability of 1 to 10^17.
    if (options.max_attempts == 20'000) {
        CHECK(*shortest <= least + (most - least) / 500);
        CHECK(*longest >= most - (most - least) / 500);
    }
}

TEST_CASE("an event that killed its worker in every attempt is given up unseen", "[inbox]") {
    Fixture f;
    int calls = 0;
    f.inbox->add("evt_1", 10);
    f.inbox->add("evt_2", 9);
    {
        const InboxWorker worker(
            f.inbox, [&](const Event&) { ++calls; }, f.options());
        CHECK(f.inbox->wait_for("evt_1", "dead: its worker died, or lost its lease, in each attempt"));
        CHECK(f.inbox->wait_for("evt_2", "done"));
    }
    CHECK(calls == 1);
    REQUIRE(f.incidents.size() == 1);
    CHECK(f.incidents[0].kind == Kind::buried);
}

TEST_CASE("an event whose body cannot be read is tried again, and given up with the reason", "[inbox]") {
    Fixture f;
    auto options = f.options();
    options.max_attempts = 2;
    int calls = 0;
    f.inbox->unreadable = "its body cannot be read";
    f.inbox->add("evt_1");
    {
        const InboxWorker worker(
            f.inbox, [&](const Event&) { ++calls; }, options);
        CHECK(f.inbox->wait_for("evt_1", "dead: its body cannot be read"));
    }
    CHECK(calls == 0);
    CHECK(f.inbox->errors == std::vector<std::string>{"its body cannot be read"});
    REQUIRE(f.incidents.size() == 2);
    CHECK(f.incidents[0].kind == Kind::failed);
    CHECK(f.incidents[1].kind == Kind::buried);
}

TEST_CASE("anything that a handler throws is a failure", "[inbox]") {
    struct Silent : std::exception {
        const char* what() const noexcept override { return ""; }
    };
    Fixture f;
    auto options = f.options();
    options.max_attempts = 1;
    f.inbox->add("evt_1");
    f.inbox->add("evt_2");
    const InboxWorker worker(
        f.inbox,
        [&](const Event& event) {
            if (event.id == "evt_1") throw 42;
            throw Silent();
        },
        options);
    CHECK(f.inbox->wait_for("evt_1", "dead: an exception that is no std::exception"));
    CHECK(f.inbox->wait_for("evt_2", "dead: unknown error"));
}

TEST_CASE("a worker goes on when the inbox could not answer", "[inbox]") {
    Fixture f;
    f.inbox->add("evt_1");
    std::atomic<int> takes{0};
    f.inbox->on_take = [&] {
        switch (++takes) {
            case 1:
                throw StoreError("no route to host");
            case 2:
                throw std::bad_alloc();
            default:
                break;
        }
    };
    {
        const InboxWorker worker(
            f.inbox, [](const Event&) {}, f.options());
        CHECK(f.inbox->wait_for("evt_1", "done"));
    }
    REQUIRE(f.incidents.size() == 2);
    CHECK(f.incidents[0].kind == Kind::store_unavailable);
    CHECK(f.incidents[0].error == "no route to host");
    CHECK(f.incidents[0].event_id.empty());
    CHECK(f.incidents[1].kind == Kind::internal_error);
}

TEST_CASE("what became of an event is told until the inbox has stored it", "[inbox]") {
    Fixture f;
    f.inbox->add("evt_1");
    std::atomic<int> tries{0};
    const auto fail_often = [&] {
        if (++tries <= 5) throw StoreError("no route to host");
    };
    auto options = f.options();
    bool fails = false;
    std::string state = "done";
    SECTION("done") {
        f.inbox->on_done = fail_often;
    }
    SECTION("to be tried again") {
        f.inbox->on_retry = fail_often;
        fails = true;
        options.max_attempts = 2;
        state = "dead: no such customer";
    }
    SECTION("buried, with its own error") {
        f.inbox->on_bury = fail_often;
        fails = true;
        options.max_attempts = 1;
        state = "dead: no such customer";
    }
    {
        const InboxWorker worker(
            f.inbox,
            [&](const Event&) {
                if (fails) throw std::runtime_error("no such customer");
            },
            options);
        CHECK(f.inbox->wait_for("evt_1", state));
    }
    CHECK(tries == 6);
    for (const Observation& incident : f.incidents)
        CHECK((incident.kind == Kind::failed || incident.kind == Kind::buried));
}

TEST_CASE("what became of an event is told no longer than its lease lasts", "[inbox]") {
    Fixture f;
    f.inbox->add("evt_1");
    f.inbox->add("evt_2");
    auto options = f.options();
    SECTION("where that fails each time") {
        options.lease = 50ms;
        f.inbox->on_done = [&] {
            if (f.inbox->is_running("evt_1")) throw StoreError("no route to host");
        };
        {
            const InboxWorker worker(
                f.inbox, [](const Event&) {}, options);
            CHECK(f.inbox->wait_for("evt_2", "done"));
        }
        REQUIRE(f.incidents.size() == 1);
        CHECK(f.incidents[0].kind == Kind::not_recorded);
        CHECK(f.incidents[0].event_id == "evt_1");
    }
    SECTION("nor that it was given up") {
        options.lease = 50ms;
        options.max_attempts = 1;
        f.inbox->on_bury = [&] {
            if (f.inbox->is_running("evt_1")) throw StoreError("no route to host");
        };
        {
            const InboxWorker worker(
                f.inbox, [](const Event&) { throw std::runtime_error("no"); }, options);
            CHECK(f.inbox->wait_for("evt_2", "dead: no"));
        }
        REQUIRE(f.incidents.size() == 2);
        CHECK(f.incidents[0].kind == Kind::not_recorded);
        CHECK(f.incidents[0].event_id == "evt_1");
        CHECK(f.incidents[0].attempt == 1);
        CHECK(f.incidents[1].kind == Kind::buried);
    }
    SECTION("a lease that was lost is an incident") {
        f.inbox->lost = true;
        {
            const InboxWorker worker(
                f.inbox, [](const Event&) {}, f.options());
            CHECK(f.inbox->wait_for("evt_2", "done"));
        }
        REQUIRE(f.incidents.size() == 2);
        CHECK(f.incidents[0].kind == Kind::lost);
    }
}

TEST_CASE("what became of an event is told until the lease that was renewed last is over", "[inbox]") {
    Fixture f;
    f.inbox->add("evt_1");
    auto options = f.options();
    options.lease = 3s;
    std::atomic<int> tries{0};
    f.inbox->on_done = [&] {
        if (++tries <= 2) throw StoreError("no route to host");
    };
    {
        const InboxWorker worker(
            f.inbox,
            [&](const Job& job) {
                std::this_thread::sleep_for(3100ms);
                CHECK(job.held());
            },
            options);
        CHECK(f.inbox->wait_for("evt_1", "done"));
    }
    CHECK(tries == 3);
    CHECK(f.incidents.empty());
}

TEST_CASE("the lease is renewed while a worker's handler runs", "[inbox]") {
    Fixture f;
    f.inbox->add("evt_1");
    auto options = f.options();
    options.lease = 4ms;
    {
        const InboxWorker worker(
            f.inbox, [&](const Event&) { f.inbox->wait_for_renewals(3); }, options);
        CHECK(f.inbox->wait_for("evt_1", "done"));
    }
    CHECK(f.inbox->renewals >= 3);
}

TEST_CASE("a worker has as many threads as it is told", "[inbox]") {
    Fixture f;
    auto options = f.options();
    options.poll = 1h;
    unsigned expected = 1;
    SECTION("one by default") {}
    SECTION("three") {
        options.threads = expected = 3;
    }
    // Each looks for work once, and then waits for an hour.
    std::atomic<unsigned> takes{0};
    f.inbox->on_take = [&] { ++takes; };
    {
        const InboxWorker worker(
            f.inbox, [](const Event&) {}, options);
        while (takes < expected) std::this_thread::yield();
        std::this_thread::sleep_for(20ms);  // time for one more
    }
    CHECK(takes == expected);
}

TEST_CASE("a worker looks for work as often as it is told", "[inbox]") {
    Fixture f;
    auto options = f.options();
    options.poll = 20ms;
    std::atomic<int> takes{0};
    f.inbox->on_take = [&] { ++takes; };
    const auto start = std::chrono::steady_clock::now();
    const InboxWorker worker(
        f.inbox, [](const Event&) {}, options);
    while (takes < 4) std::this_thread::yield();
    CHECK(std::chrono::steady_clock::now() - start >= 60ms);
}

TEST_CASE("a worker does not wait between events that are due", "[inbox]") {
    // Where the machine was slow it is tried again.
    constexpr int count = 300;
    std::chrono::steady_clock::duration took = 1h;
    for (int tries = 0; tries < 50 && took >= count * 1ms; ++tries) {
        Fixture f;
        for (int i = 1; i <= count; ++i) f.inbox->add("evt_" + std::to_string(i));
        const auto start = std::chrono::steady_clock::now();
        const InboxWorker worker(
            f.inbox, [](const Event&) {}, f.options());
        CHECK(f.inbox->wait_for("evt_" + std::to_string(count), "done"));
        took = std::chrono::steady_clock::now() - start;
    }
    CHECK(took < count * 1ms);
}

TEST_CASE("after a failure of the inbox a worker waits a second", "[inbox]") {
    // Where the machine was late it is tried again.
    std::chrono::steady_clock::duration waited = 1h;
    for (int tries = 0; tries < 20 && waited >= 1900ms; ++tries) {
        Fixture f;
        std::atomic<int> takes{0};
        std::chrono::steady_clock::time_point failed;
        f.inbox->on_take = [&] {
            if (++takes != 1) return;
            failed = std::chrono::steady_clock::now();
            throw StoreError("no route to host");
        };
        const InboxWorker worker(
            f.inbox, [](const Event&) {}, f.options());
        while (takes < 2) std::this_thread::yield();
        waited = std::chrono::steady_clock::now() - failed;
        CHECK(waited >= 1s);
    }
    CHECK(waited < 1900ms);
}

TEST_CASE("a worker that waits ends at once", "[inbox]") {
    Fixture f;
    auto options = f.options();
    options.poll = 1h;
    std::atomic<int> takes{0};
    f.inbox->on_take = [&] { ++takes; };
    const InboxWorker worker(
        f.inbox, [](const Event&) {}, options);
    while (takes < 1) std::this_thread::yield();
}

TEST_CASE("a lease that was lost as an event was given up is no dead letter", "[inbox]") {
    Fixture f;
    auto options = f.options();
    options.max_attempts = 1;
    f.inbox->lost = true;
    f.inbox->add("evt_1");
    {
        const InboxWorker worker(
            f.inbox, [](const Event&) { throw std::runtime_error("no"); }, options);
        CHECK(f.inbox->wait_for("evt_1", "dead: no"));
    }
    REQUIRE(f.incidents.size() == 1);
    CHECK(f.incidents[0].kind == Kind::lost);
    CHECK(f.incidents[0].event_id == "evt_1");
}

TEST_CASE("a worker that cannot have its threads ends those that it has, and throws", "[inbox]") {
    const auto made = [] {
        Fixture f;
        auto options = f.options();
        options.threads = 4;
        std::atomic<int> takes{0};
        f.inbox->on_take = [&] { ++takes; };
        try {
            const InboxWorker worker(
                f.inbox, [](const Event&) {}, options);
        } catch (const std::system_error&) {
            const int seen = takes;
            std::this_thread::sleep_for(20ms);
            return takes == seen ? 1 : 2;  // they are gone
        }
        return 0;
    };
    if (const auto outcome = support::with_threads(4, made)) CHECK(*outcome == 0);
    if (const auto outcome = support::with_threads(2, made)) CHECK(*outcome == 1);
    if (const auto outcome = support::with_threads(0, made)) CHECK(*outcome == 1);
}

TEST_CASE("that nobody can keep an event's lease is not the handler's failure", "[inbox]") {
    const auto made = [] {
        Fixture f;
        auto options = f.options();
        options.max_attempts = 1;
        std::atomic<int> calls{0}, takes{0};
        f.inbox->on_take = [&] { ++takes; };
        f.inbox->add("evt_1");
        {
            const InboxWorker worker(
                f.inbox, [&](const Event&) { ++calls; }, options);
            for (int i = 0; i < 6000 && takes < 4; ++i) std::this_thread::sleep_for(10ms);
        }
        if (f.inbox->delays.size() < 3 || calls > 0) return 1;
        for (const auto delay : f.inbox->delays)
            if (delay != 1s) return 2;
        for (const Observation& incident : f.incidents)
            if (incident.kind != Kind::internal_error || incident.event_id != "evt_1") return 3;
        return f.incidents.size() == f.inbox->delays.size() ? 0 : 4;
    };
    if (const auto outcome = support::with_threads(1, made)) CHECK(*outcome == 0);
}

TEST_CASE("a worker needs an inbox and a handler", "[inbox]") {
    CHECK_THROWS_AS(InboxWorker(nullptr, [](const Event&) {}), std::invalid_argument);
    CHECK_THROWS_AS(InboxWorker(std::make_shared<ListInbox>(), nullptr), std::invalid_argument);
}

TEST_CASE("a handler takes the event, or the job", "[inbox]") {
    Fixture f;
    Event event;
    event.id = "evt_1";
    event.delivery.message_id = "msg_1";
    f.inbox->put(event, "the body");
    std::string seen;
    bool held = false, held_when_lost = true;
    SECTION("the event") {
        const InboxWorker worker(
            f.inbox, [&](const Event& handled) { seen = handled.id; }, f.options());
        CHECK(f.inbox->wait_for("evt_1", "done"));
    }
    SECTION("the job") {
        const InboxWorker worker(
            f.inbox,
            [&](const Job& job) {
                seen = job.event.id + " " + job.body + " " + std::to_string(job.attempt) + " " + job.message_id;
                held = job.held();
                f.inbox->lost = true;
                held_when_lost = job.held();
            },
            f.options());
        CHECK(f.inbox->wait_for("evt_1", "done"));
    }
    if (seen != "evt_1") {
        CHECK(seen == "evt_1 the body 1 msg_1");
        CHECK(held);
        CHECK_FALSE(held_when_lost);
    }
    CHECK(Job().held());
    CHECK_THROWS_AS(InboxWorker(f.inbox, std::function<void(const Job&)>()), std::invalid_argument);
    CHECK_THROWS_AS(InboxWorker(f.inbox, std::function<void(const Event&)>()), std::invalid_argument);
}

TEST_CASE("a handler can say when it is to be called again, which does not count", "[inbox]") {
    Fixture f;
    f.inbox->add("evt_1");
    auto options = f.options();
    options.max_attempts = 1;
    int calls = 0;
    {
        const InboxWorker worker(
            f.inbox,
            [&](const Job& job) {
                CHECK(job.attempt == 1);
                if (++calls < 5) throw pivotal::RetryAfter(42s, "the API asks for patience");
            },
            options);
        CHECK(f.inbox->wait_for("evt_1", "done"));
    }
    CHECK(calls == 5);
    CHECK(f.inbox->delays == std::vector<std::chrono::milliseconds>(4, 42s));
    CHECK(f.inbox->errors.front() == "the API asks for patience");
    CHECK(f.incidents.empty());
}

TEST_CASE("a handler can give an event up at once", "[inbox]") {
    Fixture f;
    f.inbox->add("evt_1");
    {
        const InboxWorker worker(
            f.inbox, [&](const Event&) { throw pivotal::Discard("no such customer"); }, f.options());
        CHECK(f.inbox->wait_for("evt_1", "dead: no such customer"));
    }
    REQUIRE(f.incidents.size() == 1);
    CHECK(f.incidents[0].kind == Kind::buried);
    CHECK(f.incidents[0].error == "no such customer");
}

TEST_CASE("a handler is told to be slow when it has run for that time", "[inbox]") {
    // Where the machine was late it is tried again.
    std::chrono::microseconds told = 1h;
    for (int tries = 0; tries < 50 && told >= 120ms; ++tries) {
        Fixture f;
        f.inbox->add("evt_1");
        auto options = f.options();
        options.slow = 100ms;
        {
            const InboxWorker worker(
                f.inbox,
                [&](const Event&) {
                    for (std::unique_lock<std::mutex> lock(f.mutex); f.incidents.empty(); lock.lock()) {
                        lock.unlock();
                        std::this_thread::sleep_for(1ms);
                    }
                },
                options);
            CHECK(f.inbox->wait_for("evt_1", "done"));
        }
        told = f.incidents.at(0).duration;
        CHECK(told >= 100ms);
    }
    CHECK(told < 120ms);
}

TEST_CASE("a handler that runs long is an incident, each time that it has run twice as long", "[inbox]") {
    Fixture f;
    Event event;
    event.id = "evt_1";
    event.type = "customer.created";
    event.delivery.message_id = "msg_1";
    f.inbox->put(event, "", 2);
    auto options = f.options();
    options.slow = 5ms;
    const auto told = [&] {
        const std::lock_guard<std::mutex> lock(f.mutex);
        return f.incidents.size();
    };
    {
        const InboxWorker worker(
            f.inbox,
            [&](const Event&) {
                while (told() < 4) std::this_thread::sleep_for(1ms);
            },
            options);
        CHECK(f.inbox->wait_for("evt_1", "done"));
    }
    const std::vector<std::string> expected{"the handler has run for 5 ms", "the handler has run for 10 ms",
                                            "the handler has run for 20 ms", "the handler has run for 40 ms"};
    for (std::size_t i = 0; i < expected.size(); ++i) {
        CHECK(f.incidents[i].kind == Kind::slow);
        CHECK(f.incidents[i].error == expected[i]);
        CHECK(f.incidents[i].event_id == "evt_1");
        CHECK(f.incidents[i].event_type == "customer.created");
        CHECK(f.incidents[i].message_id == "msg_1");
        CHECK(f.incidents[i].attempt == 3);
        CHECK(f.incidents[i].duration >= 5ms * (1 << i));
    }
}

TEST_CASE("a worker that is stopped takes nothing more, and says whether its handlers ended", "[inbox]") {
    Fixture f;
    for (int i = 0; i < 10; ++i) f.inbox->add("evt_" + std::to_string(i));
    std::atomic<int> started{0};
    std::atomic<bool> leave{false};
    auto options = f.options();
    options.threads = 2;
    InboxWorker worker(
        f.inbox,
        [&](const Event&) {
            ++started;
            while (!leave) std::this_thread::sleep_for(1ms);
        },
        options);
    while (started < 2) std::this_thread::yield();
    CHECK_FALSE(worker.stop(0ms));
    CHECK_FALSE(worker.stop(20ms));
    leave = true;
    CHECK(worker.stop(std::chrono::milliseconds::max()));
    CHECK(worker.stop(1min));
    CHECK(started == 2);
    f.inbox->add("evt_10");
    CHECK(started == 2);
}

TEST_CASE("a handler that stops its own worker is told so", "[inbox]") {
    Fixture f;
    f.inbox->add("evt_1");
    auto options = f.options();
    options.max_attempts = 1;
    std::promise<InboxWorker*> made;
    const auto known = made.get_future().share();
    InboxWorker worker(
        f.inbox, [&](const Event&) { known.get()->stop(1min); }, options);
    made.set_value(&worker);
    CHECK(f.inbox->wait_for("evt_1", "dead: pivotal: a handler cannot stop its own InboxWorker"));
}

TEST_CASE("a worker that its own handler destroys ends, and the observer is told", "[inbox]") {
    Fixture f;
    f.inbox->add("evt_1");
    std::promise<void> made;
    std::unique_ptr<InboxWorker> worker;
    auto options = f.options();
    options.threads = 3;
    std::atomic<bool> gone{false};
    worker = std::make_unique<InboxWorker>(
        f.inbox,
        [&, known = made.get_future().share(), text = std::string(100, 'x')](const Event&) {
            known.get();
            worker.reset();
            gone = text == std::string(100, 'x');  // what the handler has is still there
        },
        options);
    made.set_value();
    CHECK(f.inbox->wait_for("evt_1", "done"));
    CHECK(gone);
    // The last that the thread without a worker does.
    std::unique_lock<std::mutex> lock(f.mutex);
    while (f.seen.empty() || f.seen.back().kind != Kind::handled) {
        lock.unlock();
        std::this_thread::yield();
        lock.lock();
    }
    REQUIRE(f.incidents.size() == 1);
    CHECK(f.incidents[0].kind == Kind::internal_error);
    CHECK(f.incidents[0].error == "an InboxWorker was destroyed by its own handler, which goes on without it");
}

TEST_CASE("a worker that its observer destroys, told of a slow handler, waits for that and ends", "[inbox]") {
    Fixture f;
    f.inbox->add("evt_1");
    std::promise<void> made;
    const auto gone = std::make_shared<std::promise<void>>();
    std::unique_ptr<InboxWorker> worker;
    auto options = f.options();
    options.slow = 1ms;
    std::atomic<int> told{0};
    options.observer = [&, gone, known = made.get_future().share()](const Observation& one) {
        if (one.kind != Kind::slow || told++ > 0) return;
        known.get();
        worker.reset();
        gone->set_value();
    };
    worker = std::make_unique<InboxWorker>(
        f.inbox,
        [&](const Event&) {
            while (told == 0) std::this_thread::yield();
        },
        options);
    made.set_value();
    CHECK(gone->get_future().wait_for(60s) == std::future_status::ready);
    CHECK(f.inbox->wait_for("evt_1", "done"));
}

TEST_CASE("the observer is told one thing of each attempt, and how long it took", "[inbox]") {
    Fixture f;
    for (const char* const id : {"evt_1", "evt_2", "evt_3"}) f.inbox->add(id);
    int calls = 0;
    {
        auto options = f.options();
        options.min_backoff = options.max_backoff = 0ms;
        const InboxWorker worker(
            f.inbox,
            [&](const Job& job) {
                ++calls;
                std::this_thread::sleep_for(2ms);
                if (job.event.id == "evt_2") throw pivotal::Discard("no such customer");
                if (job.event.id == "evt_3" && calls == 3) throw pivotal::RetryAfter(0ms, "not yet");
                if (job.event.id == "evt_1" && job.attempt == 1) throw std::runtime_error("no");
            },
            options);
        for (const char* const id : {"evt_1", "evt_3"}) CHECK(f.inbox->wait_for(id, "done"));
    }
    std::string told;
    for (const Observation& seen : f.seen) {
        told += seen.event_id + " " + std::to_string(seen.attempt) + " " + seen.name() + " " + seen.error + "\n";
        CHECK(seen.duration >= 2ms);
    }
    for (const char* const line : {"evt_1 1 failed no\n", "evt_1 2 handled \n", "evt_2 1 buried no such customer\n",
                                   "evt_3 1 postponed not yet\n"})
        CHECK(told.find(line) != told.npos);
    CHECK(f.seen.size() == 5);
}

TEST_CASE("a put wakes an idle worker, one of its threads", "[inbox]") {
    Fixture f;
    auto options = f.options();
    options.poll = 24h;
    options.threads = 4;
    std::atomic<int> takes{0};
    f.inbox->on_take = [&] { ++takes; };
    const InboxWorker worker(
        f.inbox, [](const Event&) {}, options);
    while (takes < 4) std::this_thread::yield();
    for (int i = 0; i < 50; ++i) {
        f.inbox->add("evt_" + std::to_string(i));
        CHECK(f.inbox->wait_for("evt_" + std::to_string(i), "done"));
    }
    CHECK(takes <= 4 + 50 * 3);
}

TEST_CASE("a worker that is woken takes all that is due, with all its threads", "[inbox]") {
    Fixture f;
    auto options = f.options();
    options.poll = 24h;
    options.threads = 4;
    std::atomic<int> takes{0}, running{0};
    f.inbox->on_take = [&] { ++takes; };
    const InboxWorker worker(
        f.inbox,
        [&](const Event&) {
            ++running;
            while (running < 4) std::this_thread::yield();
        },
        options);
    while (takes < 4) std::this_thread::yield();
    f.inbox->wakes = false;
    for (const char* const id : {"evt_1", "evt_2", "evt_3"}) f.inbox->add(id);
    f.inbox->wakes = true;
    f.inbox->add("evt_4");
    for (const char* const id : {"evt_1", "evt_2", "evt_3", "evt_4"}) CHECK(f.inbox->wait_for(id, "done"));
}

TEST_CASE("a worker listens to other processes while it is there, and a put behind its end wakes nobody", "[inbox]") {
    Fixture f;
    f.inbox->hears = true;
    auto options = f.options();
    const auto is_told = [](const Observation& one) { return one.event_id == "of another process"; };
    for (int i = 0; i < 10; ++i) {
        {
            const InboxWorker worker(
                f.inbox, [](const Event&) {}, options);
            REQUIRE(f.inbox->listens_to);
            Observation one;
            one.event_id = "of another process";
            (*f.inbox->listens_to)(one);
        }
        CHECK_FALSE(f.inbox->listens_to);
        CHECK(std::count_if(f.seen.begin(), f.seen.end(), is_told) == i + 1);
        // Where a worker was something else is now, which nobody can call.
        std::vector<std::string> others;
        for (std::size_t size = 16; size < 4096; size += 16) others.emplace_back(size, '\xFF');
        f.inbox->add("evt_" + std::to_string(i));
    }
}

TEST_CASE("an idle worker looks for work as often with many threads as with one", "[inbox]") {
    Fixture f;
    auto options = f.options();
    options.poll = 20ms;
    options.threads = 16;
    std::atomic<int> takes{0};
    f.inbox->on_take = [&] { ++takes; };
    const auto start = std::chrono::steady_clock::now();
    const InboxWorker worker(
        f.inbox, [](const Event&) {}, options);
    while (takes < 16 + 10) std::this_thread::sleep_for(1ms);
    CHECK(std::chrono::steady_clock::now() - start >= 9 * 20ms);
}

TEST_CASE("an option of a worker that makes no sense is refused", "[inbox]") {
    const auto error_of = [](const std::function<void(WorkerOptions&)>& change) -> std::string {
        WorkerOptions options;
        change(options);
        try {
            const InboxWorker worker(
                std::make_shared<ListInbox>(), [](const Event&) {}, options);
        } catch (const std::invalid_argument& error) {
            return error.what();
        }
        return "none";
    };
    using Options = WorkerOptions;
    constexpr auto for_ever = std::chrono::milliseconds::max();
    CHECK(error_of([](Options&) {}) == "none");
    CHECK(error_of([](Options& o) { o.lease = o.poll = o.slow = o.max_backoff = o.min_backoff = 24h * 365; }) ==
          "none");
    CHECK(error_of([](Options& o) { o.threads = 0; }) == "pivotal: an InboxWorker needs a thread");
    for (const int attempts : {0, -1, INT_MIN})
        CHECK(error_of([&](Options& o) { o.max_attempts = attempts; }) == "pivotal: an InboxWorker needs an attempt");
    constexpr std::chrono::milliseconds too_long = 24h * 365 + 1ms;
    for (const std::chrono::milliseconds time : {0ms, -1ms, -for_ever, for_ever, too_long}) {
        CHECK(error_of([&](Options& o) { o.lease = time; }) ==
              "pivotal: an InboxWorker needs a lease, of a year at most");
        CHECK(error_of([&](Options& o) { o.poll = time; }) ==
              "pivotal: an InboxWorker needs a time to poll after, of a year at most");
        CHECK(error_of([&](Options& o) { o.slow = time; }) ==
              "pivotal: an InboxWorker needs a time that is slow, of a year at most");
        if (time == 0ms) continue;
        CHECK(error_of([&](Options& o) { o.min_backoff = time; }) ==
              "pivotal: an InboxWorker needs a min_backoff of 0 to a year");
        CHECK(error_of([&](Options& o) { o.max_backoff = time; }) ==
              "pivotal: an InboxWorker needs a max_backoff of min_backoff to a year");
    }
}

TEST_CASE("a Receiver over an inbox puts and answers", "[receiver][inbox]") {
    const auto inbox = std::make_shared<ListInbox>();
    std::vector<Observation> incidents;
    pivotal::Receiver receiver(pivotal::Webhook(support::secret), inbox, {30s, [&](const Observation& seen) {
                                                                              if (seen.is_incident())
                                                                                  incidents.push_back(seen);
                                                                          }});
    Message m;
    const auto receive = [&] {
        const pivotal::Reply reply = receiver.receive(m.body, support::headers_of(m), support::now);
        return std::to_string(reply.status) + " " + reply.body;
    };
    SECTION("each event once") {
        CHECK(receive() == "200 ok");
        CHECK(receive() == "200 duplicate");
        const std::optional<Job> job = inbox->take(30s);
        REQUIRE(job);
        CHECK(job->event.id == "evt_5tGz0q");
        CHECK(job->event.delivery.message_id == m.id);
        CHECK(job->body == m.body);
        CHECK(incidents.empty());
    }
    SECTION("nothing that is not authentic") {
        m.body += ' ';
        CHECK(receive() == "401 invalid signature");
        CHECK_FALSE(inbox->take(30s));
    }
    SECTION("nothing that is no event") {
        m.body = "[]";
        m.sign();
        CHECK(receive() == "400 malformed event");
        CHECK_FALSE(inbox->take(30s));
    }
    SECTION("and says so when it cannot") {
        inbox->on_put = [] { throw StoreError("disk full"); };
        CHECK(receive() == "503 store unavailable");
        REQUIRE(incidents.size() == 1);
        CHECK(incidents[0].kind == Kind::store_unavailable);
        CHECK(incidents[0].error == "disk full");
        CHECK(incidents[0].event_id == "evt_5tGz0q");
    }
    SECTION("whatever the inbox throws") {
        inbox->on_put = [] { throw 42; };
        CHECK(receive() == "503 store unavailable");
        REQUIRE(incidents.size() == 1);
        CHECK(incidents[0].kind == Kind::store_unavailable);
        CHECK(incidents[0].message_id == m.id);
    }
    SECTION("nor when memory runs out") {
        inbox->on_put = [] { throw std::bad_alloc(); };
        CHECK(receive() == "500 internal error");
        CHECK(incidents.size() == 1);
    }
}

}  // namespace unit_inbox_worker
