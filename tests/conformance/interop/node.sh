#!/usr/bin/env bash
# node.sh SCRIPT ARGUMENT...  runs a script that uses the official packages of this folder
# node.sh --install           installs them, as the lock file says
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../lib.sh"

command -v node >/dev/null && command -v npm >/dev/null ||
    skip "needs Node.js 18 or later and npm" "apt-get install nodejs npm"
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 18 ] ||
    skip "needs Node.js 18 or later, found $(node --version)" "install a newer one"

installed=$here/node_modules/.package-lock.json
if [ "$1" = --install ]; then
    cd "$here"
    if ! [ -e "$installed" ] || [ package-lock.json -nt "$installed" ]; then
        npm ci --ignore-scripts --no-audit --no-fund || skip "npm cannot install the official packages" "(cd $here && npm ci --ignore-scripts)"
        touch "$installed"
    fi
    exit 0
fi
[ -e "$installed" ] || skip "the official packages are not installed" "$here/node.sh --install"
exec node "$@"
