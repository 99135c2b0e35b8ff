// SPDX-License-Identifier: MIT

// What the worst input of each kind costs.
//   worst_case            measures processor time, and prints the table that stands in .github/SECURITY.md
//   worst_case count      under callgrind: counts instructions for an amount, for twice and for four times as much
//   worst_case planted-square, planted-sort    the same of work that grows with the square, or as sorting does

#include <pivotal/webhook.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <valgrind/callgrind.h>

#include "../../support/message.hpp"

namespace {

using pivotal::Errc;
using pivotal::Webhook;
using support::Message;

const std::error_code accepted;

/// Hands an input over, and returns what came of it.
using Work = std::function<std::error_code()>;

double processor_seconds() {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// Of one call, in microseconds.
double cost_of(const Work& work) {
    int times = 0;
    const double begin = processor_seconds();
    double end = begin;
    do {
        (void)work();
        ++times;
        end = processor_seconds();
    } while (end - begin < 0.05);
    return (end - begin) / times * 1e6;
}

std::string repeated(const std::string& text, std::size_t count) {
    std::string result;
    result.reserve(text.size() * count);
    for (std::size_t i = 0; i < count; ++i) result += text;
    return result;
}

std::string event_with(const std::string& data) {
    return R"({"id":"evt_1","type":"a.b","data":)" + data + "}";
}

std::string keys(std::size_t count, bool distinct) {
    std::string data = "{";
    for (std::size_t i = 0; i < count; ++i)
        data += (i == 0 ? "\"k" : ",\"k") + (distinct ? std::to_string(i) : std::string()) + "\":1";
    return data + "}";
}

/// A kind of input of which any amount up to `most` can be made, and what is done with it.
struct Kind {
    const char* name;
    std::size_t most;     // as much as is allowed, or what the name says; 1: it does not grow
    std::size_t counted;  // the smallest amount that is counted; callgrind takes fifty times as long
    std::error_code outcome;
    std::function<Work(std::size_t)> make_work;

    /// The work for this amount; done once, so that what is kept is made, and the outcome is the expected one.
    Work make(std::size_t amount) const {
        Work work = make_work(amount);
        const std::error_code error = work();
        if (error == outcome) return work;
        std::fprintf(stderr, "%s: %s\n", name, error.message().c_str());
        std::exit(1);
    }
};

void print_times(const std::vector<Kind>& kinds) {
    std::printf("| input | time | against half of it |\n| --- | ---: | ---: |\n");
    for (const Kind& kind : kinds) {
        const Work work = kind.make(kind.most), half_the_work = kind.make(std::max<std::size_t>(kind.most / 2, 1));
        double whole = 1e9, half = 1e9;  // the best of several, in turns: the machine may not be ours alone
        for (int round = 0; round < 20; ++round) {
            whole = std::min(whole, cost_of(work));
            half = std::min(half, cost_of(half_the_work));
        }
        const char* const unit = whole < 1000 ? "µs" : "ms";
        const double shown = whole < 1000 ? whole : whole / 1000;
        std::printf("| %s | %.*f %s | ", kind.name, shown < 10 ? 1 : 0, shown, unit);
        if (kind.most > 1)
            std::printf("× %.1f |\n", whole / half);
        else
            std::printf("|\n");
        std::fflush(stdout);
    }
}

/// Leaves callgrind a count for each amount.
void count_instructions(const std::vector<Kind>& kinds) {
    for (const Kind& kind : kinds) {
        for (std::size_t amount = kind.counted; kind.most > 1 && amount <= 4 * kind.counted; amount *= 2) {
            const Work work = kind.make(amount);
            const std::string name = std::to_string(amount) + " " + kind.name;
            CALLGRIND_ZERO_STATS;
            (void)work();
            CALLGRIND_DUMP_STATS_AT(name.c_str());
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    static const Webhook hmac(support::secret);
    static const support::Ed25519Signer signer(std::string(32, 's'));
    static const Webhook ed25519(signer.secret());
    // Right, but of another message: one whose scalar is 0, or too large, is refused sooner.
    const std::string wrong_v1a = "v1a," + support::base64(signer.sign("another message")) + " ";

    const auto verify = [](std::string body) {
        Message message;
        message.body = std::move(body);
        message.sign();
        return [message] {
            std::error_code error;
            (void)hmac.verify(message.body, {message.id, message.timestamp, message.signature}, error, support::now);
            return error;
        };
    };
    const auto authenticate = [](const Webhook& webhook, std::string signature, std::string body = Message().body) {
        Message message;
        message.signature = std::move(signature);
        message.body = std::move(body);
        return [message, webhook] {
            std::error_code error;
            (void)webhook.authenticate(message.body, {message.id, message.timestamp, message.signature}, error,
                                       support::now);
            return error;
        };
    };

    const std::vector<Kind> kinds = {
        {"a usual delivery: 300 bytes of JSON", 1, 1, accepted, [&](std::size_t) { return verify(Message().body); }},
        {"signature header: 8 KiB without a candidate", 8192, 2048, Errc::signature_mismatch,
         [&](std::size_t n) { return authenticate(hmac, std::string(n, 'x')); }},
        {"signature header: 8 KiB of `v1` candidates (170)", 170, 42, Errc::signature_mismatch,
         [&](std::size_t n) { return authenticate(hmac, repeated("v1," + std::string(43, 'A') + "= ", n)); }},
        {"signature header: 32 `v1a` candidates (16 are verified)", 32, 8, Errc::signature_mismatch,
         [&](std::size_t n) { return authenticate(ed25519, repeated(wrong_v1a, n)); }},
        {"100,000 other headers", 100'000, 4096, accepted,
         [&](std::size_t n) {
             std::vector<std::pair<std::string, std::string>> headers(n, {"svix-signaturf", "x"});
             const Message message;
             headers.insert(headers.end(), {{"svix-id", message.id},
                                            {"svix-timestamp", message.timestamp},
                                            {"svix-signature", message.signature}});
             return [headers, message] {
                 std::error_code error;
                 (void)hmac.authenticate(message.body, headers, error, support::now);
                 return error;
             };
         }},
        {"a header of 1 MiB of spaces in front of the id", 1024 * 1024, 16 * 1024, accepted,
         [&](std::size_t n) {
             const Message message;
             return [message, id = std::string(n, ' ') + message.id] {
                 std::error_code error;
                 (void)hmac.authenticate(message.body, {id, message.timestamp, message.signature}, error, support::now);
                 return error;
             };
         }},
        {"body: 1 MiB that is not signed", 1024 * 1024, 16 * 1024, Errc::signature_mismatch,
         [&](std::size_t n) { return authenticate(hmac, Message().signature, std::string(n, '[')); }},
        {"body: 1 MiB that is not signed, and 8 HMAC secrets", 8, 2, Errc::signature_mismatch,
         [&](std::size_t n) {
             std::string secrets;
             for (std::size_t i = 0; i < n; ++i)
                 secrets += "whsec_" + support::base64(std::string(32, static_cast<char>('a' + i))) + " ";
             return authenticate(Webhook(secrets), Message().signature, std::string(1024 * 1024, '['));
         }},
        {"body: 1 MiB with 16 `v1a` candidates, and a `whpk_` key", 1024 * 1024, 16 * 1024, Errc::signature_mismatch,
         [&](std::size_t n) { return authenticate(ed25519, repeated(wrong_v1a, 16), std::string(n, '[')); }},
        {"JSON: 512 levels deep", 512, 128, accepted,
         [&](std::size_t n) { return verify(event_with(std::string(n - 1, '[') + std::string(n - 1, ']'))); }},
        {"JSON: 1 MiB of `[`, refused at level 513", 1024 * 1024, 16 * 1024, Errc::malformed_event,
         [&](std::size_t n) { return verify(event_with(std::string(n, '['))); }},
        {"JSON: 1 MiB of escapes (`\\u00e9`)", 1024 * 1024 / 6, 4096, accepted,
         [&](std::size_t n) { return verify(event_with("\"" + repeated("\\u00e9", n) + "\"")); }},
        {"JSON: 1 MiB of lone surrogates (`\\ud83d`)", 1024 * 1024 / 6, 4096, accepted,
         [&](std::size_t n) { return verify(event_with("\"" + repeated("\\ud83d", n) + "\"")); }},
        {"JSON: 1 MiB of numbers (`1,`)", 512 * 1024, 4096, accepted,
         [&](std::size_t n) { return verify(event_with("[" + repeated("1,", n) + "1]")); }},
        {"JSON: a million equal keys", 1'000'000, 4096, accepted,
         [&](std::size_t n) { return verify(event_with(keys(n, false))); }},
        {"JSON: a million different keys (n log n)", 1'000'000, 65'536, accepted,
         [&](std::size_t n) { return verify(event_with(keys(n, true))); }},
    };

    const auto steps = [](double count) {
        return [count] {
            volatile double done = 0;
            while (done < count) done = done + 1;
            return std::error_code();
        };
    };
    const std::vector<Kind> square = {
        {"planted", 64, 16, accepted, [&](std::size_t n) { return steps(static_cast<double>(n * n)); }}};
    const std::vector<Kind> sort = {{"planted", 16384, 4096, accepted,
                                     [&](std::size_t n) { return steps(static_cast<double>(n) * std::log2(n)); }}};

    const std::string mode = argc > 1 ? argv[1] : "";
    if (mode.empty())
        print_times(kinds);
    else
        count_instructions(mode == "planted-square" ? square : mode == "planted-sort" ? sort : kinds);
}
