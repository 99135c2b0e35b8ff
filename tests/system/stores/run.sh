#!/usr/bin/env bash
# Runs a part of the tests of one kind of store, or says what is missing for them:
#   run.sh KIND PART EXECUTABLE [ARGUMENT...]
# PART is one of: clock (those that set the clock of a process), disk (those that fill a file system of their own),
# rest; brief (the rest without what takes long: a million ids, 200 deaths by SIGKILL).
set -euo pipefail
. "$(dirname "$0")/../../lib.sh"

kind=$1 part=$2 executable=$3
shift 3

packages=()
[ -x "$executable" ] || case $kind in # it is built where CMake finds the library
    sqlite) packages+=(libsqlite3-dev) ;;
    redis) packages+=(libhiredis-dev) ;;
    postgres) packages+=(libpq-dev) ;;
    *) die "$executable is not built" ;;
esac
case $kind in
    redis) command -v redis-server >/dev/null || command -v valkey-server >/dev/null || packages+=(redis-server) ;;
    postgres)
        compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || packages+=(postgresql)
        [ -x /usr/sbin/pgbouncer ] || packages+=(pgbouncer)
        ;;
esac
if [ "$part" = clock ] && ! compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null; then packages+=(faketime); fi
if [ ${#packages[@]} -gt 0 ]; then
    skip "these tests of the $kind store need ${packages[*]}" "apt-get install ${packages[*]}, and build again"
fi

can_mount() {
    local folder done=1
    folder=$(mktemp -d)
    if mount -t tmpfs -o size=1m tmpfs "$folder" 2>/dev/null; then
        umount "$folder"
        done=0
    fi
    rmdir "$folder"
    return $done
}
case $part in
    clock) only='[clock]' ;;
    disk)
        if ! can_mount; then # no package brings that right: a skip even where no other is allowed
            echo "skipped: a disk that is full needs the right to mount one; to run it: be root, in a container with CAP_SYS_ADMIN"
            exit 77
        fi
        only='[disk]'
        ;;
    rest) only='~[clock]~[disk]' ;;
    brief) only='~[clock]~[disk]~[million]~[kill]' ;;
    *) die "unknown part $part" ;;
esac
exec "$executable" "$only" "$@"
