// SPDX-License-Identifier: MIT

// A random sequence of calls of an Inbox, by several clients and on a clock that the test sets, against a naive model
// of it. Compiled once for each kind of store that has one.
//
// PIVOTAL_QUEUE_STEPS says how many calls, PIVOTAL_QUEUE_SEED which: a failure prints its seed.

#include PIVOTAL_TEST_KIND

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <pivotal/inbox.hpp>

#include "agent.hpp"
#include "catch.hpp"

namespace stores_queue_model {

using namespace std::chrono_literals;
using pivotal::DeadJob;
using pivotal::Event;
using pivotal::Inbox;
using pivotal::InboxStats;
using pivotal::Job;
using support::FakeClocked;

namespace {

// A store may count in microseconds.
using Duration = std::chrono::microseconds;
using Time = std::chrono::time_point<pivotal::Clock, Duration>;

constexpr std::chrono::seconds retention = 1h;

/// What the model knows of an event.
struct Known {
    enum State { waiting, done, dead } state = waiting;
    std::string body, error;
    int attempt = 0;
    Time due_from{}, due_to{};  // due at a time between these, which is random behind a lost lease
    std::string owner;          // whose calls count; empty: nobody's
    Time taken{}, lease_until{}, ended{}, expires{};
    bool has_body = true;
    bool may_be_gone = false;  // it has expired, and other events have come since

    bool is_over(Time now) const { return state == done && expires <= now; }
    bool runs(Time now) const { return state == waiting && !owner.empty() && lease_until > now; }
    bool waits(Time now) const { return state == waiting && !runs(now); }
};

class Run {
public:
    explicit Run(unsigned seed) : random_(seed) {
        kind_.stop_at(now_);
        for (int i = 0; i < 2; ++i) {
            pivotal::StoreOptions options;
            options.consumer = "consumer " + std::to_string(i);
            options.retention = retention;
            for (const bool keeps : {false, true}) consumers_[i].clients[keeps] = kind_.inbox(options, {keeps});
        }
    }

    void step() {
        if (below(4) == 0) consumer_ = 1 - consumer_;
        keeps_ = below(2);
        Consumer& consumer = consumers_[consumer_];
        inbox_ = consumer.clients[keeps_].get();
        known_ = &consumer.known;
        log_.push_back(std::to_string(log_.size()) + (consumer_ == 0 ? " a" : " b") + (keeps_ ? " keeping " : " "));
        const unsigned choice = below(100);
        if (choice < 15)
            put();
        else if (choice < 35)
            take();
        else if (choice < 40)
            renew();
        else if (choice < 48)
            done();
        else if (choice < 55)
            put_back(false);
        else if (choice < 59)
            put_back(true);
        else if (choice < 67)
            bury();
        else if (choice < 73)
            requeue();
        else if (choice < 76)
            forget();
        else if (choice < 78)
            purge();
        else if (choice < 82)
            pages(*consumer.clients[below(2)]);
        else
            set_clock();
        check(inbox_->stats());
        check(inbox_->dead(100));
    }

    /// The last steps, and all that concern the event of the last one.
    std::string history() const {
        std::string text;
        const std::string& last = log_.back();
        const std::string id = last.find("evt_") == last.npos ? "none" : last.substr(last.find("evt_"), 5);
        for (std::size_t i = 0; i < log_.size(); ++i)
            if (i + 40 > log_.size() || (i + 1000 > log_.size() && log_[i].find(id) != std::string::npos))
                text += log_[i] + "\n";
        return text;
    }

private:
    struct Consumer {
        std::shared_ptr<Inbox> clients[2];  // the second keeps bodies
        std::map<std::string, Known> known;
        std::vector<Job> jobs;  // all that were taken
    };

    unsigned below(unsigned end) { return static_cast<unsigned>(random_() % end); }  // alike with every library
    template <class Value> Value one_of(std::initializer_list<Value> values) {
        return values.begin()[below(static_cast<unsigned>(values.size()))];
    }
    template <class... Words> void log(const Words&... words) {
        std::ostringstream text;
        ((text << words << ' '), ...);
        log_.back() += text.str();
    }
    static void expect(bool as_in_model, const std::string& what) {
        if (!as_in_model) throw std::runtime_error(what);
    }

    // ---- What is called ----

