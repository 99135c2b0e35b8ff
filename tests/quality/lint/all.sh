#!/usr/bin/env bash
# The format of every C++ file, the actions of the workflow, what the headers know of each other, and clang-tidy over
# them. Both tools are pinned: another version formats in another way.
#   tests/quality/lint/all.sh --fix   formats instead of complaining
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/lib.sh

for tool in clang-format-14 clang-tidy-14; do
    command -v $tool >/dev/null || die "$tool is missing: apt-get install $tool"
done

say "clang-format"
mapfile -t sources < <(find include tests examples \( -name build -o -name node_modules \) -prune -o \
    \( -name '*.hpp' -o -name '*.cpp' \) -print)
if [ "${1:-}" = --fix ]; then
    clang-format-14 -i "${sources[@]}"
    exit
fi
clang-format-14 --dry-run --Werror "${sources[@]}" || die "tests/quality/lint/all.sh --fix formats them"

# unpinned FILE...: the actions there that are no full commit hash with its version behind it; a tag can be moved.
unpinned() {
    grep -HnE "^[^#]*\buses['\"]?[[:space:]]*:" "$@" |
        grep -vE '^[^:]*:[0-9]+: *(- )?uses: [A-Za-z0-9_./-]+@[0-9a-f]{40} # v[0-9.]+$' || true
}

# known_to HEADER: the public headers that one of detail/ or of the core may include; `*` where it is not of these.
known_to() {
    case $1 in
        detail/core/*) echo error ;;
        detail/receiver/*) echo body error event incident ;;
        detail/stores/*) echo body idempotency inbox ;;
        detail/diagnose/*) echo finding ;;
        error | version | body | headers) ;;
        event) echo body error ;;
        webhook) echo body error event headers version ;;
        *) echo '*' ;;
    esac
}

# wrong_layers FOLDER: the includes below FOLDER/pivotal that break this; quoted ones, which nothing here needs, do.
wrong_layers() {
    local file header known
    while IFS=: read -r file header; do
        file=${file#"$1/pivotal/"}
        known=" $(known_to "${file%.hpp}") "
        [[ $header == *'"'* || $known != *" $header "* && $known != ' * ' ]] && echo "$file includes $header"
    done < <(grep -roP '#\s*include\s*(<pivotal/\K(?!detail/)[a-z_/]+|\K".*")' "$1/pivotal")
    return 0
}

say "what is pinned, and what is known"
planted=$(mktemp -d)
trap 'rm -rf "$planted"' EXIT
mkdir -p "$planted/pivotal/detail/core"
hash=$(printf '%040d' 0)
for line in "- uses: a/b@v4" "- uses: a/b@$hash" "- uses: a/b@${hash:1} # v4" "- {uses: a/b@v4}" "uses: docker://a"; do
    echo "      $line" >"$planted/ci.yml"
    [ -n "$(unpinned "$planted/ci.yml")" ] || die "it is not noticed that this is not pinned: $line"
done
for line in '#include <pivotal/webhook.hpp>' '#include "../error.hpp"'; do
    echo "$line" >"$planted/pivotal/detail/core/base64.hpp"
    [ -n "$(wrong_layers "$planted")" ] || die "this is not noticed in detail/core/base64.hpp: $line"
done
found=$(unpinned .github/workflows/*)
[ -z "$found" ] || die "an action is not pinned by its commit: $found"
found=$(wrong_layers include)
[ -z "$found" ] || die "a header knows what it must not, see known_to in $0: $found"

say "clang-tidy"
# One translation unit with every header whose packages are there.
cmake --preset dev -DCMAKE_EXPORT_COMPILE_COMMANDS=ON >/dev/null
# g++ takes C++17 for granted, so that it stands in no command; clang does not.
clang-tidy-14 --quiet -p build/dev --extra-arg=-std=c++17 build/dev/tests/builds/headers/all_headers.cpp
