// SPDX-License-Identifier: MIT

// pivotal_fuzz_replay CORPORA: runs each target on the files of its folder, CORPORA/<target>/.

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "harness.hpp"

namespace {

// What a target was given when it gave up.
std::string current;

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    std::signal(SIGABRT, [](int) { std::fprintf(stderr, "while replaying %s\n", current.c_str()); });
    bool complete = true;
    for (const auto& [name, target] : fuzz::targets()) {
        std::size_t count = 0;
        const std::filesystem::path folder = std::filesystem::path(argv[1]) / name;
        if (std::filesystem::is_directory(folder)) {
            for (const auto& entry : std::filesystem::directory_iterator(folder)) {
                std::ifstream file(entry.path(), std::ios::binary);
                const std::string input(std::istreambuf_iterator<char>(file), {});
                current = entry.path().string();
                target(input);
                ++count;
            }
        }
        std::printf("%-20s %zu inputs\n", name.c_str(), count);
        complete = complete && count != 0;
    }
    if (!complete || fuzz::targets().empty()) std::printf("a corpus is missing\n");
    return complete && !fuzz::targets().empty() ? 0 : 1;
}
