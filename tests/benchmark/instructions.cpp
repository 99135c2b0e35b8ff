// SPDX-License-Identifier: MIT
// Under callgrind, leaves a count of instructions for each measurement: `pivotal_instructions FOLDER` with a
// folder that bodies.py wrote; peers.py runs it and reads the counts. They repeat where times do not, but are
// counted on valgrind's processor, which has neither SHA extensions nor AVX-512: OpenSSL hashes there, and
// simdjson parses, in other code than is timed.
#include <cstdio>
#include <string>

#include <valgrind/callgrind.h>

#include "delivery.hpp"

namespace {

/// Of the second run: the first one allocates the thread's contexts and binds the functions of OpenSSL.
template <class Work> void count(const std::string& name, Work work) {
    work();
    CALLGRIND_ZERO_STATS;
    work();
    CALLGRIND_DUMP_STATS_AT(name.c_str());
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    const pivotal::Webhook webhook(Delivery::secret);
    for (const char* const size : {"350", "4096", "65536"}) {
        const Delivery delivery = Delivery::fixed(read_file(std::string(argv[1]) + "/" + size + ".json"));
        const std::string suffix = std::string("/") + size;
        count("floor" + suffix, [floor = Floor(delivery)]() mutable { floor(); });
        count("authenticate" + suffix, [&] {
            std::error_code error;
            require(webhook.authenticate(delivery.body, delivery.headers(), error, Delivery::fixed_now()));
        });
        count("verify" + suffix, [&] {
            std::error_code error;
            require(webhook.verify(delivery.body, delivery.headers(), error, Delivery::fixed_now()).has_value());
        });
        count("simdjson" + suffix,
              [&] { read_by_simdjson(webhook, delivery.body, delivery.headers(), Delivery::fixed_now()); });
        const auto headers = delivery.header_map();
        count("authenticate-map" + suffix, [&] {
            std::error_code error;
            require(webhook.authenticate(delivery.body, headers, error, Delivery::fixed_now()));
        });
        count("simdjson-map" + suffix,
              [&] { read_by_simdjson(webhook, delivery.body, headers, Delivery::fixed_now()); });
    }
    return 0;
}
