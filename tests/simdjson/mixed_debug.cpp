// SPDX-License-Identifier: MIT
#include "mixed.hpp"

std::size_t size_in_debug() {
    return sizeof(pivotal::EventView);
}
pivotal::EventView made_in_debug(const std::string& text) {
    return pivotal::EventView::parse(text);
}
std::string read_in_debug(pivotal::EventView& view) {
    std::string_view name;
    if (view.object()["name"].get(name)) return {};
    return std::string(view.id) + ' ' + std::string(name);
}
