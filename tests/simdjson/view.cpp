// SPDX-License-Identifier: MIT
#include <pivotal/simdjson.hpp>

#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "mixed.hpp"
#include "mixed_other.hpp"

using pivotal::Customer;
using pivotal::Errc;
using pivotal::EventView;

namespace {

const std::string secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", id = "msg_1", timestamp = "1649367553";
const pivotal::Clock::time_point now{std::chrono::seconds(1649367553)};
const std::string body =
    R"({"id":"evt_1","type":"customer.at_risk","created_at":"2026-05-26T18:42:00.000Z","livemode":true,"data":{)"
    R"("object":{"id":"cus_1","display_id":7,"name":"A \"quoted\" name","health_score":41.5,"at_risk":true},)"
    R"("previous_attributes":{"health_score":80}}})";

std::string with_data(const std::string& data) {
    return R"({"id":"evt_1","type":"a.b","data":)" + data + "}";
}

}  // namespace

TEST_CASE("a delivery is verified before it is read", "[simdjson]") {
    const pivotal::Webhook webhook(secret);
    const std::string signature = webhook.sign(id, now, body);
    std::error_code error;
    auto view = EventView::verify(webhook, body, {id, timestamp, signature}, error, now);
    REQUIRE(view.has_value());
    CHECK_FALSE(error);
    CHECK(view->delivery_id == "msg_1");
    CHECK(view->delivered_at.time_since_epoch().count() == 1649367553);
    CHECK(view->id == "evt_1");

    // Every kind of HeaderSource.
    const std::map<std::string, std::string> fields = {
        {"Svix-Id", id}, {"Svix-Timestamp", timestamp}, {"Svix-Signature", signature}};
    CHECK(EventView::verify(webhook, body, fields, error, now).has_value());
    CHECK(EventView::verify(webhook, body,
                            {{"svix-id", id}, {"svix-timestamp", timestamp}, {"svix-signature", signature}},
                            error, now)
              .has_value());
    CHECK(EventView::verify(webhook, body, {id, timestamp, signature}, now).type == "customer.at_risk");

    // What is refused, with the codes of Webhook::verify.
    CHECK_FALSE(EventView::verify(webhook, body + " ", {id, timestamp, signature}, error, now).has_value());
    CHECK(error == Errc::signature_mismatch);
    CHECK_FALSE(EventView::verify(webhook, body, {id, timestamp, ""}, error, now).has_value());
    CHECK(error == Errc::missing_header);
    CHECK_FALSE(
        EventView::verify(webhook, body, {id, timestamp, signature}, error, now + std::chrono::minutes(6))
            .has_value());
    CHECK(error == Errc::timestamp_too_old);
    CHECK_FALSE(
        EventView::verify(webhook, body, {id, timestamp, signature}, error, now - std::chrono::minutes(6))
            .has_value());
    CHECK(error == Errc::timestamp_too_new);
    CHECK_FALSE(EventView::verify(webhook, body, {"a.b", timestamp, signature}, error, now).has_value());
    CHECK(error == Errc::malformed_header);
    pivotal::Webhook moved_from = webhook;
    const pivotal::Webhook moved = std::move(moved_from);
    // NOLINTNEXTLINE(bugprone-use-after-move)
    CHECK_FALSE(EventView::verify(moved_from, body, {id, timestamp, signature}, error, now).has_value());
    CHECK(error == Errc::invalid_secret);
    CHECK_FALSE(
        EventView::verify(webhook, "5", {id, timestamp, webhook.sign(id, now, "5")}, error, now).has_value());
    CHECK(error == Errc::malformed_event);
    try {
        (void)EventView::verify(webhook, "[]", {id, timestamp, webhook.sign(id, now, "[]")}, now);
        FAIL("an array is no event");
    } catch (const pivotal::WebhookVerificationError& refused) {
        CHECK(refused.code() == Errc::malformed_event);
        CHECK(std::string(refused.what()) == "malformed event: it is not a JSON object");
    }
}

