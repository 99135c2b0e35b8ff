// SPDX-License-Identifier: MIT
#pragma once

#include <clocale>

#if defined(__unix__) || defined(__APPLE__)
#include <locale.h>  // NOLINT(modernize-deprecated-headers): newlocale, which <clocale> need not have
#if defined(__APPLE__)
#include <xlocale.h>
#endif
#endif

namespace pivotal { inline namespace v1 { namespace detail {

/// While it lives, this thread reads numbers as JSON writes them.
///
/// nlohmann/json reads them with strtod, and knows the first byte of the locale's decimal point. Where that has several
/// (ps_AF), 41.5 would become 41. There the thread takes the locale "C" meanwhile; where a system has no locale for a
/// thread alone, or no memory for it, this is false, and nothing may be read.
class NumericLocale {
public:
    explicit NumericLocale(const char* point = std::localeconv()->decimal_point) noexcept {  // NOLINT: as nlohmann does
        if (point[0] == '\0' || point[1] == '\0') return;
#if defined(LC_NUMERIC_MASK)
        plain_ = newlocale(LC_NUMERIC_MASK, "C", nullptr);
        if (plain_) before_ = uselocale(plain_);
        usable_ = plain_ != nullptr;
#else
        usable_ = false;
#endif
    }
    ~NumericLocale() {
#if defined(LC_NUMERIC_MASK)
        if (!plain_) return;
        uselocale(before_);
        freelocale(plain_);
#endif
    }
    NumericLocale(const NumericLocale&) = delete;
    NumericLocale& operator=(const NumericLocale&) = delete;

    explicit operator bool() const noexcept {
        return usable_;
    }

private:
    bool usable_ = true;
#if defined(LC_NUMERIC_MASK)
    locale_t plain_ = nullptr, before_ = nullptr;
#endif
};

}}}  // namespace pivotal::v1::detail
