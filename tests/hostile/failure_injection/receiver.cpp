// SPDX-License-Identifier: MIT
#include <pivotal/receiver.hpp>
#include <pivotal/stores/memory.hpp>

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>

#include "delivery.hpp"
#include "trial.hpp"

using namespace delivery;
using namespace std::chrono_literals;
using pivotal::Claim;
using pivotal::Event;
using pivotal::MemoryStore;
using pivotal::Observation;
using pivotal::Receiver;
using pivotal::Reply;
using pivotal::Webhook;

namespace {

/// A Receiver that counts what it does.
struct Service {
    int handled = 0, told = 0, incidents = 0;
    Observation::Kind kind{};
    std::shared_ptr<MemoryStore> store = std::make_shared<MemoryStore>();
    Receiver receiver;

    explicit Service(
        const Webhook& webhook, std::function<void(const Event&)> handler = [](const Event&) {})
        : receiver(
              webhook, store,
              [this, handler](const Event& event) {
                  handler(event);
                  ++handled;
              },
              options()) {}

    pivotal::ReceiverOptions options() {
        pivotal::ReceiverOptions options;
        options.wait = std::chrono::seconds(0);
        options.observer = [this](const Observation& seen) {
            ++told;
            if (!seen.is_incident()) return;
            ++incidents;
            kind = seen.kind;
        };
        return options;
    }
    Reply receive(const std::string& content, const std::string& signature) {
        return receiver.receive(content, {id, timestamp, signature}, now);
    }
};

const Webhook& webhook() {
    static const Webhook made(secret + "\n" + public_key);
    return made;
}
const std::string& signature() {
    static const std::string made = webhook().sign(id, now, body);
    return made;
}

/// Memory was refused, and not only to the words for the observer, which go without a trace.
bool has_failed(const Service& service, const Trial& trial, const Reply& reply) {
    return trial.refused() && (reply.status == 500 || service.told > 0);
}

/// An incident is told of, but for one whose own texts get no memory.
void check_incident(const Service& service, const Trial& trial, Observation::Kind kind) {
    CHECK(service.incidents <= 1);
    if (!trial.onwards()) CHECK(service.incidents == 1);
    if (service.incidents == 1) CHECK(service.kind == kind);
}

}  // namespace

TEST_CASE("a Receiver without memory answers 500 and handles nothing, and handles the retry", "[failure_injection]") {
    const long refusals = fail_each_allocation([](Trial& trial) {
        Service service(webhook());
        Reply reply;
        CHECK(trial.run([&] { reply = service.receive(body, signature()); }));
        const bool failed = has_failed(service, trial, reply);
        if (failed) {
            CHECK(reply.status == 500);
            CHECK(std::string_view(reply.body) == "internal error");
            CHECK(service.handled == 0);
            check_incident(service, trial, Observation::Kind::internal_error);
        } else {
            CHECK(reply.status == 200);
            CHECK(service.handled == 1);
            CHECK(service.incidents == 0);
        }
        // No claim is left behind that would keep the retry off.
        reply = service.receive(body, signature());
        CHECK(reply.status == 200);
        CHECK(std::string_view(reply.body) == (failed ? "ok" : "duplicate"));
        CHECK(service.handled == 1);
    });
    CHECK(refusals > 50);
}

TEST_CASE("a handler without memory has failed, and handles the retry", "[failure_injection]") {
    int handlers_failed = 0;
    fail_each_allocation([&](Trial& trial) {
        Service service(webhook(), [](const Event& event) { const Event copy = event; });
        Reply reply;
        CHECK(trial.run([&] { reply = service.receive(body, signature()); }));
        const bool failed = has_failed(service, trial, reply);
        if (failed) {
            CHECK(reply.status == 500);
            const bool handler_failed = std::string_view(reply.body) == "handler failed";
            CHECK((handler_failed || std::string_view(reply.body) == "internal error"));
            CHECK(service.handled == 0);
            check_incident(service, trial,
                           handler_failed ? Observation::Kind::failed : Observation::Kind::internal_error);
            handlers_failed += handler_failed ? 1 : 0;
        } else {
            CHECK(service.handled == 1);
        }
        CHECK(std::string_view(service.receive(body, signature()).body) == (failed ? "ok" : "duplicate"));
        CHECK(service.handled == 1);
    });
    CHECK(handlers_failed > 10);
}

