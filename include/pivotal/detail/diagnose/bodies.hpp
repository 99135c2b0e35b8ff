// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <openssl/evp.h>

#include <nlohmann/json.hpp>

#include <pivotal/detail/core/base64.hpp>
#include <pivotal/detail/core/json_abi.hpp>
#include <pivotal/detail/core/text.hpp>
#include <pivotal/detail/diagnose/json.hpp>
#include <pivotal/finding.hpp>

// zlib is used only where PIVOTAL_DIAGNOSE_ZLIB says so, as the CMake target pivotal::diagnose does.
#if defined(PIVOTAL_DIAGNOSE_ZLIB)
#include <zlib.h>
#endif

namespace pivotal { inline namespace v1 { namespace detail { inline namespace PIVOTAL_DETAIL_JSON_ABI {

/// A larger body is tried as it is only, and nothing is decompressed to more.
inline constexpr std::size_t max_diagnosed_body = std::size_t{1} << 20;

// Each of these calls `use(text, change)` with texts that may have been signed where `body` arrived.

/// In UTF-8, the bytes of Latin-1 (or Windows-1252) from 0x80 on.
inline std::array<std::string, 128> upper_half(bool windows) {
    // From 0x80 on; 0 where Windows-1252 has none.
    constexpr unsigned windows_1252[32] = {0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                           0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017D, 0,
                                           0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                           0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};
    std::array<std::string, 128> half;
    for (unsigned i = 0; i < 128; ++i) {
        const unsigned code = windows && i < 32 && windows_1252[i] != 0 ? windows_1252[i] : 0x80 + i;
        if (code >= 0x800) half[i] += static_cast<char>(0xE0U | code >> 12);
        half[i] += static_cast<char>(code < 0x800 ? 0xC0U | code >> 6 : 0x80U | (code >> 6 & 0x3FU));
        half[i] += static_cast<char>(0x80U | (code & 0x3FU));
    }
    return half;
}

template <class Use>
void for_each_charset(std::string_view body, Use&& use) {
    const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
    if (std::all_of(body.begin(), body.end(), is_ascii)) return;
    for (const bool windows : {false, true}) {
        const std::string name = windows ? "Windows-1252" : "Latin-1";
        const std::array<std::string, 128> half = upper_half(windows);
        std::string wide, narrow;
        for (const char c : body) wide += is_ascii(c) ? std::string(1, c) : half[static_cast<unsigned char>(c) - 0x80U];
        use(wide, {Finding::body_charset, "the body, which is " + name + ", is turned back into UTF-8"});
        std::map<std::string_view, char> bytes;
        for (std::size_t i = 0; i < half.size(); ++i) bytes.emplace(half[i], static_cast<char>(0x80 + i));
        std::string_view rest = body;
        while (!rest.empty()) {
            const auto first = static_cast<unsigned char>(rest.front());
            const std::size_t size = first < 0x80 ? 1 : first < 0xE0 ? 2 : 3;
            const auto found = bytes.find(rest.substr(0, size));
            if (size > 1 && found == bytes.end()) break;
            narrow += size > 1 ? found->second : rest.front();
            rest.remove_prefix(size);
        }
        if (rest.empty())
            use(narrow, {Finding::body_charset, "the body, read as " + name + " and written as UTF-8, is turned back"});
    }
}

template <class Use>
void for_each_wrapping(std::string_view body, Use&& use) {
    const auto bytes_of = [](std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); };
    std::string text(body), out;
    for (const char c : {' ', '\t', '\r', '\n'}) text.erase(std::remove(text.begin(), text.end(), c), text.end());
    out.resize(text.size());
    const std::size_t size = base64_decode(text, bytes_of(out), out.size());
    if (size != base64_invalid && size != 0)
        use(std::string_view(out).substr(0, size), {Finding::body_base64, "the body is decoded from base64"});
    text = body;
    out.resize(body.size() / 3 * 4 + 5);
    out.resize(static_cast<std::size_t>(EVP_EncodeBlock(bytes_of(out), bytes_of(text), static_cast<int>(text.size()))));
    use(out, {Finding::body_base64, "the body is encoded as base64"});

