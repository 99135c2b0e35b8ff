// SPDX-License-Identifier: MIT
// Events per second, by store and by number of threads: claims and puts alone, a Receiver over HTTP, how soon a worker
// has what was put, what it costs to tell it, and whether an event costs more when many are stored. The servers are
// started here, as the stores ask for them, and stopped.
//   pivotal_throughput [--seconds S] [--rounds N] [--stored N] [--growth MOST] [--only NAME] DISK MEMORY
// DISK, MEMORY: folders, one on the disk to be measured, one in memory. --growth: an event that costs more than so
// many times as much when many are stored is a failure. --only: the stores and inboxes whose name begins so.
#include <httplib.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <libpq-fe.h>
#include <sqlite3.h>
#include <unistd.h>

#include <pivotal/inbox_worker.hpp>
#include <pivotal/receiver.hpp>
#include <pivotal/stores/memory.hpp>
#include <pivotal/stores/postgres.hpp>
#include <pivotal/stores/redis.hpp>
#include <pivotal/stores/sqlite.hpp>

#include "../system/stores/postgres_server.hpp"
#include "../system/stores/redis_server.hpp"

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

namespace {

double seconds = 1;  // of each measurement
int rounds = 1;      // the median of so many counts
long stored = 1000;
double most_growth = 0;  // 0: any
std::string only;
bool no_http = false;  // with --only: the stores and inboxes alone

void require(bool good, const char* what) {  // a figure for what did not work would be no figure
    if (!good) throw std::runtime_error(what);
}

std::string new_name() {
    static std::atomic<int> number{0};
    return "events-" + std::to_string(++number);
}

/// As long as Pivotal's, and never the same.
std::string new_id() {
    static std::atomic<unsigned long> number{100'000'000};
    return "evt_2nQv8c9aZ" + std::to_string(++number);
}

/// What the same server or library does at most, as durably: makes the work of one thread, which has a connection of
/// its own and does no more than it must.
struct Floor {
    const char* what = nullptr;
    std::function<std::function<void()>()> make;
};
struct Store {
    const char* name;
    std::function<std::shared_ptr<pivotal::IdempotencyStore>()> make;  // a new one, empty
    Floor floor = {};
};
struct Inbox {
    const char* name;
    std::function<std::shared_ptr<pivotal::Inbox>(const std::string&)> open;  // of this name
    Floor floor = {};

    std::shared_ptr<pivotal::Inbox> make() const { return open(new_name()); }  // a new one, empty
};

/// Where the stores and inboxes keep what they are told: a folder, and servers that have theirs in it.
class Place {
public:
    explicit Place(std::filesystem::path folder) : folder_(std::move(folder)) {}

    std::vector<Store> stores() {
        return chosen(std::vector<Store>{
            {"MemoryStore", [] { return std::make_shared<pivotal::MemoryStore>(); }},
            {"SqliteStore", [this] { return std::make_shared<pivotal::SqliteStore>(file(new_name())); },
             sqlite_floor()},
            {"RedisStore", [this] { return std::make_shared<pivotal::RedisStore>(redis().url(), options()); },
             redis_floor()},
            {"PostgresStore",
             [this] { return std::make_shared<pivotal::PostgresStore>(postgres().address(), options()); },
             postgres_floor()}});
    }
    std::vector<Inbox> inboxes() {
        return chosen(std::vector<Inbox>{
            {"SqliteInbox",
             [this](const std::string& name) { return std::make_shared<pivotal::SqliteInbox>(file(name)); },
             sqlite_floor()},
            {"PostgresInbox",
             [this](const std::string& name) {
                 return std::make_shared<pivotal::PostgresInbox>(postgres().address(), pivotal::StoreOptions{name});
             },
             postgres_floor()}});
    }

