// SPDX-License-Identifier: MIT
// Receives Pivotal's webhooks in AWS Lambda, behind API Gateway (payload version 2.0) or a function URL.
#include <aws/lambda-runtime/runtime.h>
#include <openssl/evp.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <pivotal/webhook.hpp>

using aws::lambda_runtime::invocation_request;
using aws::lambda_runtime::invocation_response;

/// The bytes of base64 that API Gateway made; what is wrong in it, the signature will tell.
std::string decoded(const std::string& text) {
    std::string bytes(text.size() / 4 * 3 + 1, 0);
    const int size =
        EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                        reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
    const auto padding = std::count(text.begin(), text.end(), '=');
    bytes.resize(size < padding ? 0 : static_cast<std::size_t>(size - padding));
    return bytes;
}

int main() try {
    const auto webhook = pivotal::Webhook::from_env();  // PIVOTAL_WEBHOOK_SECRET

    aws::lambda_runtime::run_handler([&](const invocation_request& invocation) {
        const auto request = nlohmann::json::parse(invocation.payload);
        const std::string body = request.value("body", "");
        const auto headers = request.at("headers").get<std::map<std::string, std::string>>();
        std::error_code error;
        const auto event =
            webhook.verify(request.value("isBase64Encoded", false) ? decoded(body) : body, headers, error);
        if (event) std::cout << event->type + " · " + event->id + "\n" << std::flush;
        if (error) std::cerr << error.message() + "\n";
        const pivotal::Reply reply = pivotal::reply(error);
        const nlohmann::json response = {{"statusCode", reply.status}, {"body", reply.body}};
        return invocation_response::success(response.dump(), "application/json");
    });
} catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
}
