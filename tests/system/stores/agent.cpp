// SPDX-License-Identifier: MIT

// A client of a store in a process of its own: reads commands, does them, and says what came of it. See
// agent.hpp.   agent ADDRESS CONSUMER RETENTION KEEP_BODIES

#include PIVOTAL_TEST_KIND

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include <pivotal/inbox_worker.hpp>
#include <pivotal/receiver.hpp>

#include "../../support/message.hpp"
#include "agent.hpp"

using namespace pivotal;
using support::from_hex;
using support::hex;

namespace {

/// Where this process is to die by SIGKILL.
std::string fatal_step;
void step(const char* name) {
    if (fatal_step == name) kill(getpid(), SIGKILL);
}

void append(const std::string& file, const std::string& line) {
    const int descriptor = open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    const std::string text = line + "\n";
    if (write(descriptor, text.data(), text.size()) < 0) std::abort();
    close(descriptor);
}

/// The store, with the steps of an event between its calls.
class SteppedStore : public IdempotencyStore {
public:
    explicit SteppedStore(std::shared_ptr<IdempotencyStore> store) : store_(std::move(store)) {}
    Claim claim(std::string_view id, std::string_view owner, std::chrono::milliseconds lease) override {
        step("before-claim");
        const Claim claim = store_->claim(id, owner, lease);
        step("after-claim");
        return claim;
    }
    bool renew(std::string_view id, std::string_view owner, std::chrono::milliseconds lease) override {
        return store_->renew(id, owner, lease);
    }
    bool complete(std::string_view id, std::string_view owner) override {
        const bool held = store_->complete(id, owner);
        step("after-complete");
        return held;
    }
    bool release(std::string_view id, std::string_view owner) override { return store_->release(id, owner); }
    bool forget(std::string_view id) override { return store_->forget(id); }

private:
    std::shared_ptr<IdempotencyStore> store_;
};

class SteppedInbox : public Inbox {
public:
    explicit SteppedInbox(std::shared_ptr<Inbox> inbox) : inbox_(std::move(inbox)) {}
    bool put(const Event& event, Body body) override {
        step("before-put");
        const bool put = inbox_->put(event, body);
        step("after-put");
        return put;
    }
    std::optional<Job> take(std::chrono::milliseconds lease) override {
        std::optional<Job> job = inbox_->take(lease);
        if (job) step("after-take");
        return job;
    }
    bool renew(const Job& job, std::chrono::milliseconds lease) override { return inbox_->renew(job, lease); }
    bool done(const Job& job) override {
        const bool held = inbox_->done(job);
        step("after-done");
        return held;
    }
    bool retry(const Job& job, std::chrono::milliseconds delay, std::string_view error) override {
        return inbox_->retry(job, delay, error);
    }
    bool postpone(const Job& job, std::chrono::milliseconds delay, std::string_view reason) override {
        return inbox_->postpone(job, delay, reason);
    }
    bool bury(const Job& job, std::string_view error) override { return inbox_->bury(job, error); }
    std::vector<DeadJob> dead(std::size_t limit, std::string_view after) override { return inbox_->dead(limit, after); }
    bool requeue(std::string_view id) override { return inbox_->requeue(id); }
    bool forget(std::string_view id) override { return inbox_->forget(id); }
    std::uint64_t purge(std::chrono::seconds older_than) override { return inbox_->purge(older_than); }
    InboxStats stats() override { return inbox_->stats(); }

private:
    std::shared_ptr<Inbox> inbox_;
};

/// Those of many services: made before main, destroyed behind it, and behind what main has made.
std::shared_ptr<IdempotencyStore> global_store;
std::unique_ptr<InboxWorker> global_worker;

struct Words {
    std::istringstream line;
    std::string word() {
        std::string made;
        line >> made;
        return made;
    }
    std::string bytes() { return from_hex(word()); }
    std::int64_t number() { return std::stoll(word()); }
    std::chrono::milliseconds time() { return std::chrono::milliseconds(number()); }
};

struct AgentMain {
    std::string address;
    StoreOptions options;
    InboxOptions inbox_options;
    std::shared_ptr<IdempotencyStore> opened_store;
    std::shared_ptr<Inbox> opened_inbox;
    bool is_over = false;

    std::shared_ptr<IdempotencyStore> store() {
        if (!opened_store) opened_store = support::open_store(address, options);
        return opened_store;
    }