    Floor postgres_floor() {
        return {"a prepared INSERT by libpq", [this] {
                    const auto user = std::make_shared<support::PostgresUser>(postgres().address());
                    user->run("CREATE TABLE IF NOT EXISTS floor (id text PRIMARY KEY, owner text NOT NULL)");
                    user->run("PREPARE put (text, text) AS INSERT INTO floor VALUES ($1, $2)");
                    return [user] {
                        const std::string id = new_id();
                        const char* const values[] = {id.c_str(), id.c_str()};
                        PGresult* const result = PQexecPrepared(*user, "put", 2, values, nullptr, nullptr, 1);
                        const bool good = PQresultStatus(result) == PGRES_COMMAND_OK;
                        PQclear(result);
                        require(good, "INSERT");
                    };
                }};
    }
    Floor redis_floor() {
        return {"SET NX PX by hiredis", [this] {
                    const std::shared_ptr<redisContext> context(redisConnect("127.0.0.1", redis().port()), redisFree);
                    require(context && !context->err, "redisConnect");
                    return [context] {
                        const std::string id = new_id();
                        auto* const reply = static_cast<redisReply*>(
                            redisCommand(context.get(), "SET floor:%s %s NX PX 604830000", id.c_str(), id.c_str()));
                        const bool good = reply && reply->type == REDIS_REPLY_STATUS;
                        if (reply) freeReplyObject(reply);
                        require(good, "SET");
                    };
                }};
    }
    Floor sqlite_floor() {
        return {"an INSERT by SQLite", [this, name = file(new_name())] {
                    const std::lock_guard<std::mutex> lock(opening_);
                    sqlite3* opened = nullptr;
                    require(sqlite3_open(name.c_str(), &opened) == SQLITE_OK, "sqlite3_open");
                    const std::shared_ptr<sqlite3> database(opened, sqlite3_close);
                    sqlite3_busy_timeout(opened, 60000);
                    require(sqlite3_exec(opened,
                                         "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE IF NOT "
                                         "EXISTS floor (id TEXT PRIMARY KEY, owner TEXT NOT NULL) WITHOUT ROWID",
                                         nullptr, nullptr, nullptr) == SQLITE_OK,
                            "sqlite3_exec");
                    sqlite3_stmt* prepared = nullptr;
                    sqlite3_prepare_v2(opened, "INSERT INTO floor VALUES (?, ?)", -1, &prepared, nullptr);
                    const std::shared_ptr<sqlite3_stmt> statement(prepared, sqlite3_finalize);
                    return [database, statement] {
                        const std::string id = new_id();
                        for (const int column : {1, 2})
                            sqlite3_bind_text(statement.get(), column, id.c_str(), -1, SQLITE_STATIC);
                        const bool good = sqlite3_step(statement.get()) == SQLITE_DONE;
                        sqlite3_reset(statement.get());
                        require(good, "INSERT");
                    };
                }};
    }

    std::string file(const std::string& name) const { return (folder_ / name).string(); }

    /// Seconds of processor time that this process and the servers have used.
    double processor_seconds() {
        timespec own{};
        require(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own) == 0, "clock_gettime");
        double sum = static_cast<double>(own.tv_sec) + static_cast<double>(own.tv_nsec) * 1e-9;
        if (redis_) sum += processor_seconds_of(redis_->process().pid());
        if (postgres_) sum += processor_seconds_of(postgres_->process().pid());
        return sum;
    }

private:
    template <class Kind> static std::vector<Kind> chosen(std::vector<Kind> kinds) {
        const auto other = [](const Kind& kind) { return std::string_view(kind.name).rfind(only, 0) != 0; };
        kinds.erase(std::remove_if(kinds.begin(), kinds.end(), other), kinds.end());
        return kinds;
    }

    // Each started when it is first asked for. What was there before is another consumer's.
    static pivotal::StoreOptions options() { return {new_name()}; }
    support::RedisServer& redis() {
        if (!redis_) redis_.emplace(std::vector<std::string>{}, support::ProcessOptions{}, folder_);
        return *redis_;
    }
    support::PostgresServer& postgres() {
        if (!postgres_) postgres_.emplace(std::vector<std::string>{}, std::vector<std::string>{}, folder_);
        return *postgres_;
    }

