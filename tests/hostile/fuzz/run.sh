#!/usr/bin/env bash
# Fuzzes each target for so many seconds, two at a time, and says how many executions that were.
#   tests/hostile/fuzz/run.sh SECONDS [TARGET...]
# What is found is left in build/fuzz/findings/; once understood, it goes into corpus/<target>/, which the ordinary tests
# replay.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/lib.sh
here=tests/hostile/fuzz built=build/fuzz/tests/hostile/fuzz

[ $# -ge 1 ] || die "usage: tests/hostile/fuzz/run.sh SECONDS [TARGET...]"
seconds=$1
shift
compiler=$(a_clang)
"$compiler" -fsanitize=fuzzer -x c++ - -o /dev/null <<<'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' ||
    skip "$compiler has no libFuzzer" "apt-get install libclang-rt-$("$compiler" -dumpversion | cut -d. -f1)-dev"

cmake -S . -B build/fuzz -G Ninja -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_BUILD_TYPE= -DPIVOTAL_FUZZ=ON \
    -DPIVOTAL_BUILD_EXAMPLES=OFF >/dev/null
cmake --build build/fuzz --target fuzzers
mkdir -p build/fuzz/findings

fuzz_one() { # fuzz_one TARGET
    local target=$1 dictionary=$here/dictionaries/$1.dict log=build/fuzz/$1.log work=build/fuzz/corpus/$1 length=4096
    case $target in verify | headers | diagnose) dictionary=$here/dictionaries/delivery.dict length=12000 ;; esac
    mkdir -p "$work"
    local arguments=(-max_total_time="$seconds" -max_len=$length -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
        -artifact_prefix="build/fuzz/findings/$target-")
    [ -e "$dictionary" ] && arguments+=(-dict="$dictionary")
    local status=0
    "$built/fuzz_$target" "${arguments[@]}" "$work" "$here/corpus/$target" >"$log" 2>&1 || status=$?
    local executions
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    if [ $status = 0 ]; then
        printf '  %-18s %10s executions, nothing found\n' "$target" "$executions"
    else
        tail -n 40 "$log"
        printf '  %-18s FOUND SOMETHING: see %s and build/fuzz/findings/\n' "$target" "$log"
    fi
    return $status
}

targets=("$@")
[ ${#targets[@]} -gt 0 ] || for program in "$built"/fuzz_*; do targets+=("${program##*/fuzz_}"); done

failed=0 running=0
for target in "${targets[@]}"; do
    if [ $running = 2 ]; then
        wait -n || failed=1
        running=$((running - 1))
    fi
    fuzz_one "$target" &
    running=$((running + 1))
done
while [ $running -gt 0 ]; do
    wait -n || failed=1
    running=$((running - 1))
done
exit $failed
