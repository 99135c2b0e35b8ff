#!/usr/bin/env bash
# packaging.sh WAY WORK: gets the library in one of the ways that a user has, builds main.cpp with it in the folder WORK
# and runs it.
set -euo pipefail
way=$1
work=$2
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../../.." && pwd)
cxx=${CXX:-c++}
. "$source/tests/lib.sh"
rm -rf "$work" && mkdir -p "$work" && cd "$work"

# The warnings of a strict user, as errors: none may be about our headers.
strict="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wold-style-cast -Werror"

expect() { # expect TEXT COMMAND...: the command succeeds and prints TEXT
    local text=$1 output
    shift
    output=$("$@") || die "failed: $*"
    [ "$output" = "$text" ] || die "expected '$text' of $*, got '$output'"
}
refuse() { # refuse TEXT... -- COMMAND...: the command fails and prints every TEXT
    local texts=() output
    while [ "$1" != -- ]; do texts+=("$1") && shift; done
    shift
    output=$("$@" 2>&1) && die "did not fail: $*"
    for text in "${texts[@]}"; do grep -qF -- "$text" <<<"$output" || die "no '$text' in the output of $*: $output"; done
}
runs() { expect "customer.created · evt_1" "$@"; }
library() { rm -rf library && cmake -S "$source" -B library -DPIVOTAL_BUILD_TESTS=OFF -DPIVOTAL_BUILD_EXAMPLES=OFF "$@"; }
consumer() { # consumer WAY ARGUMENT...: builds and runs a project that uses the library
    cmake -S "$here/consumer" -B "consumer-$1" -DWAY="$1" -DMAIN="$here/main.cpp" -DPIVOTAL_SOURCE_DIR="$source" \
        -DCMAKE_CXX_FLAGS="$strict" "${@:2}" >"consumer-$1.log" 2>&1 || die "$(cat "consumer-$1.log")"
    cmake --build "consumer-$1" >>"consumer-$1.log" 2>&1 || die "$(cat "consumer-$1.log")"
    runs "./consumer-$1/consumer"
}
install_library() { # install_library PREFIX
    library -DCMAKE_INSTALL_PREFIX="$1" >library.log || die "$(cat library.log)"
    cmake --build library >>library.log && cmake --install library >>library.log
}
subproject() { # nothing but the library reaches the project that contains it
    consumer "$1"
    expect "tests: 
targets: 
folders: 
options: options-NOTFOUND" cat "consumer-$1/reached.txt"
    cmake --install "consumer-$1" --prefix "$work/installed" >/dev/null
    expect "installed/bin/consumer" find installed -type f
    # The headers come by -isystem and by nothing else; the flags are the consumer's own.
    grep -q -- ' -isystem .*/include' "consumer-$1/compile_commands.json" || die "no -isystem"
    ! grep -q -- ' -I' "consumer-$1/compile_commands.json" || die "-I as well"
}

case $way in
    find_package)
        install_library "$work/first"
        mv first moved # relocatable: no path of the build is in it
        ! grep -rlF "$work/first" moved || die "the files above name the prefix that they were installed to"
        ! grep -rlF "$source" moved || die "the files above name the source folder"
        consumer find_package -DCMAKE_PREFIX_PATH="$work/moved"
        major=$(sed -n 's/.*VERSION_MAJOR //p' "$source/include/pivotal/version.hpp")
        configure() { cmake -S "$here/consumer" -B "consumer-$1" -DWAY=find_package -DMAIN="$here/main.cpp" \
            -DCMAKE_PREFIX_PATH="$work/moved" -DWANTED_VERSION="$1" "${@:2}"; }
        configure "$major" >/dev/null
        configure "$major.0" >/dev/null
        refuse "compatible with requested version" -- configure "$((major + 1))"
        refuse "compatible with requested version" -- configure "$major.999"
        [ "$major" = 0 ] || refuse "compatible with requested version" -- configure "$((major - 1)).0"
        # Architecture-independent: what was installed on another word size is taken.
        cat >check.cmake <<CMAKE
cmake_minimum_required(VERSION 3.16)
set(CMAKE_SIZEOF_VOID_P 2)
set(PACKAGE_FIND_VERSION $major)
set(PACKAGE_FIND_VERSION_MAJOR $major)
include([==[$work/moved/share/cmake/pivotal-webhook/pivotal-webhook-config-version.cmake]==])
if(NOT PACKAGE_VERSION_COMPATIBLE OR PACKAGE_VERSION_UNSUITABLE)
    message(FATAL_ERROR "it depends on the architecture")
