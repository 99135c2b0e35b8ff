// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

namespace pivotal { inline namespace v1 { namespace detail {

template <class> constexpr bool always_false = false;

template <class T>
constexpr bool is_c_string =
    std::is_pointer_v<std::decay_t<T>>&& std::is_same_v<std::remove_cv_t<std::remove_pointer_t<std::decay_t<T>>>, char>;

/// For an overload that refuses C strings: a call with what may be one is ambiguous then, and does not compile.
struct CString {
    template <class T, std::enable_if_t<is_c_string<T> || std::is_same_v<T, std::nullptr_t>, int> = 0>
    CString(const T& text) noexcept;
};

template <class T, class = void> constexpr bool is_char_container = false;
template <class T>
constexpr bool is_char_container<T, std::void_t<decltype(*std::declval<const T&>().data()),
                                                decltype(static_cast<std::size_t>(std::declval<const T&>().size()))>> =
    std::is_same_v<std::remove_cv_t<std::remove_reference_t<decltype(*std::declval<const T&>().data())>>, char>;

template <class T, class = void> constexpr bool is_pointer_like = false;
// What `*` gives must live as long as the pointer does: a reference, a pointer, or a view, which is known by its size.
template <class T>
constexpr bool is_pointer_like<
    T, std::void_t<decltype(static_cast<bool>(std::declval<const T&>())), decltype(*std::declval<const T&>())>> =
    std::is_reference_v<decltype(*std::declval<const T&>())> ||
    std::is_pointer_v<decltype(*std::declval<const T&>())> ||
    (std::is_trivially_destructible_v<decltype(*std::declval<const T&>())> &&
     sizeof(*std::declval<const T&>()) == sizeof(std::string_view));

template <class T> constexpr bool is_text_value = is_c_string<T> || is_char_container<T>;

template <class T> constexpr bool is_text_or_pointer_to_text() {
    if constexpr (std::is_same_v<T, std::nullptr_t> || is_text_value<T>) return true;
    // clang warns of a `*` on a pointer to void.
    if constexpr (!std::is_void_v<std::remove_pointer_t<T>>) {
        if constexpr (is_pointer_like<T>)
            return is_text_value<std::remove_cv_t<std::remove_reference_t<decltype(*std::declval<const T&>())>>>;
    }
    return false;
}

/// True for a text type (`const char*`, or `data()` and `size()` over `char`), and for an optional, pointer
/// or pointer-like of one.
template <class T> constexpr bool is_text = is_text_or_pointer_to_text<T>();

/// The characters of `value`; empty where there are none. They belong to `value`, or to what it points to or views.
template <class T> constexpr std::string_view text_of(const T& value) {
    if constexpr (std::is_same_v<T, std::nullptr_t>) {
        return {};
    } else if constexpr (is_c_string<T>) {
        const char* const text = value;
        return text ? std::string_view(text) : std::string_view();
    } else if constexpr (is_char_container<T>) {
        return {value.data(), static_cast<std::size_t>(value.size())};
    } else {
        return static_cast<bool>(value) ? detail::text_of(*value) : std::string_view();
    }
}

/// Without the spaces and tabs around it: the optional white space of RFC 9110 §5.5.
constexpr std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

/// The size of `text` without the bytes of `any_of` at its end.
constexpr std::size_t end_before(std::string_view text, std::string_view any_of) noexcept {
    while (!text.empty() && any_of.find(text.back()) != any_of.npos) text.remove_suffix(1);
    return text.size();
}

/// Compares without regard to ASCII case and without the locale; `lower` is in lower case.
constexpr bool equals_ignoring_case(std::string_view text, std::string_view lower) noexcept {
    if (text.size() != lower.size()) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) != lower[i]) return false;
    }
    return true;
}

/// Where `lower`, which is in lower case, first stands in `text`, in whatever case; npos where it does not.
constexpr std::size_t find_ignoring_case(std::string_view text, std::string_view lower) noexcept {
    for (std::size_t at = 0; at + lower.size() <= text.size(); ++at)
        if (equals_ignoring_case(text.substr(at, lower.size()), lower)) return at;
    return text.npos;
}

}}}  // namespace pivotal::v1::detail
