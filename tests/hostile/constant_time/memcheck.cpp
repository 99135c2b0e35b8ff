// SPDX-License-Identifier: MIT

// To be run under valgrind, whose memcheck reports each branch and each address that depends on undefined memory.
// The key is declared undefined, and so is what is computed from it: the states of the hashes and the tag. What may
// be known in the end, whether a signature matches, is declared defined where it leaves the comparison.
//   memcheck            must be silent
//   memcheck planted    compares by memcmp, which must be reported

#include <pivotal/webhook.hpp>

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include <valgrind/memcheck.h>

namespace {

long comparisons = 0, undefined_tags = 0;

void declassify(const unsigned char* tag, std::size_t size, bool& result) {
    ++comparisons;
    std::vector<unsigned char> bits(size);
    if (VALGRIND_GET_VBITS(tag, bits.data(), size) == 1) {
        bool undefined = true;
        for (const unsigned char byte : bits) undefined = undefined && byte == 0xFF;
        undefined_tags += undefined ? 1 : 0;
    }
    (void)VALGRIND_MAKE_MEM_DEFINED(&result, sizeof result);
}

bool by_memcmp(const unsigned char* a, const unsigned char* b, std::size_t size) {
    return std::memcmp(a, b, size) == 0;
}

}  // namespace

int main(int argc, char** argv) {
    using pivotal::Webhook;
    if (RUNNING_ON_VALGRIND == 0) {
        std::fprintf(stderr, "this program does its work under valgrind\n");
        return 2;
    }
    if (argc > 1 && std::string(argv[1]) == "planted") constant_time::planted = by_memcmp;
    constant_time::after_comparison = declassify;

    const pivotal::Clock::time_point now{std::chrono::seconds{1649367553}};
    bool right = true;
    for (const std::size_t size : {24, 64, 65, 200}) {
        std::string key(size, 'k');
        const std::string body = std::string(1000, 'x');
        const std::string good = Webhook::from_bytes(key).sign("msg_1", now, body);
        std::string bad = good;
        bad[3] = bad[3] == 'A' ? 'B' : 'A';

        (void)VALGRIND_MAKE_MEM_UNDEFINED(&key[0], key.size());
        const Webhook webhook = Webhook::from_bytes(key);
        (void)VALGRIND_MAKE_MEM_DEFINED(&key[0], key.size());
        std::error_code error;
        const auto authentic = [&](const std::string& signature) {
            return webhook.authenticate(body, {"msg_1", "1649367553", signature}, error, now).has_value();
        };
        right =
            right && authentic(good) && !authentic(bad) && authentic(bad + " v1," + std::string(43, 'A') + "= " + good);
    }
    if (!right) std::fprintf(stderr, "a signature was judged wrongly\n");
    // A test in which nothing is secret, or nothing is compared, would prove nothing.
    if (comparisons != 20 || undefined_tags != comparisons) {
        std::fprintf(stderr, "%ld of %ld tags were undefined\n", undefined_tags, comparisons);
        right = false;
    }
    return right ? 0 : 1;
}
