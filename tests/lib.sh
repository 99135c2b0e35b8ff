# Helpers for the scripts of this folder; to be sourced.

say() { printf '\n== %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# skip WHY COMMAND: ends a test that cannot run here; COMMAND brings what is missing. Under --all it is a failure.
skip() {
    printf 'skipped: %s; to run it: %s\n' "$1" "$2"
    [ -z "${PIVOTAL_REQUIRE_ALL:-}" ] || exit 1
    exit 77
}

# install_packages FILE...: installs the Debian packages listed there that are missing, and says what and why.
install_packages() {
    local missing=() name why
    while read -r name why; do
        case $name in '' | \#*) continue ;; esac
        # A program that is there already, from wherever, is as good as its package.
        case $name in
            nodejs) command -v node >/dev/null && command -v npm >/dev/null && continue ;;
            npm) command -v npm >/dev/null && continue ;;
            golang) command -v go >/dev/null && continue ;;
            cargo) command -v cargo >/dev/null && continue ;;
            default-jdk-headless) command -v javac >/dev/null && continue ;;
            maven) command -v mvn >/dev/null && continue ;;
        esac
        if command -v dpkg-query >/dev/null &&
            dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'install ok installed'; then
            continue
        fi
        missing+=("$name")
        printf '  missing: %-20s %s\n' "$name" "$why"
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
        command -v sudo >/dev/null || die "run as root, or install sudo: apt-get install ${missing[*]}"
        sudo=(sudo)
    fi
    printf '  installing: %s\n' "${missing[*]}"
    "${sudo[@]}" apt-get update -qq
    # env behind sudo, which clears the environment
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o DPkg::Lock::Timeout=300 "${missing[@]}" >/dev/null
}
