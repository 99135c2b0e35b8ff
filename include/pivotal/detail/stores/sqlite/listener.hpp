// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>
#include <utility>

#include <pivotal/detail/core/attributes.hpp>
#include <pivotal/detail/receiver/wakeups.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

/// Those of this process (on Windows, of this module) who wait for something to be due in a SQLite file, by the name that
/// SQLite has for it. Never destroyed: an inbox that outlives main may still be put to.
PIVOTAL_DETAIL_EXPORTED inline Wakeups& sqlite_wakeups() {
    static auto* const all = new Wakeups;
    return *all;
}

/// Calls `wake` when this process has made something due in the file, by whatever object, until it is destroyed.
class SqliteListener {
public:
    SqliteListener(const std::string& file, std::function<void()> wake) : wake_(std::move(wake)) {
        sqlite_wakeups().add(&wake_, file);
        wake_();  // for what was put before
    }
    ~SqliteListener() { sqlite_wakeups().remove(&wake_); }
    SqliteListener(const SqliteListener&) = delete;
    SqliteListener& operator=(const SqliteListener&) = delete;

private:
    const std::function<void()> wake_;
};

}}}  // namespace pivotal::v1::detail
