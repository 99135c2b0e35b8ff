// SPDX-License-Identifier: MIT
#include <pivotal/event.hpp>

#include <array>
#include <clocale>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "catch.hpp"

namespace unit_event {

using nlohmann::json;
using pivotal::Errc;
using pivotal::Event;
using pivotal::WebhookVerificationError;

namespace {

/// The event, or nothing; the function that gives a code and the one that throws agree.
std::optional<Event> parsed(const std::string& text) {
    std::error_code code = std::make_error_code(std::errc::io_error);
    std::optional<Event> event = Event::parse(text, code);
    CHECK(event.has_value() == !code);
    if (!event) CHECK(code == Errc::malformed_event);
    try {
        const Event thrown = Event::parse(text);
        REQUIRE(event.has_value());
        CHECK(thrown.id == event->id);
        CHECK(thrown.data == event->data);
        CHECK(thrown.extra == event->extra);
    } catch (const WebhookVerificationError& error) {
        CHECK(error.code() == Errc::malformed_event);
        CHECK_FALSE(event.has_value());
    }
    return event;
}

/// What is wrong with the text, after "malformed event: ".
std::string problem_of(const std::string& text) {
    if (parsed(text)) return "accepted";
    try {
        (void)Event::parse(text);
    } catch (const WebhookVerificationError& error) {
        const std::string sentence = error.what(), prefix = "malformed event: ";
        CHECK(sentence.substr(0, prefix.size()) == prefix);
        return sentence.substr(prefix.size());
    }
    return {};
}

/// An event with more members; `members` starts with a comma where it is not empty.
std::string with(const std::string& members) {
    return R"({"id":"evt_1","type":"a.b")" + members + "}";
}

std::string repeated(const std::string& text, std::size_t count) {
    std::string all;
    for (; count > 0; --count) all += text;
    return all;
}

const char* const no_object = "it is not a JSON object";
const char* const no_json = "it is not JSON";
const char* const no_id = "its id is not a string of 1 to 256 bytes";
const char* const no_type = "its type is not a string of 1 to 256 bytes";

}  // namespace

// ---- Fields ----

TEST_CASE("an event has its known fields", "[event]") {
    const auto event = parsed(R"({
        "id": "evt_1", "type": "customer.created", "created_at": "2026-05-26T18:42:00.000Z", "org_id": "org_1",
        "api_version": "v1", "livemode": false,
        "data": {"object": {"id": "cus_1"}, "previous_attributes": {"name": "old"}}})");
    REQUIRE(event.has_value());
    CHECK(event->id == "evt_1");
    CHECK(event->type == "customer.created");
    CHECK(event->created_at == "2026-05-26T18:42:00.000Z");
    CHECK(event->org_id == "org_1");
    CHECK(event->api_version == "v1");
    CHECK(event->livemode == false);
    CHECK(event->data == json{{"object", {{"id", "cus_1"}}}, {"previous_attributes", {{"name", "old"}}}});
    CHECK(event->object() == json{{"id", "cus_1"}});
    CHECK(event->previous_attributes() == json{{"name", "old"}});
    CHECK(event->extra.is_null());
    CHECK(event->delivery.message_id.empty());
    CHECK(event->delivery.timestamp == pivotal::Seconds());
    CHECK(event->delivery.timestamp.time_since_epoch().count() == 0);
}

TEST_CASE("an event that was parsed has no delivery", "[event]") {
    const pivotal::Delivery delivery = parsed(R"({"id":"evt_1","type":"a"})").value().delivery;
    CHECK(delivery.message_id.empty());
    CHECK(delivery.timestamp == pivotal::Seconds());
    CHECK(delivery.secret == 0);
}

