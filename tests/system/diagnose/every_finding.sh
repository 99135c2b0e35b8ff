#!/usr/bin/env bash
# every_finding.sh [HEADER]: each enumerator of Finding is expected by a test with the tools that cause it.
# All of them can be caused by a tool so far; one that cannot would be named here, with the reason.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
header=${1:-$here/../../../include/pivotal/finding.hpp}
missing=0 count=0
while read -r finding; do
    count=$((count + 1))
    grep -qE "^[^#]*\b(expect|finds|with|bounded)\b .*\b$finding\b" "$here"/*.sh && continue
    echo "FAILED: no script of tests/system/diagnose expects the finding $finding"
    missing=$((missing + 1))
done < <(sed -n '/^enum class Finding/,/^};/ s/^ *\([a-z0-9_]*\),.*/\1/p' "$header")
[ $count -ge 25 ] || { echo "FAILED: only $count findings were found in $header"; exit 1; }
[ $missing = 0 ] || exit 1
echo "each of $count findings is expected by a test with real tools"
