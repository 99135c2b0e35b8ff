// SPDX-License-Identifier: MIT
#include "mixed.hpp"

std::size_t size_in_release() {
    return sizeof(pivotal::EventView);
}
pivotal::EventView made_in_release(const std::string& text) {
    return pivotal::EventView::parse(text);
}
std::string read_in_release(pivotal::EventView& view) {
    std::string_view name;
    if (view.object()["name"].get(name)) return {};
    return std::string(view.id) + ' ' + std::string(name);
}
