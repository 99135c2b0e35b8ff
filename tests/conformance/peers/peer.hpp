// SPDX-License-Identifier: MIT
#pragma once

// An official library of another language, as a process that answers lines of JSON on its standard input with lines
// on its standard output. What may be any bytes is base64:
//
//     {"do": "verify", "secret": BASE64, "headers": [[BASE64, BASE64], ...], "body": BASE64}
//         {"authentic": true}
//     {"do": "sign", "secret": BASE64, "id": "...", "timestamp": SECONDS, "body": BASE64}
//         {"signature": "v1,..."}
//
// or {"refused": "why"}. Verifying is by the process's own clock and with the library's own tolerance. That a body
// is no JSON is no reason to refuse it.

#include <unistd.h>

#include <sys/wait.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "../model/model.hpp"

namespace peers {

class Peer {
public:
    Peer(std::string language, const std::string& script, const std::string& folder) : language_(std::move(language)) {
        int in[2], out[2];
        if (pipe(in) != 0 || pipe(out) != 0) throw std::runtime_error("no pipe");
        process_ = fork();
        if (process_ < 0) throw std::runtime_error("no process");
        if (process_ == 0) {
            dup2(in[0], 0);
            dup2(out[1], 1);
            for (int file = 3; file < 256; ++file) close(file);
            execl(script.c_str(), script.c_str(), "run", language_.c_str(), folder.c_str(), nullptr);
            _exit(127);
        }
        close(in[0]);
        close(out[1]);
        to_ = fdopen(in[1], "w");
        from_ = fdopen(out[0], "r");
    }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;
    ~Peer() {
        std::fclose(to_);  // which ends it
        std::fclose(from_);
        waitpid(process_, nullptr, 0);
    }

    const std::string& language() const { return language_; }

    /// Whether it accepts the delivery with one of the secrets: the official libraries take one at a time, and a
    /// receiver tries them in turn. `why` is the last refusal.
    bool verifies(const model::Delivery& delivery, std::string& why) {
        nlohmann::json headers = nlohmann::json::array();
        for (const auto& [name, value] : delivery.headers)
            headers.push_back({model::encode_base64(name), model::encode_base64(value)});
        std::istringstream words(delivery.secrets);
        for (std::string secret; words >> secret;) {
            const nlohmann::json answer = ask({{"do", "verify"},
                                               {"secret", model::encode_base64(secret)},
                                               {"headers", headers},
                                               {"body", model::encode_base64(delivery.body)}});
            if (answer.value("authentic", false)) return true;
            why = answer.at("refused").get<std::string>();
        }
        return false;
    }

    std::string sign(const std::string& secret, const std::string& id, std::int64_t timestamp,
                     const std::string& body) {
        return ask({{"do", "sign"},
                    {"secret", model::encode_base64(secret)},
                    {"id", id},
                    {"timestamp", timestamp},
                    {"body", model::encode_base64(body)}})
            .value("signature", "");
    }

private:
    nlohmann::json ask(const nlohmann::json& request) {
        const std::string line = request.dump() + "\n";
        if (std::fwrite(line.data(), 1, line.size(), to_) != line.size() || std::fflush(to_) != 0) ended();
        std::string answer;
        for (int c = std::getc(from_); c != '\n'; c = std::getc(from_)) {
            if (c == EOF) ended();
            answer += static_cast<char>(c);
        }
        return nlohmann::json::parse(answer);
    }
    [[noreturn]] void ended() const { throw std::runtime_error("the process for " + language_ + " has ended"); }

    std::string language_;
    pid_t process_;
    std::FILE *to_, *from_;
};

}  // namespace peers
