// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <functional>
#include <mutex>
#include <vector>

namespace pivotal { inline namespace v1 { namespace detail {

/// Who is to be woken when something happens, in this process. A copy has none of them.
class Wakeups {
public:
    Wakeups() = default;
    Wakeups(const Wakeups&) noexcept {}
    Wakeups& operator=(const Wakeups&) noexcept { return *this; }  // NOLINT(cert-oop54-cpp): it takes nothing

    /// `wake` is called until it is removed, in any thread; it must not throw.
    void add(const std::function<void()>* wake) {
        const std::lock_guard<std::mutex> lock(mutex_);
        all_.push_back(wake);
    }
    /// It does not run any more when this returns.
    void remove(const std::function<void()>* wake) noexcept {
        const std::lock_guard<std::mutex> lock(mutex_);
        all_.erase(std::remove(all_.begin(), all_.end(), wake), all_.end());
    }
    void notify() {
        const std::lock_guard<std::mutex> lock(mutex_);
        for (const std::function<void()>* const wake : all_) (*wake)();
    }

private:
    std::mutex mutex_;
    std::vector<const std::function<void()>*> all_;
};

}}}  // namespace pivotal::v1::detail
