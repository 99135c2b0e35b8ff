#!/usr/bin/env bash
# Runs every benchmark: briefly, so that they keep working, or `all.sh --long` for figures worth quoting, which go to
# benchmark.json and benchmark.svg of this folder.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib.sh

rounds=3 options=(--rounds 5 --batch 1 --warm-up 50) results=build/release/benchmark command=tests/benchmark/all.sh
if [ "${1-}" = --long ]; then
    rounds=200 options=(--rounds 200 --batch 3 --warm-up 1500) results=tests/benchmark command+=" --long"
fi
mkdir -p build/release/benchmark

cmake --preset release -DPIVOTAL_BUILD_EXAMPLES=OFF >/dev/null
cmake --build --preset release --target pivotal_benchmark pivotal_benchmark_driver pivotal_instructions
python3 tests/benchmark/bodies.py build/release/bodies

say "This library and its floors"
build/release/tests/benchmark/pivotal_benchmark --benchmark_enable_random_interleaving=true \
    --benchmark_repetitions=$rounds --benchmark_min_time=0.002 \
    --benchmark_out=build/release/benchmark/library.json --benchmark_out_format=json build/release/bodies

say "The official libraries of other languages"
python3 tests/benchmark/peers.py "${options[@]}" --command "$command" --library build/release/benchmark/library.json \
    --out $results/benchmark.json build/release/tests/benchmark build/release/bodies build/dev/tests/peers

say "The plot"
venv=build/release/benchmark/plot
if ! cmp -s tests/benchmark/requirements.txt $venv/installed; then
    python3 -m venv --clear $venv || skip "there is no venv" "apt-get install python3-venv"
    $venv/bin/pip install -q --disable-pip-version-check --only-binary :all: --require-hashes \
        -r tests/benchmark/requirements.txt || skip "matplotlib cannot be had" "$0"
    cp tests/benchmark/requirements.txt $venv/installed
fi
$venv/bin/python tests/benchmark/plot.py $results/benchmark.json $results/benchmark.svg