TEST_CASE("an event needs no more than id and type", "[event]") {
    const auto event = parsed(with(""));
    REQUIRE(event.has_value());
    CHECK(event->id == "evt_1");
    CHECK(event->type == "a.b");
    CHECK_FALSE(event->created_at.has_value());
    CHECK_FALSE(event->org_id.has_value());
    CHECK_FALSE(event->api_version.has_value());
    CHECK_FALSE(event->livemode.has_value());
    CHECK(event->data.is_null());
    CHECK(event->extra.is_null());
    CHECK(event->object().is_null());
    CHECK(event->previous_attributes().is_null());
}

TEST_CASE("id and type are strings of 1 to 256 bytes", "[event]") {
    const auto of = [](const std::string& id, const std::string& type) {
        return problem_of("{\"id\":" + id + ",\"type\":" + type + "}");
    };
    const auto text = [](std::size_t size) { return '"' + std::string(size, 'x') + '"'; };
    CHECK(of(text(1), text(1)) == "accepted");
    CHECK(of(text(256), text(256)) == "accepted");
    CHECK(of(text(0), text(1)) == no_id);
    CHECK(of(text(257), text(1)) == no_id);
    CHECK(of(text(1), text(0)) == no_type);
    CHECK(of(text(1), text(257)) == no_type);
    CHECK(of('"' + repeated("é", 128) + '"', text(1)) == "accepted");  // bytes, not characters
    CHECK(of('"' + repeated("é", 128) + "x\"", text(1)) == no_id);
    CHECK(of(R"("\u0000")", R"("\u00e9")") == "accepted");
    for (const char* other : {"null", "true", "1", "1.5", "[]", "{}", "[\"evt_1\"]"}) {
        CAPTURE(other);
        CHECK(of(other, text(1)) == no_id);
        CHECK(of(text(1), other) == no_type);
    }
    CHECK(problem_of(R"({"type":"a.b"})") == no_id);
    CHECK(problem_of(R"({"id":"evt_1"})") == no_type);
    CHECK(problem_of("{}") == no_id);
    CHECK(problem_of(R"({"ID":"evt_1","Type":"a.b"})") == no_id);  // names have their case
    CHECK(problem_of(R"({"data":{"id":"evt_1","type":"a.b"}})") == no_id);
}

TEST_CASE("a known field of another type is absent, and kept in extra", "[event]") {
    struct Field {
        const char* name;
        std::vector<std::string> wrong;
    };
    const std::vector<std::string> no_string = {"null", "1", "true", "[]", "{\"a\":1}", "-0.5"};
    const Field fields[] = {{"created_at", no_string},
                            {"org_id", no_string},
                            {"api_version", no_string},
                            {"livemode", {"null", "1", "0", "\"true\"", "[]", "{}"}},
                            {"data", {"null"}}};
    for (const Field& field : fields) {
        for (const std::string& value : field.wrong) {
            CAPTURE(field.name, value);
            const auto event = parsed(with(",\"" + std::string(field.name) + "\":" + value));
            REQUIRE(event.has_value());
            CHECK_FALSE(event->created_at.has_value());
            CHECK_FALSE(event->org_id.has_value());
            CHECK_FALSE(event->api_version.has_value());
            CHECK_FALSE(event->livemode.has_value());
            CHECK(event->data.is_null());
            CHECK(event->extra == json{{field.name, json::parse(value)}});
        }
    }
    // An empty string is a string.
    const auto event = parsed(with(R"(,"created_at":"","org_id":"","api_version":"")"));
    REQUIRE(event.has_value());
    CHECK(event->created_at == "");
    CHECK(event->extra.is_null());
}

TEST_CASE("unknown fields are kept in extra", "[event]") {
    const auto event = parsed(with(R"(,"request_id":"req_1","new":{"deep":[1,{"id":"x"}]},"":null,"livemode":true)"));
    REQUIRE(event.has_value());
    CHECK(event->extra == json{{"request_id", "req_1"}, {"new", {{"deep", {1, {{"id", "x"}}}}}}, {"", nullptr}});
    CHECK(event->livemode == true);
    CHECK(event->id == "evt_1");
}