    /// Often that of the step before.
    std::string some_id() {
        if (below(2) == 0) id_ = "evt_" + std::to_string(below(8));
        return id_;
    }
    /// One that was taken: mostly of late, by the same consumer, for this event.
    Job some_job() {
        const std::vector<Job>& jobs = consumers_[below(20) == 0 ? 1 - consumer_ : consumer_].jobs;
        if (jobs.empty()) return {};
        const unsigned count = static_cast<unsigned>(jobs.size());
        Job job = jobs[count - 1 - below((std::min)(count, one_of({2U, 5U, 50U})))];
        const std::string id = some_id();
        if (below(30) == 0) job.event.id = id;
        const auto last =
            std::find_if(jobs.rbegin(), jobs.rend(), [&](const Job& other) { return other.event.id == id; });
        if (below(2) == 0 && last != jobs.rend()) job = *last;
        id_ = job.event.id;
        return job;
    }
    std::chrono::milliseconds some_time() {
        return one_of<std::chrono::milliseconds>({-1ms, 0ms, 1ms, 1s, 1s, 1500ms, 5s, 5s, 20s, 60s, 1h, 2h});
    }
    Known* find(const std::string& id) {
        const auto found = known_->find(id);
        return found == known_->end() ? nullptr : &found->second;
    }
    Known* held(const Job& job) {
        Known* const known = find(job.event.id);
        return known && !known->owner.empty() && known->owner == job.owner ? known : nullptr;
    }

    void put() {
        Event event;
        event.id = some_id();
        const std::string body = R"({"id":")" + event.id + R"(","type":"t","put":)" + std::to_string(log_.size()) + "}";
        const bool is_new = inbox_->put(event, body);
        log("put", event.id, is_new);
        Known* const known = find(event.id);
        if (!known || (known->state == Known::done && now_ >= known->expires)) {
            expect(is_new, "an event that is not known is not new");
        } else if (!known->may_be_gone) {
            expect(!is_new, "an event that is known is new");
        }
        if (!is_new) known->may_be_gone = false;
        if (!is_new && known->state != Known::dead) return;
        Known& made = (*known_)[event.id] = Known();
        made.body = body;
        made.due_from = made.due_to = now_;
        for (auto& [id, other] : *known_)
            if (other.state == Known::done && other.expires <= now_) other.may_be_gone = true;
    }

    void take() {
        const std::chrono::milliseconds lease = some_time();
        const std::optional<Job> job = inbox_->take(lease);
        log("take for", lease.count(), "ms:", job ? job->event.id : "none");
        // The one that is due first is due at this time at the latest.
        Time latest = now_ + 1us;
        for (const auto& [id, known] : *known_)
            if (known.state == Known::waiting && known.due_to < latest) latest = known.due_to;
        if (!job) {
            expect(latest > now_, "none is taken though one is due");
            made_sure_due_from(now_ + 1us);
            return;
        }
        log("attempt", job->attempt, job->owner);
        Known* const known = find(job->event.id);
        expect(known && known->state == Known::waiting, "an event is taken that does not wait");
        expect(known->due_from <= now_, "an event is taken that is not due");
        expect(known->due_from <= latest, "an event is taken though another one is due longer");
        expect(job->attempt == known->attempt + 1, "attempts so far: " + std::to_string(known->attempt));
        expect(job->body == known->body, "the body is " + job->body + " and not " + known->body);
        expect(!job->owner.empty() && owners_.insert(job->owner).second, "an owner is not new");
        made_sure_due_from(known->due_from);
        known->attempt = job->attempt;
        known->owner = job->owner;
        known->taken = now_;
        start_lease(*known, lease);
        consumers_[consumer_].jobs.push_back(*job);
    }
    void made_sure_due_from(Time from) {
        for (auto& [id, known] : *known_)
            if (known.state == Known::waiting) known.due_from = (std::max)(known.due_from, from);
    }
    void start_lease(Known& known, Duration lease) const {
        lease = (std::max)(lease, Duration(0));
        Duration pause = (std::min)(lease, Duration(1h));
        for (int i = 1; i < known.attempt && pause < 1h; ++i) pause *= 2;
        known.lease_until = known.due_from = now_ + lease;
        known.due_to = now_ + lease + (std::min)(pause, Duration(1h));
    }

    void renew() {
        const Job job = some_job();
        const std::chrono::milliseconds lease = some_time();
        const bool renewed = inbox_->renew(job, lease);
        log("renew", job.event.id, job.owner, "for", lease.count(), "ms:", renewed);
        Known* const known = held(job);
        expect(renewed == (known && known->state == Known::waiting), "who may renew a lease");
        if (renewed) start_lease(*known, lease);
    }

    void done() {
        const Job job = some_job();
        const bool is_done = inbox_->done(job);
        log("done", job.event.id, job.owner, is_done);
        Known* const known = held(job);
        if (is_known_as(known, is_done)) return;
        expect(is_done == (known && known->state != Known::dead), "whose event is done");
        if (!is_done) return;
        known->has_body = known->has_body && keeps_;
        if (known->state == Known::done) return;
        known->state = Known::done;
        known->expires = now_ + retention;
    }
    /// Of an event that may be gone: whether it is, as its answer told.
    bool is_known_as(Known* known, bool is_there) {
        if (!known || !known->may_be_gone) return false;
        known->may_be_gone = false;
        if (is_there) return false;
        for (auto event = known_->begin();; ++event)
            if (&event->second == known) {
                known_->erase(event);
                return true;
            }
    }

