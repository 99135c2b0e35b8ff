// SPDX-License-Identifier: MIT
#pragma once

#include <pivotal/detail/core/attributes.hpp>

#include <string_view>
#include <type_traits>

#include <pivotal/detail/core/text.hpp>

namespace pivotal { inline namespace v1 {

/// The secrets of an endpoint: one, or several separated by white space, so that a rotation is an edit of the
/// environment variable. A non-owning view of text, which must outlive the call that it is given to.
///
/// Each is `whsec_<base64>` or bare base64 (an HMAC key of 24 to 75 bytes), or `whpk_<base64 of 32 bytes>` (an Ed25519
/// public key). Base64 is standard (RFC 4648 §4), padded fully or not at all.
///
/// Made implicitly from `std::string`, `std::string_view`, `const char*` (null, as std::getenv returns for a variable
/// that is not set, is no secret at all), any type with `data()` and `size()` over `char`, and an optional, pointer or
/// pointer-like of one.
///
/// **Not for** a key that is bytes and no text: see Webhook::from_bytes.
class Secrets {
public:
    /// Views the text.
    template <class Text, std::enable_if_t<detail::is_text<Text> && !std::is_same_v<Text, Secrets>, int> = 0>
    constexpr Secrets(const Text& text PIVOTAL_DETAIL_LIFETIMEBOUND) : text_(detail::text_of(text)) {}

    /// The text.
    constexpr std::string_view view() const noexcept { return text_; }

private:
    std::string_view text_;
};

}}  // namespace pivotal::v1
