// SPDX-License-Identifier: MIT

// The main of woven tests: it writes down which mutants each test case reaches, and how long that takes.

#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>

#include <chrono>
#include <cstring>
#include <fstream>
#include <string>

#include "switch.hpp"

namespace {

struct Recorder : Catch::TestEventListenerBase {
    using TestEventListenerBase::TestEventListenerBase;

    void testRunStarting(const Catch::TestRunInfo&) override {
        if (const char* const path = std::getenv("MUTATION_RECORD")) out_.open(path);  // NOLINT
        write("");                                                                     // what static objects reach
    }
    void testCaseStarting(const Catch::TestCaseInfo&) override { start_ = std::chrono::steady_clock::now(); }
    void testCaseEnded(const Catch::TestCaseStats& stats) override { write(stats.testInfo.name); }

private:
    void write(const std::string& name) {
        if (!out_.is_open()) return;
        const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start_;
        out_ << name << '\t' << (name.empty() ? 0 : time.count()) << '\t';
        for (int i = 0; i < mutation::most; ++i)
            if (mutation::reached[i]) out_ << i << ' ';
        out_ << std::endl;
        std::memset(mutation::reached, 0, mutation::most);
    }

    std::ofstream out_;
    std::chrono::steady_clock::time_point start_;
};

}  // namespace

CATCH_REGISTER_LISTENER(Recorder)
