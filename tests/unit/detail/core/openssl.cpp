// SPDX-License-Identifier: MIT
#include <pivotal/detail/core/openssl.hpp>
#include <pivotal/webhook.hpp>

#include <cstring>
#include <new>
#include <string>
#include <system_error>
#include <vector>

#include "../support/message.hpp"
#include "catch.hpp"

namespace unit_detail_openssl {

namespace detail = pivotal::detail;

namespace {

void add_errors() {
    CHECK(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, support::bytes_of("short"), 5) == nullptr);
}

std::vector<unsigned long> taken_errors() {
    std::vector<unsigned long> errors;
    while (const unsigned long error = ERR_get_error()) errors.push_back(error);
    return errors;
}

}  // namespace

TEST_CASE("a guard takes off the error queue what was added under it", "[openssl]") {
    ERR_clear_error();
    {
        const detail::ErrorQueueGuard guard;
        add_errors();
        CHECK(ERR_peek_error() != 0);
    }
    CHECK(ERR_peek_error() == 0);

    add_errors();
    const std::vector<unsigned long> before = taken_errors();
    REQUIRE_FALSE(before.empty());
    add_errors();
    {
        const detail::ErrorQueueGuard guard;
        add_errors();
#if defined(OPENSSL_VERSION_MAJOR)  // else the mark that the inner one leaves stops the other
        const detail::ErrorQueueGuard inner;
        add_errors();
#endif
    }
    CHECK(taken_errors() == before);
    { const detail::ErrorQueueGuard guard; }
    CHECK(taken_errors().empty());
}

TEST_CASE("the server's mark on its last error stays through a refused delivery", "[openssl]") {
    ERR_clear_error();
    add_errors();
    const std::vector<unsigned long> before = taken_errors();
    const pivotal::Webhook webhook("whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");  // RFC 8032, 7.1, test 1
    const std::string wrong = "v1a," + std::string(85, 'A') + "A==";
    add_errors();
    REQUIRE(ERR_set_mark() == 1);
    std::error_code error;
    CHECK_FALSE(
        webhook.authenticate("{}", {"msg_1", std::to_string(support::now_seconds), wrong}, error, support::now));
    CHECK(error == pivotal::Errc::signature_mismatch);
    add_errors();
    CHECK(ERR_pop_to_mark() == 1);
    CHECK(taken_errors() == before);
}

#if defined(OPENSSL_VERSION_MAJOR)
TEST_CASE("a guard leaves no mark behind", "[openssl]") {
    ERR_clear_error();
    add_errors();
    const std::vector<unsigned long> before = taken_errors();
    add_errors();
    REQUIRE(ERR_set_mark() == 1);  // the server's own
    add_errors();
    { const detail::ErrorQueueGuard guard; }
    CHECK(ERR_pop_to_mark() == 1);
    CHECK(taken_errors() == before);
}
#endif

TEST_CASE("secret bytes are wiped", "[openssl]") {
    // Looked at behind the object's end, in storage that is the test's own.
    alignas(detail::SecretBytes<32>) unsigned char storage[sizeof(detail::SecretBytes<32>)];
    auto* const secret = ::new (static_cast<void*>(storage)) detail::SecretBytes<32>();
    std::memset(secret->data, 0xA5, secret->size());
    secret->~SecretBytes();
    for (const unsigned char byte : storage) CHECK(byte == 0);
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<detail::SecretBytes<32>>);
}

TEST_CASE("the comparison in constant time compares every byte", "[openssl]") {
    for (const std::size_t size :
         {std::size_t{1}, std::size_t{12}, std::size_t{16}, std::size_t{32}, std::size_t{33}}) {
        CAPTURE(size);
        const std::string a(size, 'a');
        CHECK(detail::equal_in_constant_time(support::bytes_of(a), support::bytes_of(std::string(size, 'a')), size));
        for (std::size_t bit = 0; bit < size * 8; ++bit) {
            std::string b = a;
            b[bit / 8] = static_cast<char>(static_cast<unsigned char>(b[bit / 8]) ^ 1U << bit % 8);
            CHECK_FALSE(detail::equal_in_constant_time(support::bytes_of(a), support::bytes_of(b), size));
        }
    }
}

}  // namespace unit_detail_openssl
