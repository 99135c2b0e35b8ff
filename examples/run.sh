#!/usr/bin/env bash
# Shows the library at work: a real HTTP server on loopback is sent every kind of delivery.
#   examples/run.sh                  sends them all; status 0 only if each is answered as expected
#   examples/run.sh --serve          runs the receiver on port 8787 (or PORT) and prints a curl command for it
#   examples/run.sh --build-dir DIR  with what is built in DIR already; installs and builds nothing
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/lib.sh
. examples/server.sh

usage="usage: examples/run.sh [--serve] [--build-dir DIR]"
serve=0 build_dir=
while [ $# -gt 0 ]; do
    case $1 in
        --serve) serve=1 ;;
        --build-dir) [ $# -gt 1 ] || die "$usage"; build_dir=$2; shift ;;
        *) die "unknown argument $1; $usage" ;;
    esac
    shift
done

# ---- Preparation ----

install_and_build() {
    say "Installing what is missing"
    install_packages examples/packages.txt
    say "Building the receiver and the sender in $build_dir"
    cmake -S . -B "$build_dir" -G Ninja -DCMAKE_BUILD_TYPE=Release -DPIVOTAL_BUILD_TESTS=OFF >"$folder/build.log" 2>&1 &&
        cmake --build "$build_dir" --target "$@" >>"$folder/build.log" 2>&1 ||
        { cat "$folder/build.log" >&2; die "the build failed"; }
}

# ---- The table ----

rows=0 wrong=0
row() { printf '  %-40s %-22s %-22s %s\n' "$@"; }
heading() { row "$1" expected answered ''; }

# check WHAT EXPECTED ANSWERED: a row of the table.
check() {
    local verdict=ok
    if [ "$2" != "$3" ]; then verdict=WRONG wrong=$((wrong + 1)); fi
    rows=$((rows + 1))
    row "$@" $verdict
}

# deliver WHAT EXPECTED SENDER-ARGUMENT...: sends an event, and adds a row.
deliver() {
    local what=$1 expected=$2 answered
    shift 2
    answered=$("$sender" "$@" "http://127.0.0.1:$port/webhooks/pivotal" 2>&1) || true
    check "$what" "$expected" "$answered"
}

# ---- What is shown ----

show_deliveries() {
    local type event=examples/events/customer.created.json other
    say "Every kind of delivery, to examples/cpp-httplib/receiver.cpp"
    PIVOTAL_WEBHOOK_SECRET=$(new_secret) && export PIVOTAL_WEBHOOK_SECRET
    start_server_anywhere "$receiver" >"$folder/events.out"

    heading "event"
    for file in examples/events/*.json; do
        type=$(basename "$file" .json)
        deliver "$type" "200 ok" --id "msg_${type//./_}" "$file"
    done

    other=$(new_secret)
    printf '{"hello":"world"}' >"$folder/no-event.json"
    heading "delivery of customer.created"
    deliver "a retry: the same id again" "200 ok" --id msg_customer_created "$event"
    deliver "one byte of the body changed" "401 invalid signature" --tamper "$event"
    deliver "signed 6 minutes ago" "401 invalid signature" --age 360 "$event"
    deliver "signed 6 minutes ahead" "401 invalid signature" --age -360 "$event"
    PIVOTAL_WEBHOOK_SECRET=$other deliver "signed with a wrong secret" "401 invalid signature" "$event"
    for header in id timestamp signature; do
        deliver "without svix-$header" "401 invalid signature" --omit $header "$event"
    done
    PIVOTAL_WEBHOOK_SECRET="$other $PIVOTAL_WEBHOOK_SECRET" \
        deliver "a rotated secret: two signatures" "200 ok" "$event"
    deliver "unbranded: webhook- headers" "200 ok" --unbranded "$event"
    deliver "authentic, but no event" "400 malformed event" "$folder/no-event.json"

    heading "the receiver"
    check "lines printed: one for each 200" 19 "$(grep -c '^[a-z_.]* · evt_' "$folder/events.out")"
    stop_server
    say "What the receiver printed"
    sed 's/^/  /' "$folder/events.out"
    say "Why it refused the others, in its log"
    sed '1d; s/^/  /' "$folder/server.err"
}

# A JSON library wrote the body again before it was verified: the most common mistake, and what explains it.
show_explanation() {
    local explained
    say "A delivery that does not verify, explained by examples/cli"
    PIVOTAL_WEBHOOK_SECRET=$(new_secret) && export PIVOTAL_WEBHOOK_SECRET
    "$cli" sign --body examples/events/customer.at_risk.json >"$folder/explained.headers"
    tr -d '\n' <examples/events/customer.at_risk.json | sed 's/  */ /g' >"$folder/explained.json"
    "$cli" explain --headers "$folder/explained.headers" --body "$folder/explained.json" >"$folder/explained.out" || true
    sed 's/^/  /' "$folder/explained.out"
    explained=$(cut -d: -f1 "$folder/explained.out" | head -1)
    heading "the diagnosis"
    check "a body without its line ends" body_reserialized "$explained"
}

serve() {
    local given=${PIVOTAL_WEBHOOK_SECRET:-}
    export PIVOTAL_WEBHOOK_SECRET=${given:-$(new_secret)}
    trap 'exit 0' INT TERM
    start_server "$receiver" "${PORT:-8787}" || die "$(cat "$folder/server.err")"
    say "The receiver runs until Ctrl-C; its lines appear below"
    [ -n "$given" ] || printf 'It was started with a new secret, for your own sender:\n\n%s\n\n' \
        "export PIVOTAL_WEBHOOK_SECRET=$PIVOTAL_WEBHOOK_SECRET"
    # Signed almost 5 minutes ahead, so that there is time to copy it.
    printf 'A delivery that it accepts within the next 9 minutes:\n\n%s\n\n' \
        "$("$sender" --age -290 --curl "$PWD/examples/events/customer.created.json" "http://127.0.0.1:$port/webhooks/pivotal")"
    tail -n +1 -f "$folder/server.err" >&2 &
    background+=($!)
    wait $server
}

# ---- The run ----

if [ -z "$build_dir" ]; then
    build_dir=build/examples
    install_and_build pivotal_receiver_cpp_httplib pivotal_sender pivotal_cli
fi
receiver=$build_dir/examples/cpp-httplib/pivotal_receiver_cpp_httplib
sender=$build_dir/examples/cpp-httplib/pivotal_sender
cli=$build_dir/examples/cli/pivotal-webhook

if [ $serve = 1 ]; then
    serve
    exit
fi
show_deliveries
show_explanation
say "$((rows - wrong)) of $rows as expected"
[ $wrong = 0 ]
