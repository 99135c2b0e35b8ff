// SPDX-License-Identifier: MIT
#include <pivotal/headers.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <functional>
#include <iterator>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

// clang before 16 cannot compile <ranges> of libstdc++.
#if __cplusplus >= 202002L && (!defined(__clang__) || __clang_major__ >= 16)
#define HAS_RANGES 1
#include <ranges>
#include <span>
#else
#define HAS_RANGES 0
#endif

#include <pivotal/webhook.hpp>

#include "../support/message.hpp"
#include "catch.hpp"
#include "outcome.hpp"

namespace unit_headers_of_a_user {

struct Text {
    std::string text{};
    const char* data() const { return text.data(); }
    std::size_t size() const { return text.size(); }
};
template <class T> std::string text_of(const T&) {
    return "another's";
}
template <class... All> void hand_over(All&&...) {}

}  // namespace unit_headers_of_a_user

namespace unit_headers {

using pivotal::Errc;
using pivotal::HeaderValue;
using pivotal::Webhook;
using support::Message;
using support::outcome;

namespace {

const std::error_code good;

const Webhook& webhook() {
    static const Webhook made(support::secret);
    return made;
}

/// A container of char like QByteArray: signed sizes, and no conversion to std::string_view.
class ByteArray {
public:
    ByteArray() = default;
    ByteArray(std::string text) : text_(std::move(text)) {}
    const char* data() const { return text_.data(); }
    char* data() { return text_.data(); }
    std::ptrdiff_t size() const { return static_cast<std::ptrdiff_t>(text_.size()); }

private:
    std::string text_;
};

/// A view like boost::string_view before it converted to std::string_view.
class OldView {
public:
    OldView() = default;
    OldView(const std::string& text) : data_(text.data()), size_(text.size()) {}
    const char* data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }

private:
    const char* data_ = nullptr;
    std::size_t size_ = 0;
};

/// A smart pointer of a framework's own, like oatpp::String.
class TextPointer {
public:
    TextPointer() = default;
    TextPointer(std::string text) : text_(std::make_shared<std::string>(std::move(text))) {}
    explicit operator bool() const { return text_ != nullptr; }
    std::string& operator*() const { return *text_; }
    std::string* operator->() const { return text_.get(); }

private:
    std::shared_ptr<std::string> text_;
};

using Fields = std::map<std::string, std::string>;

Fields fields_of(const Message& message, const std::string& family = "svix") {
    return {{family + "-id", message.id},
            {family + "-timestamp", message.timestamp},
            {family + "-signature", message.signature}};
}

const std::string* find(const Fields& fields, const std::string& name) {
    const auto found = fields.find(name);
    return found == fields.end() ? nullptr : &found->second;
}

/// Looks a header up in a request, and gives it as `Result`; what is not there is `Result()`.
template <class Result, class Name> auto lookup(const Fields& fields) {
    return [&fields](Name name) -> Result {
        const std::string* const value = find(fields, std::string(name));
        return value ? Result(*value) : Result();
    };
}

/// A good delivery, each header left out in turn, and none at all; `ask` gives the outcome for these fields.
void check_with(const std::function<std::error_code(const Message&, const Fields&)>& ask) {
    const Message message;
    for (const char* family : {"svix", "webhook"}) {
        const Fields all = fields_of(message, family);
        CHECK(ask(message, all) == good);
        for (const auto& field : all) {
            CAPTURE(field.first);
            Fields fewer = all;
            fewer.erase(field.first);
            CHECK(ask(message, fewer) == Errc::missing_header);
            fewer[field.first] = "";
            CHECK(ask(message, fewer) == Errc::missing_header);
            fewer[field.first] = "wrong.";
            CHECK(ask(message, fewer) == (field.first.find("signature") == std::string::npos
                                              ? Errc::malformed_header
                                              : Errc::signature_mismatch));
            fewer[field.first] = " \t" + field.second + "\t ";
            CHECK(ask(message, fewer) == good);
        }
        CHECK(ask(message, {}) == Errc::missing_header);
    }
}

/// The same through a HeaderSource that `make(fields)` makes.
template <class Make> void check_source(Make make) {
    check_with(
        [&](const Message& message, const Fields& fields) { return outcome(webhook(), message.body, make(fields)); });
}

struct Thrown {};

}  // namespace

// ---- HeaderValue and Headers ----

