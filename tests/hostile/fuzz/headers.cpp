// SPDX-License-Identifier: MIT
#include <pivotal/webhook.hpp>

#include "delivery.hpp"
#include "harness.hpp"

// The same delivery through each kind of HeaderSource.
FUZZ_TARGET(headers) {
    const model::Delivery delivery = fuzz::read_delivery(input);
    for (int source = 0; source < static_cast<int>(model::Source::count); ++source)
        fuzz::check(delivery, static_cast<model::Source>(source));
}
