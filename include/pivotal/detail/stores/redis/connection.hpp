// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <pivotal/detail/receiver/store_time.hpp>
#include <pivotal/detail/stores/connection_pool.hpp>
#include <pivotal/detail/stores/redis/script.hpp>
#include <pivotal/idempotency.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

/// Where a Redis is, and who asks it: what RedisStore's URL says.
struct RedisAddress {
    std::string host;    // of TCP, or
    std::string socket;  // the path of a Unix socket
    int port = 6379;
    std::string user, password;  // empty: not given
    int database = 0;

    explicit RedisAddress(std::string_view url) {
        constexpr std::string_view tcp = "redis://", local = "unix://", encrypted = "rediss://";
        const auto begins_with = [&](std::string_view prefix) { return url.substr(0, prefix.size()) == prefix; };
        if (begins_with(encrypted))
            throw StoreError(
                "Redis: this library speaks no TLS (rediss://); run a TLS proxy such as stunnel beside the service "
                "and give its address as redis://");
        const bool is_tcp = begins_with(tcp);
        if (!is_tcp && !begins_with(local)) refuse("the URL has no scheme that is known");
        url.remove_prefix(is_tcp ? tcp.size() : local.size());
        const std::size_t slash = (std::min)(url.find('/'), url.size());
        std::string_view authority = url.substr(0, slash), path = url.substr(slash);
        if (const std::size_t at = authority.rfind('@'); at != authority.npos) {
            const std::string_view credentials = authority.substr(0, at);
            authority.remove_prefix(at + 1);
            const std::size_t colon = credentials.find(':');
            if (colon == credentials.npos || colon + 1 == credentials.size())
                refuse("the URL has a user but no password");
            user = percent_decoded(credentials.substr(0, colon));
            password = percent_decoded(credentials.substr(colon + 1));
        }
        if (!is_tcp) {
            if (!authority.empty() || path.size() < 2) refuse("the URL has no path of a socket");
            socket = path;
            return;
        }
        std::size_t end_of_host = authority.find(':');
        if (!authority.empty() && authority.front() == '[') {
            const std::size_t bracket = authority.find(']');
            if (bracket == authority.npos) refuse("the URL's [ has no ]");
            host = authority.substr(1, bracket - 1);
            end_of_host = bracket + 1;
        } else {
            host = authority.substr(0, end_of_host);
        }
        if (host.empty()) refuse("the URL has no host");
        if (end_of_host < authority.size()) {
            port = authority[end_of_host] == ':' ? small_number(authority.substr(end_of_host + 1)) : -1;
            if (port <= 0) refuse("the URL's port is no number from 1 to 65535");
        }
        if (path.size() > 1) database = small_number(path.substr(1));
        if (database < 0) refuse("the URL's database is no number");
    }

    /// For error texts: without the user and the password.
    std::string name() const {
        if (!socket.empty()) return socket;
        const bool is_ipv6 = host.find(':') != host.npos;
        return (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
    }

private:
    /// None of these texts repeats anything of the URL: there may be a password in it, in any place.
    [[noreturn]] static void refuse(const char* what) {
        throw StoreError(std::string("Redis: ") + what +
                         "; it is redis://[user:password@]host[:port][/database] or "
                         "unix://[user:password@]/path");
    }

    static std::string percent_decoded(std::string_view text) {
        std::string decoded;
        for (std::size_t i = 0; i < text.size(); ++i) {
            auto byte = static_cast<unsigned char>(text[i]);
            if (text[i] == '%') {
                const std::string_view digits = text.substr(i + 1, 2);
                const char* const end = digits.data() + digits.size();
                if (digits.size() < 2 || std::from_chars(digits.data(), end, byte, 16).ptr != end)
                    refuse("a % in the URL's user or password has to be written %25");
                i += 2;
            }
            decoded += static_cast<char>(byte);
        }
        return decoded;
    }

    /// A number from 0 to 65535, or -1.
    static int small_number(std::string_view digits) noexcept {
        unsigned short number = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
        const bool is_one = error == std::errc() && end == digits.data() + digits.size() && digits.size() <= 5;
        return is_one ? number : -1;
    }
};

#ifdef MSG_NOSIGNAL
inline constexpr int redis_send_flags = MSG_DONTWAIT | MSG_NOSIGNAL;
inline bool prevent_sigpipe(int /*socket*/) noexcept {
    return true;
}
#else
inline constexpr int redis_send_flags = MSG_DONTWAIT;
inline bool prevent_sigpipe(int socket) noexcept {
    const int on = 1;
    return setsockopt(socket, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on) == 0;
}
#endif

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
        // Programs that a handler starts are not to have it.
        if (!prevent_sigpipe(context_->fd) || fcntl(context_->fd, F_SETFD, FD_CLOEXEC) != 0) lose_by_errno();
        if (!address.password.empty()) authenticate(address, deadline);
        if (address.database != 0) check(ask({"SELECT", std::to_string(address.database)}, deadline));
        check_settings(ask({"INFO"}, deadline), may_forget);
    }

    /// Open and in step: no reply is missing, and nothing has come that nobody asked for.
    bool is_usable() const noexcept { return is_in_step_ && !poll_socket(context_->fd, POLLIN, 0); }

    /// False: it was not set, since the key is there already, or since Redis has no memory for what is new.
    bool set_new(std::string_view key, std::string_view value, std::string_view milliseconds, Deadline deadline) {
        const Reply reply = ask({"SET", key, value, "NX", "PX", milliseconds}, deadline);
        if (code_of(reply) == "OOM") return false;
        check(reply);
        return reply->type != REDIS_REPLY_NIL;
    }

    /// The word that the script answers; of the words the first is the key.
    std::string run(std::initializer_list<std::string_view> key_and_arguments, Deadline deadline) {
        if (hash_.empty()) load(deadline);
        std::vector<std::string_view> words{"EVALSHA", hash_, "1"};
        words.insert(words.end(), key_and_arguments);
        Reply reply = ask(words, deadline);
        if (code_of(reply) == "NOSCRIPT") {  // Redis was told to forget all scripts
            load(deadline);
            words[1] = hash_;
            reply = ask(words, deadline);
        }
        return text_of(reply);
    }

