// SPDX-License-Identifier: MIT
#include <pivotal/webhook.hpp>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "../support/message.hpp"
#include "catch.hpp"
#include "outcome.hpp"

namespace unit_webhook_secrets {

using namespace std::chrono_literals;
using pivotal::Errc;
using pivotal::InvalidSecretError;
using pivotal::Webhook;
using support::Message;
using support::outcome;

namespace {

const std::error_code good;

/// The sentence with which the constructor refuses; create refuses with the same code.
std::string refusal_of(std::string_view secrets) {
    std::error_code code = support::stale_error();
    CHECK_FALSE(Webhook::create(secrets, code).has_value());
    CHECK(code == Errc::invalid_secret);
    try {
        const Webhook made(secrets);
    } catch (const InvalidSecretError& error) {
        CHECK(error.code() == Errc::invalid_secret);
        return error.what();
    }
    return "accepted";
}

/// A secret of `size` bytes without a piece that occurs in a sentence.
std::string key_of(std::size_t size) {
    std::string key;
    for (std::size_t i = 0; i < size; ++i) key += static_cast<char>(i * 37 + 11);
    return key;
}

std::string unpadded(std::string text) {
    while (!text.empty() && text.back() == '=') text.pop_back();
    return text;
}

/// Sets an environment variable while it lives; null removes it.
class Variable {
public:
    Variable(const char* name, const char* value) : name_(name) {
        if (const char* const old = std::getenv(name)) old_ = old;
        set(value);
    }
    ~Variable() { set(old_ ? old_->c_str() : nullptr); }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;

private:
    void set(const char* value) {
#if defined(_WIN32)
        _putenv_s(name_, value ? value : "");
#else
        if (value)
            setenv(name_, value, 1);
        else
            unsetenv(name_);
#endif
    }
    const char* name_;
    std::optional<std::string> old_;
};

std::string from_env_refusal(const char* name) {
    try {
        const Webhook made = Webhook::from_env(name);
    } catch (const InvalidSecretError& error) {
        CHECK(error.code() == Errc::invalid_secret);
        return error.what();
    }
    return "accepted";
}

constexpr const char* advice_empty =
    "it is not set, or empty; give the endpoint's signing secret (whsec_...), which Pivotal's dashboard shows once";
constexpr const char* advice_quotes = "it has quotes around it; remove the quotes";
constexpr const char* advice_not_ascii =
    "it has a character that is not visible ASCII (an invisible space or a typographic quote?); copy it again from "
    "Pivotal's dashboard";
constexpr const char* advice_version =
    "it starts with a signature's version (v1,); remove that, the secret starts with whsec_";
constexpr const char* advice_private =
    "it is a private key (whsk_), which only the sender may have; give the public key (whpk_), and have the private "
    "key replaced if it was exposed";
constexpr const char* advice_api_key =
    "it is a Pivotal API key; give the endpoint's signing secret (whsec_...) from the dashboard's webhook page";
constexpr const char* advice_other_token =
    "it is not a webhook secret but an id, or a key of another kind; give the endpoint's signing secret (whsec_...) "
    "from the dashboard's webhook page";
constexpr const char* advice_in_front =
    "there is text in front of its prefix; remove what stands in front, and separate several secrets by white space";
constexpr const char* advice_capitals = "its prefix must be in lower case (whsec_, whpk_)";
constexpr const char* advice_url_safe =
    "it is url-safe base64 (with - or _); it must be standard base64 (with + and /), as the dashboard shows it";
constexpr const char* advice_no_base64 =
    "it is not base64 of standard form (letters, digits, + and /, padded fully or not at all); was it cut or changed "
    "while copying?";
constexpr const char* advice_public_key =
    "it is no public key: whpk_ must be followed by the standard base64 of 32 bytes; was it cut while copying?";
constexpr const char* advice_too_long =
    "it is too long: a signing secret has at most 75 bytes; were two pasted together?";
constexpr const char* advice_too_short =
    "it is too short: a signing secret has at least 24 bytes (32 characters behind whsec_); was it cut while "
    "copying?";

template <class Key, class = void> constexpr bool takes_key_in_braces = false;
template <class Key>
constexpr bool takes_key_in_braces<Key, std::void_t<decltype(Webhook::from_bytes({std::declval<Key>()}))>> = true;
template <class Key, class = void> constexpr bool takes_key = false;
template <class Key>
constexpr bool
    takes_key<Key, std::void_t<decltype(Webhook::from_bytes(std::declval<Key>())),
                               decltype(Webhook::from_bytes(std::declval<Key>(), std::declval<std::error_code&>()))>> =
        true;

}  // namespace

// ---- Secrets that are accepted ----

TEST_CASE("a secret is whsec_ or bare base64 of 24 to 75 bytes", "[secrets]") {
    for (std::size_t size = 24; size <= 75; ++size) {
        CAPTURE(size);
        const std::string key = key_of(size), text = support::base64(key);
        Message message;
        message.sign(key);
        CHECK(outcome(Webhook("whsec_" + text), message) == good);
        CHECK(outcome(Webhook(text), message) == good);
        CHECK(outcome(Webhook("whsec_" + unpadded(text)), message) == good);
        CHECK(outcome(Webhook(unpadded(text)), message) == good);
    }
    for (std::size_t size = 0; size < 24; ++size) {
        CAPTURE(size);
        const std::string text = "whsec_" + support::base64(key_of(size));
        CHECK(refusal_of(text) == std::string("invalid secret: ") + advice_too_short);
        CHECK(refusal_of(unpadded(text)) == std::string("invalid secret: ") + advice_too_short);
    }
    for (const std::size_t size : {76U, 77U, 78U, 100U, 1000U, 1000000U}) {
        CAPTURE(size);
        const std::string text = support::base64(key_of(size));
        CHECK(refusal_of("whsec_" + text) == std::string("invalid secret: ") + advice_too_long);
        CHECK(refusal_of(unpadded(text)) == std::string("invalid secret: ") + advice_too_long);
    }
}

TEST_CASE("a secret may be anything that makes a string view, or a C string", "[secrets]") {
    const Message message;
    const std::string_view view = support::secret;
    char array[64] = {};
    support::secret.copy(array, sizeof array - 1);
    CHECK(outcome(Webhook(support::secret), message) == good);
    CHECK(outcome(Webhook(view), message) == good);
    CHECK(outcome(Webhook(support::secret.c_str()), message) == good);
    CHECK(outcome(Webhook(array), message) == good);
    CHECK(outcome(Webhook{support::secret, {300s}}, message) == good);
    CHECK(outcome(Webhook(support::secret.c_str(), {300s}), message) == good);
    // A view that is not followed by a NUL.
    const std::string longer = support::secret + "AAAA";
    CHECK(outcome(Webhook(std::string_view(longer).substr(0, view.size())), message) == good);
}

TEST_CASE("several secrets are separated by white space", "[secrets]") {
    Message first, second;
    second.sign(support::other_key);
    for (const char* separator : {" ", "\n", "\r\n", "\t", "  \n ", "\v", "\f"}) {
        for (const char* around : {"", " ", "\n", "\r\n", " \t\r\n\v\f "}) {
            const Webhook made(around + support::secret + separator + support::other_secret + around);
            CHECK(outcome(made, first) == good);
            CHECK(outcome(made, second) == good);
        }
    }
    CHECK(outcome(Webhook(support::secret + "\n"), first) == good);
    CHECK(outcome(Webhook(support::secret + " " + support::secret), first) == good);  // twice the same

    std::string many;
    for (std::size_t i = 0; i < 50; ++i) many += "whsec_" + support::base64(key_of(25 + i)) + " ";
    const Webhook made(many);
    for (std::size_t i = 0; i < 50; ++i) {
        Message message;
        message.sign(key_of(25 + i));
        CHECK(outcome(made, message) == good);
    }
}

// ---- Secrets that are refused ----

TEST_CASE("each wrong secret is refused with a sentence that says what to do", "[secrets]") {
    const std::string s = support::secret, payload = s.substr(6);
    const std::string url_safe = "C2FVsBQIhrscChlQIMV-b5sSYspob7_D";
    const struct {
        std::string secret;
        const char* advice;
    } cases[] = {
        {"", advice_empty},
        {" ", advice_empty},
        {" \t\r\n\v\f", advice_empty},
        {"\"" + s + "\"", advice_quotes},
        {"'" + s + "'", advice_quotes},
        {"`" + s + "`", advice_quotes},
        {"\"" + s, advice_quotes},
        {s + "'", advice_quotes},
        {"\"\"", advice_quotes},
        {"\"", advice_quotes},
        {"\xE2\x80\x9C" + s + "\xE2\x80\x9D", advice_not_ascii},  // typographic quotes
        {"\xC2\xA0" + s, advice_not_ascii},                       // no-break space
        {s + "\xE2\x80\x8B", advice_not_ascii},                   // zero width space
        {"\xEF\xBB\xBF" + s, advice_not_ascii},                   // byte order mark
        {s + '\0', advice_not_ascii},
        {std::string(1, '\0'), advice_not_ascii},
        {s + "\x7f", advice_not_ascii},
        {"\x1b[0m" + s, advice_not_ascii},
        {"v1," + s, advice_version},
        {"v1," + payload, advice_version},
        {"v1a," + s, advice_version},
        {"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", advice_version},  // a signature
        {"whsk_" + support::base64(key_of(64)), advice_private},
        {"whsk_", advice_private},
        {"WHSK_" + support::base64(key_of(64)), advice_private},
        {"ep_1:" + s, advice_in_front},
        {"pivotal_live_8sGq2VbNc4Xw1TzKd7RmPf0Y", advice_api_key},
        {"pivotal_test_8sGq2VbNc4Xw1TzKd7RmPf0Y", advice_api_key},
        {"sk_live_8sGq2VbNc4Xw1TzKd7RmPf0Y", advice_other_token},
        {"sk-8sGq2VbNc4Xw1TzKd7RmPf0Y", advice_other_token},
        {"ep_8sGq2VbNc4Xw1TzKd7RmPf0Y", advice_other_token},
        {"PIVOTAL_WEBHOOK_SECRET=" + s, advice_in_front},
        {"secret:" + s, advice_in_front},
        {"whsec_" + s, advice_in_front},
        {s + "," + s, advice_in_front},
        {"=whpk_" + support::base64(key_of(32)), advice_in_front},
        {"whsec_" + url_safe, advice_url_safe},
        {url_safe, advice_url_safe},
        {"WHSEC_" + payload, advice_capitals},
        {"Whpk_" + support::base64(key_of(32)), advice_capitals},
        {"SECRET=WHSEC_" + payload, advice_in_front},
        {"whsec_WHSEC_" + payload, advice_in_front},
        {"whsec_AAAAAA" + s, advice_in_front},  // as far behind as it is long
        {"whsec_" + payload.substr(0, 31) + "-", advice_url_safe},
        {"whsec_" + payload.substr(0, 31) + "*", advice_no_base64},
        {"whsec_" + payload.substr(0, 31) + "!", advice_no_base64},  // the first and the last visible character
        {"whsec_" + payload.substr(0, 31) + "~", advice_no_base64},
        {"whsec_" + payload.substr(0, 16) + "\\n" + payload.substr(16), advice_no_base64},
        {"whsec_" + payload + "=", advice_no_base64},
        {"whsec_" + payload + "==", advice_no_base64},
        {"whsec_" + payload + "====", advice_no_base64},
        {"whsec_" + payload + "A", advice_no_base64},   // no whole number of bytes
        {"whsec_" + payload + "AB", advice_no_base64},  // tail bits
        {"whsec_" + payload + "AAB", advice_no_base64},
        {"whsec_" + payload + "AA=", advice_no_base64},  // half padded
        {"whsec_" + payload + "A===", advice_no_base64},
        {"whsec_" + payload + "AA==" + payload, advice_no_base64},
        {"whsec_=" + payload.substr(1), advice_no_base64},
        {"whsec_" + payload.substr(0, 30) + "==", advice_no_base64},  // o has tail bits
        {"whsec_" + payload.substr(0, 28), advice_too_short},
        {"whsec_", advice_too_short},
        {"whsec", advice_no_base64},
        {"x", advice_no_base64},
        {"true", advice_too_short},
        {"your-secret-here", advice_url_safe},
        {"whsec_" + payload + payload + payload + payload, advice_too_long},
        {"whpk_", advice_public_key},
        {"whpk_" + payload, advice_public_key},
        {"whpk_" + support::base64(key_of(31)), advice_public_key},
        {"whpk_" + support::base64(key_of(33)), advice_public_key},
        {"whpk_" + support::base64(key_of(64)), advice_public_key},
        {"whpk_" + support::base64(key_of(32)) + "=", advice_public_key},
        {"whpk_-_" + support::base64(key_of(32)).substr(2), advice_public_key},
    };
    for (const auto& one : cases) {
        CAPTURE(one.secret);
        const std::string text = refusal_of(one.secret);
        CHECK(text == std::string("invalid secret: ") + one.advice);
        CHECK_FALSE(support::has_piece_of(text, payload));
        CHECK_FALSE(support::has_piece_of(text, url_safe));
        CHECK_FALSE(support::has_piece_of(text, "8sGq2VbNc4Xw1TzKd7RmPf0Y"));
    }
}

TEST_CASE("a refusal of one among several says which", "[secrets]") {
    const std::string& s = support::secret;
    CHECK(refusal_of(s + " whsec_AAAA") ==
          std::string("invalid secret (number 2 of 2, separated by white space): ") + advice_too_short);
    CHECK(refusal_of("whsec_AAAA " + s + "\n") ==
          std::string("invalid secret (number 1 of 2, separated by white space): ") + advice_too_short);
    CHECK(refusal_of("\"" + s + " " + s + " " + s + "\"") ==
          std::string("invalid secret (number 1 of 3, separated by white space): ") + advice_quotes);
    CHECK(refusal_of(s + "\n" + s + "\nwhsk_x\n") ==
          std::string("invalid secret (number 3 of 3, separated by white space): ") + advice_private);
}

TEST_CASE("a null pointer is refused", "[secrets]") {
    const char* const unset = nullptr;
    const std::string sentence = std::string("invalid secret: ") + advice_empty;
    const auto refused = [&](auto make) {
        try {
            make();
            FAIL("accepted");
        } catch (const InvalidSecretError& error) {
            CHECK(error.code() == Errc::invalid_secret);
            CHECK(error.what() == sentence);
        }
    };
    refused([&] { return Webhook(unset); });
    refused([&] { return Webhook(nullptr); });
    refused([&] { return Webhook(unset, {300s}); });
    refused([&] { return Webhook(nullptr, {300s}); });

    std::error_code code = support::stale_error();
    CHECK_FALSE(Webhook::create(unset, code));
    CHECK(code == Errc::invalid_secret);
    code = support::stale_error();
    CHECK_FALSE(Webhook::create(nullptr, code));
    CHECK(code == Errc::invalid_secret);
}

TEST_CASE("create gives a Webhook or a code", "[secrets]") {
    const Message message;
    std::error_code code = support::stale_error();
    const auto from_view = Webhook::create(std::string_view(support::secret), code);
    REQUIRE(from_view.has_value());
    CHECK(!code);  // overwritten
    CHECK(outcome(*from_view, message) == good);

    code = support::stale_error();
    const auto from_c_string = Webhook::create(support::secret.c_str(), code, {0s});
    REQUIRE(from_c_string.has_value());
    CHECK(!code);
    CHECK(outcome(*from_c_string, message) == good);
    CHECK(outcome(*from_c_string, message, support::now + 1s) == Errc::timestamp_too_old);

    const auto with_options = Webhook::create(support::secret, code, {0s});
    REQUIRE(with_options.has_value());
    CHECK(outcome(*with_options, message, support::now + 1s) == Errc::timestamp_too_old);
}

// ---- The environment ----

TEST_CASE("from_env reads an environment variable", "[secrets]") {
    const Message message;
    {
        const Variable variable("PIVOTAL_WEBHOOK_SECRET", support::secret.c_str());
        CHECK(outcome(Webhook::from_env(), message) == good);
    }
    {
        const Variable variable("PIVOTAL_WEBHOOK_SECRET",
                                (support::other_secret + "\n" + support::secret + "\n").c_str());
        CHECK(outcome(Webhook::from_env(), message) == good);
    }
    const Variable variable("PIVOTAL_TEST_OTHER", support::secret.c_str());
    CHECK(outcome(Webhook::from_env("PIVOTAL_TEST_OTHER"), message) == good);
    CHECK(outcome(Webhook::from_env("PIVOTAL_TEST_OTHER", {0s}), message, support::now + 1s) ==
          Errc::timestamp_too_old);
}

TEST_CASE("from_env gives a code too", "[secrets]") {
    std::error_code code = support::stale_error();
    {
        const Variable variable("PIVOTAL_TEST_OTHER", support::secret.c_str());
        const auto made = Webhook::from_env("PIVOTAL_TEST_OTHER", code, {0s});
        REQUIRE(made.has_value());
        CHECK(!code);
        CHECK(outcome(*made, Message()) == good);
        CHECK(outcome(*made, Message(), support::now + 1s) == Errc::timestamp_too_old);
    }
    const Variable unset("PIVOTAL_TEST_OTHER", nullptr);
    for (const char* const name : {"PIVOTAL_TEST_OTHER", "whsec_AAAA", static_cast<const char*>(nullptr)}) {
        code = support::stale_error();
        CHECK_FALSE(Webhook::from_env(name, code).has_value());
        CHECK(code == Errc::invalid_secret);
    }
}

TEST_CASE("from_env names the variable that is wrong", "[secrets]") {
    {
        const Variable variable("PIVOTAL_WEBHOOK_SECRET", nullptr);
        const std::string sentence =
            std::string("invalid secret in the environment variable PIVOTAL_WEBHOOK_SECRET: ") + advice_empty;
        CHECK(from_env_refusal("PIVOTAL_WEBHOOK_SECRET") == sentence);
        try {
            (void)Webhook::from_env();
            FAIL("accepted");
        } catch (const InvalidSecretError& error) {
            CHECK(error.what() == sentence);
        }
    }
    const std::string prefix = "invalid secret in the environment variable PIVOTAL_TEST_OTHER: ";
    const auto with = [](const char* value) {
        const Variable variable("PIVOTAL_TEST_OTHER", value);
        return from_env_refusal("PIVOTAL_TEST_OTHER");
    };
#if !defined(_WIN32)  // where an empty variable is an unset one
    CHECK(with("") == prefix + advice_empty);
#endif
    CHECK(with(" \n") == prefix + advice_empty);
    CHECK(with("v1,whsec_AAAA") == prefix + advice_version);
    CHECK(with((support::secret + " x").c_str()) ==
          "invalid secret in the environment variable PIVOTAL_TEST_OTHER (number 2 of 2, separated by white space): " +
              std::string(advice_no_base64));
}

TEST_CASE("from_env does not repeat a secret that it was given for a name", "[secrets]") {
    const std::string sentence =
        "invalid secret: from_env takes the name of an environment variable, and was given a secret";
    CHECK(from_env_refusal(support::secret.c_str()) == sentence);
    CHECK(from_env_refusal(("whpk_" + support::base64(key_of(32))).c_str()) == sentence);
    CHECK(from_env_refusal(("whsk_" + support::base64(key_of(64))).c_str()) == sentence);
    // Bare base64 and an API key are secrets as well, and look like names.
    for (const std::string& name : {support::base64(key_of(24)), std::string("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
                                    std::string("pivotal_live_0123456789"), std::string("PIVOTAL-TEST")}) {
        CAPTURE(name);
        const std::string refusal = from_env_refusal(name.c_str());
        CHECK(refusal.find("invalid secret in the environment variable (whose name is not repeated, as it may be a "
                           "secret): it is not set, or empty; ") == 0);
        CHECK(refusal.find(name) == refusal.npos);
    }
    const Variable lower_case("pivotal_test_secret", support::secret.c_str());
    CHECK(outcome(Webhook::from_env("pivotal_test_secret"), Message()) == good);
    CHECK(from_env_refusal(nullptr) ==
          "invalid secret: from_env takes the name of an environment variable, and was given a null pointer");
}

// ---- Public keys ----

TEST_CASE("a public key of small order is refused: anyone could sign for it", "[secrets]") {
    const std::string mistake =
        "invalid secret: it is no sender's public key: with this one anyone could make signatures that verify; copy "
        "the endpoint's key (whpk_...) again";
    const std::string ff(30, '\xff');
    const std::vector<std::string> keys = {
        std::string(32, '\0'),
        '\x01' + std::string(31, '\0'),
        std::string("\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0"
                    "\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05"),
        std::string("\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f"
                    "\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a"),
        '\xec' + ff + '\x7f',
        '\xed' + ff + '\x7f',
        '\xee' + ff + '\x7f',
    };
    for (std::string key : keys)
        for (int sign = 0; sign < 2; ++sign, key.back() = static_cast<char>(key.back() ^ '\x80')) {
            CAPTURE(support::base64(key));
            CHECK(refusal_of("whpk_" + support::base64(key)) == mistake);
            for (std::size_t i = 0; i < key.size(); ++i) {
                std::string other = key;
                other[i] = static_cast<char>(other[i] ^ '\x10');
                std::error_code code;
                CHECK(Webhook::create("whpk_" + support::base64(other), code).has_value());
            }
        }
    // What it is about: OpenSSL itself takes this signature, of R = 1 and S = 0, for one message in four.
    const unsigned char zero[32] = {}, signature[64] = {1};
    const pivotal::detail::Ed25519Key key(zero);
    int accepted = 0;
    for (int i = 0; i < 100; ++i) accepted += key.verify(signature, std::to_string(i)) == pivotal::detail::Match::found;
    CHECK(accepted > 0);
}

// ---- Raw keys ----

TEST_CASE("from_bytes takes a raw key of any length but 0", "[secrets]") {
    for (const std::size_t size : {1U, 2U, 23U, 24U, 32U, 63U, 64U, 65U, 128U, 1000U}) {
        CAPTURE(size);
        const std::string key = key_of(size);
        Message message;
        message.sign(key);
        CHECK(outcome(Webhook::from_bytes(key), message) == good);
        std::error_code code = support::stale_error();
        const auto made = Webhook::from_bytes(key, code);
        REQUIRE(made.has_value());
        CHECK(!code);
        CHECK(outcome(*made, message) == good);
        message.sign(key + '\x01');
        CHECK(outcome(*made, message) == Errc::signature_mismatch);
    }
    const Message message;
    const std::vector<unsigned char> bytes(support::key.begin(), support::key.end());
    CHECK(outcome(Webhook::from_bytes(bytes), message) == good);
    CHECK(Webhook::from_bytes(bytes).authenticate(message.body, support::headers_of(message), support::now).secret ==
          0);
    CHECK(outcome(Webhook::from_bytes({bytes.data(), bytes.size()}), message) == good);
    CHECK(outcome(Webhook::from_bytes(bytes, {0s}), message, support::now + 1s) == Errc::timestamp_too_old);
    std::error_code code;
    CHECK(outcome(Webhook::from_bytes(bytes, code, {0s}).value(), message, support::now + 1s) ==
          Errc::timestamp_too_old);

    // It is no text: a secret is not decoded, and zero bytes count (but for those that HMAC itself pads with).
    CHECK(outcome(Webhook::from_bytes(support::secret), message) == Errc::signature_mismatch);
    Message zeros;
    zeros.sign(std::string(65, '\0'));
    CHECK(outcome(Webhook::from_bytes(std::string(65, '\0')), zeros) == good);
    CHECK(outcome(Webhook::from_bytes(std::string(66, '\0')), zeros) == Errc::signature_mismatch);
}

TEST_CASE("from_bytes takes bytes that also convert to a C string, as QByteArray does, and no C string", "[secrets]") {
    struct ByteArray {
        const char* data() const { return support::key.data(); }
        std::size_t size() const { return support::key.size(); }
        operator const char*() const { return support::key.c_str(); }
    } bytes;
    CHECK(outcome(Webhook::from_bytes(bytes), Message()) == good);
    std::error_code code;
    CHECK(outcome(Webhook::from_bytes(bytes, code).value(), Message()) == good);
    STATIC_REQUIRE(takes_key<std::string>);
    STATIC_REQUIRE_FALSE(takes_key<const char*>);
    STATIC_REQUIRE_FALSE(takes_key<char*>);
    STATIC_REQUIRE_FALSE(takes_key<const char(&)[32]>);
    STATIC_REQUIRE_FALSE(takes_key<char(&)[32]>);
    STATIC_REQUIRE_FALSE(takes_key<std::nullptr_t>);
    STATIC_REQUIRE(takes_key_in_braces<std::string>);
    STATIC_REQUIRE_FALSE(takes_key_in_braces<const char*>);
    STATIC_REQUIRE_FALSE(takes_key_in_braces<char(&)[32]>);
}

TEST_CASE("from_bytes refuses an empty key", "[secrets]") {
    for (const pivotal::Body& key :
         {pivotal::Body(), pivotal::Body(""), pivotal::Body(nullptr), pivotal::Body(std::string_view())}) {
        std::error_code code = support::stale_error();
        CHECK_FALSE(Webhook::from_bytes(key, code));
        CHECK(code == Errc::invalid_secret);
        try {
            (void)Webhook::from_bytes(key);
            FAIL("accepted");
        } catch (const InvalidSecretError& error) {
            CHECK(error.code() == Errc::invalid_secret);
            CHECK(std::string(error.what()) == "invalid secret: the key is empty");
        }
    }
}

// ---- RFC 4231, through a Webhook ----

TEST_CASE("what is signed with a raw key is HMAC-SHA256", "[secrets]") {
    // Its prefix makes a Webhook's message another than those of RFC 4231, whose test cases are those of
    // detail/core/hmac_sha256.hpp; here the tag is compared with OpenSSL's one-shot HMAC().
    for (const std::size_t key_size : {4U, 20U, 25U, 131U}) {
        const std::string key(key_size, '\xaa');
        Message message;
        message.body = "Test Using Larger Than Block-Size Key - Hash Key First";
        CHECK(Webhook::from_bytes(key).sign(message.id, support::now, message.body) == message.v1(key));
    }
}

}  // namespace unit_webhook_secrets
