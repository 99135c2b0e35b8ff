// SPDX-License-Identifier: MIT
#pragma once

// Other processes and their folders, for tests on POSIX systems: whatever was started is stopped when its
// object goes, and by the kernel where the test itself is killed.

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

namespace support {

[[noreturn]] inline void fail(const std::string& what) {
    throw std::runtime_error(what);
}

/// Waits until `condition` holds, asking again and again: never a fixed time.
template <class Condition>
void wait_until(const std::string& what, Condition condition,
                std::chrono::seconds patience = std::chrono::seconds(60)) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) fail("in vain waited until " + what);
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
}

/// Where the tests keep their files: in memory where there is room, since what a killed process has written
/// outlives it there as well, and the tests are not to wait for a disk.
inline std::filesystem::path temporary_root() {
    std::error_code error;
    const auto space = std::filesystem::space("/dev/shm", error);
    if (!error && space.available > (2ULL << 30) && access("/dev/shm", W_OK) == 0) return "/dev/shm";
    return std::filesystem::temp_directory_path();
}

/// A folder that is removed with everything in it.
class TemporaryFolder {
public:
    explicit TemporaryFolder(const std::filesystem::path& root = temporary_root()) {
        std::string name = (root / "pivotal-stores-XXXXXX").string();
        if (!mkdtemp(name.data())) fail("no temporary folder: " + name);
        path_ = name;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    const std::filesystem::path& path() const { return path_; }
    std::string file(const std::string& name) const { return (path_ / name).string(); }

private:
    std::filesystem::path path_;
};

inline void write_file(const std::string& path, const std::string& text) {
    // In one step, since a process may be reading it.
    std::ofstream(path + ".new") << text;
    std::filesystem::rename(path + ".new", path);
}

inline std::string read_file(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

/// A TCP port of 127.0.0.1 that nobody listens on.
inline int free_port() {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(socket, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0)
        fail("no free port");
    close(socket);
    return ntohs(address.sin_port);
}

struct ProcessOptions {
    std::vector<std::string> environment = {};  ///< NAME=VALUE, besides the test's own.
    std::string user = {};                      ///< Whom it runs as, where the test runs as root.
    std::string log = "/dev/null";              ///< Where its standard output and error go.
    bool pipes = false;                         ///< Instead, talk to its standard input and output.
    rlim_t largest_file = RLIM_INFINITY;        ///< Bytes; a write beyond is an error, as on a full disk.
    int stop_signal = SIGTERM;
};

class Process {
public:
    Process() = default;
    Process(std::vector<std::string> command, const ProcessOptions& options) : stop_signal_(options.stop_signal) {
        int in[2] = {-1, -1}, out[2] = {-1, -1};
        if (options.pipes && (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)) fail("no pipe");
        std::vector<char*> arguments, environment;
        for (std::string& argument : command) arguments.push_back(argument.data());
        arguments.push_back(nullptr);
        std::vector<std::string> variables = options.environment;
        for (std::string& variable : variables) environment.push_back(variable.data());
        for (char** variable = environ; *variable; ++variable) environment.push_back(*variable);
        environment.push_back(nullptr);
        const passwd* const user = geteuid() == 0 && !options.user.empty() ? getpwnam(options.user.c_str()) : nullptr;
        if (geteuid() == 0 && !options.user.empty() && !user) fail("no user " + options.user);
        const int log = open(options.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        const pid_t parent = getpid();

        // No handler of the test's may run in the child.
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        pid_ = fork();
        if (pid_ == 0) {  // only calls that are safe behind a fork of a process with threads
            for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
            sigemptyset(&all);
            sigprocmask(SIG_SETMASK, &all, nullptr);
            if (user && (setgroups(0, nullptr) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0))
                _exit(126);
            prctl(PR_SET_PDEATHSIG, options.stop_signal == SIGTERM ? SIGKILL : options.stop_signal);
            if (getppid() != parent) _exit(126);
            if (options.largest_file != RLIM_INFINITY) {
                const rlimit limit{options.largest_file, RLIM_INFINITY};
                setrlimit(RLIMIT_FSIZE, &limit);
                signal(SIGXFSZ, SIG_IGN);
            }
            if (options.pipes) {
                dup2(in[0], STDIN_FILENO);
                dup2(out[1], STDOUT_FILENO);
            } else {
                dup2(log, STDOUT_FILENO);
                dup2(log, STDERR_FILENO);
            }
            execve(arguments[0], arguments.data(), environment.data());
            _exit(127);
        }
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        close(log);
        if (pid_ < 0) fail("cannot fork");
        if (options.pipes) {
            close(in[0]);
            close(out[1]);
            in_ = in[1];
            out_ = out[0];
        }
    }
    ~Process() { stop(); }
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    Process(Process&& other) noexcept { swap(other); }
    Process& operator=(Process&& other) noexcept {
        swap(other);
        return *this;
    }

    pid_t pid() const { return pid_; }
    void signal_now(int number) const {
        if (pid_ > 0) kill(pid_, number);
    }
    bool is_running() {
        if (pid_ > 0 && waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = 0;
        return pid_ > 0;
    }
    /// Waits for its end; what waitpid says of it.
    int wait() {
        while (pid_ > 0 && waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
        }
        pid_ = 0;
        for (int* const end : {&in_, &out_})
            if (*end >= 0) close(std::exchange(*end, -1));
        return status_;
    }
    void kill_now() {
        signal_now(SIGKILL);
        wait();
    }
    void stop() {
        signal_now(stop_signal_);
        wait();
    }

    /// Sends a line. False: it is not there any more.
    bool send(const std::string& line) const {
        const std::string text = line + "\n";
        return ::write(in_, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    }
    /// The next line that it says; nothing where it ended.
    std::string receive() {
        for (;;) {
            const std::size_t end = buffer_.find('\n');
            if (end != buffer_.npos) {
                const std::string line = buffer_.substr(0, end);
                buffer_.erase(0, end + 1);
                return line;
            }
            char part[4096];
            const ssize_t size = ::read(out_, part, sizeof part);
            if (size < 0 && errno == EINTR) continue;
            if (size <= 0) return {};
            buffer_.append(part, static_cast<std::size_t>(size));
        }
    }

private:
    void swap(Process& other) noexcept {
        std::swap(pid_, other.pid_);
        std::swap(stop_signal_, other.stop_signal_);
        std::swap(status_, other.status_);
        std::swap(in_, other.in_);
        std::swap(out_, other.out_);
        std::swap(buffer_, other.buffer_);
    }

    pid_t pid_ = 0;
    int stop_signal_ = SIGTERM, status_ = 0;
    int in_ = -1, out_ = -1;
    std::string buffer_;
};

/// Signals that come all the time, as those of a profiler do.
class ManySignals {
public:
    ManySignals() {
        struct sigaction action = {};
        action.sa_handler = [](int) {};
        sigaction(SIGALRM, &action, &before_);
        const itimerval often{{0, 50000}, {0, 50000}};
        setitimer(ITIMER_REAL, &often, nullptr);
    }
    ~ManySignals() {
        const itimerval never{};
        setitimer(ITIMER_REAL, &never, nullptr);
        sigaction(SIGALRM, &before_, nullptr);
    }
    ManySignals(const ManySignals&) = delete;
    ManySignals& operator=(const ManySignals&) = delete;

private:
    struct sigaction before_ = {};
};

/// A clock for a process, by libfaketime: it runs on, so many seconds ahead of the machine's, or stands.
class FakeClock {
public:
    FakeClock() { set(std::chrono::seconds(0)); }
    void set(std::chrono::seconds ahead) {
        const auto seconds = ahead.count();
        write((seconds < 0 ? "" : "+") + std::to_string(seconds));
    }
    void stop_at(std::chrono::system_clock::time_point time) {
        const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
        char text[32];
        if (std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", std::gmtime(&seconds)) == 0) fail("no such time");
        write(text);
    }
    /// What a process needs in its environment to see it.
    std::vector<std::string> environment() const {
        return {"LD_PRELOAD=" + library(), "FAKETIME_TIMESTAMP_FILE=" + file_,
                "FAKETIME_NO_CACHE=1",     "FAKETIME_DONT_FAKE_MONOTONIC=1",
                "FAKETIME_DONT_RESET=1",   "TZ=UTC"};
    }
    /// The path of libfaketime, or nothing where it is not installed.
    static std::string library() {
        for (const char* const folder : {"/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"}) {
            const std::string path = std::string(folder) + "/faketime/libfaketimeMT.so.1";
            if (std::filesystem::exists(path)) return path;
        }
        return {};
    }

private:
    void write(const std::string& text) {
        write_file(file_, text);
        // The folder is its owner's alone, and a server may be another's.
        std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755));
    }

    TemporaryFolder folder_;
    std::string file_ = folder_.file("clock");
};

}  // namespace support
