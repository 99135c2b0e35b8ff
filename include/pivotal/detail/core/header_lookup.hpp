// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <pivotal/detail/core/text.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

// ---- What is looked for, and what was found ----

/// The names of the signing headers, Svix's first and those of Standard Webhooks behind them; a NUL follows each.
inline constexpr std::array<std::string_view, 6> header_names = {
    "svix-id", "svix-timestamp", "svix-signature", "webhook-id", "webhook-timestamp", "webhook-signature"};

/// The values of the chosen family, trimmed; empty means absent.
struct FoundHeaders {
    std::string_view id, timestamp, signature;
    bool repeated = false;  // one of the family's names occurs twice

    bool any() const noexcept { return !id.empty() || !timestamp.empty() || !signature.empty(); }
};

/// Takes what a HeaderSource has under some names, which are in lower case.
class HeaderSink {
public:
    template <std::size_t N>
    explicit HeaderSink(const std::array<std::string_view, N>& names) noexcept : names_(names.data()), size_(N) {}

    std::size_t size() const noexcept { return size_; }
    std::string_view name(std::size_t index) const noexcept { return names_[index]; }

    /// Whether a callable is to be asked for this name too.
    virtual bool wants(std::size_t index) const noexcept = 0;
    /// A value that stays where it is.
    virtual void add(std::size_t index, std::string_view value) = 0;
    /// One that was made for the lookup, and is the sink's now.
    virtual void keep(std::size_t index, std::string&& value) = 0;

protected:
    ~HeaderSink() = default;

private:
    const std::string_view* names_;
    std::size_t size_;
};

/// The six signing headers of a source.
class HeaderTable final : public HeaderSink {
public:
    HeaderTable() noexcept : HeaderSink(header_names) {}

    bool wants(std::size_t index) const noexcept override { return index < 3 || !family(0).any(); }

    /// Keeps the last value under each name that is not empty, and how often the name occurred.
    void add(std::size_t index, std::string_view value) override {
        (seen_[index] ? repeated_ : seen_)[index] = true;
        value = trimmed(value);
        if (!value.empty()) values_[index] = value;
    }
    void keep(std::size_t index, std::string&& value) override {
        if (trimmed(value).empty()) return add(index, {});
        kept_[index] = std::move(value);
        add(index, kept_[index]);
    }

    FoundHeaders chosen() const noexcept {
        const FoundHeaders svix = family(0);
        return svix.any() ? svix : family(3);
    }

private:
    FoundHeaders family(std::size_t first) const noexcept {
        return {values_[first], values_[first + 1], values_[first + 2],
                repeated_[first] || repeated_[first + 1] || repeated_[first + 2]};
    }

    std::array<std::string_view, header_names.size()> values_;
    std::array<bool, header_names.size()> seen_{}, repeated_{};
    std::array<std::string, header_names.size()> kept_;
};

// ---- The kinds of source ----

template <class T> using Bare = std::remove_cv_t<std::remove_reference_t<T>>;

/// Hands over a value that is gone, or may be another, after this call: a text, or an optional, pointer or pointer-like
/// of one.
template <class T> void hand_over(HeaderSink& sink, std::size_t index, T&& value) {
    if constexpr (std::is_same_v<T, std::string>) {
        sink.keep(index, std::forward<T>(value));
    } else if constexpr (std::is_same_v<T, std::optional<std::string>>) {
        sink.keep(index, value ? *std::forward<T>(value) : std::string());
    } else {
        const std::string_view text = detail::text_of(value);
        const void *const begin = std::addressof(value), *const end = std::addressof(value) + 1;
        const std::less<> before;  // of pointers into two objects
        const bool is_inside =
            !before(static_cast<const void*>(text.data()), begin) && before(static_cast<const void*>(text.data()), end);
        // What needs no destructor and does not hold its characters itself is a view.
        if (std::is_trivially_destructible_v<Bare<T>> && !is_inside)
            sink.add(index, text);
        else
            sink.keep(index, std::string(text));
    }
}

template <class Source> constexpr bool is_header_callable = std::is_invocable_v<const Source&, const char*>;

