// SPDX-License-Identifier: MIT
#pragma once

#include <pivotal/detail/core/attributes.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <system_error>

namespace pivotal { inline namespace v1 {

/// Something that happened to a delivery or an event. Given to the `observer` of a Receiver and an InboxWorker, for
/// metrics and for a log. The library puts no secret and no bytes of a body into it.
struct Observation {
    /// What happened. Of each delivery, and of each attempt of a worker, one is told: how it ended. `slow`,
    /// `only_polling`, and what goes wrong besides, come when they come.
    enum class Kind {
        handled,            ///< The handler succeeded, and that is recorded.
        accepted,           ///< The delivery is in the inbox.
        duplicate,          ///< The event was known already.
        in_progress,        ///< The event was being handled elsewhere; Pivotal will deliver it again.
        refused,            ///< Not authentic, or no event: see `code`.
        postponed,          ///< The handler threw RetryAfter.
        failed,             ///< The handler threw; the event will come again.
        buried,             ///< The event was given up: a dead letter in an inbox.
        store_unavailable,  ///< The store could not answer; the event will come again.
        lost,               ///< As `handled` or `buried`, but the lease was taken over: the handler may have run twice.
        not_recorded,       ///< As `handled` or `buried`, but that could not be stored: the handler will run again.
        slow,               ///< The handler still runs: the first time after WorkerOptions::slow.
        only_polling,    ///< Other processes cannot wake this worker, yet or at all: it finds what they put by polling.
        internal_error,  ///< OpenSSL failed, memory or threads ran out, or a HeaderSource threw.
    };

    /// For the label of a metric, or a log: as above.
    const char* name() const noexcept {
        constexpr const char* names[] = {"handled",      "accepted", "duplicate",    "in_progress",       "refused",
                                         "postponed",    "failed",   "buried",       "store_unavailable", "lost",
                                         "not_recorded", "slow",     "only_polling", "internal_error"};
        return names[static_cast<int>(kind)];
    }
    /// Whether an operator should know of it: `failed` and what follows.
    bool is_incident() const noexcept { return kind >= Kind::failed; }

    Kind kind = Kind::internal_error;       ///< What happened.
    std::string error{};                    ///< The text of the error: for a log, not for the sender.
    std::string event_id{};                 ///< Empty where not known; so are the next two.
    std::string event_type{};               ///< As in Event.
    std::string message_id{};               ///< The verified `svix-id`.
    std::error_code code{};                 ///< Of what was refused: an Errc.
    int attempt = 0;                        ///< Of a worker, as in Job.
    std::chrono::microseconds duration{0};  ///< How long the handler took.
};

/// What is told of observations, from the thread in which they happen, several at once; what it throws is dropped.
using Observer = std::function<void(const Observation&)>;

}}  // namespace pivotal::v1
