// SPDX-License-Identifier: MIT

// pivotal_peers_test SCRIPT FOLDER [CASES] [SEED]: the official libraries of other languages, each a process of its
// own that SCRIPT runs from FOLDER, and random deliveries, of which they must say the same as this library, but for
// the differences that are written down; what one side signs, the other verifies.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <system_error>
#include <vector>

#include <pivotal/webhook.hpp>

#include "../model/cases.hpp"
#include "../model/compare.hpp"
#include "differences.hpp"
#include "peer.hpp"

namespace {

using model::Delivery;
using peers::Difference;
using peers::Peer;
using pivotal::Errc;

std::int64_t now() {
    return std::chrono::duration_cast<std::chrono::seconds>(pivotal::Clock::now().time_since_epoch()).count();
}

Errc ours(const Delivery& delivery) {
    std::error_code error;
    const auto webhook = model::webhook_of(delivery, error);
    if (webhook && webhook->authenticate(delivery.body, delivery.headers, error, model::time_of(delivery)))
        return model::accepted;
    return static_cast<Errc>(error.value());
}

/// Who refuses what the other accepts.
enum class Refusing { we, they };

/// Whether the one that refused accepts the delivery without its cause. (Without ours, they may stumble over something
/// of theirs.)
bool settled(const Delivery& without, Refusing refusing, Peer& peer) {
    std::string why;
    return ours(without) == model::accepted && (refusing == Refusing::we || peer.verifies(without, why));
}

bool is_cause(const Difference& row, const Delivery& delivery, Refusing refusing, Peer& peer) {
    Delivery without = delivery;
    row.undo(without);
    return !peers::same(without, delivery) && settled(without, refusing, peer);
}

const std::vector<Difference>& rows_of(Refusing refusing) {
    return refusing == Refusing::we ? peers::stricter() : peers::wider();
}

/// Of the rows of the peer's language those that explain a difference: one, or else all whose causes are there.
/// None where the two differ without them.
std::vector<const Difference*> causes(Refusing refusing, const Delivery& delivery, Peer& peer) {
    std::vector<const Difference*> all;
    Delivery without = delivery;
    for (const Difference& row : rows_of(refusing)) {
        if (!row.has(peer.language())) continue;
        if (is_cause(row, delivery, refusing, peer)) return {&row};
        const Delivery before = without;
        row.undo(without);
        if (!peers::same(without, before)) all.push_back(&row);
    }
    if (!settled(without, refusing, peer)) all.clear();
    return all;
}

void show(const Delivery& delivery) {
    const auto text = [](const std::string& bytes) {
        return nlohmann::json(bytes).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    };
    std::printf("  secrets: %s\n", text(delivery.secrets).c_str());
    for (const auto& [name, value] : delivery.headers)
        std::printf("  header: %s: %s\n", text(name).c_str(), text(value).c_str());
    std::printf("  body: %s\n", text(delivery.body).c_str());
}

class Comparison {
public:
    Comparison(const std::string& script, const std::string& folder, std::uint64_t seed) : random_(seed) {
        for (const char* language : {"javascript", "python", "go", "rust", "java"})
            peers_.push_back(std::make_unique<Peer>(language, script, folder + "/" + language));
    }

    /// Every row of the list has an example, of which exactly its languages say something else, and for no other
    /// reason.
    void examples(Refusing refusing) {
        const bool accepted = refusing == Refusing::they;
        for (const Difference& row : rows_of(refusing)) {
            const Delivery delivery = row.example(peers::Example(now()));
            const Errc code = ours(delivery);
            check((code == model::accepted) == accepted, row.what, "we say something else");
            for (const auto& peer : peers_) {
                std::string why;
                const bool differs = peer->verifies(delivery, why) != accepted;
                check(differs == row.has(peer->language()), row.what,
                      peer->language() + (differs ? " differs" : " agrees") + " " + why);
                if (differs)
                    check(is_cause(row, delivery, refusing, *peer), row.what,
                          peer->language() + " differs from the example for another reason");
            }
        }
    }

