// SPDX-License-Identifier: MIT
#pragma once
#pragma GCC system_header  // #include_next is an extension

// The seam between the library and OpenSSL: a header of the tests that the order of the include path puts before
// the library's own <pivotal/detail/core/openssl.hpp>. OpenSSL's headers are read first; then each function of theirs
// that the library calls becomes a macro of the same name, which fails or calls the function. That is all: it holds
// for the source that includes this, no symbol is replaced when the test is linked or loaded, and OpenSSL itself is
// as it was. seam.cpp fails where the library calls anything of OpenSSL that is not below.

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/opensslv.h>
#include <openssl/rand.h>

#include "inject.hpp"

#define PIVOTAL_TEST_FAIL(value, call) (inject::openssl.fails() ? (value) : (call))

#define EVP_MD_CTX_new() inject::acquired(PIVOTAL_TEST_FAIL(nullptr, EVP_MD_CTX_new()))
#define EVP_MD_CTX_free(context) EVP_MD_CTX_free(inject::returned(context))
#define EVP_PKEY_new_raw_public_key(...) \
    inject::acquired(PIVOTAL_TEST_FAIL(nullptr, EVP_PKEY_new_raw_public_key(__VA_ARGS__)))
#define EVP_PKEY_free(key) EVP_PKEY_free(inject::returned(key))
#define EVP_MD_fetch(...) inject::acquired(PIVOTAL_TEST_FAIL(nullptr, EVP_MD_fetch(__VA_ARGS__)))
#define EVP_MD_free(digest) EVP_MD_free(inject::returned(digest))
#define EVP_sha256() PIVOTAL_TEST_FAIL(nullptr, EVP_sha256())
#define EVP_MD_CTX_copy_ex(...) PIVOTAL_TEST_FAIL(0, EVP_MD_CTX_copy_ex(__VA_ARGS__))
#define EVP_DigestInit_ex(...) PIVOTAL_TEST_FAIL(0, EVP_DigestInit_ex(__VA_ARGS__))
#define EVP_DigestUpdate(...) PIVOTAL_TEST_FAIL(0, EVP_DigestUpdate(__VA_ARGS__))
#define EVP_DigestFinal_ex(...) PIVOTAL_TEST_FAIL(0, EVP_DigestFinal_ex(__VA_ARGS__))
#define EVP_DigestVerifyInit(...) PIVOTAL_TEST_FAIL(0, EVP_DigestVerifyInit(__VA_ARGS__))
#define EVP_DigestVerify(...) PIVOTAL_TEST_FAIL(inject::failure_value, EVP_DigestVerify(__VA_ARGS__))
#define EVP_EncodeBlock(...) PIVOTAL_TEST_FAIL(inject::failure_value, EVP_EncodeBlock(__VA_ARGS__))

#include_next <pivotal/detail/core/openssl.hpp>
