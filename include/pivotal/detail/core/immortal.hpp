// SPDX-License-Identifier: MIT
#pragma once

#include <new>

namespace pivotal {
inline namespace v1 {
namespace detail {

/// The one `const T` of the process, made on first use and never destroyed: what other statics use in their
/// destructors must still be there.
template <class T>
const T& immortal() noexcept {
    alignas(T) static unsigned char storage[sizeof(T)];
    static const T* const object = ::new (static_cast<void*>(storage)) T();
    return *object;
}

}  // namespace detail
}  // namespace v1
}  // namespace pivotal
