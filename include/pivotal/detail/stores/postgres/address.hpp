// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <libpq-fe.h>

#include <pivotal/detail/receiver/store_time.hpp>
#include <pivotal/detail/stores/connection_pool.hpp>
#include <pivotal/detail/stores/postgres/result.hpp>
#include <pivotal/idempotency.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

/// Where to connect, and for how long to try: what a connection string says, the environment and the service file.
/// The connection string is refused where it cannot be read, without a word of it: libpq's errors quote what it took
/// for a name or a number, which may be a part of the password.
class PostgresAddress {
public:
    explicit PostgresAddress(std::string conninfo) : conninfo_(std::move(conninfo)) {
        const auto refuse = [] {
            throw StoreError(
                "PostgreSQL: cannot read the connection string; in a URI special characters are to be "
                "percent-encoded, elsewhere quoted");
        };
        if (conninfo_.find('\0') != conninfo_.npos) refuse();
        const Options options(PQconninfoParse(conninfo_.c_str(), nullptr));
        if (!options) refuse();
        const bool is_uri = conninfo_.rfind("postgres", 0) == 0 && conninfo_.find("://") != conninfo_.npos;
        for (const PQconninfoOption* option = options.get(); option->keyword; ++option) {
            const std::string keyword = option->keyword, value = option->val ? option->val : "";
            // What is left of a password that has one of @, / and : in it.
            if (keyword == "port" && value.find_first_not_of("0123456789,") != value.npos) refuse();
            if (is_uri && keyword == "dbname" && value.find('@') != value.npos) refuse();
            if (is_uri && keyword == "host" && value.find('@', 1) != value.npos) refuse();  // @: a Linux socket
        }
    }

    using Connection = std::unique_ptr<PGconn, PostgresCloser>;

    /// Of several hosts the first that can be reached. `wait` waits for a connection's socket, to write or to read.
    template <class Wait>
    Connection connect(Deadline deadline, const Wait& wait) const {
        Connection connection = start({});
        const Options options(PQconninfo(connection.get()));
        if (!options) throw std::bad_alloc();
        const auto said = [&](std::string_view keyword) {
            for (const PQconninfoOption* option = options.get(); option->keyword; ++option)
                if (option->keyword == keyword && option->val) return std::string(option->val);
            return std::string();
        };
        // As libpq has it: no limit where it is 0 or less, and never less than 2 s.
        const std::string timeout_text = said("connect_timeout");
        const int timeout = timeout_text.empty() ? 2 : static_cast<int>(std::strtol(timeout_text.c_str(), nullptr, 10));
        const auto limit = [&] {
            if (timeout <= 0) return deadline;
            return (std::min)(deadline,
                              std::chrono::steady_clock::now() + std::chrono::seconds((std::max)(timeout, 2)));
        };
        const auto hosts = split(said("host")), addresses = split(said("hostaddr")), ports = split(said("port"));
        const std::size_t count = (std::max)(hosts.size(), addresses.size());
        for (std::size_t i = 0;; ++i) {
            try {
                if (count > 1)
                    connection = start({value_at(hosts, i), value_at(addresses, i),
                                        ports.size() == 1 ? ports[0] : value_at(ports, i)});
                return finish(std::move(connection), limit(), wait);
            } catch (const TryAgain&) {
                if (i + 1 >= count) throw;
            }
        }
    }

    [[noreturn]] static void fail(PGconn* connection) {
        throw TryAgain(postgres_error(PQerrorMessage(connection)), false);
    }

private:
    using Options = std::unique_ptr<PQconninfoOption, PostgresCloser>;

    static std::vector<std::string> split(const std::string& list) {
        std::vector<std::string> parts;
        for (std::size_t begin = 0; begin <= list.size() && !list.empty();) {
            const std::size_t end = (std::min)(list.find(',', begin), list.size());
            parts.push_back(list.substr(begin, end - begin));
            begin = end + 1;
        }
        return parts;
    }
    static std::string value_at(const std::vector<std::string>& list, std::size_t i) {
        return i < list.size() ? list[i] : std::string();
    }

    /// `host` is {host, hostaddr, port}, or empty: all of them.
    Connection start(const std::array<std::string, 3>& host) const {
        std::vector<const char*> names{"keepalives_idle", "keepalives_interval", "keepalives_count",
                                       "fallback_application_name", "dbname"};
        // What the connection string says of these comes later and wins.
        std::vector<const char*> values{"20", "10", "3", "pivotal-webhook", conninfo_.c_str()};
        if (!host[0].empty() || !host[1].empty()) {
            names.insert(names.end(), {"host", "hostaddr", "port"});
            for (const std::string& value : host) values.push_back(value.c_str());
        }
        names.push_back(nullptr);
        values.push_back(nullptr);
        Connection connection(PQconnectStartParams(names.data(), values.data(), 1));
        if (!connection) throw std::bad_alloc();
        return connection;
    }

    template <class Wait>
    static Connection finish(Connection connection, Deadline deadline, const Wait& wait) {
        if (PQstatus(connection.get()) == CONNECTION_BAD) fail(connection.get());
        for (auto state = PGRES_POLLING_WRITING; state != PGRES_POLLING_OK;) {
            if (state == PGRES_POLLING_FAILED) fail(connection.get());
            wait(connection.get(), state == PGRES_POLLING_WRITING, deadline);
            state = PQconnectPoll(connection.get());
        }
        return connection;
    }

    std::string conninfo_;
};

}}}  // namespace pivotal::v1::detail
