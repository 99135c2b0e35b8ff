// SPDX-License-Identifier: MIT
// Compiled with JSON_DIAGNOSTICS, as are the tests of Event beside it: there nlohmann asserts, wherever a value is
// copied, that each value below it knows its parent.
#include <pivotal/event.hpp>

#include <string>

#include "catch.hpp"

TEST_CASE("an event that was parsed can be copied, and its values know where they are", "[event]") {
    const std::string text =
        R"({"id":"evt_1","type":"a.b","new":{"list":[1,{"n":2},[{},[3]]]},"data":{"object":{"rows":[[{"x":1},{}],)"
        R"([],{"y":{"z":[]}}],"last":null},"previous_attributes":{"rows":[{"old":{"deep":1}}]}}})";
    const pivotal::Event event = pivotal::Event::parse(text);
    const pivotal::Event copy = event;
    CHECK(copy.data == event.data);
    CHECK(copy.extra == event.extra);

    const auto message = [](const nlohmann::json& value) -> std::string {
        try {
            (void)value.at("missing");
        } catch (const nlohmann::json::out_of_range& error) {
            return error.what();
        }
        return "";
    };
    const std::string prefix = "[json.exception.out_of_range.403] (";
    CHECK(message(event.object().at("rows").at(0).at(1)) == prefix + "/object/rows/0/1) key 'missing' not found");
    CHECK(message(event.object().at("rows").at(2).at("y")) == prefix + "/object/rows/2/y) key 'missing' not found");
    CHECK(message(event.previous_attributes().at("rows").at(0).at("old")) ==
          prefix + "/previous_attributes/rows/0/old) key 'missing' not found");
    CHECK(message(event.extra.at("new").at("list").at(2).at(0)) == prefix + "/new/list/2/0) key 'missing' not found");
}
