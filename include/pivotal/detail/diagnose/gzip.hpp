// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

// zlib is used only where PIVOTAL_DIAGNOSE_ZLIB says so, as the CMake target pivotal::diagnose does.
#if defined(PIVOTAL_DIAGNOSE_ZLIB)
#include <zlib.h>
#endif

namespace pivotal { inline namespace v1 { namespace detail {

inline bool is_gzip(std::string_view body) noexcept {
    return body.substr(0, 2) == "\x1F\x8B";
}

/// Writes what differs between the gzip streams of one text and level into the header (RFC 1952 §2.3) of one:
/// the time in Unix seconds, or 0, and the system.
inline void set_gzip_header(std::string& gzip, std::uint32_t time, char system) {
    for (std::size_t i = 4; i < 8; ++i, time >>= 8) gzip[i] = static_cast<char>(time & 255U);
    gzip[9] = system;
}

/// Compresses and decompresses; both pointers are null without zlib, so that the code around is the same
/// with it and without it. False where there is nothing of at most `limit` bytes.
struct GzipCodec {
    bool (*decompress)(std::string_view gzip, std::size_t limit, std::string& out) = nullptr;
    bool (*compress)(std::string_view text, int level, std::string& out) = nullptr;
};

#if defined(PIVOTAL_DIAGNOSE_ZLIB)
/// Runs deflate or inflate over the whole of `in`, and ends the stream; true where that was all.
inline bool run_zlib(z_stream& stream, int (*run)(z_stream*, int), int (*end)(z_stream*), std::string_view in,
                     std::size_t limit, std::string& out) {
    const std::unique_ptr<z_stream, int (*)(z_stream*)> ends(&stream, end);
    out.assign(limit, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream.avail_in = static_cast<uInt>(in.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const bool whole = run(&stream, Z_FINISH) == Z_STREAM_END;
    out.resize(out.size() - stream.avail_out);
    return whole;
}

inline constexpr GzipCodec zlib_codec{
    [](std::string_view gzip, std::size_t limit, std::string& out) {
        z_stream stream{};
        return inflateInit2(&stream, 15 + 16) == Z_OK && run_zlib(stream, inflate, inflateEnd, gzip, limit, out);
    },
    [](std::string_view text, int level, std::string& out) {
        z_stream stream{};
        return deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK &&
               run_zlib(stream, deflate, deflateEnd, text, deflateBound(&stream, static_cast<uLong>(text.size())), out);
    }};
#endif

}}}  // namespace pivotal::v1::detail