TEST_CASE("data may be anything", "[event]") {
    for (const char* data : {"{}", "[]", "[1,2]", "\"text\"", "5", "-0.5", "true", "false", R"({"object":null})",
                             R"({"object":5,"previous_attributes":[1]})"}) {
        CAPTURE(data);
        const auto event = parsed(with(",\"data\":" + std::string(data)));
        REQUIRE(event.has_value());
        CHECK(event->data == json::parse(data));
        CHECK(event->extra.is_null());
    }
    const auto odd = parsed(with(R"(,"data":{"object":5,"previous_attributes":[1]})"));
    REQUIRE(odd.has_value());
    CHECK(odd->object() == 5);
    CHECK(odd->previous_attributes() == json{1});
    for (const char* data : {"{}", "[]", "\"object\"", "5", "true", "null", R"({"Object":{}})"}) {
        const auto event = parsed(with(",\"data\":" + std::string(data)));
        REQUIRE(event.has_value());
        CHECK(event->object().is_null());
        CHECK(event->previous_attributes().is_null());
    }
}

TEST_CASE("object() and previous_attributes() belong to the event", "[event]") {
    Event event = Event::parse(with(R"(,"data":{"object":{"a":1},"previous_attributes":{"a":2}})"));
    CHECK(&event.object() == &event.data.at("object"));
    CHECK(&event.previous_attributes() == &event.data.at("previous_attributes"));
    const Event moved = std::move(event);
    CHECK(moved.object() == json{{"a", 1}});
    // What is not there stays valid as long as the program.
    const json* none = nullptr;
    {
        const Event empty = Event::parse(with(""));
        none = &empty.object();
        CHECK(&empty.previous_attributes() == none);
    }
    CHECK(none->is_null());
    STATIC_REQUIRE(noexcept(moved.object()));
    STATIC_REQUIRE(noexcept(moved.previous_attributes()));
}

namespace {

template <class E, class = void> constexpr bool has_object = false;
template <class E> constexpr bool has_object<E, std::void_t<decltype(std::declval<E>().object())>> = true;
template <class E, class = void> constexpr bool has_previous_attributes = false;
template <class E>
constexpr bool has_previous_attributes<E, std::void_t<decltype(std::declval<E>().previous_attributes())>> = true;

}  // namespace

TEST_CASE("a temporary event hands out no reference into itself", "[event]") {
    STATIC_REQUIRE(has_object<Event&>);
    STATIC_REQUIRE(has_object<const Event&>);
    STATIC_REQUIRE_FALSE(has_object<Event>);
    STATIC_REQUIRE_FALSE(has_object<const Event>);
    STATIC_REQUIRE(has_previous_attributes<Event&>);
    STATIC_REQUIRE(has_previous_attributes<const Event&>);
    STATIC_REQUIRE_FALSE(has_previous_attributes<Event>);
    STATIC_REQUIRE_FALSE(has_previous_attributes<const Event>);
    STATIC_REQUIRE(std::is_same_v<decltype(std::declval<const Event&>().object()), const json&>);
    STATIC_REQUIRE(std::is_default_constructible_v<Event>);
    STATIC_REQUIRE(std::is_copy_assignable_v<Event>);
    STATIC_REQUIRE(std::is_nothrow_move_constructible_v<Event>);
    const Event made;
    CHECK(made.delivery.timestamp.time_since_epoch().count() == 0);
    CHECK(made.data.is_null());
    CHECK(made.extra.is_null());
    CHECK(made.object().is_null());
}

