// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include <nlohmann/json.hpp>

#include <pivotal/detail/core/json_abi.hpp>
#include <pivotal/detail/core/json_object.hpp>
#include <pivotal/detail/core/surrogates.hpp>
#include <pivotal/detail/diagnose/text.hpp>

namespace pivotal { inline namespace v1 { namespace detail { inline namespace PIVOTAL_DETAIL_JSON_ABI {

// What JSON libraries make of one document. A diagnosis needs the text that was signed, not the values: so
// numbers stay as they are written, which a DOM does not do, unless the members change their order.

struct JsonLayout {
    const char* name;
    std::string_view newline;  // empty: all on one line
    std::string_view indent;   // for each level
    std::string_view comma, colon;
};

inline constexpr JsonLayout json_layouts[] = {
    {"minified", "", "", ",", ":"},
    {"on one line with a space behind each comma and colon (as Python's json.dumps)", "", "", ", ", ": "},
    {"indented by 2 spaces", "\n", "  ", ",", ": "},
    {"indented by 4 spaces", "\n", "    ", ",", ": "},
    {"indented by a tab", "\n", "\t", ",", ": "},
    {"indented by 3 spaces", "\n", "   ", ",", ": "},
    {"indented by 2 spaces with CRLF", "\r\n", "  ", ",", ": "},
    {"indented by 4 spaces with CRLF", "\r\n", "    ", ",", ": "},
    {"indented by a tab with CRLF", "\r\n", "\t", ",", ": "},
    {"indented by 3 spaces with CRLF", "\r\n", "   ", ",", ": "},
};

/// How strings are written. Kept ones stay as they are, with all of their escapes.
struct JsonStrings {
    enum Escapes { kept, raw, lower, upper, go };

