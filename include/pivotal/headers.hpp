// SPDX-License-Identifier: MIT
#pragma once

#include <pivotal/detail/core/attributes.hpp>

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include <pivotal/detail/core/header_lookup.hpp>
#include <pivotal/detail/core/text.hpp>

namespace pivotal { inline namespace v1 {

/// The value of a header: a non-owning view, without the spaces and tabs around it (RFC 9110 §5.5). Empty means absent.
///
/// Made implicitly from `std::string`, `std::string_view`, `const char*` (null: absent), any type with `data()` and
/// `size()` over `char`, and an optional, pointer or pointer-like of one. The text must outlive the call that it is
/// given to.
class HeaderValue {
public:
    /// An absent header.
    constexpr HeaderValue() noexcept = default;

    /// Views the text without the white space around it.
    template <class Text, std::enable_if_t<detail::is_text<Text> && !std::is_same_v<Text, HeaderValue>, int> = 0>
    HeaderValue(const Text& text PIVOTAL_DETAIL_LIFETIMEBOUND) : text_(detail::trimmed(detail::text_of(text))) {}

    /// The value.
    /// @{
    constexpr const char* data() const noexcept { return text_.data(); }
    constexpr std::size_t size() const noexcept { return text_.size(); }
    constexpr std::string_view view() const noexcept { return text_; }
    /// @}

private:
    std::string_view text_;
};

/// The three signing headers, already looked up: `webhook.verify(body, {id, timestamp, signature})`.
///
/// The values are those of `svix-id`, `svix-timestamp` and `svix-signature`, or of the `webhook-` headers of Standard
/// Webhooks: always three of one family.
struct Headers {
    HeaderValue id;         ///< Of `svix-id`.
    HeaderValue timestamp;  ///< Of `svix-timestamp`.
    HeaderValue signature;  ///< Of `svix-signature`.
};

namespace detail {

/// The name of a header: any text, as it is. White space around it makes it another name (RFC 9112 §5.1).
struct HeaderName : std::string_view {
    template <class Text, std::enable_if_t<is_text<Text> && !std::is_same_v<Text, HeaderName>, int> = 0>
    HeaderName(const Text& text PIVOTAL_DETAIL_LIFETIMEBOUND) : std::string_view(detail::text_of(text)) {}
};

}  // namespace detail

/// Where the headers of a delivery are: a parameter that is made implicitly from whatever a server has.
///
///     webhook.verify(body, {id, timestamp, signature});                  // or a pivotal::Headers
///     webhook.verify(body, {{"svix-id", a}, {"svix-timestamp", b}, {"svix-signature", c}});
///     webhook.verify(body, [&](const char* name) { return request.header(name); });
///     webhook.verify(body, request.headers);                             // a range of name/value pairs
///
/// 1. **Three values**, or names and values written out.
/// 2. **A callable** that takes a header's name (`const char*`) and returns text or nothing: `const char*` (null: absent),
///    any type with `data()` and `size()` over `char`, or an optional, pointer or pointer-like of one. It is called
///    through const&, at most six times; views that it returns must stay valid until the call returns.
/// 3. **A range of name/value pairs**, such as a `std::multimap`. Names compare without regard to ASCII case.
///
/// If any `svix-` header is there they are used, else the `webhook-` family of Standard Webhooks. Where a map has several
/// values for a name, `std::map<std::string, std::vector<std::string>>`, give a callable that returns the first:
///
///     [&](const std::string& name) { const auto at = map.find(name);
///                                    return at == map.end() || at->second.empty() ? nullptr : &at->second.front(); }
///
/// It views what it is made from and is read in the call: not to be kept. What a callable or a range throws passes
/// through the call.
class HeaderSource {
public:
    /// Views one of the sources in the list above.
    /// @{
    HeaderSource(HeaderValue id PIVOTAL_DETAIL_LIFETIMEBOUND, HeaderValue timestamp PIVOTAL_DETAIL_LIFETIMEBOUND,
                 HeaderValue signature PIVOTAL_DETAIL_LIFETIMEBOUND) noexcept
        : values_{id, timestamp, signature} {}
    HeaderSource(const Headers& headers PIVOTAL_DETAIL_LIFETIMEBOUND) noexcept : values_(headers) {}
    HeaderSource(
        std::initializer_list<std::pair<detail::HeaderName, HeaderValue>> list PIVOTAL_DETAIL_LIFETIMEBOUND) noexcept
        : list_(list),
          read_([](const HeaderSource& self, detail::HeaderSink& sink) { detail::read_ranged(self.list_, sink); }) {}

    template <class Source, std::enable_if_t<!std::is_base_of_v<Headers, Source>, int> = 0>
    HeaderSource(const Source& source PIVOTAL_DETAIL_LIFETIMEBOUND) {
        if constexpr (std::is_convertible_v<const Source&, Headers>)
            values_ = source;
        else if constexpr (detail::check_header_source<Source>())
            read_ = &read_from<Source>;
        if constexpr (std::is_function_v<Source>)
            function_ = reinterpret_cast<void (*)()>(&source);
        else
            object_ = std::addressof(source);
    }
    /// @}

    /// The three values, where it was made from them; else null.
    const Headers* values() const noexcept { return read_ ? nullptr : &values_; }
    /// Tells `sink` of every header that it asks for: what Webhook and diagnose call.
    void read(detail::HeaderSink& sink) const {
        if (read_) return read_(*this, sink);
        sink.add(0, values_.id.view());
        sink.add(1, values_.timestamp.view());
        sink.add(2, values_.signature.view());
    }

private:
    template <class Source> static void read_from(const HeaderSource& self, detail::HeaderSink& sink) {
        if constexpr (std::is_function_v<Source>)
            detail::read_called(*reinterpret_cast<Source*>(self.function_), sink);
        else if constexpr (detail::is_header_callable<Source>)
            detail::read_called(*static_cast<const Source*>(self.object_), sink);
        else
            detail::read_ranged(*static_cast<const Source*>(self.object_), sink);
    }

    Headers values_;
    std::initializer_list<std::pair<detail::HeaderName, HeaderValue>> list_;
    union {
        const void* object_ = nullptr;
        void (*function_)();
    };
    void (*read_)(const HeaderSource&, detail::HeaderSink&) = nullptr;  // null: values_ are what there is
};

}}  // namespace pivotal::v1
