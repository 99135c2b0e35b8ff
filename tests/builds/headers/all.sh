#!/usr/bin/env bash
# The unit tests with a second compiler and under later standards: clang++ in C++20 and g++ in C++23. The ordinary
# build is C++17 by the compiler of the system.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/lib.sh

build_and_test() { # build_and_test NAME COMPILER STANDARD
    say "$2, C++$3"
    cmake -S . -B "build/$1" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_COMPILER="$2" -DCMAKE_CXX_STANDARD="$3" \
        -DPIVOTAL_BUILD_EXAMPLES=OFF >/dev/null
    cmake --build "build/$1" --target tests/unit/all tests/builds/headers/all
    "build/$1/tests/unit/pivotal_unit_tests" '~[long]~[.]'
    ctest --test-dir "build/$1/tests/builds/headers" --output-on-failure -E refused -j "$(nproc)"
}

compiler=$(a_clang)
build_and_test clang "$compiler" 20
build_and_test gcc23 g++ 23
