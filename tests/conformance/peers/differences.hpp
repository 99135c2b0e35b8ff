// SPDX-License-Identifier: MIT
#pragma once

// Where the library and the official libraries of other languages do not say the same, and why. Each row has an
// example, of which exactly the languages of the row say something else than we do. A row names one cause, as a
// change that takes it out of a delivery: a difference is that row's if the one that refused accepts the delivery
// once the cause is gone. Nothing else may differ, and each row must come up.
//
// Not compared, since the drivers decide it: which header family the Rust crate gets (it knows one).

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "../model/cases.hpp"
#include "../model/model.hpp"

namespace peers {

using model::Delivery;
using model::trim;
using pivotal::Errc;

// ---- A delivery's headers ----

inline std::string family_of(const Delivery& delivery) {
    for (const auto& [name, value] : delivery.headers)
        for (const char* svix : {"svix-id", "svix-timestamp", "svix-signature"})
            if (model::lower(name) == svix && !trim(value).empty()) return "svix-";
    return "webhook-";
}

/// The value that counts of a header `svix-<last>` or `webhook-<last>`: the first that is not empty, or else one
/// that is, or null.
inline std::string* find(Delivery& delivery, const std::string& last) {
    const std::string name = family_of(delivery) + last;
    std::string* found = nullptr;
    for (auto& [key, value] : delivery.headers)
        if (model::lower(key) == name && (!found || trim(*found).empty())) found = &value;
    return found;
}

inline std::string value_of(Delivery delivery, const std::string& last) {
    const std::string* const value = find(delivery, last);
    return value ? trim(*value) : "";
}

/// Whether there are all three headers of `family`, with values of which `counts(value)`.
template <class Counts> bool has_all(const Delivery& delivery, const std::string& family, Counts counts) {
    for (const char* last : {"id", "timestamp", "signature"})
        if (std::none_of(delivery.headers.begin(), delivery.headers.end(), [&](const auto& header) {
                return model::lower(header.first) == family + last && counts(header.second);
            }))
            return false;
    return true;
}

template <class Condition> void erase_headers(Delivery& delivery, Condition condition) {
    auto& headers = delivery.headers;
    headers.erase(
        std::remove_if(headers.begin(), headers.end(),
                       [&](const auto& header) { return condition(model::lower(header.first), header.second); }),
        headers.end());
}

inline bool is_signing_header(const std::string& name) {
    for (const char* family : {"svix-", "webhook-"})
        for (const char* last : {"id", "timestamp", "signature"})
            if (name == std::string(family) + last) return true;
    return false;
}

/// Of a header that is there twice, only the first stays.
inline void keep_first(Delivery& delivery, const std::string& last) {
    const std::string name = family_of(delivery) + last;
    bool kept = false;
    erase_headers(delivery, [&](const std::string& key, const std::string&) {
        const bool goes = key == name && kept;
        kept = kept || key == name;
        return goes;
    });
}

/// Changes the timestamp by `change(text)`.
template <class Change> void change_timestamp(Delivery& delivery, Change change) {
    const std::string text = value_of(delivery, "timestamp"), changed = change(text);
    if (changed != text) *find(delivery, "timestamp") = changed;
}

/// Changes each part of the signature header by `change(part)`; a part that becomes empty is left out.
template <class Change> void change_parts(Delivery& delivery, Change change) {
    const std::string header = value_of(delivery, "signature");
    std::string changed;
    for (const std::string& part : model::split(header, ' ')) {
        const std::string now = change(part);
        changed += (changed.empty() || now.empty() ? "" : " ") + now;
    }
    if (changed != header) *find(delivery, "signature") = changed;
}

// ---- Keys and signatures ----

inline const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The letters of base64 as the most patient, which is Python, reads it: what is no letter is left out, and a group
/// that is padded is the last.
inline std::string letters_of(const std::string& text) {
    std::string letters;
    std::size_t padding = 0;
    for (const char c : text) {
        if (alphabet.find(c) != std::string::npos) {
            letters += c;
            padding = 0;
        } else if (c == '=' && letters.size() % 4 >= 2 && letters.size() % 4 + ++padding >= 4) {
            break;
        }
    }
    return letters;
}

/// What it reads, in the one strict form.
inline std::string strict(const std::string& text) {
    std::string letters = letters_of(text);
    if (letters.size() % 4 == 1) letters.pop_back();
    if (letters.size() % 4 != 0) {
        const std::size_t mask = letters.size() % 4 == 2 ? 0x30 : 0x3C;
        letters.back() = alphabet[alphabet.find(letters.back()) & mask];
    }
    return letters.append((4 - letters.size() % 4) % 4, '=');
}

inline std::vector<std::string> words(const std::string& secrets) {
    std::vector<std::string> result;
    std::istringstream in(secrets);
    for (std::string word; in >> word;) result.push_back(word);
    return result;
}

inline bool is_public_key(const std::string& secret) {
    return secret.rfind("whpk_", 0) == 0;
}

inline std::string base64_of(const std::string& secret) {
    return secret.rfind("whsec_", 0) == 0 ? secret.substr(6) : secret;
}

inline std::string key_of(const std::string& secret) {
    return *model::decode_base64(strict(base64_of(secret)));
}

/// Changes the base64 of each HMAC secret by `change(base64)`.
template <class Change> void change_secrets(Delivery& delivery, Change change) {
    std::string changed;
    for (const std::string& secret : words(delivery.secrets)) {
        const std::string base64 = base64_of(secret), prefix = secret.substr(0, secret.size() - base64.size());
        changed += (changed.empty() ? "" : " ") + (is_public_key(secret) ? secret : prefix + change(base64));
    }
    if (words(changed) != words(delivery.secrets)) delivery.secrets = changed;
}

/// What is signed. The white space around an id is part of it for the others: where that was not signed, they
/// refuse.
inline std::string content(Delivery delivery) {
    const std::string* const id = find(delivery, "id");
    return (id ? *id : "") + "." + value_of(delivery, "timestamp") + "." + delivery.body;
}

/// Puts into `to` signatures of its own wherever `from` has them. Both have as many secrets.
inline void sign_again(const Delivery& from, Delivery& to) {
    const std::vector<std::string> before = words(from.secrets), after = words(to.secrets);
    std::string* const header = find(to, "signature");
    for (std::size_t i = 0; header && i < before.size(); ++i) {
        const std::string old = model::hmac_signature(key_of(before[i]), content(from));
        const std::string now = model::hmac_signature(key_of(after[i]), content(to));
        for (std::size_t at = header->find(old); at != std::string::npos; at = header->find(old, at + 1))
            header->replace(at, old.size(), now);
    }
}

/// Changes the id by `change(id)`, which gets the white space around it too, and signs again.
template <class Change> void change_id(Delivery& delivery, Change change) {
    std::string* const id = find(delivery, "id");
    if (!id) return;
    const Delivery from = delivery;
    const std::string old = *id, changed = change(old);
    if (changed == old) return;
    *id = changed;
    sign_again(from, delivery);
}

/// Puts `_` in the place of each character of the id of which `wrong(c)`, and signs again.
template <class Wrong> void change_id_characters(Delivery& delivery, Wrong wrong) {
    change_id(delivery, [&](const std::string& id) {
        std::string changed = trim(id);
        std::replace_if(changed.begin(), changed.end(), wrong, '_');
        return changed == trim(id) ? id : changed;
    });
}

/// Puts another key in the place of each of which `unfit(size)`, and signs again.
template <class Unfit> void change_keys(Delivery& delivery, Unfit unfit) {
    const Delivery from = delivery;
    change_secrets(delivery, [&](const std::string& base64) {
        return unfit(key_of(base64).size()) ? model::encode_base64("another key, of 24 bytes") : base64;
    });
    sign_again(from, delivery);
}

/// With U+FFFD for what is no UTF-8.
inline std::string as_utf8(const std::string& text) {
    return nlohmann::json::parse(nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace))
        .get<std::string>();
}

