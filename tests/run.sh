#!/usr/bin/env bash
# Installs what is missing, builds, and runs the tests.
#   tests/run.sh          the library's own tests (Debian packages only)
#   tests/run.sh --all    what every change has to pass: other languages' libraries, real servers, lint, timing, ...
#   tests/run.sh --nightly  that, and what compiles everything anew: sanitizers, compilers, machines, fuzzers, mutants, ...
#   tests/run.sh --fuzz MINUTES   each fuzz target for so long, two at a time; nothing else
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/lib.sh

all=0 fuzz_minutes=
nightly=(tests/benchmark/all.sh tests/builds/headers/all.sh tests/compilers/all.sh tests/compilers/{machines,sanitize}/all.sh
    tests/hostile/fuzz/all.sh tests/quality/{coverage,mutation}/all.sh tests/throughput/all.sh)
while [ $# -gt 0 ]; do
    case $1 in
        --all) all=1 ;;
        --nightly) all=1 nightly=() ;;
        --fuzz)
            fuzz_minutes=${2:-}
            [[ $fuzz_minutes =~ ^[1-9][0-9]*$ ]] || die "--fuzz needs a number of minutes"
            shift
            ;;
        *) die "unknown argument $1; usage: tests/run.sh [--all | --nightly | --fuzz MINUTES]" ;;
    esac
    shift
done

say "Installing what is missing"
install_packages tests/packages.txt
if [ -n "$fuzz_minutes" ]; then
    install_packages <(grep -E '^(clang-14|libclang-rt-14-dev) ' tests/packages-all.txt)
    exec tests/hostile/fuzz/run.sh $((fuzz_minutes * 60))
fi
if [ $all = 1 ]; then
    install_packages tests/packages-all.txt
    export PIVOTAL_REQUIRE_ALL=1 # what would be skipped fails instead
fi

passed=() failed=()
step() { # step NAME COMMAND...: runs it, and remembers how it went
    local name=$1 start=$SECONDS
    shift
    say "$name"
    if "$@"; then passed+=("$name ($((SECONDS - start)) s)"); else failed+=("$name ($((SECONDS - start)) s)"); fi
}

build_and_test() { cmake --preset dev && cmake --build --preset dev && ctest --preset dev -j "$(nproc)"; }
step "the tests" build_and_test
if [ $all = 1 ]; then
    for script in tests/*/all.sh tests/*/*/all.sh; do
        # None takes half as long: one that hangs does not keep the others from being run.
        [[ " ${nightly[*]-} " = *" $script "* ]] || ! [ -e "$script" ] || step "$script" timeout --kill-after=10 1500 "$script"
    done
fi

say "Summary"
for name in ${passed[@]+"${passed[@]}"}; do printf '  passed  %s\n' "$name"; done
for name in ${failed[@]+"${failed[@]}"}; do printf '  FAILED  %s\n' "$name"; done
printf 'in %d min %d s:\n%d passed, %d failed\n' $((SECONDS / 60)) $((SECONDS % 60)) ${#passed[@]} ${#failed[@]}
[ ${#failed[@]} -eq 0 ]
