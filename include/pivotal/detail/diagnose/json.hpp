// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include <nlohmann/json.hpp>

#include <pivotal/detail/core/json_abi.hpp>
#include <pivotal/detail/core/json_object.hpp>
#include <pivotal/detail/core/text.hpp>

namespace pivotal { inline namespace v1 { namespace detail { inline namespace PIVOTAL_DETAIL_JSON_ABI {

// What JSON libraries make of one document. nlohmann reads and writes single strings and numbers here: its DOM forgets
// equal keys and how a number is written, its ordered_json takes time in the square of the members, and its dump() has
// no limit.

inline constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

inline std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
    std::string out;
    for (std::size_t at; (at = text.find(from)) != text.npos; text.remove_prefix(at + from.size()))
        out.append(text.substr(0, at)).append(to);
    return out.append(text);
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

struct JsonLayout {
    const char* name;
    std::string_view newline, indent;  // the first is empty where all is on one line
    std::string_view comma = ",", colon = ": ";
};

inline constexpr JsonLayout json_layouts[] = {
    {"minified", "", "", ",", ":"},
    {"on one line with a space behind each comma and colon (as Python's json.dumps)", "", "", ", ", ": "},
    {"indented by 2 spaces", "\n", "  "},
    {"indented by 4 spaces", "\n", "    "},
    {"indented by a tab", "\n", "\t"},
    {"indented by 3 spaces", "\n", "   "},
    {"indented by 2 spaces with CRLF", "\r\n", "  "},
    {"indented by 4 spaces with CRLF", "\r\n", "    "},
    {"indented by a tab with CRLF", "\r\n", "\t"},
};

struct JsonStyle {
    static constexpr std::size_t nowhere = static_cast<std::size_t>(-1), javascript = nowhere - 1, all = nowhere - 2;
    enum Escapes : std::size_t { kept, raw, lower, upper, go };
    static constexpr const char* escape_names[] = {
        "", "no character escaped without need", "non-ASCII characters escaped as \\uxxxx",
        "non-ASCII characters escaped as \\uXXXX (upper case)", "<, > and & escaped, as Go does"};

    JsonLayout layout = json_layouts[0];
    Escapes escapes = kept;         // how strings are written
    bool slash = false;             // `/` as `\/`
    std::size_t numbers = nowhere;  // at which whole number a `.0` is put, or all are written as JavaScript does
};

/// What is written is never much longer: 512 levels of indentation make gigabytes of a hostile body.
inline constexpr std::size_t max_written_json = std::size_t{4} << 20;

/// A number as JavaScript writes it, but for an exponent: with the shortest digits, 41.0 as 41. Whole numbers stay.
inline std::string javascript_number(std::string_view token) {
    std::string text(token);
    if (token.find_first_of(".eE") != token.npos) text = nlohmann::json::parse(token.begin(), token.end()).dump();
    if (text.size() > 2 && text.find(".0") == text.size() - 2) text.resize(text.size() - 2);
    return text == "-0" ? "0" : text;
}

/// A string of JSON text, with its quotes, in another style.
inline std::string respelled(std::string_view token, const JsonStyle& style) {
    std::string text(token);
    if (style.escapes == JsonStyle::kept) return text;
    if (std::any_of(token.begin(), token.end(), [](char c) { return c < ' ' || c > '~' || c == '\\'; })) {
        const nlohmann::json value = nlohmann::json::parse(token.begin(), token.end(), nullptr, false);
        if (!value.is_string()) return text;  // it has a lone surrogate
        text = value.dump(-1, ' ', style.escapes == JsonStyle::lower || style.escapes == JsonStyle::upper);
    }
    for (std::size_t i = 0; style.escapes == JsonStyle::upper && i < text.size(); ++i)
        if (text[i] == '\\' && text[++i] == 'u')
            for (const std::size_t end = i + 4; i < end;)
                if (text[++i] >= 'a') text[i] = static_cast<char>(text[i] - 'a' + 'A');
    if (style.escapes == JsonStyle::go)
        for (const auto& [from, to] : {std::pair("<", "\\u003c"), std::pair(">", "\\u003e"), std::pair("&", "\\u0026"),
                                       std::pair("\xE2\x80\xA8", "\\u2028"), std::pair("\xE2\x80\xA9", "\\u2029")})
            text = replaced(text, from, to);
    return style.slash ? replaced(text, "/", "\\/") : text;
}

/// JSON text in another style.
inline std::string restyled(std::string_view json, const JsonStyle& style) {
    std::string out, line(style.layout.newline);
    std::size_t place = 0;
    char before = ' ';
    // Each string, scalar and sign.
    for (std::size_t begin = 0, end; (begin = json.find_first_not_of(" \t\r\n", begin)) != json.npos; begin = end) {
        if (out.size() > max_written_json) return out;
        const char first = json[begin];
        end = begin + 1;
        if (first == '"') {
            while (json[end] != '"') end += json[end] == '\\' ? 2U : 1U;
            ++end;
        } else if (std::string_view("{}[],:").find(first) == std::string_view::npos) {
            end = (std::min)(json.find_first_of(",]} \t\r\n", end), json.size());
        }
        const std::string_view token = json.substr(begin, end - begin);
        const bool is_number = first == '-' || (first >= '0' && first <= '9');
        const bool closes = first == '}' || first == ']', opened = before == '{' || before == '[';
        if (closes) line.resize(line.size() - style.layout.indent.size());
        if (before == ',' || closes != opened) out += line;  // not within an empty list
        if (first == '"')
            out += respelled(token, style);
        else if (is_number && style.numbers == JsonStyle::javascript)
            out += javascript_number(token);
        else
            out += first == ',' ? style.layout.comma : first == ':' ? style.layout.colon : token;
        if (is_number && token.find_first_of(".eE") == token.npos &&
            (place++ == style.numbers || style.numbers == JsonStyle::all))
            out += ".0";
        if (first == '{' || first == '[') line += style.layout.indent;
        before = first;
    }
    return out;
}

/// The order of the members in Pivotal's documentation; what it does not name comes behind.
struct DocumentedOrder {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const {
        static constexpr std::string_view names =
            " id type created_at org_id livemode api_version data object previous_attributes onboarding_id customer_id "
            "display_id name health_score previous_health_score at_risk churned owner_email email title is_primary "
            "phase state target_launch_date completed_at completed_by assignee_email ";
        const auto rank = [](std::string_view key) { return names.find(std::string(" ").append(key).append(" ")); };
        return std::pair(rank(a), a) < std::pair(rank(b), b);
    }
};
template <class Key, class Value, class, class Allocator>
using DocumentedMap = std::map<Key, Value, DocumentedOrder, Allocator>;

/// A body that is a JSON object, as Event takes it: strict, of at most 512 levels, also with lone surrogates.
struct JsonBody {
    TextParts parts;         // of the body
    std::string_view text;   // of the object; empty: it is none
    std::string sorted;      // minified, with its keys in alphabetical order
    std::string event_id;    // its `id`, or empty
    bool is_test = false;    // its `livemode` is false
    bool is_sorted = false;  // its keys are in alphabetical order, which Pivotal's are not

