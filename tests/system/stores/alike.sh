#!/usr/bin/env bash
# Fails where a test of one kind of store is missing of another to which the same can happen: most faults that were found
# had been mended in one of them and forgotten in another.   alike.sh FOLDER_OF_THE_EXECUTABLES
set -euo pipefail
. "$(dirname "$0")/../../lib.sh"
folder=$1

# What can happen to one kind alone, and why.
known=(
    "renewals that are stuck behind a lock delay no other" # Redis has no locks; for all of them it is lease_keeper.cpp's
)

names() { # names KIND TAGS: of the tests, one a line
    local executable=$folder/pivotal_stores_$1 list
    # Catch2 2 counts them in its exit code, and 3 has another option.
    list=$("$executable" --list-test-names-only "$2" 2>/dev/null) || [ -n "$list" ] ||
        list=$("$executable" --list-tests --verbosity quiet "$2")
    grep -vxF -f <(printf '%s\n' "${known[@]}") <<<"$list" | sort -u
}

compared=0 failed=0
alike() { # alike TAGS KIND...: all have the same tests of these tags
    local tags=$1 kind first='' differences
    shift
    for kind in "$@"; do
        [ -x "$folder/pivotal_stores_$kind" ] || continue # it is built where CMake finds the library
        if [ -z "$first" ]; then
            first=$kind
            continue
        fi
        differences=$(diff <(names "$first" "$tags") <(names "$kind" "$tags")) || {
            printf '%s: only %s (<), only %s (>)\n%s\n' "$tags" "$first" "$kind" "$(grep '^[<>]' <<<"$differences")"
            failed=1
        }
        compared=$((compared + 1))
    done
}

own='~[memory]~[sqlite]~[redis]~[postgres]' # what is about one of them
alike "[store]~[processes]$own" memory sqlite redis postgres
alike "[processes]~[clock]~[inbox]$own" sqlite redis postgres
alike "[inbox]$own" sqlite postgres
alike "[outage]" redis postgres
[ $compared -gt 0 ] || skip "there are not two kinds of stores to compare" "apt-get install libsqlite3-dev, and build again"
exit $failed