inline bool same(const Delivery& a, const Delivery& b) {
    return a.secrets == b.secrets && a.headers == b.headers && a.body == b.body;
}

// ---- The rows ----

/// A valid delivery, which the examples change.
struct Example {
    explicit Example(std::int64_t time) : now(time), timestamp(std::to_string(time)), key("0123456789abcdefghijklmn") {}

    std::string content() const { return id + "." + timestamp + "." + body; }
    std::string signature() const { return "v1," + model::hmac_signature(key, content()); }
    Delivery with(const std::string& header) const {
        Delivery delivery;
        delivery.now = now;
        delivery.secrets = "whsec_" + model::encode_base64(key);
        delivery.headers = {{"svix-id", id}, {"svix-timestamp", timestamp}, {"svix-signature", header}};
        delivery.body = body;
        return delivery;
    }
    Delivery delivery() const { return with(signature()); }
    /// With the good signature for a timestamp that reads `text`.
    Delivery with_timestamp(const std::string& text) const {
        Delivery result = delivery();
        result.headers[1].second = text;
        return result;
    }
    Delivery with_secret(const std::string& secret) const {
        Delivery result = delivery();
        result.secrets = secret;
        return result;
    }
    Delivery with_webhook_names() const {
        Delivery result = delivery();
        for (auto& [name, value] : result.headers) name = "webhook-" + name.substr(5);
        return result;
    }

