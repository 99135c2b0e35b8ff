#!/usr/bin/env bash
# Runs the benchmarks: briefly, so that they keep working, or `all.sh --long` for figures worth quoting.
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=3
[ "${1-}" != --long ] || rounds=200
cmake --preset release -DPIVOTAL_BUILD_EXAMPLES=OFF >/dev/null
cmake --build --preset release --target pivotal_benchmark
python3 tests/benchmark/bodies.py build/release/bodies
build/release/tests/benchmark/pivotal_benchmark --benchmark_enable_random_interleaving=true \
    --benchmark_repetitions=$rounds --benchmark_min_time=0.002 build/release/bodies
