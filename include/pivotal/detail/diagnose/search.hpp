// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pivotal/detail/core/base64.hpp>
#include <pivotal/detail/core/hmac_sha256.hpp>
#include <pivotal/detail/core/numeric_locale.hpp>
#include <pivotal/detail/core/openssl.hpp>
#include <pivotal/detail/core/timestamp.hpp>
#include <pivotal/detail/diagnose/json.hpp>
#include <pivotal/detail/diagnose/sender.hpp>
#include <pivotal/finding.hpp>

// zlib is used only where PIVOTAL_DIAGNOSE_ZLIB says so, as the CMake target pivotal::diagnose does.
#if defined(PIVOTAL_DIAGNOSE_ZLIB)
#include <zlib.h>
#endif

namespace pivotal { inline namespace v1 { namespace detail { inline namespace PIVOTAL_DETAIL_JSON_ABI {

/// A larger body is tried as it is only, and nothing is decompressed to more.
inline constexpr std::size_t max_diagnosed_body = std::size_t{1} << 20;

// ---- What may have been signed where a text arrived: each calls `use(other text, change)` ----

/// In UTF-8, what the 256 bytes stand for in Latin-1 (or Windows-1252).
inline std::array<std::string, 256> characters_of(bool windows) {
    constexpr char16_t windows_1252[] =  // from 0x80 on; where it has none, as Latin-1
        u"\u20AC\x81\u201A\u0192\u201E\u2026\u2020\u2021\u02C6\u2030\u0160\u2039\u0152\x8D\u017D\x8F"
        u"\x90\u2018\u2019\u201C\u201D\u2022\u2013\u2014\u02DC\u2122\u0161\u203A\u0153\x9D\u017E\u0178";
    std::array<std::string, 256> characters;
    for (unsigned byte = 0; byte < 256; ++byte) {
        std::string& utf8 = characters[byte];
        const unsigned code = windows && byte >= 0x80 && byte < 0xA0 ? windows_1252[byte - 0x80] : byte;
        if (code >= 0x800) utf8 += static_cast<char>(0xE0U | code >> 12);
        if (code >= 0x80) utf8 += static_cast<char>(code < 0x800 ? 0xC0U | code >> 6 : 0x80U | (code >> 6 & 0x3FU));
        utf8 += static_cast<char>(code < 0x80 ? code : 0x80U | (code & 0x3FU));
    }
    return characters;
}

template <class Use> void for_each_charset(std::string_view body, Use&& use) {
    if (std::all_of(body.begin(), body.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; })) return;
    for (const bool windows : {false, true}) {
        const std::string name = windows ? "Windows-1252" : "Latin-1";
        const std::array<std::string, 256> characters = characters_of(windows);
        std::string wide, narrow;
        for (const char c : body) wide += characters[static_cast<unsigned char>(c)];
        use(wide, {Finding::body_charset, "the body, which is " + name + ", is turned back into UTF-8"});
        std::map<std::string_view, char> bytes;
        for (std::size_t i = 0; i < characters.size(); ++i) bytes.emplace(characters[i], static_cast<char>(i));
        std::size_t at = 0;
        for (std::size_t size = 0; at < body.size(); at += size) {
            const auto first = static_cast<unsigned char>(body[at]);
            size = first < 0x80 ? 1 : first < 0xE0 ? 2 : 3;
            const auto found = bytes.find(body.substr(at, size));
            if (found == bytes.end()) break;
            narrow += found->second;
        }
        if (at == body.size())
            use(narrow, {Finding::body_charset, "the body, read as " + name + " and written as UTF-8, is turned back"});
    }
}

template <class Use> void for_each_wrapping(std::string_view body, Use&& use) {
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

template <class Use> void for_each_gzip(std::string_view body, GzipCodec codec, std::int64_t signed_at, Use&& use) {
    const auto second = static_cast<std::uint32_t>(signed_at);
    std::string other;
    if (!codec) return;
    if (is_gzip(body)) {
        if (codec(body, 0, other)) use(other, {Finding::body_still_gzip, "the body is decompressed"});
        return;
    }
    for (const int level : {6, 9, 1})
        if (codec(body, level, other))
            for (const std::uint32_t time : {std::uint32_t{0}, second, second - 1, second + 1})
                for (const char system : {'\x03', '\xFF'}) {  // Unix, and unknown
                    set_gzip_header(other, time, system);
                    use(other, {Finding::body_was_gunzipped, "the body is compressed with gzip"});
                }
}

/// What is around a text: its end (0), its line ends (1) and its start (2), those from `first` on. Calls
/// `use(text, change, next)` where `next` is the first that may be changed besides.
template <class Use> void for_each_frame(std::string_view text, int first, Use&& use) {
    static constexpr std::pair<std::string_view, const char*> endings[] = {
        {"", ""},           {"\n", "a newline (LF)"}, {"\r\n", "a CRLF"},
        {" ", "a space"},   {"\t", "a tab"},          {"\r", "a carriage return (CR)"},
        {"\n\n", "two LF"}, {"\r\n\r\n", "two CRLF"}, {{"\0", 1}, "a NUL byte"}};
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
        const std::string bare = core + tail;
        use(bare, {Finding::body_start_changed, "the byte order mark or white space at its start is taken off"}, 3);
        use(std::string(byte_order_mark) + bare,
            {Finding::body_start_changed, "a byte order mark is put at the start of the body"}, 3);
    }
}

// ---- The search ----

/// A delivery, and what it may mean; nothing has been tried yet.
struct Evidence {
    ErrorQueueGuard guard;
    NumericLocale locale;  // of all that nlohmann/json reads
    std::string_view body;
    GzipCodec codec;
    const SeenHeaders& seen;
    HeaderTable table;
    FoundHeaders found;  // what Webhook looks at, of `seen`
    SecretForms secrets;
    JsonBody json;
    HeaderForms headers;