TEST_CASE("the last of two equal keys wins", "[event]") {
    auto event = parsed(R"({"id":"a","type":"b","id":"c","type":"d","org_id":"e","org_id":"f","x":1,"x":{"y":2},
        "livemode":true,"livemode":false,"data":{"object":{"a":1}},"data":{"object":{"b":2,"b":3},"z":[1],"z":[]}})");
    REQUIRE(event.has_value());
    CHECK(event->id == "c");
    CHECK(event->type == "d");
    CHECK(event->org_id == "f");
    CHECK(event->livemode == false);
    CHECK(event->data == json{{"object", {{"b", 3}}}, {"z", json::array()}});
    CHECK(event->extra == json{{"x", {{"y", 2}}}});

    CHECK(problem_of(R"({"id":"a","type":"b","id":5})") == no_id);
    CHECK(problem_of(R"({"id":5,"type":"b","id":"a"})") == "accepted");
    CHECK(problem_of(R"({"id":"a","type":"b","id":{"id":"c"}})") == no_id);

    event = parsed(with(R"(,"org_id":"o","org_id":null,"livemode":5,"livemode":true,"data":{"a":1},"data":null)"));
    REQUIRE(event.has_value());
    CHECK_FALSE(event->org_id.has_value());
    CHECK(event->livemode == true);
    CHECK(event->data.is_null());
    CHECK(event->extra == json{{"org_id", nullptr}, {"data", nullptr}});
    // Escaped, it is the same key.
    CHECK(parsed(R"({"id":"a","type":"b","\u0069d":"c"})")->id == "c");
    // A container that is replaced leaves nothing behind.
    event = parsed(with(R"(,"x":{"a":{"b":[1,2,{"c":3}]}},"x":[[],{}],"x":{"a":{"d":4}})"));
    CHECK(event->extra == json{{"x", {{"a", {{"d", 4}}}}}});
}

// ---- Strict JSON ----

TEST_CASE("the outermost value is an object", "[event]") {
    for (const char* text :
         {"null", "true", "5", "-1.5", "\"text\"", "[]", "[{\"id\":\"a\",\"type\":\"b\"}]", "[[]]", " [1] ", "[{}]"})
        CHECK(problem_of(text) == no_object);
}

TEST_CASE("what is not JSON is refused", "[event]") {
    const std::string good = with(R"(,"data":{"object":{"n":[1,2.5,-3e2,true,false,null,"x"]}})");
    REQUIRE(problem_of(good) == "accepted");
    for (std::size_t size = 0; size < good.size(); ++size) {
        CAPTURE(size);
        CHECK(problem_of(good.substr(0, size)) == no_json);
    }
    for (const char* behind : {"x", "{}", "]", "}", ",", "null", "\"", "//", "\xEF\xBB\xBF", "\v", "\f", "\xC2\xA0"}) {
        CAPTURE(behind);
        CHECK(problem_of(good + behind) == no_json);
        CHECK_FALSE(parsed(behind + good).has_value());
    }
    for (const char* space : {" ", "\n", "\r\n", "\t", " \t\r\n "}) {
        CHECK(problem_of(good + space) == "accepted");
        CHECK(problem_of(space + good) == "accepted");
    }
    for (const char* value :
         {"",       "undefined", "NaN",        "Infinity",  "-Infinity", "nul",         "True",    "01",      "-01",
          "+1",     "1.",        ".5",         "-",         "1e",        "1e+",         "0x10",    "1_000",   "'x'",
          "\"\t\"", "\"\n\"",    "\"\x1f\"",   "\"\\x41\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\",    "\"\\'\"", "[1,]",
          "[,1]",   "[1 2]",     "{\"a\":1,}", "{\"a\"}",   "{a:1}",     "{\"a\":}",    "{,}",     "[",       "{",
          "[}",     "{]",        "/* x */ 1",  "1 // x",    "\"x",       "x",           "\\u0031", "\\ud83d"}) {
        CAPTURE(value);
        CHECK(problem_of(with(",\"x\":" + std::string(value))) == no_json);
    }
    CHECK(problem_of(with(",")) == no_json);
    CHECK(problem_of("{\"id\":\"evt_1\" \"type\":\"a.b\"}") == no_json);
    CHECK(problem_of("{\"id\":\"evt_1\";\"type\":\"a.b\"}") == no_json);
}