    /// Its own and its children's, those that have ended included.
    static double processor_seconds_of(pid_t server) {
        double ticks = 0;
        std::error_code none;
        for (const auto& entry : std::filesystem::directory_iterator("/proc", none)) {
            std::ifstream file(entry.path() / "stat");
            std::string text;
            std::getline(file, text);
            if (text.rfind(')') == text.npos) continue;  // no process, or one that has ended
            std::istringstream fields(text.substr(text.rfind(')') + 2));
            std::vector<std::string> field{std::istream_iterator<std::string>(fields), {}};
            if (field.size() < 15 || (std::stol(text) != server && std::stol(field[1]) != server)) continue;
            const int last = std::stol(text) == server ? 14 : 12;  // utime, stime, those of ended children
            for (int i = 11; i <= last; ++i) ticks += std::stod(field[static_cast<std::size_t>(i)]);
        }
        return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
    }

    const std::filesystem::path folder_;
    std::mutex opening_;
    std::optional<support::RedisServer> redis_;
    std::optional<support::PostgresServer> postgres_;
};

// ---- Measuring ----

double since(Steady::time_point start) {
    return std::chrono::duration<double>(Steady::now() - start).count();
}

/// How often a second `work` runs in so many threads, which begin together. `prepare` makes the work of a thread.
template <class Prepare> double rate(int threads, Prepare prepare) {
    std::atomic<int> ready{0};
    std::atomic<bool> begun{false}, ended{false};
    std::atomic<long> total{0};
    std::mutex mutex;
    std::exception_ptr failure;
    std::vector<std::thread> running;
    for (int i = 0; i < threads; ++i)
        running.emplace_back([&, work = prepare()] {
            ++ready;
            while (!begun) std::this_thread::yield();
            try {
                long count = 0;
                for (; !ended; ++count) work();
                total += count;
            } catch (...) {
                const std::lock_guard<std::mutex> lock(mutex);
                failure = std::current_exception();
            }
        });
    while (ready < threads) std::this_thread::yield();
    const auto start = Steady::now();
    begun = true;
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    ended = true;
    for (std::thread& thread : running) thread.join();
    const double time = since(start);
    if (failure) std::rethrow_exception(failure);
    return static_cast<double>(total) / time;
}

/// The median of several rounds, each with what `make` makes anew.
template <class Make> double median_rate(int threads, Make make) {
    std::vector<double> rates;
    for (int round = 0; round < rounds; ++round) {
        const auto work = make();
        rates.push_back(rate(threads, [&] { return work; }));
    }
    std::sort(rates.begin(), rates.end());
    return rates[rates.size() / 2];
}

template <class Make> void row(const char* name, const char* what, Make make) {
    const double one = median_rate(1, make), eight = median_rate(8, make);
    std::printf("  %-13s  %-33s %10.0f %10.0f   × %.2f\n", name, what, one, eight, eight / one);
    std::fflush(stdout);
}

/// How many times as long as the floor it takes in eight threads: the median of rounds that take turns.
template <class Make> void ratio(const char* name, const char* what, Make make, const Floor& floor) {
    if (!floor.make) return;
    std::vector<double> ratios;
    for (int round = 0; round < rounds; ++round) {
        const double most = rate(8, floor.make);
        const auto work = make();
        ratios.push_back(most / rate(8, [&] { return work; }));
    }
    std::sort(ratios.begin(), ratios.end());
    std::printf("  %-13s  %-33s × %.2f of %s\n", name, what, ratios[ratios.size() / 2], floor.what);
    std::fflush(stdout);
}

pivotal::Event event_of(const std::string& id) {
    pivotal::Event event;
    event.id = id;
    event.type = "customer.created";
    return event;
}

std::string body_of(const std::string& id) {  // of 350 bytes
    std::string body = R"({"id":")" + id + R"(","type":"customer.created","data":{"object":{"note":")";
    body.append(350 - body.size() - 4, 'x');
    return body + R"("}}})";
}

// ---- Claims and puts ----