    Evidence(std::string_view secret_texts, std::string_view body_, const SeenHeaders& seen_, GzipCodec codec_)
        : body(body_),
          codec(codec_),
          seen(seen_),
          found((HeaderSource(seen.fields).read(table), table.chosen())),
          secrets(secret_texts),
          json(may_vary() ? body : std::string_view()),
          headers(seen, json.event_id) {}

    bool may_vary() const noexcept { return locale && body.size() <= max_diagnosed_body; }

    /// False where there is nothing to search with: no key, no signature, no id or no timestamp.
    bool is_complete() const noexcept {
        return !headers.ids.empty() && !headers.timestamps.empty() && !headers.signatures.empty() &&
               !secrets.keys.empty();
    }
};

/// Kinds of changes, each with an allowance of its own, so that none takes the work from the others.
enum ChangeGroup : std::size_t { of_headers, of_secret, of_frame, of_charset, of_wrapping, of_gzip, of_style };
inline constexpr std::size_t group_count = of_style + 1;

/// What a search ended with.
struct SearchResult {
    bool proved = false, failed = false;  // failed inside OpenSSL
    std::size_t attempts = 0;
    /// Of each group: how many changes at once were all tried. Two, unless its work was used up.
    std::array<std::size_t, group_count> finished = {2, 2, 2, 2, 2, 2, 2};

    // Where it is proved:
    std::vector<Change> changes;
    std::string timestamp;         // the one that was signed
    const KeyForm* key = nullptr;  // the one that signed
};

/// Looks for the changes of body, headers and key under which the signature of one delivery verifies. The
/// simplest explanation wins: no change, one, then two together.
class SignatureSearch {
public:
    static SearchResult run(const Evidence& evidence) {
        SignatureSearch search(evidence);
        for (; evidence.is_complete() && search.is_on() && search.changes_ <= 2; ++search.changes_)
            search.try_text(evidence.body, 0);
        return std::move(search.result_);
    }

private:
    explicit SignatureSearch(const Evidence& evidence) : evidence_(evidence) { left_.fill(std::size_t{48} << 20); }

    bool is_on() const noexcept { return !result_.proved && !result_.failed; }

    /// False where that is more bytes, hashed or written, than the group has left, or it is over.
    bool spend(std::size_t bytes) noexcept {
        const bool is_left = is_on() && bytes <= left_[group_];
        if (!is_left) result_.finished[group_] = (std::min)(result_.finished[group_], changes_ - 1);
        left_[group_] = is_left ? left_[group_] - bytes : 0;
        return is_left;
    }

