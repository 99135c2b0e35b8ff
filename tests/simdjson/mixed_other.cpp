// SPDX-License-Identifier: MIT
// A file of the program that uses simdjson for itself, and has never heard of <pivotal/simdjson.hpp>. Were its parser of
// another size than that of the other files, the linker would take the functions of one for both.
#include <simdjson.h>

#include "mixed_other.hpp"

#if SIMDJSON_DEVELOPMENT_CHECKS
#error "the CMake target pivotal::simdjson does not define SIMDJSON_DEVELOPMENT_CHECKS as 0"
#endif

std::size_t size_of_other_parser() {
    return sizeof(simdjson::ondemand::parser);
}

std::int64_t number_read_by_other(const std::string& text) {
    simdjson::ondemand::parser parser;
    const simdjson::padded_string padded(text);
    simdjson::ondemand::document document;
    std::int64_t number = 0;
    if (parser.iterate(padded).get(document) || document["number"].get(number)) return -1;
    return number;
}