    Escapes escapes;
    bool slash;  // `/` as `\/`
    const char* name;
};

inline constexpr JsonStrings json_strings[] = {
    {JsonStrings::kept, false, ""},
    {JsonStrings::raw, false, "no character escaped without need"},
    {JsonStrings::raw, true, "/ escaped as \\/"},
    {JsonStrings::lower, false, "non-ASCII characters escaped as \\uxxxx"},
    {JsonStrings::lower, true, "non-ASCII characters escaped as \\uxxxx, / escaped as \\/"},
    {JsonStrings::upper, false, "non-ASCII characters escaped as \\uXXXX (upper case)"},
    {JsonStrings::upper, true, "non-ASCII characters escaped as \\uXXXX (upper case), / escaped as \\/"},
    {JsonStrings::go, false, "<, > and & escaped, as Go does"},
    {JsonStrings::go, true, "<, > and & escaped, as Go does, / escaped as \\/"},
};

/// How numbers are written: as they are, as JavaScript (and Go) write them, or with `.0` behind one whole number,
/// by its place in the text, or behind all.
struct JsonNumbers {
    static constexpr std::size_t kept = static_cast<std::size_t>(-1), javascript = kept - 1, all = kept - 2;
};

/// What is written is never much longer: 512 levels of indentation make gigabytes of a hostile body.
inline constexpr std::size_t max_written_json = std::size_t{4} << 20;

/// A number as JavaScript writes it: the shortest digits, 41.0 as 41, 1e5 as 100000. Whole numbers stay.
inline std::string javascript_number(std::string_view token) {
    if (token == "-0") return "0";
    if (token.find_first_of(".eE") == token.npos) return std::string(token);
    // nlohmann finds the shortest digits; only their form differs, and that only where it has an exponent.
    std::string text = nlohmann::json::parse(token.begin(), token.end()).dump();
    const std::size_t e = text.find('e');
    if (e == text.npos) {
        if (text.size() > 2 && text.compare(text.size() - 2, 2, ".0") == 0) text.resize(text.size() - 2);
        return text == "-0" ? "0" : text;
    }
    const int exponent = static_cast<int>(std::strtol(text.c_str() + e + 1, nullptr, 10));
    const std::string sign = text.front() == '-' ? "-" : "";
    std::string digits = text.substr(sign.size(), e - sign.size());
    if (digits.size() > 1) digits.erase(1, 1);  // the point
    const std::size_t count = digits.size(), point = static_cast<std::size_t>(std::abs(exponent));
    if (exponent >= 0 && exponent < 21) {
        if (count <= point + 1) return sign + digits.append(point + 1 - count, '0');
        return sign + digits.insert(point + 1, ".");
    }
    if (exponent < 0 && exponent >= -6) return sign + "0." + std::string(point - 1, '0') + digits;
    if (count > 1) digits.insert(1, ".");
    return sign + digits + (exponent < 0 ? "e-" : "e+") + std::to_string(point);
}

/// A string of JSON text, with its quotes, spelled in another way.
inline std::string respelled(std::string_view token, const JsonStrings& strings) {
    const bool upper = strings.escapes == JsonStrings::upper;
    std::string text(token);
    if (std::any_of(token.begin(), token.end(), [](char c) { return c < ' ' || c > '~' || c == '\\'; })) {
        const nlohmann::json value = nlohmann::json::parse(token.begin(), token.end(), nullptr, false);
        if (!value.is_string()) return text;  // it has a lone surrogate
        text = value.dump(-1, ' ', upper || strings.escapes == JsonStrings::lower);
    }
    for (std::size_t i = 0; upper && i < text.size(); ++i) {
        if (text[i] != '\\' || text[++i] != 'u') continue;
        for (const std::size_t end = i + 4; i < end;)
            if (text[++i] >= 'a') text[i] = static_cast<char>(text[i] - 'a' + 'A');
    }
    if (strings.escapes == JsonStrings::go)
        for (const auto& [from, to] : {std::pair("<", "\\u003c"), std::pair(">", "\\u003e"), std::pair("&", "\\u0026"),
                                       std::pair("\xE2\x80\xA8", "\\u2028"), std::pair("\xE2\x80\xA9", "\\u2029")})
            text = replaced(text, from, to);
    return strings.slash ? replaced(text, "/", "\\/") : text;
}

/// Calls `use(token)` for each string, scalar and sign of `json`, which is JSON.
template <class Use>
void for_each_json_token(std::string_view json, Use&& use) {
    for (std::size_t begin = 0; (begin = json.find_first_not_of(" \t\r\n", begin)) != json.npos;) {
        std::size_t end = begin + 1;
        if (json[begin] == '"') {
            while (json[end] != '"') end += json[end] == '\\' ? 2U : 1U;
            ++end;
        } else if (std::string_view("{}[],:").find(json[begin]) == std::string_view::npos) {
            end = (std::min)(json.find_first_of(",]} \t\r\n", end), json.size());
        }
        use(json.substr(begin, end - begin));
        begin = end;
    }
}

inline bool is_number(std::string_view token) noexcept {
    return token.front() == '-' || (token.front() >= '0' && token.front() <= '9');
}

inline bool is_whole_number(std::string_view token) noexcept {
    return is_number(token) && token.find_first_of(".eE") == token.npos;
}

/// JSON text minified, and spelled in another way; `numbers` is one of JsonNumbers, or a place.
inline std::string spelled(std::string_view json, const JsonStrings& strings = json_strings[0],
                           std::size_t numbers = JsonNumbers::kept) {
    std::string out;
    std::size_t place = 0;
    for_each_json_token(json, [&](std::string_view token) {
        if (out.size() > max_written_json) return;
        if (token.front() == '"' && strings.escapes != JsonStrings::kept)
            out += respelled(token, strings);
        else if (numbers == JsonNumbers::javascript && is_number(token))
            out += javascript_number(token);
        else
            out += token;
        if (is_whole_number(token) && (place++ == numbers || numbers == JsonNumbers::all)) out += ".0";
    });
    return out;
}

/// Minified JSON text in a layout.
inline std::string laid_out(std::string_view json, const JsonLayout& layout) {
    std::string out;
    std::size_t level = 0;
    char before = ' ';
    const auto new_line = [&] {
        out += layout.newline;
        for (std::size_t i = 0; i < level; ++i) out += layout.indent;
    };
    for_each_json_token(json, [&](std::string_view token) {
        if (out.size() > max_written_json) return;
        const char first = token.front();
        const bool closes = first == '}' || first == ']', opened = before == '{' || before == '[';
        if (closes) --level;
        if (closes != opened) new_line();  // before the first of a list and behind its last; not in an empty one
        out += first == ',' ? layout.comma : first == ':' ? layout.colon : token;
        if (first == '{' || first == '[') ++level;
        if (first == ',') new_line();
        before = first;
    });
    return out;
}

/// The order of the members in Pivotal's documentation; what it does not name comes behind.
struct DocumentedOrder {
    static std::size_t rank(std::string_view key) {
        constexpr std::string_view names =
            " id type created_at org_id livemode api_version data object previous_attributes onboarding_id "
            "customer_id display_id name health_score previous_health_score at_risk churned owner_email email "
            "title is_primary phase state target_launch_date completed_at completed_by assignee_email ";
        return names.find(std::string(" ").append(key).append(" "));
    }
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const {
        return std::make_pair(rank(a), a) < std::make_pair(rank(b), b);
    }
};
template <class Key, class Value, class, class Allocator>
using DocumentedMap = std::map<Key, Value, DocumentedOrder, Allocator>;
using DocumentedJson = nlohmann::basic_json<DocumentedMap>;

/// True for the beginning of a JSON object.
inline bool is_cut_json(std::string_view text) {
    if (TextParts(text).core.substr(0, 1) != "{") return false;
    try {
        return nlohmann::json::parse(text.begin(), text.end()).is_discarded();
    } catch (const nlohmann::json::parse_error& error) {
        return error.byte > text.size();
    }
}

/// A body that is JSON, as Event takes it: strict, of at most 512 levels, also with lone surrogates.
class JsonBody {
public:
    explicit JsonBody(std::string_view text) {
        if (text.find('\0') != text.npos || text.substr(0, 3) == byte_order_mark) return;
        std::string copy;
        const std::string_view whole = with_whole_surrogates(text, copy);
        if (!nlohmann::json::accept(whole.begin(), whole.end())) return;
        std::size_t level = 0, deepest = 0;
        for_each_json_token(text, [&](std::string_view token) {
            if (token == "{" || token == "[") deepest = (std::max)(deepest, ++level);
            if (token == "}" || token == "]") --level;
            if (is_whole_number(token)) ++whole_numbers_;
        });
        if (deepest > max_json_depth) return;
        text_ = text;
        const auto json = nlohmann::json::parse(whole.begin(), whole.end());
        if (const auto id = json.find("id"); id != json.end() && id->is_string()) event_id_ = id->get<std::string>();
        if (const auto livemode = json.find("livemode"); livemode != json.end())
            is_test_ = livemode->is_boolean() && !livemode->get<bool>();
        has_members_ = json.is_object() && json.size() > 1;
        sorted_ = json.dump();
        const std::string minified = spelled(text_);
        while (layout_ < std::size(json_layouts) && laid_out(minified, json_layouts[layout_]) != text_) ++layout_;
    }

