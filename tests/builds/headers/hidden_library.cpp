// SPDX-License-Identifier: MIT
#include "hidden.hpp"

#include <pivotal/idempotency.hpp>
#include <pivotal/webhook.hpp>
#if defined(PIVOTAL_TEST_SQLITE)
#include <pivotal/stores/sqlite.hpp>
#endif

namespace {

const char* const secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

}  // namespace

std::error_code refused_by_the_library() {
    std::error_code error;
    (void)pivotal::Webhook(secret).authenticate("{}", {"msg_1", "1", "v1,"}, error);
    return error;
}

void throw_verification_error() {
    pivotal::Webhook(secret).authenticate("{}", {"msg_1", "1", "v1,"});
}

void throw_invalid_secret() {
    pivotal::Webhook(nullptr);
}

void throw_store_error() {
    throw pivotal::StoreError("unreachable");
}

#if defined(PIVOTAL_TEST_SQLITE)
const void* sqlite_connections() {
    return &pivotal::detail::SqliteConnections::all();
}

const void* sqlite_wakeups() {
    return &pivotal::detail::sqlite_wakeups();
}
#endif