void measure_disk(const Place& place) {
    const int file = open(place.file("disk").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    require(file >= 0, "open");
    const std::string page(4096, 'x');
    std::vector<double> rates;
    for (int round = 0; round < rounds; ++round)
        rates.push_back(rate(1, [&] {
            return [&] { require(write(file, page.data(), page.size()) == 4096 && fdatasync(file) == 0, "fdatasync"); };
        }));
    close(file);
    std::sort(rates.begin(), rates.end());
    std::printf("  %-13s  %-33s %10.0f\n", "the disk", "4 KiB and fdatasync", rates[rates.size() / 2]);
}

void measure_stores(Place& place) {
    std::printf("\nA second                                          1 thread  8 threads\n");
    measure_disk(place);
    const auto measure = [&](const auto& kind, const char* what, auto make) {
        row(kind.name, what, make);
        ratio(kind.name, what, make, kind.floor);
    };
    for (const Store& kind : place.stores()) {
        measure(kind, "claim", [&] {
            return [store = kind.make()] {
                const std::string id = new_id();
                require(store->claim(id, id, 30s) == pivotal::Claim::granted, "claim");
            };
        });
        measure(kind, "claim and complete", [&] {
            return [store = kind.make()] {
                const std::string id = new_id();
                require(store->claim(id, id, 30s) == pivotal::Claim::granted, "claim");
                require(store->complete(id, id), "complete");
            };
        });
    }
    for (const Inbox& kind : place.inboxes()) {
        measure(kind, "put", [&] {
            return [inbox = kind.make()] {
                const std::string id = new_id();
                require(inbox->put(event_of(id), body_of(id)), "put");
            };
        });
        measure(kind, "put, take and done", [&] {
            return [inbox = kind.make()] {
                const std::string id = new_id();
                require(inbox->put(event_of(id), body_of(id)), "put");
                auto job = inbox->take(30s);  // another thread's, perhaps
                while (!job) job = inbox->take(30s);
                require(inbox->done(*job), "take and done");
            };
        });
    }
}

// ---- How soon a worker has what was put ----

double percentile(std::vector<double> values, double share) {
    std::sort(values.begin(), values.end());
    return values[static_cast<std::size_t>(static_cast<double>(values.size() - 1) * share)];
}

/// From the call of put to that of the handler, of one event after the other, beside one commit of the floor.
void wake_up(const Inbox& kind, const char* what, bool same_object) {
    const std::string name = new_name();
    const auto inbox = kind.open(name);
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<Steady::time_point> begun;
    const pivotal::InboxWorker worker(same_object ? inbox : kind.open(name), [&](const pivotal::Event&) {
        const std::lock_guard<std::mutex> lock(mutex);
        begun = Steady::now();
        changed.notify_one();
    });
    const auto commit = kind.floor.make();
    std::vector<double> commits, waits;
    for (int i = 0; i < 40 * rounds; ++i) {
        auto start = Steady::now();
        commit();
        commits.push_back(since(start));
        const std::string id = new_id();
        start = Steady::now();
        require(inbox->put(event_of(id), body_of(id)), "put");
        std::unique_lock<std::mutex> lock(mutex);
        require(changed.wait_for(lock, 60s, [&] { return begun.has_value(); }), "a wake-up");
        waits.push_back(std::chrono::duration<double>(*begun - start).count());
        begun.reset();
    }
    const double median = percentile(waits, 0.5), p95 = percentile(waits, 0.95), one = percentile(commits, 0.5);
    std::printf("  %-13s  %-33s %10.2f %10.2f   × %.1f, × %.1f of a commit\n", kind.name, what, median * 1e3, p95 * 1e3,
                median / one, p95 / one);
    std::fflush(stdout);
}

void measure_wake_ups(Place& place) {
    std::printf("\nMilliseconds from a put to its handler                  median        p95\n");
    for (const Inbox& kind : place.inboxes()) {
        wake_up(kind, "a worker on the same object", true);
        wake_up(kind,
                kind.name == std::string_view("SqliteInbox") ? "another's of the same process" : "another's, by NOTIFY",
                false);
    }
}

/// A worker on an inbox object of its own. It handles ten events, none of which it would find without being told; and
/// then one that does not end, so that nothing is measured but the telling.
class BusyListener {
public:
    BusyListener(const Inbox& kind, const std::string& name)
        : worker_(
              kind.open(name), [this](const pivotal::Event&) { handle(); }, options()) {
        const auto inbox = kind.open(name);
        for (int i = 1; i <= enough; ++i) {
            const std::string id = new_id();
            require(inbox->put(event_of(id), body_of(id)), "put");
            std::unique_lock<std::mutex> lock(mutex_);
            require(changed_.wait_for(lock, 60s, [&] { return handled_ == i; }), "a wake-up");
        }
    }
    ~BusyListener() {
        const std::lock_guard<std::mutex> lock(mutex_);
        ended_ = true;
        changed_.notify_all();
    }
    BusyListener(const BusyListener&) = delete;
    BusyListener& operator=(const BusyListener&) = delete;

private:
    static constexpr int enough = 11;

    static pivotal::WorkerOptions options() {
        pivotal::WorkerOptions made;
        made.poll = 24h;
        return made;
    }
    void handle() {
        std::unique_lock<std::mutex> lock(mutex_);
        ++handled_;
        changed_.notify_all();
        changed_.wait(lock, [&] { return ended_ || handled_ < enough; });
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    int handled_ = 0;
    bool ended_ = false;
    const pivotal::InboxWorker worker_;  // ends first
};

void measure_told_puts(Place& place) {
    std::printf("\nWhat it costs to tell a worker, in eight threads\n");
    for (const Inbox& kind : place.inboxes()) {
        const auto putting = [](const std::shared_ptr<pivotal::Inbox>& inbox) {
            return [inbox] {
                const std::string id = new_id();
                require(inbox->put(event_of(id), body_of(id)), "put");
            };
        };
        const auto told = [&] {
            const std::string name = new_name();
            return [put = putting(kind.open(name)), worker = std::make_shared<BusyListener>(kind, name)] { put(); };
        };
        const auto untold = kind.make();
        ratio(kind.name, "put, a worker on another listens", told,
              {"one to which nobody listens", [&] { return putting(untold); }});
    }
}

// ---- Over HTTP ----

using Answer = std::function<void(const httplib::Request&, httplib::Response&)>;

/// Deliveries per second to a server that answers so.
double http_rate(int clients, const pivotal::Webhook& webhook, const Answer& answer) {
    httplib::Server server;
    server.new_task_queue = [] { return new httplib::ThreadPool(8); };
    server.set_tcp_nodelay(true);
    server.set_keep_alive_max_count(1'000'000'000);
    server.Post("/", answer);
    const int port = server.bind_to_any_port("127.0.0.1");
    std::thread serving([&] { server.listen_after_bind(); });
    struct Stop {
        httplib::Server& server;
        std::thread& serving;
        ~Stop() {
            while (!server.is_running()) std::this_thread::yield();
            server.stop();
            serving.join();
        }
    } const stop{server, serving};
    return rate(clients, [&] {
        auto client = std::make_shared<httplib::Client>("127.0.0.1", port);
        client->set_keep_alive(true);
        client->set_tcp_nodelay(true);
        return [&webhook, client] {
            const std::string id = new_id(), body = body_of(id);
            const auto now = pivotal::Clock::now();
            const httplib::Headers headers = {{"svix-id", "msg_1"},
                                              {"svix-timestamp", std::to_string(pivotal::Clock::to_time_t(now))},
                                              {"svix-signature", webhook.sign("msg_1", now, body)}};
            const auto answered = client->Post("/", headers, body, "application/json");
            require(answered && answered->status == 200 && answered->body == "ok", "a delivery");
        };
    });
}

void measure_http(Place& place) {
    const pivotal::Webhook webhook("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
    const auto handler = [](const pivotal::Event&) {};
    const auto by = [](const std::shared_ptr<pivotal::Receiver>& receiver) {
        return [=](const httplib::Request& request, httplib::Response& response) {
            const pivotal::Reply reply = receiver->receive(request.body, request.headers);
            response.status = reply.status;
            response.set_content(reply.body, "text/plain");
        };
    };
    struct Way {
        const char* name;
        std::function<Answer()> make;
    };
    std::vector<Way> ways = {{"verify, without a store", [&]() -> Answer {
                                  return [&](const httplib::Request& request, httplib::Response& response) {
                                      (void)webhook.verify(request.body, request.headers);
                                      response.set_content("ok", "text/plain");
                                  };
                              }}};
    for (const Store& kind : place.stores())
        ways.push_back({kind.name, [&webhook, by, handler, make = kind.make] {
                            return by(std::make_shared<pivotal::Receiver>(webhook, make(), handler));
                        }});
    for (const Inbox& kind : place.inboxes())
        ways.push_back({kind.name, [&webhook, by, kind] {
                            return by(std::make_shared<pivotal::Receiver>(webhook, kind.make()));
                        }});

    std::printf("\nDeliveries over HTTP a second              1 client  8 clients   ratio to none\n");
    // Interleaved, so that what else the machine does is everybody's.
    std::vector<std::vector<double>> one(ways.size()), eight(ways.size());
    for (int round = 0; round < rounds; ++round)
        for (std::size_t i = 0; i < ways.size(); ++i) {
            one[i].push_back(http_rate(1, webhook, ways[i].make()));
            eight[i].push_back(http_rate(8, webhook, ways[i].make()));
        }
    const auto median = [](std::vector<double>& values) {
        std::sort(values.begin(), values.end());
        return values[values.size() / 2];
    };
    double first_one = 0, first_eight = 0;
    for (std::size_t i = 0; i < ways.size(); ++i) {
        const double a = median(one[i]), b = median(eight[i]);
        if (i == 0) first_one = a, first_eight = b;
        std::printf("  %-36s %11.0f %10.0f   %.2f  %.2f\n", ways[i].name, a, b, a / first_one, b / first_eight);
    }
}

// ---- With many stored ----

bool is_flat = true;

/// Runs `work` so often, and prints what an event costs in the first and in the last tenth. Processor time, in a
/// folder in memory: neither a disk nor what else the machine does is in it.
template <class Work> void grow(Place& place, const char* name, const char* what, Work work) {
    const long tenth = std::max(stored / 10, 1L);
    double first = 0, last = 0;
    for (int part = 0; part < 10; ++part) {
        const double start = place.processor_seconds();
        for (long i = 0; i < tenth; ++i) work();
        last = (place.processor_seconds() - start) / static_cast<double>(tenth) * 1e6;
        if (part == 0) first = last;
    }
    const bool flat = most_growth <= 0 || last <= most_growth * first;
    is_flat = is_flat && flat;
    std::printf("  %-13s  %-33s %10.1f %10.1f   × %.2f%s\n", name, what, first, last, last / first,
                flat ? "" : "  FAILED: not flat");
    std::fflush(stdout);
}

void measure_growth(Place& place) {
    std::printf("\nMicroseconds of processor time, of %-7ld         the first   the last tenth\n", stored);
    for (const Store& kind : place.stores()) {
        const auto store = kind.make();
        grow(place, kind.name, "claim and complete", [&] {
            const std::string id = new_id();
            require(store->claim(id, id, 30s) == pivotal::Claim::granted && store->complete(id, id), "claim");
        });
    }
    for (const Inbox& kind : place.inboxes()) {
        const auto inbox = kind.make();
        grow(place, kind.name, "put: they wait", [&] {
            const std::string id = new_id();
            require(inbox->put(event_of(id), body_of(id)), "put");
        });
        grow(place, kind.name, "take and done: they are remembered", [&] {
            const auto job = inbox->take(1h);
            require(job && inbox->done(*job), "take and done");
        });
    }
}

}  // namespace

int main(int argc, char** argv) {
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view option = argv[i];
        if (option == "--seconds") seconds = std::atof(argv[i + 1]);
        if (option == "--rounds") rounds = std::atoi(argv[i + 1]);
        if (option == "--stored") stored = std::atol(argv[i + 1]);
        if (option == "--growth") most_growth = std::atof(argv[i + 1]);
        if (option == "--only") only = argv[i + 1], no_http = !only.empty();
    }
    if (argc < 3 || argc % 2 != 1 || seconds <= 0 || rounds < 1 || stored < 1) {
        std::fprintf(stderr,
                     "usage: %s [--seconds S] [--rounds N] [--stored N] [--growth MOST] [--only NAME] DISK MEMORY\n",
                     argv[0]);
        return 2;
    }
    std::printf("Median of %d rounds of %g s, on %u processors\n", rounds, seconds,
                std::thread::hardware_concurrency());
    try {
        {
            Place disk(argv[argc - 2]);
            measure_stores(disk);
            measure_wake_ups(disk);
            measure_told_puts(disk);
            if (!no_http) measure_http(disk);
        }
        Place memory(argv[argc - 1]);
        measure_growth(memory);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "failed: %s\n", error.what());
        return 1;
    }
    return is_flat ? 0 : 1;
}
