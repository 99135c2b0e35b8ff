// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <hiredis/hiredis.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <pivotal/detail/receiver/due_time.hpp>
#include <pivotal/detail/stores/connection_pool.hpp>
#include <pivotal/detail/stores/redis/address.hpp>
#include <pivotal/detail/stores/redis/scripts.hpp>
#include <pivotal/idempotency.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

/// A connection to Redis, for one thread at a time.
///
/// hiredis connects, writes commands and reads replies. The bytes are sent and waited for here, since hiredis
/// starts a timeout anew at each signal, and lets SIGPIPE end the process when Redis has gone.
class RedisConnection {
public:
    /// Connects and authenticates, or throws StoreError: also where Redis is a replica, or may forget what it was told
    /// and that is not to be.
    RedisConnection(const RedisAddress& address, Deadline deadline, bool may_forget)
        : name_("Redis at " + address.name()) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) lose("no connection in time");
        timeval timeout{};
        using std::chrono::duration;
        timeout.tv_sec = std::chrono::duration_cast<duration<decltype(timeout.tv_sec)>>(left).count();
        timeout.tv_usec = duration<decltype(timeout.tv_usec), std::micro>(left % std::chrono::seconds(1)).count();
        context_.reset(address.socket.empty() ? redisConnectWithTimeout(address.host.c_str(), address.port, timeout)
                                              : redisConnectUnixWithTimeout(address.socket.c_str(), timeout));
        if (!context_) throw std::bad_alloc();
        if (context_->err) throw TryAgain(name_ + ": cannot connect: " + context_->errstr, false);
        // So that a connection which a firewall has forgotten is noticed while nobody waits for it.
        if (address.socket.empty() && redisEnableKeepAlive(context_.get()) != REDIS_OK) lose(context_->errstr);
#ifdef SO_NOSIGPIPE
        const int on = 1;
        if (setsockopt(context_->fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on) != 0) lose_by_errno();
#endif
        if (!address.password.empty()) authenticate(address, deadline);
        if (address.database != 0) {
            const std::string number = std::to_string(address.database);
            checked(ask({"SELECT", number}, deadline));
        }
        check_settings(ask({"INFO"}, deadline), may_forget);
    }

    /// Open and in step: no reply is missing, and nothing has come that nobody asked for.
    bool is_usable() const noexcept {
        pollfd waits{context_->fd, POLLIN, 0};
        return is_in_step_ && poll(&waits, 1, 0) == 0;
    }

    /// False: it was not set, since the key is there already, or since Redis has no memory for what is new.
    bool set_new(std::string_view key, std::string_view value, std::string_view milliseconds, Deadline deadline) {
        const Reply reply = ask({"SET", key, value, "NX", "PX", milliseconds}, deadline);
        if (is_error(reply) && code_of(reply) == "OOM") return false;
        if (is_error(reply)) throw StoreError(text_of_error(reply));
        return reply->type != REDIS_REPLY_NIL;
    }

    /// The word that the script answers.
    std::string run(RedisScript script, std::initializer_list<std::string_view> arguments, Deadline deadline) {
        std::string& hash = hashes_[static_cast<std::size_t>(script)];
        if (hash.empty()) load(script, deadline);
        std::vector<std::string_view> words{"EVALSHA", hash, "1"};  // of the arguments the first is the key
        words.insert(words.end(), arguments);
        Reply reply = ask(words, deadline);
        if (is_error(reply) && code_of(reply) == "NOSCRIPT") {  // Redis was told to forget all scripts
            load(script, deadline);
            words[1] = hash;
            reply = ask(words, deadline);
        }
        return text_of(checked(std::move(reply)));
    }

