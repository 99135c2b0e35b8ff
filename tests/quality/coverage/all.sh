#!/usr/bin/env bash
# How much of the headers the tests run: every line and at least 95 % of the branches of the core, 95 % of the lines of
# each optional header. Shows a table, and fails where it is less, or where a header is in none of the tables. Beside the
# branches that must be 95 % stands a stricter share of them, which nothing asks for: see merge.py.
#   tests/quality/coverage/all.sh [--html]      --html: the lines as well, in build/coverage/html/
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/lib.sh

for tool in gcovr jq pkg-config; do
    command -v $tool >/dev/null || die "this needs $tool: apt-get install $tool"
done
build=build/coverage
stores=(sqlite redis postgres)
# Fields, constants, macros and SQL: what no table can show.
no_code=$(printf 'pivotal/%s.hpp\n' idempotency inbox version detail/core/{attributes,json_abi} \
    detail/stores/{postgres/schema,redis/script,sqlite/schema})

# g++, whatever CXX says: the numbers are those of its gcov. Only our own headers are counted.
flags=(-O0 --coverage -fprofile-update=atomic '-fprofile-filter-files=.*/include/pivotal/.*')
# What a forked child counted would be lost: it ends by _exit, which does not write it.
mkdir -p $build
cat >$build/exit.cpp <<'END'
extern "C" void __gcov_dump();
extern "C" [[noreturn]] void __real__exit(int status);
extern "C" [[noreturn]] void __wrap__exit(int status) {
    __gcov_dump();
    __real__exit(status);
}
END
g++ -c $build/exit.cpp -o $build/exit.o
cmake -S . -B $build -G Ninja -DCMAKE_CXX_COMPILER=g++ -DCMAKE_BUILD_TYPE= -DPIVOTAL_BUILD_EXAMPLES=OFF \
    -DCMAKE_CXX_FLAGS="${flags[*]}" -DCMAKE_EXE_LINKER_FLAGS="-Wl,--wrap=_exit $PWD/$build/exit.o" >/dev/null
cmake --build $build --target pivotal_unit_tests pivotal_failure_injection_fetch \
    pivotal_diagnose_gzip_test "${stores[@]/#/pivotal_stores_}"
find $build -name '*.gcda' -delete
ctest --test-dir $build --output-on-failure --no-tests=error -j "$(nproc)" \
    -R '^(unit|unit\.locale|failure_injection\.fetch|diagnose\.gzip)$'
printf '%s\n' "${stores[@]}" |
    xargs -P "$(nproc)" -I{} tests/system/stores/run.sh {} brief $build/tests/system/stores/pivotal_stores_{}
# What no test uses is to count as not tested.
headers=$(cd include && find pivotal -name '*.hpp' | LC_ALL=C sort)
sed 's/.*/#include <&>/' <<<"$headers" >$build/every_header.cpp
# shellcheck disable=SC2046
g++ -std=c++17 "${flags[@]}" -fkeep-inline-functions -DPIVOTAL_DIAGNOSE_ZLIB -I"$PWD/include" $(pkg-config --cflags libpq) \
    -c $build/every_header.cpp -o $build/every_header.o
python3 tests/quality/coverage/merge.py $build include/pivotal $build/coverage.json $build/shapes.json

# What every user has: <pivotal/webhook.hpp> and all that it includes.
core=$(g++ -std=c++17 -Iinclude -MM include/pivotal/webhook.hpp | grep -o 'pivotal/[a-z0-9_/]*' | sort -u | paste -sd '|')
report() { gcovr --root include --add-tracefile $build/coverage.json "$@"; }
failed=0
absent=$(jq -r '.files[] | select(.lines != []).file' $build/coverage.json | LC_ALL=C sort |
    LC_ALL=C comm -13 - <(printf '%s\n' "$headers") | grep -vxF "$no_code" || true)
if [ -n "$absent" ]; then
    printf 'error: of these headers nothing is counted:\n%s\n' "$absent"
    failed=1
fi
say "Lines of the core"
report --filter ".*/($core)\.hpp$" --fail-under-line 100 || failed=1
say "Branches of the core"
report --filter ".*/($core)\.hpp$" --branches --fail-under-branch 95 || failed=1
gcovr --root include --add-tracefile $build/shapes.json --filter ".*/($core)\.hpp$" --json-summary |
    jq -r '"with each shape of a line counted by itself, which no gate asks for: \(.branch_covered) of " +
        "\(.branch_total) branches, \(.branch_percent) %"'
say "Lines of the optional headers"
report --exclude ".*/($core)\.hpp$"
too_few=$(report --exclude ".*/($core)\.hpp$" --json-summary |
    jq -r '.files[] | select(.line_total > 0 and .line_percent < 95) | "\(.filename): \(.line_percent) %"')
if [ -n "$too_few" ]; then
    printf 'error: of each optional header 95 %% of the lines are to be tested:\n%s\n' "$too_few"
    failed=1
fi
if [ "${1:-}" = --html ]; then
    mkdir -p $build/html
    report --html-details $build/html/index.html
fi
exit $failed
