// SPDX-License-Identifier: MIT
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <pivotal/inbox.hpp>

#if defined(PIVOTAL_CLI_SQLITE)
#include <pivotal/stores/sqlite.hpp>
#endif
#if defined(PIVOTAL_CLI_POSTGRES)
#include <pivotal/stores/postgres.hpp>
#endif

#include "cli.hpp"

// `pivotal-webhook inbox`: the operator's view of the events that wait, run or were given up.

namespace {

using Json = nlohmann::ordered_json;
using std::chrono::milliseconds;

struct InboxArguments {
    std::string sqlite, postgres, max_age, older_than;
    pivotal::StoreOptions store;
    std::vector<std::string> ids;
    bool json = false, sqlite_schema = false, postgres_schema = false;
};

[[maybe_unused]] UsageError built_without(const std::string& what, const std::string& package) {
    return UsageError("this pivotal-webhook was built without " + what +
                      ": install it with its headers (Debian: " + package + ") and build again");
}

#if defined(PIVOTAL_CLI_SQLITE)
std::string sqlite_schema() {
    return pivotal::SqliteInbox::schema();
}
std::unique_ptr<pivotal::Inbox> open_sqlite(const InboxArguments& arguments) {
    if (!std::filesystem::exists(arguments.sqlite)) throw UsageError("there is no file " + arguments.sqlite);
    return std::make_unique<pivotal::SqliteInbox>(arguments.sqlite, arguments.store);
}
#else
std::string sqlite_schema() {
    throw built_without("SQLite", "libsqlite3-dev");
}
std::unique_ptr<pivotal::Inbox> open_sqlite(const InboxArguments&) {
    throw built_without("SQLite", "libsqlite3-dev");
}
#endif

#if defined(PIVOTAL_CLI_POSTGRES)
std::string postgres_schema() {
    return pivotal::PostgresInbox::schema();
}
std::unique_ptr<pivotal::Inbox> open_postgres(const InboxArguments& arguments) {
    const std::unique_ptr<PQconninfoOption, decltype(&::PQconninfoFree)> parts(
        ::PQconninfoParse(arguments.postgres.c_str(), nullptr), ::PQconninfoFree);
    for (const PQconninfoOption* part = parts.get(); part && part->keyword; ++part)
        if (part->val && std::string_view(part->keyword) == "password")
            throw UsageError(
                "a password does not belong in an argument, where `ps` shows it to everybody: put it into ~/.pgpass, or "
                "into the environment variable PGPASSWORD");
    return std::make_unique<pivotal::PostgresInbox>(arguments.postgres, arguments.store);
}
#else
std::string postgres_schema() {
    throw built_without("libpq", "libpq-dev");
}
std::unique_ptr<pivotal::Inbox> open_postgres(const InboxArguments&) {
    throw built_without("libpq", "libpq-dev");
}
#endif

std::unique_ptr<pivotal::Inbox> open(const InboxArguments& arguments) {
    if (arguments.sqlite.empty() && arguments.postgres.empty())
        throw UsageError("which inbox? give --sqlite FILE, or --postgres CONNINFO such as 'host=db dbname=events'");
    return arguments.sqlite.empty() ? open_postgres(arguments) : open_sqlite(arguments);
}

// 90s, 5m, 12h or 30d.
std::chrono::seconds parse_duration(const std::string& text) {
    const std::size_t end = text.find_first_not_of("0123456789");
    const std::size_t unit =
        end == text.npos || end + 1 != text.size() ? std::string::npos : std::string_view("smhd").find(text.back());
    if (end == 0 || end > 6 || unit == std::string::npos)
        throw UsageError("'" + printable(text) + "' is no duration such as 90s, 5m, 12h or 30d");
    constexpr int seconds[] = {1, 60, 60 * 60, 24 * 60 * 60};
    return std::chrono::seconds(std::stoll(text) * seconds[unit]);
}

std::string age(milliseconds time) {
    const auto seconds = time.count() / 1000;
    return seconds < 120         ? std::to_string(seconds) + " s"
           : seconds < 2 * 3600  ? std::to_string(seconds / 60) + " min"
           : seconds < 48 * 3600 ? std::to_string(seconds / 3600) + " h"
                                 : std::to_string(seconds / (24 * 3600)) + " d";
}

void print(const Json& line) {
    std::cout << line.dump(-1, ' ', true, Json::error_handler_t::replace) << std::endl;
}

int stats(const InboxArguments& arguments) {
    const milliseconds limit = arguments.max_age.empty() ? (milliseconds::max)() : parse_duration(arguments.max_age);
    const pivotal::InboxStats found = open(arguments)->stats();
    if (arguments.json) {
        print({{"ready", found.ready},
               {"retrying", found.retrying},
               {"running", found.running},
               {"dead", found.dead},
               {"oldest_ready_ms", found.oldest_ready.count()},
               {"longest_running_ms", found.longest_running.count()},
               {"longest_running_id", found.longest_running_id}});
    } else {
        std::cout << "ready     " << found.ready;
        if (found.ready != 0) std::cout << "  the oldest for " << age(found.oldest_ready);
        std::cout << "\nretrying  " << found.retrying << "\nrunning   " << found.running;
        if (found.running != 0)
            std::cout << "  the longest for " << age(found.longest_running) << ": "
                      << printable(found.longest_running_id);
        std::cout << "\ndead      " << found.dead << std::endl;
    }
    if (found.oldest_ready <= limit) return status_valid;
    std::cerr << "pivotal-webhook: the oldest event that is ready has waited for " << age(found.oldest_ready)
              << std::endl;
    return status_invalid;
}

int dead(const InboxArguments& arguments) {
    constexpr std::size_t page = 100;
    const auto inbox = open(arguments);
    std::string last;
    while (true) {
        const std::vector<pivotal::DeadJob> jobs = inbox->dead(page, last);
        for (const auto& job : jobs) {
            const std::string died = iso8601(std::chrono::floor<std::chrono::seconds>(job.died));
            if (arguments.json)
                print({{"died", died},
                       {"type", job.event.type},
                       {"id", job.event.id},
                       {"message_id", job.event.delivery.message_id},
                       {"attempts", job.attempts},
                       {"error", job.error}});
            else
                std::cout << died << "  " << printable(job.event.type) << "  " << printable(job.event.id) << "  "
                          << job.attempts << (job.attempts == 1 ? " attempt: " : " attempts: ") << printable(job.error)
                          << '\n';
        }
        if (jobs.size() < page) break;
        last = jobs.back().event.id;
    }
    return status_valid;
}

// What `member` does to each of the ids: told as `done` where it was done, else as `not_done`.
int change(const InboxArguments& arguments, bool (pivotal::Inbox::*member)(std::string_view), const char* done,
           const char* not_done) {
    const auto inbox = open(arguments);
    int status = status_valid;
    for (const auto& id : arguments.ids) {
        const bool changed = ((*inbox).*member)(id);
        if (!changed) status = status_invalid;
        if (arguments.json)
            print({{"id", id}, {"changed", changed}});
        else
            std::cout << printable(id) << (changed ? done : not_done) << std::endl;
    }
    return status;
}

int purge(const InboxArguments& arguments) {
    const auto older_than = parse_duration(arguments.older_than);
    const auto purged = open(arguments)->purge(older_than);
    if (arguments.json)
        print({{"purged", purged}});
    else
        std::cout << purged << (purged == 1 ? " dead letter was" : " dead letters were") << " forgotten" << std::endl;
    return status_valid;
}

int schema(const InboxArguments& arguments) {
    if (arguments.sqlite_schema == arguments.postgres_schema) throw UsageError("which schema? --sqlite or --postgres");
    std::cout << (arguments.sqlite_schema ? sqlite_schema() : postgres_schema()) << std::flush;
    return status_valid;
}

}  // namespace

