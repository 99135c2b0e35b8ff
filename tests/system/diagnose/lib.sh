# Helpers for the tests of the diagnosis with real tools; to be sourced behind tests/lib.sh. Uses $cli.
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
export PIVOTAL_WEBHOOK_SECRET=whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD
cd "$folder"
"$cli" secret >stranger # of nobody: signs forgeries
declare -A sound=()     # files that were shown to be no fault of themselves

# explained ARGUMENT...: the findings of `explain`, separated by spaces
explained() { "$cli" explain --json "$@" | jq -r '[.[].finding] | join(" ")' || true; }

# sign FILE ARGUMENT...: signs it; the headers are in ./headers
sign() {
    local file=$1
    shift
    "$cli" sign --body "$file" "$@" >headers
}

# no_fault FILE: signed as it is, a file has no finding, whatever was done to it; signed by a stranger, none but that
# nothing explains it.
no_fault() {
    local known
    known=$(cksum <"$1")
    [ -z "${sound[$known]:-}" ] || return 0
    sound[$known]=1
    "$cli" sign --body "$1" >control
    expect "$1, healthy" verified "$(explained --headers control --body "$1")"
    "$cli" --secret-file stranger sign --body "$1" >control
    expect "$1, forged" unexplained "$(explained --headers control --body "$1")"
}

# finds WHAT FINDINGS SIGNED ARRIVES: one file is signed and the other explained.
finds() {
    sign "$3"
    expect "$1" "$2" "$(explained --headers headers --body "$4")"
    no_fault "$3"
    # What looks like a fault by itself is not one that a healthy delivery has.
    case $2 in *body_truncated* | *body_empty*) ;; *) no_fault "$4" ;; esac
}

# last_heard: what a listener with --json found in the last delivery: "verified", the findings, or its error
last_heard() {
    tail -1 listen.out |
        jq -r 'if .verified then "verified" elif .error == "malformed event" then .error else ([.findings[]?.finding] | join(" ")) as $found |
            if $found == "" then .error else $found end end'
}

# post DATA-OPTION FILE CURL-ARGUMENT...: curl sends the file with ./headers to the listener; what that finds. What
# `curl -v` says is in ./verbose.
post() {
    local option=$1 file=$2 arguments=() header
    shift 2
    while IFS= read -r header; do arguments+=(-H "$header"); done <headers
    curl -sv -o answer "${arguments[@]}" "$option" "@$file" "$@" "http://127.0.0.1:$port/" 2>verbose
    last_heard
}
