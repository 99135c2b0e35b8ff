#!/usr/bin/env bash
# Runs the tests that need a locale whose decimal point has two bytes, as that of Pashto: which it makes itself, in a
# folder of its own, since no machine has it by itself.
#   locale.sh UNIT_TESTS
set -euo pipefail
. "$(dirname "$0")/../lib.sh"

[ -e /usr/share/i18n/locales/ps_AF ] || skip "Debian's package locales is missing" "apt-get install locales"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
localedef --quiet --inputfile=ps_AF --charmap=UTF-8 "$folder/ps_AF.UTF-8" || [ -e "$folder/ps_AF.UTF-8/LC_NUMERIC" ]
LOCPATH=$folder PIVOTAL_TEST_LOCALE=ps_AF.UTF-8 "$1" '[two_byte_decimal_point]'
