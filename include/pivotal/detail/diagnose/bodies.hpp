// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <openssl/evp.h>

#include <nlohmann/json.hpp>

#include <pivotal/detail/core/base64.hpp>
#include <pivotal/detail/core/json_abi.hpp>
#include <pivotal/detail/diagnose/gzip.hpp>
#include <pivotal/detail/diagnose/text.hpp>
#include <pivotal/finding.hpp>

namespace pivotal { inline namespace v1 { namespace detail { inline namespace PIVOTAL_DETAIL_JSON_ABI {

/// A larger body is tried as it is only, and nothing is decompressed to more.
inline constexpr std::size_t max_diagnosed_body = std::size_t{1} << 20;

// Each of these calls `use(text, change)` with texts that may have been signed where `body` arrived, while that
// returns true. `spend(bytes)` is asked before more work than that is done.

template <class Use>
void for_each_charset(std::string_view body, Use&& use) {
    const char* const advice =
        "It went through a string type that converts encodings. Pass the body's bytes exactly as they came.";
    if (std::all_of(body.begin(), body.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; })) return;
    for (const bool windows : {false, true}) {
        const std::string name = windows ? "Windows-1252" : "Latin-1";
        if (!use(utf8_from_latin1(body, windows),
                 Change{Finding::body_charset, "the body, which is " + name + ", is turned back into UTF-8", advice}))
            return;
        const std::optional<std::string> narrow = latin1_from_utf8(body, windows);
        if (narrow &&
            !use(*narrow,
                 Change{Finding::body_charset,
                        "the body, which was read as " + name + " and written as UTF-8, is turned back", advice}))
            return;
    }
}

template <class Use>
void for_each_wrapping(std::string_view body, Use&& use) {
    std::string text(body);
    const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
    text.erase(std::remove_if(text.begin(), text.end(), is_space), text.end());
    std::string bytes(text.size(), '\0');
    const std::size_t size = base64_decode(text, reinterpret_cast<unsigned char*>(bytes.data()), bytes.size());
    if (size != base64_invalid && size != 0 &&
        !use(std::string_view(bytes).substr(0, size),
             Change{Finding::body_base64, "the body is decoded from base64",
                    "API Gateway and Lambda (isBase64Encoded), and some queues, hand a body over as base64: "
                    "decode it before verifying."}))
        return;
    text.assign(body.size() / 3 * 4 + 5, '\0');
    text.resize(static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                                         reinterpret_cast<const unsigned char*>(body.data()),
                                                         static_cast<int>(body.size()))));
    if (!use(text, Change{Finding::body_base64, "the body is encoded as base64",
                          "Its base64 was signed, and something decoded that on the way. Verify the text that was "
                          "sent."}))
        return;

    nlohmann::json json = nlohmann::json::parse(body.begin(), body.end(), nullptr, false);
    if (json.is_string() &&
        !use(json.get_ref<const std::string&>(),
             Change{Finding::body_json_string, "the body, which is a JSON string, is replaced by its value",
                    "Something made the text of the body a JSON string: JSON.stringify of what is a string "
                    "already, or a queue's envelope. Parse that once more before verifying."}))
        return;
    json = body;
    for (const bool ascii : {false, true})
        if (!use(json.dump(-1, ' ', ascii, nlohmann::json::error_handler_t::replace),
                 Change{Finding::body_json_string, "the body is written as a JSON string",
                        "A JSON string that holds the event was signed (JSON.stringify was called twice?), and "
                        "something took it apart on the way. Verify the raw body, as it came."}))
            return;
}

template <class Spend, class Use>
void for_each_gzip(std::string_view body, const GzipCodec& codec, std::int64_t signed_at, Spend&& spend, Use&& use) {
    if (!codec.compress || !codec.decompress) return;
    std::string other;
    if (is_gzip(body)) {
        if (codec.decompress(body, max_diagnosed_body, other))
            use(other, Change{Finding::body_still_gzip, "the body is decompressed",
                              "The body is gzip, and what was signed is the text inside: decompress it before "
                              "verifying, or let the server do that."});
        return;
    }
    const Change change{
        Finding::body_was_gunzipped, "the body is compressed with gzip",
        "The gzip bytes were signed, and something decompressed them on the way: a proxy, or the server as "
        "`content-encoding: gzip` asks it to. Verify the bytes that were sent."};
    const auto second = static_cast<std::uint32_t>(signed_at);
    for (const int level : {6, 9, 1}) {
        constexpr std::size_t cost = 8;  // of compressing, in bytes that are hashed meanwhile
        if (!spend(cost * body.size())) return;
        if (!codec.compress(body, level, other)) continue;
        for (const std::uint32_t time : {std::uint32_t{0}, second, second - 1, second + 1})
            for (const char system : {'\x03', '\xFF'}) {  // Unix, and unknown
                set_gzip_header(other, time, system);
                if (!use(other, change)) return;
            }
    }
}

/// What a text may end with.
struct Ending {
    std::string_view bytes;
    const char* name;
};
inline constexpr Ending endings[] = {{"", ""},
                                     {"\n", "a newline (LF)"},
                                     {"\r\n", "a CRLF"},
                                     {" ", "a space"},
                                     {"\t", "a tab"},
                                     {"\r", "a carriage return (CR)"},
                                     {"\n\n", "two newlines (LF)"},
                                     {"\r\n\r\n", "two CRLF"},
                                     {{"\0", 1}, "a NUL byte"}};

/// What is added, taken off or replaced around a text, and its line ends.
struct Frame {
    enum class LineEnds { kept, crlf, lf };

