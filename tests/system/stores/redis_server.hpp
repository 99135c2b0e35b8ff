// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hiredis/hiredis.h>
#include <unistd.h>

#include "process.hpp"

namespace support {

/// A Redis of the test's own, told as RedisStore asks for it: on a free port, and on a socket in its folder
/// (of `root`), which the test asks it by.
class RedisServer {
public:
    explicit RedisServer(std::vector<std::string> settings = {}, ProcessOptions options = {},
                         const std::filesystem::path& root = temporary_root())
        : settings_(std::move(settings)), options_(std::move(options)), folder_(root) {
        options_.log = folder_.file("log");
        start();
    }
    ~RedisServer() { kill(); }  // which is quicker than to stop it; nobody needs its data
    RedisServer(const RedisServer&) = delete;
    RedisServer& operator=(const RedisServer&) = delete;

    /// Starts it, again on the data that it had.
    void start() {
        constexpr int attempts = 5;  // somebody else may have taken the port
        for (int attempt = 0;; ++attempt) {
            if (port_ == 0) port_ = free_port();
            std::vector<std::string> command{program(),
                                             "--port",
                                             std::to_string(port_),
                                             "--bind",
                                             "127.0.0.1",
                                             "--unixsocket",
                                             socket(),
                                             "--dir",
                                             folder_.path().string(),
                                             "--save",
                                             "",
                                             "--appendonly",
                                             "yes",
                                             "--appendfsync",
                                             "always",
                                             "--maxmemory-policy",
                                             "noeviction"};
            command.insert(command.end(), settings_.begin(), settings_.end());
            process_ = Process(std::move(command), options_);
            wait_until("Redis answers", [&] { return !process_.is_running() || answers(); });
            if (process_.is_running()) return;
            if (attempt == attempts) fail("Redis does not start: " + read_file(options_.log));
            if (!started_) port_ = 0;
        }
    }
    void kill() { process_.kill_now(); }
    Process& process() { return process_; }
    ProcessOptions& options() { return options_; }

    std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_); }
    std::string socket() const { return folder_.file("socket"); }
    int port() const { return port_; }
    const std::string log() const { return read_file(options_.log); }

    /// What Redis says to a command of the test's own: a string, a number, or the elements of an array, one a
    /// line. Its errors are thrown.
    std::string ask(std::initializer_list<std::string> words) {
        if (!context_ || context_->err) connect();
        if (!context_) fail("no connection to Redis");
        std::vector<const char*> starts;
        std::vector<std::size_t> sizes;
        for (const std::string& word : words) {
            starts.push_back(word.data());
            sizes.push_back(word.size());
        }
        const Reply reply(static_cast<redisReply*>(
            redisCommandArgv(context_.get(), static_cast<int>(words.size()), starts.data(), sizes.data())));
        if (!reply) fail(std::string("Redis is gone: ") + context_->errstr);
        if (reply->type == REDIS_REPLY_ERROR) fail(text(*reply));
        return text(*reply);
    }

private:
    struct Free {
        void operator()(redisContext* context) const { redisFree(context); }
        void operator()(redisReply* reply) const { freeReplyObject(reply); }
    };
    using Reply = std::unique_ptr<redisReply, Free>;

    static std::string program() {
        if (const char* const chosen = std::getenv("PIVOTAL_TEST_REDIS_SERVER")) return chosen;
        for (const char* const name : {"redis-server", "valkey-server"})
            for (const char* const folder : {"/usr/bin/", "/usr/local/bin/"})
                if (access((std::string(folder) + name).c_str(), X_OK) == 0) return std::string(folder) + name;
        fail("no redis-server");
    }
    static std::string text(const redisReply& reply) {
        if (reply.type == REDIS_REPLY_INTEGER) return std::to_string(reply.integer);
        std::string made;
        if (reply.type == REDIS_REPLY_ARRAY)
            for (std::size_t i = 0; i < reply.elements; ++i) made += text(*reply.element[i]) + "\n";
        return reply.str ? std::string(reply.str, reply.len) : made;
    }
    void connect() {
        context_.reset(redisConnectUnix(socket().c_str()));
        if (context_ && context_->err) context_.reset();
    }
    /// False while it is not there, or reads what it had.
    bool answers() {
        connect();
        if (!context_) return false;
        const Reply reply(static_cast<redisReply*>(redisCommand(context_.get(), "PING")));
        const bool ready =
            reply && (reply->type == REDIS_REPLY_STATUS || std::string_view(reply->str).substr(0, 6) == "NOAUTH");
        started_ = started_ || ready;
        return ready;
    }

    const std::vector<std::string> settings_;
    ProcessOptions options_;
    TemporaryFolder folder_;
    int port_ = 0;
    bool started_ = false;
    Process process_;
    std::unique_ptr<redisContext, Free> context_;
};

}  // namespace support
