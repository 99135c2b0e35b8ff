#!/usr/bin/env bash
# sbom.sh BUILD FOLDER VERSION OPENSSL NLOHMANN_JSON [NAME...]  installs BUILD below FOLDER and checks the bill of
# materials there: it is valid CycloneDX, and holds these versions and these optional components
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"
build=$1 folder=$2

command -v python3 >/dev/null || skip "needs Python 3" "apt-get install python3-venv"
mkdir -p "$folder"
if ! cmp -s "$here/requirements.txt" "$folder/installed"; then
    python3 -m venv --clear "$folder/venv" || skip "no venv" "apt-get install python3-venv"
    "$folder/venv/bin/pip" install -q --disable-pip-version-check --only-binary :all: --require-hashes \
        -r "$here/requirements.txt" || skip "the validator of CycloneDX cannot be had" "$0 $*"
    cp "$here/requirements.txt" "$folder/installed"
fi

rm -rf "$folder/prefix"
cmake --install "$build" --prefix "$folder/prefix" >/dev/null
exec "$folder/venv/bin/python" "$here/check.py" "$folder/prefix/share/sbom/pivotal-webhook.cdx.json" "${@:3}"