    const Ending* end = nullptr;  // null: it stays as it is
    LineEnds line_ends = LineEnds::kept;
    std::optional<std::string_view> start;  // nullopt: it stays as it is

    int changes() const noexcept { return (end ? 1 : 0) + (line_ends != LineEnds::kept ? 1 : 0) + (start ? 1 : 0); }

    /// All of at most two changes, those with the fewest first.
    static std::vector<Frame> all() {
        std::vector<Frame> frames;
        for (int changes = 0; changes <= 2; ++changes)
            for (std::size_t end = 0; end <= std::size(endings); ++end)
                for (const LineEnds line_ends : {LineEnds::kept, LineEnds::crlf, LineEnds::lf})
                    for (const auto& start : {std::optional<std::string_view>(), std::optional(std::string_view()),
                                              std::optional(byte_order_mark)})
                        if (const Frame frame{end == 0 ? nullptr : &endings[end - 1], line_ends, start};
                            frame.changes() == changes)
                            frames.push_back(frame);
        return frames;
    }

    /// Nullopt where one of the changes is none.
    std::optional<std::string> around(const TextParts& parts) const {
        if (start == parts.front || (end && end->bytes == parts.tail)) return std::nullopt;
        std::string text = std::string(parts.core).append(end ? end->bytes : parts.tail);
        if (line_ends != LineEnds::kept) {
            std::string other = replaced(text, "\r\n", "\n");
            if (line_ends == LineEnds::crlf) other = replaced(other, "\n", "\r\n");
            if (other == text) return std::nullopt;
            text = std::move(other);
        }
        return text.insert(0, start.value_or(parts.front));
    }

    /// Adds its changes, in words, where the text ended with `tail`.
    void describe(std::string_view tail, std::vector<Change>& made) const {
        if (end) {
            std::string former = "white space";
            for (const Ending& ending : endings)
                if (ending.bytes == tail) former = ending.name;
            made.push_back(
                {Finding::body_end_changed,
                 tail.empty()         ? std::string(end->name) + " is added at the end of the body"
                 : end->bytes.empty() ? former + " is taken off the end of the body"
                                      : former + " at the end of the body is replaced by " + end->name,
                 "Something changes the end of the body on the way, as an editor, echo, trim() or `curl -d @file` do "
                 "(curl: --data-binary). Pass the bytes exactly as they came."});
        }
        if (line_ends != LineEnds::kept)
            made.push_back({Finding::body_line_ends,
                            line_ends == LineEnds::crlf ? "each LF of the body is turned into CRLF"
                                                        : "each CRLF of the body is turned into LF",
                            "Something translates line ends: a file opened in text mode, git's autocrlf, dos2unix or "
                            "unix2dos. Read and write the body as binary."});
        if (start)
            made.push_back({Finding::body_start_changed,
                            start->empty() ? "the byte order mark or white space at its start is taken off"
                                           : "a byte order mark is put at the start of the body",
                            "Something changes the start of the body on the way, as editors and text decoders do. Pass "
                            "the bytes exactly as they came."});
    }
};

}}}}  // namespace pivotal::v1::detail::PIVOTAL_DETAIL_JSON_ABI
