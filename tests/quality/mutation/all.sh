#!/usr/bin/env bash
# A random tenth of the mutants of the core's and most optional headers: the tests must notice nearly all, and where a
# delivery is judged each that survivors.txt does not explain. It prints the seed; --seed N repeats it, --all tries every
# mutant.
set -euo pipefail
cd "$(dirname "$0")/../../.."
exec python3 tests/quality/mutation/run.py "$@"