TEST_CASE("UTF-8 is strict", "[event]") {
    for (const char* text : {"é", "中", "🎉", "\xED\x9F\xBF", "\xEE\x80\x80", "\xEF\xBF\xBD", "\xEF\xBF\xBF", "\x7F",
                             "\xEF\xBB\xBF", "\xF4\x8F\xBF\xBF"}) {
        CAPTURE(text);
        const auto event = parsed(with(",\"x\":\"" + std::string(text) + "\""));
        REQUIRE(event.has_value());
        CHECK(event->extra.at("x") == text);
    }
    for (const char* text : {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC3", "\xC3(", "\xE0\x80\x80", "\xE0\x9F\xBF",
                             "\xE4\xB8", "\xED\xA0\x80", "\xED\xBF\xBF", "\xED\xA0\xBD\xED\xB8\x80", "\xF0\x80\x80\x80",
                             "\xF0\x9F\x8E", "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80", "\xFE", "\xFF", "caf\xE9"}) {
        CAPTURE(text);
        CHECK(problem_of(with(",\"x\":\"" + std::string(text) + "\"")) == no_json);
        CHECK(problem_of(with(",\"" + std::string(text) + "\":1")) == no_json);
    }
    CHECK(problem_of(std::string("\xFF\xFE{\0", 4)) != "accepted");  // UTF-16
}

TEST_CASE("a byte order mark is refused", "[event]") {
    CHECK(problem_of("\xEF\xBB\xBF" + with("")) == "it starts with a byte order mark");
    CHECK(problem_of("\xEF\xBB\xBF") == "it starts with a byte order mark");
    CHECK_FALSE(parsed("\xEF\xBB" + with("")).has_value());
    CHECK_FALSE(parsed(" \xEF\xBB\xBF" + with("")).has_value());
    CHECK_FALSE(parsed("\xEF").has_value());
}

TEST_CASE("a NUL byte is refused wherever it is, an escaped one is not", "[event]") {
    const std::string good = with(R"(,"x":"a")"), nul(1, '\0'), problem = "it is not JSON: it has a NUL byte";
    CHECK(problem_of(good + nul) == problem);  // nlohmann/json takes it for the end of the text
    CHECK(problem_of(good + nul + "x") == problem);
    CHECK(problem_of(good + nul + nul) == problem);
    CHECK(problem_of(good + " " + nul) == problem);
    CHECK(problem_of(nul + good) == problem);
    CHECK(problem_of(nul) == problem);
    for (std::size_t at = 0; at <= good.size(); ++at) {
        std::string text = good;
        CHECK(problem_of(text.insert(at, 1, '\0')) == problem);
    }
    const auto event = parsed(with(R"(,"x":"a\u0000b")"));
    REQUIRE(event.has_value());
    CHECK(event->extra.at("x") == std::string("a\0b", 3));
}

TEST_CASE("what is behind the end of a body is not read", "[event]") {
    const std::string event = with(""), longer = event + "}, and what a buffer holds behind it";
    std::error_code code = std::make_error_code(std::errc::io_error);
    CHECK(Event::parse({longer.data(), event.size()}, code).has_value());
    CHECK(!code);
    CHECK_FALSE(Event::parse({longer.data(), event.size() - 1}, code).has_value());
    CHECK(code == Errc::malformed_event);
}

TEST_CASE("there are at most 512 levels, the outermost object being the first", "[event]") {
    const auto nested = [](const std::string& open, const std::string& close, std::size_t levels,
                           const std::string& inside = "") {
        return with(",\"x\":" + repeated(open, levels) + inside + repeated(close, levels));
    };
    const std::string problem = "it is nested deeper than 512 levels";
    CHECK(problem_of(nested("[", "]", 511)) == "accepted");
    CHECK(problem_of(nested("[", "]", 512)) == problem);
    CHECK(problem_of(nested("{\"a\":", "}", 510, "{}")) == "accepted");
    CHECK(problem_of(nested("{\"a\":", "}", 511, "5")) == "accepted");
    CHECK(problem_of(nested("{\"a\":", "}", 511, "{}")) == problem);
    CHECK(problem_of(nested("{\"a\":", "}", 511, "[]")) == problem);
    CHECK(problem_of(nested("[{\"a\":", "}]", 255, "[]")) == "accepted");
    CHECK(problem_of(nested("[{\"a\":", "}]", 255, "[5]")) == "accepted");
    CHECK(problem_of(nested("[{\"a\":", "}]", 255, "[[]]")) == problem);
    CHECK(problem_of("{\"data\":{\"object\":" + repeated("[", 510) + repeated("]", 510) +
                     "},\"id\":\"evt_1\",\"type\":\"a\"}") == "accepted");
    CHECK(problem_of("{\"data\":{\"object\":" + repeated("[", 511) + repeated("]", 511) +
                     "},\"id\":\"evt_1\",\"type\":\"a\"}") == problem);
    // Depth is not a number of siblings.
    CHECK(problem_of(with(",\"x\":[" + repeated("[[]],", 1000) + "{}]")) == "accepted");
    CHECK(problem_of(with(repeated(",\"x\":[[[]]]", 1000))) == "accepted");
    // Nor does it grow a stack: a mebibyte of brackets.
    CHECK(problem_of("{\"a\":" + std::string(1 << 20, '[')) == problem);
    CHECK(problem_of(repeated("{\"a\":", 1 << 18)) == problem);
    CHECK(problem_of(std::string(1 << 20, '[')) == no_object);
    // What comes behind the last level is not looked at.
    CHECK(problem_of(nested("[{\"a\":", "}]", 300)) == problem);
    CHECK(problem_of(nested("{\"a\":[", "]}", 300)) == problem);
}

TEST_CASE("what is nested deeper is not built", "[event]") {
    const std::array<std::string_view, 1> names = {"id"};
    for (const std::string open : {"[", "{\"x\":", "[{\"x\":"}) {
        CAPTURE(open);
        pivotal::detail::JsonObject<json, 1> object(names);
        CHECK(object.parse("{\"x\":" + repeated(open, 1000)) == std::string("it is nested deeper than 512 levels"));
        std::size_t levels = 0;
        const json null, *value = &object.others;
        for (; value->is_structured(); value = value->empty() ? &null : &*value->begin()) ++levels;
        CHECK(levels == 512);
    }
}

TEST_CASE("numbers are kept as nlohmann/json keeps them, or refused", "[event]") {
    const auto number = [](const std::string& text) {
        const auto event = parsed(with(",\"data\":" + text));
        REQUIRE(event.has_value());
        return event->data;
    };
    CHECK(number("18446744073709551615") == 18446744073709551615U);
    CHECK(number("-9223372036854775808") == std::int64_t(-9223372036854775807) - 1);
    CHECK(number("18446744073709551616").is_number_float());
    CHECK(number("0.1") == 0.1);
    CHECK(number("-0").is_number());
    CHECK(number("1e308") == 1e308);
    CHECK(number("1e-999") == 0.0);
    for (const char* text : {"1e999", "-1e999", "1e309", "123e99999999999999999999"})
        CHECK(problem_of(with(",\"data\":{\"object\":{\"n\":" + std::string(text) + "}}")) == no_json);
    CHECK(problem_of(with(",\"x\":1" + std::string(400, '0'))) == no_json);  // larger than any double
}

TEST_CASE("the locale does not change how numbers are read", "[event]") {
    const std::string before = std::setlocale(LC_NUMERIC, nullptr);
    for (const char* locale : {"de_DE.UTF-8", "de_DE", "fr_FR.UTF-8", "C.UTF-8"}) {
        if (!std::setlocale(LC_NUMERIC, locale)) continue;
        const auto event = parsed(with(R"(,"data":1.5)"));
        REQUIRE(event.has_value());
        CHECK(event->data == 1.5);
    }
    std::setlocale(LC_NUMERIC, before.c_str());
}

// ---- Lone surrogates ----

TEST_CASE("a lone surrogate escape becomes U+FFFD", "[event]") {
    const auto text = [](const std::string& json_string) {
        CAPTURE(json_string);
        const auto event = parsed(with(",\"x\":\"" + json_string + "\""));
        REQUIRE(event.has_value());
        return event->extra.at("x").get<std::string>();
    };
    const std::string r = "\xEF\xBF\xBD";
    CHECK(text(R"(\ud83d)") == r);
    CHECK(text(R"(\uD83D)") == r);
    CHECK(text(R"(\udC00)") == r);
    CHECK(text(R"(\uDfFf)") == r);
    CHECK(text(R"(a\ud83db)") == "a" + r + "b");
    CHECK(text(R"(\ud83d\ud83d)") == r + r);
    CHECK(text(R"(\udf89\ud83c)") == r + r);  // the wrong way round
    CHECK(text(R"(\ud83d\ud83c\udf89)") == r + "🎉");
    CHECK(text(R"(\ud83c\udf89\udf89)") == "🎉" + r);
    CHECK(text(R"(\ud83c\udf89)") == "🎉");
    CHECK(text(R"(\uD83C\uDF89)") == "🎉");
    CHECK(text(R"(\ud83c\u0041)") == r + "A");
    CHECK(text(R"(\ud83c\n)") == r + "\n");
    CHECK(text(R"(\ud83c\\)") == r + "\\");
    CHECK(text(R"(\ud83c\"x)") == r + "\"x");
    CHECK(text(R"(\ud83c\\udf89)") == r + "\\udf89");
    // An escaped backslash in front: then it is no escape.
    CHECK(text(R"(\\ud83c)") == "\\ud83c");
    CHECK(text(R"(\\\ud83c)") == "\\" + r);
    CHECK(text(R"(\\\\ud83c)") == "\\\\ud83c");
    CHECK(text(R"(\\\\\ud83c\\)") == "\\\\" + r + "\\");
    CHECK(text(R"(\ud7ff)") == "\xED\x9F\xBF");
    CHECK(text(R"(\ue000)") == "\xEE\x80\x80");
    CHECK(text(R"(\ufffd)") == r);
    CHECK(text(R"(\uD800\uDC00)") == "\xF0\x90\x80\x80");
    CHECK(text(R"(\uDBFF\uDFFF)") == "\xF4\x8F\xBF\xBF");
    CHECK(text(repeated(R"(\ud83d)", 1000)) == repeated(r, 1000));
}

TEST_CASE("a lone surrogate is replaced wherever a string is", "[event]") {
    auto event = parsed("{\"id\":\"\\ud83d\",\"type\":\"\\udc00.a\",\"\\ud83d\":{\"\\ud83e\":[\"\\ud83d\"]}}");
    REQUIRE(event.has_value());
    CHECK(event->id == "\xEF\xBF\xBD");
    CHECK(event->type == "\xEF\xBF\xBD.a");
    CHECK(event->extra == json{{"\xEF\xBF\xBD", {{"\xEF\xBF\xBD", {"\xEF\xBF\xBD"}}}}});
    // Two keys that differ by it become one; the last wins.
    event = parsed(with(R"(,"\ud83d":1,"\ud83e":2)"));
    REQUIRE(event.has_value());
    CHECK(event->extra == json{{"\xEF\xBF\xBD", 2}});

    // What is no JSON does not become JSON by it.
    for (const char* bad :
         {R"(\ud83d)", R"("\ud83d)", R"("\ud83d\)", R"("\ud83d\")", R"("\ud83)", R"("\ud83")", R"("\ud8)", R"("\ud")",
          R"("\u")", R"("\Ud83d")", R"("\ud83g")", R"("\ud83d\ud83")", R"("\ud83d\u")"}) {
        CAPTURE(bad);
        CHECK(problem_of(with(",\"x\":" + std::string(bad))) == no_json);
        CHECK(problem_of("{\"id\":\"evt_1\",\"type\":\"a\",\"x\":" + std::string(bad)) == no_json);  // at the end
    }
}

}  // namespace unit_event
