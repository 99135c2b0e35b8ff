// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string_view>
#include <type_traits>
#include <utility>

#include <pivotal/detail/core/header_lookup.hpp>
#include <pivotal/detail/core/text.hpp>

namespace pivotal {
inline namespace v1 {

/// The value of a header: a non-owning view, without the spaces and tabs around it (RFC 9110 §5.5). Empty
/// means absent.
///
/// Made implicitly from `std::string`, `std::string_view`, `const char*` (null: absent), any type with
/// `data()` and `size()` over `char`, and an optional, pointer or pointer-like of one. The text must outlive
/// the call that it is given to.
class HeaderValue {
public:
    constexpr HeaderValue() noexcept = default;

    template <class Text,
              std::enable_if_t<detail::is_text<Text> && !std::is_same_v<Text, HeaderValue>, int> = 0>
    HeaderValue(const Text& text) : text_(detail::trimmed(detail::text_of(text))) {}

    constexpr const char* data() const noexcept { return text_.data(); }
    constexpr std::size_t size() const noexcept { return text_.size(); }
    constexpr std::string_view view() const noexcept { return text_; }

private:
    std::string_view text_;
};

/// The three signing headers, already looked up: `webhook.verify(body, {id, timestamp, signature})`.
///
/// The values are those of `svix-id`, `svix-timestamp` and `svix-signature`, or of the `webhook-` headers of
/// Standard Webhooks: always three of one family.
struct Headers {
    HeaderValue id, timestamp, signature;
};

namespace detail {

/// The name of a header: any text, as it is. White space around it makes it another name (RFC 9112 §5.1).
class HeaderName {
public:
    template <class Text, std::enable_if_t<is_text<Text> && !std::is_same_v<Text, HeaderName>, int> = 0>
    HeaderName(const Text& text) : text_(text_of(text)) {}

    constexpr const char* data() const noexcept { return text_.data(); }
    constexpr std::size_t size() const noexcept { return text_.size(); }

private:
    std::string_view text_;
};

}  // namespace detail

/// Names and values written out: `webhook.verify(body, {{"svix-id", a}, {"svix-timestamp", b},
/// {"svix-signature", c}})`.
using HeaderList = std::initializer_list<std::pair<detail::HeaderName, HeaderValue>>;

namespace detail {

/// Calls `use(FoundHeaders)` with what `source` has; the views are valid until `use` returns.
///
/// A HeaderSource is one of these, tried in this order:
/// 1. Headers;
/// 2. a callable that takes a header's name (`const char*`) and returns text, or an optional, pointer or
///    pointer-like of text. It is called through const&, at most six times;
/// 3. a range of name/value pairs; names compare without regard to ASCII case.
template <class HeaderSource, class Use>
decltype(auto) with_headers(const HeaderSource& source, Use&& use) {
    if constexpr (std::is_convertible_v<const HeaderSource&, Headers>) {
        const Headers& headers = source;
        return use(FoundHeaders{headers.id.view(), headers.timestamp.view(), headers.signature.view()});
    } else if constexpr (is_header_callable<HeaderSource>) {
        return with_called_headers(source, std::forward<Use>(use));
    } else if constexpr (is_header_range<HeaderSource>) {
        return with_ranged_headers(source, std::forward<Use>(use));
    } else {
        static_assert(
            always_false<HeaderSource>,
            "pivotal: this is no HeaderSource. Pass pivotal::Headers{id, timestamp, signature}, or a callable "
            "that takes a header's name (const char*), returns text or nothing and can be called through "
            "const&, or a range of name/value pairs.");
    }
}

}  // namespace detail
}  // namespace v1
}  // namespace pivotal