    /// A delivery to a Receiver: its event, the file that the handler's effects go to, the lease, and the
    /// step to die at.
    std::string deliver(Words& words, bool to_inbox) {
        const std::string event = words.word(), effects = words.word();
        const std::chrono::milliseconds lease = words.time();
        fatal_step = words.word();
        const Webhook webhook(support::secret);
        support::Message message;
        message.body = R"({"id":")" + event + R"(","type":"customer.created"})";
        message.sign();
        const auto reply = [&](Receiver receiver) {
            const Reply made =
                receiver.receive(message.body, {message.id, message.timestamp, message.signature}, support::now);
            step("before-reply");
            return std::to_string(made.status) + " " + made.body;
        };
        if (to_inbox) return reply(Receiver(webhook, std::make_shared<SteppedInbox>(inbox()), {lease}));
        return reply(Receiver(webhook, std::make_shared<SteppedStore>(store()),
                              [&](const Event& handled) {
                                  append(effects, handled.id);
                                  step("after-effect");
                              },
                              {lease}));
    }

    /// Takes events until there are none.
    std::string work(Words& words) {
        const std::string effects = words.word();
        const std::chrono::milliseconds lease = words.time();
        fatal_step = words.word();
        SteppedInbox stepped(inbox());
        int done = 0;
        while (const std::optional<Job> job = stepped.take(lease)) {
            append(effects, job->event.id);
            step("after-effect");
            if (stepped.done(*job)) ++done;
        }
        return std::to_string(done);
    }

    /// An InboxWorker of so many threads, with a handler that takes a while and then writes the event down, and
    /// that dies half-way at "poison"; never returns.
    std::string worker(Words& words) {
        const std::string effects = words.word();
        WorkerOptions worker_options;
        worker_options.threads = static_cast<unsigned>(words.number());
        worker_options.lease = words.time();
        worker_options.max_attempts = static_cast<int>(words.number());
        worker_options.poll = std::chrono::milliseconds(5);
        const std::chrono::milliseconds work = words.time();
        const InboxWorker running(
            inbox(),
            [&](const Event& event) {
                if (event.id == "poison") {
                    append(effects, event.id);
                    std::this_thread::sleep_for(work / 2);
                    kill(getpid(), SIGKILL);
                }
                std::this_thread::sleep_for(work);
                append(effects, event.id);
            },
            worker_options);
        std::string line;
        std::getline(std::cin, line);
        return "stopped";
    }

    /// Leaves a store and a worker, which has work for longer than this process lives, to be destroyed behind main.
    std::string outlive() {
        global_store = store();
        global_store->claim("evt_0", "a", std::chrono::hours(1));
        (void)Webhook(support::secret).sign("msg_1", support::now, "");  // OpenSSL is there, and ends with the process
        for (int i = 0; i < 400; ++i) {
            Event event;
            event.id = "evt_" + std::to_string(i);
            inbox()->put(event, "{}");
        }
        WorkerOptions worker_options;
        worker_options.threads = 4;
        global_worker = std::make_unique<InboxWorker>(
            inbox(), [](const Event&) {}, worker_options);
        while (inbox()->stats().ready == 400) std::this_thread::yield();
        is_over = true;
        return "yes";
    }

    /// Claims each of so many ids and completes what it was granted: the numbers of those.
    std::string race(Words& words) {
        const std::string owner = words.word();
        const std::int64_t rounds = words.number();
        std::string won;
        for (std::int64_t round = 0; round < rounds; ++round) {
            const std::string id = "evt_" + std::to_string(round);
            if (store()->claim(id, owner, std::chrono::hours(1)) != Claim::granted) continue;
            if (!store()->complete(id, owner)) return "lost " + id;
            won += std::to_string(round) + " ";
        }
        return won + "end";
    }

    /// In one transaction of the user's an event's effect and its mark; whether it was new.
    template <class Kind, class Database = typename Kind::Database> std::string mark(Words& words, Kind*) {
        const std::string event = words.word();
        fatal_step = words.word();
        const Database database(address);
        step("before-begin");
        database.begin();
        const bool is_new = mark_processed(database, event);
        step("after-mark");
        if (is_new) database.run("INSERT INTO effects VALUES ('" + event + "')");
        step("after-effect");
        database.run("COMMIT");
        step("after-commit");
        return is_new ? "yes" : "no";
    }
    static std::string mark(Words&, void*) { return "no marks"; }

    std::shared_ptr<Inbox> inbox() {
        if (!opened_inbox) opened_inbox = support::open_inbox(address, options, inbox_options);
        return opened_inbox;
    }
    static Job job(Words& words) {
        Job made;
        made.event.id = words.bytes();
        made.owner = words.bytes();
        made.attempt = static_cast<int>(words.number());
        return made;
    }

