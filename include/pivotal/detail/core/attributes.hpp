// SPDX-License-Identifier: MIT
#pragma once

/// A view that outlives the temporary it was made from is a warning where the compiler knows this attribute.
#if defined(__has_cpp_attribute)
#if __has_cpp_attribute(clang::lifetimebound)
#define PIVOTAL_DETAIL_LIFETIMEBOUND [[clang::lifetimebound]]
#elif __has_cpp_attribute(msvc::lifetimebound)
#define PIVOTAL_DETAIL_LIFETIMEBOUND [[msvc::lifetimebound]]
#endif
#endif
#if !defined(PIVOTAL_DETAIL_LIFETIMEBOUND)
#define PIVOTAL_DETAIL_LIFETIMEBOUND
#endif

/// What has to be one and the same in all shared libraries of a program, also with -fvisibility=hidden: what is thrown,
/// or compared by its address.
#if defined(__GNUC__) && !defined(_WIN32)
#define PIVOTAL_DETAIL_EXPORTED [[gnu::visibility("default")]]
#else
#define PIVOTAL_DETAIL_EXPORTED
#endif
