// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pivotal/detail/core/json_abi.hpp>
#include <pivotal/detail/core/numeric_locale.hpp>
#include <pivotal/detail/core/surrogates.hpp>

namespace pivotal { inline namespace v1 { namespace detail { inline namespace PIVOTAL_DETAIL_JSON_ABI {

inline constexpr std::size_t max_json_depth = 512;

/// The members of one JSON object, those of known name apart: built by nlohmann's parser, without a DOM of
/// the whole that would have to be taken to pieces again. `Json` is nlohmann::json; as a parameter it costs
/// compile time only where something is parsed.
template <class Json, std::size_t N> class JsonObject {
public:
    using json = Json;

    explicit JsonObject(const std::array<std::string_view, N>& names) : names_(names) {
        for (json& value : known) value = json(json::value_t::discarded);
    }

    /// Strict JSON (RFC 8259, UTF-8, no byte order mark) of at most 512 levels whose outermost value is an
    /// object. Returns nullptr, or what is wrong. To be called once.
    const char* parse(std::string_view text) {
        // nlohmann's parser skips a byte order mark and takes a NUL for the end of the text.
        if (text.substr(0, 3) == "\xEF\xBB\xBF") return "it starts with a byte order mark";
        if (!text.empty() && std::memchr(text.data(), '\0', text.size())) return "it is not JSON: it has a NUL byte";
        const NumericLocale locale;
        if (!locale) return "its numbers cannot be read: the decimal point of this process's locale has several bytes";
        std::string copy;
        text = with_whole_surrogates(text, copy);
        if (!json::sax_parse(text.data(), text.data() + text.size(), this) && !problem_) problem_ = "it is not JSON";
        return problem_;
    }

    std::array<json, N> known;  // in the order of the names; discarded where there is none
    json others;                // an object, or null where there are none

    /// The member `name` of the others. nlohmann's own way from null to an object leaves a value that cannot
    /// be destroyed where memory runs out meanwhile.
    json& other(const std::string& name) {
        if (others.is_null()) others = json(json::value_t::object);
        return others[name];
    }

    // What follows is called by nlohmann's parser.
    bool null() { return put(nullptr); }
    bool boolean(bool value) { return put(value); }
    bool number_integer(typename json::number_integer_t value) { return put(value); }
    bool number_unsigned(typename json::number_unsigned_t value) { return put(value); }
    bool number_float(typename json::number_float_t value, const std::string&) { return put(value); }
    bool string(std::string& value) { return put(value); }
    bool binary(typename json::binary_t&) { return false; }  // GCOVR_EXCL_LINE: JSON text has no such value
    bool start_object(std::size_t) { return open(json::value_t::object); }
    bool start_array(std::size_t) { return open(json::value_t::array); }
    bool end_object() { return close(); }
    bool end_array() { return close(); }

    bool key(std::string& name) {
        const Open& last = open_.back();
        member_ = last.object ? &(*last.object)[name] : top_level(name);
        return true;
    }

    template <class Exception> bool parse_error(std::size_t, const std::string&, const Exception&) { return false; }

private:
    json* top_level(const std::string& name) {
        for (std::size_t i = 0; i < N; ++i)
            if (name == names_[i]) return &known[i];
        return &other(name);
    }

    /// Puts a value where it belongs.
    template <class Value> json* put(Value&& value) {
        if (auto* const array = open_.back().array) {
            array->emplace_back(std::forward<Value>(value));
            return &array->back();
        }
        if (!member_) {
            problem_ = "it is not a JSON object";
            return nullptr;
        }
        *member_ = json(std::forward<Value>(value));  // the last of two equal keys wins
        return member_;
    }

    bool open(typename json::value_t type) {
        if (!member_ && type == json::value_t::object) return true;  // the outermost
        if (open_.size() >= max_json_depth) {
            problem_ = "it is nested deeper than 512 levels";
            return false;
        }
        json* const value = put(type);
        if (value)
            open_.push_back({value, value->template get_ptr<typename json::array_t*>(),
                             value->template get_ptr<typename json::object_t*>()});
        return value != nullptr;
    }

    bool close() {
#if PIVOTAL_DETAIL_JSON_DIAGNOSTICS
        // Then each value knows its parent: nlohmann tells it to what an object or array has when that is moved.
        if (json* const value = open_.back().value) {
            json moved = std::move(*value);
            *value = std::move(moved);
        }
#endif
        open_.pop_back();
        return true;
    }

    const std::array<std::string_view, N>& names_;
    struct Open {
        json* value = nullptr;  // of the outermost all are null, else one of the next two
        typename json::array_t* array = nullptr;
        typename json::object_t* object = nullptr;
    };
    std::vector<Open> open_{Open()};  // the objects and arrays around the next value
    json* member_ = nullptr;          // where the value of the key that was read last belongs
    const char* problem_ = nullptr;
};

}}}}  // namespace pivotal::v1::detail::PIVOTAL_DETAIL_JSON_ABI
