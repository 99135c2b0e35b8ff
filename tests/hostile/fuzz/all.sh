#!/usr/bin/env bash
# What CI fuzzes: each target for a minute. For longer: tests/run.sh --fuzz MINUTES
set -euo pipefail
exec "$(dirname "$0")/run.sh" 60
