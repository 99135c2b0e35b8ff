// SPDX-License-Identifier: MIT
#include <pivotal/webhook.hpp>

#include <chrono>
#include <cstddef>
#include <iterator>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "svix_deliveries.hpp"

namespace {

/// A delivery that a test can change.
struct Request {
    std::string family, body;
    std::vector<std::pair<std::string, std::string>> headers{{"Host", "127.0.0.1"}, {"Accept", "*/*"}};
    pivotal::Clock::time_point now;

    explicit Request(const SvixDelivery& delivery)
        : family(delivery.headers[0].name), body(delivery.body), now(std::chrono::seconds(delivery.now)) {
        for (const auto& [name, value] : delivery.headers) headers.emplace_back(name, value);
        family.resize(family.find('-'));
    }

    const std::string* find(std::string_view name) const {
        for (const auto& header : headers)
            if (header.first == name) return &header.second;
        return nullptr;
    }
    const std::string& id() const { return *find(family + "-id"); }
    const std::string& timestamp() const { return *find(family + "-timestamp"); }
    const std::string& signature() const { return *find(family + "-signature"); }
};

/// Calls `use(headers)` with each kind of HeaderSource.
template <class Use> void in_each_way(const Request& request, const Use& with) {
    const auto use = [&](const pivotal::HeaderSource& source) { with(source); };
    const std::string &id = request.id(), &timestamp = request.timestamp(), &signature = request.signature();
    use({id, timestamp, signature});
    use(pivotal::Headers{id, timestamp.c_str(), std::string_view(signature)});
    use({{request.family + "-id", id},
         {request.family + "-timestamp", timestamp.c_str()},
         {request.family + "-signature", std::string_view(signature)}});

    use([&](const char* name) { return request.find(name); });
    use([&](const char* name) {
        const std::string* const value = request.find(name);
        return value ? value->c_str() : nullptr;
    });
    use([&](const std::string& name) {
        const std::string* const value = request.find(name);
        return value ? *value : std::string();
    });
    use([&](std::string_view name) {
        const std::string* const value = request.find(name);
        return value ? std::string_view(*value) : std::string_view();
    });
    use([&](std::string_view name) {
        const std::string* const value = request.find(name);
        return value ? std::make_optional(*value) : std::nullopt;
    });

    const auto& all = request.headers;
    use(all);
    use(std::map<std::string, std::string>(all.begin(), all.end()));
    use(std::unordered_multimap<std::string_view, std::string_view>(all.begin(), all.end()));
}

/// A code that no call leaves behind.
std::error_code stale() {
    return std::make_error_code(std::errc::io_error);
}

void check_that_none_verifies(const pivotal::Webhook& webhook, const Request& request) {
    in_each_way(request, [&](const pivotal::HeaderSource& headers) {
        std::error_code error = stale();
        CHECK_FALSE(webhook.authenticate(request.body, headers, error, request.now));
        CHECK(error == pivotal::Errc::signature_mismatch);
    });
}

/// The secrets, which are separated by white space.
std::vector<std::string> split(std::string_view secrets) {
    std::istringstream all{std::string(secrets)};
    return {std::istream_iterator<std::string>(all), {}};
}

}  // namespace

TEST_CASE("the deliveries of the real server: each verifies, in every way to hand over its headers", "[vectors]") {
    REQUIRE(std::size(svix_deliveries) == 127);
    int events = 0;
    for (const SvixDelivery& delivery : svix_deliveries) {
        INFO(delivery.name);
        const Request request(delivery);
        const pivotal::Webhook webhook(delivery.secret);
        const std::vector<std::string> secrets = split(delivery.secret);
        const auto json = nlohmann::json::parse(request.body, nullptr, false);
        const bool is_event = json.is_object() && json.contains("type");
        events += is_event;
        in_each_way(request, [&](const pivotal::HeaderSource& headers) {
            std::error_code error = stale();
            const std::optional<pivotal::Delivery> verified =
                webhook.authenticate(request.body, headers, error, request.now);
            REQUIRE(verified);
            CHECK_FALSE(error);
            CHECK(verified->message_id == request.id());
            CHECK(std::to_string(verified->timestamp.time_since_epoch().count()) == request.timestamp());
            CHECK(
                pivotal::Webhook(secrets.at(verified->secret)).authenticate(request.body, headers, error, request.now));

            error = stale();
            const std::optional<pivotal::Event> event = webhook.verify(request.body, headers, error, request.now);
            REQUIRE(event.has_value() == is_event);
            if (!event) {
                CHECK(error == pivotal::Errc::malformed_event);
                return;
            }
            CHECK_FALSE(error);
            CHECK(event->id == json.at("id").get<std::string>());
            CHECK(event->type == json.at("type").get<std::string>());
            CHECK(event->data == json.at("data"));
            CHECK(event->delivery.message_id == verified->message_id);
            CHECK(event->delivery.timestamp == verified->timestamp);
            CHECK(event->delivery.secret == verified->secret);
        });
    }
    CHECK(events == 123);
}

TEST_CASE("the deliveries of the real server: with one byte changed none verifies", "[vectors]") {
    for (const SvixDelivery& delivery : svix_deliveries) {
        INFO(delivery.name);
        const Request request(delivery);
        const pivotal::Webhook webhook(delivery.secret);
        const std::size_t size = request.body.size();
        for (const std::size_t at : {std::size_t{0}, size - 1}) {
            Request changed = request;
            changed.body[at] = static_cast<char>(changed.body[at] ^ 1);
            check_that_none_verifies(webhook, changed);
        }
        for (const std::size_t at : {std::size_t{1}, std::size_t{42}}) {  // one character in each of the signatures
            Request changed = request;
            for (auto& [name, value] : changed.headers)
                if (name == request.family + "-signature")
                    for (std::size_t i = 0; (i = value.find(',', i)) != value.npos; ++i)
                        value[i + at] = value[i + at] == 'A' ? 'B' : 'A';
            check_that_none_verifies(webhook, changed);
        }
    }
}

TEST_CASE("the deliveries of the real server: a Webhook with all their secrets says which one it was", "[vectors]") {
    std::map<std::string, std::size_t> numbers;
    std::string all;
    for (const SvixDelivery& delivery : svix_deliveries)
        for (const std::string& secret : split(delivery.secret))
            if (numbers.emplace(secret, numbers.size()).second) all += secret + "\n";
    REQUIRE(numbers.size() > 60);
    const pivotal::Webhook webhook(all);
    for (const SvixDelivery& delivery : svix_deliveries) {
        INFO(delivery.name);
        const Request request(delivery);
        std::error_code error = stale();
        const auto verified = webhook.authenticate(
            request.body, {request.id(), request.timestamp(), request.signature()}, error, request.now);
        REQUIRE(verified);
        if (request.signature().find(' ') != std::string::npos) continue;  // by several, of which one is listed
        bool is_of_the_receiver = false;
        for (const std::string& secret : split(delivery.secret))
            is_of_the_receiver |= numbers.at(secret) == verified->secret;
        CHECK(is_of_the_receiver);
    }
}
