#!/usr/bin/env bash
# cxx14.sh COMPILER HEADER...: below C++17 the first error of each header says so.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/lib.sh
compiler=$1
for header in "${@:2}"; do
    said=$("$compiler" -std=c++14 -fsyntax-only -Iinclude -x c++ - <<<"#include <$header>" 2>&1) && die "$header compiles"
    [[ $(grep -m 1 ' error: ' <<<"$said") = *"needs C++17 or later"* ]] || die "$header: $(head -n 5 <<<"$said")"
done
