#!/usr/bin/env bash
# A random tenth of the mutants of the core's and most optional headers: the tests must notice each that survivors.txt does
# not explain.
# It prints the seed; tests/mutation/run.py --seed N repeats it, tests/mutation/run.py --all tries every mutant.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec python3 tests/mutation/run.py "$@"
