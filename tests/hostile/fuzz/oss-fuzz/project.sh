#!/usr/bin/env bash
# Writes the folder to submit to google/oss-fuzz, with the two things that only this project's public home decides.
#   tests/hostile/fuzz/oss-fuzz/project.sh REPOSITORY CONTACT FOLDER
#     REPOSITORY  the address that git clones
#     CONTACT     the maintainer's e-mail address; OSS-Fuzz asks for one that is a Google account
#     FOLDER      projects/pivotal-webhook of a clone of google/oss-fuzz
# Then, there:  python3 infra/helper.py build_fuzzers pivotal-webhook && python3 infra/helper.py check_build pivotal-webhook
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../../lib.sh"

[ $# = 3 ] || die "usage: project.sh REPOSITORY CONTACT FOLDER"
[[ $1 =~ ^https://[A-Za-z0-9./_~-]+$ ]] || die "not the address of a public repository: $1"
[[ $2 =~ ^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]+$ ]] || die "not an e-mail address: $2"
mkdir -p "$3"
for file in Dockerfile project.yaml build.sh; do
    sed -e "s|@REPOSITORY@|$1|" -e "s|@CONTACT@|$2|" "$here/$file" >"$3/$file"
done
chmod +x "$3/build.sh"
