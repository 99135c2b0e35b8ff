// SPDX-License-Identifier: MIT
#include <pivotal/detail/core/hmac_sha256.hpp>

#include <string>
#include <string_view>
#include <thread>

#include "../support/message.hpp"
#include "catch.hpp"

namespace unit_detail_hmac_sha256 {

namespace detail = pivotal::detail;

namespace {

std::string tag_of(const detail::HmacSha256Key& key, std::string_view head, std::string_view rest) {
    detail::SecretBytes<detail::sha256_size> tag;
    REQUIRE(key.compute(detail::ScratchContext(), head, rest, tag));
    return {tag.data, tag.data + tag.size()};
}

std::string some_bytes(std::size_t size) {
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(i * 91 + 5);
    return bytes;
}

}  // namespace

// The published vectors are in tests/conformance/vectors.

TEST_CASE("HMAC-SHA256 is OpenSSL's, for keys and messages of every length", "[hmac]") {
    int wrong = 0;
    for (std::size_t key_size = 1; key_size <= 140; ++key_size) {
        const std::string key = some_bytes(key_size);
        const detail::HmacSha256Key made(support::bytes_of(key), key.size());
        REQUIRE(made);
        for (const std::size_t size : {0U, 1U, 55U, 56U, 63U, 64U, 65U, 127U, 128U, 300U}) {
            const std::string message = some_bytes(size);
            if (tag_of(made, "", message) != support::hmac_sha256(key, message)) ++wrong;
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("where the message is cut makes no difference", "[hmac]") {
    const std::string key = some_bytes(24), message = some_bytes(200);
    const detail::HmacSha256Key made(support::bytes_of(key), key.size());
    REQUIRE(made);
    const std::string expected = support::hmac_sha256(key, message);
    for (std::size_t cut = 0; cut <= message.size(); ++cut)
        CHECK(tag_of(made, message.substr(0, cut), message.substr(cut)) == expected);
}

TEST_CASE("one context serves many keys, kept or wiped", "[hmac]") {
    const std::string first_key = some_bytes(24), second_key = some_bytes(100);
    const detail::HmacSha256Key first(support::bytes_of(first_key), first_key.size());
    const detail::HmacSha256Key second(support::bytes_of(second_key), second_key.size());
    REQUIRE(first);
    REQUIRE(second);
    for (int round = 0; round < 4; ++round) {
        detail::SecretBytes<detail::sha256_size> tag;
        {
            detail::ScratchContext scratch;
            REQUIRE(first.compute(scratch, "a", "b", tag));
            CHECK(std::string(tag.data, tag.data + 32) == support::hmac_sha256(first_key, "ab"));
            if (round % 2) scratch.keep();
        }
        detail::ScratchContext scratch;
        REQUIRE(second.compute(scratch, "a", "c", tag));
        CHECK(std::string(tag.data, tag.data + 32) == support::hmac_sha256(second_key, "ac"));
        REQUIRE(first.compute(scratch, "", "", tag));
        CHECK(std::string(tag.data, tag.data + 32) == support::hmac_sha256(first_key, ""));
    }
}

#if !defined(__MINGW32__)  // where no thread has a context of its own

TEST_CASE("a context is wiped behind its use, unless its tag is no secret", "[hmac]") {
    const std::string bytes = some_bytes(24);
    const detail::HmacSha256Key key(support::bytes_of(bytes), bytes.size());
    REQUIRE(key);
    for (const bool keep : {false, true, false}) {
        CAPTURE(keep);
        EVP_MD_CTX* used = nullptr;
        {
            detail::ScratchContext scratch;
            used = scratch.get();
            detail::SecretBytes<detail::sha256_size> tag;
            REQUIRE(key.compute(scratch, "a", "b", tag));
            CHECK(support::digest_of(used) != nullptr);
            if (keep) scratch.keep();
        }
        const detail::ScratchContext scratch;
        REQUIRE(scratch.get() == used);  // it is the thread's
        CHECK((support::digest_of(used) != nullptr) == keep);
    }
}

namespace {

/// Computes a tag as its thread ends, behind the destructors of what the thread has made since it was made itself.
struct Late {
    std::string* tag = nullptr;
    bool* has_its_own = nullptr;
    ~Late() {
        const std::string bytes = some_bytes(24);
        const detail::HmacSha256Key key(support::bytes_of(bytes), bytes.size());
        const detail::ScratchContext first, second;
        detail::SecretBytes<detail::sha256_size> computed;
        if (key && key.compute(first, "a", "b", computed)) tag->assign(computed.data, computed.data + computed.size());
        *has_its_own = first.get() != second.get();
    }
};

}  // namespace

TEST_CASE("a thread has one context, and where that is gone each computation its own", "[hmac]") {
    std::string tag;
    bool shared = false, own = false;
    std::thread([&] {
        thread_local Late late;
        late.tag = &tag;
        late.has_its_own = &own;
        const detail::ScratchContext first, second;
        shared = first.get() != nullptr && first.get() == second.get();
    }).join();
    CHECK(shared);
    CHECK(own);
    CHECK(tag == support::hmac_sha256(some_bytes(24), "ab"));
}

#else

TEST_CASE("each computation has a context of its own", "[hmac]") {
    const detail::ScratchContext first, second;
    CHECK(first.get() != nullptr);
    CHECK(second.get() != nullptr);
    CHECK(first.get() != second.get());
}

#endif

}  // namespace unit_detail_hmac_sha256
