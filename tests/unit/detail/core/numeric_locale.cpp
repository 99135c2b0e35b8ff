// SPDX-License-Identifier: MIT
#include <pivotal/detail/core/numeric_locale.hpp>

#include <clocale>
#include <cstdlib>
#include <string>

#include <pivotal/webhook.hpp>

#include "../support/message.hpp"
#include "catch.hpp"
#include "outcome.hpp"

namespace unit_detail_numeric_locale {

using pivotal::detail::NumericLocale;

namespace {

/// The locale of the whole process, while it lives.
class ProcessLocale {
public:
    explicit ProcessLocale(const char* name)
        : before_(std::setlocale(LC_ALL, nullptr)), is_there(std::setlocale(LC_ALL, name) != nullptr) {}
    ~ProcessLocale() { std::setlocale(LC_ALL, before_.c_str()); }
    ProcessLocale(const ProcessLocale&) = delete;
    ProcessLocale& operator=(const ProcessLocale&) = delete;

private:
    std::string before_;

public:
    const bool is_there;
};

std::string decimal_point() {
    return std::localeconv()->decimal_point;
}

}  // namespace

TEST_CASE("where the decimal point is one byte the locale is left alone", "[locale]") {
    const std::string before = decimal_point();
    REQUIRE(before.size() == 1);
    const NumericLocale locale;
    CHECK(locale);
    CHECK(decimal_point() == before);
}

#if defined(LC_NUMERIC_MASK)
TEST_CASE("where the decimal point has several bytes this thread has another locale meanwhile", "[locale]") {
    const locale_t before = uselocale(locale_t{});
    for (const char* const point : {"\xD9\xAB", "\xE2\x80\xAF", "\1x", "x\1"}) {
        {
            const NumericLocale locale(point);
            CHECK(locale);
            CHECK(uselocale(locale_t{}) != before);
        }
        CHECK(uselocale(locale_t{}) == before);
    }
    for (const char* const point : {"", ".", ",", "\0x"}) {
        const NumericLocale locale(point);
        CHECK(locale);
        CHECK(uselocale(locale_t{}) == before);
    }
}
#else
TEST_CASE("where a thread can have no locale of its own, a decimal point of several bytes is refused", "[locale]") {
    CHECK_FALSE(NumericLocale("\xD9\xAB"));
    CHECK(NumericLocale(","));
}
#endif

// Needs a locale that Debian does not install by itself: tests/unit/locale.sh makes it, and runs this.
TEST_CASE("a number is the same in a locale whose decimal point has two bytes", "[.][two_byte_decimal_point]") {
    const ProcessLocale process(std::getenv("PIVOTAL_TEST_LOCALE"));
    REQUIRE(process.is_there);
    REQUIRE(decimal_point().size() == 2);
    {
        const NumericLocale locale;
        CHECK(locale);
        CHECK(decimal_point() == ".");
        CHECK(std::strtod("41.5", nullptr) == 41.5);
    }
    CHECK(decimal_point().size() == 2);

    support::Message message;
    message.body = R"({"id":"evt_1","type":"a","data":{"object":{"a":41.5,"b":-0.25e-3,"c":1e300,"d":[0.1]}}})";
    message.sign();
    const pivotal::Event event =
        pivotal::Webhook(support::secret).verify(message.body, support::headers_of(message), support::now);
    CHECK(event.object().at("a").get<double>() == 41.5);
    CHECK(event.object().at("b").get<double>() == -0.25e-3);
    CHECK(event.object().at("c").get<double>() == 1e300);
    CHECK(event.object().at("d").at(0).get<double>() == 0.1);
    CHECK(decimal_point().size() == 2);
}

}  // namespace unit_detail_numeric_locale
