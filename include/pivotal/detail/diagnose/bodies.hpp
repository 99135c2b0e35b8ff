// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <pivotal/detail/diagnose/gzip.hpp>
#include <pivotal/detail/diagnose/json_style.hpp>
#include <pivotal/detail/diagnose/text_variants.hpp>
#include <pivotal/finding.hpp>

namespace pivotal {
inline namespace v1 {
namespace detail {

/// How much a diagnosis may do: attempts are signatures that are computed, work is bytes that are hashed or
/// written.
struct DiagnosisBudget {
    static constexpr std::size_t max_body = std::size_t{1} << 20;  // a larger one is tried as it is only
    std::size_t attempts = 32'768;
    std::size_t work = std::size_t{256} << 20;
    bool exhausted = false;

    bool spend(std::size_t bytes) noexcept {
        exhausted = exhausted || work < bytes;
        if (!exhausted) work -= bytes;
        return !exhausted;
    }
    bool attempt(std::size_t bytes) noexcept {
        exhausted = exhausted || attempts == 0;
        if (!exhausted) --attempts;
        return spend(bytes);
    }
};

/// The bodies that may have been signed, made from the one that is there. A variant is up to four changes
/// away from it: of its content, its end, its line ends and its start.
class BodyVariants {
public:
    /// Returns true to stop.
    using Use = std::function<bool(std::string_view bytes, int changes)>;

    BodyVariants(std::string_view body, GzipCodec codec, std::int64_t signed_at, DiagnosisBudget& budget)
        : body_(body),
          codec_(codec),
          signed_at_(signed_at),
          budget_(budget),
          parts_(body),
          end_(parts_.tail),
          start_(parts_.front) {
        if (body.size() > DiagnosisBudget::max_body || !json_.parse(parts_.core)) return;
        is_json_ = true;
        is_sorted_ = json_.is_sorted();
        event_id_ = json_.top_level("id");
        livemode_ = json_.top_level("livemode");
        std::string written;
        for (layout_ = 0; layout_ < json_layouts.size(); ++layout_) {
            if (json_.write(JsonStyle{layout_}, written) && written == parts_.core) break;
        }
    }

    bool is_json() const noexcept { return is_json_; }
    /// Its keys are in alphabetical order, which Pivotal's are not.
    bool is_sorted() const noexcept { return is_sorted_; }
    const std::string& event_id() const noexcept { return event_id_; }
    const std::string& livemode() const noexcept { return livemode_; }

    /// Calls `use` for each variant of at most `most` changes until it returns true. Equal ones come once,
    /// and the simplest of them first. Stops when the budget is used up.
    void for_each(int most, const Use& use) {
        ++round_;
        most_ = most;
        use_ = &use;
        chosen_ = {};
        if (most == 0 || body_.size() > DiagnosisBudget::max_body) {
            use(body_, 0);
            return;
        }
        with_end(parts_.core, 0) || try_charsets() || try_gzip() || try_styles();
    }

    /// What the variant changes that `use` returned true for.
    std::vector<Change> changes() const {
        std::vector<Change> made;
        if (chosen_.content) made.push_back(*chosen_.content);
        if (chosen_.end) made.push_back(end_change(chosen_.former_end, *chosen_.end));
        if (chosen_.line_ends != LineEnds::kept) made.push_back(line_ends_change(chosen_.line_ends));
        if (chosen_.start) made.push_back(start_change(*chosen_.start));
        return made;
    }

private:
    enum class LineEnds { kept, crlf, lf };

    struct Chosen {
        std::optional<Change> content;
        std::optional<std::string_view> end, start;
        std::string former_end;
        LineEnds line_ends = LineEnds::kept;
    };

    // ---- Content; each of these returns true to stop ----

    template <class MakeChange>
    bool offer(std::string_view content, MakeChange&& change) {
        if (!budget_.spend(content.size())) return true;
        if (content == parts_.core) return false;
        if (with_end(content, 1)) {
            if (!budget_.exhausted) chosen_.content = change();
            return true;
        }
        return false;
    }

    bool try_charsets() {
        if (is_ascii(parts_.core)) return false;
        for (const bool windows : {false, true}) {
            const std::string name = windows ? "Windows-1252" : "Latin-1";
            const char* const advice =
                "It went through a string type that converts encodings. Pass the body's bytes exactly as "
                "they came.";
            if (offer(utf8_from_latin1(parts_.core, windows), [&] {
                    return Change{Finding::body_charset,
                                  "the body, which is " + name + ", is turned back into UTF-8", advice};
                }))
                return true;
            const std::optional<std::string> narrow = latin1_from_utf8(parts_.core, windows);
            if (narrow && offer(*narrow, [&] {
                    return Change{
                        Finding::body_charset,
                        "the body, which was read as " + name + " and written as UTF-8, is turned back",
                        advice};
                }))
                return true;
        }
        return false;
    }

    bool try_gzip() {
        if (!codec_.compress || !codec_.decompress) return false;
        end_ = start_ = {};  // gzip is of the whole
        const bool stop = try_gzip_forms();
        end_ = parts_.tail;
        start_ = parts_.front;
        return stop;
    }

    bool try_gzip_forms() {
        std::string other;
        if (is_gzip(body_)) {
            if (!codec_.decompress(body_, DiagnosisBudget::max_body, other)) return false;
            const TextParts inside(other);
            start_ = inside.front;
            end_ = inside.tail;
            return offer(inside.core, [] {
                return Change{
                    Finding::body_still_gzip, "the body is decompressed",
                    "The body is gzip, and what was signed is the text inside: decompress it before "
                    "verifying, or let the server do that."};
            });
        }
        const auto second = static_cast<std::uint32_t>(signed_at_);
        for (const std::uint32_t time : {std::uint32_t{0}, second, second - 1, second + 1})
            for (const int level : {6, 9, 1})
                for (const int system : {3, 255}) {
                    if (!budget_.spend(16 * body_.size())) return true;
                    if (codec_.compress(body_, {level, time, system}, other) && offer(other, [] {
                            return Change{
                                Finding::body_was_gunzipped, "the body is compressed with gzip",
                                "The gzip bytes were signed, and something decompressed them on the way: a "
                                "proxy, or the server as `content-encoding: gzip` asks it to. Verify the "
                                "bytes that were sent."};
                        }))
                        return true;
                }
        return false;
    }

    bool try_styles() {
        if (!is_json_) return false;
        json_.parse(parts_.core);
        std::string written;
        return for_each_json_style(json_, [&](const JsonStyle& style) {
            if (!json_.write(style, written)) return !budget_.spend(written.size());
            return offer(written, [&] {
                return Change{
                    Finding::body_reserialized,
                    "the body is written as JSON in another style: " +
                        describe(style, style.layout != layout_),
                    "A JSON library (or a formatter) parsed the body and wrote it again in its own style. "
                    "Verify the raw body first, as it came, and parse it afterwards."};
            });
        });
    }

    // ---- Its end, line ends and start ----

    bool with_end(std::string_view content, int changes) {
        static constexpr std::array<std::string_view, 9> ends = {
            "", "\n", "\r\n", " ", "\t", "\r", "\n\n", "\r\n\r\n", std::string_view("\0", 1)};
        std::string text(content);
        const auto use = [&](std::optional<std::string_view> end) {
            chosen_.end = end;
            chosen_.former_end = end_;
            text.resize(content.size());
            text.append(end ? *end : end_);
            return with_line_ends(text, changes + (end ? 1 : 0));
        };
        if (use(std::nullopt)) return true;
        for (const std::string_view end : ends)
            if (changes < most_ && end != end_ && use(end)) return true;
        chosen_.end.reset();
        return false;
    }

    bool with_line_ends(const std::string& text, int changes) {
        chosen_.line_ends = LineEnds::kept;
        if (with_start(text, changes)) return true;
        if (changes == most_ || text.find('\n') == text.npos) return false;
        chosen_.line_ends = LineEnds::crlf;
        if (with_start(with_crlf(text), changes + 1)) return true;
        chosen_.line_ends = LineEnds::lf;
        if (with_start(with_lf(text), changes + 1)) return true;
        chosen_.line_ends = LineEnds::kept;
        return false;
    }

    bool with_start(std::string_view text, int changes) {
        const auto use = [&](std::optional<std::string_view> start) {
            chosen_.start = start;
            const int count = changes + (start ? 1 : 0);
            if (!budget_.spend(text.size() / 4)) return true;  // a copy is cheaper than the rest
            const std::string whole = std::string(start ? *start : start_).append(text);
            return is_new(whole, count) && (*use_)(whole, count);
        };
        if (use(std::nullopt)) return true;
        for (const std::string_view start : {std::string_view(), byte_order_mark})
            if (changes < most_ && start != start_ && use(start)) return true;
        chosen_.start.reset();
        return false;
    }

    /// False for bytes that were used already: in this round, or in an earlier one with fewer changes.
    bool is_new(std::string_view bytes, int changes) {
        const auto [entry, added] =
            used_.try_emplace(std::hash<std::string_view>()(bytes), Used{round_, changes});
        if (added) return true;
        Used& used = entry->second;
        if (used.round == round_ ? used.changes <= changes : used.changes < changes) return false;
        used = {round_, changes};
        return true;
    }

    // ---- In words ----

    static std::string name_of(std::string_view end) {
        return end == "\n"                        ? "a newline (LF)"
               : end == "\r\n"                    ? "a CRLF"
               : end == "\r"                      ? "a carriage return (CR)"
               : end == "\n\n"                    ? "two newlines (LF)"
               : end == "\r\n\r\n"                ? "two CRLF"
               : end == " "                       ? "a space"
               : end == "\t"                      ? "a tab"
               : end == std::string_view("\0", 1) ? "a NUL byte"
                                                  : "white space";
    }

    static Change end_change(std::string_view from, std::string_view to) {
        std::string when = from.empty() ? name_of(to) + " is added at the end of the body"
                           : to.empty()
                               ? name_of(from) + " is taken off the end of the body"
                               : name_of(from) + " at the end of the body is replaced by " + name_of(to);
        return {
            Finding::body_end_changed, std::move(when),
            "Something changes the end of the body on the way, as an editor, echo, trim() or `curl -d @file` "
            "do (curl: --data-binary). Pass the bytes exactly as they came."};
    }

    static Change start_change(std::string_view to) {
        return {
            Finding::body_start_changed,
            to.empty() ? "the byte order mark or white space at the start of the body is taken off"
                       : "a byte order mark is put at the start of the body",
            "Something changes the start of the body on the way, as editors and text decoders do. Pass the "
            "bytes exactly as they came."};
    }

    static Change line_ends_change(LineEnds to) {
        return {Finding::body_line_ends,
                to == LineEnds::crlf ? "each LF of the body is turned into CRLF"
                                     : "each CRLF of the body is turned into LF",
                "Something translates line ends: a file opened in text mode, git's autocrlf, dos2unix or "
                "unix2dos. Read and write the body as binary."};
    }

    struct Used {
        int round, changes;
    };

    std::string_view body_;
    GzipCodec codec_;
    std::int64_t signed_at_;
    DiagnosisBudget& budget_;
    TextParts parts_;
    std::string_view end_, start_;  // what stands behind and before a content that is tried
    JsonText json_;
    bool is_json_ = false, is_sorted_ = false;
    std::string event_id_, livemode_;
    std::size_t layout_ = 0;  // the body's own, or json_layouts.size()
    std::unordered_map<std::size_t, Used> used_;
    int round_ = 0, most_ = 0;
    const Use* use_ = nullptr;
    Chosen chosen_;
};

}  // namespace detail
}  // namespace v1
}  // namespace pivotal
