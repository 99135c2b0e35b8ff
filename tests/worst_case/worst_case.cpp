// SPDX-License-Identifier: MIT

// What the worst input of each kind costs, in processor time, and what twice as much of it costs: the table in
// .github/SECURITY.md. To be run by hand: tests/worst_case/run.sh

#include <pivotal/webhook.hpp>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "../support/message.hpp"

namespace {

using pivotal::Webhook;
using support::Message;

double processor_seconds() {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// The best of several, in microseconds.
double cost_of(const std::function<void()>& work) {
    double best = 1e9;
    for (int round = 0; round < 5; ++round) {
        int times = 0;
        const double begin = processor_seconds();
        double end = begin;
        do {
            work();
            ++times;
            end = processor_seconds();
        } while (end - begin < 0.05);
        best = std::min(best, (end - begin) / times * 1e6);
    }
    return best;
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

/// A kind of input of which `amount` can be made, and what is done with it.
struct Kind {
    const char* name;
    std::size_t amount;
    bool can_grow;  // false: twice as much is refused at once
    std::function<std::function<void()>(std::size_t)> make;
};

}  // namespace

int main() {
    static const Webhook hmac(support::secret);
    static const support::Ed25519Signer signer(std::string(32, 's'));
    static const Webhook ed25519(signer.secret());

    const auto verify = [](std::string body) {
        Message message;
        message.body = std::move(body);
        message.sign();
        return [message] {
            std::error_code error;
            (void)hmac.verify(message.body, {message.id, message.timestamp, message.signature}, error,
                              support::now);
        };
    };
    const auto authenticate = [](const Webhook& webhook, std::string signature) {
        Message message;
        message.signature = std::move(signature);
        return [message, &webhook] {
            std::error_code error;
            (void)webhook.authenticate(message.body, {message.id, message.timestamp, message.signature},
                                       error, support::now);
        };
    };

    const std::vector<Kind> kinds = {
        {"a usual delivery: 300 bytes of JSON", 1, false,
         [&](std::size_t) { return verify(Message().body); }},
        {"signature header: 8 KiB without a candidate", 4096, true,
         [&](std::size_t n) { return authenticate(hmac, std::string(n, 'x')); }},
        {"signature header: 8 KiB of `v1` candidates (170)", 85, true,
         [&](std::size_t n) { return authenticate(hmac, repeated("v1," + std::string(43, 'A') + "= ", n)); }},
        {"signature header: 32 `v1a` candidates (4 are verified)", 16, true,
         [&](std::size_t n) {
             return authenticate(ed25519, repeated("v1a," + std::string(86, 'A') + "== ", n));
         }},
        {"100,000 other headers", 50'000, true,
         [&](std::size_t n) {
             std::vector<std::pair<std::string, std::string>> headers(n, {"svix-signaturf", "x"});
             const Message message;
             headers.insert(headers.end(), {{"svix-id", message.id},
                                            {"svix-timestamp", message.timestamp},
                                            {"svix-signature", message.signature}});
             return [headers, message] {
                 std::error_code error;
                 (void)hmac.authenticate(message.body, headers, error, support::now);
             };
         }},
        {"body: 1 MiB that is not signed", 512 * 1024, true,
         [&](std::size_t n) {
             const std::string body(n, '[');
             return [body] {
                 const Message message;
                 std::error_code error;
                 (void)hmac.verify(body, {message.id, message.timestamp, message.signature}, error,
                                   support::now);
             };
         }},
        {"JSON: 512 levels deep", 256, true,
         [&](std::size_t n) {
             return verify(event_with(std::string(n - 1, '[') + std::string(n - 1, ']')));
         }},
        {"JSON: 1 MiB of `[`, refused at level 513", 512 * 1024, true,
         [&](std::size_t n) { return verify(event_with(std::string(n, '['))); }},
        {"JSON: 1 MiB of escapes (`\\u00e9`)", 512 * 1024 / 6, true,
         [&](std::size_t n) { return verify(event_with("\"" + repeated("\\u00e9", n) + "\"")); }},
        {"JSON: 1 MiB of lone surrogates (`\\ud83d`)", 512 * 1024 / 6, true,
         [&](std::size_t n) { return verify(event_with("\"" + repeated("\\ud83d", n) + "\"")); }},
        {"JSON: 1 MiB of numbers (`1,`)", 256 * 1024, true,
         [&](std::size_t n) { return verify(event_with("[" + repeated("1,", n) + "1]")); }},
        {"JSON: a million equal keys", 500'000, true,
         [&](std::size_t n) { return verify(event_with(keys(n, false))); }},
        {"JSON: a million different keys", 500'000, true,
         [&](std::size_t n) { return verify(event_with(keys(n, true))); }},
    };

    std::printf("| input | time | against half of it |\n| --- | ---: | ---: |\n");
    for (const Kind& kind : kinds) {
        const double half = cost_of(kind.make(kind.amount));
        const double whole = kind.can_grow ? cost_of(kind.make(2 * kind.amount)) : half;
        const char* const unit = whole < 1000 ? "µs" : "ms";
        const double shown = whole < 1000 ? whole : whole / 1000;
        std::printf("| %s | %.*f %s | ", kind.name, shown < 10 ? 1 : 0, shown, unit);
        if (kind.can_grow)
            std::printf("× %.1f |\n", whole / half);
        else
            std::printf("|\n");
        std::fflush(stdout);
    }
}
