// SPDX-License-Identifier: MIT
#pragma once

// A fuzz target is a function of some bytes. libFuzzer calls it in a program of its own; the ordinary tests link
// all targets into one program that replays the corpora (replay.cpp).

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

namespace fuzz {

using Target = void (*)(std::string_view);

inline std::map<std::string, Target>& targets() {
    static std::map<std::string, Target> all;
    return all;
}

/// Takes the fields of an input apart. They are ended by the byte 0xFF, which no valid UTF-8 has.
class Fields {
public:
    explicit Fields(std::string_view input) : rest_(input) {}

    std::string next() {
        const std::string_view field = rest_.substr(0, rest_.find('\xff'));
        rest_.remove_prefix(field.size() < rest_.size() ? field.size() + 1 : field.size());
        return std::string(field);
    }
    bool empty() const { return rest_.empty(); }
    std::string rest() const { return std::string(rest_); }

private:
    std::string_view rest_;
};

}  // namespace fuzz

#define FUZZ_CHECK(condition)                                                    \
    do {                                                                         \
        if (!(condition)) {                                                      \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            std::abort();                                                        \
        }                                                                        \
    } while (false)

#if defined(PIVOTAL_LIBFUZZER)
#define FUZZ_TARGET(name)                                                               \
    static void name(std::string_view input);                                           \
    extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { \
        name(std::string_view(reinterpret_cast<const char*>(data), size));              \
        return 0;                                                                       \
    }                                                                                   \
    static void name(std::string_view input)
#else
#define FUZZ_TARGET(name)                                                            \
    static void name(std::string_view input);                                        \
    static const bool name##_is_known = fuzz::targets().emplace(#name, name).second; \
    static void name(std::string_view input)
#endif
