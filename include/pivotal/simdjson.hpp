// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include <pivotal/detail/simdjson_slot.hpp>
#include <pivotal/error.hpp>
#include <pivotal/event.hpp>
#include <pivotal/headers.hpp>
#include <pivotal/resources.hpp>
#include <pivotal/webhook.hpp>

namespace pivotal {
inline namespace v1 {

/// A verified event that is read where it lies, without a DOM: for receivers that need speed.
///
///     std::error_code error;
///     if (auto event = pivotal::EventView::verify(webhook, body, headers, error)) {
///         if (event->type == pivotal::event_type::customer_at_risk) {
///             std::int64_t score = 0;
///             if (event->object()["health_score"].get(score) == simdjson::SUCCESS) warn(event->id, score);
///         }
///     }
///     return pivotal::http_status(error);
///
/// The fields have the names that they have in Event, so that a handler changes little. The names are an
/// event's own: there is no `extra`, and what is below `data` is simdjson's on-demand API.
///
/// **Lifetimes.** A view owns a copy of the body and simdjson's parser; every string and value that it hands
/// out lies there, and is valid until the view is destroyed or assigned to: in `auto id = EventView::parse(body).id`
/// the view is gone at the end of the line, and `id` dangles. The body may go at once. Moving a view keeps them valid.
/// A moved-from view may be destroyed or assigned to, nothing else.
///
/// **Memory.** Each thread keeps one copy and one parser for its next view, about 18 times as large as the largest
/// body yet, unless that was larger than 1 MiB. While a thread has one view at a time and destroys it itself, nothing is
/// allocated; a second view that lives at the same time allocates its own.
///
/// **How it differs from Event.** What the envelope may be is the same, and so is the Errc of each of its
/// faults. But
/// - simdjson finds a fault inside of a value (an object or array of the outermost object) when that value is
///   read, if it is; so a view may be made of a body that Webhook::verify refuses, and object() or what is read
///   from it gives the error then. Invalid UTF-8 is found at once.
/// - below the envelope there is no limit of levels. Nothing here recurses; a handler that does must bound it. (With
///   SIMDJSON_DEVELOPMENT_CHECKS, which is for tests, simdjson ends the program at its own, about a thousand.)
/// - the first of two equal keys wins, since the others are never looked at.
///
/// **After an error.** simdjson does not go on behind a fault of the text: after any error but NO_SUCH_FIELD and
/// INCORRECT_TYPE read nothing more from the values and objects that the view gave out, since simdjson does not look
/// whether it may, and crashes. object(), previous_attributes() and the resources give the error again. Where each
/// field is optional, object_as() keeps this rule for you.
///
/// **Thread safety.** Different views may be used in different threads; one view by one thread at a time, which
/// need not be the one that made it. Reading moves a cursor, therefore nothing here is const.
///
/// **In the whole program** SIMDJSON_DEVELOPMENT_CHECKS must have one value: simdjson's own classes differ by it in
/// size, not in name, and a file that includes simdjson without this header takes it from its optimisation level.
/// Nothing here depends on NDEBUG: it is 0 unless it is defined as 1. pivotal::simdjson, in CMake, defines it for every
/// file that links to it; without CMake give `-DSIMDJSON_DEVELOPMENT_CHECKS=0` to all. If <simdjson.h> is included before
/// this header, it must be defined. The template arguments keep views apart that differ by it, or by the instruction set
/// that a file is compiled for.
template <class Parser, bool Checked>
class BasicEventView {
public:
    /// A value that simdjson reads when it is asked to, or simdjson's error.
    using Value = simdjson::simdjson_result<simdjson::ondemand::value>;

    std::string_view id;    ///< The idempotency key, `evt_...`: the same on every retry and replay.
    std::string_view type;  ///< Dot-namespaced: `customer.created`.
    std::optional<std::string_view> created_at;   ///< ISO 8601, as sent: when the event fired.
    std::optional<std::string_view> org_id;       ///< The workspace.
    std::optional<std::string_view> api_version;  ///< `v1` today.
    std::optional<bool> livemode;                 ///< False for test events.

    std::string_view delivery_id;  ///< The verified `svix-id`, `msg_...`; empty after parse.
    Seconds delivered_at{};        ///< The verified `svix-timestamp`; the epoch after parse.

    /// Webhook::verify that gives a view: nullopt and the code (an Errc) where the delivery is refused. Throws
    /// std::bad_alloc where memory runs out, and what a HeaderSource throws.
    template <class HeaderSource = Headers>
    [[nodiscard]] static std::optional<BasicEventView> verify(const Webhook& webhook, Body body,
                                                              const HeaderSource& headers,
                                                              std::error_code& error,
                                                              Clock::time_point now = Clock::now()) {
        std::optional<BasicEventView> view = BasicEventView();
        const detail::Refusal refusal = view->read_verified(webhook, body, headers, now);
        error = detail::code_of(refusal);
        if (refusal) view.reset();
        return view;
    }
    [[nodiscard]] static std::optional<BasicEventView> verify(const Webhook& webhook, Body body,
                                                              HeaderList headers, std::error_code& error,
                                                              Clock::time_point now = Clock::now()) {
        return verify<HeaderList>(webhook, body, headers, error, now);
    }

    /// Event::parse that gives a view: for a body whose signature was verified earlier. Never for a body that
    /// comes from the network.
    [[nodiscard]] static std::optional<BasicEventView> parse(Body body, std::error_code& error) {
        std::optional<BasicEventView> view = BasicEventView();
        const detail::Refusal refusal = view->read(body.view());
        error = detail::code_of(refusal);
        if (refusal) view.reset();
        return view;
    }

#if defined(__cpp_exceptions)
    /// The same; these throw WebhookVerificationError where the delivery, or the event, is refused.
    template <class HeaderSource = Headers>
    [[nodiscard]] static BasicEventView verify(const Webhook& webhook, Body body, const HeaderSource& headers,
                                               Clock::time_point now = Clock::now()) {
        BasicEventView view;
        if (const detail::Refusal refusal = view.read_verified(webhook, body, headers, now))
            throw WebhookVerificationError(make_error_code(refusal.code), detail::sentence(refusal));
        return view;
    }
    [[nodiscard]] static BasicEventView verify(const Webhook& webhook, Body body, HeaderList headers,
                                               Clock::time_point now = Clock::now()) {
        return verify<HeaderList>(webhook, body, headers, now);
    }
    [[nodiscard]] static BasicEventView parse(Body body) {
        BasicEventView view;
        if (const detail::Refusal refusal = view.read(body.view()))
            throw WebhookVerificationError(make_error_code(refusal.code), detail::sentence(refusal));
        return view;
    }
#endif

    /// `data.object`: the whole resource at the time of the event; simdjson::NO_SUCH_FIELD where there is none.
    ///
    /// Each call starts anew, and ends what was being read before: as everywhere in simdjson's on-demand API,
    /// one value is read at a time, once, and best in the order of its fields. simdjson::CAPACITY where so much
    /// has been read from the view, over and over, that its memory for strings is used up (no less than twice
    /// the body; more for small ones). That is looked at here, not where a string is read: from a value that this
    /// gives, read each string once, and do not go back with reset().
    [[nodiscard]] Value object() & {
        return slot_->member_of_data("object");
    }
    Value object() && = delete;

    /// `data.previous_attributes`: the former values of the changed fields. As object().
    [[nodiscard]] Value previous_attributes() & {
        return slot_->member_of_data("previous_attributes");
    }
    Value previous_attributes() && = delete;

    /// `data.object` as a Customer, Contact, Onboarding or Task, by the rules of <pivotal/resources.hpp>: a field
    /// that is missing, null or of another type is absent. Its strings are copies. nullopt where simdjson finds
    /// that it is not JSON.
    template <class Resource>
    [[nodiscard]] std::optional<Resource> object_as() {
        simdjson::ondemand::value json;
        const simdjson::error_code error = slot_->member_of_data("object").get(json);
        return detail::read_resource<Resource>(error, json);
    }

    /// `data.previous_attributes` as a resource that has the changed fields only. As object_as().
    template <class Resource>
    [[nodiscard]] std::optional<Resource> previous_attributes_as() {
        simdjson::ondemand::value json;
        const simdjson::error_code error = slot_->member_of_data("previous_attributes").get(json);
        return detail::read_resource<Resource>(error, json);
    }

private:
    using Slot = detail::ViewSlot<Parser, Checked>;

    BasicEventView() = default;  // without a slot: there is none before the delivery is authentic

    template <class HeaderSource>
    detail::Refusal read_verified(const Webhook& webhook, Body body, const HeaderSource& headers,
                                  Clock::time_point now) {
        return webhook.check(body, headers, now, [&](const detail::CheckedHeaders& checked) {
            const detail::Refusal refusal = read(body.view());
            slot_->delivery_id = checked.id;
            delivery_id = slot_->delivery_id;
            delivered_at = Seconds(std::chrono::seconds(checked.seconds));
            return refusal;
        });
    }

    /// The one path by which a body becomes a view.
    detail::Refusal read(std::string_view body) {
        slot_ = Slot::acquire();
        const char* const problem = slot_->read(body, *this);
        return problem ? detail::Refusal{Errc::malformed_event, problem} : detail::accepted;
    }

    std::unique_ptr<Slot, typename Slot::Release> slot_;
};

/// The one to use.
using EventView = BasicEventView<simdjson::ondemand::parser, detail::simdjson_is_checked>;

}  // namespace v1
}  // namespace pivotal
