#!/usr/bin/env bash
# How much of the headers the tests run: every line and at least 95 % of the branches of the core, 95 % of the lines of
# the optional headers. Shows a table, and fails where it is less.
#   tests/coverage/all.sh [--html]      --html: the lines as well, in build/coverage/html/
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib.sh

command -v gcovr >/dev/null || die "this needs gcovr: apt-get install gcovr"
build=build/coverage

# g++, whatever CXX says: the numbers are those of its gcov. Only our own headers are counted.
cmake -S . -B $build -G Ninja -DCMAKE_CXX_COMPILER=g++ -DCMAKE_BUILD_TYPE= -DPIVOTAL_BUILD_EXAMPLES=OFF \
    -DCMAKE_CXX_FLAGS='-O0 --coverage -fprofile-update=atomic -fprofile-filter-files=.*/include/pivotal/.*' >/dev/null
cmake --build $build --target pivotal_unit_tests pivotal_failure_injection_fetch pivotal_stores_sqlite \
    pivotal_simdjson_tests pivotal_diagnose_gzip_test
find $build -name '*.gcda' -delete
ctest --test-dir $build --output-on-failure --no-tests=error \
    -R '^(unit|failure_injection\.fetch|stores\.sqlite|simdjson|diagnose\.gzip)$'
python3 tests/coverage/merge.py $build include/pivotal $build/coverage.json

# What every user has: <pivotal/webhook.hpp> and all that it includes.
core=$(g++ -std=c++17 -Iinclude -MM include/pivotal/webhook.hpp | grep -o 'pivotal/[a-z0-9_/]*' | sort -u | paste -sd '|')
show() { # show TITLE OPTIONS...: the table of some headers
    say "$1"
    gcovr --root include --add-tracefile $build/coverage.json "${@:2}"
}
failed=0
show "Lines of the core" --filter ".*/($core)\.hpp$" --fail-under-line 100 || failed=1
show "Branches of the core" --filter ".*/($core)\.hpp$" --branches --fail-under-branch 95 || failed=1
show "Lines of the optional headers" --exclude ".*/($core)\.hpp$" --fail-under-line 95 || failed=1
if [ "${1:-}" = --html ]; then
    mkdir -p $build/html
    gcovr --root include --add-tracefile $build/coverage.json --html-details $build/html/index.html
fi
exit $failed
