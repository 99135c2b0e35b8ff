# Helpers for the scripts of this folder; to be sourced.

say() { printf '\n== %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# help SCRIPT: what stands at its top.
help() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$1"; exit 0; }

# attend COMMAND...: runs it in a process group of its own, so that a signal to this script is heeded at once; end_job, to
# be called when the script ends, ends all of the group: end_job [SIGNAL].
job=
attend() {
    local status=0
    set -m
    "$@" </dev/null &
    job=$!
    set +m
    wait "$job" || status=$?
    job=
    return $status
}
end_job() { [ -z "$job" ] || { kill -s "${1:-TERM}" -- "-$job" && wait "$job"; } 2>/dev/null || true; }
exit_on_signals() {
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 131' QUIT
    trap 'exit 143' TERM
}

# usable BUILD_DIR: ends the script where it cannot be built in.
usable() {
    local at made_for
    for at in . "${1%%/*}" "$1"; do
        [ -w "$at" ] || [ ! -e "$at" ] || die "$(id -un) may not write to $(cd "$at" && pwd), which $(stat -c %U "$at" 2>/dev/null || echo another) owns; of a build folder: sudo rm -r ${1%%/*}, and run again"
    done
    [ -e "$1/CMakeCache.txt" ] || return 0
    [ -w "$1/CMakeCache.txt" ] || die "$1 holds files of another user: sudo rm -r $1, and run again"
    made_for=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$1/CMakeCache.txt")
    [ "$made_for" -ef . ] || die "$1 was copied from $made_for, and works there only: rm -r $1, and run again"
}

# a_clang: clang++-14, or where there is none the newest.
a_clang() {
    command -v clang++-14 || compgen -c clang++ | grep -xE 'clang\+\+(-[0-9]+)?' | sort -V | tail -n 1 | grep . ||
        skip "clang is missing" "apt-get install clang"
}

# skip WHY COMMAND: ends a test that cannot run here; COMMAND brings what is missing. Under --all it is a failure.
skip() {
    printf 'skipped: %s; to run it: %s\n' "$1" "$2" | tee -a "${PIVOTAL_SKIPPED:-/dev/null}" >&2
    [ -z "${PIVOTAL_REQUIRE_ALL:-}" ] || exit 1
    exit 77
}

# install_packages FILE...: installs the Debian packages listed there that are missing, and says what and why. Of
# several, with | between them, it is the first that this Debian has. What it has not is left in `unavailable`.
unavailable=()
install_packages() {
    local missing=() found=() names name why
    while read -r names why; do
        case $names in '' | \#*) continue ;; esac
        for name in ${names//|/ }; do is_there "$name" && continue 2; done
        missing+=("$names")
        printf '  missing: %-20s %s\n' "$names" "$why"
    done < <(cat "$@")
    [ ${#missing[@]} -eq 0 ] && return 0
    if ! command -v dpkg-query >/dev/null; then # what is installed is not known here: CMake will say what it misses
        printf '  this is no Debian: should the build fail, install the equivalents of %s\n' "${missing[*]}"
        return 0
    fi
    command -v apt-get >/dev/null ||
        die "this system has no apt-get; install the equivalents of these Debian packages and run again: ${missing[*]}"
    local sudo=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null ||
            die "only root can install what is missing, and there is no sudo. As root: apt-get install ${missing[*]%%|*}"
        sudo=(sudo)
    fi
    "${sudo[@]}" apt-get update -qq
    for names in "${missing[@]}"; do
        for name in ${names//|/ }; do
            grep -q '^  Candidate: [^(]' <<<"$(apt-cache policy "$name")" && found+=("$name") && continue 2
        done
        unavailable+=("$names")
        printf '  this Debian has no %s\n' "$names"
    done
    [ ${#found[@]} -gt 0 ] || return 0
    printf '  installing: %s\n' "${found[*]}"
    # env behind sudo, which clears the environment
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "${found[@]}" | sed -un 's/^\(Need to get\|Setting up\)/  &/p'
}

# is_there PACKAGE: it is installed. A program that is there already, from wherever, is as good as its package.
is_there() {
    case $1 in
        nodejs) command -v node >/dev/null && command -v npm >/dev/null && return ;;
        npm) command -v npm >/dev/null && return ;;
        golang) command -v go >/dev/null && return ;;
        cargo) command -v cargo >/dev/null && return ;;
        default-jdk-headless) command -v javac >/dev/null && return ;;
        maven) command -v mvn >/dev/null && return ;;
    esac
    command -v dpkg-query >/dev/null &&
        [ "$(dpkg-query -W -f='${Status}' "$1" 2>/dev/null)" = 'install ok installed' ]
}
