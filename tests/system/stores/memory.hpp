// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <pivotal/stores/memory.hpp>

#include "process.hpp"

namespace support {

// What the contract tests ask of a kind of store. An object of it is a store of its own, empty; each call of
// store() or inbox() is another client of it. FakeClocked is one whose clock the test sets.

class Kind {
public:
    static constexpr bool is_shared = false;  // between processes
    static constexpr bool has_inbox = false;

    std::shared_ptr<pivotal::IdempotencyStore> store(pivotal::StoreOptions options = {}) {
        if (!store_) store_ = std::make_shared<pivotal::MemoryStore>(std::move(options));
        return store_;
    }

    void fill(int count) {
        for (int i = 0; i < count; ++i) {
            const std::string id = "evt_filler_" + std::to_string(i);
            store()->claim(id, id, std::chrono::hours(1));
            store()->complete(id, id);
        }
    }

private:
    std::shared_ptr<pivotal::IdempotencyStore> store_;
};

class FakeClocked {
public:
    std::shared_ptr<pivotal::IdempotencyStore> store(pivotal::StoreOptions options = {}) {
        return std::make_shared<pivotal::MemoryStore>(std::move(options),
                                                      [this] { return std::chrono::steady_clock::now() + ahead_; });
    }
    void set(std::chrono::seconds ahead) { ahead_ = ahead; }

private:
    std::chrono::seconds ahead_{0};
};

}  // namespace support
