// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

std::size_t size_of_other_parser();
std::int64_t number_read_by_other(const std::string& text);
