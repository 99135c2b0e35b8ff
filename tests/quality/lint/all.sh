#!/usr/bin/env bash
# The format of every C++ file, the actions of the workflow, what the headers know of each other, and clang-tidy over
# them. Both tools are pinned: another version formats in another way.
#   tests/quality/lint/all.sh --fix   formats instead of complaining
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/lib.sh

# pinned TOOL: ends this where it is not there, as in a Debian that has later versions alone.
pinned() { command -v "$1" >/dev/null || skip "$1 is missing, and another version judges otherwise" "apt-get install $1, on Debian 12"; }

# unpinned FILE...: the actions there that are no full commit hash with its version behind it; a tag can be moved.
unpinned() {
    grep -HnE "^[^#]*\buses['\"]?[[:space:]]*:" "$@" |
        grep -vE '^[^:]*:[0-9]+: *(- )?uses: [A-Za-z0-9_./-]+@[0-9a-f]{40} # v[0-9.]+$' || true
}

# known_to HEADER: the headers of ours that it may include, and the folders, with a / at their end, whose headers it may.
# A row for each folder; the headers at the top stand on each other, and have rows of their own.
known_to() {
    local core="body error event headers secrets version webhook detail/core/"
    case $1 in
        detail/core/*) echo error detail/core/ ;;
        detail/receiver/*) echo "$core" idempotency observation detail/receiver/ ;;
        detail/stores/*/*) echo "$core" idempotency inbox observation detail/receiver/ detail/stores/ "${1%/*}/" ;;
        detail/stores/*) echo "$core" idempotency inbox detail/receiver/ detail/stores/ ;;
        detail/diagnose/*) echo "$core" finding detail/diagnose/ ;;
        stores/*) echo "$core" idempotency inbox detail/receiver/ detail/stores/ "detail/$1/" ;;
        error | body | secrets | headers | version) echo detail/core/ ;;
        event) echo body error detail/core/ ;;
        webhook) echo "$core" ;;
        resources | idempotency | finding | observation) echo detail/core/ ;;
        router) echo "$core" resources ;;
        inbox) echo "$core" idempotency observation detail/receiver/ ;;
        inbox_worker) echo "$core" inbox observation detail/receiver/ ;;
        receiver) echo "$core" idempotency inbox observation detail/receiver/ ;;
        diagnose) echo "$core" finding detail/diagnose/ ;;
    esac
}

# includes FOLDER: the headers below FOLDER/pivotal, each with a header of ours that it includes, or with one in quotes,
# which nothing here needs and no row allows.
includes() {
    (cd "$1/pivotal" && grep -roP '#\s*include\s*(<pivotal/\K[a-z0-9_/]+|\K".*")' --include='*.hpp' | sed 's/\.hpp:/ /')
}

# wrong_layers FOLDER: the includes that break these rules, and the headers that include each other in a circle.
wrong_layers() {
    local header included known
    while read -r header included; do
        known=" $(known_to "$header") "
        [[ $known == *" $included "* || $included == */* && $known == *" ${included%/*}/ "* ]] ||
            echo "$header includes $included"
    done < <(includes "$1")
    includes "$1" | tsort 2>&1 >/dev/null | sed "s/^tsort: -:/a circle:/" || true
}

say "what is pinned, and what is known"
planted=$(mktemp -d)
trap 'rm -rf "$planted"' EXIT
hash=$(printf '%040d' 0)
for line in "- uses: a/b@v4" "- uses: a/b@$hash" "- uses: a/b@${hash:1} # v4" "- {uses: a/b@v4}" "uses: docker://a"; do
    echo "      $line" >"$planted/ci.yml"
    [ -n "$(unpinned "$planted/ci.yml")" ] || die "it is not noticed that this is not pinned: $line"
done
plant() { # plant HEADER LINE: a header below $planted
    mkdir -p "$planted/pivotal/$(dirname "$1")"
    echo "$2" >"$planted/pivotal/$1.hpp"
}
while read -r header line; do
    rm -rf "$planted/pivotal"
    plant "$header" "$line"
    [ -n "$(wrong_layers "$planted")" ] || die "this is not noticed in $header.hpp: $line"