TEST_CASE("the body may go, and a moved view keeps what it gave out", "[simdjson]") {
    auto text = std::make_unique<std::string>(body);
    EventView view = EventView::parse(*text);
    std::fill(text->begin(), text->end(), 'x');
    text.reset();
    std::string_view name;
    REQUIRE(view.object()["name"].get(name) == simdjson::SUCCESS);
    const std::string_view event_id = view.id;
    EventView moved = std::move(view);
    // Another view in between takes other memory.
    const EventView other = EventView::parse(R"({"id":"evt_other","type":"c.d"})");
    CHECK(moved.id == "evt_1");
    CHECK(event_id == "evt_1");
    CHECK(name == "A \"quoted\" name");
    CHECK(other.id == "evt_other");
    double score = 0;
    CHECK(moved.previous_attributes()["health_score"].get(score) == simdjson::SUCCESS);
    CHECK(score == 80);
    CHECK(name == "A \"quoted\" name");  // reading on takes nothing back
    view = EventView::parse(R"({"id":"evt_2","type":"e.f"})");
    CHECK(view.id == "evt_2");
    CHECK(moved.id == "evt_1");
}

TEST_CASE("a view is read again and again, until its memory for strings is used up", "[simdjson]") {
    for (const std::size_t size : {std::size_t{10}, std::size_t{100000}}) {
        EventView view =
            EventView::parse(with_data(R"({"object":{"name":")" + std::string(size, 'n') + R"(","x":1}})"));
        int times = 0;
        for (;; ++times) {
            auto name = view.object()["name"];
            if (name.error() == simdjson::CAPACITY) break;
            REQUIRE(name.get_string().value().size() == size);
            REQUIRE(times < 100000);
        }
        CHECK(times >= 2);
        CHECK(view.id == "evt_1");
        CHECK_FALSE(view.object_as<Customer>().has_value());
    }
}

TEST_CASE("data without an object has no fields", "[simdjson]") {
    for (const char* data : {"{}", "null", "[]", "5", "\"text\"", R"({"Object":{}})"}) {
        CAPTURE(data);
        EventView view = EventView::parse(with_data(data));
        CHECK(view.object().error() == simdjson::NO_SUCH_FIELD);
        CHECK(view.previous_attributes().error() == simdjson::NO_SUCH_FIELD);
        CHECK(view.object_as<Customer>() == Customer{});
    }
    EventView view = EventView::parse(with_data(R"({"object":null,"previous_attributes":[1]})"));
    CHECK(view.object().is_null().value());
    CHECK(view.previous_attributes().type().value() == simdjson::ondemand::json_type::array);
}

TEST_CASE("resources are read by the rules of resources.hpp", "[simdjson]") {
    EventView view = EventView::parse(body);
    const auto customer = view.object_as<Customer>();
    REQUIRE(customer.has_value());
    CHECK(customer->id == "cus_1");
    CHECK(customer->display_id == 7);
    CHECK(customer->name == "A \"quoted\" name");
    CHECK(customer->health_score == 41.5);
    CHECK(customer->at_risk == true);
    CHECK_FALSE(customer->owner_email.has_value());
    CHECK(view.previous_attributes_as<Customer>()->health_score == 80.0);

    const auto of = [](const std::string& fields) {
        const std::string text = with_data("{\"object\":{" + fields + "}}");
        const auto read = EventView::parse(text).object_as<Customer>();
        const auto event = pivotal::Event::parse(text);
        REQUIRE(read.has_value());
        CHECK(*read == event.object().get<Customer>());
        return *read;
    };
    CHECK_FALSE(
        of(R"("id":5,"name":null,"health_score":"41","at_risk":1,"display_id":7.5)").name.has_value());
    CHECK_FALSE(of(R"("display_id":9223372036854775808)").display_id.has_value());
    CHECK(of(R"("display_id":-9223372036854775808)").display_id == std::numeric_limits<std::int64_t>::min());
    CHECK(of(R"("health_score":18446744073709551616,"id":{},"name":[1,{"name":"x"}],"x":[[{}]])")
              .health_score == 18446744073709551616.0);
    CHECK(of(R"("health_score":0e99999999999999999999999)").health_score == 0.0);
    CHECK_FALSE(of(R"("display_id":0e99999999999999999999999)").display_id.has_value());
    CHECK(of(R"("n\u0061me":"escaped","owner_email":"\ud83d\u00e9")").name == "escaped");

    // The first of two equal keys wins.
    CHECK(EventView::parse(with_data(R"({"object":{"name":"a","name":"b"}})")).object_as<Customer>()->name ==
          "a");
}

