// SPDX-License-Identifier: MIT
#include <pivotal/detail/core/header_lookup.hpp>

#include <array>
#include <cstddef>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.hpp"

namespace unit_detail_header_lookup {

namespace detail = pivotal::detail;

namespace {

struct Names {
    std::array<std::string_view, 2> asked_for = {"name", "other"};
    std::string_view behind = "behind";
};
constexpr Names names;

/// Counts the values that stay where they are, and those that it has to keep.
class Recorder final : public detail::HeaderSink {
public:
    Recorder() : HeaderSink(names.asked_for) {}
    bool wants(std::size_t) const noexcept override { return true; }
    void add(std::size_t, std::string_view) override { ++stayed; }
    void keep(std::size_t, std::string&&) override { ++kept; }

    int stayed = 0, kept = 0;
};

struct View {
    const char* text = nullptr;
    std::size_t length = 1;
    const char* data() const { return text; }
    std::size_t size() const { return length; }
};

template <std::size_t At> struct Inside {
    char text[4] = {'a', 'a', 'a', 'a'};
    const char* data() const { return text + At; }
    std::size_t size() const { return sizeof text - At; }
};

template <class Value> bool stays(Value&& value) {
    Recorder sink;
    detail::hand_over(sink, 0, std::forward<Value>(value));
    CHECK(sink.stayed + sink.kept == 1);
    return sink.stayed == 1;
}

using Field = std::pair<const std::string, std::string>;
using Fields = std::map<std::string, std::string>;

/// Fields as an iterator of this category gives them.
template <class Reference, class Category> struct Range {
    struct Iterator {
        using iterator_category = Category;
        using value_type = Field;
        using difference_type = std::ptrdiff_t;
        using pointer = const Field*;
        using reference = Reference;

        Reference operator*() const { return Reference(*at); }
        Iterator& operator++() {
            ++at;
            return *this;
        }
        bool operator!=(const Iterator& other) const { return at != other.at; }

        Fields::const_iterator at;
    };
    Iterator begin() const { return {fields.begin()}; }
    Iterator end() const { return {fields.end()}; }

    Fields fields = {{"name", "value"}};
};

template <class Range> bool range_stays() {
    Recorder sink;
    detail::read_ranged(Range(), sink);
    CHECK(sink.stayed + sink.kept == 1);
    return sink.stayed == 1;
}

}  // namespace

TEST_CASE("a view stays where it is, and what holds its characters itself is kept", "[headers]") {
    const std::string text = "value";
    CHECK(stays(View{text.data(), text.size()}));
    CHECK(stays(text.c_str()));
    CHECK(stays(std::string_view()));
    CHECK_FALSE(stays(Inside<0>()));
    CHECK_FALSE(stays(Inside<3>()));
    CHECK_FALSE(stays(std::string("value")));
    CHECK_FALSE(stays(std::vector<char>(40, 'a')));
    // Of what lies beside the value itself nothing is its own.
    std::array<View, 3> views;
    for (const std::size_t beside : {std::size_t{0}, std::size_t{2}}) {
        views[1].text = reinterpret_cast<const char*>(&views[beside]);
        CHECK(stays(std::move(views[1])));
    }
}

TEST_CASE("an element stays while the iterator moves on, or is kept", "[headers]") {
    using References = std::pair<const std::string&, const std::string&>;
    CHECK(range_stays<Range<const Field&, std::forward_iterator_tag>>());
    CHECK(range_stays<Range<References, std::forward_iterator_tag>>());
    CHECK_FALSE(range_stays<Range<Field, std::forward_iterator_tag>>());
    CHECK_FALSE(range_stays<Range<const Field&, std::input_iterator_tag>>());
    CHECK_FALSE(range_stays<Range<References, std::input_iterator_tag>>());
    CHECK_FALSE(range_stays<Range<Field, std::input_iterator_tag>>());
}

TEST_CASE("what no sink asks for is not told", "[headers]") {
    Recorder sink;
    detail::read_ranged(Fields{{"behind", "value"}, {"nam", "value"}, {"", "value"}}, sink);
    CHECK(sink.stayed + sink.kept == 0);
}

TEST_CASE("a range of headers has text for names and for values", "[headers]") {
    STATIC_REQUIRE(detail::is_range_of_texts<Fields>());
    STATIC_REQUIRE_FALSE(detail::is_range_of_texts<std::map<std::string, std::vector<std::string>>>());
    STATIC_REQUIRE_FALSE(detail::is_range_of_texts<std::map<int, std::string>>());
    STATIC_REQUIRE_FALSE(detail::is_range_of_texts<std::vector<std::string>>());
    STATIC_REQUIRE_FALSE(detail::is_range_of_texts<int>());
}

TEST_CASE("an empty value behind another takes nothing from it", "[headers]") {
    detail::HeaderTable table;
    table.keep(0, std::string("msg_1"));
    table.keep(0, std::string(" \t"));
    table.keep(0, std::string());
    CHECK(table.chosen().id == "msg_1");
    CHECK(table.chosen().repeated);
}

TEST_CASE("any one header of Svix's is enough not to ask for the other family", "[headers]") {
    for (std::size_t i = 0; i < 6; ++i) CHECK(detail::HeaderTable().wants(i));
    for (std::size_t there = 0; there < 3; ++there) {
        detail::HeaderTable table;
        table.add(there, "value");
        for (std::size_t i = 0; i < 6; ++i) CHECK(table.wants(i) == (i < 3));
    }
}

}  // namespace unit_detail_header_lookup