TEST_CASE("a header value is made from any text", "[headers]") {
    const std::string text = "value";
    const std::string_view view = text;
    char array[16] = "value";
    const char* const null = nullptr;
    CHECK(HeaderValue(text).view() == "value");
    CHECK(HeaderValue(view).view() == "value");
    CHECK(HeaderValue(text.c_str()).view() == "value");
    CHECK(HeaderValue("value").view() == "value");
    CHECK(HeaderValue(array).view() == "value");
    CHECK(HeaderValue(static_cast<char*>(array)).view() == "value");
    CHECK(HeaderValue(OldView(text)).view() == "value");
    const ByteArray bytes(text);
    CHECK(HeaderValue(bytes).view() == "value");
    CHECK(HeaderValue(std::vector<char>(text.begin(), text.end())).size() == 5);

    CHECK(HeaderValue().view().empty());
    CHECK(HeaderValue(nullptr).view().empty());
    CHECK(HeaderValue(null).view().empty());
    CHECK(HeaderValue(std::string_view()).view().empty());
    CHECK(HeaderValue("").view().empty());

    const std::optional<std::string> some = text, no_text;
    CHECK(HeaderValue(some).view() == "value");
    CHECK(HeaderValue(no_text).view().empty());
    CHECK(HeaderValue(&text).view() == "value");
    CHECK(HeaderValue(static_cast<const std::string*>(nullptr)).view().empty());
    const auto shared = std::make_shared<std::string>(text);
    CHECK(HeaderValue(shared).view() == "value");
    CHECK(HeaderValue(std::shared_ptr<std::string>()).view().empty());
    CHECK(HeaderValue(std::optional<const char*>(nullptr)).view().empty());
    const TextPointer pointer(text);
    CHECK(HeaderValue(pointer).view() == "value");
    CHECK(HeaderValue(TextPointer()).view().empty());

    CHECK(HeaderValue(text).data() == text.data());  // no copy
    CHECK(HeaderValue(text).size() == text.size());

    STATIC_REQUIRE_FALSE(std::is_constructible_v<HeaderValue, int>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<HeaderValue, std::vector<std::string>>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<HeaderValue, const unsigned char*>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<HeaderValue, std::wstring>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<HeaderValue, std::optional<int>>);
}

TEST_CASE("a header value is without the spaces and tabs around it", "[headers]") {
    CHECK(HeaderValue(" \t value \t").view() == "value");
    CHECK(HeaderValue(" a \t b ").view() == "a \t b");
    CHECK(HeaderValue(" \t ").view().empty());
    CHECK(HeaderValue("value\r\n").view() == "value\r\n");
    CHECK(HeaderValue("\vvalue\f").view() == "\vvalue\f");
    CHECK(HeaderValue(std::string("\0 value", 7)).size() == 7);
}

TEST_CASE("Headers in braces", "[headers]") {
    const Message m;
    const Webhook& hook = webhook();
    const auto at = support::now;
    std::error_code code = support::stale_error();

    SECTION("the four functions") {
        CHECK(hook.verify(m.body, {m.id, m.timestamp, m.signature}, at).id == "evt_5tGz0q");
        CHECK(hook.verify(m.body, {m.id, m.timestamp, m.signature}, code, at));
        CHECK(!code);
        CHECK_NOTHROW(hook.authenticate(m.body, {m.id, m.timestamp, m.signature}, at));
        CHECK(hook.authenticate(m.body, {m.id, m.timestamp, m.signature}, code, at));
        CHECK(!code);
    }
    SECTION("of any text, mixed") {
        const std::optional<std::string> signature = m.signature;
        CHECK(hook.authenticate(m.body, {m.id.c_str(), std::string_view(m.timestamp), signature}, code, at));
        CHECK(hook.authenticate(m.body, {OldView(m.id), ByteArray(m.timestamp), &m.signature}, code, at));
        CHECK(hook.authenticate(m.body, {" " + m.id, m.timestamp + "\t", m.signature}, code, at));
    }
    SECTION("null is absent") {
        const char* const null = nullptr;
        CHECK_FALSE(hook.authenticate(m.body, {null, m.timestamp, m.signature}, code, at));
        CHECK(code == Errc::missing_header);
        CHECK_FALSE(hook.authenticate(m.body, {m.id, nullptr, m.signature}, code, at));
        CHECK(code == Errc::missing_header);
        CHECK_FALSE(hook.authenticate(m.body, {m.id, m.timestamp, std::optional<std::string>()}, code, at));
        CHECK(code == Errc::missing_header);
        CHECK_FALSE(hook.authenticate(m.body, {nullptr, nullptr, nullptr}, code, at));
        CHECK(code == Errc::missing_header);
        CHECK_FALSE(hook.authenticate(m.body, {}, code, at));
        CHECK(code == Errc::missing_header);
        CHECK_FALSE(hook.verify(m.body, {}, code, at));
        CHECK(code == Errc::missing_header);
    }
    SECTION("as an object, and as what converts to one") {
        const pivotal::Headers headers{m.id, m.timestamp, m.signature};
        CHECK(outcome(hook, m.body, headers) == good);
        struct Derived : pivotal::Headers {};
        Derived derived;
        derived.id = m.id;
        derived.timestamp = m.timestamp;
        derived.signature = m.signature;
        CHECK(outcome(hook, m.body, derived) == good);
        struct Request {
            const Message& message;
            operator pivotal::Headers() const { return support::headers_of(message); }
        };
        CHECK(outcome(hook, m.body, Request{m}) == good);
    }
}

