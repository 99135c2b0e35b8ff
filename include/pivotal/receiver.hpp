// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <pivotal/body.hpp>
#include <pivotal/detail/receiver/incidents.hpp>
#include <pivotal/detail/receiver/lease_keeper.hpp>
#include <pivotal/detail/receiver/random_token.hpp>
#include <pivotal/detail/receiver/repeat.hpp>
#include <pivotal/error.hpp>
#include <pivotal/event.hpp>
#include <pivotal/headers.hpp>
#include <pivotal/idempotency.hpp>
#include <pivotal/inbox.hpp>
#include <pivotal/incident.hpp>
#include <pivotal/webhook.hpp>

namespace pivotal {
inline namespace v1 {

/// What to answer: an HTTP status and a line of plain text.
struct Reply {
    int status = 500;
    std::string body;
};

/// How a Receiver works.
struct ReceiverOptions {
    /// How long the claim of a process that died keeps others from the event. Renewed while a handler runs.
    std::chrono::milliseconds lease = std::chrono::seconds{30};
    /// Told of what goes wrong besides refused deliveries, from the thread that called `receive`; several
    /// threads may call it at once. What it throws is dropped.
    std::function<void(const Incident&)> on_incident = {};
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
/// With a store the handler runs inside `receive`: for handlers that take a few seconds at most, since
/// Pivotal waits for 10. With an Inbox the delivery is put and answered at once, and an InboxWorker handles
/// it.
///
/// | what happens | reply |
/// | --- | --- |
/// | handled, or put into the inbox | `200 ok` |
/// | completed earlier, or in the inbox already | `200 duplicate` |
/// | being handled elsewhere | `409 in progress`: Pivotal retries |
/// | not authentic | `401 invalid signature`; the store is not asked |
/// | authentic but no event | `400 malformed event`; the store is not asked |
/// | the handler throws | `500 handler failed`; the claim is released; an incident |
/// | the store cannot answer | `503 store unavailable`; the handler is not called; an incident |
/// | the handler succeeded but the claim had been lost | `200 ok`; an incident: it may have run twice |
/// | the handler succeeded but that cannot be stored, twice | `503 store unavailable`; an incident: it will
/// run again |
/// | OpenSSL fails, memory runs out, a HeaderSource throws | `500 internal error`; an incident |
///
/// What an incident says is for `on_incident` alone; the sender is told no more than the reply.
///
/// **Thread safety:** `receive` may be called from many threads at once; the handler then runs in as many.
/// Copies share the store, the handler and the thread that renews leases.
///
/// **Not for** exactly-once effects, see IdempotencyStore.
class Receiver {
public:
    /// Handles events as they come. Throws std::invalid_argument where the store or the handler is null.
    Receiver(Webhook webhook, std::shared_ptr<IdempotencyStore> store,
             std::function<void(const Event&)> handler, ReceiverOptions options = {});

    /// Accepts events for an InboxWorker. Throws std::invalid_argument where the inbox is null.
    Receiver(Webhook webhook, std::shared_ptr<Inbox> inbox, ReceiverOptions options = {});

    /// Answers one delivery; see the table above. Throws nothing.
    ///
    /// `headers` is any HeaderSource (see <pivotal/headers.hpp>). `now` is compared with the signed
    /// timestamp and nothing else; give it in tests only.
    template <class HeaderSource>
    Reply receive(Body body, const HeaderSource& headers, Clock::time_point now = Clock::now()) noexcept;
    Reply receive(Body body, Headers headers, Clock::time_point now = Clock::now()) noexcept {
        return receive<Headers>(body, headers, now);
    }
    Reply receive(Body body, HeaderList headers, Clock::time_point now = Clock::now()) noexcept {
        return receive<HeaderList>(body, headers, now);
    }

private:
    /// The replies, by what happened.
    enum class Outcome {
        ok,
        duplicate,
        in_progress,
        not_authentic,
        malformed_event,
        handler_failed,
        store_unavailable,
        internal_error
    };
    static Reply reply(Outcome outcome) noexcept;

    Outcome accept(const Event& event, Body body) noexcept;
    Outcome put(const Event& event, Body body);
    Outcome handle(const Event& event);
    Outcome handle_claimed(const Event& event, const std::string& owner);
    void release(const Event& event, const std::string& owner) noexcept;
    void report(Incident::Reason reason, const Event* event) const noexcept {
        detail::report(options_.on_incident, reason, event);
    }

    Webhook webhook_;
    std::shared_ptr<IdempotencyStore> store_;  // and handler_, or inbox_
    std::shared_ptr<Inbox> inbox_;
    std::function<void(const Event&)> handler_;
    ReceiverOptions options_;
    std::shared_ptr<detail::LeaseKeeper> keeper_;
};

// ---- Receiver ----

inline Receiver::Receiver(Webhook webhook, std::shared_ptr<IdempotencyStore> store,
                          std::function<void(const Event&)> handler, ReceiverOptions options)
    : webhook_(std::move(webhook)),
      store_(std::move(store)),
      handler_(std::move(handler)),
      options_(std::move(options)),
      keeper_(std::make_shared<detail::LeaseKeeper>()) {
    if (!store_ || !handler_) throw std::invalid_argument("pivotal: a Receiver needs a store and a handler");
}

inline Receiver::Receiver(Webhook webhook, std::shared_ptr<Inbox> inbox, ReceiverOptions options)
    : webhook_(std::move(webhook)), inbox_(std::move(inbox)), options_(std::move(options)) {
    if (!inbox_) throw std::invalid_argument("pivotal: a Receiver needs a store or an inbox");
}

template <class HeaderSource>
Reply Receiver::receive(Body body, const HeaderSource& headers, Clock::time_point now) noexcept {
    try {
        std::error_code error;
        if (const std::optional<Event> event = webhook_.verify(body, headers, error, now))
            return reply(accept(*event, body));
        if (http_status(error) == 401) return reply(Outcome::not_authentic);
        if (error == Errc::malformed_event) return reply(Outcome::malformed_event);
        throw std::system_error(error);
    } catch (...) {
        report(Incident::Reason::internal_error, nullptr);
        return reply(Outcome::internal_error);
    }
}

/// What an authentic event comes to.
inline Receiver::Outcome Receiver::accept(const Event& event, Body body) noexcept {
    try {
        return inbox_ ? put(event, body) : handle(event);
    } catch (...) {
        report(Incident::Reason::internal_error, &event);
        return Outcome::internal_error;
    }
}

inline Receiver::Outcome Receiver::put(const Event& event, Body body) {
    try {
        return inbox_->put(event, body) ? Outcome::ok : Outcome::duplicate;
    } catch (const std::bad_alloc&) {
        throw;
    } catch (...) {
        report(Incident::Reason::store_unavailable, &event);
        return Outcome::store_unavailable;
    }
}

inline Receiver::Outcome Receiver::handle(const Event& event) {
    const std::string owner = detail::random_token();
    if (owner.empty()) throw std::system_error(make_error_code(Errc::crypto_failure));
    Claim claim = Claim::in_progress;
    try {
        claim = store_->claim(event.id, owner, options_.lease);
    } catch (const std::bad_alloc&) {
        throw;
    } catch (...) {
        report(Incident::Reason::store_unavailable, &event);
        return Outcome::store_unavailable;
    }
    switch (claim) {
        case Claim::granted:
            return handle_claimed(event, owner);
        case Claim::duplicate:
            return Outcome::duplicate;
        case Claim::in_progress:
            break;
    }
    return Outcome::in_progress;
}

inline Receiver::Outcome Receiver::handle_claimed(const Event& event, const std::string& owner) {
    std::optional<detail::LeaseKeeper::Guard> guard;
    try {
        guard.emplace(*keeper_, options_.lease,
                      [&] { return store_->renew(event.id, owner, options_.lease); });
    } catch (...) {
        release(event, owner);
        throw;
    }
    try {
        handler_(event);
    } catch (...) {
        guard.reset();
        release(event, owner);
        report(Incident::Reason::handler_failed, &event);
        return Outcome::handler_failed;
    }
    guard.reset();
    // Where that cannot be told the claim is kept: until its lease runs out nobody repeats what was done.
    const bool told = detail::record_handled(options_.on_incident, event, std::chrono::steady_clock::now(),
                                             [&] { return store_->complete(event.id, owner); });
    return told ? Outcome::ok : Outcome::store_unavailable;
}

inline void Receiver::release(const Event& event, const std::string& owner) noexcept {
    try {
        store_->release(event.id, owner);
    } catch (...) {  // the lease runs out by itself
        report(Incident::Reason::store_unavailable, &event);
    }
}

inline Reply Receiver::reply(Outcome outcome) noexcept {
    struct Line {
        int status;
        const char* body;
    };
    const Line line = [&]() -> Line {
        switch (outcome) {
            case Outcome::ok:
                return {200, "ok"};
            case Outcome::duplicate:
                return {200, "duplicate"};
            case Outcome::in_progress:
                return {409, "in progress"};
            case Outcome::not_authentic:
                return {401, "invalid signature"};
            case Outcome::malformed_event:
                return {400, "malformed event"};
            case Outcome::handler_failed:
                return {500, "handler failed"};
            case Outcome::store_unavailable:
                return {503, "store unavailable"};
            case Outcome::internal_error:
                break;
        }
        return {500, "internal error"};
    }();
    Reply made;
    made.status = line.status;
    try {
        made.body = line.body;
    } catch (...) {
        // The status says it all.
    }
    return made;
}

}  // namespace v1
}  // namespace pivotal