void add_inbox(CLI::App& app, int& status) {
    auto arguments = std::make_shared<InboxArguments>();
    arguments->store.create_schema = false;
    CLI::App* const inbox =
        app.add_subcommand("inbox", "Shows what waits in an inbox of pivotal::InboxWorker, and lets it run again.");
    inbox->require_subcommand(1);
    inbox->footer(
        "Exit status: 0 done, 1 not (or stats: too old), 2 usage, or the database cannot answer.\n\nExamples:\n"
        "  pivotal-webhook inbox stats --sqlite inbox.db --max-age 5m\n"
        "  pivotal-webhook inbox dead --sqlite inbox.db --json\n"
        "  pivotal-webhook inbox purge --sqlite inbox.db --older-than 30d\n"
        "  pivotal-webhook inbox schema --postgres");
    const auto add = [=, &status](const char* name, const char* description, int (*run)(const InboxArguments&)) {
        CLI::App* const command = inbox->add_subcommand(name, description);
        auto* const sqlite =
            command->add_option("--sqlite", arguments->sqlite, "the database of a SqliteInbox")->type_name("FILE");
        command
            ->add_option("--postgres", arguments->postgres,
                         "of a PostgresInbox, as psql takes it: 'host=db dbname=events'")
            ->type_name("CONNINFO")
            ->excludes(sqlite);
        command->add_option("--consumer", arguments->store.consumer, "StoreOptions::consumer")->capture_default_str();
        command->add_flag("--json", arguments->json, "lines of JSON");
        command->callback([=, &status] { status = run(*arguments); });
        return command;
    };
    add("stats", "Counts what is ready, retrying, running and dead.", stats)
        ->add_option("--max-age", arguments->max_age,
                     "exit status 1 where an event has been ready for longer: 90s, 5m, 12h, 30d")
        ->type_name("DURATION");
    add("dead", "Lists the dead letters, those that died first.", dead);
    const auto add_ids = [&](CLI::App* command) {
        command->add_option("ID", arguments->ids, "the events' ids")->required();
    };
    add_ids(add("requeue", "Makes events due now that are dead, wait for a retry, or are done and kept their body.",
                [](const InboxArguments& given) {
                    return change(given, &pivotal::Inbox::requeue, " is due now", ": there is none, or it is running");
                }));
    add_ids(add("forget", "Forgets all about events: who works on one loses it, and a resend is new.",
                [](const InboxArguments& given) {
                    return change(given, &pivotal::Inbox::forget, " is forgotten", ": there is none");
                }));
    add("purge", "Forgets the dead letters that are old.", purge)
        ->add_option("--older-than", arguments->older_than, "which have been dead for so long: 90s, 5m, 12h, 30d")
        ->type_name("DURATION")
        ->required();
    CLI::App* const command = inbox->add_subcommand("schema", "Prints the statements that create the tables.");
    command->add_flag("--sqlite", arguments->sqlite_schema, "those of SQLite");
    command->add_flag("--postgres", arguments->postgres_schema, "those of PostgreSQL");
    command->callback([=, &status] { status = schema(*arguments); });
}