TEST_CASE("name/value pairs in braces", "[headers]") {
    const Message m;
    const Webhook& hook = webhook();
    const auto at = support::now;
    std::error_code code = support::stale_error();

    SECTION("the four functions, strings") {
        CHECK(hook.verify(m.body, {{"svix-id", m.id}, {"svix-timestamp", m.timestamp}, {"svix-signature", m.signature}},
                          at)
                  .id == "evt_5tGz0q");
        CHECK(hook.verify(m.body, {{"svix-id", m.id}, {"svix-timestamp", m.timestamp}, {"svix-signature", m.signature}},
                          code, at));
        CHECK(!code);
        CHECK_NOTHROW(hook.authenticate(
            m.body, {{"svix-id", m.id}, {"svix-timestamp", m.timestamp}, {"svix-signature", m.signature}}, at));
        CHECK(hook.authenticate(
            m.body, {{"svix-id", m.id}, {"svix-timestamp", m.timestamp}, {"svix-signature", m.signature}}, code, at));
        CHECK(!code);
    }
    SECTION("const char*, views, and a mixture") {
        const char *const id = m.id.c_str(), *const timestamp = m.timestamp.c_str(),
                          *const signature = m.signature.c_str();
        CHECK(hook.authenticate(m.body, {{"svix-id", id}, {"svix-timestamp", timestamp}, {"svix-signature", signature}},
                                code, at));
        const std::string_view id_view = m.id, timestamp_view = m.timestamp, signature_view = m.signature;
        CHECK(hook.authenticate(
            m.body, {{"svix-id", id_view}, {"svix-timestamp", timestamp_view}, {"svix-signature", signature_view}},
            code, at));
        const std::string name = "SVIX-ID";
        CHECK(hook.authenticate(
            m.body, {{name, id}, {std::string_view("Svix-Timestamp"), timestamp_view}, {"svix-signature", m.signature}},
            code, at));
        CHECK(hook.authenticate(
            m.body, {{"webhook-id", id}, {"webhook-timestamp", timestamp}, {"webhook-signature", signature}}, code,
            at));
    }
    SECTION("all literals") {
        CHECK_FALSE(hook.authenticate(
            m.body, {{"svix-id", "msg_1"}, {"svix-timestamp", "1"}, {"svix-signature", "v1,x"}}, code, at));
        CHECK(code == Errc::timestamp_too_old);
    }
    SECTION("null is absent") {
        const char* const null = nullptr;
        CHECK_FALSE(hook.authenticate(
            m.body, {{"svix-id", m.id}, {"svix-timestamp", m.timestamp}, {"svix-signature", null}}, code, at));
        CHECK(code == Errc::missing_header);
        CHECK_FALSE(hook.authenticate(
            m.body, {{"svix-id", nullptr}, {"svix-timestamp", m.timestamp}, {"svix-signature", m.signature}}, code,
            at));
        CHECK(code == Errc::missing_header);
        CHECK(hook.authenticate(m.body,
                                {{"svix-id", null},
                                 {"svix-timestamp", null},
                                 {"svix-signature", null},
                                 {"webhook-id", m.id},
                                 {"webhook-timestamp", m.timestamp},
                                 {"webhook-signature", m.signature}},
                                code, at));
    }
    SECTION("the white space around a name is part of it, as in every range") {
        CHECK_FALSE(hook.authenticate(
            m.body, {{"svix-id ", m.id}, {"svix-timestamp", m.timestamp}, {"svix-signature", m.signature}}, code, at));
        CHECK(code == Errc::missing_header);
    }
    SECTION("a name twice") {
        CHECK_FALSE(hook.authenticate(
            m.body,
            {{"svix-id", m.id}, {"svix-timestamp", m.timestamp}, {"svix-signature", m.signature}, {"svix-id", m.id}},
            code, at));
        CHECK(code == Errc::malformed_header);
    }
    SECTION("as a list of other types") {
        const std::initializer_list<std::pair<std::string, std::string>> strings = {
            {"svix-id", m.id}, {"svix-timestamp", m.timestamp}, {"svix-signature", m.signature}};
        CHECK(outcome(hook, m.body, strings) == good);
    }
}