    /// Tries what is `changes_` away from the delivery and has this text, and then what changes the text further: its
    /// frame from the part `first` on. False where it makes no sense to go on with the group.
    bool try_text(std::string_view text, int first) {
        const std::size_t left = changes_ - result_.changes.size();
        const bool varies = !result_.changes.empty();
        const auto goes_on = [&] { return is_on() && (!varies || result_.finished[group_] >= changes_); };
        for (const HeaderForm& id : evidence_.headers.ids)
            for (const HeaderForm& timestamp : evidence_.headers.timestamps) {
                const bool one_cause = id.change && timestamp.change && id.change->finding == timestamp.change->finding;
                const std::size_t changes = (id.change ? 1U : 0U) + (timestamp.change && !one_cause ? 1U : 0U);
                for (const KeyForm& key : evidence_.secrets.keys) {
                    if (changes + (key.change ? 1U : 0U) != left) continue;
                    if (!varies) group_ = key.change ? of_secret : of_headers;
                    if (const HeaderForm* const signature = fitting(key, id.text + '.' + timestamp.text + '.', text)) {
                        for (const auto* change : {&id.change, &timestamp.change, &signature->change, &key.change})
                            if (*change) result_.changes.push_back(**change);
                        result_.timestamp = timestamp.text;
                        result_.key = &key;
                        result_.proved = true;
                    }
                    if (!goes_on()) return false;
                }
            }
        if (left == 0 || !evidence_.may_vary()) return true;

        const auto use = [&](std::string_view other, Change change, int next = 0) {
            if (other == text) return true;
            if (!spend(other.size() / 4)) return false;  // a copy is cheaper than the rest
            result_.changes.push_back(std::move(change));
            const bool is_useful = try_text(other, next);
            if (!result_.proved) result_.changes.pop_back();
            return is_useful;
        };
        if (!varies) group_ = of_frame;
        for_each_frame(text, first, use);
        if (varies) return goes_on();
        group_ = of_charset;
        for_each_charset(text, use);
        group_ = of_wrapping;
        for_each_wrapping(text, use);
        group_ = of_gzip;
        for_each_gzip(text, evidence_.codec, parse_timestamp(evidence_.found.timestamp).value_or(0), use);
        group_ = of_style;
        const auto spend_on = [this](std::size_t bytes) { return spend(bytes); };
        evidence_.json.for_each_style(spend_on, [&](std::string_view other, const std::string& style) {
            return use(other, {Finding::body_reserialized, "the body is written as JSON in another style: " + style});
        });
        return true;
    }

    /// The signature that belongs to this key, prefix and body, or null.
    const HeaderForm* fitting(const KeyForm& key, const std::string& before, std::string_view body) {
        constexpr std::size_t ed25519_cost = 65'536;  // a verification takes as long as hashing this many bytes
        // What Webhook tries as well is tried whatever it costs.
        if (changes_ > 0 && !spend(body.size() + 512)) return nullptr;
        ++result_.attempts;
        const bool is_hmac = !key.ring.hmac.empty();
        SecretBytes<44 + 1> expected;
        std::string content;
        if (is_hmac) {
            SecretBytes<sha256_size> tag;
            result_.failed = !key.ring.hmac.front().key.compute(ScratchContext(), before, body, tag) ||
                             EVP_EncodeBlock(expected.data, tag.data, sha256_size) != 44;
        } else {
            content.append(before).append(body);
        }
        for (const HeaderForm& form : evidence_.headers.signatures) {
            unsigned char bytes[ed25519_signature_size];
            if (result_.failed) break;
            if (is_hmac != (form.version == SignatureVersion::hmac_sha256)) continue;
            if (is_hmac) {
                const auto* const text = reinterpret_cast<const unsigned char*>(form.text.data());
                if (equal_in_constant_time(text, expected.data, form.text.size())) return &form;
            } else if (base64_decode(form.text, bytes, sizeof bytes) == sizeof bytes) {
                if (changes_ > 0 && !spend(ed25519_cost)) break;
                const Match result = key.ring.ed25519.front().key.verify(bytes, content);
                if (result == Match::found) return &form;
                result_.failed = result == Match::failure;
            }
        }
        return nullptr;
    }

    const Evidence& evidence_;
    std::size_t changes_ = 0;  // that are made at once
    ChangeGroup group_ = of_headers;
    std::array<std::size_t, group_count> left_{};
    SearchResult result_;
};

}}}}  // namespace pivotal::v1::detail::PIVOTAL_DETAIL_JSON_ABI
