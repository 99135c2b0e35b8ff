// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>

#include <pivotal/simdjson.hpp>

// Two translation units of one program, one compiled with -O0 and without NDEBUG, one with -O2 and NDEBUG: what one
// makes, the other reads.
std::size_t size_in_debug();
std::size_t size_in_release();
pivotal::EventView made_in_debug(const std::string& text);
pivotal::EventView made_in_release(const std::string& text);
std::string read_in_debug(pivotal::EventView& view);
std::string read_in_release(pivotal::EventView& view);
