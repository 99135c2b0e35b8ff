// SPDX-License-Identifier: MIT
#include <pivotal/webhook.hpp>

#include "delivery.hpp"
#include "harness.hpp"

// A whole delivery through the usual range of headers: the model is the oracle.
FUZZ_TARGET(verify) {
    const model::Delivery delivery = fuzz::read_delivery(input);
    fuzz::check(delivery, model::Source::range);
}