    nlohmann::json json = nlohmann::json::parse(body.begin(), body.end(), nullptr, false);
    if (json.is_string())
        use(json.get_ref<const std::string&>(),
            {Finding::body_json_string, "the body, a JSON string, is replaced by its value"});
    json = body;
    for (const bool ascii : {false, true})
        use(json.dump(-1, ' ', ascii, nlohmann::json::error_handler_t::replace),
            {Finding::body_json_string, "the body is written as a JSON string"});
}

/// Compresses at a level from 1 to 9, or decompresses at level 0; false where that gives nothing of at most
/// max_diagnosed_body bytes. Null without zlib, so that the code around is the same with it and without it.
using GzipCodec = bool (*)(std::string_view in, int level, std::string& out);

#if defined(PIVOTAL_DIAGNOSE_ZLIB)
inline bool zlib_codec(std::string_view in, int level, std::string& out) {
    z_stream stream{};
    if ((level == 0 ? inflateInit2(&stream, 15 + 16)
                    : deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY)) != Z_OK)
        return false;
    const std::unique_ptr<z_stream, int (*)(z_stream*)> ends(&stream, level == 0 ? inflateEnd : deflateEnd);
    out.assign(level == 0 ? max_diagnosed_body : deflateBound(&stream, static_cast<uLong>(in.size())), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream.avail_in = static_cast<uInt>(in.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const bool whole = (level == 0 ? inflate : deflate)(&stream, Z_FINISH) == Z_STREAM_END;
    out.resize(out.size() - stream.avail_out);
    return whole;
}
#endif

inline bool is_gzip(std::string_view body) noexcept {
    return body.substr(0, 2) == "\x1F\x8B";
}

/// Writes what differs between the gzip streams of one text and level into the header (RFC 1952 §2.3) of one: the time
/// in Unix seconds, or 0, and the system.
inline void set_gzip_header(std::string& gzip, std::uint32_t time, char system) {
    for (std::size_t i = 4; i < 8; ++i, time >>= 8) gzip[i] = static_cast<char>(time & 255U);
    gzip[9] = system;
}

/// `spend(bytes)` is asked before more work than that is done.
template <class Spend, class Use>
void for_each_gzip(std::string_view body, GzipCodec codec, std::int64_t signed_at, Spend&& spend, Use&& use) {
    constexpr std::size_t cost = 8;  // of compressing, in bytes that are hashed meanwhile
    const auto second = static_cast<std::uint32_t>(signed_at);
    std::string other;
    if (!codec) return;
    if (is_gzip(body)) {
        if (codec(body, 0, other)) use(other, {Finding::body_still_gzip, "the body is decompressed"});
        return;
    }
    for (const int level : {6, 9, 1})
        if (spend(cost * body.size()) && codec(body, level, other))
            for (const std::uint32_t time : {std::uint32_t{0}, second, second - 1, second + 1})
                for (const char system : {'\x03', '\xFF'}) {  // Unix, and unknown
                    set_gzip_header(other, time, system);
                    use(other, {Finding::body_was_gunzipped, "the body is compressed with gzip"});
                }
}

/// A text without what surrounds it: `front` is a byte order mark and white space, `tail` white space and NULs.
struct TextParts {
    std::string_view front, core, tail;

    explicit TextParts(std::string_view text) noexcept {
        constexpr std::string_view space(" \t\r\n\0", 5);
        const std::size_t mark = text.substr(0, 3) == byte_order_mark ? 3 : 0;
        const std::size_t begin = (std::min)(text.find_first_not_of(space, mark), text.size());
        const std::size_t end = (std::max)(end_before(text, space), begin);
        front = text.substr(0, begin);
        core = text.substr(begin, end - begin);
        tail = text.substr(end);
    }
};

/// What is around a text: its end (0), its line ends (1) and its start (2), those from `first` on. Calls
/// `use(text, change, next)` where `next` is the first that may be changed besides.
template <class Use>
void for_each_frame(std::string_view text, int first, Use&& use) {
    static constexpr std::pair<std::string_view, const char*> endings[] = {{"", ""},
                                                                           {"\n", "a newline (LF)"},
                                                                           {"\r\n", "a CRLF"},
                                                                           {" ", "a space"},
                                                                           {"\t", "a tab"},
                                                                           {"\r", "a carriage return (CR)"},
                                                                           {"\n\n", "two newlines (LF)"},
                                                                           {"\r\n\r\n", "two CRLF"},
                                                                           {{"\0", 1}, "a NUL byte"}};
    const TextParts parts(text);
    const std::string front(parts.front), core(parts.core), tail(parts.tail);
    std::string former = "white space";
    for (const auto& [bytes, name] : endings)
        if (bytes == tail) former = name;
    for (const auto& [bytes, name] : endings)
        if (first <= 0)
            use((front + core).append(bytes),
                {Finding::body_end_changed, tail.empty() ? std::string(name) + " is added at the end of the body"
                                            : bytes.empty()
                                                ? former + " is taken off the end of the body"
                                                : former + " at the end of the body is replaced by " + name},
                1);
    if (first <= 1) {
        const std::string lf = replaced(text, "\r\n", "\n");
        use(replaced(lf, "\n", "\r\n"), {Finding::body_line_ends, "each LF of the body is turned into CRLF"}, 2);
        use(lf, {Finding::body_line_ends, "each CRLF of the body is turned into LF"}, 2);
    }
    if (first <= 2) {
        use(core + tail, {Finding::body_start_changed, "the byte order mark or white space at its start is taken off"},
            3);
        use(std::string(byte_order_mark) + core + tail,
            {Finding::body_start_changed, "a byte order mark is put at the start of the body"}, 3);
    }
}

}}}}  // namespace pivotal::v1::detail::PIVOTAL_DETAIL_JSON_ABI
