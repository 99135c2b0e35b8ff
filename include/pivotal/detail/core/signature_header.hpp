// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string_view>

namespace pivotal { inline namespace v1 { namespace detail {

enum class SignatureVersion { hmac_sha256, ed25519 };  // `v1` and `v1a`

/// Takes what stands before the next `separator` off `rest`, all of it where there is none; false at the end.
inline bool next_element(std::string_view& rest, char separator, std::string_view& element) noexcept {
    if (!rest.data()) return false;
    const std::size_t size = rest.find(separator);
    element = rest.substr(0, size);
    rest = size == rest.npos ? std::string_view() : rest.substr(size + 1);
    return true;
}

/// Calls `use(SignatureVersion, std::string_view)` for each candidate of a signature header, in its order.
///
/// The header is split at spaces, and each part at commas, since one page of Pivotal's documentation joins
/// the pairs by commas: an element behind a `v1` or `v1a` is a candidate, everything else is skipped.
template <class Use> void for_each_candidate(std::string_view header, Use&& use) {
    for (std::string_view part; next_element(header, ' ', part);) {
        std::string_view previous;
        for (std::string_view element; next_element(part, ',', element); previous = element) {
            if (previous == "v1") use(SignatureVersion::hmac_sha256, element);
            if (previous == "v1a") use(SignatureVersion::ed25519, element);
        }
    }
}

}}}  // namespace pivotal::v1::detail
