#!/usr/bin/env bash
# The tests labelled `unit` or `stores` under AddressSanitizer with UndefinedBehaviorSanitizer, and those labelled
# `threads` under ThreadSanitizer: of the stores and inboxes what does not take long (see tests/system/stores/run.sh).
# What a request can reach also under clang's -fsanitize=integer, which does not let an unsigned number wrap either.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/lib.sh
. tests/compilers/unit_tests.sh

# programs_of PRESET: what the tests of the preset run, as the build tool names it
programs_of() {
    local name
    ctest --preset "$1" -N | sed -n 's/^ *Test *#[0-9]*: //p' | while read -r name; do
        grep -rhF --include=CTestTestfile.cmake "add_test($name \"" build/"$1"/tests |
            sed "s|.*\"$PWD/build/$1/\([^\"]*\)\".*|\1|"
    done | sort -u
}

for preset in asan tsan; do
    say "$preset"
    cmake --preset "$preset" -DPIVOTAL_BUILD_EXAMPLES=OFF >/dev/null
    mapfile -t programs < <(programs_of "$preset")
    [ ${#programs[@]} -gt 0 ] || die "there are no tests to run"
    cmake --build --preset "$preset" --target "${programs[@]}"
    ctest --preset "$preset" -j "$(nproc)"
done

say "integer"
build=$PWD/build/integer compiler=$(a_clang)
sanitize="-fsanitize=integer -fno-sanitize-recover=all -fsanitize-ignorelist=$PWD/tests/compilers/sanitize/ignored.txt"
write_ninja "$build" "$compiler" "-std=c++17 -g $sanitize" "-fsanitize=integer -lcrypto"
ninja -C "$build" --quiet
# shellcheck disable=SC2086
"$compiler" -std=c++17 -g $sanitize -Iinclude -Itests/unit tests/system/diagnose/findings.cpp "$build/main.o" -lcrypto \
    -o "$build/findings"
"$build/unit" '~[long]~[.]' && "$build/vectors" && "$build/findings" && "$build/model" 20000