TEST_CASE("a HeaderSource tells any sink what it has", "[headers]") {
    const auto tells = [](const pivotal::HeaderSource& source) {
        pivotal::detail::HeaderTable table;
        source.read(table);
        const pivotal::detail::FoundHeaders found = table.chosen();
        return found.id == "a" && found.timestamp == "b" && found.signature == "c" && !found.repeated;
    };
    CHECK(tells({"a", "b", "c"}));
    CHECK(tells({{"svix-id", "a"}, {"svix-timestamp", "b"}, {"svix-signature", "c"}}));
    CHECK(tells(Fields{{"svix-id", "a"}, {"svix-timestamp", "b"}, {"svix-signature", "c"}}));
}

// ---- Callables ----

TEST_CASE("a callable takes the name as any text", "[headers]") {
    check_source([](const Fields& fields) { return lookup<std::string, const char*>(fields); });
    check_source([](const Fields& fields) { return lookup<std::string, std::string>(fields); });
    check_source([](const Fields& fields) { return lookup<std::string, const std::string&>(fields); });
    check_source([](const Fields& fields) { return lookup<std::string, std::string_view>(fields); });
    check_source([](const Fields& fields) { return lookup<std::string, const std::string_view&>(fields); });
    check_source([](const Fields& fields) {
        return [&fields](auto name) { return lookup<std::string, const char*>(fields)(name); };
    });
}

TEST_CASE("a callable returns text or nothing", "[headers]") {
    SECTION("strings") {
        check_source([](const Fields& fields) { return lookup<std::string, const char*>(fields); });
        check_source([](const Fields& fields) {
            return [&fields](const std::string& name) -> const std::string& {
                static const std::string none;
                const std::string* const value = find(fields, name);
                return value ? *value : none;
            };
        });
    }
    SECTION("const char*") {
        const auto c_string = [](const Fields& fields) {
            return [&fields](const char* name) -> const char* {
                const std::string* const value = find(fields, name);
                return value ? value->c_str() : nullptr;
            };
        };
        check_source(c_string);
        check_source([&](const Fields& fields) {  // without const, as some C interfaces have it
            return [found = c_string(fields)](const char* name) { return const_cast<char*>(found(name)); };
        });
    }
    SECTION("views") {
        check_source([](const Fields& fields) { return lookup<std::string_view, std::string_view>(fields); });
        check_source([](const Fields& fields) { return lookup<OldView, std::string>(fields); });
    }
    SECTION("a framework's own") {
        check_source([](const Fields& fields) { return lookup<ByteArray, const char*>(fields); });
        check_source([](const Fields& fields) { return lookup<TextPointer, const char*>(fields); });
    }
    SECTION("optional") {
        check_source([](const Fields& fields) { return lookup<std::optional<std::string>, const char*>(fields); });
        check_source([](const Fields& fields) { return lookup<std::optional<std::string_view>, const char*>(fields); });
        check_source([](const Fields& fields) { return lookup<std::optional<OldView>, const char*>(fields); });
        check_source([](const Fields& fields) {
            return [&fields](const char* name) -> std::optional<const char*> {
                const std::string* const value = find(fields, name);
                if (!value) return std::nullopt;
                return value->c_str();
            };
        });
    }
    SECTION("pointers") {
        check_source(
            [](const Fields& fields) { return [&fields](const std::string& name) { return find(fields, name); }; });
        check_source([](const Fields& fields) {
            return [&fields](const std::string& name) -> std::shared_ptr<const std::string> {
                const std::string* const value = find(fields, name);
                return value ? std::make_shared<const std::string>(*value) : nullptr;
            };
        });
        check_source([](const Fields& fields) {
            return [&fields](const std::string& name) -> std::unique_ptr<std::string> {
                const std::string* const value = find(fields, name);
                return value ? std::make_unique<std::string>(*value) : nullptr;
            };
        });
    }
}

