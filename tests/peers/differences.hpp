// SPDX-License-Identifier: MIT
#pragma once

// Where the library and the official libraries of other languages do not say the same, and why. Each row has an
// example, of which exactly the languages of the row say something else than we do; a difference of a random
// delivery must fit the condition and the languages of a row. Nothing else may differ.
//
// Not compared, since the drivers decide it: which header family the Rust crate gets (it knows one).

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "../model/model.hpp"

namespace peers {

using model::Delivery;
using pivotal::Errc;

/// What the conditions below look at.
struct Facts {
    Facts(const Delivery& delivery, Errc code) : ours(code), body(delivery.body) {
        std::istringstream words(delivery.secrets);
        for (std::string word; words >> word;) secrets.push_back(word);
        for (const auto& [name, value] : delivery.headers) {
            std::string lower = name;
            for (char& c : lower)
                if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
            headers[lower].push_back(value);
        }
        const bool svix =
            !first("svix-id").empty() || !first("svix-timestamp").empty() || !first("svix-signature").empty();
        family = svix ? "svix-" : "webhook-";
    }

    static std::string trimmed(const std::string& value) {
        const std::size_t begin = value.find_first_not_of(" \t"), end = value.find_last_not_of(" \t");
        return begin == std::string::npos ? "" : value.substr(begin, end - begin + 1);
    }

    /// The first value of a header that is not empty, without the white space around it.
    std::string first(const std::string& name) const {
        const auto found = headers.find(name);
        if (found != headers.end())
            for (const std::string& value : found->second)
                if (!trimmed(value).empty()) return trimmed(value);
        return "";
    }
    std::string id() const { return first(family + "id"); }
    std::string timestamp() const { return first(family + "timestamp"); }
    std::vector<std::string> parts() const { return model::split(first(family + "signature"), ' '); }

    /// Whether `condition` holds for a value of one of the six headers.
    template <class Condition>
    bool any_value(Condition condition) const {
        for (const char* name : {"svix-id", "svix-timestamp", "svix-signature", "webhook-id",
                                 "webhook-timestamp", "webhook-signature"}) {
            const auto found = headers.find(name);
            if (found != headers.end() && std::any_of(found->second.begin(), found->second.end(), condition))
                return true;
        }
        return false;
    }

    Errc ours;
    std::string body, family;
    std::vector<std::string> secrets;
    std::map<std::string, std::vector<std::string>> headers;
};

/// Of base64 of which the other libraries are patient, the number of bytes.
inline std::size_t bytes_of(std::string secret) {
    if (secret.rfind("whsec_", 0) == 0) secret.erase(0, 6);
    return static_cast<std::size_t>(
               std::count_if(secret.begin(), secret.end(), [](char c) { return c != '='; })) *
           3 / 4;
}

inline bool is_strict(const std::string& secret) {
    return model::decode_base64(secret.rfind("whsec_", 0) == 0 ? secret.substr(6) : secret).has_value();
}

/// Whether a header of the family is there twice, and that is why it is refused.
inline bool twice(const Facts& facts) {
    if (facts.ours != Errc::malformed_header) return false;
    for (const char* name : {"id", "timestamp", "signature"}) {
        const auto found = facts.headers.find(facts.family + name);
        if (found != facts.headers.end() && found->second.size() > 1) return true;
    }
    return false;
}

inline bool is_utf8(const std::string& text) {
    try {
        (void)nlohmann::json(text).dump();
        return true;
    } catch (const nlohmann::json::exception&) {
        return false;
    }
}

/// A valid delivery, which the examples change.
struct Example {
    explicit Example(std::int64_t time)
        : now(time), timestamp(std::to_string(time)), key("0123456789abcdefghijklmn") {}

    std::string signature(const std::string& content) const {
        return "v1," + model::hmac_signature(key, content);
    }
    std::string signature() const { return signature(id + "." + timestamp + "." + body); }
    Delivery with(const std::string& header) const {
        Delivery delivery;
        delivery.now = now;
        delivery.secrets = "whsec_" + model::encode_base64(key);
        delivery.headers = {{"svix-id", id}, {"svix-timestamp", timestamp}, {"svix-signature", header}};
        delivery.body = body;
        return delivery;
    }
    Delivery delivery() const { return with(signature()); }

