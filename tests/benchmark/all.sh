#!/usr/bin/env bash
# Runs every benchmark: briefly, so that they keep working, or `all.sh --long` for figures worth quoting, which go to
# benchmark.json, benchmark.svg and README.md of this folder, and are judged by the targets: a missed one fails,
# after all is written. No language may be missing then, and nothing else may run meanwhile.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib.sh

mkdir -p build/release/benchmark
processes=1 rounds=3 options=(--rounds 5 --batch 1 --warm-up 50) compilations=2 results=build/release/benchmark
if [ "${1-}" = --long ]; then
    processes=8 rounds=25 options=(--rounds 200 --batch 3 --warm-up 1500) compilations=25 results=tests/benchmark
    export PIVOTAL_REQUIRE_ALL=1 # the fastest of the others is not to be the fastest of those at hand
else
    say "What README.md quotes"
    python3 tests/benchmark/report.py tests/benchmark/benchmark.json --check tests/benchmark/{README.md,benchmark.svg}
    cp tests/benchmark/README.md $results
fi

configured=$(cmake -S . -B build/release -G Ninja -DCMAKE_BUILD_TYPE=Release -DPIVOTAL_BUILD_EXAMPLES=OFF)
missing=$(sed -n 's/^-- No benchmarks: //p' <<<"$configured")
[ -z "$missing" ] || die "$missing"
cmake --build build/release --target pivotal_benchmark pivotal_benchmark_driver pivotal_instructions
python3 tests/benchmark/bodies.py build/release/bodies

say "This library and its floors"
rm -f build/release/benchmark/library*
# Where the memory of a process happens to lie makes some figures 8 % larger, in all of its rounds.
for ((process = 0; process < processes; process++)); do
    build/release/tests/benchmark/pivotal_benchmark --benchmark_enable_random_interleaving=true \
        --benchmark_repetitions=$rounds --benchmark_min_time=0.002 \
        --benchmark_out=build/release/benchmark/library$process.json --benchmark_out_format=json \
        build/release/bodies >build/release/benchmark/library$process.txt
done

say "The time to compile it"
python3 tests/benchmark/compile_time.py --rounds $compilations --instructions \
    --out build/release/benchmark/compile_time.json

say "The official libraries of other languages"
python3 tests/benchmark/peers.py "${options[@]}" --command "tests/benchmark/all.sh --long" \
    --library build/release/benchmark/library*.json --compile-time build/release/benchmark/compile_time.json \
    --out $results/benchmark.json build/release/tests/benchmark build/release/bodies build/dev/tests/conformance/peers

say "README.md and its plot"
python3 tests/benchmark/report.py $results/benchmark.json --write $results/README.md
venv=build/release/benchmark/plot
if ! cmp -s tests/benchmark/requirements.txt $venv/installed; then
    python3 -m venv --clear $venv || skip "there is no venv" "apt-get install python3-venv"
    $venv/bin/pip install -q --disable-pip-version-check --only-binary :all: --require-hashes \
        -r tests/benchmark/requirements.txt || skip "matplotlib cannot be had" "$0"
    cp tests/benchmark/requirements.txt $venv/installed
fi
$venv/bin/python tests/benchmark/plot.py $results/benchmark.json $results/benchmark.svg
python3 tests/benchmark/report.py $results/benchmark.json --check $results/{README.md,benchmark.svg}

say "This library and the targets"
python3 tests/benchmark/report.py $results/benchmark.json
