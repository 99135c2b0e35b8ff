// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <pivotal/detail/core/json_object.hpp>

namespace pivotal {
inline namespace v1 {
namespace detail {

// What JSON libraries make of one document. A diagnosis needs the text that was signed, not the values: so
// numbers and the order of members are kept as they are written, which a DOM does not do.

enum class JsonOrder { kept, sorted, documented };
enum class JsonStrings { kept, raw, escaped_lower, escaped_upper, go };
enum class JsonNumbers { kept, javascript };

struct JsonLayout {
    std::string_view name;
    std::string_view newline;  // empty: all on one line
    std::string_view indent;   // for each level
    std::string_view comma, colon;
};

inline constexpr std::array<JsonLayout, 10> json_layouts = {{
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
}};

struct JsonStyle {
    static constexpr std::size_t none = static_cast<std::size_t>(-1), all = none - 1;

    std::size_t layout = 0;  // of json_layouts
    JsonOrder order = JsonOrder::kept;
    JsonStrings strings = JsonStrings::kept;
    bool escape_slash = false;  // `\/`; strings that are kept stay as they are
    JsonNumbers numbers = JsonNumbers::kept;
    std::size_t decimal = none;  // the whole number, by its place in the text, that gets `.0`
};

/// A number as JavaScript (and Go) write it: the shortest digits, 41.0 as 41, 1e5 as 100000. Whole numbers
/// stay as they are.
inline std::string javascript_number(std::string_view token) {
    if (token == "-0") return "0";
    if (token.find_first_of(".eE") == token.npos) return std::string(token);
    const nlohmann::json number = nlohmann::json::parse(token.begin(), token.end(), nullptr, false);
    if (!number.is_number()) return std::string(token);
    // nlohmann finds the shortest digits; only their form differs.
    const std::string shortest = number.dump();
    const bool negative = shortest.front() == '-';
    const std::size_t exponent_at = std::min(shortest.find('e'), shortest.size());
    const std::string mantissa = shortest.substr(negative ? 1 : 0, exponent_at - (negative ? 1 : 0));
    int point =
        static_cast<int>(std::min(mantissa.find('.'), mantissa.size()));  // where it belongs in `digits`
    if (exponent_at < shortest.size())
        point += static_cast<int>(std::strtol(shortest.c_str() + exponent_at + 1, nullptr, 10));
    std::string digits = mantissa;
    digits.erase(std::remove(digits.begin(), digits.end(), '.'), digits.end());
    const std::size_t zeros = digits.find_first_not_of('0');
    if (zeros == digits.npos) return "0";
    digits.erase(0, zeros);
    point -= static_cast<int>(zeros);
    digits.erase(digits.find_last_not_of('0') + 1);
    const int count = static_cast<int>(digits.size());

    std::string text = negative ? "-" : "";
    if (count <= point && point <= 21)
        return text + digits + std::string(static_cast<std::size_t>(point - count), '0');
    if (0 < point && point <= 21)
        return text + digits.substr(0, static_cast<std::size_t>(point)) + '.' +
               digits.substr(static_cast<std::size_t>(point));
    if (-6 < point && point <= 0)
        return text + "0." + std::string(static_cast<std::size_t>(-point), '0') + digits;
    text += digits.front();
    if (count > 1) text += '.' + digits.substr(1);
    return text + 'e' + (point > 0 ? "+" : "-") + std::to_string(std::abs(point - 1));
}

/// Appends `text` (UTF-8) as a JSON string.
inline void write_json_string(std::string_view text, JsonStrings strings, bool escape_slash,
                              std::string& out) {
    const auto escape = [&](std::uint32_t unit) {
        const char* const digits =
            strings == JsonStrings::escaped_upper ? "0123456789ABCDEF" : "0123456789abcdef";
        out += "\\u";
        for (int shift = 12; shift >= 0; shift -= 4) out += digits[unit >> shift & 15U];
    };
    out += '"';
    for (std::size_t i = 0; i < text.size();) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte < 0x80) {
            ++i;
            switch (byte) {
                case '"':
                    out += "\\\"";
                    continue;
                case '\\':
                    out += "\\\\";
                    continue;
                case '\b':
                    out += "\\b";
                    continue;
                case '\f':
                    out += "\\f";
                    continue;
                case '\n':
                    out += "\\n";
                    continue;
                case '\r':
                    out += "\\r";
                    continue;
                case '\t':
                    out += "\\t";
                    continue;
                case '/':
                    out += escape_slash ? "\\/" : "/";
                    continue;
                default:
                    break;
            }
            const bool html = strings == JsonStrings::go && (byte == '<' || byte == '>' || byte == '&');
            if (byte < 0x20 || html)
                escape(byte);
            else
                out += static_cast<char>(byte);
            continue;
        }
        // Valid UTF-8: nlohmann has read it.
        const std::size_t size = byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
        std::uint32_t code = byte & (0xFFU >> (size + 1));
        for (std::size_t k = 1; k < size; ++k)
            code = code << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3FU);
        const bool line_separator = strings == JsonStrings::go && (code == 0x2028 || code == 0x2029);
        if (strings != JsonStrings::escaped_lower && strings != JsonStrings::escaped_upper && !line_separator)
            out += text.substr(i, size);
        else if (code < 0x10000)
            escape(code);
        else {
            escape(0xD800 + ((code - 0x10000) >> 10));
            escape(0xDC00 + ((code - 0x10000) & 0x3FFU));
        }
        i += size;
    }
    out += '"';
}

