// SPDX-License-Identifier: MIT
#pragma once

#if (defined(_MSVC_LANG) ? _MSVC_LANG : __cplusplus) < 201703L
#error "pivotal-webhook needs C++17 or later: -std=c++17, /std:c++17, or target_compile_features(... cxx_std_17)"
#endif

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

/// Ends the declaration of a function that throws. Without exceptions it is deleted: the form that takes a std::error_code
/// is there in its place.
#if defined(__cpp_exceptions)
#define PIVOTAL_DETAIL_NEEDS_EXCEPTIONS
#else
#define PIVOTAL_DETAIL_NEEDS_EXCEPTIONS = delete  // take the form with a std::error_code
#endif

/// What has to be one and the same in all shared libraries of a program, also with -fvisibility=hidden: what is thrown,
/// or compared by its address.
#if defined(__GNUC__) && !defined(_WIN32)
#define PIVOTAL_DETAIL_EXPORTED [[gnu::visibility("default")]]
#else
#define PIVOTAL_DETAIL_EXPORTED
#endif
