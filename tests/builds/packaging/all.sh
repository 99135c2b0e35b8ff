#!/usr/bin/env bash
# What takes long: the unit tests against the single file, which has to be equivalent to the headers; the Conan recipe; the
# command line without databases; CMake as old as README.md says, and Ubuntu 22.04's.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. tests/lib.sh
here=tests/builds/packaging

cmake --build build/dev --target pivotal_unit_tests_single
program=build/dev/$here/pivotal_unit_tests_single
# No object was compiled with a header that the single file stands for; forward.cmake wrote one for each.
deps=$(ninja -C build/dev -t deps | sed -n '/pivotal_unit_tests_single.dir/,/^$/p')
grep -q 'single/pivotal.hpp' <<<"$deps" || die "the single file is not used"
for header in $(cd build/dev/$here/single && find pivotal -name '*.hpp'); do
    ! grep -q "include/$header$" <<<"$deps" || die "$header is used beside the single file"
done
$program

venv=build/dev/$here/venv
[ -x $venv/bin/conan ] || { python3 -m venv $venv && $venv/bin/pip install -q -r $here/requirements.txt; }
PATH=$PWD/$venv/bin:$PATH $here/packaging.sh conan "$PWD/build/dev/$here/conan"

$here/packaging.sh cli "$PWD/build/dev/$here/cli"

oldest=$(sed -n 's/.*CMake \([0-9.]*\) or later.*/\1/p' README.md)
grep -q "^cmake==$oldest\." $here/cmakes.txt || die "README.md names CMake $oldest, and $here/cmakes.txt does not"
grep '^cmake' $here/cmakes.txt | while read -r line; do
    version=$(sed 's/^cmake==\([0-9.]*\).*/\1/' <<<"$line")
    folder=$PWD/build/dev/$here/cmake-$version
    bin=$folder/installed/cmake/data/bin
    say "CMake $version"
    [ -x "$bin/cmake" ] || $venv/bin/pip install -q --no-deps --only-binary :all: --require-hashes \
        --target "$folder/installed" -r <(echo "$line")
    (
        PATH=$bin:$PATH
        grep -qF "$version" <<<"$(cmake --version)" || die "$bin has another CMake"
        for way in find_package add_subdirectory FetchContent; do $here/packaging.sh $way "$folder/$way" >/dev/null; done
        # As tests/run.sh does, all that this machine can build; of that, one program is built.
        cmake -S . -B "$folder/build" -G Ninja -DCMAKE_BUILD_TYPE=Debug >"$folder/log" 2>&1 || die "$(cat "$folder/log")"
        ! grep -A 9 'CMake Warning' "$folder/log" || die "CMake warns of the above"
        cmake --build "$folder/build" --target pivotal_odr >"$folder/log" 2>&1 || die "$(cat "$folder/log")"
        cd "$folder/build" && ctest -R '^builds.odr$' | grep 'tests passed'
    )
done