endif()
CMAKE
        cmake -P check.cmake
        # A dependency that its user lacks is named by the package, with what to install.
        refuse "libssl-dev" "openssl-devel" "brew install openssl" "vcpkg install openssl" -- \
            configure "$major" -B without-openssl -DCMAKE_DISABLE_FIND_PACKAGE_OpenSSL=ON
        ;;
    components)
        for package in libsqlite3-dev libhiredis-dev libpq-dev zlib1g-dev; do
            dpkg-query -W "$package" >/dev/null 2>&1 || skip "$package is missing" "apt-get install $package"
        done
        install_library "$work/first"
        mv first moved
        components() { # components NAME LIST ARGUMENT...
            cmake -S "$here/components" -B "$1" -DWANTED="$2" -DCMAKE_PREFIX_PATH="$work/moved" \
                -DCMAKE_CXX_FLAGS="$strict" "${@:3}"
        }
        components all "diagnose;sqlite;redis;postgres" >all.log 2>&1 || die "$(cat all.log)"
        cmake --build all -j 2 >>all.log 2>&1 || die "$(cat all.log)"
        ctest --test-dir all --output-on-failure >ctest.log || die "$(cat ctest.log)"
        grep -q "out of 4" ctest.log || die "not four programs: $(cat ctest.log)"
        # One that cannot be had is named, with what to install.
        refuse "component sqlite" "libsqlite3-dev" -- components no-sqlite sqlite -DCMAKE_DISABLE_FIND_PACKAGE_SQLite3=ON
        refuse "no component mysql" -- components no-mysql mysql
        # By a find_package that fetches and builds it.
        for fetched in override module; do
            [ $fetched = module ] || grep -q OVERRIDE_FIND_PACKAGE <<<"$(cmake --help-module FetchContent)" || continue
            components $fetched sqlite -DFETCHED=$fetched -DPIVOTAL_SOURCE_DIR="$source" >$fetched.log 2>&1 &&
                cmake --build $fetched >>$fetched.log 2>&1 && (cd $fetched && ctest >>ctest.log) || die "$(cat $fetched.log)"
            refuse "component sqlite" "libsqlite3-dev" -- components no-$fetched sqlite -DFETCHED=$fetched \
                -DPIVOTAL_SOURCE_DIR="$source" -DCMAKE_DISABLE_FIND_PACKAGE_SQLite3=ON
            refuse "no component mysql" -- components no-mysql-$fetched mysql -DFETCHED=$fetched -DPIVOTAL_SOURCE_DIR="$source"
        done
        ;;
    strange) # from and in a folder whose name a shell has to be told of
        copy="$work/a (b) & c's \$d"
        mkdir -p "$copy/tests/builds"
        cp -r "$source"/{CMakeLists.txt,cmake,include,LICENSE,README.md} "$copy"
        cp -r "$source/tests/lib.sh" "$copy/tests"
        cp -r "$here" "$copy/tests/builds"
        for each in amalgamation FetchContent find_package; do
            "$copy/tests/builds/packaging/packaging.sh" $each "$copy/build/$each" >strange.log 2>&1 ||
                die "$each: $(cat strange.log)"
        done
        # pkg-config itself can stand a space, and no more.
        "$copy/tests/builds/packaging/packaging.sh" pkg-config "$work/a folder" >strange.log 2>&1 ||
            die "pkg-config: $(cat strange.log)"
        ;;
    add_subdirectory | FetchContent) subproject "$way" ;;
    pkg-config)
        command -v pkg-config >/dev/null || skip "pkg-config is missing" "apt-get install pkg-config"
        install_library "$work/first"
        mv first moved
        export PKG_CONFIG_PATH=$work/moved/share/pkgconfig
        expect "$(sed -n 's/^#define PIVOTAL_WEBHOOK_VERSION_[A-Z]* //p' "$source/include/pivotal/version.hpp" | paste -sd.)" \
            pkg-config --modversion pivotal-webhook
        # What it prints is meant for a shell: its folder may have a space in its name.
        eval "\"\$cxx\" -std=c++17 \"\$here/main.cpp\" -o main $(pkg-config --cflags --libs pivotal-webhook)"
        runs ./main
        # Folders that are absolute, as Nix has them, and not below the source, where CMake wants none.
        elsewhere=$(mktemp -d)
        trap 'rm -rf "$elsewhere"' EXIT
        library -DCMAKE_INSTALL_PREFIX="$elsewhere/a" -DCMAKE_INSTALL_INCLUDEDIR="$elsewhere/b/include" \
            -DCMAKE_INSTALL_DATADIR="$elsewhere/c/share" >library.log || die "$(cat library.log)"
        cmake --install library >>library.log
        export PKG_CONFIG_PATH=$elsewhere/c/share/pkgconfig
        [ -e "$(pkg-config --variable=includedir pivotal-webhook)/pivotal/webhook.hpp" ] ||
            die "no headers in $(pkg-config --variable=includedir pivotal-webhook)"
        ;;
    amalgamation)
        library >/dev/null
        cmake --build library --target amalgamate >/dev/null
        mkdir alone && cp library/pivotal.hpp alone # with nothing of ours beside it
        ! grep -n '#include <pivotal' alone/pivotal.hpp || die "the lines above include a header of ours"
        # shellcheck disable=SC2086
        "$cxx" -std=c++17 $strict -Ialone -DPIVOTAL_SINGLE_FILE "$here/main.cpp" -o main -lcrypto
        runs ./main
        ;;
    copy)
        mkdir -p project/src && cp -r "$source/include/pivotal" project/src/
        cp "$here/main.cpp" project/src/ && cd project
        # shellcheck disable=SC2086
        "$cxx" -std=c++17 $strict -Isrc src/main.cpp -o main -lcrypto
        runs ./main
        ;;
    vcpkg)
        # The steps of the port, with vcpkg's functions played by vcpkg.cmake; then a user of what it installed.
        cmake -DWORK="$work" -DPORT_DIR="$source/cmake/packaging/vcpkg/pivotal-webhook" -P "$here/vcpkg.cmake" >port.log 2>&1 ||
            die "$(cat port.log)"
        [ -z "$(find packages -type d -empty)" ] || die "empty folders: $(find packages -type d -empty)"
        consumer find_package -DCMAKE_PREFIX_PATH="$work/packages"
        ;;
    conan) # by all.sh, which brings Conan
        python3 -m compileall -q -f "$source/cmake/packaging/conan" && find "$source/cmake/packaging" -name __pycache__ -exec rm -r {} +
        command -v conan >/dev/null || skip "conan is missing" "pip install -r tests/builds/packaging/requirements.txt"
        export CONAN_HOME=$work/home
        conan profile detect >profile.log 2>&1
        # OpenSSL and nlohmann/json are the system's: nothing is fetched.
        cat >profile <<PROFILE
