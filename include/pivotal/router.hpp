// SPDX-License-Identifier: MIT
#pragma once

#include <pivotal/detail/core/attributes.hpp>

#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <pivotal/event.hpp>

namespace pivotal { inline namespace v1 { inline namespace PIVOTAL_DETAIL_JSON_ABI {

/// Calls the handler that belongs to an event's type: the most specific one, once.
///
///     pivotal::EventRouter router;
///     router.on<pivotal::Customer>("customer.at_risk", [](const auto& event, const auto& customer) { ... })
///           .on("onboarding.*", [](const pivotal::Event& event) { ... })
///           .otherwise([](const pivotal::Event& event) { ... });
///     const bool handled = router(event);
///
/// **Patterns**, from the most to the least specific:
/// 1. `name`: this type and no other;
/// 2. `name.*`: every type that starts with `name.` and goes on; of `a.b.*` and `a.*` the longer one wins;
/// 3. `*`: every type;
/// 4. otherwise(): what no pattern matches, so nothing once `*` is registered.
///
/// A name is what Svix allows for one: letters, digits, `_` and `-` in parts joined by dots, at most 256
/// characters. Names compare exactly.
///
/// **Errors** are found when a handler is registered: std::invalid_argument for a pattern of another form,
/// for one that is given twice and for an empty std::function or null pointer; the router is then as it was.
///
/// It is a callable that takes `const Event&`, so it is a handler for a receiver as it stands. Copyable, and
/// so must the handlers be. **Thread safety:** once everything is registered it may be called from many
/// threads at once, and then the handlers are too. **Not for:** handling an event once; it has no memory.
class EventRouter {
public:
    /// What is called with an event.
    using Handler = std::function<void(const Event&)>;

    /// Registers a handler that takes the event alone.
    EventRouter& on(std::string_view pattern, Handler handler) {
        add(pattern, std::move(handler));
        return *this;
    }

    /// Registers a handler that takes `(const Event&, const Resource&)`; `Resource` is what
    /// `event.object().get<Resource>()` gives: one of <pivotal/resources.hpp>, or a type of yours. What your
    /// own from_json throws passes through.
    template <class Resource, class TypedHandler> EventRouter& on(std::string_view pattern, TypedHandler&& handler) {
        static_assert(std::is_invocable_v<std::decay_t<TypedHandler>&, const Event&, const Resource&>,
                      "pivotal: the handler of on<Resource> is called with (const pivotal::Event&, const Resource&); "
                      "one that takes the event alone is registered with on(pattern, handler).");
        std::function<void(const Event&, const Resource&)> typed(std::forward<TypedHandler>(handler));
        if (!typed) throw std::invalid_argument(empty_handler);
        add(pattern,
            [typed = std::move(typed)](const Event& event) { typed(event, event.object().template get<Resource>()); });
        return *this;
    }

    /// Registers the handler of what no pattern matches.
    EventRouter& otherwise(Handler handler) {
        if (!handler) throw std::invalid_argument(empty_handler);
        if (otherwise_) throw std::invalid_argument("pivotal: otherwise is given twice");
        otherwise_ = std::move(handler);
        return *this;
    }

    /// Calls the handler of `event`; true if there was one, `otherwise` included. What the handler throws
    /// passes through, and no other handler is then tried.
    bool operator()(const Event& event) const {
        const Handler* const handler = find(event.type);
        if (handler) (*handler)(event);
        return handler != nullptr;
    }

private:
    static constexpr const char* empty_handler = "pivotal: an empty handler cannot be called";

    /// The key of `*` is the empty text, which is no name; that of `name.*` is `name.`, which is none either.
    static std::string key_of(std::string_view pattern) {
        if (pattern == "*") return {};
        std::string_view name = pattern;
        const bool family = name.size() > 2 && name.substr(name.size() - 2) == ".*";
        if (family) name.remove_suffix(2);
        if (!is_name(name))
            throw std::invalid_argument("pivotal: the pattern '" + std::string(pattern) +
                                        "' is not a name such as customer.created, nor name.*, nor *");
        return std::string(family ? pattern.substr(0, pattern.size() - 1) : name);
    }

    static bool is_name(std::string_view text) noexcept {
        constexpr std::string_view allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
        return !text.empty() && text.size() <= 256 && text.find_first_not_of(allowed) == text.npos &&
               text.front() != '.' && text.back() != '.' && text.find("..") == text.npos;
    }

    void add(std::string_view pattern, Handler handler) {
        if (!handler) throw std::invalid_argument(empty_handler);
        if (!handlers_.try_emplace(key_of(pattern), std::move(handler)).second)
            throw std::invalid_argument("pivotal: the pattern '" + std::string(pattern) + "' is given twice");
    }

    const Handler* find(std::string_view type) const {
        // The type itself, its prefixes that end in a dot and leave something behind it, the longest first, and nothing.
        for (std::string_view key = type;; key.remove_suffix(1)) {
            const bool may_be = key.empty() || (key.size() == type.size()) != (key.back() == '.');
            const auto found = may_be ? handlers_.find(key) : handlers_.end();
            if (found != handlers_.end()) return &found->second;
            if (key.empty()) return otherwise_ ? &otherwise_ : nullptr;
        }
    }

    std::map<std::string, Handler, std::less<>> handlers_;
    Handler otherwise_;
};

}}}  // namespace pivotal::v1::PIVOTAL_DETAIL_JSON_ABI
