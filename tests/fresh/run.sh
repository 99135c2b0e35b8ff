#!/usr/bin/env bash
# The two commands of README.md on a machine as it comes: makes a minimal Debian with debootstrap, clones the last commit
# into a folder with a space in its name, runs both there, and removes everything again. Needs root.
#   tests/fresh/run.sh bookworm|trixie|testing [USER]   as root without sudo, or as USER with it
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib.sh

[[ $# -ge 1 && $# -le 2 && $1 =~ ^[a-z]+$ ]] || die "usage: tests/fresh/run.sh bookworm|trixie|testing [USER]"
suite=$1 user=${2:-root}
[ "$(id -u)" = 0 ] || skip "only root can make a machine" "sudo $0 $*"
command -v debootstrap >/dev/null || skip "debootstrap is missing" "apt-get install debootstrap"
# Where this machine has its own packages from.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | sed -n 1p)
[ -n "$mirror" ] || skip "this machine knows no mirror of Debian" "apt-get update"

root=$(mktemp -d) && chmod 755 "$root" # a user is to pass
trap 'status=$?; end_job KILL; rm -rf --one-file-system "$root"; exit $status' EXIT
exit_on_signals

# on_it USER COMMAND...: what it mounts and starts is gone when it returns, however it does.
on_it() {
    unshare --mount --pid --fork --kill-child --mount-proc="$root/proc" chroot "$root" /usr/bin/env -i \
        ${http_proxy+"http_proxy=$http_proxy"} ${https_proxy+"https_proxy=$https_proxy"} \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME="$(home_of "$1")" \
        setpriv --reuid "$1" --regid "$1" --init-groups "${@:2}"
}
home_of() { awk -F: -v name="$1" '$1 == name { print $6 }' "$root/etc/passwd"; }

say "Making Debian $suite, for $user"
attend unshare --mount debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$root/log" 2>&1 || die "$(tail "$root/log")"
# How this machine reaches the mirror.
cp -r /etc/apt/apt.conf.d "$root/etc/apt/"
cp /etc/hosts "$root/etc/"
mkdir -p "$root/etc/ssl"
cp -rL /etc/ssl/certs "$root/etc/ssl/"
if [ "$user" != root ]; then
    on_it root apt-get update -qq
    on_it root apt-get install -y -qq --no-install-recommends sudo >"$root/log" 2>&1 || die "$(tail "$root/log")"
    on_it root useradd --create-home "$user"
    echo "$user ALL=(ALL) NOPASSWD: ALL" >"$root/etc/sudoers.d/$user"
fi
folder="$(home_of "$user")/the library"
git clone --quiet --depth 1 "file://$PWD" "$root$folder"
on_it root chown -R "$user:" "$folder"

failed=0
for command in examples/run.sh tests/run.sh; do
    start=$SECONDS
    say "$command on Debian $suite as $user"
    attend on_it "$user" sh -c "cd '$folder' && $command" </dev/null || { failed=1; echo "FAILED"; }
    say "$command on Debian $suite as $user: $((SECONDS - start)) s"
done
exit $failed
