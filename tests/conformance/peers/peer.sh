#!/usr/bin/env bash
# peer.sh build LANGUAGE FOLDER  brings the official library of LANGUAGE, at its pinned version, and builds its driver
# peer.sh run LANGUAGE FOLDER    runs that driver, which answers the lines that it is given
# peer.sh time LANGUAGE FOLDER SECRET BODIES  runs its benchmark, see tests/benchmark/peers.py
# peer.sh test PROGRAM FOLDER [CASES]  compares all of them with the library
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../lib.sh"
[ $# -ge 3 ] || die "usage: peer.sh build|run|time LANGUAGE FOLDER"
mkdir -p "$3"
folder=$(cd "$3" && pwd)

if [ "$1" = test ]; then
    for built in "$here"/../interop/node_modules/.package-lock.json "$folder"/{python/installed,go/peer,rust/release/peer,java/Peer.class}; do
        [ -e "$built" ] || skip "the official libraries are not all there: $built" "ctest --preset dev -R peers"
    done
    exec "$2" "$here/peer.sh" "$folder" "${@:4}"
fi

action=$1 language=$2
cd "$here/$language"

need() { # need PACKAGE PROGRAM...
    local package=$1 program
    shift
    for program; do
        command -v "$program" >/dev/null || skip "$language needs $program" "apt-get install $package"
    done
}
no_registry() { skip "the packages of $language cannot be had" "$here/peer.sh build $language $folder"; }

case $action in
    build)
        case $language in
            javascript) exec "$here/../interop/node.sh" --install ;;
            python)
                need python3-venv python3
                if ! cmp -s requirements.txt "$folder/installed"; then
                    python3 -m venv --clear "$folder/venv" || skip "no venv" "apt-get install python3-venv"
                    "$folder/venv/bin/pip" install -q --disable-pip-version-check --only-binary :all: \
                        --require-hashes -r requirements.txt || no_registry
                    cp requirements.txt "$folder/installed"
                fi
                ;;
            go)
                need golang go
                CGO_ENABLED=0 go build -buildvcs=false -o "$folder/peer" . || no_registry
                CGO_ENABLED=0 go build -buildvcs=false -o "$folder/benchmark" ./benchmark
                ;;
            rust)
                need cargo cargo
                cargo build -q --locked --release --target-dir "$folder" || no_registry
                ;;
            java)
                need "maven default-jdk-headless" mvn java javac
                if ! cmp -s pom.xml "$folder/installed"; then
                    rm -rf "$folder/lib" "$folder/installed" # all of lib is on the class path
                    mvn -q -B -C dependency:copy-dependencies -DoutputDirectory="$folder/lib" || no_registry
                    cp pom.xml "$folder/installed"
                fi
                javac -cp "$folder/lib/*" -d "$folder" Peer.java Benchmark.java
                ;;
        esac
        ;;
    run)
        case $language in
            javascript) exec node peer.mjs ;;
            python) exec "$folder/venv/bin/python" peer.py ;;
            go) exec "$folder/peer" ;;
            rust) exec "$folder/release/peer" ;;
            java) exec java -XX:+UseSerialGC -cp "$folder:$folder/lib/*" Peer ;;
        esac
        ;;
    time)
        case $language in
            javascript) exec node benchmark.mjs "${@:4}" ;;
            python) exec "$folder/venv/bin/python" benchmark.py "${@:4}" ;;
            go) exec "$folder/benchmark" "${@:4}" ;;
            rust) exec "$folder/release/benchmark" "${@:4}" ;;
            java) exec java -cp "$folder:$folder/lib/*" Benchmark "${@:4}" ;;
        esac
        ;;
esac
