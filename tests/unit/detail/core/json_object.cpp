// SPDX-License-Identifier: MIT
#include <pivotal/detail/core/json_object.hpp>

#include <array>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "catch.hpp"

namespace unit_detail_json_object {

using nlohmann::json;

namespace {

constexpr std::array<std::string_view, 2> names = {"id", "data"};

/// What is left of a text, and what was wrong with it; the refusal's text, or an empty one.
struct Read {
    explicit Read(std::string_view text) : object(names) {
        const char* const refusal = object.parse(text);
        problem = refusal ? refusal : "";
    }
    pivotal::detail::JsonObject<json, 2> object;
    std::string problem;
};

std::string nested(std::size_t levels, const std::string& open, const std::string& close) {
    std::string text = "{\"data\":";
    for (std::size_t i = 1; i < levels; ++i) text += open;
    text += "1";
    for (std::size_t i = 1; i < levels; ++i) text += close;
    return text + "}";
}

}  // namespace

TEST_CASE("members of known name are apart from the others", "[json]") {
    const Read read(R"({"data":{"a":[1,-2,2.5,"x",true,null,{"b":{}}]},"other":1,"id":"evt_1","more":[]})");
    CHECK(read.problem.empty());
    CHECK(read.object.known[0] == "evt_1");
    CHECK(read.object.known[1] == json::parse(R"({"a":[1,-2,2.5,"x",true,null,{"b":{}}]})"));
    CHECK(read.object.others == json::parse(R"({"other":1,"more":[]})"));
}

TEST_CASE("a member that is not there is discarded, one that is null is null", "[json]") {
    const Read read(R"({"data":null})");
    CHECK(read.problem.empty());
    CHECK(read.object.known[0].is_discarded());
    CHECK(read.object.known[1].is_null());
    CHECK_FALSE(read.object.known[1].is_discarded());
    CHECK(read.object.others.is_null());
}

TEST_CASE("names of members are those of the outermost object alone", "[json]") {
    const Read read(R"({"other":{"id":1,"data":2}})");
    CHECK(read.problem.empty());
    CHECK(read.object.known[0].is_discarded());
    CHECK(read.object.others == json::parse(R"({"other":{"id":1,"data":2}})"));
}

TEST_CASE("the last of two equal keys wins, whatever the first was", "[json]") {
    for (const char* const first : {"1", "\"x\"", "[1,[2]]", "{\"a\":{\"b\":1}}", "null"}) {
        CAPTURE(first);
        const std::string twice =
            std::string(R"({"data":)") + first + R"(,"data":{"a":1,"a":2},"o":)" + first + R"(,"o":3})";
        const Read read(twice);
        CHECK(read.problem.empty());
        CHECK(read.object.known[1] == json::parse(R"({"a":2})"));
        CHECK(read.object.others == json::parse(R"({"o":3})"));
    }
}

TEST_CASE("512 levels are read, one more is refused", "[json]") {
    for (const auto& [open, close] : {std::pair("[", "]"), std::pair("{\"a\":", "}")}) {
        CAPTURE(open);
        CHECK(Read(nested(512, open, close)).problem.empty());
        CHECK(Read(nested(513, open, close)).problem == "it is nested deeper than 512 levels");
        CHECK(Read(nested(100000, open, "")).problem == "it is nested deeper than 512 levels");
    }
}

TEST_CASE("what is no JSON object is refused with what is wrong", "[json]") {
    for (const char* const text : {"[]", "1", "\"x\"", "null", "true", "1.5", "-1"}) {
        CAPTURE(text);
        CHECK(Read(text).problem == "it is not a JSON object");
    }
    for (const char* const text : {"", " ", "{", "{}x", "{}{}", "{\"a\":1,}", "{'a':1}", "{\"a\":NaN}", "{\"a\":01}",
                                   "{\"a\":1e999}", "{\"a\":\"\xFF\"}", "{/**/}", "{\"a\":\"\t\"}"}) {
        CAPTURE(text);
        CHECK(Read(text).problem == "it is not JSON");
    }
    CHECK(Read("\xEF\xBB\xBF{}").problem == "it starts with a byte order mark");
    CHECK(Read(std::string_view("{}\0", 3)).problem == "it is not JSON: it has a NUL byte");
    CHECK(Read(std::string_view("{\"a\":\"\0\"}", 9)).problem == "it is not JSON: it has a NUL byte");
}

}  // namespace unit_detail_json_object
