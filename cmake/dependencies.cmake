# Finds what the library needs; used by the build and, installed, by the package. PIVOTAL_MISSING then says what to
# install, or is empty.

set(PIVOTAL_OPENSSL_VERSION 1.1.1)
set(PIVOTAL_NLOHMANN_JSON_VERSION 3.10)
set(PIVOTAL_MISSING "")

if(NOT TARGET OpenSSL::Crypto)
    find_package(OpenSSL ${PIVOTAL_OPENSSL_VERSION} QUIET COMPONENTS Crypto)
    if(NOT OPENSSL_FOUND)
        set(pivotal_found none)
        if(OPENSSL_VERSION)
            set(pivotal_found ${OPENSSL_VERSION})
        endif()
        string(APPEND PIVOTAL_MISSING
            "pivotal-webhook needs OpenSSL ${PIVOTAL_OPENSSL_VERSION} or later (libcrypto and its headers), found ${pivotal_found}:\n"
            "  Debian, Ubuntu:  apt-get install libssl-dev\n"
            "  Fedora:          dnf install openssl-devel\n"
            "  macOS:           brew install openssl@3, then -DOPENSSL_ROOT_DIR=\$(brew --prefix openssl@3)\n"
            "  vcpkg:           vcpkg install openssl\n")
    endif()
endif()

if(NOT TARGET nlohmann_json::nlohmann_json)
    find_package(nlohmann_json ${PIVOTAL_NLOHMANN_JSON_VERSION} QUIET CONFIG)
    if(NOT nlohmann_json_FOUND)
        set(pivotal_found none)
        if(nlohmann_json_CONSIDERED_VERSIONS)
            set(pivotal_found ${nlohmann_json_CONSIDERED_VERSIONS})
        endif()
        string(APPEND PIVOTAL_MISSING
            "pivotal-webhook needs nlohmann/json ${PIVOTAL_NLOHMANN_JSON_VERSION} or later, found ${pivotal_found}:\n"
            "  Debian, Ubuntu:  apt-get install nlohmann-json3-dev\n"
            "  Fedora:          dnf install json-devel\n"
            "  macOS:           brew install nlohmann-json\n"
            "  vcpkg:           vcpkg install nlohmann-json\n")
    endif()
endif()
