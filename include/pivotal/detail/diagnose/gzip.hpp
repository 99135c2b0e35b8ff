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

namespace pivotal {
inline namespace v1 {
namespace detail {

inline bool is_gzip(std::string_view body) noexcept {
    return body.substr(0, 2) == "\x1F\x8B";
}

/// What differs between the gzip streams of one text.
struct GzipForm {
    int level;
    std::uint32_t time;  // Unix seconds, or 0
    int system;
};

/// Compresses and decompresses; both pointers are null without zlib, so that the code around is the same
/// with it and without it. False where there is nothing of at most `limit` bytes.
struct GzipCodec {
    bool (*decompress)(std::string_view gzip, std::size_t limit, std::string& out) = nullptr;
    bool (*compress)(std::string_view text, const GzipForm& form, std::string& out) = nullptr;
};

#if defined(PIVOTAL_DIAGNOSE_ZLIB)
inline bool zlib_decompress(std::string_view gzip, std::size_t limit, std::string& out) {
    z_stream stream{};
    if (inflateInit2(&stream, 15 + 16) != Z_OK) return false;
    const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
    out.assign(limit, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(gzip.data()));
    stream.avail_in = static_cast<uInt>(gzip.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const bool whole = inflate(&stream, Z_FINISH) == Z_STREAM_END;
    out.resize(out.size() - stream.avail_out);
    return whole;
}

inline bool zlib_compress(std::string_view text, const GzipForm& form, std::string& out) {
    z_stream stream{};
    if (deflateInit2(&stream, form.level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return false;
    const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, deflateEnd);
    gz_header header{};
    header.time = form.time;
    header.os = form.system;
    deflateSetHeader(&stream, &header);
    out.assign(deflateBound(&stream, static_cast<uLong>(text.size())), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const bool whole = deflate(&stream, Z_FINISH) == Z_STREAM_END;
    out.resize(out.size() - stream.avail_out);
    return whole;
}

constexpr GzipCodec zlib_codec{zlib_decompress, zlib_compress};
#endif

}  // namespace detail
}  // namespace v1
}  // namespace pivotal
