// SPDX-License-Identifier: MIT
#pragma once

#include <pivotal/detail/core/attributes.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <pivotal/body.hpp>
#include <pivotal/detail/receiver/lease_keeper.hpp>
#include <pivotal/detail/receiver/observe.hpp>
#include <pivotal/detail/receiver/random_token.hpp>
#include <pivotal/detail/receiver/repeat.hpp>
#include <pivotal/detail/receiver/store_time.hpp>
#include <pivotal/error.hpp>
#include <pivotal/event.hpp>
#include <pivotal/headers.hpp>
#include <pivotal/idempotency.hpp>
#include <pivotal/inbox.hpp>
#include <pivotal/observation.hpp>
#include <pivotal/webhook.hpp>

namespace pivotal { inline namespace v1 { inline namespace PIVOTAL_DETAIL_JSON_ABI {

/// How a Receiver works.
struct ReceiverOptions {
    /// How long the claim of a process that died keeps others from the event; more than nothing, a year at
    /// most. Renewed while a handler runs.
    std::chrono::milliseconds lease = std::chrono::seconds{30};
    /// Told of what happens, from the thread that called `receive`.
    Observer observer = {};
    /// How long a delivery waits for the outcome of another one of the same event, from nothing to 9 s. Not all
    /// senders retry what they are told is in progress: a resend by hand, for one, is not.
    std::chrono::milliseconds wait = std::chrono::seconds{5};
};

/// Pivotal's rules for a receiver, kept: verify, handle each event once, answer in time, lose nothing.
///
///     pivotal::Receiver receiver(pivotal::Webhook::from_env(),
///                                std::make_shared<pivotal::SqliteStore>("events.db"), handle);
///     server.Post("/webhooks/pivotal", [&](const auto& request, auto& response) {
///         const auto reply = receiver.receive(request.body, request.headers);
///         response.status = reply.status;
///         response.set_content(reply.body, "text/plain");
///     });
///
/// With a store the handler runs inside `receive`: for handlers that take a few seconds at most, since Pivotal waits
/// for 10. With an Inbox the delivery is put and answered at once, and an InboxWorker handles it.
///
/// | what happens | reply |
/// | --- | --- |
/// | handled, or put into the inbox | `200 ok` |
/// | completed earlier, or in the inbox already | `200 duplicate` |
/// | being handled elsewhere | what comes of it: `200 duplicate`, or if that handler fails the event is handled here |
/// | still being handled elsewhere after ReceiverOptions::wait | `409 in progress`: Pivotal retries |
/// | not authentic | `401 invalid signature`; the store is not asked |
/// | authentic but no event | `400 malformed event`; the store is not asked |
/// | the handler throws Discard | `200 ok`; an incident |
/// | the handler throws anything else | `500 handler failed`; the claim is released; an incident |
/// | the store cannot answer | `503 store unavailable`; the handler is not called; an incident |
/// | the handler succeeded but the claim had been lost | `200 ok`; an incident: it may have run twice |
/// | the handler succeeded but that cannot be stored until the reply is due | `503 store unavailable`; an incident: it
/// will run again |
/// | OpenSSL fails, memory or threads run out, a HeaderSource throws | `500 internal error`; an incident |
///
/// Whatever the store does, the reply takes 9 s at most, and the handler's time beyond that: Pivotal waits for 10. (Nobody
/// can cut short the look-up of the name of the store's server.)
/// An incident is an Observation that is_incident(). What it says is for the observer alone; the sender is told no more
/// than the reply.
///
/// **Thread safety:** `receive` may be called from many threads at once; the handler then runs in as many.
/// Copies share the store, the handler and the thread that renews leases.
///
/// **Not for** exactly-once effects, see IdempotencyStore.
class Receiver {
public:
    /// Handles events as they come. Throws std::invalid_argument where the store or the handler is null, or an
    /// option makes no sense.
    Receiver(Webhook webhook, std::shared_ptr<IdempotencyStore> store, std::function<void(const Event&)> handler,
             ReceiverOptions options = {});

    /// Accepts events for an InboxWorker. Throws std::invalid_argument where the inbox is null, or an option makes
    /// no sense.
    Receiver(Webhook webhook, std::shared_ptr<Inbox> inbox, ReceiverOptions options = {});

    /// Answers one delivery; see the table above. Throws nothing. (What a conversion of yours to Body or HeaderSource throws
    /// comes before it.)
    ///
    /// `headers` is any HeaderSource (see <pivotal/headers.hpp>). `now` is compared with the signed
    /// timestamp and nothing else; give it in tests only.
    Reply receive(Body body, const HeaderSource& headers, Clock::time_point now = Clock::now()) noexcept;

private:
    using Kind = Observation::Kind;

    /// Handles events itself, in `receive`.
    struct Handling {
        std::shared_ptr<IdempotencyStore> store;
        std::function<void(const Event&)> handler;
        detail::LeaseKeeper keeper;
    };

    static constexpr std::chrono::seconds patience{9};  // Pivotal's is 10

    static ReceiverOptions checked(ReceiverOptions options) {
        if (options.lease <= options.lease.zero() || options.lease > std::chrono::hours(24 * 365))
            throw std::invalid_argument("pivotal: ReceiverOptions::lease is to be longer than 0, and a year at most");
        if (options.wait < options.wait.zero() || options.wait > patience)
            throw std::invalid_argument("pivotal: ReceiverOptions::wait is to be from 0 to 9 s");
        return options;
    }

