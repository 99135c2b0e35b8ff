// SPDX-License-Identifier: MIT
// The example's type, without a test framework, so that it is quickly compiled with one simdjson after the other.
#include "../../../examples/simdjson/customer_event.hpp"

#include <cstdio>
#include <string>

namespace {

int failures = 0;

void check(bool good, const std::string& what) {
    if (good) return;
    std::printf("failed: %s\n", what.c_str());
    ++failures;
}

/// Accepted, with these fields.
void accepts(const std::string& body, const std::string& id, const std::string& type,
             const std::string& customer_id = "", const std::string& name = "", double health_score = 0) {
    std::error_code error = pivotal::Errc::crypto_failure;
    const auto event = CustomerEvent::parse(body, error);
    check(event && !error && event->id == id && event->type == type && event->customer_id == customer_id &&
              event->name == name && event->health_score == health_score,
          "accepted as it is: " + body);
}

void refuses(const std::string& body) {
    std::error_code error;
    check(!CustomerEvent::parse(body, error) && error == pivotal::Errc::malformed_event, "refused: " + body);
}

std::string with_object(const std::string& object) {
    return R"({"id":"evt_1","type":"a.b","data":{"object":)" + object + "}}";
}

std::string repeated(const std::string& text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += text;
    return all;
}

void reads() {
    accepts(R"({"id":"evt_1","type":"customer.at_risk","livemode":true,"data":{"object":{"id":"cus_1",)"
            R"("tags":["a",{"id":"x"}],"name":"Nordwind \"Logistik\" GmbH \u00fc","health_score":41.5},)"
            R"("previous_attributes":{"name":"x"}}})",
            "evt_1", "customer.at_risk", "cus_1", "Nordwind \"Logistik\" GmbH \xc3\xbc", 41.5);
    accepts(R"( { "type" : "a.b" , "id" : "evt_1" } )", "evt_1", "a.b");
    accepts(with_object(R"({"health_score":41,"id":"cus_1"})"), "evt_1", "a.b", "cus_1", "", 41);
    // What is of another type is absent.
    accepts(with_object(R"({"id":5,"name":null,"health_score":"41"})"), "evt_1", "a.b");
    for (const char* const object : {"null", "5", "\"text\"", "[{\"id\":\"x\"}]", "{}"})
        accepts(with_object(object), "evt_1", "a.b");
    accepts(R"({"id":"evt_1","type":"a.b","data":[]})", "evt_1", "a.b");
    // Fields of these names elsewhere are others.
    accepts(R"({"object":{"id":"x","name":"x"},"name":"x","data":{"id":"x","name":"x"},"id":"evt_1","type":"a.b"})",
            "evt_1", "a.b");
}

void takes_the_last_of_equal_names() {
    accepts(R"({"id":"evt_0","type":"x","id":"evt_1","type":"a.b"})", "evt_1", "a.b");
    accepts(with_object(R"({"id":"x","id":"cus_1","name":"x","name":null,"health_score":1,"health_score":41})"),
            "evt_1", "a.b", "cus_1", "", 41);
    accepts(R"({"id":"evt_1","type":"a.b","data":{"object":{"id":"x","name":"x","health_score":1},"object":{}}})",
            "evt_1", "a.b");
    accepts(R"({"id":"evt_1","type":"a.b","data":{"object":{"id":"x"}},"data":null})", "evt_1", "a.b");
    refuses(R"({"id":"evt_1","type":"a.b","id":5})");
}

void refuses_what_is_no_event() {
    for (const char* const body : {"", " ", "{}", "[]", "5", "null", "\"text\"", "not JSON", R"({"id":"evt_1"})",
                                   R"({"type":"a.b"})", R"({"id":"","type":"a.b"})", R"({"id":"evt_1","type":""})",
                                   R"({"id":5,"type":"a.b"})", R"([{"id":"evt_1","type":"a.b"}])"})
        refuses(body);
    const std::string good = R"({"id":"evt_1","type":"a.b"})";
    accepts(good, "evt_1", "a.b");
    for (const char* const behind : {"{}", "x", ",", "}", "]", "\"", "5"}) refuses(good + behind);
    for (std::size_t size = 0; size < good.size(); ++size) refuses(good.substr(0, size));
    const std::string whole = with_object(R"({"id":"cus_1","name":"a","health_score":41,"tags":["a",{"b":1}]})");
    for (std::size_t size = 0; size < whole.size(); ++size) refuses(whole.substr(0, size));
    refuses(with_object(R"({"name":"\x"})"));
    if (simdjson::SIMDJSON_VERSION_MAJOR < 4) {  // later it has no type at all, and counts as absent
        refuses(with_object(R"({"name":x})"));
        refuses(R"({"id":"evt_1","type":"a.b","id":x,"id":"evt_1"})");
    }
    refuses(with_object(R"({"name":"a)"
                        "\n"
                        R"("})"));
    refuses(with_object("{\"name\":\"\xff\"}"));
    refuses(with_object("{\"unknown\":\"\xff\"}"));
    refuses(with_object(R"({"health_score":1.})"));
    refuses(with_object(R"({"health_score":41x})"));
    refuses(with_object(R"({"id":"cus_1",})"));
    refuses(with_object(R"({"id" "cus_1"})"));
}

void forgets_the_event_before() {
    // simdjson counts brackets where it finds one behind the end, and is as lenient as here where it does not.
    const std::string odd = R"({"id":"evt_1","type":"a.b","health_score":}})";
    for (const char* const more : {"}", "}}", "}}}", "]", " "}) {
        std::error_code error;
        (void)CustomerEvent::parse(odd + more, error);
        accepts(odd, "evt_1", "a.b");
    }
}

void survives_size_and_depth() {
    for (const int depth : {511, 1000, 5000, 100000}) {
        const std::string deep = with_object(repeated("[", depth) + repeated("]", depth));
        std::error_code error;
        const auto event = CustomerEvent::parse(deep, error);  // simdjson's own limit is about a thousand
        check(event ? event->id == "evt_1" && !error : error == pivotal::Errc::malformed_event, "depth");
    }
    for (const std::size_t size : {1U, 63U, 64U, 65U, 4095U, 100000U, 3000000U, 10U}) {
        const std::string name(size, 'n');
        accepts(with_object(R"({"name":")" + name + "\"}"), "evt_1", "a.b", "", name);
    }
}

}  // namespace

int main() {
    reads();
    takes_the_last_of_equal_names();
    refuses_what_is_no_event();
    forgets_the_event_before();
    survives_size_and_depth();
    std::printf("simdjson %d.%d.%d: %d failures\n", simdjson::SIMDJSON_VERSION_MAJOR, simdjson::SIMDJSON_VERSION_MINOR,
                simdjson::SIMDJSON_VERSION_REVISION, failures);
    return failures == 0 ? 0 : 1;
}
