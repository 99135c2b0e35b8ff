#!/usr/bin/env bash
# Today's Debian, as root: see run.sh, which makes the others, and runs as a user with sudo.
set -euo pipefail
exec "$(dirname "$0")/run.sh" trixie