    void put_back(bool postponed) {
        const Job job = some_job();
        const std::chrono::milliseconds delay = some_time();
        const bool is_back =
            postponed ? inbox_->postpone(job, delay, "not now") : inbox_->retry(job, delay, "it has failed");
        log(postponed ? "postpone" : "retry", job.event.id, job.owner, "by", delay.count(), "ms:", is_back);
        Known* const known = held(job);
        expect(is_back == (known && known->state == Known::waiting), "who may put an event back");
        if (!is_back) return;
        known->owner.clear();
        known->attempt -= postponed;
        known->due_from = known->due_to = now_ + (std::max)(delay, 0ms);
    }

    void bury() {
        const Job job = some_job();
        const std::string error = std::to_string(log_.size()) + std::string(one_of({0U, 10U, 5000U}), 'x');
        const bool is_dead = inbox_->bury(job, error);
        log("bury", job.event.id, job.owner, is_dead);
        Known* const known = held(job);
        expect(is_dead == (known && known->state != Known::done), "who may bury an event");
        if (!is_dead || known->state == Known::dead) return;
        known->state = Known::dead;
        known->ended = now_;
        known->error = error.substr(0, 4096);
    }

    void requeue() {
        const std::string id = some_id();
        std::string answer;
        try {
            answer = inbox_->requeue(id) ? "true" : "false";
        } catch (const pivotal::StoreError& error) {
            answer = error.what();
        }
        log("requeue", id, answer);
        Known* const known = find(id);
        if (known && known->is_over(now_)) return expect(answer == "false", "an event is requeued that is forgotten");
        if (is_known_as(known, answer != "false")) return;
        if (!known || known->runs(now_)) return expect(answer == "false", "an event is requeued that cannot be");
        if (!known->has_body) return expect(answer.find("was dropped") != answer.npos, "an event without a body");
        expect(answer == "true", "an event is not requeued");
        known->state = Known::waiting;
        known->attempt = 0;
        known->owner.clear();
        known->due_from = known->due_to = now_;
    }

    void forget() {
        const std::string id = some_id();
        const bool was_known = inbox_->forget(id);
        log("forget", id, was_known);
        Known* const known = find(id);
        if (known && known->is_over(now_)) return expect(!was_known, "an event is known that is forgotten");
        if (is_known_as(known, was_known)) return;
        expect(was_known == (known_->erase(id) == 1), "whether an event was known");
    }

    void purge() {
        const std::chrono::seconds age = one_of({-1s, 0s, 1s, 5s, 60s, 3600s});
        const std::uint64_t purged = inbox_->purge(age);
        log("purge", age.count(), "s:", purged);
        std::uint64_t expected = 0;
        for (auto event = known_->begin(); event != known_->end();) {
            const Known& known = event->second;
            const bool goes = known.state == Known::dead && known.ended <= now_ - (std::max)(age, 0s);
            expected += goes;
            event = goes ? known_->erase(event) : std::next(event);
        }
        expect(purged == expected, "purged were to be " + std::to_string(expected));
    }

    /// The pages that another client sees are the list that this one sees.
    void pages(Inbox& other) {
        const std::vector<DeadJob> all = inbox_->dead(100);
        const std::size_t size = 1 + below(4);
        log("dead, in pages of", size);
        std::size_t seen = 0;
        for (std::string last;;) {
            const std::vector<DeadJob> page = other.dead(size, last);
            if (page.empty()) break;
            expect(page.size() <= size, "a page is too long");
            for (const DeadJob& job : page)
                expect(seen < all.size() && all[seen++].event.id == job.event.id, "a page is not as the list");
            last = page.back().event.id;
        }
        expect(seen == all.size(), "pages end early");
        const std::string id = some_id();
        bool refused = false;
        try {
            other.dead(size, id);
        } catch (const pivotal::StoreError&) {
            refused = true;
        }
        const Known* const known = find(id);
        expect(refused == !(known && known->state == Known::dead), "a page behind " + id);
    }

    /// On by so much, or to when something is over; or back by a second, as clocks are set now and then.
    void set_clock() {
        Time to = now_ + one_of({1s, 1s, 2s, 5s, 5s, 30s, 600s});
        const unsigned way = below(10);
        if (way == 0) to = latest_ - 1s;
        if (way > 4 && !known_->empty()) {
            const auto& [id, known] = *std::next(known_->begin(), below(static_cast<unsigned>(known_->size())));
            const Time end = known.state == Known::done
                                 ? known.expires
                                 : one_of({known.lease_until, known.due_from, known.due_to, known.ended + 5s});
            if (end > now_) to = end;
            id_ = id;
        }
        now_ = std::chrono::time_point_cast<Duration>(std::chrono::floor<std::chrono::seconds>(to));
        latest_ = (std::max)(latest_, now_);
        kind_.stop_at(now_);
        log("clock", std::chrono::duration_cast<std::chrono::seconds>(now_ - start_).count());
    }

