// SPDX-License-Identifier: MIT
#include <pivotal/resources.hpp>

#include <limits>
#include <set>

#include <pivotal/event.hpp>

#include "catch.hpp"

namespace unit_resources {

using json = nlohmann::json;
using pivotal::Contact;
using pivotal::Customer;
using pivotal::Onboarding;
using pivotal::Task;

namespace {

const json customer_json = {
    {"id", "cus_1"},   {"display_id", 1042},          {"name", "Acme GmbH"}, {"health_score", 41},
    {"at_risk", true}, {"previous_health_score", 72}, {"churned", false},    {"owner_email", "ana@example.com"}};
const json contact_json = {{"id", "con_1"},      {"customer_id", "cus_1"},     {"display_id", 7},   {"name", "Ana"},
                           {"email", "a@b.org"}, {"title", "Head of Success"}, {"is_primary", true}};
const json onboarding_json = {{"id", "onb_1"},
                              {"customer_id", "cus_1"},
                              {"display_id", 3},
                              {"name", "Rollout"},
                              {"phase", "Kick-off"},
                              {"state", "a state of tomorrow"},
                              {"target_launch_date", "2026-07-01"}};
const json task_json = {{"id", "tsk_1"},
                        {"onboarding_id", "onb_1"},
                        {"customer_id", "cus_1"},
                        {"display_id", 12},
                        {"title", "Import the contacts"},
                        {"completed_at", "2026-05-26T18:42:00.000Z"},
                        {"completed_by", "portal:contact_1"},
                        {"assignee_email", "kim@example.com"}};

// Each resource with an object that has all of its fields.
template <class Use> void for_each_resource(Use&& use) {
    use(customer_json, Customer());
    use(contact_json, Contact());
    use(onboarding_json, Onboarding());
    use(task_json, Task());
}

}  // namespace

TEST_CASE("every field of every resource is read", "[resources]") {
    const auto customer = customer_json.get<Customer>();
    CHECK(customer.id == "cus_1");
    CHECK(customer.display_id == 1042);
    CHECK(customer.name == "Acme GmbH");
    CHECK(customer.health_score == 41);
    CHECK(customer.previous_health_score == 72);
    CHECK(customer.at_risk == true);
    CHECK(customer.churned == false);
    CHECK(customer.owner_email == "ana@example.com");

    const auto contact = contact_json.get<Contact>();
    CHECK(contact.id == "con_1");
    CHECK(contact.customer_id == "cus_1");
    CHECK(contact.display_id == 7);
    CHECK(contact.name == "Ana");
    CHECK(contact.email == "a@b.org");
    CHECK(contact.title == "Head of Success");
    CHECK(contact.is_primary == true);

    const auto onboarding = onboarding_json.get<Onboarding>();
    CHECK(onboarding.id == "onb_1");
    CHECK(onboarding.customer_id == "cus_1");
    CHECK(onboarding.display_id == 3);
    CHECK(onboarding.name == "Rollout");
    CHECK(onboarding.phase == "Kick-off");
    CHECK(onboarding.state == "a state of tomorrow");
    CHECK(onboarding.target_launch_date == "2026-07-01");

    const auto task = task_json.get<Task>();
    CHECK(task.id == "tsk_1");
    CHECK(task.onboarding_id == "onb_1");
    CHECK(task.customer_id == "cus_1");
    CHECK(task.display_id == 12);
    CHECK(task.title == "Import the contacts");
    CHECK(task.completed_at == "2026-05-26T18:42:00.000Z");
    CHECK(task.completed_by == "portal:contact_1");
    CHECK(task.assignee_email == "kim@example.com");
}

TEST_CASE("what is written is what was read", "[resources]") {
    for_each_resource([](const json& object, auto resource) {
        object.get_to(resource);
        CHECK(json(resource) == object);
        CHECK(json(resource).dump() == object.dump());  // 41 stays 41, and does not become 41.0
        CHECK(json(resource).template get<decltype(resource)>() == resource);
    });
}

TEST_CASE("a field without a value is absent, and no null is written for it", "[resources]") {
    for_each_resource([](const json& object, auto resource) {
        using Resource = decltype(resource);
        CHECK(json(Resource()) == json::object());
        for (const auto& member : object.items()) {
            INFO(member.key());
            json without = object;
            without.erase(member.key());
            json with_null = object;
            with_null[member.key()] = nullptr;
            CHECK(json(without.get<Resource>()) == without);
            CHECK(json(with_null.get<Resource>()) == without);
            CHECK(without.get<Resource>() != object.get<Resource>());
        }
    });
}

TEST_CASE("a field of another JSON type counts as absent, and the others are read", "[resources]") {
    const json values = {nullptr, true, -1, 5, 1.5, "text", json::array({1}), json{{"a", 1}}, json::binary({1})};
    for_each_resource([&](const json& object, auto resource) {
        using Resource = decltype(resource);
        for (const auto& member : object.items()) {
            json without = object;
            without.erase(member.key());
            for (const json& value : values) {
                if (value.type() == member.value().type()) continue;
                if (value.is_number() && member.value().is_number()) continue;  // tested below
                INFO(member.key() << " = " << value);
                json changed = object;
                changed[member.key()] = value;
                CHECK(json(changed.get<Resource>()) == without);
            }
        }
    });
}

TEST_CASE("an integer is absent where it is no integer of 64 bits", "[resources]") {
    const auto display_id = [](const char* number) {
        return json::parse(std::string(R"({"display_id":)") + number + "}").get<Customer>().display_id;
    };
    CHECK(display_id("0") == 0);
    CHECK(display_id("-1") == -1);
    CHECK(display_id("9223372036854775807") == std::numeric_limits<std::int64_t>::max());
    CHECK(display_id("-9223372036854775808") == std::numeric_limits<std::int64_t>::min());
    for (const char* const number : {"9223372036854775808", "18446744073709551615", "18446744073709551616",
                                     "-9223372036854775809", "1e30", "1e3", "12.5", "12.0"}) {
        INFO(number);
        CHECK(display_id(number) == std::nullopt);
    }
}

TEST_CASE("a health score may be any number", "[resources]") {
    const auto score = [](const char* number) {
        return json::parse(std::string(R"({"health_score":)") + number + "}").get<Customer>();
    };
    CHECK(score("41.5").health_score == 41.5);
    CHECK(json(score("41.5")).dump() == R"({"health_score":41.5})");
    CHECK(json(score("100.0")).dump() == R"({"health_score":100})");
    CHECK(json(score("-3")).dump() == R"({"health_score":-3})");
    CHECK(score("1e300").health_score == 1e300);
    CHECK(json(score("1e300")) == json{{"health_score", 1e300}});

    // Whole numbers of which each has its double are written as such.
    CHECK(json(score("9007199254740991.0")).dump() == R"({"health_score":9007199254740991})");
    CHECK(json(score("9007199254740992.0")).at("health_score").is_number_float());
    CHECK(json(score("-9007199254740991.0")).dump() == R"({"health_score":-9007199254740991})");
    CHECK(json(score("-9007199254740992.0")).at("health_score").is_number_float());

    Customer customer;
    customer.name = "Acme";
    for (const double value : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
        customer.health_score = value;
        CHECK(json(customer).dump() == R"({"name":"Acme"})");
    }
}

TEST_CASE("what is no object has no field, and nothing of an earlier value stays", "[resources]") {
    const json others = {nullptr, false, 1, "text", json::array({customer_json}), json::object()};
    for (const json& value : others) {
        auto customer = customer_json.get<Customer>();
        value.get_to(customer);
        CHECK(customer == Customer());
    }
    auto customer = customer_json.get<Customer>();
    json{{"name", "Other"}}.get_to(customer);
    CHECK(json(customer).dump() == R"({"name":"Other"})");
}

TEST_CASE("unknown fields are passed over", "[resources]") {
    for_each_resource([](json object, auto resource) {
        const auto expected = object.get<decltype(resource)>();
        object["a_field_of_tomorrow"] = {{"id", 5}};
        object["ID"] = "cus_2";
        object[""] = nullptr;
        CHECK(object.get<decltype(resource)>() == expected);
    });
}

TEST_CASE("resources come out of an event", "[resources]") {
    const auto event = pivotal::Event::parse(R"({"id":"evt_1","type":"customer.health_score_dropped","data":{
        "object":{"id":"cus_1","health_score":41},"previous_attributes":{"health_score":72}}})");
    CHECK(event.object().get<Customer>().id == "cus_1");
    CHECK(event.object().get<Customer>().health_score == 41);
    CHECK(event.previous_attributes().get<Customer>().health_score == 72);
    CHECK(event.previous_attributes().get<Customer>().id == std::nullopt);
    const auto ping = pivotal::Event::parse(R"({"id":"evt_1","type":"webhook.ping"})");
    CHECK(ping.object().get<Customer>() == Customer());
}

