// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <iterator>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include <pivotal/detail/core/text.hpp>

namespace pivotal {
inline namespace v1 {
namespace detail {

/// The names of the signing headers, Svix's first and those of Standard Webhooks behind them.
inline constexpr std::array<const char*, 6> header_names = {
    "svix-id", "svix-timestamp", "svix-signature", "webhook-id", "webhook-timestamp", "webhook-signature"};

/// The values of the chosen family, trimmed; empty means absent.
struct FoundHeaders {
    std::string_view id, timestamp, signature;
    bool repeated = false;  // one of the family's names occurs twice

    bool any() const noexcept { return !id.empty() || !timestamp.empty() || !signature.empty(); }
};

template <class Source>
constexpr bool is_header_callable = std::is_invocable_v<const Source&, const char*>;

template <class Source, class Use>
decltype(auto) with_called_headers(const Source& source, Use&& use) {
    using Result = std::invoke_result_t<const Source&, const char*>;
    static_assert(
        is_text<std::remove_cv_t<std::remove_reference_t<Result>>>,
        "pivotal: a HeaderSource that is called with a header's name must return text (const char*, "
        "or data() and size() over char), or an optional, pointer or pointer-like of text.");
    // Views and references are used where they are; a string that is returned lives here until `use` is done.
    const auto& names = header_names;
    auto&& id = source(names[0]);
    auto&& timestamp = source(names[1]);
    auto&& signature = source(names[2]);
    const FoundHeaders svix{trimmed(text_of(id)), trimmed(text_of(timestamp)), trimmed(text_of(signature))};
    if (svix.any()) return use(svix);
    auto&& other_id = source(names[3]);
    auto&& other_timestamp = source(names[4]);
    auto&& other_signature = source(names[5]);
    return use(FoundHeaders{trimmed(text_of(other_id)), trimmed(text_of(other_timestamp)),
                            trimmed(text_of(other_signature))});
}

// `using` declarations need a scope of their own: begin and end are found as the range-based for finds them.
namespace adl {
using std::begin;
using std::end;
template <class T>
using Iterator = decltype(begin(std::declval<const T&>()));
template <class T>
using Sentinel = decltype(end(std::declval<const T&>()));
}  // namespace adl

template <class T>
using Bare = std::remove_cv_t<std::remove_reference_t<T>>;

template <class Source, class = void>
constexpr bool is_header_range = false;
template <class Source>
constexpr bool is_header_range<
    Source, std::void_t<adl::Sentinel<Source>, decltype((*std::declval<adl::Iterator<Source>&>()).first),
                        decltype((*std::declval<adl::Iterator<Source>&>()).second)>> =
    is_text<Bare<decltype((*std::declval<adl::Iterator<Source>&>()).first)>>&&
        is_text<Bare<decltype((*std::declval<adl::Iterator<Source>&>()).second)>>;

/// True where an element stays while the iterator moves on. An iterator that does not say so, such as that of
/// std::generator, may hold the element itself.
template <class Iterator, class = void>
constexpr bool is_multi_pass = false;
template <class Iterator>
constexpr bool
    is_multi_pass<Iterator, std::void_t<typename std::iterator_traits<Iterator>::iterator_category>> =
        std::is_convertible_v<typename std::iterator_traits<Iterator>::iterator_category,
                              std::forward_iterator_tag>;

/// What a range has under the six names.
class HeaderTable {
public:
    /// The place of `name` among header_names, or npos.
    static std::size_t index_of(std::string_view name) noexcept {
        // Most headers are others, and their first letter tells: s(vix-), w(ebhook-).
        if (name.empty() || ((name[0] | 0x20) != 's' && (name[0] | 0x20) != 'w')) return npos;
        for (std::size_t i = 0; i < header_names.size(); ++i)
            if (equals_ignoring_case(name, header_names[i])) return i;
        return npos;
    }
    static constexpr std::size_t npos = static_cast<std::size_t>(-1);

    /// Keeps the last value under each name that is not empty, and how often the name occurred.
    void add(std::size_t index, std::string_view value) noexcept {
        Entry& entry = entries_[index];
        ++entry.times;
        if (!value.empty()) entry.value = value;
    }

    FoundHeaders chosen() const noexcept {
        const FoundHeaders svix = family(0);
        return svix.any() ? svix : family(3);
    }

private:
    struct Entry {
        std::string_view value;
        std::size_t times = 0;
    };

    FoundHeaders family(std::size_t first) const noexcept {
        const Entry &id = entries_[first], &timestamp = entries_[first + 1], &signature = entries_[first + 2];
        return {id.value, timestamp.value, signature.value,
                id.times > 1 || timestamp.times > 1 || signature.times > 1};
    }

    std::array<Entry, header_names.size()> entries_;
};

template <class Source, class Use>
decltype(auto) with_ranged_headers(const Source& source, Use&& use) {
    using Iterator = adl::Iterator<Source>;
    using Reference = decltype(*std::declval<Iterator&>());
    // Elements that are made as the range is read are kept until `use` is done.
    constexpr bool keep = !std::is_reference_v<Reference> || !is_multi_pass<Iterator>;
    std::conditional_t<keep, std::array<std::optional<Bare<Reference>>, header_names.size()>, char> kept{};
    HeaderTable table;
    for (auto&& field : source) {
        const std::size_t index = HeaderTable::index_of(text_of(field.first));
        if (index == HeaderTable::npos) continue;
        std::string_view value = trimmed(text_of(field.second));
        if constexpr (keep) {
            if (!value.empty())
                value = trimmed(text_of(kept[index].emplace(std::forward<decltype(field)>(field)).second));
        }
        table.add(index, value);
    }
    (void)kept;
    return use(table.chosen());
}

}  // namespace detail
}  // namespace v1
}  // namespace pivotal
