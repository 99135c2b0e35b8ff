#!/usr/bin/env bash
# strict.sh SOURCE... INCLUDE...: compiles the sources with the warnings of the strictest users, by every clang that is there;
# INCLUDE is the library's folder, and then come those of what it needs. (g++ compiles pivotal_strict.)
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/lib.sh

sources=() folders=()
for argument in "$@"; do
    case $argument in
        *.cpp) sources+=("$argument") ;;
        "$PWD/include") ;;                # as -isystem it would hide what is looked for
        /usr/include) ;;                  # where clang looks by itself, last
        *) folders+=(-isystem "$argument") ;;
    esac
done
clang=$(a_clang)
mapfile -t others < <(compgen -c clang++- | grep -E '^clang\+\+-[0-9]+$' | sort -uV)
for compiler in $(printf '%s\n' "$clang" ${others[@]+"${others[@]}"} | sort -uV); do
    printf '%s\n' "$compiler"
    # All that were named to us; clang passes over those of g++ that it does not know.
    "$compiler" -std=c++17 -O2 -fsyntax-only -Werror -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow \
        -Wold-style-cast -Wuseless-cast -Wfloat-equal -Wlogical-op -Wswitch-default -Wnull-dereference \
        -Wno-unknown-warning-option -Iinclude ${folders[@]+"${folders[@]}"} "${sources[@]}"
done
