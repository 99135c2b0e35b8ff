// SPDX-License-Identifier: MIT
#pragma once

#include <pivotal/detail/core/attributes.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <pivotal/detail/core/json_abi.hpp>

namespace pivotal { inline namespace v1 {
inline namespace PIVOTAL_DETAIL_JSON_ABI {

// The resources of `data.object`, as nlohmann's own conventions read and write them:
//
//     const auto customer = event.object().get<pivotal::Customer>();
//     const auto before = event.previous_attributes().get<pivotal::Customer>();   // the changed fields only
//
// Reading never fails (but for std::bad_alloc): a field that is missing, null or of another JSON type than
// here counts as absent, a value that is no object at all has no field, unknown fields are passed over. So
// a change on Pivotal's side never makes a handler fail; what these types do not know is in event.object().
// Writing gives an object of the fields that are present. Plain values: thread-safe as a std::string is.

/// A customer. Not for telling null and missing apart: both are absent here.
struct Customer {
    std::optional<std::string> id;                ///< `cus_...`
    std::optional<std::int64_t> display_id;       ///< An integer; a fraction or one beyond 64 bits is absent.
    std::optional<std::string> name;              ///< As sent.
    std::optional<double> health_score;           ///< 0 to 100.
    std::optional<double> previous_health_score;  ///< 0 to 100.
    std::optional<bool> at_risk;                  ///< As sent.
    std::optional<bool> churned;                  ///< As sent.
    std::optional<std::string> owner_email;       ///< As sent.
};

/// A contact of a customer.
struct Contact {
    std::optional<std::string> id;           ///< `con_...`
    std::optional<std::string> customer_id;  ///< `cus_...`
    std::optional<std::int64_t> display_id;  ///< As sent.
    std::optional<std::string> name;         ///< As sent.
    std::optional<std::string> email;        ///< As sent.
    std::optional<std::string> title;        ///< As sent.
    std::optional<bool> is_primary;          ///< As sent.
};

/// An onboarding of a customer.
struct Onboarding {
    std::optional<std::string> id;           ///< `onb_...`
    std::optional<std::string> customer_id;  ///< `cus_...`
    std::optional<std::int64_t> display_id;  ///< As sent.
    std::optional<std::string> name;         ///< As sent.
    std::optional<std::string> phase;        ///< Named by the workspace: any string.
    std::optional<std::string> state;        ///< `active`, `paused`, `blocked`, ...: new ones may come at any time.
    std::optional<std::string> target_launch_date;  ///< As sent; absent where it is null.
};

/// A task of an onboarding.
struct Task {
    std::optional<std::string> id;              ///< `tsk_...`
    std::optional<std::string> onboarding_id;   ///< `onb_...`
    std::optional<std::string> customer_id;     ///< `cus_...`
    std::optional<std::int64_t> display_id;     ///< As sent.
    std::optional<std::string> title;           ///< As sent.
    std::optional<std::string> completed_at;    ///< ISO 8601, as sent.
    std::optional<std::string> completed_by;    ///< Such as `portal:contact_...`.
    std::optional<std::string> assignee_email;  ///< As sent.
};

/// The event types that Pivotal documents, for comparing with Event::type and for EventRouter. Others may
/// come at any time, and are no error.
namespace event_type {

/// A type of event.
/// @{
inline constexpr std::string_view customer_created = "customer.created";
inline constexpr std::string_view customer_updated = "customer.updated";
inline constexpr std::string_view customer_archived = "customer.archived";
inline constexpr std::string_view customer_health_score_dropped = "customer.health_score_dropped";
inline constexpr std::string_view customer_at_risk = "customer.at_risk";
inline constexpr std::string_view customer_churned = "customer.churned";
inline constexpr std::string_view contact_created = "contact.created";
inline constexpr std::string_view onboarding_created = "onboarding.created";
inline constexpr std::string_view onboarding_phase_changed = "onboarding.phase_changed";
inline constexpr std::string_view onboarding_state_changed = "onboarding.state_changed";
inline constexpr std::string_view onboarding_at_risk = "onboarding.at_risk";
inline constexpr std::string_view onboarding_back_on_track = "onboarding.back_on_track";
inline constexpr std::string_view onboarding_launched = "onboarding.launched";
inline constexpr std::string_view onboarding_completed = "onboarding.completed";
inline constexpr std::string_view task_completed = "task.completed";

// Announced, or mentioned outside of the list of events.
inline constexpr std::string_view webhook_ping = "webhook.ping";
inline constexpr std::string_view contact_updated = "contact.updated";
inline constexpr std::string_view contact_deleted = "contact.deleted";
inline constexpr std::string_view customer_health_bucket_changed = "customer.health_bucket_changed";
inline constexpr std::string_view onboarding_updated = "onboarding.updated";
inline constexpr std::string_view onboarding_delayed = "onboarding.delayed";
inline constexpr std::string_view task_updated = "task.updated";
inline constexpr std::string_view phase_changed = "phase.changed";
/// @}

}  // namespace event_type

}  // namespace PIVOTAL_DETAIL_JSON_ABI

namespace detail { inline namespace PIVOTAL_DETAIL_JSON_ABI {

// What is known of a resource stands once, here: a name and a member for each field.
constexpr auto fields_of(const Customer*) {
    using C = Customer;
    return std::tuple(std::pair("id", &C::id), std::pair("display_id", &C::display_id), std::pair("name", &C::name),
                      std::pair("health_score", &C::health_score),
                      std::pair("previous_health_score", &C::previous_health_score), std::pair("at_risk", &C::at_risk),
                      std::pair("churned", &C::churned), std::pair("owner_email", &C::owner_email));
}

constexpr auto fields_of(const Contact*) {
    using C = Contact;
    return std::tuple(std::pair("id", &C::id), std::pair("customer_id", &C::customer_id),
                      std::pair("display_id", &C::display_id), std::pair("name", &C::name),
                      std::pair("email", &C::email), std::pair("title", &C::title),
                      std::pair("is_primary", &C::is_primary));
}

constexpr auto fields_of(const Onboarding*) {
    using O = Onboarding;
    return std::tuple(std::pair("id", &O::id), std::pair("customer_id", &O::customer_id),
                      std::pair("display_id", &O::display_id), std::pair("name", &O::name),
                      std::pair("phase", &O::phase), std::pair("state", &O::state),
                      std::pair("target_launch_date", &O::target_launch_date));
}

constexpr auto fields_of(const Task*) {
    using T = Task;
    return std::tuple(std::pair("id", &T::id), std::pair("onboarding_id", &T::onboarding_id),
                      std::pair("customer_id", &T::customer_id), std::pair("display_id", &T::display_id),
                      std::pair("title", &T::title), std::pair("completed_at", &T::completed_at),
                      std::pair("completed_by", &T::completed_by), std::pair("assignee_email", &T::assignee_email));
}

template <class T>
constexpr bool is_resource = std::is_same_v<T, Customer> || std::is_same_v<T, Contact> ||
                             std::is_same_v<T, Onboarding> || std::is_same_v<T, Task>;

/// Calls `use(name, member)` for each field of a resource.
template <class Resource, class Use> void for_each_field(Use&& use) {
    std::apply([&](const auto&... fields) { (use(fields.first, fields.second), ...); },
               fields_of(static_cast<const Resource*>(nullptr)));
}

template <class Value> void read_field(const nlohmann::json& json, std::optional<Value>& value) {
    if constexpr (std::is_same_v<Value, double>) {
        if (json.is_number()) value = json.get<double>();
    } else if constexpr (std::is_same_v<Value, std::int64_t>) {
        // nlohmann reads a number without a sign as unsigned.
        const auto* const number = json.get_ptr<const std::uint64_t*>();
        if (number && *number > static_cast<std::uint64_t>((std::numeric_limits<std::int64_t>::max)())) return;
        if (json.is_number_integer()) value = json.get<std::int64_t>();
    } else if (const auto* const known = json.get_ptr<const Value*>()) {
        value = *known;
    }
}

template <class Value> void write_field(const Value& value, nlohmann::json& json, const char* name) {
    if constexpr (std::is_same_v<Value, double>) {
        if (!std::isfinite(value)) return;          // JSON has no number for it
        constexpr double exact = 9007199254740992;  // 2^53: below, a whole number is written as it was sent, "41"
        if (!std::islessgreater(std::trunc(value), value) && std::abs(value) < exact)
            return write_field(static_cast<std::int64_t>(value), json, name);
    }
    json[name] = value;
}

}}  // namespace detail::PIVOTAL_DETAIL_JSON_ABI

inline namespace PIVOTAL_DETAIL_JSON_ABI {

/// Reads a resource; nlohmann's `get<T>()` calls it. Every field that `json` does not have is absent
/// afterwards. Throws nothing but std::bad_alloc.
template <class Resource, std::enable_if_t<detail::is_resource<Resource>, int> = 0>
void from_json(const nlohmann::json& json, Resource& resource) {
    detail::for_each_field<Resource>([&](const char* name, auto member) {
        auto& value = resource.*member;
        value.reset();
        if (!json.is_object()) return;
        const auto found = json.find(name);
        if (found != json.end()) detail::read_field(*found, value);
    });
}

/// Writes a resource: an object of the fields that are present, never a null. `nlohmann::json(customer)`
/// calls it. A health score that is no finite number is left out.
template <class Resource, std::enable_if_t<detail::is_resource<Resource>, int> = 0>
void to_json(nlohmann::json& json, const Resource& resource) {
    // nlohmann's constructor, which calls this, does not destroy what is in `json` where memory runs out.
    nlohmann::json made = nlohmann::json::object();
    detail::for_each_field<Resource>([&](const char* name, auto member) {
        if (const auto& value = resource.*member) detail::write_field(*value, made, name);
    });
    json = std::move(made);
}

/// Equal where every field is.
template <class Resource, std::enable_if_t<detail::is_resource<Resource>, int> = 0>
bool operator==(const Resource& a, const Resource& b) {
    bool equal = true;
    detail::for_each_field<Resource>([&](const char*, auto member) { equal &= a.*member == b.*member; });
    return equal;
}

/// Unequal where a field is.
template <class Resource, std::enable_if_t<detail::is_resource<Resource>, int> = 0>
bool operator!=(const Resource& a, const Resource& b) {
    return !(a == b);
}

}  // namespace PIVOTAL_DETAIL_JSON_ABI
}}  // namespace pivotal::v1
