#!/usr/bin/env bash
# newer.sh npm|crate COMPILER FOLDER FLAG...: compiles the test of examples/simdjson, and runs it, with a simdjson that Debian
# does not have yet: 3.9 is in a package of npm, 4.6 in a crate, each at its pinned version.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../lib.sh"
registry=$1 compiler=$2 folder=$3
mkdir -p "$folder" && cd "$folder"

if ! cmp -s "$here/$registry"/*lock* installed; then
    rm -rf fetched installed && mkdir fetched && cp "$here/$registry"/* fetched
    case $registry in
        npm)
            command -v npm >/dev/null || skip "npm is missing" "apt-get install npm"
            (cd fetched && npm ci --ignore-scripts --no-audit --no-fund) || skip "npm cannot get simdjson" "$0 $*"
            ;;
        crate)
            command -v cargo >/dev/null || skip "cargo is missing" "apt-get install cargo"
            version=$(cargo --version | grep -oE '[0-9]+\.[0-9]+' | head -1)
            if [ "$(printf '%s\n' 1.85 "$version" | sort -V | head -1)" != 1.85 ]; then
                # No failure under --all either: Debian 12 has no such cargo.
                echo "skipped: the crate with simdjson 4 needs cargo 1.85 or later, found $version; to run it: install a newer Rust"
                exit 77
            fi
            (cd fetched && cargo vendor -q --locked) || skip "cargo cannot get simdjson" "$0 $*"
            ;;
    esac
    cp "$here/$registry"/*lock* installed
fi
source=$(dirname "$(find fetched -name simdjson.cpp)")
"$compiler" -std=c++17 -O1 -w -c "$source/simdjson.cpp" -o simdjson.o
"$compiler" -std=c++17 -O1 -Wall -Wextra -Wpedantic -Werror -isystem "$source" "${@:4}" "$here/customer_event.cpp" \
    simdjson.o -lcrypto -o customer_event
./customer_event