TEST_CASE("a callable of any kind", "[headers]") {
    check_source([](const Fields& fields) {
        return std::function<std::string(const std::string&)>(lookup<std::string, const std::string&>(fields));
    });
    struct Request {
        const Fields& fields;
        std::string_view operator()(std::string_view name) const {
            const std::string* const value = find(fields, std::string(name));
            return value ? std::string_view(*value) : std::string_view();
        }
        // Its range is not looked at: a callable comes first.
        const int* begin() const { return nullptr; }
        const int* end() const { return nullptr; }
    };
    check_source([](const Fields& fields) { return Request{fields}; });

    static Message message;
    struct Functions {
        static const char* header(const char* name) {
            return std::strcmp(name, "svix-id") == 0          ? message.id.c_str()
                   : std::strcmp(name, "svix-timestamp") == 0 ? message.timestamp.c_str()
                   : std::strcmp(name, "svix-signature") == 0 ? message.signature.c_str()
                                                              : nullptr;
        }
    };
    CHECK(outcome(webhook(), message.body, &Functions::header) == good);
    CHECK(outcome(webhook(), message.body, Functions::header) == good);
}

TEST_CASE("a callable is called at most six times, and only for the family that is used", "[headers]") {
    const Message message;
    std::vector<std::string> calls;
    std::error_code code;
    Fields fields = fields_of(message);
    const auto source = [&](const std::string& name) {
        calls.push_back(name);
        const std::string* const value = find(fields, name);
        return value ? *value : std::string();
    };
    const auto sorted = [&] {
        std::sort(calls.begin(), calls.end());
        return calls;
    };
    using Names = std::vector<std::string>;
    const Names svix{"svix-id", "svix-signature", "svix-timestamp"};
    const Names both{"svix-id",    "svix-signature",    "svix-timestamp",
                     "webhook-id", "webhook-signature", "webhook-timestamp"};

    CHECK(webhook().authenticate(message.body, source, code, support::now));
    CHECK(sorted() == svix);

    calls.clear();
    fields.erase("svix-id");
    CHECK_FALSE(webhook().authenticate(message.body, source, code, support::now));
    CHECK(sorted() == svix);

    calls.clear();
    fields = fields_of(message, "webhook");
    CHECK(webhook().verify(message.body, source, code, support::now));
    CHECK(sorted() == both);

    calls.clear();
    fields.clear();
    CHECK_FALSE(webhook().authenticate(message.body, source, code, support::now));
    CHECK(code == Errc::missing_header);
    CHECK(sorted() == both);
}

TEST_CASE("what a callable returns by view or reference is not copied", "[headers]") {
    // A view of bytes that are followed by no NUL, and a reference whose object cannot be copied.
    const Message message;
    struct Immobile {
        Immobile(std::string value) : text(std::move(value)) {}
        Immobile(const Immobile&) = delete;
        const char* data() const { return text.data(); }
        std::size_t size() const { return text.size(); }
        std::string text;
    };
    const Immobile id(message.id), timestamp(message.timestamp), signature(message.signature), none("");
    const auto source = [&](std::string_view name) -> const Immobile& {
        return name == "svix-id"          ? id
               : name == "svix-timestamp" ? timestamp
               : name == "svix-signature" ? signature
                                          : none;
    };
    CHECK(outcome(webhook(), message.body, source) == good);
}

TEST_CASE("functions of the user's namespace are not taken for the library's", "[headers]") {
    const Message message;
    const unit_headers_of_a_user::Text texts[] = {{message.id}, {message.timestamp}, {message.signature}, {}};
    const auto source = [&](std::string_view name) -> const unit_headers_of_a_user::Text& {
        return texts[name == "svix-id" ? 0 : name == "svix-timestamp" ? 1 : name == "svix-signature" ? 2 : 3];
    };
    CHECK(outcome(webhook(), message.body, source) == good);
    const auto by_value = [&](std::string_view name) -> unit_headers_of_a_user::Text { return source(name); };
    CHECK(outcome(webhook(), message.body, by_value) == good);
    const std::vector<std::pair<unit_headers_of_a_user::Text, unit_headers_of_a_user::Text>> range = {
        {{"svix-id"}, texts[0]}, {{"svix-timestamp"}, texts[1]}, {{"svix-signature"}, texts[2]}};
    CHECK(outcome(webhook(), message.body, range) == good);
    CHECK(outcome(webhook(), message.body, {texts[0], texts[1], texts[2]}) == good);
}

TEST_CASE("what a conversion of the user's throws passes through", "[headers]") {
    struct Converts {
        operator pivotal::Headers() const { throw Thrown(); }
    };
    std::error_code code;
    CHECK_THROWS_AS(webhook().authenticate("", Converts(), code, support::now), Thrown);
    CHECK_THROWS_AS(webhook().verify("", Converts(), support::now), Thrown);
}