    // ---- What is seen ----

    void check(const InboxStats& stats) const {
        std::uint64_t waiting = 0, ready = 0, perhaps_ready = 0, running = 0, dead = 0;
        Time due_from = Time::max(), due_to = Time::max(), taken = Time::max();
        for (const auto& [id, known] : *known_) {
            dead += known.state == Known::dead;
            if (known.runs(now_)) {
                ++running;
                taken = (std::min)(taken, known.taken);
            }
            if (!known.waits(now_)) continue;
            ++waiting;
            ready += known.due_to <= now_;
            perhaps_ready += known.due_from <= now_;
            due_from = (std::min)(due_from, known.due_from);
            due_to = (std::min)(due_to, known.due_to);
        }
        const auto is = [](const char* what, auto value, auto expected) {
            std::ostringstream text;
            text << "stats: " << what << ' ' << value << " and not " << expected;
            expect(value == expected, text.str());
        };
        is("ready + retrying", stats.ready + stats.retrying, waiting);
        is("running", stats.running, running);
        is("dead", stats.dead, dead);
        expect(ready <= stats.ready && stats.ready <= perhaps_ready, "stats: ready " + std::to_string(stats.ready));
        const auto longest = running ? (std::max)(Duration(now_ - taken), Duration(0)) : Duration(0);
        is("longest_running", Duration(stats.longest_running).count(), longest.count());
        const auto runner = known_->find(stats.longest_running_id);
        expect(running ? runner != known_->end() && runner->second.runs(now_) && runner->second.taken == taken
                       : stats.longest_running_id.empty(),
               "stats: longest_running_id " + stats.longest_running_id);
        if (stats.ready == 0) return is("oldest_ready", stats.oldest_ready.count(), 0);
        expect(stats.oldest_ready <= now_ - due_from + 1ms, "stats: oldest_ready is too long");
        expect(stats.oldest_ready >= (std::max)(Duration(now_ - due_to), Duration(0)) - 1ms,
               "stats: oldest_ready is too short");
    }

    void check(const std::vector<DeadJob>& list) const {
        std::set<std::string> seen;
        Time last = Time::min();
        for (const DeadJob& job : list) {
            const auto found = known_->find(job.event.id);
            expect(found != known_->end() && found->second.state == Known::dead, "dead: " + job.event.id + " is not");
            expect(seen.insert(job.event.id).second, "dead: " + job.event.id + " is there twice");
            const Known& known = found->second;
            expect(job.body == known.body, "dead: the body is " + job.body + " and not " + known.body);
            expect(job.attempts == known.attempt, "dead: attempts " + std::to_string(job.attempts));
            expect(job.error == known.error, "dead: the error is " + job.error);
            expect(job.died == known.ended, "dead: " + job.event.id + " died at another time");
            expect(last <= known.ended, "dead: " + job.event.id + " died before the one before it");
            last = known.ended;
        }
        const auto dead = std::count_if(known_->begin(), known_->end(),
                                        [](const auto& event) { return event.second.state == Known::dead; });
        expect(seen.size() == static_cast<std::size_t>(dead), "dead: some are missing");
    }

    std::mt19937 random_;
    FakeClocked kind_;
    const Time start_ =
        std::chrono::time_point_cast<Duration>(std::chrono::floor<std::chrono::seconds>(pivotal::Clock::now()));
    Time now_ = start_, latest_ = start_;
    Consumer consumers_[2];
    std::set<std::string> owners_;
    std::vector<std::string> log_;

    std::string id_ = "evt_0";

    // Of this step:
    unsigned consumer_ = 0;
    bool keeps_ = false;
    Inbox* inbox_ = nullptr;
    std::map<std::string, Known>* known_ = nullptr;
};

unsigned number_in(const char* variable, unsigned otherwise) {
    const char* const text = std::getenv(variable);
    return text ? static_cast<unsigned>(std::stoul(text)) : otherwise;
}

}  // namespace

TEST_CASE("whatever is called in whatever order, an inbox does as a naive model of it", "[inbox][clock]") {
    const unsigned seed = number_in("PIVOTAL_QUEUE_SEED", std::random_device()());
    const unsigned steps = number_in("PIVOTAL_QUEUE_STEPS", 1000);
    Run run(seed);
    for (unsigned step = 0; step < steps; ++step) {
        try {
            run.step();
        } catch (const std::exception& error) {
            FAIL("PIVOTAL_QUEUE_SEED=" << seed << "\n" << run.history() << error.what());
        }
    }
}

}  // namespace stores_queue_model