private:
    struct Free {
        void operator()(redisContext* context) const noexcept { redisFree(context); }
        void operator()(redisReply* reply) const noexcept { freeReplyObject(reply); }
        void operator()(char* command) const noexcept { redisFreeCommand(command); }
    };
    using Reply = std::unique_ptr<redisReply, Free>;

    static bool is_error(const Reply& reply) noexcept { return reply->type == REDIS_REPLY_ERROR; }
    static std::string bytes_of(const Reply& reply) { return {reply->str, reply->len}; }
    /// The first word of an error; empty where it is none.
    static std::string code_of(const Reply& reply) {
        const std::string error = is_error(reply) ? bytes_of(reply) : std::string();
        return error.substr(0, error.find(' '));
    }

    /// `reply` is the one to INFO, which the user may have no right to.
    void check_settings(const Reply& reply, bool may_forget) const {
        const std::string code = code_of(reply);
        if (code == "NOPERM" || code == "ERR") return;  // it may not ask, or INFO has another name
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

    void check(const Reply& reply) const {
        if (is_error(reply)) throw StoreError(text_of_error(reply));
    }
    std::string text_of_error(const Reply& reply) const {
        std::string error = bytes_of(reply).substr(0, 200);
        for (char& c : error)
            if (c < ' ' || c > '~') c = '?';  // it can repeat bytes of an id
        return name_ + ": " + error;
    }
    std::string text_of(const Reply& reply) const {
        check(reply);
        if (reply->type != REDIS_REPLY_STRING) throw StoreError(name_ + ": a reply that is no string");
        return bytes_of(reply);
    }

    void authenticate(const RedisAddress& address, Deadline deadline) {
        const Reply reply = address.user.empty() ? ask({"AUTH", address.password}, deadline)
                                                 : ask({"AUTH", address.user, address.password}, deadline);
        // The rest of the text can repeat what was sent.
        if (is_error(reply)) throw StoreError(name_ + " refuses the user and password of the URL: " + code_of(reply));
    }

    void load(Deadline deadline) { hash_ = text_of(ask({"SCRIPT", "LOAD", redis_script}, deadline)); }

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
        const std::string error = bytes_of(reply) + " ";
        for (const char* const passing : {"LOADING ", "READONLY ", "MASTERDOWN ", "BUSY ", "TRYAGAIN ", "CLUSTERDOWN ",
                                          "ERR max number of clients "})
            if (error.rfind(passing, 0) == 0) throw TryAgain(text_of_error(reply), false);
    }

    void send(std::string_view bytes, Deadline deadline) {
        while (!bytes.empty()) {
            const auto sent = ::send(context_->fd, bytes.data(), bytes.size(), redis_send_flags);
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
        if (!wait_for_socket(context_->fd, events, deadline)) lose("no reply in time");
    }

    [[noreturn]] void lose(const std::string& why) const { throw TryAgain(name_ + ": " + why, may_have_run_); }
    [[noreturn]] void lose_by_errno() const { lose(std::error_code(errno, std::generic_category()).message()); }

    const std::string name_;
    std::unique_ptr<redisContext, Free> context_;
    std::string hash_;           // by which Redis knows the script
    bool is_in_step_ = true;     // no reply is missing
    bool may_have_run_ = false;  // the command that was sent last
};

}}}  // namespace pivotal::v1::detail