    explicit JsonBody(std::string_view body) : parts(body) {
        constexpr std::array<std::string_view, 0> none{};
        JsonObject<nlohmann::json, 0> object(none);
        if (object.parse(parts.core)) return;
        const nlohmann::json json = object.others.is_null() ? nlohmann::json::object() : std::move(object.others);
        text = parts.core;
        sorted = json.dump();
        const JsonStyle simplest{json_layouts[0], JsonStyle::raw, false, JsonStyle::javascript};
        is_sorted = json.size() > 1 && restyled(text, simplest) == restyled(sorted, simplest);
        is_test = json.value("livemode", nlohmann::json()) == false;
        if (const auto id = json.find("id"); id != json.end() && id->is_string()) event_id = id->get<std::string>();
    }

    /// Calls `use(text, style in words)` with what JSON libraries make of it, the simplest first, while that returns
    /// true. `spend(bytes)` is told how much was read and written, and says whether to go on.
    template <class Spend, class Use> void for_each_style(Spend&& spend, Use&& use) const {
        if (text.empty()) return;
        const std::string documented = nlohmann::basic_json<DocumentedMap>::parse(sorted).dump();
        const std::pair<std::string_view, const char*> orders[] = {
            {text, ""}, {sorted, "its keys sorted"}, {documented, "its keys in the order of Pivotal's documentation"}};
        constexpr const char* numbers[] = {"", "its numbers as JavaScript writes them",
                                           "a whole number with .0 behind it"};
        const auto own = std::find_if(std::begin(json_layouts), std::end(json_layouts),
                                      [&](const JsonLayout& layout) { return restyled(text, {layout}) == text; });
        std::unordered_set<std::size_t> seen;  // hashes of what was written
        for (const auto& [from, order] : orders)
            // JavaScript writes 41.0 as 41: any one number, or all, may have had its fraction.
            for (std::size_t n = 0; n < 3 + 32; ++n)
                for (std::size_t s = 0; s < (n < 2 ? 9 : 1); ++s)
                    for (std::size_t l = 0; l < (n < 2 ? std::size(json_layouts) : 2); ++l) {
                        const JsonStyle style{json_layouts[l], static_cast<JsonStyle::Escapes>((s + 1) / 2),
                                              s > 0 && s % 2 == 0, n < 3 ? JsonStyle::nowhere - n : n - 3};
                        const std::string written = restyled(from, style);
                        if (!spend(from.size() + written.size())) return;
                        const bool is_new = seen.insert(std::hash<std::string>()(written)).second;
                        if (!is_new && l == 0) break;  // nothing else in this spelling
                        if (!is_new || written.size() > max_written_json) continue;
                        std::string words;
                        for (const char* const word :
                             {own == &json_layouts[l] ? "" : json_layouts[l].name, order,
                              JsonStyle::escape_names[style.escapes], style.slash ? "/ escaped as \\/" : "",
                              numbers[(std::min)(n, std::size_t{2})]})
                            words.append(words.empty() || !*word ? "" : ", ").append(word);
                        if (!use(std::string(parts.front).append(written).append(parts.tail), words)) return;
                    }
    }
};

}}}}  // namespace pivotal::v1::detail::PIVOTAL_DETAIL_JSON_ABI
