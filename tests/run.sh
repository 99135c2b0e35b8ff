#!/usr/bin/env bash
# Installs what is missing, builds, and runs the tests.
#   tests/run.sh          the library's own tests (Debian packages only)
#   tests/run.sh --all    what every change has to pass: other languages' libraries, real servers, lint, timing, ...
#   tests/run.sh --nightly  that, and what compiles everything anew: sanitizers, compilers, machines, fuzzers, mutants, ...
#   tests/run.sh --step NAME      one step of the latter: `tests`, or a folder with an all.sh such as quality/coverage
#   tests/run.sh --fuzz MINUTES   each fuzz target for so long, two at a time; nothing else
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/lib.sh

all=0 fuzz_minutes= own_tests=1 scripts=()
every=(tests/*/all.sh tests/*/*/all.sh)
nightly=(tests/benchmark/all.sh tests/builds/headers/all.sh tests/compilers/all.sh tests/compilers/{machines,sanitize}/all.sh
    tests/fresh/all.sh tests/hostile/fuzz/all.sh tests/quality/{coverage,mutation}/all.sh tests/throughput/all.sh)
while [ $# -gt 0 ]; do
    case $1 in
        --all)
            all=1
            for script in "${every[@]}"; do [[ " ${nightly[*]} " = *" $script "* ]] || scripts+=("$script"); done
            ;;
        --nightly) all=1 scripts=("${every[@]}") ;;
        --step)
            all=1 scripts=("tests/${2:-}/all.sh")
            if [ "${2:-}" = tests ]; then scripts=(); else own_tests=0; fi
            [ $own_tests = 1 ] || [ -x "${scripts[0]}" ] ||
                die "--step needs one of: tests $(printf '%s\n' "${every[@]}" | sed 's|^tests/||; s|/all.sh$||' | xargs)"
            shift
            ;;
        --fuzz)
            fuzz_minutes=${2:-}
            [[ $fuzz_minutes =~ ^[1-9][0-9]*$ ]] || die "--fuzz needs a number of minutes"
            shift
            ;;
        -h | --help) help tests/run.sh ;;
        *) die "unknown argument $1; usage: tests/run.sh [--all | --nightly | --step NAME | --fuzz MINUTES]" ;;
    esac
    shift
done

usable build/dev
log=$(mktemp -d)
trap 'status=$?; end_job; rm -rf "$log"; exit $status' EXIT
exit_on_signals

say "Installing what is missing"
install_packages tests/packages.txt
if [ -n "$fuzz_minutes" ]; then
    install_packages <(grep -E '^(clang-14|libclang-rt-14-dev)\|' tests/packages-all.txt)
    attend tests/hostile/fuzz/run.sh $((fuzz_minutes * 60))
    exit
fi
if [ $all = 1 ]; then
    packages=(tests/packages-all.txt)
    for script in ${scripts[@]+"${scripts[@]}"}; do
        [[ " ${nightly[*]} " != *" $script "* ]] || packages=(tests/packages-{all,nightly}.txt)
    done
    install_packages "${packages[@]}"
    # What would be skipped fails instead, unless this Debian does not have what it needs.
    [ ${#unavailable[@]} -gt 0 ] || export PIVOTAL_REQUIRE_ALL=1
fi

passed=0 failed=() skipped=()
export PIVOTAL_SKIPPED=$log/skipped # the reasons

# step NAME COMMAND...: runs it, and remembers how it went.
step() {
    local name=$1 start=$SECONDS status=0
    shift
    say "$name"
    : >"$PIVOTAL_SKIPPED"
    attend "$@" || status=$?
    case $status in
        0) passed=$((passed + 1)) ;;
        77) skipped+=("$name: $(tail -n 1 "$PIVOTAL_SKIPPED" | sed 's/^skipped: //')") ;;
        *) failed+=("$name, with status $status") ;;
    esac
    printf '%s: %d s\n' "$name" $((SECONDS - start))
    return $status
}

# Not by the presets, which CMake can read from 3.25 on.
build() { cmake -S . -B build/dev -G Ninja -DCMAKE_BUILD_TYPE=Debug && cmake --build build/dev; }
run_tests() { cd build/dev && ctest --output-on-failure --output-log "$log/tests" -j "$(nproc)"; }

# outcomes: for each test that ctest ran its outcome, its name, and why it was skipped.
outcomes() {
    awk '/^[0-9]+\/[0-9]+ Test: / { name = $3 }
        /^skipped: / { why[name] = ": " substr($0, 10) }
        / Test +#[0-9]+: / { sub(/.* Test +#[0-9]+: /, "")
            print(/ Passed /) ? "passed" : (/[*]Skipped /) ? "skipped" : "failed", $1 why[$1] }' \
        build/dev/Testing/Temporary/LastTest.log "$log/tests"
}

if [ $own_tests = 1 ] && step "the build" build; then
    passed=0 # it is no test
    step "the tests" run_tests || true
    passed=0 failed=()
    while read -r outcome test; do
        case $outcome in
            passed) passed=$((passed + 1)) ;;
            skipped) skipped+=("$test") ;;
            *) failed+=("$test") ;;
        esac
    done < <(outcomes)
fi
for script in ${scripts[@]+"${scripts[@]}"}; do
    # None takes half as long: one that hangs does not keep the others from being run.
    step "$script" timeout --kill-after=10 1500 "$script" || true
done

say "Summary"
for name in ${skipped[@]+"${skipped[@]}"}; do printf '  skipped  %s\n' "$name"; done
for name in ${failed[@]+"${failed[@]}"}; do printf '  FAILED   %s\n' "$name"; done
printf 'in %d min %d s: %d passed, %d failed, %d skipped\n' $((SECONDS / 60)) $((SECONDS % 60)) \
    $passed ${#failed[@]} ${#skipped[@]}
[ ${#failed[@]} -eq 0 ]
