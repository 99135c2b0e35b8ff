// SPDX-License-Identifier: MIT
#pragma once

// Random deliveries: a valid one is made, and then up to three things about it are changed. Many stay valid, since
// a verifier that refuses everything must be found out too.

#include <openssl/evp.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "model.hpp"

namespace model {

/// An Ed25519 key pair that signs.
class Signer {
public:
    explicit Signer(const std::string& seed)
        : key_(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr,
                                            reinterpret_cast<const unsigned char*>(seed.data()), seed.size()),
               EVP_PKEY_free) {
        std::size_t size = 32;
        public_key_.resize(size);
        if (!key_ ||
            EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(&public_key_[0]), &size) != 1)
            throw std::runtime_error("no Ed25519");
    }

    const std::string& public_key() const { return public_key_; }

    std::string sign(const std::string& content) const {
        std::string signature(64, '\0');
        std::size_t size = signature.size();
        const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
        if (EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
            EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(&signature[0]), &size,
                           reinterpret_cast<const unsigned char*>(content.data()), content.size()) != 1)
            throw std::runtime_error("Ed25519 does not sign");
        return signature;
    }

private:
    std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key_;
    std::string public_key_;
};

class Cases {
public:
    explicit Cases(std::uint64_t seed) : random_(seed) {
        for (int i = 0; i < 3; ++i) signers_.emplace_back(bytes(32));
    }

