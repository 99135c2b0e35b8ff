// SPDX-License-Identifier: MIT

// After "dude, is my code constant time?" (Reparaz, Balasch, Verbauwhede, 2017): the time of `authenticate` is taken
// for two classes of wrong signatures, in random order: those that differ from the right one in the first byte, and
// those that differ in the last. Welch's t-test says whether the two times differ.
//   timing [MEASUREMENTS]            the library; to be run by hand, on a quiet machine
//   timing MEASUREMENTS planted      a comparison that ends at the first difference, which must be found
// Exit status 0: no difference was found; 1: there is one.

#include <pivotal/webhook.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include <openssl/evp.h>

#if defined(__x86_64__) || defined(__i386__)
#include <x86intrin.h>
#endif

namespace {

// As memcmp is written where there are no vector instructions.
bool ends_early(const unsigned char* a, const unsigned char* b, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i)
        if (static_cast<const volatile unsigned char*>(a)[i] != b[i]) return false;
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
    if (argc > 2 && std::string(argv[2]) == "planted") constant_time::planted = ends_early;

    const pivotal::Clock::time_point now{std::chrono::seconds{1649367553}};
    const pivotal::Webhook webhook("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
    const std::string body = "{}";
    const std::string right = webhook.sign("msg_1", now, body).substr(3);
    unsigned char tag[33];
    if (EVP_DecodeBlock(tag, reinterpret_cast<const unsigned char*>(right.data()), 44) != 33) return 2;

    std::mt19937_64 random(std::random_device{}());
    std::vector<Sample> samples;
    samples.reserve(measurements);
    std::string signature = "v1," + right;
    std::error_code error;
    for (std::size_t i = 0; i < measurements; ++i) {
        // Which bit differs is random too, so that no text has a time of its own.
        const std::uint64_t bits = random();
        const int differs_at = static_cast<int>(bits & 1);
        unsigned char wrong[32], text[45];
        std::copy(tag, tag + 32, wrong);
        wrong[differs_at == 0 ? 0 : 31] ^= static_cast<unsigned char>(1U << (bits >> 1 & 7));
        EVP_EncodeBlock(text, wrong, 32);
        std::copy(text, text + 44, signature.begin() + 3);
        const pivotal::Headers headers{"msg_1", "1649367553", signature};

        const std::uint64_t begin = ticks();
        const bool authentic = webhook.authenticate(body, headers, error, now);
        const std::uint64_t end = ticks();
        if (authentic) return 2;
        samples.push_back({differs_at, static_cast<double>(end - begin)});
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
    std::printf("%zu measurements, median %.0f ticks, t = %.2f: %s\n", measurements, times[times.size() / 2],
                worst, leaks ? "the time depends on where the signatures differ" : "no difference found");
    return leaks ? 1 : 0;
}
