#!/usr/bin/env bash
# Runs the tests of one kind of store, or says what is missing for them: run.sh KIND EXECUTABLE [ARGUMENT...]
set -euo pipefail

kind=$1 executable=$2
shift 2

missing=()
[ -x "$executable" ] || case $kind in # it is built where CMake finds the library
    sqlite) missing+=(libsqlite3-dev) ;;
    redis) missing+=(libhiredis-dev) ;;
    postgres) missing+=(libpq-dev) ;;
    *) missing+=("a build of $executable") ;;
esac
case $kind in
    redis) command -v redis-server >/dev/null || command -v valkey-server >/dev/null || missing+=(redis-server) ;;
    postgres) compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || missing+=(postgresql) ;;
esac
without_clock=()
if [ "$kind" != memory ] && ! compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null; then
    if [ "${PIVOTAL_REQUIRE_ALL:-}" = 1 ]; then missing+=(faketime); fi
    without_clock=('~[clock]')
fi

if [ ${#missing[@]} -gt 0 ]; then
    echo "skipped: the tests of the $kind store need ${missing[*]}. Install and build again: apt-get install ${missing[*]}"
    [ "${PIVOTAL_REQUIRE_ALL:-}" = 1 ] && exit 1
    exit 77
fi
if [ ${#without_clock[@]} -gt 0 ]; then
    echo "skipped: the tests on a clock that is set need faketime: apt-get install faketime"
fi
exec "$executable" "${without_clock[@]}" "$@"
