// SPDX-License-Identifier: MIT
#pragma once

/// The version of pivotal-webhook (Semantic Versioning 2.0.0). It is written here and nowhere else: CMake,
/// pkg-config and the package recipes read these three lines.
#define PIVOTAL_WEBHOOK_VERSION_MAJOR 1
#define PIVOTAL_WEBHOOK_VERSION_MINOR 0
#define PIVOTAL_WEBHOOK_VERSION_PATCH 0