TEST_CASE("a fault inside of a value is found when the value is read", "[simdjson]") {
    for (const char* object : {R"({"name":tru})", R"({"name":"a" "x":1})", R"({"name":1e999})",
                               R"({"id":"\q"})", R"({"id" 5})", R"({"id":5,})", R"([1 2])"}) {
        CAPTURE(object);
        std::error_code error;
        auto view = EventView::parse(with_data("{\"object\":" + std::string(object) + "}"), error);
        REQUIRE(view.has_value());
        CHECK_FALSE(
            pivotal::Event::parse(with_data("{\"object\":" + std::string(object) + "}"), error).has_value());
        if (object[0] == '{') CHECK_FALSE(view->object_as<Customer>().has_value());
        CHECK(view->id == "evt_1");
    }
}

TEST_CASE("after a fault of the text the view itself stays safe to ask", "[simdjson]") {
    EventView view =
        EventView::parse(with_data(R"({"object":{"name":"a" "x":1},"previous_attributes":{"name":"b"}})"));
    simdjson::ondemand::object object;
    REQUIRE(view.object().get_object().get(object) == simdjson::SUCCESS);
    std::int64_t score = 0;
    const simdjson::error_code fault = object["health_score"].get(score);
    CHECK(fault == simdjson::TAPE_ERROR);
    for (int again = 0; again < 2; ++again) {
        CHECK(view.object().error() == fault);
        CHECK(view.previous_attributes().error() == fault);
        CHECK_FALSE(view.object_as<Customer>().has_value());
        CHECK_FALSE(view.previous_attributes_as<Customer>().has_value());
    }
    CHECK(view.id == "evt_1");
    CHECK(view.type == "a.b");
}

TEST_CASE("below the envelope a view has no limit of levels, and nothing recurses", "[simdjson]") {
    const std::size_t levels = 100000;
    const std::string deep = std::string(levels, '[') + std::string(levels, ']');
    EventView view = EventView::parse(with_data(R"({"object":{"a":)" + deep + R"(,"name":"n"}})"));
    CHECK(view.object_as<Customer>()->name == "n");
    CHECK(view.previous_attributes().error() == simdjson::NO_SUCH_FIELD);
    CHECK(EventView::parse(R"({"a":)" + deep + R"(,"id":"evt_1","type":"a.b"})").id == "evt_1");
}

TEST_CASE("of two equal keys of the envelope the first wins", "[simdjson]") {
    EventView view = EventView::parse(
        R"({"id":"1","type":"a","data":{"object":{"name":"first"},"object":{"name":"x"}},"livemode":true,"org_id":"o",)"
        R"("id":"2","type":"b","data":{"object":{"name":"second"}},"livemode":false,"org_id":"p","\u0069d":"3"})");
    CHECK(view.id == "1");
    CHECK(view.type == "a");
    CHECK(view.livemode == true);
    CHECK(view.org_id == "o");
    CHECK(view.object_as<Customer>()->name == "first");
    // One of another type counts as absent, and is the first all the same.
    std::error_code error;
    CHECK_FALSE(EventView::parse(R"({"id":5,"id":"2","type":"b"})", error).has_value());
    CHECK(error == Errc::malformed_event);
}