done <<'EOF'
detail/core/base64              #include <pivotal/webhook.hpp>
detail/core/base64              #include "../error.hpp"
detail/core/base64              #  include <pivotal/detail/receiver/store_time.hpp>
detail/receiver/store_time      #include <pivotal/receiver.hpp>
detail/receiver/store_time      #include <pivotal/detail/stores/connection_pool.hpp>
detail/stores/connection_pool   #include <pivotal/detail/stores/redis/connection.hpp>
detail/stores/sqlite/database   #include <pivotal/detail/stores/redis/connection.hpp>
detail/stores/sqlite/database   #include <pivotal/stores/sqlite.hpp>
detail/diagnose/search          #include <pivotal/diagnose.hpp>
detail/diagnose/search          #include <pivotal/detail/receiver/store_time.hpp>
error                           #include <pivotal/event.hpp>
headers                         #include <pivotal/webhook.hpp>
event                           #include <pivotal/webhook.hpp>
webhook                         #include <pivotal/receiver.hpp>
webhook                         #include <pivotal/detail/diagnose/search.hpp>
idempotency                     #include <pivotal/inbox.hpp>
receiver                        #include <pivotal/inbox_worker.hpp>
inbox_worker                    #include <pivotal/stores/memory.hpp>
router                          #include <pivotal/receiver.hpp>
stores/sqlite                   #include <pivotal/stores/memory.hpp>
stores/sqlite                   #include <pivotal/detail/stores/redis/connection.hpp>
diagnose                        #include <pivotal/receiver.hpp>
without_a_row                   #include <pivotal/error.hpp>
EOF
rm -rf "$planted/pivotal"
plant detail/core/text '#include <pivotal/detail/core/base64.hpp>'
[ -z "$(wrong_layers "$planted")" ] || die "what is allowed is reported: $(wrong_layers "$planted")"
plant detail/core/base64 '#include <pivotal/detail/core/text.hpp>'
[ -n "$(wrong_layers "$planted")" ] || die "it is not noticed that two headers include each other"
# What it reads from is ended by SIGPIPE where it has found the pattern before the end, and then the pipe has failed.
found=$(grep -rnE '^[^#]*[^|#][|] *grep -[a-zA-Z]*q' --include='*.sh' --include=run .ci examples tests || true)
[ -z "$found" ] || die "a pipe into grep -q fails now and then; <<<\"\$(...)\" does not: $found"
for script in tests/*/all.sh tests/*/*/all.sh; do
    step=${script#tests/}
    grep -q "\"${step%/all.sh}\"" .github/workflows/ci.yml || die "the workflow has no step ${step%/all.sh}"
done
found=$(unpinned .github/workflows/*)
[ -z "$found" ] || die "an action is not pinned by its commit: $found"
found=$(wrong_layers include)
[ -z "$found" ] || die "a header includes what it must not know, see known_to in $0: $found"

say "clang-format"
pinned clang-format-14
mapfile -t sources < <(find include tests examples \( -name build -o -name node_modules \) -prune -o \
    \( -name '*.hpp' -o -name '*.cpp' \) -print)
if [ "${1:-}" = --fix ]; then
    clang-format-14 -i "${sources[@]}"
    exit
fi
clang-format-14 --dry-run --Werror "${sources[@]}" || die "tests/quality/lint/all.sh --fix formats them"

say "clang-tidy"
pinned clang-tidy-14
# One translation unit with every header whose packages are there.
cmake -S . -B build/dev -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_EXPORT_COMPILE_COMMANDS=ON >/dev/null
# g++ takes C++17 for granted, so that it stands in no command, and warnings of its own; clang does not.
clang-tidy-14 --quiet -p build/dev --extra-arg=-std=c++17 --extra-arg=-Wno-unknown-warning-option build/dev/tests/builds/headers/all_headers.cpp
