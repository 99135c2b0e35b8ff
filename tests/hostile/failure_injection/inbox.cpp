// SPDX-License-Identifier: MIT
#include <pivotal/inbox_worker.hpp>

#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <pivotal/receiver.hpp>
#include <pivotal/stores/sqlite.hpp>

#include "delivery.hpp"
#include "trial.hpp"

// SQLite's own memory is not operator new's: all that fails here is the library's.

using namespace delivery;
using namespace std::chrono_literals;
using pivotal::Claim;
using pivotal::Event;
using pivotal::Inbox;
using pivotal::InboxWorker;
using pivotal::Job;
using pivotal::Observation;
using pivotal::SqliteInbox;
using pivotal::SqliteStore;
using pivotal::StoreError;
using pivotal::Webhook;
using Kind = pivotal::Observation::Kind;

namespace {

const char* const in_memory = ":memory:";

Event event() {
    Event made = Event::parse(body);
    made.delivery.message_id = id;
    return made;
}

std::unique_ptr<Inbox> inbox_with_an_event() {
    auto inbox = std::make_unique<SqliteInbox>(in_memory);
    inbox->put(event(), body);
    return inbox;
}

/// Does `work`, which tells of memory that ran out as inboxes and stores may: std::bad_alloc or StoreError, and then it
/// is false. What fails alone may succeed, since SQLite's transactions are tried a second time.
template <class Work> bool run(Trial& trial, Work work) {
    bool store_error = false;
    const bool whole = trial.run([&] {
        try {
            work();
        } catch (const StoreError&) {
            store_error = true;
        }
    });
    const bool succeeded = whole && !store_error;
    if (trial.onwards() || !trial.refused()) CHECK(succeeded != trial.refused());
    return succeeded;
}

bool is_idle(Inbox& inbox) {
    const pivotal::InboxStats stats = inbox.stats();
    return stats.ready + stats.retrying + stats.running == 0;
}

bool is_whole(const Job& job) {
    return job.event.id == event_id && job.event.delivery.message_id == id && job.body == body && !job.owner.empty() &&
           job.event.data == event().data;
}

/// Gives one event to a worker, in whose thread memory then fails, until it asks for the next.
class OneJob : public Inbox {
public:
    OneJob(Inbox& inbox, const Trial& trial) : inbox_(inbox), trial_(trial) {}

    bool put(const Event& event, pivotal::Body body) override { return inbox_.put(event, body); }
    std::optional<Job> take(std::chrono::milliseconds lease) override {
        if (std::exchange(asked_, true)) return std::nullopt;
        taken_.set_value();
        trial_.begin();
        return inbox_.take(lease);
    }
    bool renew(const Job& job, std::chrono::milliseconds lease) override { return inbox_.renew(job, lease); }
    bool done(const Job& job) override { return inbox_.done(job); }
    bool retry(const Job& job, std::chrono::milliseconds delay, std::string_view error) override {
        return inbox_.retry(job, delay, error);
    }
    bool postpone(const Job& job, std::chrono::milliseconds delay, std::string_view reason) override {
        return inbox_.postpone(job, delay, reason);
    }
    bool bury(const Job& job, std::string_view error) override { return inbox_.bury(job, error); }
    std::vector<pivotal::DeadJob> dead(std::size_t limit, std::string_view after) override {
        return inbox_.dead(limit, after);
    }
    bool requeue(std::string_view id) override { return inbox_.requeue(id); }
    bool forget(std::string_view id) override { return inbox_.forget(id); }
    std::uint64_t purge(std::chrono::seconds older_than) override { return inbox_.purge(older_than); }
    pivotal::InboxStats stats() override { return inbox_.stats(); }

    /// Once it returns, the worker's destructor waits for what is done with the event.
    void wait() { taken_.get_future().wait(); }

private:
    Inbox& inbox_;
    const Trial& trial_;
    bool asked_ = false;
    std::promise<void> taken_;
};

}  // namespace

TEST_CASE("a SqliteInbox that cannot be opened for want of memory leaks nothing", "[failure_injection]") {
    const long refusals = fail_each_allocation([](Trial& trial) {
        run(trial, [] { const SqliteInbox inbox(in_memory, {std::string(40, 'c'), 24h}); });
    });
    CHECK(refusals > 1);
    CHECK(fail_each_allocation([](Trial& trial) {
              run(trial, [] { const SqliteStore store(in_memory, {std::string(40, 'c'), 24h}); });
          }) > 1);
}

