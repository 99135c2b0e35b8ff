// SPDX-License-Identifier: MIT
#include <httplib.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <pivotal/webhook.hpp>
#include <random>

int main(int argc, char** argv) try {
    std::string url, file, omitted, id = "msg_" + std::to_string(std::random_device()());
    long age = 0;
    bool unbranded = false, tamper = false, curl = false;

    CLI::App app("Signs FILE with the secrets in PIVOTAL_WEBHOOK_SECRET, posts it and prints the answer.");
    app.add_option("FILE", file, "the body")->required()->check(CLI::ExistingFile);
    app.add_option("URL", url, "where to, such as http://127.0.0.1:8787/webhooks/pivotal")->required();
    app.add_option("--id", id, "the delivery's id; the same one again is a retry (default: a new one)");
    app.add_option("--age", age, "signed so many seconds ago; less than 0: in the future");
    app.add_flag("--unbranded", unbranded, "headers named webhook-... instead of svix-...");
    app.add_option("--omit", omitted, "leave this header out")->check(CLI::IsMember({"id", "timestamp", "signature"}));
    app.add_flag("--tamper", tamper, "change one byte of the body after signing it");
    app.add_flag("--curl", curl, "print a curl command instead of sending");
    CLI11_PARSE(app, argc, argv);

    std::ifstream stream(file, std::ios::binary);
    std::string body((std::istreambuf_iterator<char>(stream)), {});
    const auto time = std::chrono::floor<std::chrono::seconds>(pivotal::Clock::now()) - std::chrono::seconds(age);
    const std::string signature = pivotal::Webhook::from_env().sign(id, time, body);
    if (tamper) body.at(body.size() / 2) ^= 1;

    const std::string prefix = unbranded ? "webhook-" : "svix-";
    httplib::Headers headers = {{prefix + "id", id},
                                {prefix + "timestamp", std::to_string(time.time_since_epoch().count())},
                                {prefix + "signature", signature}};
    headers.erase(prefix + omitted);

    if (curl) {
        std::string quoted;  // for a shell
        for (const char c : file) quoted += c == '\'' ? "'\\''" : std::string(1, c);
        std::cout << "curl -sS --data-binary @'" << quoted << "' -H 'content-type: application/json'";
        for (const auto& [name, value] : headers) std::cout << " -H '" << name << ": " << value << "'";
        std::cout << " " << url << std::endl;
        return 0;
    }
    const auto path = url.find('/', url.find("//") + 2);
    httplib::Client client(url.substr(0, path));
    const auto answer = client.Post(url.substr(path), headers, body, "application/json");
    if (!answer) throw std::runtime_error("no answer from " + url + ": " + to_string(answer.error()));
    std::cout << answer->status << " " << answer->body << std::endl;
    return 0;
} catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
}
