#!/usr/bin/env bash
# install.sh BUILD_DIR: the command line is installed, alone where it is asked for alone, and runs.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../lib.sh"
. "$here/lib.sh"
cmake --install "$1" --component cli --prefix "$folder/prefix" >"$folder/log"
expect "what is installed" "./bin/pivotal-webhook" "$(cd "$folder/prefix" && find . -type f)"
expect_match "and runs" '^whsec_' "$("$folder/prefix/bin/pivotal-webhook" secret)"
finish