    /// With `now`, the delivery is one of that time, and its time is well inside the usual tolerance or well
    /// outside: for verifiers that read a clock of their own.
    Delivery next(std::optional<std::int64_t> now = std::nullopt) {
        Delivery delivery;
        const Mutations when = chance(3) ? Mutations{below(4), below(4), below(4), below(4)} : Mutations();
        const bool is_odd = now ? below(5) < 2 : chance(12);
        const Quirk quirk = is_odd ? static_cast<Quirk>(below(static_cast<std::size_t>(Quirk::none))) : Quirk::none;
        keys_.clear();
        secrets_.clear();
        const std::size_t count = 1 + (chance(4) ? below(3) : 0);
        if (quirk == Quirk::no_key) {
            keys_.push_back({"", nullptr});
            secrets_.emplace_back("whsec_");
        } else if (quirk == Quirk::tail_bits) {
            add_tailed_key();
        } else if (!now && chance(6)) {
            delivery.raw_key = raw_key();  // no other library is asked about those
            keys_.push_back({*delivery.raw_key, nullptr});
        } else {
            for (std::size_t i = 0; i < count; ++i) add_key();
        }
        delivery.secrets = joined(secrets_, pick<std::string>({" ", "\n", "\t ", "  ", "\r\n", "\v", "\f"}));
        if (chance(20)) delivery.secrets = pick<std::string>({" ", "\n", ""}) + delivery.secrets + "\n";

        delivery.body = chance(15) ? text(below(200)) : event();
        if (when.body == 1) mutate(delivery.body);  // authentic, but perhaps no event
        if (quirk == Quirk::replaced_body) delivery.body = "{\"id\":\"\xef\xbf\xbd\",\"type\":\"a.b\"}";

        id_ = "msg_" + word(27);
        if (chance(20)) id_ = word(1 + below(chance(2) ? 300 : 3));
        if (quirk == Quirk::dotted_id) id_.insert(below(id_.size() + 1), 1, '.');
        if (quirk == Quirk::bad_id) spoil_id();
        if (quirk == Quirk::no_id) id_.clear();
        std::int64_t signed_at = 1'600'000'000 + static_cast<std::int64_t>(below(1'000'000'000));
        if (now) signed_at = *now - (chance(3) ? pick<std::int64_t>({270, 330, -270, -330, 100'000}) : 0);
        if (chance(10)) signed_at = number();
        timestamp_ = std::to_string(signed_at);
        if (now) {
            delivery.now = *now;
        } else {
            delivery.tolerance = chance(10) ? number() : 300;
            delivery.now = std::clamp<std::int64_t>(signed_at, -5'000'000'000, 5'000'000'000);
            if (chance(3)) delivery.now += offset(delivery.tolerance);
        }
        if (chance(2)) delivery.nanoseconds = pick<std::int64_t>({1, 499'999'999, 500'000'000, 999'999'999});
        if (when.header == 1) mutate(pick_of(id_, timestamp_));  // signed as it is

        std::vector<std::string> signatures;
        for (const Key& key : keys_)
            if (!chance(6)) signatures.push_back(key.sign(id_ + "." + timestamp_ + "." + delivery.body));
        for (std::size_t i = chance(5) ? below(6) : 0; i > 0; --i) signatures.push_back(decoy());
        std::shuffle(signatures.begin(), signatures.end(), random_);
        std::string header = joined(signatures, chance(6) ? "," : " ");
        if (when.signature == 1) mutate_signature(header);
        if (when.signature == 2) mutate(header);

        const std::string family = chance(4) ? "webhook-" : "svix-";
        delivery.headers = {{family + "id", id_}, {family + "timestamp", timestamp_}, {family + "signature", header}};
        if (chance(3)) {
            delivery.headers.emplace_back("Content-Type", "application/json");
            delivery.headers.emplace_back(word(below(12)), text(below(20)));
        }
        apply(quirk, delivery);
        if (when.header == 2) mutate_headers(delivery.headers);
        if (when.header == 3) mutate(delivery.headers[below(delivery.headers.size())].second);
        if (when.body == 2) mutate(delivery.body);
        if (when.secret == 1) mutate(delivery.raw_key ? *delivery.raw_key : delivery.secrets);
        return delivery;
    }

    /// True once in `n` times.
    bool chance(std::size_t n) { return below(n) == 0; }

    std::size_t below(std::size_t limit) {
        return limit == 0 ? 0 : std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_);
    }

private:
    /// Which of the fields is changed, and how: most values change nothing.
    struct Mutations {
        std::size_t body = 0, header = 0, signature = 0, secret = 0;
    };

    /// What verifiers differ in (tests/conformance/peers/differences.hpp), and what chance would make too seldom.
    enum class Quirk {
        no_key,
        tail_bits,
        secret_padding,
        junk_in_secret,
        bad_secret,
        dotted_id,
        bad_id,
        no_id,
        time_form,
        replaced_body,
        long_header,
        twice,
        both_families,
        incomplete_family,
        empty_header,
        junk_in_signature,
        odd_part,
        none
    };

    struct Key {
        std::string hmac;
        const Signer* ed25519;
        std::string sign(const std::string& content) const {
            return ed25519 ? "v1a," + encode_base64(ed25519->sign(content)) : "v1," + hmac_signature(hmac, content);
        }
    };

    template <class T> T pick(std::initializer_list<T> choices) { return choices.begin()[below(choices.size())]; }
    std::string& pick_of(std::string& a, std::string& b) { return chance(2) ? a : b; }

    std::string bytes(std::size_t size) {
        std::string result(size, '\0');
        for (char& c : result) c = static_cast<char>(below(256));
        return result;
    }
    std::string word(std::size_t size) {
        std::string result(size, '\0');
        for (char& c : result) c = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-"[below(64)];
        return result;
    }
    std::string text(std::size_t size) {
        std::string result;
        while (result.size() < size)
            result +=
                pick<std::string>({"a", "{", "}", "\"", ",", ":", " ", "\xc3\xa9", "\xf0\x9f\x98\x80", "\n", "[", "0"});
        return result;
    }

    static std::string joined(const std::vector<std::string>& parts, const std::string& by) {
        std::string result;
        for (const std::string& part : parts) result += (result.empty() ? "" : by) + part;
        return result;
    }

    void add_key() {
        if (chance(30)) {
            const Signer& signer = signers_[below(signers_.size())];
            keys_.push_back({"", &signer});
            secrets_.push_back("whpk_" + encode_base64(signer.public_key()));
            return;
        }
        const std::size_t size = chance(3) ? (chance(4) ? below(100) : 24 + below(52)) : 24;
        keys_.push_back({bytes(size), nullptr});
        std::string secret = encode_base64(keys_.back().hmac);
        if (chance(8)) secret = secret.substr(0, secret.find('='));
        secrets_.push_back((chance(4) ? "" : "whsec_") + secret);
    }

    /// A secret that is good but for bits behind its end.
    void add_tailed_key() {
        keys_.push_back({bytes(25 + below(2)), nullptr});
        std::string secret = encode_base64(keys_.back().hmac);
        ++secret[secret.find('=') - 1];
        secrets_.push_back("whsec_" + secret);
    }

    /// Of any length: HMAC-SHA256 itself tells keys of more than 64 bytes from others.
    std::string raw_key() {
        return bytes(chance(2) ? pick<std::size_t>({0, 1, 23, 24, 63, 64, 65, 75, 76, 1000}) : 1 + below(150));
    }

    std::string decoy() {
        const std::string version = pick<std::string>({"v1", "v1", "v1a", "v1a", "v2", "", "V1", "v1b", "v11"});
        const std::size_t size = pick<std::size_t>({32, 32, 64, 64, 0, 31, 33, 48});
        std::string signature = encode_base64(bytes(size));
        if (chance(4)) signature = signature.substr(0, signature.find('='));
        return version + (chance(10) ? "" : ",") + signature;
    }

    std::int64_t number() {
        const std::int64_t edge = std::numeric_limits<std::int64_t>::max();
        return pick<std::int64_t>({0, 1, -1, 2, 9, 10, 300, 301, 1'000'000'000, 999'999'999'999, 1'000'000'000'000,
                                   9'000'000'000, edge, edge - 1, -edge, -edge - 1});
    }

    /// A distance from the signed time, most of all on the edge of the tolerance. Times must fit the system's
    /// clock, which counts nanoseconds.
    std::int64_t offset(std::int64_t tolerance) {
        const std::int64_t most = 4'000'000'000;
        const std::int64_t edge = std::clamp<std::int64_t>(tolerance, -most, most);
        return pick<std::int64_t>({edge, edge + 1, edge - 1, -edge, -edge - 1, 1 - edge, 299, -300, 100'000, -100'000});
    }

    void spoil_id() {
        switch (below(4)) {
            case 0:
                id_ = word(257 + below(3));
                break;
            case 1:
                id_ = pick<std::string>({" ", "\t"}) + id_;
                break;
            default:
                id_.insert(below(id_.size() + 1), 1, pick<char>({' ', '\t', '\n', '\x7f', '\xe9', '\xff'}));
                break;
        }
    }

    // ---- JSON ----

    std::string event() {
        std::vector<std::string> members;
        const auto add = [&](std::size_t often, const std::string& name, const std::string& value) {
            if (!chance(often)) members.push_back(quoted(name) + space() + ":" + space() + value);
        };
        add(40, "id", chance(30) ? value(2) : quoted("evt_" + word(20)));
        add(40, "type", chance(30) ? value(2) : quoted("customer." + word(6)));
        add(2, "created_at", chance(8) ? value(2) : quoted("2026-05-26T18:42:00.000Z"));
        add(2, "org_id", chance(8) ? value(2) : quoted("org_" + word(8)));
        add(2, "api_version", chance(8) ? value(2) : quoted("v1"));
        add(2, "livemode", chance(8) ? value(2) : pick<std::string>({"true", "false"}));
        add(3, "data", chance(3) ? value(2) : R"({"object":{"id":"cus_1"},"previous_attributes":null})");
        for (std::size_t i = chance(4) ? below(3) : 0; i > 0; --i)
            add(1000, chance(2) ? word(below(5)) : pick<std::string>({"id", "type", "data", "livemode", "Id"}),
                value(2));
        if (chance(3)) std::shuffle(members.begin(), members.end(), random_);
        if (chance(500)) {
            const std::size_t levels = 508 + below(8);
            const bool object = chance(2);
            std::string deep;
            for (std::size_t i = 0; i < levels; ++i) deep += object ? "{\"a\":" : "[";
            deep += "1" + std::string(levels, object ? '}' : ']');
            members.push_back("\"deep\":" + deep);
        }
        std::string json = space() + "{" + space() + joined(members, space() + "," + space()) + space() + "}" + space();
        if (chance(200)) json = "\xef\xbb\xbf" + json;
        if (chance(200)) json += '\0';
        if (chance(200)) json = "[" + json + "]";
        return json;
    }

    std::string space() { return chance(12) ? pick<std::string>({" ", "\n", "\r\n", "\t", "\f", "  "}) : ""; }

    static std::string quoted(const std::string& raw) { return "\"" + raw + "\""; }

    std::string value(std::size_t depth) {
        if (chance(6)) return bad_value();
        switch (below(depth == 0 ? 6 : 8)) {
            case 0:
                return pick<std::string>({"null", "true", "false"});
            case 1:
                return pick<std::string>({"0", "-0", "1", "-1", "1.5", "1e5", "1E+5", "1e-400", "18446744073709551615",
                                          "18446744073709551616", "-9223372036854775808", "-9223372036854775809",
                                          "1.7976931348623157e308"});
            case 2:
                return quoted(std::string(pick<std::size_t>({0, 1, 255, 256, 257}), 'x'));
            case 3:
            case 4:
            case 5: {
                std::string raw;
                for (std::size_t i = below(5); i > 0; --i)
                    raw += pick<std::string>({"a", "\\n", "\\\"", "\\\\", "\\/", "\\u0041", "\\u0000", "\\ud83d",
                                              "\\ude00", "\\ud83d\\ude00", "\\uD83D\\uDE00", "\\ud83d\\ud83d\\ude00",
                                              "\\\\ud83d", "\xc3\xa9", "\xf0\x9f\x98\x80", "\x7f", "\\ufffd",
                                              "\\ud83d\\u0041", "\\udfff"});
                return quoted(raw);
            }
            case 6: {
                std::vector<std::string> values;
                for (std::size_t i = below(4); i > 0; --i) values.push_back(value(depth - 1));
                return "[" + joined(values, ",") + (chance(20) ? "," : "") + "]";
            }
            default: {
                std::vector<std::string> members;
                for (std::size_t i = below(4); i > 0; --i)
                    members.push_back(quoted(word(below(2))) + ":" + value(depth - 1));
                return "{" + joined(members, ",") + (chance(20) ? "," : "") + "}";
            }
        }
    }

    std::string bad_value() {
        return pick<std::string>({"nul",
                                  "True",
                                  "NaN",
                                  "",
                                  "01",
                                  "+1",
                                  "1.",
                                  ".5",
                                  "1e999",
                                  "-1e999",
                                  "1e",
                                  "-",
                                  "0x10",
                                  quoted("\\u12"),
                                  quoted("\\x"),
                                  quoted("\xed\xa0\xbd"),
                                  quoted("\xc0\xaf"),
                                  quoted("\xff"),
                                  quoted("\x1f"),
                                  quoted("\xf4\x90\x80\x80"),
                                  quoted("\xe2\x82"),
                                  quoted("\\ud83d\\u12"),
                                  quoted("\\ud83d\\"),
                                  "[1,]",
                                  "{\"a\":1,}",
                                  "[",
                                  "{\"a\"}",
                                  "\"",
                                  "'a'",
                                  "1 2"});
    }

    // ---- Changes ----

    void mutate(std::string& text) {
        const std::size_t at = below(text.size() + 1);
        switch (below(9)) {
            case 0:
                if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
                break;
            case 1:
                text.insert(at, 1, static_cast<char>(below(256)));
                break;
            case 2:
                if (at < text.size()) text.erase(at, 1);
                break;
            case 3:
                text.resize(at);
                break;
            case 4:
                text.erase(0, at);
                break;
            case 5:
                text.insert(at, pick<std::string>({" ", "\t", ".", ",", "=", "\n", std::string(1, '\0'), "-", "_", "+",
                                                   "0", "\"", "\xef\xbc\x91", "v1,", "whsec_", "A"}));
                break;
            case 6:
                if (at < text.size())
                    text[at] = pick<char>({' ', '.', ',', '=', '0', '9', '-', 'A', '{', '"', '\\', '\0'});
                break;
            case 7:
                text = pick<std::string>({" ", "\t", "0", "+", "="}) + text;
                break;
            default:
                text += pick<std::string>({" ", "\t", "=", "==", "\r", "\n", "a", "v1", ","});
                break;
        }
    }

    /// To a delivery whose first three headers are the id, the timestamp and the signature.
    void apply(Quirk quirk, Delivery& delivery) {
        Headers& headers = delivery.headers;
        std::string &timestamp = headers[1].second, &signature = headers[2].second;
        const std::size_t at = below(3);
        const auto other_family = [&](const std::string& name) {
            return name.rfind("svix-", 0) == 0 ? "webhook-" + name.substr(5) : "svix-" + name.substr(8);
        };
        const auto use_webhook = [&] {
            for (std::size_t i = 0; i < 3; ++i)
                if (headers[i].first.rfind("svix-", 0) == 0) headers[i].first = other_family(headers[i].first);
        };
        switch (quirk) {
            case Quirk::secret_padding:
                delivery.secrets += "=";
                break;
            case Quirk::junk_in_secret:
                delivery.secrets.insert(delivery.secrets.size() / (1 + below(2)), "!");
                break;
            case Quirk::bad_secret:
                delivery.secrets += pick<std::string>({" whsec_!", " whsec_AAAA", " whpk_AAAA"});
                break;
            case Quirk::time_form:
                switch (below(6)) {
                    case 0:
                        timestamp = pick<std::string>({"+", "0", "00", "+0"}) + timestamp;
                        break;
                    case 1:
                        timestamp = pick<std::string>({"\n", "\v", "\xa0"}) + timestamp;
                        break;
                    case 2:
                        timestamp += pick<std::string>({".5", ".0", "."});
                        break;
                    case 3:
                        timestamp += pick<std::string>({"abc", "Z"});
                        break;
                    case 4:
                        timestamp += pick<std::string>({"e0", "e00"});
                        break;
                    default:
                        timestamp.insert(timestamp.size() / 2, "_");
                        break;
                }
                break;
            case Quirk::replaced_body: {
                const std::size_t place = delivery.body.find("\xef\xbf\xbd");
                delivery.body.replace(place, 3, pick<std::string>({"\xff", "\xc3", "\x80"}));
                break;
            }
            case Quirk::long_header: {
                std::string many;
                while (many.size() < 8192) many += "v2,AAAA ";
                signature = many + signature;
                break;
            }
            case Quirk::twice:
                if (at == 2) signature += " v2,AAAA";
                headers.emplace_back(headers[at].first, chance(2) ? headers[at].second : word(8));
                break;
            case Quirk::both_families:
                headers[at].first = other_family(headers[at].first);
                break;
            case Quirk::incomplete_family:
                use_webhook();
                headers.emplace_back(other_family(headers[at].first), word(8));
                break;
            case Quirk::empty_header:
                use_webhook();
                headers.emplace_back(other_family(headers[at].first), pick<std::string>({"", " "}));
                break;
            case Quirk::junk_in_signature:
                signature.insert(signature.size() / 2, pick<std::string>({"!", "-", "\t"}));
                break;
            case Quirk::odd_part:
                signature = pick<std::string>({"v3,\x7f ", "v2,\xc3\xa9 ", "\x01, ", "v1,AAAAA "}) + signature;
                break;
            default:
                break;
        }
    }

    void mutate_signature(std::string& header) {
        switch (below(8)) {
            case 0:  // the padding goes
                header.erase(std::remove(header.begin(), header.end(), '='), header.end());
                break;
            case 1:
                std::replace(header.begin(), header.end(), '+', '-');
                break;
            case 2:
                header = std::string(below(3), ' ') + header + std::string(below(3), chance(2) ? ' ' : ',');
                break;
            case 3:  // about the longest
                header += std::string(8190 > header.size() ? 8190 - header.size() : 0, chance(2) ? ' ' : 'x');
                header += std::string(below(5), 'x');
                break;
            case 4:
                std::replace(header.begin(), header.end(), ' ', ',');
                break;
            case 5: {
                std::string more;
                for (std::size_t i = below(8); i > 0; --i) more += decoy() + " ";
                header = more + header;
                break;
            }
            case 6: {  // many Ed25519 candidates in front
                std::string more;
                for (std::size_t i = below(18); i > 0; --i) more += "v1a," + encode_base64(bytes(64)) + " ";
                header = more + header;
                break;
            }
            default:
                header = header + " " + header;
                break;
        }
    }

    void mutate_headers(Headers& headers) {
        const std::size_t at = below(headers.size());
        switch (below(9)) {
            case 0:
                headers.erase(headers.begin() + static_cast<std::ptrdiff_t>(at));
                break;
            case 1:
                headers.push_back(headers[at]);
                break;
            case 2:
                headers[at].second = pick<std::string>({"", " ", "\t", " \t "});
                break;
            case 3:
                headers.insert(headers.begin() + static_cast<std::ptrdiff_t>(at),
                               {headers[at].first, chance(2) ? "" : " "});
                break;
            case 4:
                for (auto& [name, value] : headers)
                    for (char& c : name)
                        if (c >= 'a' && c <= 'z' && chance(2)) c = static_cast<char>(c - 32);
                break;
            case 5:
                for (auto& [name, value] : headers) value = pick<std::string>({" ", "\t", ""}) + value + "  ";
                break;
            case 6: {  // one of the other family
                const std::string family = headers[at].first.rfind("svix-", 0) == 0 ? "webhook-" : "svix-";
                headers.emplace_back(family + pick<std::string>({"id", "timestamp", "signature"}),
                                     chance(3) ? "" : word(8));
                break;
            }
            case 7:
                mutate(headers[at].first);
                break;
            default:
                std::shuffle(headers.begin(), headers.end(), random_);
                break;
        }
    }

    std::mt19937_64 random_;
    std::vector<Signer> signers_;
    std::vector<Key> keys_;
    std::vector<std::string> secrets_;
    std::string id_, timestamp_;
};

}  // namespace model
