// SPDX-License-Identifier: MIT
#include <pivotal/version.hpp>

#include <string>

#include "catch.hpp"

namespace unit_version {

TEST_CASE("the version of the header is the version of the package", "[version]") {
    CHECK(std::to_string(PIVOTAL_WEBHOOK_VERSION_MAJOR) + "." + std::to_string(PIVOTAL_WEBHOOK_VERSION_MINOR) + "." +
              std::to_string(PIVOTAL_WEBHOOK_VERSION_PATCH) ==
          PIVOTAL_TEST_PROJECT_VERSION);
}

}  // namespace unit_version
