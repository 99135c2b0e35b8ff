#!/usr/bin/env bash
# Measures what the worst input of each kind costs, and prints the table that stands in .github/SECURITY.md.
set -euo pipefail
cd "$(dirname "$0")/../.."
mkdir -p build/worst_case
"${CXX:-g++}" -std=c++17 -O2 -DNDEBUG -Iinclude tests/worst_case/worst_case.cpp -o build/worst_case/worst_case -lcrypto
exec build/worst_case/worst_case