private:
    struct Free {
        void operator()(redisContext* context) const noexcept { redisFree(context); }
        void operator()(redisReply* reply) const noexcept { freeReplyObject(reply); }
        void operator()(char* command) const noexcept { redisFreeCommand(command); }
    };
    using Reply = std::unique_ptr<redisReply, Free>;

    static bool is_error(const Reply& reply) noexcept {
        return reply->type == REDIS_REPLY_ERROR;
    }
    static std::string bytes_of(const Reply& reply) {
        return {reply->str, reply->len};
    }
    /// The first word of an error.
    static std::string code_of(const Reply& reply) {
        const std::string error = bytes_of(reply);
        return error.substr(0, error.find(' '));
    }

    /// `reply` is the one to INFO, which the user may have no right to.
    void check_settings(const Reply& reply, bool may_forget) const {
        if (is_error(reply)) return;
        const std::string info = text_of(reply);
        const auto value = [&](const std::string& name) {
            const std::size_t begin = info.find("\n" + name + ":");
            if (begin == info.npos) return std::string();
            const std::size_t start = begin + name.size() + 2;
            return info.substr(start, info.find_first_of("\r\n", start) - start);
        };
        if (value("role") == "slave") throw StoreError(name_ + " is a replica, which can only be read");
        if (may_forget) return;
        const std::string accept = "; or accept that with RedisOptions::may_forget";
        const std::string policy = value("maxmemory_policy");
        if (!policy.empty() && policy != "noeviction")
            throw StoreError(name_ + ": maxmemory-policy is " + policy +
                             ", which forgets events when memory runs out: set noeviction" + accept);
        if (value("aof_enabled") == "0")
            throw StoreError(name_ + ": appendonly is off, and a restart forgets events: set appendonly yes and " +
                             "appendfsync always" + accept);
    }

    /// Throws where it is an error.
    Reply checked(Reply reply) const {
        if (is_error(reply)) throw StoreError(text_of_error(reply));
        return reply;
    }
    std::string text_of_error(const Reply& reply) const {
        std::string error = bytes_of(reply).substr(0, 200);
        for (char& c : error)
            if (c < ' ' || c > '~') c = '?';  // it can repeat bytes of an id
        return name_ + ": " + error;
    }
    std::string text_of(const Reply& reply) const {
        if (reply->type != REDIS_REPLY_STRING) throw StoreError(name_ + ": a reply that is no string");
        return bytes_of(reply);
    }

    void authenticate(const RedisAddress& address, Deadline deadline) {
        const Reply reply = address.user.empty() ? ask({"AUTH", address.password}, deadline)
                                                 : ask({"AUTH", address.user, address.password}, deadline);
        // The rest of the text can repeat what was sent.
        if (is_error(reply)) throw StoreError(name_ + " refuses the user and password of the URL: " + code_of(reply));
    }

    void load(RedisScript script, Deadline deadline) {
        const std::string lua = redis_script(script);
        hashes_[static_cast<std::size_t>(script)] = text_of(checked(ask({"SCRIPT", "LOAD", lua}, deadline)));
    }

    /// The reply to a command, an error too.
    Reply ask(const std::vector<std::string_view>& words, Deadline deadline) {
        std::vector<const char*> starts;
        std::vector<std::size_t> sizes;
        for (const std::string_view word : words) {
            starts.push_back(word.empty() ? "" : word.data());
            sizes.push_back(word.size());
        }
        char* made = nullptr;
        const auto size = redisFormatCommandArgv(&made, static_cast<int>(words.size()), starts.data(), sizes.data());
        const std::unique_ptr<char, Free> command(made);
        if (size < 0 || !made) throw std::bad_alloc();
        is_in_step_ = may_have_run_ = false;
        send({made, static_cast<std::size_t>(size)}, deadline);
        may_have_run_ = true;
        Reply reply = receive(deadline);
        if (is_error(reply)) check_server(reply);
        is_in_step_ = true;
        return reply;
    }

    /// Throws where the error is not of the command: a new connection may find a Redis that is itself again, or
    /// another one. Nothing was done.
    void check_server(const Reply& reply) const {
        const std::string error = bytes_of(reply), code = code_of(reply);
        for (const char* const passing : {"LOADING", "READONLY", "MASTERDOWN", "BUSY", "TRYAGAIN", "CLUSTERDOWN"})
            if (code == passing) throw TryAgain(text_of_error(reply), false);
        if (error.rfind("ERR max number of clients", 0) == 0) throw TryAgain(text_of_error(reply), false);
    }

    void send(std::string_view bytes, Deadline deadline) {
#ifdef MSG_NOSIGNAL
        constexpr int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
#else
        constexpr int flags = MSG_DONTWAIT;  // the socket has SO_NOSIGPIPE
#endif
        while (!bytes.empty()) {
            const auto sent = ::send(context_->fd, bytes.data(), bytes.size(), flags);
            if (sent >= 0)
                bytes.remove_prefix(static_cast<std::size_t>(sent));
            else if (errno == EAGAIN)
                wait(POLLOUT, deadline);
            else if (errno != EINTR)
                lose_by_errno();
        }
    }

    Reply receive(Deadline deadline) {
        for (;;) {
            void* reply = nullptr;
            if (redisGetReplyFromReader(context_.get(), &reply) != REDIS_OK) lose(context_->errstr);
            if (reply) return Reply(static_cast<redisReply*>(reply));
            wait(POLLIN, deadline);
            if (redisBufferRead(context_.get()) != REDIS_OK) lose(context_->errstr);
        }
    }

    void wait(short events, Deadline deadline) {
        for (;;) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
            if (left.count() <= 0) lose("no reply in time");
            pollfd waits{context_->fd, events, 0};
            const int ready = poll(&waits, 1, static_cast<int>(left.count()));
            if (ready > 0) return;
            if (ready < 0 && errno != EINTR) lose_by_errno();
        }
    }

    [[noreturn]] void lose(const std::string& why) const {
        throw TryAgain(name_ + ": " + why, may_have_run_);
    }
    [[noreturn]] void lose_by_errno() const {
        lose(std::error_code(errno, std::generic_category()).message());
    }

    const std::string name_;
    std::unique_ptr<redisContext, Free> context_;
    std::array<std::string, redis_scripts> hashes_;  // by which Redis knows the scripts
    bool is_in_step_ = true;                         // no reply is missing
    bool may_have_run_ = false;                      // the command that was sent last
};

}}}  // namespace pivotal::v1::detail
