// SPDX-License-Identifier: MIT
// The library on a command line, for the scripts of this folder. The body comes on standard input, the secrets in
// PIVOTAL_WEBHOOK_SECRET.
//
//     tool sign ID TIMESTAMP               prints the signature header
//     tool verify ID TIMESTAMP SIGNATURE   prints "authentic", or why it is not
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>

#include <pivotal/webhook.hpp>

int main(int argc, char** argv) try {
    const std::string_view command = argc > 3 ? argv[1] : "";
    const std::string body(std::istreambuf_iterator<char>(std::cin), {});
    const auto webhook = pivotal::Webhook::from_env();
    if (command == "sign") {
        const std::chrono::seconds timestamp(std::atoll(argv[3]));
        std::cout << webhook.sign(argv[2], pivotal::Clock::time_point(timestamp), body) << '\n';
        return 0;
    }
    if (command == "verify" && argc > 4) {
        webhook.authenticate(body, {argv[2], argv[3], argv[4]});
        std::cout << "authentic\n";
        return 0;
    }
    std::cerr << "usage: tool sign ID TIMESTAMP | tool verify ID TIMESTAMP SIGNATURE\n";
    return 2;
} catch (const std::exception& error) {
    std::cout << error.what() << '\n';
    return 1;
}
