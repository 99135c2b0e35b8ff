// SPDX-License-Identifier: MIT
#pragma once

#include <new>

#include <pivotal/detail/core/attributes.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

/// The one `const T` of the process, of all its shared libraries, made on first use and never destroyed: what other statics use in their
/// destructors must still be there.
template <class T>
PIVOTAL_DETAIL_EXPORTED const T& immortal() noexcept {
    alignas(T) static unsigned char storage[sizeof(T)];
    static const T* const object = ::new (static_cast<void*>(storage)) T();
    return *object;
}

}}}  // namespace pivotal::v1::detail
