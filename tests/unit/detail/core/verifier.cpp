// SPDX-License-Identifier: MIT
#include <pivotal/detail/core/verifier.hpp>

#include <string>
#include <string_view>

#include "../support/message.hpp"
#include "catch.hpp"

namespace unit_detail_verifier {

namespace detail = pivotal::detail;

TEST_CASE("an id is judged by every byte, in every place and length", "[verifier]") {
    CHECK_FALSE(detail::is_message_id(""));
    const auto allowed = [](int byte) { return byte >= 0x21 && byte <= 0x7e && byte != '.'; };
    int wrong = 0;
    for (std::size_t size = 1; size <= 40; ++size) {
        for (std::size_t at = 0; at < size; ++at) {
            for (const char around : {'a', '!', '~', '-', '/'}) {
                std::string id(size, around);
                if (!detail::is_message_id(id)) ++wrong;
                for (int byte = 0; byte < 256; ++byte) {
                    id[at] = static_cast<char>(byte);
                    if (detail::is_message_id(id) != allowed(byte)) ++wrong;
                }
            }
        }
    }
    CHECK(wrong == 0);
    // Two bytes beside each other, good or bad: what the one does to the other's sum.
    for (int first = 0; first < 256; ++first) {
        for (int second = 0; second < 256; ++second) {
            std::string id = "msg_2nQv8c9aZmYH";
            id[3] = static_cast<char>(first);
            id[4] = static_cast<char>(second);
            if (detail::is_message_id(id) != (allowed(first) && allowed(second))) ++wrong;
        }
    }
    CHECK(wrong == 0);
    CHECK(detail::is_message_id(std::string(256, '~')));
    CHECK_FALSE(detail::is_message_id(std::string(257, '~')));
}

#if !defined(__MINGW32__)  // where no thread has a context of its own

TEST_CASE("a tag that does not stand in the header is wiped", "[verifier]") {
    detail::KeyRing keys;
    REQUIRE_FALSE(detail::add_secrets(keys, support::secret));
    const auto matches = [&](const std::string& signature) {
        const support::Message m;
        std::size_t secret = 0;
        return detail::match_hmac(keys, "", m.content(), signature, secret) == detail::Match::found;
    };
    const auto is_wiped = [] { return support::digest_of(detail::ScratchContext().get()) == nullptr; };
    CHECK(matches(support::Message().signature) == true);
    CHECK_FALSE(is_wiped());
    CHECK(matches(support::Message().signature) == true);
    CHECK(matches("v1," + std::string(43, 'A') + "=") == false);
    CHECK(is_wiped());
}

#endif

TEST_CASE("the signed content is id.timestamp.body, wherever it is cut", "[verifier]") {
    const std::string body(200, 'b'), timestamp = "999999999999";
    int wrong = 0;
    for (std::size_t id_size = 1; id_size <= 256; ++id_size) {
        const std::string id(id_size, 'i');
        for (const std::size_t body_size : {0U, 1U, 2U, 30U, 62U, 63U, 64U, 65U, 200U}) {
            for (const std::size_t digits : {1U, 10U, 12U}) {
                const std::string_view bytes = std::string_view(body).substr(0, body_size);
                const std::string time = timestamp.substr(0, digits);
                const detail::SignedContent content(id, time, bytes);
                std::string all(content.head());
                all += content.rest();
                if (all != id + "." + time + "." + std::string(bytes)) ++wrong;
                // SHA-256 reads whole blocks, but for the last.
                if (!content.rest().empty() && content.head().size() % detail::sha256_block_size != 0) ++wrong;
                // The rest is the body's own bytes.
                if (!content.rest().empty() &&
                    content.rest().data() + content.rest().size() != bytes.data() + body_size)
                    ++wrong;
            }
        }
    }
    CHECK(wrong == 0);
    const detail::SignedContent empty("i", "1", std::string_view());
    CHECK(empty.head() == "i.1.");
    CHECK(empty.rest().empty());
}

}  // namespace unit_detail_verifier
