#!/usr/bin/env bash
# The tests labelled `unit` or `stores` under AddressSanitizer with UndefinedBehaviorSanitizer, and those labelled
# `threads` under ThreadSanitizer: of the stores and inboxes what does not take long (see tests/system/stores/run.sh).
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/lib.sh

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