    std::int64_t now;
    std::string id = "msg_1", timestamp, key, body = R"({"id":"evt_1","type":"a.b"})";
};

struct Difference {
    const char* what;
    const char* reason;
    std::vector<std::string> languages;
    void (*undo)(Delivery&);  // takes the cause out; changes nothing where it is not there
    Delivery (*example)(const Example&);

    bool has(const std::string& language) const {
        return std::find(languages.begin(), languages.end(), language) != languages.end();
    }
};

/// What others accept and we refuse. Where a delivery has several causes they are undone in this order: what signs
/// again needs the headers and the timestamp that count.
inline const std::vector<Difference>& stricter() {
    static const std::vector<Difference> rows = {
        {"an incomplete svix- family beside a complete webhook- family",
         "otherwise an id that nobody signed stands beside a valid delivery, where a program may read it",
         {"go", "java"},
         [](Delivery& delivery) {
             const auto says_something = [](const std::string& value) { return !trim(value).empty(); };
             const auto is_there = [](const std::string&) { return true; };
             if (has_all(delivery, "svix-", says_something) || !has_all(delivery, "webhook-", is_there)) return;
             erase_headers(delivery, [](const std::string& name, const std::string&) {
                 return is_signing_header(name) && name.rfind("svix-", 0) == 0;
             });
         },
         [](const Example& e) {
             Delivery delivery = e.with_webhook_names();
             delivery.headers.emplace_back("svix-id", "msg_2");
             return delivery;
         }},
        {"a triple made of headers of both families",
         "one delivery has one family",
         {"javascript", "python"},
         [](Delivery& delivery) {
             if (family_of(delivery) == "webhook-") return;
             for (const char* last : {"id", "timestamp", "signature"})
                 if (!find(delivery, last))
                     for (auto& [name, value] : delivery.headers)
                         if (model::lower(name) == std::string("webhook-") + last) name = std::string("svix-") + last;
         },
         [](const Example& e) {
             Delivery delivery = e.delivery();
             delivery.headers[0].first = "webhook-id";
             return delivery;
         }},
        {"the id twice",
         "which of the two counts would depend on the server",
         {"go", "rust", "java"},
         [](Delivery& delivery) { keep_first(delivery, "id"); },
         [](const Example& e) {
             Delivery delivery = e.delivery();
             delivery.headers.emplace_back("svix-id", "msg_2");
             return delivery;
         }},
        {"the timestamp twice",
         "the same",
         {"javascript", "go", "rust", "java"},
         [](Delivery& delivery) { keep_first(delivery, "timestamp"); },
         [](const Example& e) {
             Delivery delivery = e.delivery();
             delivery.headers.emplace_back("svix-timestamp", e.timestamp);
             return delivery;
         }},
        {"the signature header twice, of which the first is good, or the server joins the two",
         "the same",
         {"javascript", "python", "go", "rust", "java"},
         [](Delivery& delivery) {
             const std::string name = family_of(delivery) + "signature";
             std::string all;
             for (const auto& [key, value] : delivery.headers)
                 if (model::lower(key) == name && !trim(value).empty()) all += (all.empty() ? "" : " ") + trim(value);
             keep_first(delivery, "signature");
             if (std::string* const header = find(delivery, "signature")) *header = all;
         },
         [](const Example& e) {
             Delivery delivery = e.with(e.signature() + " v2,x");
             delivery.headers.push_back(delivery.headers.back());
             return delivery;
         }},
        {"a timestamp with white space around it other than spaces and tabs",
         "HTTP knows no other around a value, and one time has one form",
         {"javascript", "python"},
         [](Delivery& delivery) {
             change_timestamp(delivery, [](const std::string& text) {
                 const char* const space = " \t\n\r\v\f\x1c\x1d\x1e\x1f\x85\xa0";
                 const std::size_t begin = text.find_first_not_of(space), end = text.find_last_not_of(space);
                 return begin == std::string::npos ? text : text.substr(begin, end - begin + 1);
             });
         },
         [](const Example& e) { return e.with_timestamp("\n" + e.timestamp); }},
        {"a timestamp with a fraction",
         "one time has one form; what is signed is compared as it was sent",
         {"javascript", "python"},
         [](Delivery& delivery) {
             change_timestamp(delivery, [](const std::string& text) {
                 const std::size_t dot = text.find('.');
                 return dot != std::string::npos && text.find_first_not_of("0123456789", dot + 1) == std::string::npos
                            ? text.substr(0, dot)
                            : text;
             });
         },
         [](const Example& e) { return e.with_timestamp(e.timestamp + ".5"); }},
        {"a timestamp with an underscore between its digits",
         "the same",
         {"python"},
         [](Delivery& delivery) {
             change_timestamp(delivery, [](std::string text) {
                 text.erase(std::remove(text.begin(), text.end(), '_'), text.end());
                 return text;
             });
         },
         [](const Example& e) { return e.with_timestamp(e.timestamp.substr(0, 4) + "_" + e.timestamp.substr(4)); }},
        {"a timestamp with an exponent of zero",
         "the same",
         {"javascript", "python"},
         [](Delivery& delivery) {
             change_timestamp(delivery, [](const std::string& text) {
                 const std::size_t e = text.find('e');
                 return e != std::string::npos && e + 1 < text.size() &&
                                text.find_first_not_of('0', e + 1) == std::string::npos
                            ? text.substr(0, e)
                            : text;
             });
         },
         [](const Example& e) { return e.with_timestamp(e.timestamp + "e0"); }},
        {"a timestamp with letters behind the digits",
         "the same",
         {"javascript"},
         [](Delivery& delivery) {
             change_timestamp(delivery, [](const std::string& text) {
                 const std::size_t digits = text[0] == '+' ? 1 : 0, end = text.find_first_not_of("0123456789", digits);
                 return end == std::string::npos || end == digits ? text : text.substr(0, end);
             });
         },
         [](const Example& e) { return e.with_timestamp(e.timestamp + "abc"); }},
        {"a timestamp with a sign or leading zeros",
         "the same",
         {"javascript", "python", "go", "rust", "java"},
         [](Delivery& delivery) {
             change_timestamp(delivery, [](const std::string& text) {
                 const std::size_t sign = text[0] == '+' ? 1 : 0, begin = text.find_first_not_of('0', sign);
                 return begin == std::string::npos ? text : text.substr(begin);
             });
         },
         [](const Example& e) { return e.with_timestamp("+0" + e.timestamp); }},
        {"the smallest 64-bit timestamps",
         "an age that overflows is no age; no time before 1970 was ever signed",
         {"rust"},
         [](Delivery& delivery) {
             const std::string text = value_of(delivery, "timestamp");
             const std::int64_t seconds = std::strtoll(text.c_str(), nullptr, 10);
             // Their age is more than the largest number.
             if (text != std::to_string(seconds) || seconds >= delivery.now - std::numeric_limits<std::int64_t>::max())
                 return;
             const Delivery from = delivery;
             *find(delivery, "timestamp") = std::to_string(delivery.now);
             sign_again(from, delivery);
         },
         [](const Example& e) {
             Example smallest = e;
             smallest.timestamp = "-9223372036854775808";
             return smallest.delivery();
         }},
        {"a signature with junk in its base64, more padding, or bits behind its end",
         "a signature has one form; whoever remembers those that were seen would not know this one",
         {"python"},
         [](Delivery& delivery) {
             change_parts(delivery, [](const std::string& part) {
                 if (part.rfind("v1,", 0) != 0 || model::decode_base64(part.substr(3))) return part;
                 return "v1," + strict(part.substr(3));
             });
         },
         [](const Example& e) {
             std::string header = e.signature();
             header.insert(10, "!");
             return e.with(header);
         }},
        {"a signature header of more than 8 KiB",
         "no sender needs it, and work for strangers has a bound",
         {"javascript", "python", "go", "rust", "java"},
         [](Delivery& delivery) {
             if (value_of(delivery, "signature").size() <= 8192) return;
             change_parts(delivery, [](const std::string& part) {
                 const std::vector<std::string> elements = model::split(part, ',');
                 return elements[0] == "v1" && elements.size() > 1 && elements[1].size() == 44 ? "v1," + elements[1]
                                                                                               : "";
             });
         },
         [](const Example& e) {
             std::string many;
             while (many.size() < 8192) many += "v2,AAAA ";
             return e.with(many + e.signature());
         }},
        {"a body in which U+FFFD was signed and bytes that are no UTF-8 arrive",
         "two bodies would have one signature: the body is bytes",
         {"javascript", "java"},
         [](Delivery& delivery) { delivery.body = as_utf8(delivery.body); },
         [](const Example& e) {
             Example replaced = e;
             replaced.body = "{\"id\":\"evt_\xef\xbf\xbd\",\"type\":\"a.b\"}";
             Delivery delivery = replaced.delivery();
             delivery.body = "{\"id\":\"evt_\xff\",\"type\":\"a.b\"}";
             return delivery;
         }},
        {"an id that was signed with white space around it",
         "HTTP cannot carry that: white space around a value is not part of it (RFC 9110, 5.5)",
         {"javascript", "python", "go", "rust", "java"},
         [](Delivery& delivery) {
             change_id(delivery, [](const std::string& id) {
                 return id.empty() ? id : trim(id).empty() ? "msg" : trim(id);
             });
         },
         [](const Example& e) {
             Example spaced = e;
             spaced.id = " " + e.id;
             return spaced.delivery();
         }},
        {"an id that is empty, and was signed so",
         "empty counts as absent, and an id is what tells deliveries apart",
         {"rust", "java"},
         [](Delivery& delivery) { change_id(delivery, [](const std::string& id) { return id.empty() ? "msg" : id; }); },
         [](const Example& e) {
             Example nameless = e;
             nameless.id = "";
             return nameless.delivery();
         }},
        {"an id with a dot",
         "a dot lets a signed message be split in another place",
         {"javascript", "python", "go", "rust", "java"},
         [](Delivery& delivery) { change_id_characters(delivery, [](char c) { return c == '.'; }); },
         [](const Example& e) {
             Example dotted = e;
             dotted.id = "msg.1";
             return dotted.delivery();
         }},
        {"an id of more than 256 characters",
         "it is no id of Svix, and ends in databases",
         {"javascript", "python", "go", "rust", "java"},
         [](Delivery& delivery) {
             change_id(delivery,
                       [](const std::string& id) { return trim(id).size() > 256 ? trim(id).substr(0, 256) : id; });
         },
         [](const Example& e) {
             Example large = e;
             large.id = std::string(257, 'x');
             return large.delivery();
         }},
        {"an id with white space inside",
         "it is no id of Svix, and ends in logs",
         {"javascript", "python", "go", "rust", "java"},
         [](Delivery& delivery) { change_id_characters(delivery, [](char c) { return c == ' ' || c == '\t'; }); },
         [](const Example& e) {
             Example spaced = e;
             spaced.id = "msg 1";
             return spaced.delivery();
         }},
        {"an id with a control character",
         "the same",
         {"javascript", "python", "go", "java"},
         [](Delivery& delivery) {
             change_id_characters(delivery, [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == '\x7f'; });
         },
         [](const Example& e) {
             Example broken = e;
             broken.id = "msg\n1";
             return broken.delivery();
         }},
        {"an id with bytes that are no ASCII",
         "the same",
         {"go"},
         [](Delivery& delivery) {
             change_id_characters(delivery, [](char c) { return static_cast<unsigned char>(c) > 127; });
         },
         [](const Example& e) {
             Example accented = e;
             accented.id = "msg_\xc3\xa9";
             return accented.delivery();
         }},
        {"a secret with junk in its base64",
         "what two texts decode to is one of them mistyped",
         {"python"},
         [](Delivery& delivery) {
             change_secrets(delivery, [](const std::string& base64) {
                 const std::string letters = letters_of(base64);
                 return letters.size() == base64.find_last_not_of('=') + 1 ? base64 : letters;
             });
         },
         [](const Example& e) {
             std::string secret = e.delivery().secrets;
             return e.with_secret(secret.insert(10, "!"));
         }},
        {"a secret with bits behind the end of its base64",
         "the same",
         {"javascript", "python", "go", "java"},
         [](Delivery& delivery) {
             change_secrets(delivery, [](const std::string& base64) {
                 const std::string once = strict(base64);
                 const std::size_t letters = once.find('=');
                 return letters != std::string::npos && base64.compare(0, letters - 1, once, 0, letters - 1) == 0 &&
                                base64[letters - 1] != once[letters - 1]
                            ? once.substr(0, letters) + base64.substr(letters)
                            : base64;
             });
         },
         [](const Example& e) {
             Example padded = e;
             padded.key += "o";  // ends with bw==
             Delivery delivery = padded.delivery();
             delivery.secrets.replace(delivery.secrets.size() - 3, 1, "x");
             return delivery;
         }},
        {"a secret with more padding than it needs, or half of it",
         "the same",
         {"javascript", "python"},
         [](Delivery& delivery) {
             change_secrets(delivery, [](const std::string& base64) {
                 const std::size_t end = base64.find_last_not_of('=') + 1;
                 return model::decode_base64(base64) ? base64 : base64.substr(0, end);
             });
         },
         [](const Example& e) { return e.with_secret(e.delivery().secrets + "="); }},
        {"a secret with one character too many at the end of its base64",
         "the same",
         {"javascript"},
         [](Delivery& delivery) {
             change_secrets(delivery, [](const std::string& base64) {
                 return base64.size() % 4 == 1 ? base64.substr(0, base64.size() - 1) : base64;
             });
         },
         [](const Example& e) { return e.with_secret(e.delivery().secrets + "A"); }},
        {"a secret of less than 24 bytes or more than 75",
         "the specification asks for 24 to 64, Svix's server makes up to 75: another length was cut while copying",
         {"javascript", "python", "go", "rust", "java"},
         [](Delivery& delivery) {
             change_keys(delivery, [](std::size_t size) { return size != 0 && (size < 24 || size > 75); });
         },
         [](const Example& e) {
             Example cut = e;
             cut.key = "short";
             return cut.delivery();
         }},
        {"a secret that decodes to nothing",
         "anybody can sign with an empty key",
         {"javascript", "go", "rust"},
         [](Delivery& delivery) { change_keys(delivery, [](std::size_t size) { return size == 0; }); },
         [](const Example& e) {
             Example empty = e;
             empty.key = "";
             return empty.delivery();
         }},
        {"several secrets of which one is malformed and another is good",
         "a mistake of the configuration shows when the service starts, not when the other secret goes",
         {"javascript", "python", "go", "rust", "java"},
         [](Delivery& delivery) {
             std::string good;
             for (const std::string& secret : words(delivery.secrets))
                 if (model::read_secrets(secret)) good += (good.empty() ? "" : " ") + secret;
             if (!good.empty() && words(good) != words(delivery.secrets)) delivery.secrets = good;
         },
         [](const Example& e) { return e.with_secret(e.delivery().secrets + " whsec_!"); }},
    };
    return rows;
}

