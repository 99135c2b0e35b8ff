// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace pivotal { inline namespace v1 {

/// Something that an operator should know of, and that the sender of a delivery is not told. Given to
/// `on_incident` of a Receiver and an InboxWorker. The library puts no secret and no bytes of a body into it.
struct Incident {
    /// What happened.
    enum class Reason {
        handler_failed,     ///< The handler threw; the event will come again.
        store_unavailable,  ///< The store could not answer; the event will come again.
        claim_lost,         ///< The handler succeeded, but its lease was taken over: it may have run twice.
        not_recorded,       ///< The handler succeeded, but that could not be stored: it will run again.
        handler_slow,       ///< The handler still runs: the first time after WorkerOptions::slow.
        buried,             ///< The worker gave the event up: it is among the dead letters.
        internal_error,     ///< OpenSSL failed, memory ran out, or a HeaderSource threw.
    };

    Reason reason = Reason::internal_error;  ///< What happened.
    std::string error;                       ///< The text of the error: for a log, not for the sender.
    std::string event_id;                    ///< Empty where not known.
    std::string message_id;                  ///< The verified `svix-id`; empty where not known.
};

}}  // namespace pivotal::v1
