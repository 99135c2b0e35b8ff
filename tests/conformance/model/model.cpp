// SPDX-License-Identifier: MIT

// pivotal_model_test [CASES] [SEED]: random deliveries, of which the library and the model must say the same.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <string>

#include "cases.hpp"
#include "compare.hpp"

namespace {

std::string shown(const std::string& text) {
    std::string result;
    for (const char c : text) {
        char hex[8];
        std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
        result += c >= ' ' && c < 127 && c != '\\' ? std::string(1, c) : std::string(hex);
    }
    return result;
}

void show(const model::Delivery& delivery) {
    if (delivery.raw_key)
        std::printf("  raw key: %s\n", shown(*delivery.raw_key).c_str());
    else
        std::printf("  secrets: %s\n", shown(delivery.secrets).c_str());
    for (const auto& [name, value] : delivery.headers)
        std::printf("  header: %s: %s\n", shown(name).c_str(), shown(value).c_str());
    std::printf("  body: %s\n  now: %lld and %lld ns, tolerance: %lld\n", shown(delivery.body).c_str(),
                static_cast<long long>(delivery.now), static_cast<long long>(delivery.nanoseconds),
                static_cast<long long>(delivery.tolerance));
}

}  // namespace

int main(int argc, char** argv) {
    const long cases = argc > 1 ? std::atol(argv[1]) : 1'000'000;
    const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 0) : std::random_device{}();
    std::printf("%ld cases, seed %llu\n", cases, static_cast<unsigned long long>(seed));

    std::map<std::string, long> outcomes;
    model::Cases random(seed);
    for (long i = 0; i < cases; ++i) {
        const model::Delivery delivery = random.next();
        auto source = model::Source::range;
        if (delivery.headers.size() >= 3 && random.chance(2))
            source = static_cast<model::Source>(random.below(static_cast<std::size_t>(model::Source::count)));
        model::Comparison comparison(delivery);
        const std::string difference = comparison.differs(source, random.chance(8));
        if (!difference.empty()) {
            std::printf("case %ld, source %d: %s\n", i, static_cast<int>(source), difference.c_str());
            show(delivery);
            return 1;
        }
        ++outcomes[comparison.code() == model::accepted ? "accepted" : make_error_code(comparison.code()).message()];
    }
    for (const auto& [outcome, count] : outcomes) std::printf("  %-20s %ld\n", outcome.c_str(), count);
    // A comparison in which nothing is accepted, or some code never comes up, would prove little.
    if (cases >= 100'000 && (outcomes.size() != 8 || outcomes["accepted"] < cases / 5)) {
        std::printf("the cases are one-sided\n");
        return 1;
    }
    return 0;
}