/// A JSON text taken to pieces, which it refers to.
class JsonText {
public:
    /// False where it is not strict JSON (RFC 8259) of at most 512 levels.
    bool parse(std::string_view text) {
        text_ = text;
        at_ = 0;
        numbers_ = 0;
        root_ = Node();
        if (text.find('\0') != text.npos || text.substr(0, 3) == "\xEF\xBB\xBF" || !is_json(text))
            return false;
        return read(root_, 1);
    }

    std::size_t whole_numbers() const noexcept { return numbers_; }

    /// The value of the member `name` of the outermost object, a string without its quotes; empty where there
    /// is none, or an object or array.
    std::string_view top_level(std::string_view name) const noexcept {
        std::string_view found;
        for (std::size_t i = 0; root_.kind == '{' && i + 1 < root_.items.size(); i += 2)
            if (root_.items[i].value == name) found = root_.items[i + 1].value;
        return found;
    }

    /// Puts the members of every object into an order; a stable one, so that equal keys stay as they are.
    void arrange(JsonOrder order) { arrange(root_, order); }

    /// True where there are objects with several members, and the keys of each are in alphabetical order.
    bool is_sorted() const {
        bool several = false;
        return is_sorted(root_, several) && several;
    }

    /// The whole in a style, but for JsonStyle::order: arrange does that. False where it would be longer than
    /// max_written: 512 levels of indentation make gigabytes of a hostile body.
    bool write(const JsonStyle& style, std::string& out) const {
        out.clear();
        write(root_, style, 0, out);
        return out.size() <= max_written;
    }

    static constexpr std::size_t max_written = std::size_t{4} << 20;

private:
    /// As Event takes it: with surrogates that have no partner.
    static bool is_json(std::string_view text) {
        std::string copy;
        text = with_whole_surrogates(text, copy);
        return nlohmann::json::accept(text.begin(), text.end());
    }

    struct Node {
        char kind = 'v';          // '{', '[', '"', '0' for a whole number, 'v' for every other scalar
        std::string_view token;   // a scalar as it is written
        std::string value;        // a string's value, a number as JavaScript writes it, or the token
        std::size_t number = 0;   // which of the whole numbers it is
        std::vector<Node> items;  // of an object: key, value, key, value, ...
    };

    void skip_space() {
        while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
            ++at_;
    }

    // The text is known to be JSON, so that what comes next is known as well.
    bool read(Node& node, std::size_t level) {
        skip_space();
        const char first = text_[at_];
        if (first == '{' || first == '[') {
            if (level > max_json_depth) return false;
            node.kind = first;
            ++at_;
            for (skip_space(); text_[at_] != '}' && text_[at_] != ']'; skip_space()) {
                if (text_[at_] == ',' || text_[at_] == ':') {
                    ++at_;
                    continue;
                }
                if (!read(node.items.emplace_back(), level + 1)) return false;
            }
            ++at_;
            return true;
        }
        const std::size_t begin = at_;
        if (first == '"') {
            for (++at_; text_[at_] != '"'; ++at_)
                if (text_[at_] == '\\') ++at_;
            ++at_;
        } else {
            at_ = std::min(text_.find_first_of(",]} \t\r\n", at_), text_.size());
        }
        node.token = text_.substr(begin, at_ - begin);
        if (first == '"') {
            node.kind = '"';
            node.value = node.token.substr(1, node.token.size() - 2);
            if (node.value.find('\\') != node.value.npos) {
                std::string copy;
                const std::string_view whole = with_whole_surrogates(node.token, copy);
                node.value = nlohmann::json::parse(whole.begin(), whole.end()).get<std::string>();
            }
        } else if (first == '-' || (first >= '0' && first <= '9')) {
            node.value = javascript_number(node.token);
            if (node.token.find_first_not_of("-0123456789") == node.token.npos) {
                node.kind = '0';
                node.number = numbers_++;
            }
        } else {
            node.value = node.token;
        }
        return true;
    }