TEST_CASE("what a HeaderSource throws passes through", "[headers]") {
    const Message message;
    std::error_code code;
    for (const char* thrown_at : {"svix-id", "svix-signature", "webhook-timestamp"}) {
        const auto source = [&](std::string_view name) -> std::string {
            if (name == thrown_at) throw Thrown();
            return {};
        };
        CHECK_THROWS_AS(webhook().authenticate(message.body, source, code, support::now), Thrown);
        CHECK_THROWS_AS(webhook().authenticate(message.body, source, support::now), Thrown);
        CHECK_THROWS_AS(webhook().verify(message.body, source, code, support::now), Thrown);
        CHECK_THROWS_AS(webhook().verify(message.body, source, support::now), Thrown);
    }
}

// ---- Ranges ----

TEST_CASE("a range of name/value pairs", "[headers]") {
    const auto copied = [](auto made) {
        return [made](const Fields& fields) {
            auto range = made;
            for (const auto& field : fields) range.insert(range.end(), {field.first, field.second});
            return range;
        };
    };
    check_source([](const Fields& fields) { return fields; });
    check_source([](const Fields& fields) {
        return std::unordered_multimap<std::string, std::string>(fields.begin(), fields.end());
    });
    check_source(
        [](const Fields& fields) { return std::multimap<std::string, std::string>(fields.begin(), fields.end()); });
    check_source(copied(std::vector<std::pair<std::string, std::string>>()));
    check_source(copied(std::list<std::pair<std::string, std::string>>()));
    check_source(copied(std::deque<std::pair<std::string, std::string>>()));
    check_source(copied(std::vector<std::pair<std::string_view, std::string_view>>()));
    check_source([](const Fields& fields) {
        std::vector<std::pair<const char*, const char*>> range;
        for (const auto& field : fields) range.emplace_back(field.first.c_str(), field.second.c_str());
        range.emplace_back("accept", nullptr);
        range.emplace_back(nullptr, "nameless");
        return range;
    });
    check_source([](const Fields& fields) {
        std::vector<std::pair<std::string, std::optional<ByteArray>>> range;
        for (const auto& field : fields) range.emplace_back(field.first, field.second);
        range.emplace_back("svix-other", std::nullopt);
        return range;
    });
    struct Field {  // not a std::pair
        std::string first;
        OldView second;
    };
    check_source([](const Fields& fields) {
        std::vector<Field> range;
        for (const auto& field : fields) range.push_back({field.first, OldView(field.second)});
        return range;
    });
}

TEST_CASE("an array of pairs", "[headers]") {
    const Message m;
    const std::pair<const char*, std::string> array[] = {
        {"host", "example"}, {"svix-id", m.id}, {"svix-timestamp", m.timestamp}, {"svix-signature", m.signature}};
    CHECK(outcome(webhook(), m.body, array) == good);
    const std::array<std::pair<std::string_view, std::string_view>, 3> other = {
        {{"svix-id", m.id}, {"svix-timestamp", m.timestamp}, {"svix-signature", m.signature}}};
    CHECK(outcome(webhook(), m.body, other) == good);
}

namespace framework {

/// Headers whose begin and end are free functions.
struct Request {
    Fields fields;
};
auto begin(const Request& request) {
    return request.fields.begin();
}
auto end(const Request& request) {
    return request.fields.end();
}

/// Headers that are made while they are read: the iterator returns a value, or a reference into itself.
template <class Reference, class Category = std::input_iterator_tag> class Generated {
public:
    using Value = std::pair<std::string, std::string>;
    using Place = std::vector<Value>::const_iterator;
    class Iterator {
    public:
        using iterator_category = Category;
        using value_type = Value;
        using difference_type = std::ptrdiff_t;
        using pointer = const Value*;
        using reference = Reference;

        explicit Iterator(Place at, Place end) : at_(at), end_(end) { load(); }
        Reference operator*() const { return current_; }
        Iterator& operator++() {
            ++at_;
            load();
            return *this;
        }
        Iterator operator++(int) {
            Iterator old = *this;
            ++*this;
            return old;
        }
        bool operator==(const Iterator& other) const { return at_ == other.at_; }
        bool operator!=(const Iterator& other) const { return at_ != other.at_; }

    private:
        void load() { current_ = at_ == end_ ? Value(std::string(40, '?'), std::string(200, '?')) : *at_; }
        Place at_, end_;
        Value current_;
    };

    template <class Range> explicit Generated(const Range& fields) : fields_(fields.begin(), fields.end()) {}
    Iterator begin() const { return Iterator(fields_.begin(), fields_.end()); }
    Iterator end() const { return Iterator(fields_.end(), fields_.end()); }

private:
    std::vector<Value> fields_;
};

/// The least that a range-based for needs: an iterator that cannot be copied, names no type, and whose end is of
/// another type, as that of std::generator. What it points at is overwritten by the next element.
class Minimal {
public:
    struct End {};
    class Iterator {
    public:
        explicit Iterator(const Fields& fields) : at_(fields.begin()), end_(fields.end()) {}
        Iterator(Iterator&&) = default;
        Iterator& operator=(Iterator&&) = default;
        const std::pair<std::string, std::string>& operator*() {
            current_.first.assign(at_->first);
            current_.second.assign(at_->second);
            return current_;
        }
        Iterator& operator++() {
            current_.second.assign(current_.second.size(), '?');
            ++at_;
            return *this;
        }
        bool operator!=(End) const { return at_ != end_; }

