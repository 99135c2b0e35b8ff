// SPDX-License-Identifier: MIT
#pragma once

#include <nlohmann/json.hpp>

// The layout of nlohmann::json, and so of what holds one, depends on nlohmann's version and on two of its macros. Two
// files of a program that see two layouts must not share a class or a function of ours: all that knows Event stands in
// `inline namespace PIVOTAL_DETAIL_JSON_ABI`, whose name says the layout, such as json_3_11_2_00.

#if defined(JSON_DIAGNOSTICS) && JSON_DIAGNOSTICS
#define PIVOTAL_DETAIL_JSON_DIAGNOSTICS 1
#else
#define PIVOTAL_DETAIL_JSON_DIAGNOSTICS 0
#endif
#if defined(JSON_DIAGNOSTIC_POSITIONS) && JSON_DIAGNOSTIC_POSITIONS
#define PIVOTAL_DETAIL_JSON_POSITIONS 1
#else
#define PIVOTAL_DETAIL_JSON_POSITIONS 0
#endif

#define PIVOTAL_DETAIL_JSON_JOIN(major, minor, patch, diagnostics, positions) \
    json_##major##_##minor##_##patch##_##diagnostics##positions
#define PIVOTAL_DETAIL_JSON_NAME(major, minor, patch, diagnostics, positions) \
    PIVOTAL_DETAIL_JSON_JOIN(major, minor, patch, diagnostics, positions)
#define PIVOTAL_DETAIL_JSON_ABI                                                                                     \
    PIVOTAL_DETAIL_JSON_NAME(NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR, NLOHMANN_JSON_VERSION_PATCH, \
                             PIVOTAL_DETAIL_JSON_DIAGNOSTICS, PIVOTAL_DETAIL_JSON_POSITIONS)