TEST_CASE("there is a constant for each event type", "[resources]") {
    namespace types = pivotal::event_type;
    const std::set<std::string_view> documented = {types::customer_created,
                                                   types::customer_updated,
                                                   types::customer_archived,
                                                   types::customer_health_score_dropped,
                                                   types::customer_at_risk,
                                                   types::customer_churned,
                                                   types::contact_created,
                                                   types::onboarding_created,
                                                   types::onboarding_phase_changed,
                                                   types::onboarding_state_changed,
                                                   types::onboarding_at_risk,
                                                   types::onboarding_back_on_track,
                                                   types::onboarding_launched,
                                                   types::onboarding_completed,
                                                   types::task_completed};
    CHECK(documented == std::set<std::string_view>{"customer.created", "customer.updated", "customer.archived",
                                                   "customer.health_score_dropped", "customer.at_risk",
                                                   "customer.churned", "contact.created", "onboarding.created",
                                                   "onboarding.phase_changed", "onboarding.state_changed",
                                                   "onboarding.at_risk", "onboarding.back_on_track",
                                                   "onboarding.launched", "onboarding.completed", "task.completed"});
    const std::set<std::string_view> others = {types::webhook_ping,       types::contact_updated,
                                               types::contact_deleted,    types::customer_health_bucket_changed,
                                               types::onboarding_updated, types::onboarding_delayed,
                                               types::task_updated,       types::phase_changed};
    CHECK(others == std::set<std::string_view>{"webhook.ping", "contact.updated", "contact.deleted",
                                               "customer.health_bucket_changed", "onboarding.updated",
                                               "onboarding.delayed", "task.updated", "phase.changed"});
}

}  // namespace unit_resources
