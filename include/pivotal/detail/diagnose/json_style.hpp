// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include <pivotal/detail/diagnose/json_text.hpp>

namespace pivotal {
inline namespace v1 {
namespace detail {

/// Calls `use(style)` for the styles of the JSON libraries, the simplest ones first, until it returns true.
/// Arranges `json` as it goes.
template <class Use>
bool for_each_json_style(JsonText& json, Use&& use) {
    std::unordered_set<std::size_t> seen;  // hashes of the minified forms
    std::string written;
    for (const JsonOrder order : {JsonOrder::kept, JsonOrder::sorted, JsonOrder::documented}) {
        if (order != JsonOrder::kept) json.arrange(order);
        JsonStyle style;
        style.order = order;
        for (const JsonNumbers numbers : {JsonNumbers::kept, JsonNumbers::javascript})
            for (const JsonStrings strings : {JsonStrings::kept, JsonStrings::raw, JsonStrings::escaped_lower,
                                              JsonStrings::escaped_upper, JsonStrings::go})
                for (const bool slash : {false, true}) {
                    if (slash && strings == JsonStrings::kept) continue;
                    style.numbers = numbers;
                    style.strings = strings;
                    style.escape_slash = slash;
                    style.layout = 0;
                    json.write(style, written);
                    if (!seen.insert(std::hash<std::string>()(written)).second)
                        continue;  // no difference here
                    for (; style.layout < json_layouts.size(); ++style.layout)
                        if (use(std::as_const(style))) return true;
                }
        // JavaScript writes 41.0 as 41: any one number, or all, may have had its fraction.
        JsonStyle decimal;
        decimal.order = order;
        const std::size_t numbers =
            json.whole_numbers() == 0 ? 0 : std::min<std::size_t>(json.whole_numbers(), 32) + 1;
        for (std::size_t i = 0; i < numbers; ++i)
            for (const std::size_t layout : {0U, 1U}) {
                decimal.decimal = i + 1 < numbers ? i : JsonStyle::all;
                decimal.layout = layout;
                if (use(std::as_const(decimal))) return true;
            }
    }
    return false;
}

/// A style in words; `layout_too` where its layout is part of the difference.
inline std::string describe(const JsonStyle& style, bool layout_too) {
    std::string text;
    const auto add = [&](std::string_view part) { text.append(text.empty() ? "" : ", ").append(part); };
    if (layout_too) add(json_layouts[style.layout].name);
    if (style.order == JsonOrder::sorted) add("its keys sorted");
    if (style.order == JsonOrder::documented) add("its keys in the order of Pivotal's documentation");
    if (style.strings == JsonStrings::raw && !style.escape_slash) add("no character escaped without need");
    if (style.strings == JsonStrings::escaped_lower) add("non-ASCII characters escaped as \\uxxxx");
    if (style.strings == JsonStrings::escaped_upper)
        add("non-ASCII characters escaped as \\uXXXX (upper case)");
    if (style.strings == JsonStrings::go) add("<, > and & escaped, as Go does");
    if (style.escape_slash) add("/ escaped as \\/");
    if (style.numbers == JsonNumbers::javascript) add("its numbers as JavaScript writes them (41.0 as 41)");
    if (style.decimal != JsonStyle::none) add("a whole number with .0 behind it");
    return text;
}

}  // namespace detail
}  // namespace v1
}  // namespace pivotal
