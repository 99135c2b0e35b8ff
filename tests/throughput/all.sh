#!/usr/bin/env bash
# Events per second: briefly, so that it keeps working, or `all.sh --long` for figures worth quoting (about 6 minutes).
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib.sh

options=(--seconds 0.1 --rounds 1 --stored 2000)
[ "${1-}" != --long ] || options=(--seconds 1 --rounds 5 --stored 1000000)

cmake --preset release -DPIVOTAL_BUILD_EXAMPLES=OFF >/dev/null
cmake --build --preset release --target pivotal_throughput
# On the disk that holds the build, not in a folder that may be in memory: durability is what is measured.
folder=$(mktemp -d "$PWD/build/release/throughput.XXXXXX")
trap 'rm -rf "$folder"' EXIT
build/release/tests/throughput/pivotal_throughput "${options[@]}" "$folder"
