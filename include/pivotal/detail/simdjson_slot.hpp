// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

// simdjson takes this from the optimisation level if it is left open, and with it the layout of its parser; see
// "In the whole program" in <pivotal/simdjson.hpp>.
#if !defined(SIMDJSON_H) && !defined(SIMDJSON_DEVELOPMENT_CHECKS)
#define SIMDJSON_DEVELOPMENT_CHECKS 0
#endif
#include <simdjson.h>

#include <nlohmann/json.hpp>

#include <pivotal/detail/core/surrogates.hpp>
#include <pivotal/resources.hpp>

namespace pivotal {
inline namespace v1 {
namespace detail {

#if defined(SIMDJSON_DEVELOPMENT_CHECKS) && SIMDJSON_DEVELOPMENT_CHECKS
inline constexpr bool simdjson_is_checked = true;
#else
inline constexpr bool simdjson_is_checked = false;
#endif

[[noreturn]] inline void out_of_memory() {
#if defined(__cpp_exceptions)
    throw std::bad_alloc();
#else
    std::abort();
#endif
}

/// The value of a number, also where simdjson refuses one that is none too large: `0e9999`, by its digits.
inline bool read_number(simdjson::ondemand::value& value, double& number) {
    if (!value.get_double().get(number)) return true;
    const std::string_view token = value.raw_json_token();
    if (token.find('\0') != token.npos) return false;  // which nlohmann takes for the end
    const auto parsed = nlohmann::json::parse(token, nullptr, false);
    if (!parsed.is_number()) return false;
    number = parsed.get<double>();
    return true;
}

/// True where a value that is no object or array is what its first character promises. Whatever it is, it is
/// read afterwards.
inline bool is_whole_scalar(simdjson::ondemand::value& value, simdjson::ondemand::json_type type) {
    switch (type) {
        case simdjson::ondemand::json_type::string:
            return value.get_string().error() == simdjson::SUCCESS;
        case simdjson::ondemand::json_type::number: {
            double number = 0;
            return read_number(value, number);
        }
        case simdjson::ondemand::json_type::boolean:
            return value.get_bool().error() == simdjson::SUCCESS;
        case simdjson::ondemand::json_type::null: {
            bool null = false;
            return value.is_null().get(null) == simdjson::SUCCESS && null;
        }
        default:
            return true;
    }
}

/// What a view reads from: a padded copy of the body, the parser, and the place of `data`. One of them waits in
/// each thread for the next view.
template <class Parser, bool Checked>
class ViewSlot {
    using JsonType = simdjson::ondemand::json_type;
    using JsonValue = simdjson::ondemand::value;

public:
    struct Release {
        void operator()(ViewSlot* slot) const noexcept {
            std::unique_ptr<ViewSlot> owned(slot);
            if (!Spare::destroyed() && owned->capacity_ <= max_kept_capacity) spare() = std::move(owned);
        }
    };

    static std::unique_ptr<ViewSlot, Release> acquire() {
        if (!Spare::destroyed() && spare()) return std::unique_ptr<ViewSlot, Release>(spare().release());
        return std::unique_ptr<ViewSlot, Release>(new ViewSlot);
    }

    /// Reads the envelope into `view`, with the same outcome as parse_event. Returns nullptr, or what is wrong.
    template <class View>
    const char* read(std::string_view body, View& view);

    /// A member of `data`, as of the start of it.
    simdjson::simdjson_result<JsonValue> member_of_data(std::string_view name);

    std::string delivery_id;

private:
    static constexpr std::size_t max_kept_capacity = std::size_t{1} << 20;
    // The parser is made for three times the body, and simdjson for less than 4 GiB.
    static constexpr std::size_t max_size = simdjson::SIMDJSON_MAXSIZE_BYTES / 3;
    static constexpr const char* not_json = "it is not JSON";
    static constexpr const char* not_an_object = "it is not a JSON object";

    struct Spare {
        std::unique_ptr<ViewSlot> slot;
        ~Spare() { destroyed() = true; }
        // A thread_local without a destructor can be read until the thread has ended.
        static bool& destroyed() noexcept {
            thread_local bool flag = false;
            return flag;
        }
    };
    static std::unique_ptr<ViewSlot>& spare() noexcept {
        thread_local Spare spare;
        return spare.slot;
    }

    void copy_padded(std::string_view body);

    enum Name : unsigned { id, type, created_at, org_id, api_version, livemode, data, unknown };

    /// Which field of the envelope has this key; written out, so that the names are constants. A key is given as
    /// its text, or as simdjson's pointer behind its opening quote.
    template <class Key>
    static Name name_of(Key key) noexcept {
        return key == "id"            ? id
               : key == "type"        ? type
               : key == "created_at"  ? created_at
               : key == "org_id"      ? org_id
               : key == "api_version" ? api_version
               : key == "livemode"    ? livemode
               : key == "data"        ? data
                                      : unknown;
    }

    /// What simdjson unescapes, one string behind the other; false where it is wrong. Whatever is unescaped first
    /// passes here.
    bool unescape(simdjson::simdjson_result<std::string_view>&& result, std::string_view& text) noexcept {
        if (std::move(result).get(text)) return false;
        if (!strings_begin_) strings_begin_ = text.data();
        return true;
    }

    /// The text of a string. Where nothing is escaped it is used as it lies in the body: what simdjson has indexed
    /// has no control character and no invalid UTF-8.
    bool read_string(JsonValue& value, std::string_view& text) noexcept {
        const std::string_view token = value.raw_json_token();
        if (escaped_ && token.find('\\') != token.npos) return unescape(value.get_string(), text);
        const std::size_t end = token.rfind('"');  // white space may follow
        if (end == 0 || end == token.npos) return false;
        text = token.substr(1, end - 1);
        return value.get_raw_json_string().error() == simdjson::SUCCESS;  // goes on to what follows
    }

    /// Goes to the end of an object that was just entered; false where it is none. simdjson would do that by itself, but
    /// takes its first token, and a string that it finds before a colon, for what they should be, and then misses by one
    /// level where the object ends.
    static bool skip_members(simdjson::ondemand::object& object) {
        for (auto member : object) {
            JsonType kind{};
            if (member.error()) return false;
            auto&& field = std::move(member).value_unsafe();
            if (field.value().type().get(kind)) return false;
            if (kind == JsonType::string && field.value().get_raw_json_string().error()) return false;
        }
        return true;
    }

    std::unique_ptr<char[]> text_;
    std::size_t size_ = 0, capacity_ = 0;
    bool escaped_ = false;  // there is a backslash in the text
    Parser parser_;
    simdjson::ondemand::document document_;
    std::optional<simdjson::ondemand::object> data_;
    const char* strings_begin_ = nullptr;  // where simdjson put the first string that it unescaped
};

template <class Parser, bool Checked>
void ViewSlot<Parser, Checked>::copy_padded(std::string_view body) {
    if (capacity_ == 0 || body.size() > capacity_) {
        constexpr std::size_t least = 8192;
        const std::size_t capacity = body.size() < least ? least : body.size();
        capacity_ = 0;
        text_.reset(new char[capacity + simdjson::SIMDJSON_PADDING]);
        // The parser's memory for strings is as large as the text that it is made for: three times the body.
        if (parser_.allocate(3 * capacity) != simdjson::SUCCESS) out_of_memory();
        capacity_ = capacity;
    }
    size_ = body.size();
    if (!body.empty()) std::memcpy(text_.get(), body.data(), body.size());
    std::memset(text_.get() + size_, ' ', simdjson::SIMDJSON_PADDING);
    escaped_ = body.find('\\') != body.npos;
    if (!escaped_) return;
    for_each_lone_surrogate({text_.get(), size_}, [&](std::size_t at) {
        std::memcpy(text_.get() + at, replacement_escape.data(), replacement_escape.size());
    });
}

template <class Parser, bool Checked>
template <class View>
const char* ViewSlot<Parser, Checked>::read(std::string_view body, View& view) {
    data_.reset();
    strings_begin_ = nullptr;
    if (body.substr(0, 3) == "\xEF\xBB\xBF") return "it starts with a byte order mark";
    if (body.size() > max_size) return "it is larger than simdjson can read";
    copy_padded(body);

    simdjson::ondemand::object root;
    const simdjson::padded_string_view padded(text_.get(), size_, capacity_ + simdjson::SIMDJSON_PADDING);
    const simdjson::error_code unreadable = parser_.iterate(padded).get(document_);
    // Where allocate() gets no memory for strings it does not say so, and iterate() then asks for less than what
    // member_of_data counts on.
    if (parser_.capacity() != 3 * capacity_) {
        capacity_ = 0;
        out_of_memory();
    }
    if (unreadable) return not_json;
    if (const auto error = document_.get_object().get(root))
        return error == simdjson::INCORRECT_TYPE ? not_an_object : not_json;

    unsigned seen = 0;  // a bit for each name; the first of two equal keys wins
    for (auto member : root) {
        if (member.error()) return not_json;
        auto&& field = std::move(member).value_unsafe();
        Name name = name_of(field.key());
        if (name == unknown && escaped_) {
            std::string_view key;
            if (!unescape(field.unescaped_key(), key)) return not_json;
            name = name_of(key);
        }
        if ((seen >> name & 1U) != 0) name = unknown;
        seen |= 1U << name;

        JsonValue& value = field.value();
        JsonType kind{};
        if (value.type().get(kind)) return not_json;
        if (name == data && kind == JsonType::object) {
            if (value.get_object().get(data_.emplace())) return not_json;
            if (!skip_members(*data_)) return not_json;
        } else if (kind == JsonType::string) {
            std::string_view text;
            if (!read_string(value, text)) return not_json;
            switch (name) {
                case id:
                    view.id = text;
                    break;
                case type:
                    view.type = text;
                    break;
                case created_at:
                    view.created_at = text;
                    break;
                case org_id:
                    view.org_id = text;
                    break;
                case api_version:
                    view.api_version = text;
                    break;
                default:
                    break;
            }
        } else if (kind == JsonType::boolean && name == livemode) {
            bool flag = false;
            if (value.get_bool().get(flag)) return not_json;
            view.livemode = flag;
        } else if (!is_whole_scalar(value, kind)) {
            return not_json;
        }
    }
    // Behind the outermost object there is nothing.
    if (document_.current_location().error() != simdjson::OUT_OF_BOUNDS) return not_json;
    if (view.id.empty() || view.id.size() > 256) return "its id is not a string of 1 to 256 bytes";
    if (view.type.empty() || view.type.size() > 256) return "its type is not a string of 1 to 256 bytes";
    return nullptr;
}

template <class Parser, bool Checked>
simdjson::simdjson_result<simdjson::ondemand::value> ViewSlot<Parser, Checked>::member_of_data(
    std::string_view name) {
    if (!data_) return simdjson::NO_SUCH_FIELD;
    if (const auto error = data_->reset().error()) return error;
    for (auto member : *data_) {
        simdjson::ondemand::field field;
        std::string_view key;
        if (const auto error = std::move(member).get(field)) return error;
        if (!unescape(field.unescaped_key(), key)) return simdjson::STRING_ERROR;
        // simdjson unescapes strings one behind the other, and does not look where its memory for them ends: as
        // much must be left as the whole body can take.
        const auto used = static_cast<std::size_t>(key.data() + key.size() - strings_begin_);
        if (used + size_ + simdjson::SIMDJSON_PADDING > 3 * capacity_) return simdjson::CAPACITY;
        if (key == name) return std::move(field).value();
    }
    return simdjson::NO_SUCH_FIELD;
}

// ---- Typed resources ----

// Each reads a scalar into a field of a resource, and is false where it is not JSON. A value of another type is
// absent.
inline bool read_field(simdjson::ondemand::value& json, simdjson::ondemand::json_type type,
                       std::optional<std::string>& value) {
    if (type != simdjson::ondemand::json_type::string) return is_whole_scalar(json, type);
    std::string_view text;
    if (json.get_string().get(text)) return false;
    value.emplace(text);
    return true;
}
inline bool read_field(simdjson::ondemand::value& json, simdjson::ondemand::json_type type,
                       std::optional<bool>& value) {
    bool flag = false;
    if (type != simdjson::ondemand::json_type::boolean) return is_whole_scalar(json, type);
    if (json.get_bool().get(flag)) return false;
    value = flag;
    return true;
}
inline bool read_field(simdjson::ondemand::value& json, simdjson::ondemand::json_type type,
                       std::optional<double>& value) {
    double number = 0;
    if (type != simdjson::ondemand::json_type::number) return is_whole_scalar(json, type);
    if (!read_number(json, number)) return false;
    value = number;
    return true;
}
inline bool read_field(simdjson::ondemand::value& json, simdjson::ondemand::json_type type,
                       std::optional<std::int64_t>& value) {
    std::int64_t number = 0;
    if (type != simdjson::ondemand::json_type::number || json.get_int64().get(number))
        return is_whole_scalar(json, type);  // a fraction, or beyond 64 bits
    value = number;
    return true;
}

/// The resource that `json` is, where `error` is none.
template <class Resource>
std::optional<Resource> read_resource(simdjson::error_code error, simdjson::ondemand::value json) {
    std::optional<Resource> resource(std::in_place);
    simdjson::ondemand::json_type type{};
    if (error) {
        if (error != simdjson::NO_SUCH_FIELD) resource.reset();
        return resource;
    }
    bool good = json.type().get(type) == simdjson::SUCCESS && is_whole_scalar(json, type);
    simdjson::ondemand::object object;
    if (good && type == simdjson::ondemand::json_type::object && (good = !json.get_object().get(object))) {
        std::uint32_t seen = 0;  // a bit for each field; the first of two equal keys wins
        for (auto member : object) {
            simdjson::ondemand::field field;
            std::string_view key;
            if (std::move(member).get(field) || field.unescaped_key().get(key) ||
                field.value().type().get(type)) {
                good = false;
                break;
            }
            std::uint32_t bit = 1;
            for_each_field<Resource>([&](const char* name, auto place) {
                if (key == name && (seen & bit) == 0) {
                    seen |= bit;
                    good = good && read_field(field.value(), type, (*resource).*place);
                }
                bit <<= 1;
            });
            if (!good) break;
        }
    }
    if (!good) resource.reset();
    return resource;
}

}  // namespace detail
}  // namespace v1
}  // namespace pivotal
