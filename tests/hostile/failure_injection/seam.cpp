// SPDX-License-Identifier: MIT
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "catch.hpp"

namespace {

/// The words of a text; one that a parenthesis follows ends in it.
std::vector<std::string> words(const std::string& text) {
    std::vector<std::string> found(1);
    for (const char c : text) {
        const bool in_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        if (in_word || (c == '(' && !found.back().empty())) found.back() += c;
        if (!in_word && !found.back().empty()) found.emplace_back();
    }
    return found;
}

std::string read(const std::filesystem::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string without_parenthesis(std::string word) {
    if (!word.empty() && word.back() == '(') word.pop_back();
    return word;
}

/// A name of OpenSSL: by its prefix, or a call of what begins in capitals, as nothing else here does.
bool names_openssl(const std::string& word) {
    for (const char* prefix :
         {"EVP_", "ERR_", "CRYPTO_", "OPENSSL_", "OSSL_", "RAND_", "HMAC_", "SHA256_", "d2i_", "i2d_", "o2i_", "i2o_"})
        if (word.rfind(prefix, 0) == 0) return true;
    if (word.empty() || word.back() != '(') return false;
    const std::string first = word.substr(0, word.find_first_of("_("));
    return first.size() > 1 && first.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == first.npos;
}

/// The names of OpenSSL in a text that the shadow does not redefine, and that can fail.
std::set<std::string> missing_in_the_seam(const std::string& text) {
    // What cannot fail, or is no call; and what is no name of OpenSSL.
    std::set<std::string> known = {"EVP_MD_CTX_free",
                                   "EVP_MD_CTX_reset",
                                   "EVP_PKEY_free",
                                   "EVP_MD_free",
                                   "ERR_set_mark",
                                   "ERR_pop_to_mark",
                                   "ERR_clear_error",
                                   "OPENSSL_cleanse",
                                   "CRYPTO_memcmp",
                                   "EVP_MD_CTX",
                                   "EVP_PKEY",
                                   "EVP_PKEY_ED25519",
                                   "EVP_MD",
                                   "CAST",
                                   "NOLINT",
                                   "OPENSSL_VERSION_MAJOR",
                                   "PIVOTAL_DETAIL_JSON_JOIN",
                                   "PIVOTAL_DETAIL_JSON_NAME"};
    const auto shadow = words(read(PIVOTAL_TEST_SHADOW));
    for (std::size_t i = 1; i < shadow.size(); ++i)
        if (shadow[i - 1] == "define") known.insert(without_parenthesis(shadow[i]));

    std::set<std::string> missing;
    for (const std::string& word : words(text))
        if (names_openssl(word) && known.count(without_parenthesis(word)) == 0)
            missing.insert(without_parenthesis(word));
    return missing;
}

}  // namespace

TEST_CASE("no call into OpenSSL gets around the injection", "[failure_injection]") {
    std::size_t headers = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(PIVOTAL_TEST_INCLUDE)) {
        if (!entry.is_regular_file()) continue;
        INFO(entry.path().filename().string());
        CHECK(missing_in_the_seam(read(entry.path())) == std::set<std::string>());
        ++headers;
    }
    CHECK(headers > 20);
}

TEST_CASE("a call into OpenSSL that the seam lacks is found", "[failure_injection]") {
    using Names = std::set<std::string>;
    CHECK(missing_in_the_seam("if (EVP_DigestUpdate(context, data, size) != 1) return;") == Names());
    CHECK(missing_in_the_seam("if (EVP_DigestSign(context, data, &size) != 1) return;") == Names{"EVP_DigestSign"});
    CHECK(missing_in_the_seam("HMAC(EVP_sha256(), key, 32, data, 5, tag, &size)") == Names{"HMAC"});
    CHECK(missing_in_the_seam("SHA512(data, size, digest); BN_new(); X509_free(made); d2i_PUBKEY(x)") ==
          Names{"SHA512", "BN_new", "X509_free", "d2i_PUBKEY"});
    CHECK(missing_in_the_seam("const auto f = &EVP_MD_fetch_all;") == Names{"EVP_MD_fetch_all"});
    CHECK(missing_in_the_seam("PQexec(connection, sql); sqlite3_step(x); Body(x); HMAC of a (body)") == Names());
}
