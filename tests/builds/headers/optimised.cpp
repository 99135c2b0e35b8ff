// SPDX-License-Identifier: MIT
#include <pivotal/webhook.hpp>

#include <cstdio>
#include <string_view>
#include <system_error>

// Calls each function once, so that the optimiser may put them all into one, as in a small receiver.
int main(int argc, char** argv) {
    std::error_code error;
    const auto webhook = pivotal::Webhook::create(
        std::string_view(argc > 1 ? argv[1] : "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"), error);
    if (!webhook) return 1;
    // A published vector.
    const bool authentic = webhook
                               ->authenticate(R"({"email":"test@example.com","username":"test_user"})",
                                              {"msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", "1649367553",
                                               "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="},
                                              error, pivotal::Clock::time_point(std::chrono::seconds(1649367553)))
                               .has_value();
    if (!authentic) std::printf("refused: %s\n", error.message().c_str());
    return authentic ? 0 : 1;
}
