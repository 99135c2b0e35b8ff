// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <libpq-fe.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pivotal/detail/stores/postgres/result.hpp>

#include "process.hpp"

namespace support {

/// A PostgreSQL server with its files in a temporary folder of `root`, reached by a socket there.
class PostgresServer {
public:
    explicit PostgresServer(std::vector<std::string> settings = {}, std::vector<std::string> environment = {},
                            const std::filesystem::path& root = temporary_root())
        : folder_(root), settings_(std::move(settings)), environment_(std::move(environment)) {
        make(
            {program("initdb"), "-D", data(), "-U", "pivotal", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"});
        // Everybody is trusted, but for one.
        write_file(data() + "/pg_hba.conf",
                   "local all locked scram-sha-256\nlocal all all trust\nlocal replication all trust\n");
        start();
    }
    /// A standby of another, which has to be told as `of_primary` says. Whatever is read of it may be a moment old.
    struct Standby {
        const PostgresServer& primary;
    };
    explicit PostgresServer(const Standby& standby) : folder_(temporary_root()), settings_(of_primary()) {
        make({program("pg_basebackup"), "-D", data(), "-d", standby.primary.address(), "--write-recovery-conf",
              "--checkpoint=fast", "--no-sync"});
        start();
    }
    static std::vector<std::string> of_primary() { return {"wal_level=replica", "max_wal_senders=4"}; }
    ~PostgresServer() { stop(); }
    PostgresServer(const PostgresServer&) = delete;
    PostgresServer& operator=(const PostgresServer&) = delete;

    void start() {
        std::vector<std::string> command{program("postgres"), "-D", data(), "-k", folder_.path().string()};
        for (const char* const setting : {"listen_addresses=", "fsync=on", "shared_buffers=64MB", "max_connections=200",
                                          "wal_level=minimal", "max_wal_senders=0"})
            command.insert(command.end(), {"-c", setting});
        for (const std::string& setting : settings_) command.insert(command.end(), {"-c", setting});
        process_ = Process(std::move(command), options(environment_));
        wait_until("PostgreSQL answers", [&] {
            if (!process_.is_running()) fail("PostgreSQL ended:\n" + read_file(log()));
            return PQping(address().c_str()) == PQPING_OK;
        });
    }
    void stop() { process_.stop(); }
    /// As when the machine crashes: what it has not written down is gone.
    void crash() {
        process_.signal_now(SIGQUIT);
        process_.wait();
    }

    Process& process() { return process_; }
    const std::filesystem::path& folder() const { return folder_.path(); }
    /// Its connection string.
    std::string address(const std::string& user = "pivotal") const {
        return "host=" + folder_.path().string() + " dbname=postgres user=" + user;
    }
    static std::string program(const std::string& name) {
        std::vector<std::filesystem::path> found;
        std::error_code none;
        for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql", none))
            if (const auto path = version.path() / "bin" / name; std::filesystem::exists(path)) found.push_back(path);
        if (!found.empty()) return std::max_element(found.begin(), found.end())->string();
        std::istringstream folders(std::getenv("PATH") ? std::getenv("PATH") : "");
        for (std::string folder; std::getline(folders, folder, ':');)
            if (const auto path = std::filesystem::path(folder) / name; std::filesystem::exists(path))
                return path.string();
        fail("no " + name);
    }

private:
    /// The data, by a program of the server's user's.
    void make(const std::vector<std::string>& command) {
        if (geteuid() == 0) {  // as whom it refuses to run
            const passwd* const user = getpwnam("postgres");
            if (!user || chown(folder_.path().c_str(), user->pw_uid, user->pw_gid) != 0)
                fail("PostgreSQL does not run as root, and there is no user postgres");
        }
        Process process(command, options({}));
        if (process.wait() != 0) fail(command[0] + " failed:\n" + read_file(log()));
    }
    std::string data() const { return folder_.file("data"); }
    std::string log() const { return folder_.file("log"); }
    ProcessOptions options(const std::vector<std::string>& environment) const {
        ProcessOptions made;
        made.environment = environment;
        made.user = "postgres";
        made.log = log();
        made.stop_signal = SIGINT;  // does not wait for clients
        return made;
    }

    TemporaryFolder folder_;
    const std::vector<std::string> settings_, environment_;
    Process process_;
};

/// A connection of the user's own.
class PostgresUser {
public:
    explicit PostgresUser(const std::string& address) : connection_(PQconnectdb(address.c_str())) {
        if (PQstatus(connection_.get()) != CONNECTION_OK)
            fail(pivotal::detail::postgres_error(PQerrorMessage(connection_.get())));
        run("SET client_min_messages = warning");
    }
    operator PGconn*() const { return connection_.get(); }

    void run(const std::string& sql) const {
        pivotal::detail::PostgresResult(connection_.get(), PQexec(connection_.get(), sql.c_str()));
    }
    std::string text(const std::string& sql) const {
        const pivotal::detail::PostgresResult result(connection_.get(), PQexec(connection_.get(), sql.c_str()));
        if (result.rows() == 0) fail("no row: " + sql);
        return result.bytes(0, 0);
    }
    int number(const std::string& sql) const { return std::stoi(text(sql)); }

    void begin() const { run("BEGIN"); }
    void expire_marks(const std::string& consumer) const {
        run("UPDATE pivotal_processed SET expires_at = clock_timestamp() WHERE consumer = '" + consumer + "'");
    }

private:
    std::unique_ptr<PGconn, pivotal::detail::PostgresCloser> connection_;
};

}  // namespace support