    /// The order of Pivotal's documentation; what it does not name comes behind.
    static std::size_t rank(std::string_view key) noexcept {
        static constexpr std::array<std::string_view, 27> names = {"id",
                                                                   "type",
                                                                   "created_at",
                                                                   "org_id",
                                                                   "livemode",
                                                                   "api_version",
                                                                   "data",
                                                                   "object",
                                                                   "previous_attributes",
                                                                   "onboarding_id",
                                                                   "customer_id",
                                                                   "display_id",
                                                                   "name",
                                                                   "health_score",
                                                                   "previous_health_score",
                                                                   "at_risk",
                                                                   "churned",
                                                                   "owner_email",
                                                                   "email",
                                                                   "title",
                                                                   "is_primary",
                                                                   "phase",
                                                                   "state",
                                                                   "target_launch_date",
                                                                   "completed_at",
                                                                   "completed_by",
                                                                   "assignee_email"};
        return static_cast<std::size_t>(std::find(names.begin(), names.end(), key) - names.begin());
    }

    static void arrange(Node& node, JsonOrder order) {
        for (Node& item : node.items) arrange(item, order);
        if (node.kind != '{') return;
        std::vector<std::size_t> members(node.items.size() / 2);
        std::iota(members.begin(), members.end(), std::size_t{0});
        // Equal ones stay in their order. (libstdc++'s std::stable_sort calls what C++17 deprecates, of which newer
        // compilers warn.)
        std::sort(members.begin(), members.end(), [&](std::size_t a, std::size_t b) {
            const std::string &key_a = node.items[2 * a].value, &key_b = node.items[2 * b].value;
            if (order == JsonOrder::sorted) return std::tie(key_a, a) < std::tie(key_b, b);
            return std::make_pair(rank(key_a), a) < std::make_pair(rank(key_b), b);
        });
        std::vector<Node> arranged;
        arranged.reserve(node.items.size());
        for (const std::size_t member : members) {
            arranged.push_back(std::move(node.items[2 * member]));
            arranged.push_back(std::move(node.items[2 * member + 1]));
        }
        node.items = std::move(arranged);
    }

    static bool is_sorted(const Node& node, bool& several) {
        for (std::size_t i = 2; node.kind == '{' && i < node.items.size(); i += 2) {
            several = true;
            if (node.items[i].value < node.items[i - 2].value) return false;
        }
        for (const Node& item : node.items)
            if (!is_sorted(item, several)) return false;
        return true;
    }

    static void new_line(const JsonLayout& layout, std::size_t level, std::string& out) {
        if (layout.newline.empty()) return;
        out += layout.newline;
        for (std::size_t i = 0; i < level; ++i) out += layout.indent;
    }

    static void write(const Node& node, const JsonStyle& style, std::size_t level, std::string& out) {
        const JsonLayout& layout = json_layouts[style.layout];
        if (node.kind == '"') {
            if (style.strings == JsonStrings::kept)
                out += node.token;
            else
                write_json_string(node.value, style.strings, style.escape_slash, out);
        } else if (node.kind != '{' && node.kind != '[') {
            out += style.numbers == JsonNumbers::javascript ? node.value : node.token;
            if (node.kind == '0' && (style.decimal == JsonStyle::all || style.decimal == node.number))
                out += ".0";
        } else {
            out += node.kind;
            for (std::size_t i = 0; i < node.items.size() && out.size() <= max_written; ++i) {
                const bool value = node.kind == '{' && i % 2 == 1;
                if (value) {
                    out += layout.colon;
                } else {
                    if (i > 0) out += layout.comma;
                    new_line(layout, level + 1, out);
                }
                write(node.items[i], style, level + 1, out);
            }
            if (!node.items.empty()) new_line(layout, level, out);
            out += node.kind == '{' ? '}' : ']';
        }
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t numbers_ = 0;
    Node root_;
};

}  // namespace detail
}  // namespace v1
}  // namespace pivotal