    void compare(int cases) {
        for (int i = 0; i < cases; ++i) {
            const Delivery delivery = random_.next(now());
            const Errc code = ours(delivery);
            ++outcomes_[code == model::accepted ? "accepted" : pivotal::make_error_code(code).message()];
            for (const auto& peer : peers_) {
                std::string why;
                const bool theirs = peer->verifies(delivery, why);
                if (theirs == (code == model::accepted)) continue;
                // Where the clock jumped, the delivery is another one by the peer's clock: that passes, or it shows.
                if (std::abs(now() - delivery.now) > 20 || peer->verifies(delivery, why) != theirs) continue;
                const auto known = causes(theirs ? Refusing::we : Refusing::they, delivery, *peer);
                if (!known.empty()) {
                    ++seen_[known.size() == 1 ? known[0]->what : "several of these at once"][peer->language()];
                    continue;
                }
                check(false, peer->language(),
                      theirs ? "accepts what we refuse: " + pivotal::make_error_code(code).message()
                             : "refuses what we accept: " + why);
                show(delivery);
            }
        }
    }

    /// What one side signs, the other verifies; of another body, neither does.
    void sign(int cases) {
        for (int i = 0; i < cases; ++i) {
            std::string key(24 + random_.below(41), '\0');
            for (char& c : key) c = static_cast<char>(random_.below(256));
            peers::Example message(now());
            message.key = key;
            message.id = "msg_" + std::to_string(i);
            message.body = R"({"id":"evt_)" + std::to_string(i) + R"(","type":"a.b","data":"zażółć 🐢)" +
                           std::string(random_.below(1000), 'x') + "\"}";
            Delivery delivery = message.delivery();
            const pivotal::Webhook webhook(delivery.secrets);
            const std::string signed_by_us =
                webhook.sign(message.id, pivotal::Clock::time_point(std::chrono::seconds(message.now)), message.body);
            for (const auto& peer : peers_) {
                std::string why;
                delivery.headers.back().second = signed_by_us;
                check(peer->verifies(delivery, why), peer->language(), "refuses what we sign: " + why);
                delivery.headers.back().second = peer->sign(delivery.secrets, message.id, message.now, message.body);
                check(ours(delivery) == model::accepted, peer->language(), "signs what we refuse");
                Delivery other = delivery;
                other.body += ' ';
                check(!peer->verifies(other, why), peer->language(), "accepts another body");
                check(ours(other) == Errc::signature_mismatch, peer->language(), "signs another body, too");
            }
        }
    }

    int report() {
        // Of deliveries that are nearly all refused, others may well say the same.
        int cases = 0;
        for (const auto& [outcome, count] : outcomes_) cases += count;
        check(cases < 1000 || outcomes_["accepted"] >= cases / 5, "the cases", "are one-sided");

        for (const auto& [outcome, count] : outcomes_) std::printf("  %-22s %d\n", outcome.c_str(), count);
        for (const auto& [what, languages] : seen_) {
            std::printf("  %s\n     ", what.c_str());
            for (const auto& [language, count] : languages) std::printf(" %s %d", language.c_str(), count);
            std::printf("\n");
        }
        // An excuse that nothing needs would hide a difference to come.
        for (const Refusing refusing : {Refusing::we, Refusing::they})
            for (const Difference& row : rows_of(refusing))
                for (const std::string& language : row.languages)
                    check(cases < 10'000 || seen_[row.what][language] > 0, row.what, "never with " + language);
        std::printf("%d failures\n", failures_);
        return failures_ == 0 ? 0 : 1;
    }

private:
    void check(bool good, const std::string& what, const std::string& why) {
        if (good) return;
        ++failures_;
        std::printf("FAILED  %s: %s\n", what.c_str(), why.c_str());
    }

    model::Cases random_;
    std::vector<std::unique_ptr<Peer>> peers_;
    std::map<std::string, int> outcomes_;
    std::map<std::string, std::map<std::string, int>> seen_;
    int failures_ = 0;
};

}  // namespace

int main(int argc, char** argv) try {
    if (argc < 3) return 2;
    const int cases = argc > 3 ? std::atoi(argv[3]) : 10'000;
    const std::uint64_t seed = argc > 4 ? std::strtoull(argv[4], nullptr, 0) : std::random_device{}();
    std::printf("%d cases, seed %llu\n", cases, static_cast<unsigned long long>(seed));
    std::signal(SIGPIPE, SIG_IGN);

    Comparison comparison(argv[1], argv[2], seed);
    comparison.examples(Refusing::we);
    comparison.examples(Refusing::they);
    comparison.sign(cases / 50);
    comparison.compare(cases);
    return comparison.report();
} catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
