// SPDX-License-Identifier: MIT
// Times the library against its floors: `pivotal_benchmark FOLDER` with a folder that bodies.py wrote. The
// moment of verification is given, so that no time is the clock's; driver.cpp reads the clock, as users do.
//
// all.sh interleaves the rounds of all measurements, in several processes, and report.py takes the fastest of each: on
// a machine with other work it repeats where a median does not.
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

template <class Measured> void measure(const std::string& name, const char* size, Measured measured) {
    benchmark::RegisterBenchmark((name + "/" + size).c_str(),
                                 [measured](State& state) {
                                     for (auto _ : state) DoNotOptimize(measured());
                                 })
        ->Unit(benchmark::kNanosecond)
        ->ComputeStatistics("min", fastest)
        ->DisplayAggregatesOnly();
}

/// By the time that passes, in one thread and in two.
template <class Loop> void measure_threads(const std::string& name, const char* size, Loop loop) {
    for (const int threads : {1, 2})
        benchmark::RegisterBenchmark((name + "/" + size).c_str(), loop)
            ->Threads(threads)
            ->UseRealTime()
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
        // What the map adds is less than what 64 KiB vary by.
        if (delivery->body.size() < 65536)
            measure("authenticate, map of ten", size, [=] {
                std::error_code error;
                return require(webhook->authenticate(delivery->body, *fields, error, now));
            });
        measure("nlohmann parse", size, [=] { return nlohmann::json::parse(delivery->body); });
        measure("verify", size, [=] {
            std::error_code error;
            auto event = webhook->verify(delivery->body, delivery->headers(), error, now);
            require(event);
            return event;
        });
        measure("simdjson DOM", size,
                [parser = std::make_shared<simdjson::dom::parser>(),
                 body = std::make_shared<simdjson::padded_string>(delivery->body)] {
                    simdjson::dom::element element;
                    require(parser->parse(*body).get(element) == simdjson::SUCCESS);
                    return element.is_object();
                });
        measure("verify, simdjson", size,
                [=] { return read_by_simdjson(*webhook, delivery->body, delivery->headers(), now); });
        measure("construct and authenticate", size, [=] {
            std::error_code error;
            const auto made = pivotal::Webhook::create(Delivery::secret, error);
            return require(made->authenticate(delivery->body, delivery->headers(), error, now));
        });

        measure_threads("threads", size, [=](State& state) {
            for (auto _ : state) {
                std::error_code error;
                DoNotOptimize(require(webhook->authenticate(delivery->body, delivery->headers(), error, now)));
            }
        });
        // As far as OpenSSL lets two threads run side by side: nothing of ours is shared.
        measure_threads("floor threads", size, [=](State& state) {
            Floor floor(*delivery);
            for (auto _ : state) DoNotOptimize(floor());
        });
    }
}

}  // namespace

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s [--benchmark_...] FOLDER\n", argv[0]);
        return 2;
    }
    register_all(argv[1]);
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
