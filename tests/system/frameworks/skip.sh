#!/usr/bin/env bash
# skip.sh NAME REASON: says why the receiver of a framework was not built. Debian's frameworks must be there under --all.
printf 'skipped: %s %s\n' "$1" "$2"
case $2 in
    *"Debian: apt-get"*) [ -n "${PIVOTAL_REQUIRE_ALL:-}" ] && exit 1 ;;
esac
exit 77