template <class Source> void read_called(const Source& source, HeaderSink& sink) {
    for (std::size_t i = 0; i < sink.size(); ++i) {
        if (!sink.wants(i)) continue;
        if constexpr (std::is_reference_v<std::invoke_result_t<const Source&, const char*>>)
            sink.add(i, detail::text_of(source(sink.name(i).data())));
        else
            detail::hand_over(sink, i, source(sink.name(i).data()));
    }
}

// `using` declarations need a scope of their own: begin and end are found as the range-based for finds them.
namespace adl {
using std::begin;
using std::end;
template <class Range> using Iterator = decltype(begin(std::declval<Range>()));
template <class Range> using Sentinel = decltype(end(std::declval<Range>()));
}  // namespace adl

template <class Source, class Range = const Source&, class = void> constexpr bool is_range_of_pairs = false;
template <class Source, class Range>
constexpr bool
    is_range_of_pairs<Source, Range,
                      std::void_t<adl::Sentinel<Range>, decltype((*std::declval<adl::Iterator<Range>&>()).first),
                                  decltype((*std::declval<adl::Iterator<Range>&>()).second)>> = true;

template <class Source> constexpr bool is_range_of_texts() {
    if constexpr (is_range_of_pairs<Source>) {
        using Iterator = adl::Iterator<const Source&>;
        return is_text<Bare<decltype((*std::declval<Iterator&>()).first)>> &&
               is_text<Bare<decltype((*std::declval<Iterator&>()).second)>>;
    }
    return false;
}

/// True where an element stays while the iterator moves on. An iterator that does not say so, such as that of
/// std::generator, may hold the element itself.
template <class Iterator, class = void> constexpr bool is_multi_pass = false;
template <class Iterator>
constexpr bool is_multi_pass<Iterator, std::void_t<typename std::iterator_traits<Iterator>::iterator_category>> =
    std::is_convertible_v<typename std::iterator_traits<Iterator>::iterator_category, std::forward_iterator_tag>;

template <class Source> void read_ranged(const Source& source, HeaderSink& sink) {
    using Reference = decltype(*std::declval<adl::Iterator<const Source&>&>());
    constexpr bool stays =
        is_multi_pass<adl::Iterator<const Source&>> &&
        (std::is_reference_v<Reference> || std::is_reference_v<decltype(std::declval<Reference>().second)>);
    for (auto&& field : source) {
        const std::string_view name = detail::text_of(field.first);
        for (std::size_t i = 0; i < sink.size(); ++i) {
            if (!equals_ignoring_case(name, sink.name(i))) continue;
            if constexpr (stays)
                sink.add(i, detail::text_of(field.second));
            else
                detail::hand_over(sink, i, std::forward<decltype(field)>(field).second);
            break;
        }
    }
}

/// True for a HeaderSource; for any other type the compiler says what is wrong with it.
template <class Source> constexpr bool check_header_source() {
    if constexpr (is_header_callable<Source>) {
        constexpr bool returns_text = is_text<Bare<std::invoke_result_t<const Source&, const char*>>>;
        static_assert(returns_text,
                      "pivotal: a HeaderSource that is called with a header's name must return text (const char*, or "
                      "data() and size() over char), or an optional, pointer or pointer-like of text.");
        return returns_text;
    } else if constexpr (is_range_of_texts<Source>()) {
        return true;
    } else if constexpr (std::is_invocable_v<Source&, const char*>) {
        static_assert(always_false<Source>,
                      "pivotal: this is no HeaderSource: it changes as it is called. Leave out `mutable`, or make its "
                      "operator() const.");
    } else if constexpr (is_range_of_pairs<Source>) {
        static_assert(always_false<Source>,
                      "pivotal: this is no HeaderSource: its pairs are not text and text. Where a name has several "
                      "values, pass a callable that returns the first: see HeaderSource in <pivotal/headers.hpp>.");
    } else if constexpr (is_range_of_pairs<Source, Source&>) {
        static_assert(always_false<Source>, "pivotal: this is no HeaderSource: its begin() and end() are not const.");
    } else {
        static_assert(always_false<Source>,
                      "pivotal: this is no HeaderSource. Pass {id, timestamp, signature}, or a callable that takes a "
                      "header's name (const char*) and returns text or nothing, or a range of name/value pairs.");
    }
    return false;
}

}}}  // namespace pivotal::v1::detail