    private:
        Fields::const_iterator at_, end_;
        std::pair<std::string, std::string> current_;
    };
    explicit Minimal(Fields fields) : fields_(std::move(fields)) {}
    Iterator begin() const { return Iterator(fields_); }
    End end() const { return {}; }

private:
    Fields fields_;
};

}  // namespace framework

TEST_CASE("a range whose begin and end are found by its namespace", "[headers]") {
    check_source([](const Fields& fields) { return framework::Request{fields}; });
}

TEST_CASE("a range whose elements are made as it is read", "[headers]") {
    using Value = std::pair<std::string, std::string>;
    check_source([](const Fields& fields) { return framework::Generated<Value>(fields); });
    check_source([](const Fields& fields) { return framework::Generated<const Value&>(fields); });
    // That the range can be read again does not make a value stay.
    check_source(
        [](const Fields& fields) { return framework::Generated<Value, std::random_access_iterator_tag>(fields); });
    check_source([](const Fields& fields) { return framework::Minimal(fields); });
}

#if HAS_RANGES
TEST_CASE("a view of C++20", "[headers]") {
    check_source([](const Fields& fields) {
        return fields | std::views::transform([](const auto& field) {
                   return std::pair<std::string, std::string>(field.first, field.second);
               });
    });
    check_source([](const Fields& fields) {
        return fields | std::views::transform([](const auto& field) {
                   return std::pair<const std::string&, const std::string&>(field.first, field.second);
               });
    });
    check_source([](const Fields& fields) { return std::views::all(fields); });
    const Message m;
    const std::vector<std::pair<std::string, std::string>> fields = {
        {"svix-id", m.id}, {"svix-timestamp", m.timestamp}, {"svix-signature", m.signature}};
    CHECK(outcome(webhook(), m.body, std::span(fields)) == good);
}
#endif

TEST_CASE("names compare without regard to ASCII case", "[headers]") {
    const Message m;
    using Range = std::vector<std::pair<std::string, std::string>>;
    for (const char* id : {"svix-id", "Svix-Id", "SVIX-ID", "sViX-iD"}) {
        CHECK(outcome(webhook(), m.body,
                      Range{{id, m.id}, {"SVIX-TIMESTAMP", m.timestamp}, {"Svix-Signature", m.signature}}) == good);
    }
    CHECK(
        outcome(webhook(), m.body,
                Range{{"Webhook-Id", m.id}, {"WEBHOOK-TIMESTAMP", m.timestamp}, {"Webhook-Signature", m.signature}}) ==
        good);
    // Not only ASCII letters differ by 0x20, and some letters fold to ASCII ones in Unicode.
    for (const char* id :
         {"svix\rid", "svix_id",
          "svix-\xC4\xB1"
          "d",
          "\xC5\xBFvix-id", "svix-i", "svix-id2", "svix-id ", " svix-id", "svix-id:", "svixid", "x-svix-id", ""}) {
        CAPTURE(id);
        CHECK(outcome(webhook(), m.body,
                      Range{{id, m.id}, {"svix-timestamp", m.timestamp}, {"svix-signature", m.signature}}) ==
              Errc::missing_header);
    }
    CHECK(outcome(webhook(), m.body,
                  Range{{std::string("svix-id\0", 8), m.id},
                        {"svix-timestamp", m.timestamp},
                        {"svix-signature", m.signature}}) == Errc::missing_header);
}