include(default)
[settings]
compiler.cppstd=17
[platform_requires]
openssl/$(pkg-config --modversion libcrypto)
nlohmann_json/$(pkg-config --modversion nlohmann_json)
[conf]
tools.cmake.cmake_layout:test_folder=$work/test_package
tools.cmake.cmaketoolchain:user_presets=
tools.cmake.cmaketoolchain:extra_variables={"CMAKE_CXX_STANDARD_LIBRARIES": "-lcrypto"}
PROFILE
        conan create "$source/cmake/packaging/conan" --profile:all=profile --no-remote >create.log 2>&1 || die "$(cat create.log)"
        grep -q "customer.created · evt_1" create.log || die "the package's test did not run: $(cat create.log)"
        ;;
    frameworks) # of an unsupported version: skipped, with the version found and the version needed
        mkdir -p old
        echo 'message(FATAL_ERROR "half installed")' >old/DrogonConfig.cmake
        touch old/PocoConfig.cmake old/Qt6HttpServerConfig.cmake
        echo 'set(PACKAGE_VERSION 1.9.4)' >old/PocoConfigVersion.cmake
        echo 'set(PACKAGE_VERSION 6.3.0)' >old/Qt6HttpServerConfigVersion.cmake
        printf 'Name: libevent\nDescription: an old one\nVersion: 2.0.22\n' >old/libevent.pc
        PKG_CONFIG_PATH=$work/old library -DPIVOTAL_BUILD_EXAMPLES=ON -DPoco_DIR="$work/old" \
            -DQt6HttpServer_DIR="$work/old" -DDrogon_DIR="$work/old" >library.log 2>&1 || die "$(cat library.log)"
        for text in "poco is skipped: needs POCO 1.11 or later, found 1.9.4 (Debian: apt-get install libpoco-dev)" \
            "drogon is skipped: needs all that Drogon needs, found a part (Debian 13: apt-get install libdrogon-dev" \
            "qt-httpserver is skipped: needs Qt HttpServer 6.4 or later, found 6.3.0 (Debian: apt-get install qt6-httpserver-dev" \
            "libevent is skipped: needs libevent 2.1 or later, found 2.0.22 (Debian: apt-get install libevent-dev pkg-config)"; do
            grep -qF -- "examples/$text" library.log || die "no '$text' in: $(cat library.log)"
        done
        ;;
    cli) # by all.sh: the command line on a machine that has neither SQLite nor libpq
        library -DPIVOTAL_BUILD_EXAMPLES=ON -DCMAKE_DISABLE_FIND_PACKAGE_SQLite3=ON \
            -DCMAKE_DISABLE_FIND_PACKAGE_PostgreSQL=ON -DPIVOTAL_LIBRARY_pq=OFF >library.log 2>&1 || die "$(cat library.log)"
        cmake --build library --target pivotal_cli -j 2 >>library.log 2>&1 || die "$(tail -n 50 library.log)"
        cli=library/examples/cli/pivotal-webhook
        ! ldd "$cli" | grep -E 'libsqlite|libpq' || die "it is linked to the databases above"
        for database in "sqlite SQLite libsqlite3-dev" "postgres libpq libpq-dev"; do
            read -r option name package <<<"$database"
            for command in "stats --$option x" "dead --$option x" "schema --$option"; do
                # shellcheck disable=SC2086
                refuse "built without $name" "$package" -- "$cli" inbox $command
            done
        done
        # All else is there.
        PIVOTAL_WEBHOOK_SECRET=$("$cli" secret) && export PIVOTAL_WEBHOOK_SECRET
        "$cli" sign --body "$source/examples/events/customer.created.json" >headers.txt
        "$cli" verify --headers headers.txt --body "$source/examples/events/customer.created.json"
        ;;
    dependencies)
        refuse "needs OpenSSL 1.1.1 or later" "found none" "apt-get install libssl-dev" "dnf install openssl-devel" \
            "brew install openssl" "vcpkg install openssl" -- library -DCMAKE_DISABLE_FIND_PACKAGE_OpenSSL=ON
        refuse "needs nlohmann/json 3.10 or later" "found none" "apt-get install nlohmann-json3-dev" \
            "dnf install json-devel" "brew install nlohmann-json" "vcpkg install nlohmann-json" -- \
            library -DCMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON
        mkdir -p old/openssl old/json
        echo '# define OPENSSL_VERSION_NUMBER  0x100020ffL' >old/openssl/opensslv.h
        touch old/libcrypto.so
        refuse "needs OpenSSL 1.1.1 or later" "found 1.0.2" "apt-get install libssl-dev" -- library \
            -DOPENSSL_INCLUDE_DIR="$work/old" -DOPENSSL_CRYPTO_LIBRARY="$work/old/libcrypto.so"
        touch old/json/nlohmann_jsonConfig.cmake
        printf 'set(%s OFF)\n' CMAKE_FIND_USE_CMAKE_SYSTEM_PATH CMAKE_FIND_USE_SYSTEM_ENVIRONMENT_PATH >old/no-system.cmake
        echo 'set(PACKAGE_VERSION 3.9.1)' >old/json/nlohmann_jsonConfigVersion.cmake
        refuse "needs nlohmann/json 3.10 or later" "found 3.9.1" "apt-get install nlohmann-json3-dev" -- \
            library -Dnlohmann_json_DIR="$work/old/json" -DCMAKE_PROJECT_INCLUDE="$work/old/no-system.cmake"
        # A nlohmann/json that is built beside it, and not installed.
        printf '%s\n' 'cmake_minimum_required(VERSION 3.16)' 'project(beside CXX)' 'add_library(nlohmann_json INTERFACE)' \
            'add_library(nlohmann_json::nlohmann_json ALIAS nlohmann_json)' "add_subdirectory([==[$source]==] webhook)" >CMakeLists.txt
        refuse "JSON_Install=ON" -- cmake -S . -B beside -DPIVOTAL_INSTALL=ON
        # Both at once, in one message.
        refuse "libssl-dev" "nlohmann-json3-dev" -- library -DCMAKE_DISABLE_FIND_PACKAGE_OpenSSL=ON \
            -DCMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON
        ;;
    *) die "unknown way $way" ;;
esac
printf '%s: works\n' "$way"
