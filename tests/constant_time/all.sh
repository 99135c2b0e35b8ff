#!/usr/bin/env bash
# No branch and no address depends on a key or a tag: memcheck says so, for two compilers and three levels of
# optimisation, and is shown to notice a memcmp. So is the statistical test of the times. Of the library it has more to
# say on a quiet machine, with more measurements, by hand:
#   tests/constant_time/all.sh --timing [MEASUREMENTS]
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib.sh

here=tests/constant_time out=build/constant_time
mkdir -p $out
flags=(-std=c++17 -g -gdwarf-4 -I$here/shadow -Iinclude)

"${CXX:-g++}" "${flags[@]}" -O2 $here/timing.cpp -o $out/timing -lcrypto
if [ "${1:-}" = --timing ]; then exec $out/timing ${2:-}; fi
command -v valgrind >/dev/null || die "this needs valgrind: apt-get install valgrind"

for compiler in g++ clang++-14; do
    for level in -O0 -O2 -O3; do
        program=$out/memcheck-$compiler$level
        $compiler "${flags[@]}" $level $here/memcheck.cpp -o "$program" -lcrypto
        valgrind --quiet --error-exitcode=99 "$program" || die "$compiler $level: memcheck reports a leak of timing"
        status=0
        valgrind --quiet --error-exitcode=99 "$program" planted >"$program.log" 2>&1 || status=$?
        [ $status = 99 ] || { cat "$program.log"; die "$compiler $level: memcheck does not notice a memcmp ($status)"; }
        printf '  %-10s %s  silent, and a memcmp is noticed\n' $compiler $level
    done
done

# timing_notices STATUS COMPARISON...: 1 where a difference of times is to be found, 0 where none is
timing_notices() {
    local status=0
    $out/timing 1000000 "${@:2}" || status=$?
    [ $status = "$1" ] || die "the statistical test of ${2:-the library}: status $status instead of $1"
}
timing_notices 0 # or what is found below would be the test's own
timing_notices 1 memcmp-by-bytes
GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2 timing_notices 1 memcmp # see timing.cpp
echo "  the statistical test notices a memcmp, and nothing else"
