// SPDX-License-Identifier: MIT
#include "hidden.hpp"

#include <cstdio>

#include <pivotal/idempotency.hpp>
#include <pivotal/webhook.hpp>
#if defined(PIVOTAL_TEST_SQLITE)
#include <pivotal/stores/sqlite.hpp>
#endif

namespace {

/// Whether the function throws an `Error`, and not only something.
template <class Error> bool throws(void (*function)()) {
    try {
        function();
    } catch (const Error&) {
        return true;
    } catch (const std::exception&) {
    }
    return false;
}

}  // namespace

int main() {
    int failures = 0;
    const auto check = [&](bool good, const char* what) {
        if (!good) std::printf("failed: %s\n", what), ++failures;
    };
    const std::error_code code = refused_by_the_library();
    check(code == pivotal::Errc::timestamp_too_old, "the code compares");
    check(pivotal::http_status(code) == 401, "its status is 401");
    check(throws<pivotal::WebhookVerificationError>(throw_verification_error), "WebhookVerificationError is caught");
    check(throws<pivotal::InvalidSecretError>(throw_invalid_secret), "InvalidSecretError is caught");
    check(throws<pivotal::StoreError>(throw_store_error), "StoreError is caught");
#if defined(PIVOTAL_TEST_SQLITE)
    check(sqlite_connections() == &pivotal::detail::SqliteConnections::all(), "SQLite's connections are one list");
    check(sqlite_wakeups() == &pivotal::detail::sqlite_wakeups(), "those who wait for a file are one list");
#endif
    return failures;
}