    std::string run(const std::string& command, Words& words) {
        const auto yes = [](bool is) { return is ? "yes" : "no"; };
        if (command == "claim") {
            const std::string id = words.bytes(), owner = words.bytes();
            const Claim claim = store()->claim(id, owner, words.time());
            return claim == Claim::granted ? "granted" : claim == Claim::duplicate ? "duplicate" : "in_progress";
        }
        if (command == "renew") {
            const std::string id = words.bytes(), owner = words.bytes();
            return yes(store()->renew(id, owner, words.time()));
        }
        if (command == "complete") {
            const std::string id = words.bytes();
            return yes(store()->complete(id, words.bytes()));
        }
        if (command == "release") {
            const std::string id = words.bytes();
            return yes(store()->release(id, words.bytes()));
        }
        if (command == "forget") return yes(store()->forget(words.bytes()));
        if (command == "race") return race(words);
        if (command == "mark") return mark(words, static_cast<support::Kind*>(nullptr));
        if (command == "deliver") return deliver(words, false);
        if (command == "put") {
            Event event;
            event.id = words.bytes();
            return yes(inbox()->put(event, words.bytes()));
        }
        if (command == "take") {
            const std::optional<Job> taken = inbox()->take(words.time());
            if (!taken) return "none";
            return hex(taken->event.id) + " " + hex(taken->body) + " " + std::to_string(taken->attempt) + " " +
                   hex(taken->owner);
        }
        const auto timed = [&](auto member) {
            const Job made = job(words);
            const std::chrono::milliseconds time = words.time();
            return yes(member(made, time));
        };
        if (command == "renew-job")
            return timed([&](const Job& made, auto time) { return inbox()->renew(made, time); });
        if (command == "done") return timed([&](const Job& made, auto) { return inbox()->done(made); });
        if (command == "retry")
            return timed([&](const Job& made, auto time) { return inbox()->retry(made, time, words.bytes()); });
        if (command == "postpone")
            return timed([&](const Job& made, auto time) { return inbox()->postpone(made, time, words.bytes()); });
        if (command == "bury") return timed([&](const Job& made, auto) { return inbox()->bury(made, words.bytes()); });
        if (command == "dead") {
            const auto limit = static_cast<std::size_t>(words.number());
            std::string text = " ";  // a line in any case
            for (const DeadJob& dead : inbox()->dead(limit, words.bytes()))
                text +=
                    hex(dead.event.id) + " " + hex(dead.body) + " " + std::to_string(dead.attempts) + " " +
                    hex(dead.error) + " " +
                    std::to_string(
                        std::chrono::duration_cast<std::chrono::milliseconds>(dead.died.time_since_epoch()).count()) +
                    " ";
            return text;
        }
        if (command == "requeue") return yes(inbox()->requeue(words.bytes()));
        if (command == "forget-event") return yes(inbox()->forget(words.bytes()));
        if (command == "purge") return std::to_string(inbox()->purge(std::chrono::seconds(words.number())));
        if (command == "stats") {
            const InboxStats stats = inbox()->stats();
            std::ostringstream text;
            text << stats.ready << ' ' << stats.retrying << ' ' << stats.running << ' ' << stats.dead << ' '
                 << stats.oldest_ready.count() << ' ' << stats.longest_running.count() << ' '
                 << hex(stats.longest_running_id);
            return text.str();
        }
        if (command == "deliver-to-inbox") return deliver(words, true);
        if (command == "outlive") return outlive();
        if (command == "work") return work(words);
        if (command == "worker") return worker(words);
        return "unknown command " + command;
    }
};

}  // namespace

int main(int, char** arguments) {
    signal(SIGPIPE, SIG_IGN);
    AgentMain agent;
    agent.address = arguments[1];
    agent.options.consumer = from_hex(arguments[2]);
    agent.options.retention = std::chrono::seconds(std::atoll(arguments[3]));
    agent.inbox_options.keep_bodies = arguments[4] == std::string("1");
    for (std::string line; !agent.is_over && std::getline(std::cin, line);) {
        Words words{std::istringstream(line)};
        const std::string command = words.word();
        std::string answer;
        try {
            answer = agent.run(command, words);
        } catch (const std::exception& error) {
            answer = "error " + hex(error.what());
        }
        std::cout << answer << std::endl;
    }
}
