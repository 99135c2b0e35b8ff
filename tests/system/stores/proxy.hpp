// SPDX-License-Identifier: MIT
#pragma once

// A network between a store and its server that fails as the test asks it to.

#include <atomic>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "process.hpp"

namespace support {

/// Passes on what comes to its port, or to its socket, and the replies.
class Proxy {
public:
    explicit Proxy(int server_port) : Proxy(local(server_port)) {}
    explicit Proxy(const std::string& server_socket) : Proxy(local(server_socket)) {}
    Proxy(const std::string& socket, const std::string& server_socket)
        : server_(local(server_socket)), listener_(open_socket(AF_UNIX)) {
        start(local(socket));
    }
    ~Proxy() {
        stopping_ = true;
        eventfd_write(wake_, 1);
        running_.join();
        for (const Pair& pair : pairs_) pair.close_both();
        close(listener_);
        close(wake_);
    }
    Proxy(const Proxy&) = delete;
    Proxy& operator=(const Proxy&) = delete;

    int port() const { return port_; }
    /// So many replies are lost, each with its connection.
    void lose_replies(int count) { to_lose_ = count; }
    /// While it stalls no reply comes through; those of that time are lost.
    void stall(bool on) { stalled_ = on; }
    /// From now on nothing passes on the connections that there are, and nobody is told, as by a firewall that has
    /// forgotten them.
    void forget_connections() { forgets_ = true; }
    /// To where new connections lead from now on.
    void lead_to(const std::string& server_socket) {
        const std::lock_guard<std::mutex> lock(mutex_);
        server_ = local(server_socket);
    }
    /// Connections made so far.
    int connections() const { return connections_; }
    /// Replies that were lost or held back so far.
    int withheld() const { return withheld_; }

private:
    struct Pair {
        int client, server;
        bool is_forgotten = false;
        void close_both() const {
            close(client);
            close(server);
        }
    };

    struct Address {
        sockaddr_storage bytes{};
        socklen_t size = 0;
        const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&bytes); }
    };

    static Address local(int port) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(static_cast<in_port_t>(port));
        return of(address);
    }
    static Address local(const std::string& path) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (path.size() >= sizeof address.sun_path) fail("too long for a socket: " + path);
        std::memcpy(address.sun_path, path.data(), path.size());
        return of(address);
    }
    template <class Native> static Address of(const Native& address) {
        Address made;
        std::memcpy(&made.bytes, &address, sizeof address);
        made.size = sizeof address;
        return made;
    }
    explicit Proxy(const Address& server) : server_(server), listener_(open_socket(AF_INET)) {
        start(local(0));
        sockaddr_in address{};
        socklen_t size = sizeof address;
        if (getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) fail("no port");
        port_ = ntohs(address.sin_port);
    }
    static int open_socket(int family) { return socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0); }

    void start(const Address& address) {
        if (bind(listener_, address.get(), address.size) != 0 || listen(listener_, 128) != 0)
            fail("the proxy cannot listen");
        running_ = std::thread([this] { run(); });
    }
    void run() {
        while (!stopping_) {
            std::vector<pollfd> waits{{listener_, POLLIN, 0}, {wake_, POLLIN, 0}};
            for (const Pair& pair : pairs_) {
                waits.push_back({pair.client, POLLIN, 0});
                waits.push_back({pair.server, POLLIN, 0});
            }
            if (poll(waits.data(), waits.size(), -1) < 0) continue;
            if (forgets_.exchange(false))
                for (Pair& pair : pairs_) pair.is_forgotten = true;
            for (std::size_t i = pairs_.size(); i-- > 0;) {
                const Pair pair = pairs_[i];
                if (pair.is_forgotten) {
                    if (waits[2 + 2 * i].revents) drop(pair.client);
                    if (waits[3 + 2 * i].revents) drop(pair.server);
                    continue;
                }
                const bool alive = (!waits[2 + 2 * i].revents || pass(pair.client, pair.server)) &&
                                   (!waits[3 + 2 * i].revents || pass_reply(pair));
                if (alive) continue;
                pair.close_both();
                pairs_.erase(pairs_.begin() + static_cast<std::ptrdiff_t>(i));
            }
            if (waits[0].revents) connect_one();
        }
    }
    void connect_one() {
        const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        const Address address = [this] {
            const std::lock_guard<std::mutex> lock(mutex_);
            return server_;
        }();
        const int server = open_socket(address.get()->sa_family);
        ++connections_;
        const Pair pair{client, server};
        if (connect(server, address.get(), address.size) == 0)
            pairs_.push_back(pair);
        else
            pair.close_both();
    }
    static void drop(int from) {
        char bytes[65536];
        if (recv(from, bytes, sizeof bytes, 0) <= 0) shutdown(from, SHUT_RD);
    }
    static bool pass(int from, int to) {
        char bytes[65536];
        const ssize_t size = recv(from, bytes, sizeof bytes, 0);
        return size > 0 && send(to, bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL) == size;
    }
    bool pass_reply(const Pair& pair) {
        if (to_lose_ > 0) {
            --to_lose_;
            ++withheld_;
            return false;
        }
        if (!stalled_) return pass(pair.server, pair.client);
        char bytes[65536];
        const bool alive = recv(pair.server, bytes, sizeof bytes, 0) > 0;
        if (alive) ++withheld_;
        return alive;
    }

    std::mutex mutex_;
    Address server_;
    const int listener_;
    const int wake_ = eventfd(0, EFD_CLOEXEC);
    int port_ = 0;
    std::vector<Pair> pairs_;
    std::atomic<int> to_lose_{0}, connections_{0}, withheld_{0};
    std::atomic<bool> stalled_{false}, forgets_{false}, stopping_{false};
    std::thread running_;
};

}  // namespace support
