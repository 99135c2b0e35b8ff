#!/usr/bin/env bash
# Shows the library at work: a real HTTP server on loopback is sent every kind of delivery, and two are killed in the
# middle of their work and started again.
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
        -h | --help) help examples/run.sh ;;
        *) die "unknown argument $1; $usage" ;;
    esac
    shift
done

# ---- Preparation ----

install_and_build() {
    usable "$build_dir"
    say "Installing what is missing"
    install_packages examples/packages.txt
    say "Building the receiver and the sender in $build_dir"
    attend cmake -S . -B "$build_dir" -G Ninja -DCMAKE_BUILD_TYPE=Release -DPIVOTAL_BUILD_TESTS=OFF >"$folder/build.log" 2>&1 ||
        { cat "$folder/build.log" >&2; die "CMake failed"; }
    attend cmake --build "$build_dir" --target "$@" || die "the build failed"
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

# event_id TYPE: the id of examples/events/TYPE.json
event_id() { sed -n 's/^  "id": "\(.*\)",$/\1/p' "examples/events/$1.json"; }

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

# The answer comes when the event is on the disk; the worker that handles it is killed in the middle of it.
show_inbox() {
    local first=customer.at_risk second=onboarding.completed first_id second_id file=$folder/inbox.out
    first_id=$(event_id $first) second_id=$(event_id $second)
    say "Accept now, work later: examples/inbox, whose handler takes 20 s and is killed meanwhile"
    PIVOTAL_WEBHOOK_SECRET=$(new_secret) && export PIVOTAL_WEBHOOK_SECRET
    local -x DATABASE=$folder/inbox.db
    HANDLER_SECONDS=20 start_server_anywhere "$inbox" >>"$file"
    heading "delivery"
    deliver "$first: answered at once" "200 ok" --id msg_1 examples/events/$first.json
    wait_for_line "working on $first_id" "$file"
    deliver "$second: waits in the inbox" "200 ok" --id msg_2 examples/events/$second.json
    deliver "a retry of $first" "200 duplicate" --id msg_1 examples/events/$first.json
    crash_server
    check "kill -9 now: events handled by then" 0 "$(grep -c ' · ' "$file")"
    HANDLER_SECONDS=0 start_server "$inbox" "$port" >>"$file" || die "$(cat "$folder/server.err")"
    wait_for_line "$second · $second_id" "$file"
    wait_for_line "$first · $first_id" "$file" # when the lease of the worker that was killed has run out
    heading "started again"
    check "$first was handled" 1 "$(grep -cxF "$first · $first_id" "$file")"
    check "$second was handled" 1 "$(grep -cxF "$second · $second_id" "$file")"
    deliver "a late retry of $first" "200 duplicate" --id msg_1 examples/events/$first.json
    stop_server
    check "events handled in the end" 2 "$(grep -c ' · ' "$file")"
    say "What it printed: the first was begun twice, and finished once"
    sed 's/^/  /' "$file"
}

# The effect and the mark are one transaction: killed before its end both are gone, killed behind it both are there.
show_exactly_once() {
    local type=customer.at_risk id unanswered
    id=$(event_id $type)
    say "Exactly once: examples/exactly-once, killed within its transaction, and again behind it"
    PIVOTAL_WEBHOOK_SECRET=$(new_secret) && export PIVOTAL_WEBHOOK_SECRET
    local -x DATABASE=$folder/exactly-once.db
    HANDLER_SECONDS=20 start_server_anywhere "$exactly_once" >"$folder/once.out"
    "$sender" --id msg_1 examples/events/$type.json "http://127.0.0.1:$port/webhooks/pivotal" >"$folder/once.answer" 2>&1 &
    unanswered=$!
    wait_for_line "working on $id" "$folder/once.out"
    heading "the row is written, not committed"
    crash_server
    wait $unanswered || true
    check "kill -9 now: the answer" "no answer" "$(cut -d' ' -f1,2 "$folder/once.answer")"
    check "rows of $type" 0 "$("$exactly_once" --calls | wc -l)"
    start_server "$exactly_once" "$port" >"$folder/once.out" || die "$(cat "$folder/server.err")"
    heading "started again"
    deliver "Pivotal's retry" "200 ok" --id msg_1 examples/events/$type.json
    check "rows of $type" 1 "$("$exactly_once" --calls | wc -l)"
    crash_server
    start_server "$exactly_once" "$port" >"$folder/once.out" || die "$(cat "$folder/server.err")"
    heading "kill -9 again, and started again"
    deliver "a retry, had the answer been lost" "200 duplicate" --id msg_1 examples/events/$type.json
    deliver "the same event in another message" "200 duplicate" --id msg_2 examples/events/$type.json
    stop_server
    check "rows of $type" 1 "$("$exactly_once" --calls | wc -l)"
    say "What is in its table"
    "$exactly_once" --calls | sed 's/^/  /'
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
    explained=$(sed 's/:.*//; q' "$folder/explained.out")
    heading "the diagnosis"
    check "a body without its line ends" body_reserialized "$explained"
}

serve() {
    local given=${PIVOTAL_WEBHOOK_SECRET:-}
    export PIVOTAL_WEBHOOK_SECRET=${given:-$(new_secret)}
    trap 'exit 0' HUP INT QUIT TERM
    start_server "$receiver" "${PORT:-8787}" || die "$(cat "$folder/server.err")"
    say "The receiver runs until Ctrl-C; its lines appear below"
    [ -n "$given" ] || printf 'It was started with a new secret, for your own sender:\n\n%s\n\n' \
        "export PIVOTAL_WEBHOOK_SECRET=$PIVOTAL_WEBHOOK_SECRET"
    # Signed almost 5 minutes ahead, so that there is time to copy it.
    printf 'A delivery that it accepts within the next 9 minutes:\n\n%s\n\n' \
        "$("$sender" --age -290 --curl "$PWD/examples/events/customer.created.json" "http://127.0.0.1:$port/webhooks/pivotal")"
    ${ends_with_us[@]+"${ends_with_us[@]}"} tail -n +1 -f "$folder/server.err" >&2 &
    background+=($!)
    wait $server
}

# ---- The run ----

if [ -z "$build_dir" ]; then
    build_dir=build/examples
    install_and_build pivotal_receiver_cpp_httplib pivotal_sender pivotal_cli pivotal_inbox pivotal_exactly_once
fi
receiver=$build_dir/examples/cpp-httplib/pivotal_receiver_cpp_httplib
[ -x "$receiver" ] || die "there is no $receiver: what --build-dir names has to be built before"
sender=$build_dir/examples/cpp-httplib/pivotal_sender
cli=$build_dir/examples/cli/pivotal-webhook
inbox=$build_dir/examples/inbox/pivotal_inbox
exactly_once=$build_dir/examples/exactly-once/pivotal_exactly_once

if [ $serve = 1 ]; then
    serve
    exit
fi
show_deliveries
if [ -x "$inbox" ]; then
    show_inbox
    show_exactly_once
else
    say "examples/inbox and examples/exactly-once were not built: they need SQLite (apt-get install libsqlite3-dev)"
fi
show_explanation
say "$((rows - wrong)) of $rows as expected"
[ $wrong = 0 ]
