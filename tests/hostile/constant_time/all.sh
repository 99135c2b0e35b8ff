#!/usr/bin/env bash
# No branch and no address depends on a key or a tag: memcheck says so, for two compilers and three levels of
# optimisation, and is shown to notice a memcmp. So is the statistical test of the times; of the library it has more to
# say on a quiet machine, with more measurements, by hand:
#   tests/hostile/constant_time/all.sh --timing [MEASUREMENTS]
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/lib.sh

here=tests/hostile/constant_time out=build/constant_time
mkdir -p $out
flags=(-std=c++17 -g -gdwarf-4 -I$here/shadow -Iinclude)

"${CXX:-g++}" "${flags[@]}" -O2 $here/timing.cpp -o $out/timing -lcrypto
if [ "${1:-}" = --timing ]; then exec $out/timing ${2:-}; fi
command -v valgrind >/dev/null || die "this needs valgrind: apt-get install valgrind"

clang=$(a_clang)
for compiler in g++ "$(basename "$clang")"; do
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

# timing_finds MEASUREMENTS [COMPARISON]: whether the times tell where two tags differ
timing_finds() {
    local status=0
    $out/timing "$@" || status=$?
    [ $status -le 1 ] || die "the statistical test does not run (status $status)"
    [ $status = 1 ]
}
timing_finds 1000000 && die "the statistical test finds that a time depends on the tag"
timing_finds 1000000 memcmp-by-bytes || die "the statistical test does not notice a memcmp for each byte"
echo "  the statistical test is silent, and notices a memcmp for each byte"

# Of one call for all bytes it depends on the C library and the machine how much is found, and how soon (see timing.cpp):
# it is shown, and not required.
for measurements in 1000000 4000000 16000000; do
    if GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2 timing_finds $measurements memcmp; then
        echo "  and one call of memcmp"
        break
    fi
done
