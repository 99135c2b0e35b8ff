#!/usr/bin/env bash
# cxx14.sh COMPILER HEADER...: below C++17 the first error of each header says so.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/lib.sh
compiler=$1
for header in "${@:2}"; do
    for standard in c++98 c++11 c++14; do
        said=$("$compiler" -std=$standard -Wfatal-errors -fsyntax-only -Iinclude -x c++ - <<<"#include <$header>" 2>&1) &&
            die "$header compiles as $standard"
        [[ $(grep -m 1 ' error: ' <<<"$said") = *"needs C++17 or later"* ]] ||
            die "$header as $standard: $(head -n 5 <<<"$said")"
    done
done
