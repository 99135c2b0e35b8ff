// SPDX-License-Identifier: MIT
#pragma once

// A second verifier, as plain as it can be written: strings are copied, cut and compared, HMAC() is called in one
// go, JSON is read by recursion. It shares no code with the library but the names of the error codes. The tests
// compare the two.

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <pivotal/error.hpp>

namespace model {

using pivotal::Errc;
using Headers = std::vector<std::pair<std::string, std::string>>;

constexpr Errc accepted{};

// ---- Base64: what encodes to the same text again is strict ----

inline std::string encode_base64(const std::string& bytes) {
    std::string text(bytes.size() / 3 * 4 + 5, '\0');
    const auto size =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(&text[0]),
                        reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    return text;
}

inline std::optional<std::string> decode_base64(const std::string& text) {
    const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string bits, bytes;
    for (const char c : text.substr(0, text.find('='))) {
        const std::size_t value = alphabet.find(c);
        if (value == std::string::npos) return std::nullopt;
        for (int bit = 5; bit >= 0; --bit) bits += (value >> bit & 1) != 0 ? '1' : '0';
    }
    for (std::size_t i = 0; i + 8 <= bits.size(); i += 8)
        bytes += static_cast<char>(std::stoi(bits.substr(i, 8), nullptr, 2));
    const std::string padded = encode_base64(bytes), unpadded = padded.substr(0, padded.find('='));
    if (text != padded && text != unpadded) return std::nullopt;
    return bytes;
}

// ---- Secrets ----

struct Keys {
    std::vector<std::string> hmac, ed25519;
};

/// Anyone could sign for these public keys: the points whose order divides 8, with either sign of x.
inline bool is_of_small_order(const std::string& key) {
    std::string hex;
    for (std::size_t i = 0; i < key.size(); ++i) {
        const unsigned byte = static_cast<unsigned char>(key[i]) & (i == 31 ? 0x7fU : 0xffU);
        hex += "0123456789abcdef"[byte >> 4];
        hex += "0123456789abcdef"[byte & 15U];
    }
    const std::string zeros(62, '0'), ones(60, 'f');
    return hex == "00" + zeros || hex == "01" + zeros || hex == "ec" + ones + "7f" || hex == "ed" + ones + "7f" ||
           hex == "ee" + ones + "7f" || hex == "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05" ||
           hex == "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a";
}

inline std::optional<Keys> read_secrets(const std::string& secrets) {
    Keys keys;
    std::istringstream words(secrets);
    for (std::string word; words >> word;) {
        if (word.rfind("whpk_", 0) == 0) {
            const auto key = decode_base64(word.substr(5));
            if (!key || key->size() != 32 || is_of_small_order(*key)) return std::nullopt;
            keys.ed25519.push_back(*key);
        } else {
            const auto key = decode_base64(word.rfind("whsec_", 0) == 0 ? word.substr(6) : word);
            if (!key || key->size() < 24 || key->size() > 75) return std::nullopt;
            keys.hmac.push_back(*key);
        }
    }
    if (keys.hmac.empty() && keys.ed25519.empty()) return std::nullopt;
    return keys;
}

// ---- Signatures ----

inline std::string hmac_signature(const std::string& key, const std::string& content) {
    unsigned char tag[32];
    unsigned int size = 0;
    if (!HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
              reinterpret_cast<const unsigned char*>(content.data()), content.size(), tag, &size))
        throw std::runtime_error("the model cannot compute an HMAC");
    return encode_base64(std::string(reinterpret_cast<const char*>(tag), size));
}

inline bool ed25519_matches(const std::string& key, const std::string& signature, const std::string& content) {
    EVP_PKEY* const public_key = EVP_PKEY_new_raw_public_key(
        EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(key.data()), key.size());
    EVP_MD_CTX* const context = EVP_MD_CTX_new();
    if (!public_key || EVP_DigestVerifyInit(context, nullptr, nullptr, nullptr, public_key) != 1)
        throw std::runtime_error("the model cannot verify Ed25519");
    const int result =
        EVP_DigestVerify(context, reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                         reinterpret_cast<const unsigned char*>(content.data()), content.size());
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(public_key);
    return result == 1;
}

inline std::vector<std::string> split(const std::string& text, char at) {
    std::vector<std::string> parts(1);
    for (const char c : text) {
        if (c == at)
            parts.emplace_back();
        else
            parts.back() += c;
    }
    return parts;
}

inline bool signature_matches(const Keys& keys, const std::string& header, const std::string& content) {
    std::vector<std::string> v1, v1a;
    for (const std::string& part : split(header, ' ')) {
        const std::vector<std::string> elements = split(part, ',');
        for (std::size_t i = 1; i < elements.size(); ++i) {
            if (elements[i - 1] == "v1") v1.push_back(elements[i]);
            if (elements[i - 1] == "v1a") v1a.push_back(elements[i]);
        }
    }
    for (const std::string& key : keys.hmac)
        for (const std::string& candidate : v1)
            if (candidate == hmac_signature(key, content)) return true;
    int candidates = 0;
    for (const std::string& candidate : v1a) {
        const auto signature = decode_base64(candidate);
        if (!signature || signature->size() != 64 || ++candidates > 16) continue;
        for (const std::string& key : keys.ed25519)
            if (ed25519_matches(key, *signature, content)) return true;
    }
    return false;
}

