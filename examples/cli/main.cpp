// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <signal.h>

#include <cstring>
#include <exception>
#include <iostream>
#include <pivotal/version.hpp>

#include "cli.hpp"

namespace {

bool is_secret(const char* argument) {
    for (const char* const prefix : {"whsec_", "whsk_"})
        if (std::strstr(argument, prefix)) return true;
    return false;
}

// While it lives, what cannot be written to standard output is an exception.
struct WatchedOutput {
    WatchedOutput() {
        // A closed descriptor would be that of the next file or socket, and the output would go there.
        for (const int descriptor : {0, 1, 2})
            if (::fcntl(descriptor, F_GETFD) < 0) ::open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY);
        ::signal(SIGPIPE, SIG_IGN);
        std::cout.exceptions(std::ios::badbit | std::ios::failbit);
    }
    ~WatchedOutput() { std::cout.exceptions(std::ios::goodbit); }  // it is flushed once more at the end
};

}  // namespace

int main(int argc, char** argv) try {
    const WatchedOutput watched;
    for (int i = 1; i < argc; ++i)
        if (is_secret(argv[i]))
            throw UsageError(
                "a secret does not belong in an argument, where `ps` shows it to everybody: put it into the "
                "environment variable PIVOTAL_WEBHOOK_SECRET or into a file (--secret-file)");

    CLI::App app(
        "Receives, sends, signs, verifies and explains the deliveries of Pivotal's webhooks; looks after an inbox.",
        "pivotal-webhook");
    app.set_version_flag("--version", std::to_string(PIVOTAL_WEBHOOK_VERSION_MAJOR) + "." +
                                          std::to_string(PIVOTAL_WEBHOOK_VERSION_MINOR) + "." +
                                          std::to_string(PIVOTAL_WEBHOOK_VERSION_PATCH));
    app.require_subcommand(1);
    app.fallthrough();
    CommonOptions common;
    app.add_option("--secret-file", common.secret_file,
                   "the signing secrets, separated by white space (default: $PIVOTAL_WEBHOOK_SECRET)")
        ->check(CLI::ExistingFile);
    app.footer(
        "Exit status: 0 valid or as expected, 1 not, 2 usage.\n\nExamples:\n"
        "  export PIVOTAL_WEBHOOK_SECRET=$(pivotal-webhook secret)\n"
        "  pivotal-webhook listen --help\n"
        "  pivotal-webhook --version");
    int status = status_valid;
    add_listen(app, common, status);
    add_send(app, common, status);
    add_offline(app, common, status);
    add_inbox(app, status);
    add_completion(app, status);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        refuse_unknown(app);
        status = app.exit(error) == 0 ? 0 : status_usage;
    }
    std::cout.flush();
    return status;
} catch (const std::ios::failure&) {
    std::cerr << "pivotal-webhook: " << write_error("standard output").what() << std::endl;
    return status_usage;
} catch (const std::exception& error) {
    std::string_view text = error.what();
    constexpr std::string_view name = "pivotal: ";  // with which the library starts some of its own
    if (text.substr(0, name.size()) == name) text.remove_prefix(name.size());
    std::cerr << "pivotal-webhook: " << text << std::endl;
    return status_usage;
}