TEST_CASE("an escape in one string leaves the others as they are", "[simdjson]") {
    EventView view = EventView::parse(
        R"({ "\u0069d" : "evt\n1" , "type" : "plain" , "org_id":"a\"b","x\ty":"\u00e9", "created_at" : "\\" ,)"
        R"("api_version":"" ,"other":"z\/" })");
    CHECK(view.id == "evt\n1");
    CHECK(view.type == "plain");
    CHECK(view.org_id == "a\"b");
    CHECK(view.created_at == "\\");
    CHECK(view.api_version == "");
    CHECK(EventView::parse(R"({"id":"a","n":-0.0e99999999999999999999999,"type":"b"})").type == "b");
    for (const char* text :
         {R"({"id":"a","type":"b","n":1e999})", R"({"id":"a","type":"b","n":0e})",
          R"({"id":"a","type":"b":{"x":1}}})", R"({"id":"a","type":"b","data":{"x","y":{"z":{"q":2}}})",
          R"({"id":"a","type":"b","data":{"x":"y":1}}})", R"({"id":"a","type":"b","x":"\q"})",
          R"({"id":"a","type":"b","\q":1})", R"({"id":"a\q","type":"b"})",
          R"({"id":"a","type":"b","x":"\u12"})"}) {
        CAPTURE(text);
        std::error_code error;
        CHECK_FALSE(EventView::parse(text, error).has_value());
        CHECK(error == Errc::malformed_event);
    }
}

TEST_CASE("an empty body is no event, also where it is a thread's first", "[simdjson]") {
    const pivotal::Webhook webhook(secret);
    std::error_code error;
    std::thread([&] {
        (void)EventView::verify(webhook, "", {id, timestamp, webhook.sign(id, now, "")}, error, now);
    }).join();
    CHECK(error == Errc::malformed_event);
}

TEST_CASE("a body that simdjson cannot take is no event", "[simdjson]") {
    const std::size_t size = std::size_t{3} << 29;
    // Pages that nobody has touched cost nothing.
    const std::unique_ptr<void, decltype(&std::free)> pages(std::calloc(size, 1), std::free);
    if (!pages) {
        WARN("skipped: there is no address space for 1.5 GiB");
        return;
    }
    std::error_code error;
    CHECK_FALSE(EventView::parse({pages.get(), size}, error).has_value());
    CHECK(error == Errc::malformed_event);
}

TEST_CASE("a view may live longer than what its thread keeps", "[simdjson]") {
    // Statics go after the thread_locals of the main thread; a leak is seen by AddressSanitizer.
    static std::optional<EventView> kept = EventView::parse(body);
    CHECK(kept->id == "evt_1");
}

TEST_CASE("views of different threads do not meet, and one may end in another thread", "[simdjson]") {
    std::vector<std::thread> threads;
    std::vector<std::optional<EventView>> views(8);
    for (std::size_t t = 0; t < views.size(); ++t)
        threads.emplace_back([t, &views] {
            for (int i = 0; i < 200; ++i)
                views[t] = EventView::parse(R"({"id":"evt_)" + std::to_string(t) + R"(","type":"a.b"})");
        });
    for (auto& thread : threads) thread.join();
    for (std::size_t t = 0; t < views.size(); ++t) CHECK(views[t]->id == "evt_" + std::to_string(t));
}

TEST_CASE("no layout depends on NDEBUG or the optimisation level", "[simdjson]") {
    CHECK(size_in_debug() == size_in_release());
    EventView debug = made_in_debug(body), release = made_in_release(body);
    CHECK(read_in_release(debug) == "evt_1 A \"quoted\" name");
    CHECK(read_in_debug(release) == "evt_1 A \"quoted\" name");
    CHECK(read_in_debug(debug) == read_in_release(release));
    CHECK(size_of_other_parser() == sizeof(simdjson::ondemand::parser));
    CHECK(number_read_by_other(R"({"number":7})") == 7);
}

namespace {

template <class View, class = void>
constexpr bool has_object = false;
template <class View>
constexpr bool has_object<View, std::void_t<decltype(std::declval<View>().object())>> = true;

}  // namespace

TEST_CASE("a temporary view hands out no value", "[simdjson]") {
    STATIC_REQUIRE(has_object<EventView&>);
    STATIC_REQUIRE_FALSE(has_object<EventView>);
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<EventView>);
    STATIC_REQUIRE(std::is_nothrow_move_constructible_v<EventView>);
    STATIC_REQUIRE(std::is_nothrow_move_assignable_v<EventView>);
}