TEST_CASE("what a SqliteInbox cannot do for want of memory has not been done, and can be done again",
          "[failure_injection]") {
    const auto put_again = [](Inbox& inbox) { return inbox.put(event(), body); };
    SECTION("put") {
        const Event made = event();
        CHECK(fail_each_allocation([&](Trial& trial) {
                  SqliteInbox inbox(in_memory);
                  bool added = false;
                  const bool whole = run(trial, [&] { added = inbox.put(made, body); });
                  CHECK(added == whole);
                  CHECK(put_again(inbox) == !whole);
                  const auto job = inbox.take(1h);
                  REQUIRE(job.has_value());
                  CHECK(is_whole(*job));
                  CHECK_FALSE(inbox.take(1h).has_value());
              }) > 0);
    }
    SECTION("take") {
        CHECK(fail_each_allocation([&](Trial& trial) {
                  const auto inbox = inbox_with_an_event();
                  std::optional<Job> job;
                  const bool whole = run(trial, [&] { job = inbox->take(1h); });
                  CHECK(job.has_value() == whole);
                  if (!whole) job = inbox->take(1h);
                  REQUIRE(job.has_value());
                  CHECK(is_whole(*job));
                  CHECK(job->attempt == 1);
                  CHECK(inbox->done(*job));
              }) > 50);
    }
    SECTION("renew, done") {
        CHECK(fail_each_allocation([&](Trial& trial) {
                  const auto inbox = inbox_with_an_event();
                  const auto job = inbox->take(1h);
                  bool renewed = false, done = false;
                  const bool whole = run(trial, [&] {
                      renewed = inbox->renew(*job, 1h);
                      done = inbox->done(*job);
                  });
                  CHECK(done == whole);
                  CHECK(inbox->stats().running == (whole ? 0 : 1));
                  CHECK(inbox->done(*job));
                  CHECK(inbox->stats().running == 0);
                  CHECK_FALSE(put_again(*inbox));
              }) > 1);
    }
    SECTION("retry") {
        const std::string error(40, 'e');
        CHECK(fail_each_allocation([&](Trial& trial) {
                  const auto inbox = inbox_with_an_event();
                  const auto job = inbox->take(1h);
                  bool held = false;
                  const bool whole = run(trial, [&] { held = inbox->retry(*job, 0ms, error); });
                  CHECK(held == whole);
                  CHECK(inbox->retry(*job, 0ms, error) == !whole);
                  const auto again = inbox->take(1h);
                  REQUIRE(again.has_value());
                  CHECK(again->attempt == 2);
                  CHECK(inbox->done(*again));
              }) > 0);
    }
    SECTION("bury, dead, requeue") {
        const std::string error(40, 'e');
        CHECK(fail_each_allocation([&](Trial& trial) {
                  const auto inbox = inbox_with_an_event();
                  const auto job = inbox->take(1h);
                  std::vector<pivotal::DeadJob> dead;
                  bool requeued = false;
                  const bool whole = run(trial, [&] {
                      inbox->bury(*job, error);
                      dead = inbox->dead(10);
                      requeued = inbox->requeue(event_id);
                  });
                  CHECK(requeued == whole);
                  if (whole) {
                      REQUIRE(dead.size() == 1);
                      CHECK(dead[0].error == error);
                      CHECK(dead[0].body == body);
                  } else {
                      CHECK(inbox->bury(*job, error));  // which can be repeated
                      CHECK(inbox->dead(10).size() == 1);
                      CHECK(inbox->requeue(event_id));
                  }
                  const auto again = inbox->take(1h);
                  REQUIRE(again.has_value());
                  CHECK(is_whole(*again));
                  CHECK(inbox->stats().running == 1);
                  CHECK(inbox->done(*again));
              }) > 50);
    }
    SECTION("stats") {
        CHECK(fail_each_allocation([&](Trial& trial) {
                  const auto inbox = inbox_with_an_event();
                  pivotal::InboxStats stats;
                  const bool whole = run(trial, [&] { stats = inbox->stats(); });
                  CHECK(stats.ready == (whole ? 1 : 0));
                  CHECK(inbox->stats().ready == 1);
              }) > 0);
    }
}

TEST_CASE("what a SqliteStore cannot do for want of memory has not been done", "[failure_injection]") {
    const std::string owner = "0123456789abcdef0123456789abcdef", other = "fedcba9876543210fedcba9876543210";
    const long refusals = fail_each_allocation([&](Trial& trial) {
        SqliteStore store(in_memory);
        int steps = 0;
        Claim claim = Claim::in_progress;
        bool renewed = false, completed = false;
        run(trial, [&] {
            claim = store.claim(event_id, owner, 1h);
            ++steps;
            renewed = store.renew(event_id, owner, 1h);
            ++steps;
            completed = store.complete(event_id, owner);
            ++steps;
        });
        CHECK((claim == Claim::granted) == (steps > 0));
        CHECK(renewed == (steps > 1));
        CHECK(completed == (steps > 2));
        CHECK(store.claim(event_id, other, 1h) == (steps == 0   ? Claim::granted
                                                   : steps == 3 ? Claim::duplicate
                                                                : Claim::in_progress));
        CHECK(store.complete(event_id, steps == 0 ? other : owner));
    });
    CHECK(refusals > 3);

    const long refusals_at_the_end = fail_each_allocation([&](Trial& trial) {
        SqliteStore store(in_memory);
        store.claim(event_id, owner, 1h);
        bool released = false;
        const bool whole = run(trial, [&] { released = store.release(event_id, owner); });
        CHECK(released == whole);
        CHECK(store.forget(event_id) == !whole);
    });
    CHECK(refusals_at_the_end > 0);
}

