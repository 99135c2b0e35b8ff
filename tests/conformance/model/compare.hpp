// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <system_error>

#include <pivotal/webhook.hpp>

#include "model.hpp"

namespace model {

/// The kinds of HeaderSource.
enum class Source { range, multimap, generated, pointers, values, c_strings, headers, list, count };

/// A delivery's own time, as the library takes it.
inline pivotal::Clock::time_point time_of(const Delivery& delivery) {
    return pivotal::Clock::time_point(std::chrono::floor<pivotal::Clock::duration>(
        std::chrono::seconds(delivery.now) + std::chrono::nanoseconds(delivery.nanoseconds)));
}

inline std::optional<pivotal::Webhook> webhook_of(const Delivery& delivery, std::error_code& error) {
    const pivotal::WebhookOptions options{std::chrono::seconds(delivery.tolerance)};
    if (delivery.raw_key) return pivotal::Webhook::from_bytes(*delivery.raw_key, error, options);
    return pivotal::Webhook::create(delivery.secrets, error, options);
}

/// What the library says must be what the model says. Returns what differs, or an empty text.
class Comparison {
public:
    explicit Comparison(const Delivery& delivery) : delivery_(delivery) {}

    std::string differs(Source source, bool throwing) {
        std::error_code error;
        const auto webhook = webhook_of(delivery_, error);
        if (!webhook) {
            code_ = verify(delivery_, expected_);
            return error == code_ ? "" : "the secret gives " + error.message();
        }
        switch (source) {
            case Source::multimap: {
                // Equal names keep their order.
                std::multimap<std::string, std::string> map;
                for (const auto& [name, value] : delivery_.headers) map.emplace(lower(name), value);
                return differs(*webhook, map, delivery_, throwing);
            }
            case Source::generated:
                return differs(*webhook, Generated{delivery_.headers}, delivery_, throwing);
            case Source::pointers:
            case Source::values:
            case Source::c_strings:
                return differs_when_called(*webhook, source, throwing);
            case Source::headers: {
                Delivery seen = delivery_;
                for (std::size_t i = 0; i < seen.headers.size(); ++i)
                    seen.headers[i].first = i == 0 ? "svix-id" : i == 1 ? "svix-timestamp" : "svix-signature";
                seen.headers.resize(3);
                const pivotal::Headers headers{seen.headers[0].second, seen.headers[1].second, seen.headers[2].second};
                return differs(*webhook, headers, seen, throwing);
            }
            case Source::list: {
                Delivery seen = delivery_;
                seen.headers.resize(3);
                const auto& h = seen.headers;
                return differs(*webhook,
                               {{h[0].first, h[0].second}, {h[1].first, h[1].second}, {h[2].first, h[2].second}}, seen,
                               throwing);
            }
            default:
                return differs(*webhook, delivery_.headers, delivery_, throwing);
        }
    }

    Errc code() const { return code_; }

private:
    /// A range that is read once and makes each pair as it goes.
    struct Generated {
        struct Iterator {
            using iterator_category = std::input_iterator_tag;
            using value_type = std::pair<std::string, std::string>;
            using difference_type = std::ptrdiff_t;
            using pointer = void;
            using reference = value_type;
            Headers::const_iterator at;
            value_type operator*() const { return *at; }
            Iterator& operator++() {
                ++at;
                return *this;
            }
            bool operator!=(const Iterator& other) const { return at != other.at; }
        };
        const Headers& headers;
        Iterator begin() const { return {headers.begin()}; }
        Iterator end() const { return {headers.end()}; }
    };

    /// Through a function, as a server's look-up is: of a name that occurs twice it gives the first.
    std::string differs_when_called(const pivotal::Webhook& webhook, Source source, bool throwing) {
        Delivery seen = delivery_;
        seen.headers.clear();
        std::map<std::string, std::string> map;
        for (const auto& [name, value] : delivery_.headers)
            if (map.emplace(lower(name), value).second) seen.headers.emplace_back(name, value);
        const auto pointer = [&](const std::string& name) -> const std::string* {
            const auto found = map.find(name);
            return found == map.end() ? nullptr : &found->second;
        };
        if (source == Source::pointers) return differs(webhook, pointer, seen, throwing);
        const auto value = [&](std::string_view name) {
            const std::string* const found = pointer(std::string(name));
            return found ? *found : std::string();
        };
        if (source == Source::values) return differs(webhook, value, seen, throwing);
        const auto c_string = [&](const char* name) -> const char* {
            const std::string* const found = pointer(name);
            return found ? found->c_str() : nullptr;
        };
        for (auto& [name, text] : seen.headers) text = text.c_str();  // to its NUL
        return differs(webhook, c_string, seen, throwing);
    }

    std::string differs(const pivotal::Webhook& webhook, const pivotal::HeaderSource& headers, const Delivery& seen,
                        bool throwing) {
        code_ = verify(seen, expected_);
        const std::error_code expected = code_ == accepted ? std::error_code() : make_error_code(code_);
        const pivotal::Clock::time_point now = time_of(seen);

        std::error_code error = std::make_error_code(std::errc::not_supported);
        const auto event = webhook.verify(seen.body, headers, error, now);
        if (error != expected) return "verify gives " + error.message() + ", the model " + expected.message();
        if (event.has_value() == !!error) return "verify's result and its code disagree";
        if (event) {
            const std::string difference = differs(*event);
            if (!difference.empty()) return difference;
        }

        // What is no event is authentic all the same.
        const bool authentic = webhook.authenticate(seen.body, headers, error, now).has_value();
        if (authentic != (code_ == accepted || code_ == Errc::malformed_event))
            return "authenticate and verify disagree";
        if (authentic ? !!error : error != expected) return "authenticate gives " + error.message();

        if (throwing) {
            error.clear();
            try {
                (void)webhook.verify(seen.body, headers, now);
            } catch (const pivotal::WebhookVerificationError& refused) {
                error = refused.code();
            }
            if (error != expected) return "verify throws " + error.message();
        }
        return "";
    }

    std::string differs(const pivotal::Event& event) const {
        if (event.id != expected_->id || event.type != expected_->type) return "the id or the type differs";
        if (event.created_at != expected_->created_at) return "created_at differs";
        if (event.org_id != expected_->org_id) return "org_id differs";
        if (event.api_version != expected_->api_version) return "api_version differs";
        if (event.livemode != expected_->livemode) return "livemode differs";
        if (event.data != expected_->data) return "data differs: " + event.data.dump();
        if (event.delivery.message_id != expected_->message_id) return "message_id differs";
        if (event.delivery.timestamp.time_since_epoch().count() != expected_->signed_at) return "timestamp differs";
        if (event.extra != expected_->extra) return "extra differs: " + event.extra.dump();
        return "";
    }

    const Delivery& delivery_;
    std::optional<Event> expected_;
    Errc code_{};
};

}  // namespace model