// ---- JSON ----

class JsonReader {
public:
    using json = nlohmann::json;

    /// Nothing where `text` is not strict JSON.
    static std::optional<json> read(const std::string& text) {
        JsonReader reader(text);
        try {
            json value = reader.value(1);
            reader.space();
            if (reader.at_ != text.size()) return std::nullopt;
            return std::make_optional(std::move(value));
        } catch (const Malformed&) {
            return std::nullopt;
        }
    }

private:
    struct Malformed {};

    explicit JsonReader(const std::string& text) : text_(text) {}

    int peek() const { return at_ < text_.size() ? static_cast<unsigned char>(text_[at_]) : -1; }
    bool take(const std::string& expected) {
        if (text_.compare(at_, expected.size(), expected) != 0) return false;
        at_ += expected.size();
        return true;
    }
    void need(const std::string& expected) {
        if (!take(expected)) throw Malformed();
    }
    void space() {
        while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') ++at_;
    }

    json value(int level) {
        space();
        if (take("null")) return nullptr;
        if (take("true")) return true;
        if (take("false")) return false;
        if (peek() == '"') return string();
        if (peek() == '[' || peek() == '{') {
            if (level > 512) throw Malformed();
            return peek() == '[' ? array(level) : object(level);
        }
        return number();
    }

    json array(int level) {
        need("[");
        json result = json::array();
        space();
        if (take("]")) return result;
        do {
            result.push_back(value(level + 1));
            space();
        } while (take(","));
        need("]");
        return result;
    }

    json object(int level) {
        need("{");
        json result = json::object();
        space();
        if (take("}")) return result;
        do {
            space();
            const std::string key = string();
            space();
            need(":");
            json member = value(level + 1);
            result[key] = std::move(member);
            space();
        } while (take(","));
        need("}");
        return result;
    }

    void digits() {
        if (peek() < '0' || peek() > '9') throw Malformed();
        while (peek() >= '0' && peek() <= '9') ++at_;
    }

    json number() {
        const std::size_t begin = at_;
        bool whole = true;
        take("-");
        if (!take("0")) digits();
        if (take(".")) {
            whole = false;
            digits();
        }
        if (take("e") || take("E")) {
            whole = false;
            if (!take("+")) take("-");
            digits();
        }
        const std::string number = text_.substr(begin, at_ - begin);
        if (whole) {
            try {
                if (number[0] == '-') return static_cast<std::int64_t>(std::stoll(number));
                return static_cast<std::uint64_t>(std::stoull(number));
            } catch (const std::out_of_range&) {
            }
        }
        const double result = std::strtod(number.c_str(), nullptr);
        if (std::isinf(result)) throw Malformed();
        return result;
    }

    unsigned hex4() {
        unsigned result = 0;
        for (int i = 0; i < 4; ++i, ++at_) {
            const int c = peek();
            const std::string all = "0123456789abcdefABCDEF";
            const std::size_t found = c < 1 ? std::string::npos : all.find(static_cast<char>(c));
            if (found == std::string::npos) throw Malformed();
            result = result * 16 + static_cast<unsigned>(found < 16 ? found : found - 6);
        }
        return result;
    }

    static void append_utf8(std::string& to, unsigned point) {
        const auto put = [&](unsigned byte) { to += static_cast<char>(byte); };
        if (point < 0x80) {
            put(point);
        } else if (point < 0x800) {
            put(0xC0 | point >> 6);
            put(0x80 | (point & 63));
        } else if (point < 0x10000) {
            put(0xE0 | point >> 12);
            put(0x80 | (point >> 6 & 63));
            put(0x80 | (point & 63));
        } else {
            put(0xF0 | point >> 18);
            put(0x80 | (point >> 12 & 63));
            put(0x80 | (point >> 6 & 63));
            put(0x80 | (point & 63));
        }
    }

    /// One code point of more than a byte: what encodes to the same bytes again is well formed.
    void multi_byte(std::string& to) {
        const unsigned first = static_cast<unsigned>(peek());
        const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
        const std::string bytes = text_.substr(at_, size);
        unsigned point = first & (0xFFU >> (size + 1));
        for (std::size_t i = 1; i < bytes.size(); ++i)
            point = point << 6 | (static_cast<unsigned char>(bytes[i]) & 63U);
        std::string again;
        append_utf8(again, point);
        if (again != bytes || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) throw Malformed();
        to += bytes;
        at_ += size;
    }