TEST_CASE("a name of the chosen family must not occur twice", "[headers]") {
    const Message m;
    using Range = std::vector<std::pair<std::string, std::string>>;
    const Range all = {{"svix-id", m.id}, {"svix-timestamp", m.timestamp}, {"svix-signature", m.signature}};
    const auto with = [&](std::initializer_list<std::pair<std::string, std::string>> more, bool in_front = false) {
        Range range = all;
        range.insert(in_front ? range.begin() : range.end(), more);
        const std::error_code code = outcome(webhook(), m.body, range);
        std::multimap<std::string, std::string> sorted(range.begin(), range.end());
        CHECK(outcome(webhook(), m.body, sorted) == code);
        // Elements that are made as the range is read are judged alike.
        using Field = Range::value_type;
        CHECK(outcome(webhook(), m.body, framework::Generated<Field>(range)) == code);
        CHECK(outcome(webhook(), m.body, framework::Generated<const Field&>(range)) == code);
        return code;
    };
    CHECK(with({{"host", "a"}, {"host", "b"}, {"svix-other", "c"}, {"svix-other", "d"}}) == good);
    for (const bool in_front : {false, true}) {
        for (const auto& field : all) {
            CHECK(with({field}, in_front) == Errc::malformed_header);
            CHECK(with({{field.first, "other"}}, in_front) == Errc::malformed_header);
            CHECK(with({{field.first, ""}}, in_front) == Errc::malformed_header);
            CHECK(with({{field.first, " \t"}}, in_front) == Errc::malformed_header);
            CHECK(with({field, field}, in_front) == Errc::malformed_header);
        }
        CHECK(with({{"SVIX-ID", m.id}}, in_front) == Errc::malformed_header);
        // The other family is not looked at.
        CHECK(with({{"webhook-id", "a"}, {"webhook-id", "b"}}, in_front) == good);
    }
    std::multimap<std::string, std::string> sorted(all.begin(), all.end());
    sorted.insert(*sorted.begin());
    CHECK(outcome(webhook(), m.body, sorted) == Errc::malformed_header);
    try {
        webhook().authenticate(m.body, sorted, support::now);
        FAIL("accepted");
    } catch (const pivotal::WebhookVerificationError& error) {
        CHECK(std::string(error.what()) == "malformed header: a signing header occurs twice");
    }
}

TEST_CASE("presence is judged by the values that are not empty, before repetition", "[headers]") {
    const Message m;
    using Range = std::vector<std::pair<std::string, std::string>>;
    CHECK(outcome(webhook(), m.body, Range{{"svix-id", m.id}, {"svix-id", m.id}, {"svix-timestamp", m.timestamp}}) ==
          Errc::missing_header);
    CHECK(outcome(webhook(), m.body,
                  Range{{"svix-id", ""},
                        {"svix-id", ""},
                        {"svix-timestamp", m.timestamp},
                        {"svix-signature", m.signature}}) == Errc::missing_header);
    // A family that is empty throughout is not there, however often.
    CHECK(outcome(webhook(), m.body,
                  Range{{"svix-id", ""},
                        {"svix-id", " "},
                        {"svix-signature", ""},
                        {"webhook-id", m.id},
                        {"webhook-timestamp", m.timestamp},
                        {"webhook-signature", m.signature}}) == good);
}

// ---- Families ----

TEST_CASE("any svix- header chooses its family", "[headers]") {
    const Message m;
    const Fields svix = fields_of(m), unbranded = fields_of(m, "webhook");
    Message bad;
    bad.sign("another key");
    const auto with = [&](Fields fields) {
        const std::error_code code = outcome(webhook(), m.body, fields);
        CHECK(outcome(webhook(), m.body, lookup<std::string, const char*>(fields)) == code);
        return code;
    };
    const auto together = [](Fields fields, const Fields& more) {
        fields.insert(more.begin(), more.end());
        return fields;
    };
    CHECK(with(svix) == good);
    CHECK(with(unbranded) == good);
    CHECK(with(together(svix, unbranded)) == good);
    CHECK(with(together(svix, fields_of(bad, "webhook"))) == good);
    CHECK(with(together(fields_of(bad), unbranded)) == Errc::signature_mismatch);
    CHECK(with(together(svix, {{"webhook-id", "a.b"}, {"webhook-timestamp", "x"}})) == good);
    for (const auto& field : svix) {
        CHECK(with(together(unbranded, {field})) == Errc::missing_header);
        CHECK(with(together(unbranded, {{field.first, ""}})) == good);     // empty counts as absent
        CHECK(with(together(unbranded, {{field.first, "\t "}})) == good);  // and so does white space
    }
    // Families are not mixed.
    Fields mixed = svix;
    mixed.erase("svix-id");
    mixed["webhook-id"] = m.id;
    CHECK(with(mixed) == Errc::missing_header);
}

}  // namespace unit_headers
