// SPDX-License-Identifier: MIT
// Times the library against its floors: `pivotal_benchmark FOLDER` with a folder that bodies.py wrote.
//
// The rounds of all measurements are interleaved, and the fastest of them counts: on a machine with other
// work it repeats where a median does not.
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <nlohmann/json.hpp>

#include "delivery.hpp"

namespace {

using benchmark::DoNotOptimize;
using benchmark::State;

constexpr const char* sizes[] = {"350", "4096", "65536"};

double fastest(const std::vector<double>& times) {
    return *std::min_element(times.begin(), times.end());
}

template <class Measured>
void measure(const std::string& name, const char* size, Measured measured) {
    benchmark::RegisterBenchmark((name + "/" + size).c_str(),
                                 [measured](State& state) {
                                     for (auto _ : state) DoNotOptimize(measured());
                                 })
        ->Unit(benchmark::kNanosecond)
        ->ComputeStatistics("min", fastest)
        ->DisplayAggregatesOnly();
}

using FieldMap = std::multimap<std::string, std::string>;

/// What a server hands over: ten fields, the signing ones among them.
FieldMap ten_headers(const Delivery& delivery) {
    return {{"Host", "example.com"},
            {"User-Agent", "Svix-Webhooks/1.40.0 (sender-9YMgn; +https://www.svix.com/http-sender/)"},
            {"Content-Type", "application/json"},
            {"Content-Length", std::to_string(delivery.body.size())},
            {"Accept", "*/*"},
            {"Accept-Encoding", "gzip"},
            {"X-Forwarded-For", "192.0.2.1"},
            {"svix-id", delivery.id},
            {"svix-timestamp", delivery.timestamp},
            {"svix-signature", delivery.signature}};
}

void register_all(const std::string& folder) {
    static const auto now = Delivery::fixed_now();
    static const auto webhook = std::make_shared<pivotal::Webhook>(Delivery::secret);
    for (const char* const size : sizes) {
        const auto delivery =
            std::make_shared<const Delivery>(Delivery::fixed(read_file(folder + "/" + size + ".json")));
        const auto fields = std::make_shared<const FieldMap>(ten_headers(*delivery));

        measure("floor", size, [floor = std::make_shared<Floor>(*delivery)] { return (*floor)(); });
        measure("authenticate", size, [=] {
            std::error_code error;
            return require(webhook->authenticate(delivery->body, delivery->headers(), error, now));
        });
        measure("authenticate, map of ten", size, [=] {
            std::error_code error;
            return require(webhook->authenticate(delivery->body, *fields, error, now));
        });
        measure("nlohmann parse", size, [=] { return nlohmann::json::parse(delivery->body); });
        measure("verify", size, [=] {
            std::error_code error;
            auto event = webhook->verify(delivery->body, delivery->headers(), error, now);
            require(event.has_value());
            return event;
        });
        measure("simdjson DOM", size,
                [parser = std::make_shared<simdjson::dom::parser>(),
                 body = std::make_shared<simdjson::padded_string>(delivery->body)] {
                    simdjson::dom::element element;
                    require(parser->parse(*body).get(element) == simdjson::SUCCESS);
                    return element.is_object();
                });
        measure("view", size, [=] { return read_view(*webhook, *delivery, now); });
        measure("construct and authenticate", size, [=] {
            std::error_code error;
            const auto made = pivotal::Webhook::create(Delivery::secret, error);
            return require(made->authenticate(delivery->body, delivery->headers(), error, now));
        });

        for (const int threads : {1, 2})
            benchmark::RegisterBenchmark((std::string("threads/") + size).c_str(),
                                         [=](State& state) {
                                             for (auto _ : state) {
                                                 std::error_code error;
                                                 DoNotOptimize(require(webhook->authenticate(
                                                     delivery->body, delivery->headers(), error, now)));
                                             }
                                         })
                ->Threads(threads)
                ->UseRealTime()
                ->ComputeStatistics("min", fastest)
                ->DisplayAggregatesOnly();
    }
}

/// Collects the fastest rounds, and prints them with what they have to be compared with.
class Table : public benchmark::ConsoleReporter {
public:
    bool ReportContext(const Context&) override { return true; }
    void ReportRuns(const std::vector<Run>& runs) override {
        for (const Run& run : runs)
            if (run.aggregate_name == "min") fastest_[run.run_name.str()] = run.GetAdjustedRealTime();
    }
    void Finalize() override {
        std::printf("Fastest round, nanoseconds\n%-30s", "");
        for (const char* const size : sizes) std::printf("%14s B", size);
        std::printf("\n");
        row("floor (HMAC alone)", "floor");
        row("authenticate", "authenticate");
        row("authenticate, map of ten", "authenticate, map of ten");
        row("construct and authenticate", "construct and authenticate");
        row("nlohmann::json::parse", "nlohmann parse");
        row("verify", "verify");
        row("simdjson DOM, parse alone", "simdjson DOM");
        row("EventView, three fields read", "view");
        std::printf("\n%-30s%14s %15s %15s   to reach\n", "Ratios", "350 B", "4 KiB", "64 KiB");
        ratio("authenticate / floor", "1.30, 1.06, 1.03",
              [&](const char* size) { return at("authenticate", size) / at("floor", size); });
        ratio("map of ten: ns more", "150", [&](const char* size) {
            return at("authenticate, map of ten", size) - at("authenticate", size);
        });
        ratio("constructed each time / floor", "5.00 at 350 B",
              [&](const char* size) { return at("construct and authenticate", size) / at("floor", size); });
        ratio("verify / (authenticate + parse)", "1.03", [&](const char* size) {
            return at("verify", size) / (at("authenticate", size) + at("nlohmann parse", size));
        });
        ratio("EventView / floor", "2.00, 1.90, 1.80",
              [&](const char* size) { return at("view", size) / at("floor", size); });
        ratio("two threads / one, throughput", "1.90", [&](const char* size) {
            return at("threads", size, "/real_time/threads:1") / at("threads", size, "/real_time/threads:2");
        });
    }

private:
    double at(const std::string& name, const char* size, const char* suffix = "") const {
        const auto found = fastest_.find(name + "/" + size + suffix);
        return found == fastest_.end() ? 0 : found->second;
    }
    void row(const char* title, const char* name) const {
        std::printf("%-30s", title);
        for (const char* const size : sizes) std::printf("%16.0f", at(name, size));
        std::printf("\n");
    }
    template <class Value>
    static void ratio(const char* title, const char* target, Value value) {
        std::printf("%-32s", title);
        for (const char* const size : sizes) std::printf("%12.2f    ", value(size));
        std::printf("%s\n", target);
    }

    std::map<std::string, double> fastest_;
};

}  // namespace

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s [--benchmark_...] FOLDER\n", argv[0]);
        return 2;
    }
    register_all(argv[1]);
    Table table;
    benchmark::RunSpecifiedBenchmarks(&table);
    return 0;
}
