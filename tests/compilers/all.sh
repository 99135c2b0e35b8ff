#!/usr/bin/env bash
# The unit tests, the vectors and a part of the comparison with the model with more compilers and libraries; of the
# libraries, the tests of what uses them:
#   no-deprecated  g++, without OpenSSL's deprecated functions, and run where no legacy provider can be loaded
#   openssl-1.1.1  the path for OpenSSL 1.1.1 and the forks, which takes the digest from EVP_sha256()
#   boringssl      g++, with the BoringSSL of Debian's android-libboringssl-dev
#   clang-N        each newer clang that is there, in C++20; the newest in C++23 with libc++: on Debian 12 clang-16 and clang-19
#   tests/compilers/all.sh [NAME...]     all by default
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib.sh
. tests/compilers/unit_tests.sh

out=$PWD/build/compilers android=/usr/lib/$(gcc -print-multiarch)/android
mkdir -p "$out"
# Nothing but the default provider, and no folder where another could be found.
cat >"$out/default_only.cnf" <<'EOC'
openssl_conf = all
[all]
providers = providers
[providers]
default = the_default
[the_default]
activate = 1
EOC

# Tests of what never asks OpenSSL: they need not be compiled again for another kind of it.
pure=(body detail/core/base64 detail/core/signature_header detail/core/surrogates detail/core/text detail/core/timestamp event headers inbox_worker
    resources router)

build_and_run() { # build_and_run NAME COMPILER FLAGS LIBRARIES [VARIABLE=VALUE...]
    local build=$out/$1 without=()
    case $1 in clang-*) ;; *) without=("${pure[@]}") ;; esac
    write_ninja "$build" "$2" "$3" "$4" "${without[@]}"
    ninja -C "$build" -j 1 --quiet && env "${@:5}" "$build/unit" '~[long]~[.]' && env "${@:5}" "$build/vectors" &&
        env "${@:5}" "$build/model" 20000
}

# A shared library and a program that hide their symbols: libc++ tells types apart by address, libstdc++ by name.
hidden() { # hidden COMPILER FLAG...
    local build=$out/hidden common=("$@" -Iinclude -fvisibility=hidden -fvisibility-inlines-hidden)
    mkdir -p "$build"
    "${common[@]}" -fPIC -shared tests/builds/headers/hidden_library.cpp -lcrypto -o "$build/libhidden.so" &&
        "${common[@]}" tests/builds/headers/hidden_main.cpp "$build/libhidden.so" -lcrypto -o "$build/main" &&
        "$build/main"
}

one() { # one NAME
    local start=$SECONDS status=0 log=$out/$1.log
    case $1 in
        no-deprecated)
            build_and_run "$1" g++ '-std=c++17 -DOPENSSL_NO_DEPRECATED' -lcrypto \
                OPENSSL_CONF="$out/default_only.cnf" OPENSSL_MODULES="$out" ;;
        openssl-1.1.1) build_and_run "$1" "$(a_clang)" '-std=c++17 -DPIVOTAL_DETAIL_NO_FETCH' -lcrypto ;;
        boringssl)
            build_and_run "$1" g++ '-std=c++17 -isystem /usr/include/android' "-L$android -lcrypto -Wl,-rpath,$android" ;;
        "$newest")
            build_and_run "$1" "clang++-${1#clang-}" '-std=c++23 -stdlib=libc++' '-stdlib=libc++ -lcrypto' &&
                hidden "clang++-${1#clang-}" -std=c++17 -stdlib=libc++ ;;
        clang-*) build_and_run "$1" "clang++-${1#clang-}" -std=c++20 -lcrypto ;;
        *) die "unknown: $1" ;;
    esac >"$log" 2>&1 || status=$?
    if [ $status = 0 ]; then
        printf '  %-14s %s (%d s)\n' "$1" "$(grep -m 1 '^All tests passed' "$log")" $((SECONDS - start))
    else
        tail -n 60 "$log"
        printf '  %-14s FAILED\n' "$1"
    fi
    return $status
}

mapfile -t clangs < <(compgen -c clang++- | sed -nE 's/^clang\+\+(-(1[5-9]|[2-9][0-9]))$/clang\1/p' | sort -uV)
newest=${clangs[-1]-}
names=("$@")
[ $# -gt 0 ] || names=("${clangs[@]}" boringssl no-deprecated openssl-1.1.1)
two_at_a_time one "${names[@]}"