TEST_CASE("a Receiver that cannot put for want of memory says so, and takes the retry", "[failure_injection]") {
    const Webhook webhook(secret);
    const std::string signature = webhook.sign(id, now, body);
    const long refusals = fail_each_allocation([&](Trial& trial) {
        const auto inbox = std::make_shared<SqliteInbox>(in_memory);
        int told = 0, incidents = 0;
        pivotal::ReceiverOptions options;
        options.observer = [&](const Observation& seen) {
            ++told;
            incidents += seen.is_incident() ? 1 : 0;
        };
        pivotal::Receiver receiver(webhook, inbox, options);
        pivotal::Reply reply;
        CHECK(trial.run([&] { reply = receiver.receive(body, {id, timestamp, signature}, now); }));
        const bool accepted = reply.status == 200;
        // The words for the observer go without a trace.
        if (trial.onwards() || !trial.refused()) CHECK(accepted != (trial.refused() && !(accepted && told == 0)));
        if (!accepted) {
            CHECK(reply.status == 500);
            CHECK(incidents <= 1);
            if (!trial.onwards()) CHECK(incidents == 1);
        }
        CHECK(inbox->stats().ready == (accepted ? 1 : 0));
        CHECK(std::string_view(receiver.receive(body, {id, timestamp, signature}, now).body) ==
              (accepted ? "duplicate" : "ok"));
        const auto job = inbox->take(1h);
        REQUIRE(job.has_value());
        CHECK(is_whole(*job));
    });
    CHECK(refusals > 50);
}

TEST_CASE("an InboxWorker that cannot be made for want of memory handles nothing more", "[failure_injection]") {
    const long refusals = fail_each_allocation([](Trial& trial) {
        const std::shared_ptr<Inbox> inbox = std::make_shared<SqliteInbox>(in_memory);
        std::atomic<int> handled{0};
        pivotal::WorkerOptions options;
        options.threads = 3;
        const bool whole = trial.run([&] {
            const InboxWorker worker(
                inbox, [&](const Event&) { ++handled; }, options);
        });
        CHECK(whole != trial.refused());
        inbox->put(event(), body);
        CHECK(inbox.use_count() == 1);
        CHECK(handled == 0);
    });
    CHECK(refusals > 3);
}

TEST_CASE("an InboxWorker without memory loses no event, and handles it later", "[failure_injection]") {
    int ends[3] = {};  // not handled; handled and done; handled and not recorded
    const long refusals = fail_each_allocation([&](Trial& trial) {
        const std::shared_ptr<Inbox> inbox = inbox_with_an_event();
        int handled = 0, incidents = 0, not_recorded = 0;
        pivotal::WorkerOptions options;
        options.lease = 1ms;  // over at once, so that nothing has to be waited for
        options.min_backoff = 0ms;
        options.poll = 1ms;
        options.observer = [&](const Observation& incident) {
            incidents += incident.is_incident() ? 1 : 0;
            not_recorded += incident.kind == Kind::not_recorded ? 1 : 0;
        };
        const auto handler = [&](const Event& taken) {
            const Event copy = taken;
            ++handled;
        };
        const long refused = refused_allocations;
        {
            const auto one = std::make_shared<OneJob>(*inbox, trial);
            const InboxWorker worker(one, handler, options);
            one->wait();
        }
        trial.end(refused);
        const bool done = is_idle(*inbox);
        CHECK(handled <= 1);
        if (done) CHECK(handled == 1);
        if (handled == 1 && !trial.onwards()) CHECK(done);  // what fails once is done the second time
        if (!trial.refused()) CHECK(done);
        if (trial.refused() && !trial.onwards() && !done) CHECK(incidents == 1);
        ++ends[handled == 0 ? 0 : done ? 1 : 2];

        // Whatever became of it, it is in the inbox; and it is handled unless it was done.
        if (!done) {
            std::promise<void> came;
            options.observer = {};
            const InboxWorker worker(
                inbox,
                [&](const Event& taken) {
                    if (taken.id == event_id && taken.data == event().data) came.set_value();
                },
                options);
            CHECK(came.get_future().wait_for(1min) == std::future_status::ready);
        }
        CHECK(is_idle(*inbox));
    });
    CHECK(refusals > 50);
    CHECK(ends[0] > 50);
    CHECK(ends[1] > 1);
    CHECK(ends[2] > 0);
}