    std::int64_t now;
    std::string id = "msg_1", timestamp, key, body = R"({"id":"evt_1","type":"a.b"})";
};

struct Difference {
    const char* what;
    const char* reason;
    std::vector<std::string> languages;
    bool (*applies)(const Facts&);
    Delivery (*example)(Example);
};

/// What others accept and we refuse.
inline const std::vector<Difference>& stricter() {
    static const std::vector<Difference> rows = {
        {"a secret of less than 24 bytes or more than 75",
         "the specification asks for 24 to 64, Svix's server makes up to 75: another length was cut while copying",
         {"javascript", "python", "go", "rust", "java"},
         [](const Facts& facts) {
             return facts.ours == Errc::invalid_secret &&
                    std::any_of(facts.secrets.begin(), facts.secrets.end(), [](const std::string& secret) {
                        return bytes_of(secret) < 24 || bytes_of(secret) > 75;
                    });
         },
         [](Example e) {
             e.key = "short";
             return e.delivery();
         }},
        {"a secret that decodes to nothing",
         "anybody can sign with an empty key",
         {"javascript", "go", "rust"},
         [](const Facts& facts) {
             return facts.ours == Errc::invalid_secret &&
                    std::any_of(facts.secrets.begin(), facts.secrets.end(),
                                [](const std::string& secret) { return bytes_of(secret) == 0; });
         },
         [](Example e) {
             e.key = "";
             return e.delivery();
         }},
        {"a secret that is not strict base64: here, bits behind its end",
         "what two texts decode to is one of them mistyped",
         {"javascript", "python", "go", "java"},
         [](const Facts& facts) {
             return facts.ours == Errc::invalid_secret &&
                    !std::all_of(facts.secrets.begin(), facts.secrets.end(), is_strict);
         },
         [](Example e) {
             e.key = "0123456789abcdefghijklmno";  // ends with bw==
             Delivery delivery = e.delivery();
             delivery.secrets.replace(delivery.secrets.size() - 3, 1, "x");
             return delivery;
         }},
        {"several secrets of which one is malformed",
         "a mistake of the configuration shows when the service starts, not when the other secret goes",
         {"javascript", "python", "go", "rust", "java"},
         [](const Facts& facts) { return facts.ours == Errc::invalid_secret && facts.secrets.size() > 1; },
         [](Example e) {
             Delivery delivery = e.delivery();
             delivery.secrets += " whsec_!";
             return delivery;
         }},
        {"an id with a dot, longer than 256, or with anything but visible ASCII",
         "a dot lets a signed message be split in another place; the rest is no id of Svix, and ends in logs",
         {"javascript", "python", "go", "rust", "java"},
         [](const Facts& facts) {
             const std::string id = facts.id();
             return facts.ours == Errc::malformed_header &&
                    (id.size() > 256 || std::any_of(id.begin(), id.end(),
                                                    [](char c) { return c <= ' ' || c > '~' || c == '.'; }));
         },
         [](Example e) {
             e.id = "msg.1";
             return e.delivery();
         }},
        {"a timestamp with a sign or leading zeros",
         "one time has one form; what is signed is compared as it was sent",
         {"javascript", "python", "go", "rust", "java"},
         [](const Facts& facts) {
             const std::string text = facts.timestamp();
             const std::size_t digits = text[0] == '+' ? 1 : 0;
             return facts.ours == Errc::malformed_header && (digits == 1 || text[0] == '0') &&
                    text.find_first_not_of("0123456789", digits) == std::string::npos;
         },
         [](Example e) {
             const std::string header = e.signature();
             e.timestamp = "+0" + e.timestamp;
             return e.with(header);
         }},
        {"the smallest 64-bit timestamps",
         "an age that overflows is no age; no time before 1970 was ever signed",
         {"rust"},
         [](const Facts& facts) {
             return facts.ours == Errc::malformed_header && facts.timestamp()[0] == '-';
         },
         [](Example e) {
             e.timestamp = "-9223372036854775808";
             return e.delivery();
         }},
        {"a timestamp with a fraction, or letters behind the digits",
         "the same",
         {"javascript", "python"},
         [](const Facts& facts) {
             return facts.ours == Errc::malformed_header &&
                    facts.timestamp().find_first_not_of("0123456789") != std::string::npos;
         },
         [](Example e) {
             const std::string header = e.signature();
             e.timestamp += ".5";
             return e.with(header);
         }},
        {"a signature header of more than 8 KiB",
         "no sender needs it, and work for strangers has a bound",
         {"javascript", "python", "go", "rust", "java"},
         [](const Facts& facts) {
             return facts.ours == Errc::malformed_header &&
                    facts.first(facts.family + "signature").size() > 8192;
         },
         [](Example e) {
             std::string many;
             while (many.size() < 8192) many += "v2,AAAA ";
             return e.with(many + e.signature());
         }},
        {"one of the headers twice",
         "which of the two counts would depend on the server",
         {"go", "rust", "java"},
         twice,
         [](Example e) {
             Delivery delivery = e.delivery();
             delivery.headers.emplace_back("svix-id", "msg_2");
             return delivery;
         }},
        {"one of the headers twice, where the server joins the two and the first part is good",
         "the same",
         {"javascript", "python", "go", "rust", "java"},
         twice,
         [](Example e) {
             Delivery delivery = e.with(e.signature() + " v2,x");
             delivery.headers.push_back(delivery.headers.back());
             return delivery;
         }},
        {"an id that is empty, and was signed so",
         "empty counts as absent, and an id is what tells deliveries apart",
         {"rust", "java"},
         [](const Facts& facts) { return facts.ours == Errc::missing_header && facts.id().empty(); },
         [](Example e) {
             e.id = "";
             return e.delivery();
         }},
        {"an incomplete svix- family beside a complete webhook- family",
         "otherwise an id that nobody signed stands beside a valid delivery, where a program may read it",
         {"go", "java"},
         [](const Facts& facts) { return facts.ours == Errc::missing_header && facts.family == "svix-"; },
         [](Example e) {
             Delivery delivery = e.delivery();
             for (auto& [name, value] : delivery.headers) name = "webhook-" + name.substr(5);
             delivery.headers.emplace_back("svix-id", "msg_2");
             return delivery;
         }},
        {"a triple made of headers of both families",
         "one delivery has one family",
         {"javascript", "python"},
         [](const Facts& facts) { return facts.ours == Errc::missing_header && facts.family == "svix-"; },
         [](Example e) {
             Delivery delivery = e.delivery();
             delivery.headers[0].first = "webhook-id";
             return delivery;
         }},
        {"a signature with junk in its base64, more padding, or bits behind its end",
         "a signature has one form; whoever remembers those that were seen would not know this one",
         {"python"},
         [](const Facts& facts) {
             const std::vector<std::string> parts = facts.parts();
             return facts.ours == Errc::signature_mismatch &&
                    std::any_of(parts.begin(), parts.end(), [](const std::string& part) {
                        return part.rfind("v1,", 0) == 0 && !model::decode_base64(part.substr(3));
                    });
         },
         [](Example e) {
             std::string header = e.signature();
             header.insert(10, "!");
             return e.with(header);
         }},
        {"a body in which U+FFFD was signed and bytes that are no UTF-8 arrive",
         "two bodies would have one signature: the body is bytes",
         {"javascript", "java"},
         [](const Facts& facts) { return facts.ours == Errc::signature_mismatch && !is_utf8(facts.body); },
         [](Example e) {
             e.body = "{\"id\":\"evt_\xef\xbf\xbd\",\"type\":\"a.b\"}";
             const std::string header = e.signature();
             e.body = "{\"id\":\"evt_\xff\",\"type\":\"a.b\"}";
             return e.with(header);
         }},
        {"a header whose value was signed with white space around it",
         "HTTP cannot carry that: white space around a value is not part of it (RFC 9110, 5.5)",
         {"javascript", "python", "go", "rust", "java"},
         [](const Facts& facts) {
             return facts.ours == Errc::signature_mismatch &&
                    facts.any_value([](const std::string& value) { return value != Facts::trimmed(value); });
         },
         [](Example e) {
             e.id = " " + e.id;
             return e.delivery();
         }},
    };
    return rows;
}

/// What we accept and others refuse: there is a sender, a server or a body for each.
inline const std::vector<Difference>& wider() {
    static const std::vector<Difference> rows = {
        {"an Ed25519 signature",
         "v1a is part of the specification",
         {"javascript", "python", "go", "rust", "java"},
         [](const Facts& facts) {
             return std::any_of(facts.secrets.begin(), facts.secrets.end(),
                                [](const std::string& secret) { return secret.rfind("whpk_", 0) == 0; });
         },
         nullptr},
        {"pairs of version and signature joined by commas",
         "a page of Pivotal's documentation shows them so",
         {"javascript", "python", "go", "rust", "java"},
         [](const Facts& facts) {
             const std::vector<std::string> parts = facts.parts();
             return std::any_of(parts.begin(), parts.end(), [](const std::string& part) {
                 return std::count(part.begin(), part.end(), ',') > 1;
             });
         },
         [](Example e) {
             return e.with("v1," + model::encode_base64(std::string(32, 'x')) + "," + e.signature());
         }},
        {"a malformed part before the good one: here, one without a comma",
         "versions to come are skipped, whatever they look like",
         {"python"},
         [](const Facts& facts) { return facts.parts().size() > 1; },
         [](Example e) { return e.with("v3 " + e.signature()); }},
        {"white space around a header's value",
         "it is not part of the value (RFC 9110, 5.5), and half of the C++ servers leave it there",
         {"javascript", "python", "go", "rust", "java"},
         [](const Facts& facts) {
             return facts.any_value([](const std::string& value) { return value != Facts::trimmed(value); });
         },
         [](Example e) {
             Delivery delivery = e.delivery();
             for (auto& [name, value] : delivery.headers) value = "\t" + value + " ";
             return delivery;
         }},
        {"an empty svix- header beside a webhook- family",
         "empty counts as absent: C servers say so of an absent header",
         {"javascript", "python"},
         [](const Facts& facts) {
             return facts.any_value([](const std::string& value) { return Facts::trimmed(value).empty(); });
         },
         [](Example e) {
             Delivery delivery = e.delivery();
             for (auto& [name, value] : delivery.headers) name = "webhook-" + name.substr(5);
             delivery.headers.emplace_back("svix-id", "");
             return delivery;
         }},
        {"a malformed part with bytes that are no visible ASCII",
         "versions to come are skipped, whatever they look like",
         {"rust"},
         [](const Facts& facts) {
             return facts.any_value([](const std::string& value) {
                 return std::any_of(value.begin(), value.end(), [](char c) { return c < ' ' || c > '~'; });
             });
         },
         [](Example e) { return e.with("v3,\x7f " + e.signature()); }},
        {"a signed body that is no UTF-8",
         "what is signed is bytes",
         {"javascript", "python", "rust", "java"},
         [](const Facts& facts) { return !is_utf8(facts.body); },
         [](Example e) {
             e.body = "\xff";
             return e.delivery();
         }},
        {"a secret without its padding",
         "many tools write base64 so, and nothing is ambiguous about it",
         {"go", "rust"},
         [](const Facts& facts) {
             return std::any_of(facts.secrets.begin(), facts.secrets.end(), [](const std::string& secret) {
                 return secret.back() != '=' &&
                        (secret.size() - (secret.rfind("whsec_", 0) == 0 ? 6 : 0)) % 4 != 0;
             });
         },
         [](Example e) {
             e.key += "o";
             Delivery delivery = e.delivery();
             delivery.secrets.erase(delivery.secrets.find('='));
             return delivery;
         }},
    };
    return rows;
}

}  // namespace peers
