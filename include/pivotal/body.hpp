// SPDX-License-Identifier: MIT
#pragma once

#include <pivotal/detail/core/attributes.hpp>

#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

namespace pivotal { inline namespace v1 {
namespace detail {

template <class T, class = void> constexpr bool is_byte = false;  // void, and what is not complete
template <class T>
constexpr bool is_byte<T, std::void_t<decltype(sizeof(T))>> = sizeof(T) == 1 && std::is_trivially_copyable_v<T>;

// What a literal is an array of: read to its NUL, which is none of its text.
template <class T>
constexpr bool is_character =
#if defined(__cpp_char8_t)
    std::is_same_v<T, char8_t> ||
#endif
    std::is_same_v<T, char>;

template <class T> constexpr bool is_pointer_to_bytes = std::is_pointer_v<T>&& is_byte<std::remove_pointer_t<T>>;

// Nothing is dereferenced to find out: data() of a socket's buffer is a pointer to void.
template <class T, class = void> constexpr bool is_byte_container = false;
template <class T>
constexpr bool is_byte_container<
    T, std::void_t<decltype(std::declval<const T&>().data()), decltype(std::declval<const T&>().size())>> =
    is_pointer_to_bytes<decltype(std::declval<const T&>().data())>;

// What holds no bytes: a body that was parsed. What converts to text of itself, such as a string of a framework's own,
// is none.
template <class T> constexpr bool is_parsed_body() {
    if constexpr (std::is_class_v<T> && !is_byte_container<T>)
        return !std::is_convertible_v<const T&, std::string_view> && !std::is_convertible_v<const T&, const char*>;
    return false;
}

}  // namespace detail

/// The bytes of a request's body, exactly as they came: a non-owning view that converts from whatever a
/// server hands over.
///
/// Made implicitly from `std::string`, `std::string_view`, `const char*` (to its NUL; null is an empty body)
/// and any contiguous container of one-byte elements, such as `std::vector<unsigned char>`, `std::span<const
/// std::byte>` or `QByteArray`. An array of `char` or `char8_t` is read to its NUL, as a literal is; an array of
/// another byte type is taken whole.
///
/// The bytes must outlive the call that the view is given to. Not for a body that was parsed and written
/// again, nor for one whose encoding was changed: its signature would not match.
class Body {
public:
    /// Views nothing: an empty body.
    constexpr Body() noexcept = default;
    /// Views the bytes that it is given.
    /// @{
    constexpr Body(std::string_view text PIVOTAL_DETAIL_LIFETIMEBOUND) noexcept : bytes_(text) {}
    constexpr Body(const char* text PIVOTAL_DETAIL_LIFETIMEBOUND) noexcept
        : bytes_(text ? std::string_view(text) : std::string_view()) {}
    constexpr Body(std::nullptr_t) noexcept {}

    // For servers that hand over a pointer and a length.
    Body(const void* data PIVOTAL_DETAIL_LIFETIMEBOUND, std::size_t size) noexcept
        : bytes_(static_cast<const char*>(data), size) {}

    template <class Container, std::enable_if_t<detail::is_byte_container<Container>, int> = 0>
    Body(const Container& container PIVOTAL_DETAIL_LIFETIMEBOUND)
        : Body(static_cast<const void*>(container.data()), static_cast<std::size_t>(container.size())) {}

    template <class Parsed, std::enable_if_t<detail::is_parsed_body<Parsed>(), int> = 0>
    Body(const Parsed& json) = delete;  // pass the raw bytes, as they came: JSON that is written again verifies no more

    template <class Byte, std::size_t N,
              std::enable_if_t<detail::is_byte<Byte> && !std::is_same_v<Byte, char>, int> = 0>
    Body(const Byte (&array PIVOTAL_DETAIL_LIFETIMEBOUND)[N]) noexcept : Body(static_cast<const void*>(array), N) {
        if constexpr (detail::is_character<Byte>) bytes_ = bytes_.substr(0, bytes_.find('\0'));
    }
    /// @}

    /// The bytes.
    /// @{
    constexpr const char* data() const noexcept { return bytes_.data(); }
    constexpr std::size_t size() const noexcept { return bytes_.size(); }
    constexpr std::string_view view() const noexcept { return bytes_; }
    /// @}

private:
    std::string_view bytes_;
};

}}  // namespace pivotal::v1
