#!/usr/bin/env bash
# What takes long: the unit tests against the single file, which has to be equivalent to the headers; the Conan recipe.
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
