#!/usr/bin/env bash
# Fails where an input of the table in .github/SECURITY.md costs work that grows faster than it says there. Instructions
# are counted, which nothing else on the machine disturbs. The times of that table are measured by hand:
#   tests/hostile/worst_case/all.sh --times
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/lib.sh

here=tests/hostile/worst_case out=build/worst_case
mkdir -p $out
"${CXX:-g++}" -std=c++17 -O2 -DNDEBUG -Iinclude $here/worst_case.cpp -o $out/worst_case -lcrypto
if [ "${1:-}" = --times ]; then exec $out/worst_case; fi
command -v valgrind >/dev/null || die "this needs valgrind: apt-get install valgrind"

count() { # count MODE: leaves callgrind's counts in $out/MODE/
    rm -rf "${out:?}/$1"
    mkdir "$out/$1"
    valgrind --quiet --tool=callgrind --callgrind-out-file="$out/$1/callgrind" $out/worst_case "$1"
}
count count
python3 $here/growth.py $out/count .github/SECURITY.md || die "see above"
for planted in planted-square planted-sort; do
    count $planted
    if python3 $here/growth.py $out/$planted; then die "$planted: that it grows faster than linearly is not noticed"; fi
done
