// SPDX-License-Identifier: MIT
#pragma once

#include <system_error>

// What a shared library hands to a program, both compiled with -fvisibility=hidden.

#define EXPORTED [[gnu::visibility("default")]]

EXPORTED std::error_code refused_by_the_library();
EXPORTED void throw_verification_error();
EXPORTED void throw_invalid_secret();
EXPORTED void throw_store_error();
EXPORTED const void* sqlite_connections();
EXPORTED const void* sqlite_wakeups();
