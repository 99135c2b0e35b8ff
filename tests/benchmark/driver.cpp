// SPDX-License-Identifier: MIT
// Times this library as the official ones of other languages are timed; the protocol is told in peers.py.
#include <chrono>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>

#include <openssl/crypto.h>
#include <nlohmann/json.hpp>

#include "delivery.hpp"

namespace {

using Monotonic = std::chrono::steady_clock;

template <class Work> long long nanoseconds(int count, Work work) {
    std::size_t read = 0;
    const auto begin = Monotonic::now();
    for (int i = 0; i < count; ++i) read += work();
    const auto time = Monotonic::now() - begin;
    require(read != 0);
    return std::chrono::duration_cast<std::chrono::nanoseconds>(time).count();
}

long long run(const std::string& mode, int count, const pivotal::Webhook& webhook, const Delivery& delivery) {
    if (mode == "floor") {
        // Zero may be the byte that it gives.
        return nanoseconds(count, [floor = Floor(delivery)]() mutable { return std::size_t{1} + floor(); });
    }
    if (mode == "authenticate")
        return nanoseconds(count, [&] {
            std::error_code error;
            return std::size_t{require(webhook.authenticate(delivery.body, delivery.headers(), error))};
        });
    if (mode == "authenticate-map")
        return nanoseconds(count, [&, headers = delivery.header_map()] {
            std::error_code error;
            return std::size_t{require(webhook.authenticate(delivery.body, headers, error))};
        });
    if (mode == "verify")
        return nanoseconds(count, [&] {
            std::error_code error;
            const auto event = webhook.verify(delivery.body, delivery.headers(), error);
            require(event.has_value());
            return event->id.size();
        });
    if (mode == "simdjson-map")
        return nanoseconds(count, [&, headers = delivery.header_map()] {
            return read_by_simdjson(webhook, delivery.body, headers, pivotal::Clock::now());
        });
    require(mode == "simdjson");
    return nanoseconds(
        count, [&] { return read_by_simdjson(webhook, delivery.body, delivery.headers(), pivotal::Clock::now()); });
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 2 && argv[1] == std::string("--versions")) {
        std::printf("g++ %s, %s, nlohmann/json %d.%d.%d, simdjson %d.%d.%d\n", __VERSION__,
                    OpenSSL_version(OPENSSL_VERSION), NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR,
                    NLOHMANN_JSON_VERSION_PATCH, simdjson::SIMDJSON_VERSION_MAJOR, simdjson::SIMDJSON_VERSION_MINOR,
                    simdjson::SIMDJSON_VERSION_REVISION);
        return 0;
    }
    if (argc != 3) {
        std::fprintf(stderr, "usage: %s SECRET FOLDER\n", argv[0]);
        return 2;
    }
    const pivotal::Webhook webhook(argv[1]);
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        std::string mode, size;
        int count = 0;
        Delivery delivery;
        words >> mode >> size >> count >> delivery.id >> delivery.timestamp >> delivery.signature;
        delivery.body = read_file(std::string(argv[2]) + "/" + size + ".json");
        std::cout << run(mode, count, webhook, delivery) << std::endl;
    }
    return 0;
}