/// What we accept and others refuse: there is a sender, a server or a body for each. Undone in this order.
inline const std::vector<Difference>& wider() {
    static const std::vector<Difference> rows = {
        {"white space around a header's value",
         "it is not part of the value (RFC 9110, 5.5), and half of the C++ servers leave it there",
         {"javascript", "python", "go", "rust", "java"},
         [](Delivery& delivery) {
             for (auto& [name, value] : delivery.headers)
                 if (is_signing_header(model::lower(name))) value = trim(value);
         },
         [](const Example& e) {
             Delivery delivery = e.delivery();
             for (auto& [name, value] : delivery.headers) value = "\t" + value + " ";
             return delivery;
         }},
        {"an empty svix- header beside a webhook- family",
         "empty counts as absent: C servers say so of an absent header",
         {"javascript", "python"},
         [](Delivery& delivery) {
             if (family_of(delivery) == "svix-") return;
             erase_headers(delivery, [](const std::string& name, const std::string&) {
                 return is_signing_header(name) && name.rfind("svix-", 0) == 0;
             });
         },
         [](const Example& e) {
             Delivery delivery = e.with_webhook_names();
             delivery.headers.emplace_back("svix-id", "");
             return delivery;
         }},
        {"an Ed25519 signature, and no HMAC signature that is good",
         "v1a is part of the specification",
         {"javascript", "python", "go", "rust", "java"},
         [](Delivery& delivery) {
             const auto keys = model::read_secrets(delivery.secrets);
             const std::string header = value_of(delivery, "signature"), text = content(delivery);
             if (!keys || model::signature_matches({keys->hmac, {}}, header, text)) return;
             // A good HMAC signature takes the place of each that is.
             const std::string key = "another key, of 24 bytes";
             change_parts(delivery, [&](const std::string& part) {
                 std::vector<std::string> elements = model::split(part, ',');
                 for (std::size_t i = 1; i < elements.size(); ++i)
                     if (elements[i - 1] == "v1a" &&
                         model::signature_matches({{}, keys->ed25519}, "v1a," + elements[i], text)) {
                         elements[i - 1] = "v1";
                         elements[i] = model::hmac_signature(key, text);
                     }
                 std::string changed = elements[0];
                 for (std::size_t i = 1; i < elements.size(); ++i) changed += "," + elements[i];
                 return changed;
             });
             if (value_of(delivery, "signature") == header) return;
             delivery.secrets += " whsec_" + model::encode_base64(key);
         },
         [](const Example& e) {
             const model::Signer signer(std::string(32, 's'));
             Delivery delivery = e.with("v1a," + model::encode_base64(signer.sign(e.content())));
             delivery.secrets = "whpk_" + model::encode_base64(signer.public_key());
             return delivery;
         }},
        {"pairs of version and signature joined by commas",
         "a page of Pivotal's documentation shows them so",
         {"javascript", "python", "go", "rust", "java"},
         [](Delivery& delivery) {
             change_parts(delivery, [](const std::string& part) {
                 const std::vector<std::string> elements = model::split(part, ',');
                 if (elements.size() <= 2) return part;
                 std::string pairs;
                 for (std::size_t i = 1; i < elements.size(); ++i)
                     if (elements[i - 1] == "v1" || elements[i - 1] == "v1a")
                         pairs += (pairs.empty() ? "" : " ") + elements[i - 1] + "," + elements[i];
                 return pairs;
             });
         },
         [](const Example& e) {
             return e.with("v1," + model::encode_base64(std::string(32, 'x')) + "," + e.signature());
         }},
        {"a part before the good one that has no comma, or several",
         "versions to come are skipped, whatever they look like",
         {"python"},
         [](Delivery& delivery) {
             change_parts(delivery, [](const std::string& part) {
                 return std::count(part.begin(), part.end(), ',') == 1 ? part : "";
             });
         },
         [](const Example& e) { return e.with("v3 " + e.signature()); }},
        {"a v1 signature before the good one that is no base64, or has no padding",
         "one that does not fit is skipped, whatever it looks like",
         {"python"},
         [](Delivery& delivery) {
             change_parts(delivery, [](const std::string& part) {
                 return part.rfind("v1,", 0) == 0 && (part.size() % 4 != 3 || !model::decode_base64(part.substr(3)))
                            ? ""
                            : part;
             });
         },
         [](const Example& e) { return e.with("v1,AAAAA " + e.signature()); }},
        {"a part with bytes that are no visible ASCII",
         "versions to come are skipped, whatever they look like",
         {"rust"},
         [](Delivery& delivery) {
             change_parts(delivery, [](const std::string& part) {
                 return std::any_of(part.begin(), part.end(), [](char c) { return c < ' ' || c > '~'; }) ? "" : part;
             });
         },
         [](const Example& e) { return e.with("v3,\x7f " + e.signature()); }},
        {"a signed body that is no UTF-8",
         "what is signed is bytes",
         {"javascript", "python", "rust", "java"},
         [](Delivery& delivery) {
             const Delivery from = delivery;
             delivery.body = as_utf8(delivery.body);
             sign_again(from, delivery);
         },
         [](const Example& e) {
             Example binary = e;
             binary.body = "\xff";
             return binary.delivery();
         }},
        {"a secret without its padding",
         "many tools write base64 so, and nothing is ambiguous about it",
         {"go", "rust"},
         [](Delivery& delivery) {
             change_secrets(delivery, [](const std::string& base64) {
                 return base64.find('=') == std::string::npos && model::decode_base64(base64) ? strict(base64) : base64;
             });
         },
         [](const Example& e) {
             Example padded = e;
             padded.key += "o";
             Delivery delivery = padded.delivery();
             delivery.secrets.erase(delivery.secrets.find('='));
             return delivery;
         }},
    };
    return rows;
}

}  // namespace peers
