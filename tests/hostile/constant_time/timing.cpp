// SPDX-License-Identifier: MIT

// After "dude, is my code constant time?" (Reparaz, Balasch, Verbauwhede, 2017): the time of `authenticate` is taken
// for two classes of wrong signatures, in random order: those that differ from the right one in the first byte, and
// those that differ in the last. Welch's t-test says whether the two times differ.
//   timing [MEASUREMENTS]                 the library
//   timing MEASUREMENTS memcmp            the C library's memcmp instead, one call for the 32 bytes
//   timing MEASUREMENTS memcmp-by-bytes   a call for each byte, until two differ
// Exit status 0: no difference was found; 1: there is one.
//
// Of one call as much is seen as it leaks. Where glibc has AVX2 its memcmp reads 32 bytes at once, and of that nothing is
// found here, in millions of measurements: an accident of the machine and of the size, on which nothing may rest.
// Without (GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2) it reads 16 at a time and ends behind the first that differ, a few
// cycles sooner: that is found. By bytes it is what a C library without vector instructions does, found at once.

#include <pivotal/webhook.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <openssl/evp.h>

#if defined(__x86_64__) || defined(__i386__)
#include <x86intrin.h>
#endif

namespace {

// Volatile, so that it is the C library's own function that is called, and not what the compiler knows of it.
int (*volatile the_real_memcmp)(const void*, const void*, std::size_t) = std::memcmp;

bool by_memcmp(const unsigned char* a, const unsigned char* b, std::size_t size) {
    return the_real_memcmp(a, b, size) == 0;
}

bool by_memcmp_of_bytes(const unsigned char* a, const unsigned char* b, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i)
        if (the_real_memcmp(a + i, b + i, 1) != 0) return false;
    return true;
}

std::uint64_t ticks() {
#if defined(__x86_64__) || defined(__i386__)
    unsigned processor = 0;
    return __rdtscp(&processor);
#else
    return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

struct Delivery {
    std::string id, signature;
    int differs_at;
};

struct Sample {
    int differs_at;  // 0: in the first byte, 1: in the last
    double time;
};

double welch_t(const std::vector<Sample>& samples, double limit) {
    double count[2] = {}, mean[2] = {}, squares[2] = {};
    for (const Sample& sample : samples) {
        if (sample.time > limit) continue;
        const int c = sample.differs_at;
        const double delta = sample.time - mean[c];
        mean[c] += delta / ++count[c];
        squares[c] += delta * (sample.time - mean[c]);
    }
    const double error = squares[0] / (count[0] * (count[0] - 1)) + squares[1] / (count[1] * (count[1] - 1));
    return (mean[0] - mean[1]) / std::sqrt(error);
}

}  // namespace

int main(int argc, char** argv) {
    const std::size_t measurements = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 2'000'000;
    const std::string comparison = argc > 2 ? argv[2] : "";
    if (comparison == "memcmp")
        constant_time::planted = by_memcmp;
    else if (comparison == "memcmp-by-bytes")
        constant_time::planted = by_memcmp_of_bytes;
    else if (!comparison.empty())
        return 2;

    const pivotal::Clock::time_point now{std::chrono::seconds{1649367553}};
    const pivotal::Webhook webhook("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
    const std::string body = "{}";

    std::mt19937_64 random(std::random_device{}());
    std::vector<Sample> samples;
    samples.reserve(measurements);
    std::vector<Delivery> batch(256);
    std::error_code error;
    while (samples.size() < measurements) {
        // All are made before the first is measured: the work of making one, which differs with its class, would be
        // in the caches and the branch predictor still. Each id is new, and so is its tag: the classes have no texts of
        // their own, whose decoding could take its own time.
        for (Delivery& delivery : batch) {
            const std::uint64_t bits = random();
            delivery.id = std::to_string(random() >> 2 | std::uint64_t{1} << 62);  // 19 digits
            delivery.signature = webhook.sign(delivery.id, now, body);
            unsigned char tag[33];
            auto* const text = reinterpret_cast<unsigned char*>(&delivery.signature[3]);
            if (EVP_DecodeBlock(tag, text, 44) != 33) return 2;
            delivery.differs_at = static_cast<int>(bits & 1);
            tag[delivery.differs_at == 0 ? 0 : 31] ^= static_cast<unsigned char>(1U << (bits >> 1 & 7));
            EVP_EncodeBlock(text, tag, 32);
        }
        for (const Delivery& delivery : batch) {
            const pivotal::Headers headers{delivery.id, "1649367553", delivery.signature};
            const std::uint64_t begin = ticks();
            const bool authentic = webhook.authenticate(body, headers, error, now).has_value();
            const std::uint64_t end = ticks();
            if (authentic) return 2;
            samples.push_back({delivery.differs_at, static_cast<double>(end - begin)});
        }
    }

    // The slow samples are interrupts and other processes. As dudect does, look at several limits, and take the worst.
    std::vector<double> times;
    for (const Sample& sample : samples) times.push_back(sample.time);
    std::sort(times.begin(), times.end());
    double worst = 0;
    for (const double part : {0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99}) {
        const double t =
            welch_t(samples, times[static_cast<std::size_t>(part * static_cast<double>(times.size() - 1))]);
        if (std::isfinite(t) && std::fabs(t) > std::fabs(worst)) worst = t;
    }
    // dudect's own threshold for "probably not constant time" is 10; chance alone hardly ever exceeds 5.
    const bool leaks = std::fabs(worst) > 10;
    std::printf("%zu measurements, median %.0f ticks, t = %.2f: %s\n", samples.size(), times[times.size() / 2], worst,
                leaks ? "the time depends on where the signatures differ" : "no difference found");
    return leaks ? 1 : 0;
}