TEST_CASE("a Receiver without memory never accepts what is not authentic", "[failure_injection]") {
    for (const std::string& wrong : {forged, forged_v1a}) {
        INFO(wrong.substr(0, 4));
        int unanswered = 0;
        const long refusals = fail_each_allocation([&](Trial& trial) {
            Service service(webhook());
            Reply reply;
            CHECK(trial.run([&] { reply = service.receive(body, wrong); }));
            CHECK(service.handled == 0);
            if (reply.status == 500) {
                CHECK(trial.refused());
                CHECK(std::string_view(reply.body) == "internal error");
                check_incident(service, trial, Observation::Kind::internal_error);
                ++unanswered;
            } else {
                CHECK(reply.status == 401);
                CHECK(std::string_view(reply.body) == "invalid signature");
                CHECK(service.incidents == 0);
            }
            CHECK(service.store->claim(event_id, "a", 1s) == Claim::granted);  // it was not asked
            CHECK(std::string_view(service.receive(body, wrong).body) == "invalid signature");
        });
        CHECK(refusals > 0);
        // HMAC allocates nothing, and no reply does.
        CHECK((unanswered > 0) == (wrong == forged_v1a));
    }
}

TEST_CASE("a Receiver without memory answers what it would not handle", "[failure_injection]") {
    const std::string no_event = R"({"id":"evt_2nQv8c9aZmYHKr1XyT0aBcDeFgH","data":[{"a":"b"}]})";
    const std::string signature_of_no_event = webhook().sign(id, now, no_event);
    struct Case {
        std::string name, content, signature;
        std::function<void(Service&)> before;
        Reply reply;
    };
    const Case cases[] = {
        {"authentic but no event", no_event, signature_of_no_event, [](Service&) {}, Reply{400, "malformed event"}},
        {"handled before", body, signature(),
         [](Service& service) {
             service.store->claim(event_id, "a", 30s);
             service.store->complete(event_id, "a");
         },
         Reply{200, "duplicate"}},
        {"being handled elsewhere", body, signature(),
         [](Service& service) { service.store->claim(event_id, "a", 30s); }, Reply{409, "in progress"}},
    };
    for (const Case& each : cases) {
        INFO(each.name);
        const long refusals = fail_each_allocation([&](Trial& trial) {
            Service service(webhook());
            each.before(service);
            Reply reply;
            CHECK(trial.run([&] { reply = service.receive(each.content, each.signature); }));
            const bool failed = has_failed(service, trial, reply);
            CHECK(reply.status == (failed ? 500 : each.reply.status));
            CHECK(std::string_view(reply.body) == (failed ? "internal error" : each.reply.body));
            CHECK(service.handled == 0);
            if (failed) check_incident(service, trial, Observation::Kind::internal_error);
            reply = service.receive(each.content, each.signature);
            CHECK(reply.status == each.reply.status);
            CHECK(std::string_view(reply.body) == each.reply.body);
            CHECK(service.handled == 0);
        });
        CHECK(refusals > 5);
    }
}

TEST_CASE("a Receiver that cannot be made is std::bad_alloc", "[failure_injection]") {
    const long refusals = fail_each_allocation([](Trial& trial) {
        int handled = 0, status = 0;
        const bool whole = trial.run([&] {
            Service service(webhook());
            status = service.receive(body, forged).status;
            handled = service.handled;
        });
        CHECK(handled == 0);
        CHECK((whole ? status == 401 || status == 500 : trial.refused()));
    });
    CHECK(refusals > 3);
}

TEST_CASE("a lease that cannot be kept for want of memory is not kept, and the next one is", "[failure_injection]") {
    using pivotal::detail::LeaseKeeper;
    const long refusals = fail_each_allocation([](Trial& trial) {
        LeaseKeeper keeper;
        std::atomic<int> renewals{0};
        std::optional<LeaseKeeper::Guard> guard;
        const bool whole = trial.run([&] {
            guard.emplace(keeper, 1ms, [&] {
                ++renewals;
                return true;
            });
        });
        CHECK(whole != trial.refused());
        std::promise<void> renewed;
        const LeaseKeeper::Guard next(keeper, 1ms, [&] {
            renewed.set_value();
            return false;
        });
        CHECK(renewed.get_future().wait_for(1min) == std::future_status::ready);
        if (!whole) CHECK(renewals == 0);  // it would have been the first
    });
    CHECK(refusals > 1);
}
