#!/usr/bin/env bash
# The API reference can be made, without a warning; a public name without documentation, and what is in no class, are
# noticed.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/lib.sh

command -v doxygen >/dev/null || skip "Doxygen is missing" "apt-get install doxygen"
build=$PWD/build/docs
cmake -S . -B "$build" -DPIVOTAL_BUILD_TESTS=OFF -DPIVOTAL_BUILD_EXAMPLES=OFF >/dev/null
cmake --build "$build" --target docs
for page in index classpivotal_1_1Webhook structpivotal_1_1Event classpivotal_1_1SqliteInbox namespacepivotal; do
    [ -s "$build/docs/html/$page.html" ] || die "the API reference has no page $page.html"
done

planted=$(mktemp -d)
trap 'rm -rf "$planted"' EXIT
for name in 'int undocumented();' 'enum class Undocumented { one };' '/** Known. */ struct Known { int unknown; };'; do
    printf '/// Ours.\nnamespace pivotal {\ninline namespace v1 {\n%s\n}  // namespace v1\n}\n' "$name" >"$planted/planted.hpp"
    { cat "$build/Doxyfile.docs" && echo "INPUT = $planted" && echo "OUTPUT_DIRECTORY = $planted" &&
        echo "USE_MDFILE_AS_MAINPAGE ="; } >"$planted/Doxyfile"
    doxygen "$planted/Doxyfile" >"$planted/log" 2>&1 && die "it is not noticed that this is not documented: $name"
    grep -q 'is not documented' "$planted/log" || die "$(cat "$planted/log")"
done