    std::string string() {
        need("\"");
        std::string result;
        while (!take("\"")) {
            if (peek() < 0x20) throw Malformed();
            if (peek() >= 0x80) {
                multi_byte(result);
            } else if (take("\\u")) {
                unsigned point = hex4();
                if (point >= 0xD800 && point <= 0xDFFF) {
                    const std::size_t behind = at_;
                    const unsigned low = point < 0xDC00 && take("\\u") ? hex4_or_0() : 0;
                    if (low >= 0xDC00 && low <= 0xDFFF) {
                        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
                    } else {
                        point = 0xFFFD;
                        at_ = behind;
                    }
                }
                append_utf8(result, point);
            } else if (take("\\")) {
                const std::string names = "\"\\/bfnrt", values = "\"\\/\b\f\n\r\t";
                const std::size_t found = peek() < 1 ? std::string::npos : names.find(static_cast<char>(peek()));
                if (found == std::string::npos) throw Malformed();
                result += values[found];
                ++at_;
            } else {
                result += text_[at_++];
            }
        }
        return result;
    }

    unsigned hex4_or_0() {
        try {
            return hex4();
        } catch (const Malformed&) {
            return 0;  // read again, as what it is, and refused then
        }
    }

    const std::string& text_;
    std::size_t at_ = 0;
};

struct Event {
    std::string id, type;
    std::optional<std::string> created_at, org_id, api_version;
    std::optional<bool> livemode;
    nlohmann::json data, extra;
    std::string message_id;  // of a delivery: what was signed
    std::int64_t signed_at = 0;
};

inline std::optional<Event> read_event(const std::string& body) {
    std::optional<nlohmann::json> json = JsonReader::read(body);
    if (!json || !json->is_object()) return std::nullopt;
    Event event;
    const auto take_string = [&](const char* name) {
        std::optional<std::string> result;
        if (json->contains(name) && (*json)[name].is_string()) {
            result = (*json)[name].get<std::string>();
            json->erase(name);
        }
        return result;
    };
    const auto id = take_string("id"), type = take_string("type");
    if (!id || id->empty() || id->size() > 256) return std::nullopt;
    if (!type || type->empty() || type->size() > 256) return std::nullopt;
    event.id = *id;
    event.type = *type;
    event.created_at = take_string("created_at");
    event.org_id = take_string("org_id");
    event.api_version = take_string("api_version");
    if (json->contains("livemode") && (*json)["livemode"].is_boolean()) {
        event.livemode = (*json)["livemode"].get<bool>();
        json->erase("livemode");
    }
    if (json->contains("data") && !(*json)["data"].is_null()) {
        event.data = (*json)["data"];
        json->erase("data");
    }
    if (!json->empty()) event.extra = *json;
    return event;
}

// ---- The delivery ----

inline std::string trim(const std::string& text) {
    const std::size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string::npos) return "";
    return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

inline std::string lower(std::string text) {
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    return text;
}

struct Delivery {
    std::string secrets;
    Headers headers;
    std::string body;
    std::int64_t now = 0;          // seconds
    std::int64_t nanoseconds = 0;  // that have gone by since that second
    std::int64_t tolerance = 300;
    std::optional<std::string> raw_key;  // the HMAC key itself, instead of secrets
};

inline std::optional<Keys> read_keys(const Delivery& delivery) {
    if (!delivery.raw_key) return read_secrets(delivery.secrets);
    if (delivery.raw_key->empty()) return std::nullopt;
    return Keys{{*delivery.raw_key}, {}};
}

/// The code that the library must give for this delivery, and where it is accepted, the event.
inline Errc verify(const Delivery& delivery, std::optional<Event>& event, bool parse = true) {
    const std::optional<Keys> keys = read_keys(delivery);
    if (!keys) return Errc::invalid_secret;

    std::string id, timestamp, signature;
    bool twice = false;
    for (const std::string family : {"svix-", "webhook-"}) {
        const auto find = [&](const std::string& name) {
            std::string value;
            int count = 0;
            for (const auto& [key, text] : delivery.headers) {
                if (lower(key) != family + name) continue;
                ++count;
                if (value.empty()) value = trim(text);
            }
            if (count > 1) twice = true;
            return value;
        };
        twice = false;
        id = find("id");
        timestamp = find("timestamp");
        signature = find("signature");
        if (!id.empty() || !timestamp.empty() || !signature.empty()) break;
    }
    if (id.empty() || timestamp.empty() || signature.empty()) return Errc::missing_header;

    if (twice) return Errc::malformed_header;
    if (id.size() > 256) return Errc::malformed_header;
    for (const char c : id)
        if (c <= ' ' || c >= 127 || c == '.') return Errc::malformed_header;
    if (timestamp.find_first_not_of("0123456789") != std::string::npos) return Errc::malformed_header;
    if (timestamp.size() > 12 || timestamp[0] == '0') return Errc::malformed_header;
    if (signature.size() > 8 * 1024) return Errc::malformed_header;

    const std::int64_t signed_at = std::stoll(timestamp);
    const std::int64_t tolerance = delivery.tolerance < 0 ? 0 : delivery.tolerance;
    if (delivery.now - signed_at > tolerance) return Errc::timestamp_too_old;
    if (signed_at - delivery.now > tolerance) return Errc::timestamp_too_new;

    if (!signature_matches(*keys, signature, id + "." + timestamp + "." + delivery.body))
        return Errc::signature_mismatch;
    if (!parse) return accepted;
    event = read_event(delivery.body);
    if (!event) return Errc::malformed_event;
    event->message_id = id;
    event->signed_at = signed_at;
    return accepted;
}

}  // namespace model
