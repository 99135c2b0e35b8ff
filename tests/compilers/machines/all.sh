#!/usr/bin/env bash
# The unit tests, the vectors and a part of the comparison with the model on other machines: big-endian, 32 bits, and
# those where char is unsigned. Cross-compiled, and run by qemu's user emulation (i386 by the kernel, if it can) with
# the OpenSSL that Debian has for that machine, which is unpacked into build/machines/ and never installed. For Windows
# they are compiled by mingw, behind <windows.h>, and run by Wine; Debian has no OpenSSL for it, so its libcrypto is built
# from Debian's source, once. Where Wine or that source cannot be had, the headers are compiled, and that is said.
#   tests/compilers/machines/all.sh [ARCHITECTURE...]     s390x armhf i386 arm64 windows, all by default
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/lib.sh
. tests/compilers/unit_tests.sh

out=$PWD/build/machines
architectures=("$@")
[ $# -gt 0 ] || architectures=(s390x armhf i386 arm64 windows)
command -v qemu-s390x >/dev/null || die "this needs qemu-user and Debian's cross compilers: see tests/packages-nightly.txt"
[ -e /usr/include/catch2/catch.hpp ] || die "this needs Debian's catch2"

# An apt of its own knows the packages of the other architectures, so that this system's own is left alone.
apt_of_its_own() {
    local state=${state:-$out/apt}
    mkdir -p "$state"/lists/partial "$state"/cache/archives/partial
    : >"$state/status"
    "$1" -qq -o Dir::State="$state" -o Dir::State::Lists="$state/lists" -o Dir::State::status="$state/status" \
        -o Dir::Cache="$state/cache" -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3 \
        -o APT::Architectures=amd64,s390x,armhf,i386,arm64 "${@:2}"
}
fetch() { # fetch ARCHITECTURE: its OpenSSL, unpacked
    local sysroot=$out/sysroot-$1 package
    [ -e "$sysroot/done" ] && return
    [ -n "$(ls "$out/apt/lists/"*Packages* 2>/dev/null)" ] || apt_of_its_own apt-get update ||
        echo '  a list of packages is missing; the others may do'
    mkdir -p "$sysroot"
    (cd "$sysroot" && apt_of_its_own apt-get download "libssl3:$1" "libssl-dev:$1")
    for package in "$sysroot"/*.deb; do dpkg -x "$package" "$sysroot"; done
    touch "$sysroot/done"
}

# Headers that are the same everywhere come from this system, one by one: the rest of /usr/include is another machine's.
mkdir -p "$out/include"
ln -sfn /usr/include/nlohmann "$out/include/nlohmann"
ln -sfn /usr/include/catch2 "$out/include/catch2"

test_on() { # test_on ARCHITECTURE TRIPLET COMPILER QEMU ROOT
    local triplet=$2 qemu=$4 sysroot=$out/sysroot-$1 build=$out/$1
    write_ninja "$build" "$3" \
        "-std=c++17 -Wno-psabi -isystem $out/include -isystem $sysroot/usr/include/$triplet -isystem $sysroot/usr/include" \
        "-L$sysroot/usr/lib/$triplet -lcrypto"
    ninja -C "$build" -j 1 --quiet || return 1
    local run=(timeout 900 "$qemu" -L "$5" -E LD_LIBRARY_PATH="$sysroot/usr/lib/$triplet") too_much='~[forks_threads]'
    # An x86-64 kernel runs i386 itself, and at full speed.
    local loader=$5/lib/ld-linux.so.2
    if [ "$1" = i386 ] && "$loader" --version >"$build/loader" 2>&1; then
        run=(timeout 900 "$loader" --library-path "$5/lib:$sysroot/usr/lib/$triplet") too_much=
    fi
    [ -z "$too_much" ] || echo "skipped: threads in a process that was forked beside others, of which QEMU dies"
    # What is excepted else is about an amount that is the same on every machine.
    "${run[@]}" "$build/unit" "~[long]~[.]$too_much" && "${run[@]}" "$build/vectors" && "${run[@]}" "$build/model" 3000
}

# ---- Windows ----

mingw=x86_64-w64-mingw32

# OpenSSL's libcrypto for Windows, in $out/openssl-windows: what the library asks of it, and little more.
openssl_for_windows() {
    local folder=$out/openssl-windows state=$out/apt-sources
    [ -e "$folder/done" ] && return
    rm -rf "$folder" "$state" && mkdir -p "$folder" "$state"
    apt-get indextargets --format 'deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' >"$state/list"
    local apt=(-o Dir::Etc::SourceList="$state/list" -o Dir::Etc::SourceParts=/dev/null) version
    apt_of_its_own apt-get "${apt[@]}" update && cd "$folder" || return 1
    # The newest whose files are there: a mirror may be behind its own lists.
    for version in $(apt_of_its_own apt-cache "${apt[@]}" showsrc openssl | sed -n 's/^Version: //p' | sort -rVu); do
        ! apt_of_its_own apt-get "${apt[@]}" source "openssl=$version" || break
    done
    cd openssl-*/ || return 1
    ./Configure mingw64 no-shared no-module no-tests no-asm no-engine no-dso no-legacy no-{aria,bf,blake2,camellia,cast,cmp} \
        no-{cms,ct,des,dsa,ec2m,gost,idea,md4,mdc2,ocb,ocsp,rc2,rc4,rfc3779,rmd160,scrypt,seed,siphash,siv,sm2,sm3,sm4} \
        no-{srp,ts,whirlpool} CC=$mingw-gcc-posix AR=$mingw-ar RANLIB=$mingw-ranlib RC=$mingw-windres CFLAGS=-O1 >/dev/null &&
        make -s -j "$(nproc)" build_generated libcrypto.a && mv include libcrypto.a .. && touch ../done
}

# in_wine PROGRAM ARGUMENT...: with a Windows in a folder of its own, that has no window, no browser and no .NET.
in_wine() {
    WINEPREFIX=$out/wine WINEDEBUG=-all WINEDLLOVERRIDES='mscoree,mshtml=' timeout 900 "$(program_of_wine)" "$@"
}
program_of_wine() { command -v wine64 || command -v /usr/lib/wine/wine64 || command -v wine; }

test_on_windows() {
    local build=$out/windows missing= header
    # Every header that a user includes and that needs no other package; with OpenSSL's headers as they are here, whose
    # declarations are the same for Windows.
    mkdir -p "$build/include/openssl"
    ln -sf /usr/include/openssl/* "/usr/include/$(gcc -print-multiarch)/openssl/"* "$build/include/openssl/"
    for header in include/pivotal/*.hpp; do printf '#include <%s>\n' "${header#include/}"; done >"$build/headers.cpp"
    $mingw-g++-posix -std=c++17 -O1 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -Iinclude -isystem "$out/include" \
        -isystem "$build/include" -c "$build/headers.cpp" -o "$build/headers.o" || return 1

    program_of_wine >"$build/wine" || missing="Wine (apt-get install wine64)"
    [ -n "$missing" ] || (openssl_for_windows) >"$out/openssl-windows.log" 2>&1 ||
        missing="OpenSSL's source, see $out/openssl-windows.log"
    if [ -n "$missing" ]; then
        echo "All tests passed: it compiles; nothing was run, without $missing" && return
    fi
    write_ninja "$build" $mingw-g++-posix \
        "-std=c++17 -Wa,-mbig-obj -include winsock2.h -include windows.h -isystem $out/include -isystem $out/openssl-windows/include" \
        "-static -L$out/openssl-windows -lcrypto -lws2_32 -lcrypt32 -lbcrypt"
    ninja -C "$build" -j 1 --quiet || return 1
    local status=0
    in_wine "$build/unit.exe" '~[long]~[.]' && in_wine "$build/vectors.exe" && in_wine "$build/model.exe" 20000 || status=1
    WINEPREFIX=$out/wine "$(command -v wineserver || echo /usr/lib/wine/wineserver64)" -k || true
    return $status
}

one() { # one ARCHITECTURE
    local start=$SECONDS status=0 machine log=$out/$1.log
    case $1 in
        s390x) machine=(s390x-linux-gnu s390x-linux-gnu-g++ qemu-s390x /usr/s390x-linux-gnu) ;;
        armhf) machine=(arm-linux-gnueabihf arm-linux-gnueabihf-g++ qemu-arm /usr/arm-linux-gnueabihf) ;;
        arm64) machine=(aarch64-linux-gnu aarch64-linux-gnu-g++ qemu-aarch64 /usr/aarch64-linux-gnu) ;;
        # Debian calls its compiler i686 and its libraries i386.
        i386) machine=(i386-linux-gnu i686-linux-gnu-g++ qemu-i386 /usr/i686-linux-gnu) ;;
        windows) machine=() ;;
        *) die "unknown architecture $1" ;;
    esac
    if [ "$1" = windows ]; then
        test_on_windows >"$log" 2>&1 || status=$?
    else
        test_on "$1" "${machine[@]}" >"$log" 2>&1 || status=$?
    fi
    if [ $status = 0 ]; then
        printf '  %-6s %s (%d s)\n' "$1" "$(grep -m 1 '^All tests passed' "$log")" $((SECONDS - start))
        sed -n 's/^skipped: /         skipped: /p' "$log"
    else
        tail -n 60 "$log"
        printf '  %-6s FAILED\n' "$1"
    fi
    return $status
}

for architecture in "${architectures[@]}"; do
    [ "$architecture" = windows ] || fetch "$architecture"
done
two_at_a_time one "${architectures[@]}"
