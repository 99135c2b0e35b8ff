// SPDX-License-Identifier: MIT
#pragma once

// A client of a store in a process of its own (agent.cpp), which a test can kill, multiply, and give another
// clock.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pivotal/idempotency.hpp>
#include <pivotal/inbox.hpp>

#include "process.hpp"

namespace support {

inline std::string hex(std::string_view bytes) {
    std::string text = "x";  // so that no word is empty
    for (const char c : bytes)
        for (const int digit : {(c >> 4) & 15, c & 15}) text += "0123456789abcdef"[digit];
    return text;
}
inline std::string from_hex(const std::string& text) {
    std::string bytes;
    for (std::size_t i = 1; i + 1 < text.size(); i += 2)
        bytes += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
    return bytes;
}

/// The process.
class Agent {
public:
    Agent(const std::string& address, const pivotal::StoreOptions& options = {},
          std::vector<std::string> environment = {}, rlim_t largest_file = RLIM_INFINITY,
          const pivotal::InboxOptions& inbox_options = {})
        : process_({PIVOTAL_TEST_AGENT, address, hex(options.consumer), std::to_string(options.retention.count()),
                    std::to_string(inbox_options.keep_bodies)},
                   [&] {
                       ProcessOptions made;
                       made.environment = std::move(environment);
                       made.largest_file = largest_file;
                       made.pipes = true;
                       return made;
                   }()) {}

    Process& process() { return process_; }

    void tell(const std::string& command) {
        if (!process_.send(command)) fail("the agent is gone");
    }
    /// The words of its answer; none where it died. A StoreError of its is thrown again here.
    std::vector<std::string> answer() {
        std::istringstream line(process_.receive());
        std::vector<std::string> words;
        for (std::string word; line >> word;) words.push_back(word);
        if (!words.empty() && words[0] == "error") throw pivotal::StoreError(from_hex(words.at(1)));
        return words;
    }
    template <class... Words> std::vector<std::string> ask(const Words&... words) {
        std::ostringstream command;
        ((command << words << ' '), ...);
        tell(command.str());
        return answer();
    }

private:
    Process process_;
};

/// An agent's store, as if it were here.
class AgentStore : public pivotal::IdempotencyStore {
public:
    explicit AgentStore(std::shared_ptr<Agent> agent) : agent_(std::move(agent)) {}

    pivotal::Claim claim(std::string_view id, std::string_view owner, std::chrono::milliseconds lease) override {
        const std::string answer = agent_->ask("claim", hex(id), hex(owner), lease.count()).at(0);
        return answer == "granted"     ? pivotal::Claim::granted
               : answer == "duplicate" ? pivotal::Claim::duplicate
                                       : pivotal::Claim::in_progress;
    }
    bool renew(std::string_view id, std::string_view owner, std::chrono::milliseconds lease) override {
        return agent_->ask("renew", hex(id), hex(owner), lease.count()).at(0) == "yes";
    }
    bool complete(std::string_view id, std::string_view owner) override {
        return agent_->ask("complete", hex(id), hex(owner)).at(0) == "yes";
    }
    bool release(std::string_view id, std::string_view owner) override {
        return agent_->ask("release", hex(id), hex(owner)).at(0) == "yes";
    }
    bool forget(std::string_view id) override { return agent_->ask("forget", hex(id)).at(0) == "yes"; }

private:
    std::shared_ptr<Agent> agent_;
};

/// An agent's inbox, as if it were here; of events it tells the id alone.
class AgentInbox : public pivotal::Inbox {
public:
    explicit AgentInbox(std::shared_ptr<Agent> agent) : agent_(std::move(agent)) {}

    bool put(const pivotal::Event& event, pivotal::Body body) override {
        return agent_->ask("put", hex(event.id), hex(body.view())).at(0) == "yes";
    }
    std::optional<pivotal::Job> take(std::chrono::milliseconds lease) override {
        const auto words = agent_->ask("take", lease.count());
        if (words.size() != 4) return std::nullopt;
        pivotal::Job job;
        job.event.id = from_hex(words[0]);
        job.body = from_hex(words[1]);
        job.attempt = std::stoi(words[2]);
        job.owner = from_hex(words[3]);
        return job;
    }
    bool renew(const pivotal::Job& job, std::chrono::milliseconds lease) override {
        return ask("renew-job", job, lease.count());
    }
    bool done(const pivotal::Job& job) override { return ask("done", job, 0); }
    bool retry(const pivotal::Job& job, std::chrono::milliseconds delay, std::string_view error) override {
        return ask("retry", job, delay.count(), error);
    }
    bool postpone(const pivotal::Job& job, std::chrono::milliseconds delay, std::string_view reason) override {
        return ask("postpone", job, delay.count(), reason);
    }
    bool bury(const pivotal::Job& job, std::string_view error) override { return ask("bury", job, 0, error); }
    std::vector<pivotal::DeadJob> dead(std::size_t limit, std::string_view after) override {
        const auto words = agent_->ask("dead", limit, hex(after));
        std::vector<pivotal::DeadJob> jobs(words.size() / 5);
        auto word = words.begin();
        for (pivotal::DeadJob& job : jobs) {
            job.event.id = from_hex(*word++);
            job.body = from_hex(*word++);
            job.attempts = std::stoi(*word++);
            job.error = from_hex(*word++);
            job.died = pivotal::Clock::time_point(std::chrono::milliseconds(std::stoll(*word++)));
        }
        return jobs;
    }
    bool requeue(std::string_view id) override { return agent_->ask("requeue", hex(id)).at(0) == "yes"; }
    bool forget(std::string_view id) override { return agent_->ask("forget-event", hex(id)).at(0) == "yes"; }
    std::uint64_t purge(std::chrono::seconds older_than) override {
        return std::stoull(agent_->ask("purge", older_than.count()).at(0));
    }
    pivotal::InboxStats stats() override {
        const auto words = agent_->ask("stats");
        const auto number = [&](std::size_t i) { return std::stoull(words.at(i)); };
        const auto time = [&](std::size_t i) { return std::chrono::milliseconds(std::stoll(words.at(i))); };
        return {number(0), number(1), number(2), number(3), time(4), time(5), from_hex(words.at(6))};
    }

private:
    bool ask(const char* command, const pivotal::Job& job, std::int64_t time, std::string_view error = {}) {
        return agent_->ask(command, hex(job.event.id), hex(job.owner), job.attempt, time, hex(error)).at(0) == "yes";
    }

    std::shared_ptr<Agent> agent_;
};

}  // namespace support
