// SPDX-License-Identifier: MIT
// To be preloaded into a receiver: OpenSSL fails there while the file that OPENSSL_FAULT names exists.
#include <cstdlib>

#include <dlfcn.h>
#include <openssl/evp.h>
#include <unistd.h>

extern "C" int EVP_MD_CTX_copy_ex(EVP_MD_CTX* out, const EVP_MD_CTX* in) {
    const char* const fault = std::getenv("OPENSSL_FAULT");
    if (fault && access(fault, F_OK) == 0) return 0;
    static const auto real = reinterpret_cast<decltype(&EVP_MD_CTX_copy_ex)>(dlsym(RTLD_NEXT, "EVP_MD_CTX_copy_ex"));
    return real ? real(out, in) : 0;
}