    void observe(Kind kind, const Event* event, const char* error = nullptr, const detail::Attempt* attempt = nullptr,
                 std::error_code code = {}) const noexcept {
        detail::observe(options_.observer, kind, event, error, attempt, code);
    }

    Reply answer(Kind kind, const Event& event, Reply reply) const noexcept {
        observe(kind, &event, kind == Kind::store_unavailable ? nullptr : "");
        return reply;
    }

    /// What an authentic event comes to.
    Reply accept(const Event& event, Body body, detail::Deadline due) noexcept {
        try {
            const std::string owner = handling_ ? detail::random_token() : "nobody";
            Claim found = Claim::in_progress;
            try {
                const detail::DueTime in_time(due);
                if (handling_)
                    found = claim(*handling_->store, event, owner, due);
                else
                    found = inbox_->put(event, body) ? Claim::granted : Claim::duplicate;
            } catch (const std::bad_alloc&) {
                throw;
            } catch (...) {
                return answer(Kind::store_unavailable, event, {503, "store unavailable"});
            }
            if (found == Claim::duplicate) return answer(Kind::duplicate, event, {200, "duplicate"});
            if (found != Claim::granted) return answer(Kind::in_progress, event, {409, "in progress"});
            return handling_ ? handle(*handling_, event, owner, due) : answer(Kind::accepted, event, {200, "ok"});
        } catch (...) {
            observe(Kind::internal_error, &event);
            return {};
        }
    }

    /// Asks again while the event is in progress elsewhere, for as long as the options say.
    Claim claim(IdempotencyStore& store, const Event& event, const std::string& owner, detail::Deadline due) const {
        const detail::Deadline until = (std::min)(due, std::chrono::steady_clock::now() + options_.wait);
        using std::chrono::milliseconds;
        for (milliseconds pause{20};; pause = (std::min)(pause * 2, milliseconds(250))) {
            const Claim found = store.claim(event.id, owner, options_.lease);
            const auto left = until - std::chrono::steady_clock::now();
            if (found != Claim::in_progress || left <= left.zero()) return found;
            // Windows does not sleep for a part of a millisecond.
            std::this_thread::sleep_for((std::min)(pause, std::chrono::ceil<milliseconds>(left)));
        }
    }

    Reply handle(Handling& mode, const Event& event, const std::string& owner, detail::Deadline due) {
        detail::Attempt attempt;
        std::optional<Discard> discarded;
        bool was_called = false;
        try {
            const detail::LeaseKeeper::Guard guard(mode.keeper, options_.lease,
                                                   [store = mode.store, id = event.id, owner, lease = options_.lease] {
                                                       return store->renew(id, owner, lease);
                                                   });
            was_called = true;
            mode.handler(event);
        } catch (const Discard& discard) {  // there are no dead letters here: it is done
            discarded = discard;
        } catch (...) {
            attempt.end();
            release(*mode.store, event, owner, detail::time_to_tell(due, attempt));
            if (!was_called) throw;
            observe(Kind::failed, &event, nullptr, &attempt);
            return {500, "handler failed"};
        }
        attempt.end();
        due = detail::time_to_tell(due, attempt);
        const detail::DueTime in_time(due);
        // Where that cannot be told the claim is kept: until its lease runs out nobody repeats what was done.
        const bool told = detail::record_handled(
            options_.observer, event, attempt, due, [&] { return mode.store->complete(event.id, owner); },
            discarded ? discarded->what() : nullptr);
        if (told) return {200, "ok"};
        return {503, "store unavailable"};
    }

    /// The next delivery may claim; where the store cannot be told it may when the lease has run out.
    void release(IdempotencyStore& store, const Event& event, const std::string& owner, detail::Deadline due) noexcept {
        try {
            const detail::DueTime in_time(due);
            detail::repeat_until(due, [&] { return store.release(event.id, owner); });
        } catch (...) {
            observe(Kind::store_unavailable, &event);
        }
    }

    Webhook webhook_;
    std::shared_ptr<Handling> handling_;  // one of the two is null
    std::shared_ptr<Inbox> inbox_;
    ReceiverOptions options_;
};

// ---- Receiver ----

inline Receiver::Receiver(Webhook webhook, std::shared_ptr<IdempotencyStore> store,
                          std::function<void(const Event&)> handler, ReceiverOptions options)
    : webhook_(std::move(webhook)),
      handling_(new Handling{std::move(store), std::move(handler), {}}),
      options_(checked(std::move(options))) {
    if (!handling_->store || !handling_->handler)
        throw std::invalid_argument("pivotal: a Receiver needs a store and a handler");
}

inline Receiver::Receiver(Webhook webhook, std::shared_ptr<Inbox> inbox, ReceiverOptions options)
    : webhook_(std::move(webhook)), inbox_(std::move(inbox)), options_(checked(std::move(options))) {
    if (!inbox_) throw std::invalid_argument("pivotal: a Receiver needs a store or an inbox");
}

inline Reply Receiver::receive(Body body, const HeaderSource& headers, Clock::time_point now) noexcept {
    const detail::Deadline due = std::chrono::steady_clock::now() + patience;
    try {
        std::error_code error;
        if (const std::optional<Event> event = webhook_.verify(body, headers, error, now))
            return accept(*event, body, due);
        const Reply refused = reply(error);
        if (refused.status < 500) {
            observe(Kind::refused, nullptr, "", nullptr, error);
            return refused;
        }
        throw std::system_error(error);
    } catch (...) {
        observe(Kind::internal_error, nullptr);
        return {};
    }
}

}}}  // namespace pivotal::v1::PIVOTAL_DETAIL_JSON_ABI
