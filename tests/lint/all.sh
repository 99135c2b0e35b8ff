#!/usr/bin/env bash
# The format of every C++ file, and clang-tidy over the headers. Both tools are pinned: another version formats in
# another way.
#   tests/lint/all.sh --fix   formats instead of complaining
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib.sh

for tool in clang-format-14 clang-tidy-14; do
    command -v $tool >/dev/null || die "$tool is missing: apt-get install $tool"
done

say "clang-format"
mapfile -t sources < <(find include tests examples \( -name build -o -name node_modules \) -prune -o \
    \( -name '*.hpp' -o -name '*.cpp' \) -print)
if [ "${1:-}" = --fix ]; then
    clang-format-14 -i "${sources[@]}"
    exit
fi
clang-format-14 --dry-run --Werror "${sources[@]}" || die "tests/lint/all.sh --fix formats them"

say "clang-tidy"
# One translation unit with every header whose packages are there.
cmake --preset dev -DCMAKE_EXPORT_COMPILE_COMMANDS=ON >/dev/null
# g++ takes C++17 for granted, so that it stands in no command; clang does not.
clang-tidy-14 --quiet -p build/dev --extra-arg=-std=c++17 build/dev/tests/builds/all_headers.cpp
