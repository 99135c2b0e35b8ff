// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pivotal/detail/receiver/per_process.hpp>

namespace pivotal { inline namespace v1 { namespace detail {

/// Who is to be woken when something happens to what, in this process. A copy has none of them, nor has a process that
/// was forked: the threads that they would wake are not there.
class Wakeups {
public:
    Wakeups() = default;
    Wakeups(const Wakeups&) {}
    Wakeups& operator=(const Wakeups&) noexcept { return *this; }  // NOLINT(cert-oop54-cpp): it takes nothing

    /// `wake` is called until it is removed, in any thread; it must not throw.
    void add(const std::function<void()>* wake, std::string what = {}) {
        State& state = state_.get();
        const std::lock_guard<std::mutex> lock(state.mutex);
        state.all.emplace_back(std::move(what), wake);
    }
    /// It does not run any more when this returns.
    void remove(const std::function<void()>* wake) noexcept {
        State& state = state_.get();
        const std::lock_guard<std::mutex> lock(state.mutex);
        state.all.erase(
            std::remove_if(state.all.begin(), state.all.end(), [&](const auto& known) { return known.second == wake; }),
            state.all.end());
    }
    void notify(std::string_view what = {}) {
        State& state = state_.get();
        const std::lock_guard<std::mutex> lock(state.mutex);
        for (const auto& [about, wake] : state.all)
            if (about == what) (*wake)();
    }

private:
    struct State {
        std::mutex mutex;
        std::vector<std::pair<std::string, const std::function<void()>*>> all;
    };
    PerProcess<State> state_;
};

}}}  // namespace pivotal::v1::detail
