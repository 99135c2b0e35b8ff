#!/usr/bin/env bash
# Events per second: briefly, so that it keeps working, or figures worth quoting (half an hour, on a quiet machine), of all
# stores and inboxes or of those whose name begins so: all.sh [--long [NAME]]
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib.sh

options=(--seconds 0.05 --rounds 1 --stored 1000)
# Flat, with room for caches that are full and for what servers do in the background.
[ "${1-}" != --long ] || options=(--seconds 1 --rounds 5 --stored 1000000 --growth 3 --only "${2-}")

configured=$(cmake -S . -B build/release -G Ninja -DCMAKE_BUILD_TYPE=Release -DPIVOTAL_BUILD_EXAMPLES=OFF)
missing=$(sed -n 's,^-- tests/throughput is not built: ,,p' <<<"$configured")
[ -z "$missing" ] || die "$missing"
cmake --build build/release --target pivotal_throughput
[ -d /dev/shm ] && memory=/dev/shm || memory=${TMPDIR:-/tmp}
[ "$memory" = /dev/shm ] || echo "no /dev/shm: what is to be in memory is in $memory"
# /var/tmp is on a disk: durability is what is measured. PostgreSQL is another user, and looks into both folders.
disk=$(mktemp -d /var/tmp/pivotal-throughput.XXXXXX)
memory=$(mktemp -d "$memory/pivotal-throughput.XXXXXX")
trap 'rm -rf "$disk" "$memory"' EXIT
chmod 755 "$disk" "$memory"
build/release/tests/throughput/pivotal_throughput "${options[@]}" "$disk" "$memory"
