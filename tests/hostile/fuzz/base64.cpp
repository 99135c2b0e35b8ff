// SPDX-License-Identifier: MIT
#include <pivotal/detail/core/base64.hpp>

#include <memory>

#include "harness.hpp"
#include "model.hpp"

// The first byte says how large the buffer is, the rest is the text. Both lie on the heap without a byte to spare, so
// that a step too far is seen.
FUZZ_TARGET(base64) {
    namespace detail = pivotal::detail;
    const std::size_t capacity = input.empty() ? 0 : static_cast<unsigned char>(input[0]);
    const std::size_t size = input.empty() ? 0 : input.size() - 1;
    const std::unique_ptr<char[]> text(new char[size]);
    if (size != 0) input.copy(text.get(), size, 1);
    const std::unique_ptr<unsigned char[]> out(new unsigned char[capacity]);

    const std::size_t decoded = detail::base64_decode({text.get(), size}, out.get(), capacity);
    const auto expected = model::decode_base64(std::string(text.get(), size));
    if (!expected || expected->size() > capacity) {
        FUZZ_CHECK(decoded == detail::base64_invalid);
    } else {
        FUZZ_CHECK(decoded == expected->size());
        FUZZ_CHECK(expected->compare(0, decoded, reinterpret_cast<const char*>(out.get()), decoded) == 0);
    }
}