    explicit operator bool() const noexcept { return !text_.empty(); }
    const std::string& event_id() const noexcept { return event_id_; }
    bool is_test() const noexcept { return is_test_; }  // livemode is false

    /// Its keys are in alphabetical order, which Pivotal's are not.
    bool is_sorted() const {
        const auto simplest = [](std::string_view json) {
            return spelled(json, json_strings[1], JsonNumbers::javascript);
        };
        return has_members_ && simplest(text_) == simplest(sorted_);
    }

    /// Calls `use(text, style in words)` with what the JSON libraries make of it, the simplest first, while
    /// that returns true. `spend(bytes)` is asked before something of that size is written.
    template <class Spend, class Use>
    void for_each_style(Spend&& spend, Use&& use) const {
        if (text_.empty()) return;
        std::unordered_set<std::size_t> seen;  // hashes of the minified forms
        const std::string documented = DocumentedJson::parse(sorted_).dump();
        std::string_view ordered;
        std::string words;
        const auto add_words = [](std::string& text, std::string_view more) {
            text.append(text.empty() || more.empty() ? "" : ", ").append(more);
        };
        const auto try_layouts = [&](const JsonStrings& strings, std::size_t numbers, const char* numbers_name,
                                     std::size_t layouts) {
            if (!spend(4 * ordered.size())) return false;  // strings and numbers are parsed
            const std::string minified = spelled(ordered, strings, numbers);
            if (!seen.insert(std::hash<std::string>()(minified)).second) return true;  // no difference here
            for (std::size_t i = 0; i < layouts && minified.size() <= max_written_json; ++i) {
                if (!spend(minified.size())) return false;
                const std::string text = laid_out(minified, json_layouts[i]);
                std::string style = i == layout_ ? "" : json_layouts[i].name;
                for (const std::string_view part :
                     {std::string_view(words), std::string_view(strings.name), std::string_view(numbers_name)})
                    add_words(style, part);
                if (text.size() <= max_written_json && !use(text, style)) return false;
            }
            return true;
        };
        for (const char* const order : {"", "its keys sorted", "its keys in the order of Pivotal's documentation"}) {
            ordered = *order == '\0' ? text_ : words.empty() ? sorted_ : documented;
            words = order;
            for (const auto& [numbers, name] :
                 {std::pair(JsonNumbers::kept, ""),
                  std::pair(JsonNumbers::javascript, "its numbers as JavaScript writes them (41.0 as 41)")})
                for (const JsonStrings& strings : json_strings)
                    if (!try_layouts(strings, numbers, name, std::size(json_layouts))) return;
            // JavaScript writes 41.0 as 41: any one number, or all, may have had its fraction.
            const std::size_t places = (std::min)(whole_numbers_, std::size_t{32});
            for (std::size_t i = 0; i <= places && places != 0; ++i)
                if (!try_layouts(json_strings[0], i < places ? i : JsonNumbers::all, "a whole number with .0 behind it",
                                 2))
                    return;
        }
    }

private:
    std::string_view text_;
    std::string event_id_, sorted_;
    bool is_test_ = false, has_members_ = false;
    std::size_t whole_numbers_ = 0;
    std::size_t layout_ = 0;  // its own, or the number of layouts
};

}}}}  // namespace pivotal::v1::detail::PIVOTAL_DETAIL_JSON_ABI
