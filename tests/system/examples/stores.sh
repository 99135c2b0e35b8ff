#!/usr/bin/env bash
# The examples that keep events: killed again and again, at moments that nobody has chosen, they lose none; and what else
# they promise.
#   stores.sh BUILD_DIR
set -euo pipefail
build_dir=$(cd "$1" && pwd)
cd "$(dirname "$0")/../../.."
. tests/lib.sh
. examples/server.sh

inbox=$build_dir/examples/inbox/pivotal_inbox
exactly_once=$build_dir/examples/exactly-once/pivotal_exactly_once
sender=$build_dir/examples/cpp-httplib/pivotal_sender
PIVOTAL_WEBHOOK_SECRET=$(new_secret)
export PIVOTAL_WEBHOOK_SECRET HANDLER_SECONDS=0

# check WHAT EXPECTED GOT
check() {
    [ "$2" = "$3" ] || die "$1: expected $2, got $3"
    printf 'ok      %s\n' "$1"
}

make_event() { printf '{"id":"%s","type":"customer.created"}' "$1" >"$folder/$1.json"; }

# deliver ID [SENDER-ARGUMENT...]: delivers the event ID, and prints the answer.
deliver() {
    [ -e "$folder/$1.json" ] || make_event "$1"
    "$sender" --id "msg_$1" "${@:2}" "$folder/$1.json" "http://127.0.0.1:$port/webhooks/pivotal" 2>&1 || true
}

# storm PROGRAM OUT: delivers evt_11 to evt_153 while the program is killed and started again, each until it is answered.
storm() {
    local round number senders answer answered
    rm -f "$folder"/answer.*
    start_server_anywhere "$1" >>"$2"
    for round in {1..15}; do
        senders=()
        for number in 1 2 3; do make_event "evt_$round$number"; done
        for number in 1 2 3 3; do # the last one twice at once
            deliver "evt_$round$number" >"$folder/answer.$round.${#senders[@]}" &
            senders+=($!)
        done
        sleep "0.0$((RANDOM % 90 + 10))" # the moment of the kill: any
        crash_server
        wait "${senders[@]}"
        start_server "$1" "$port" >>"$2" || die "$(cat "$folder/server.err")"
        for number in 1 2 3; do # as Pivotal does, which has had no answer, or had one
            answer=$(deliver "evt_$round$number")
            case $answer in '200 ok' | '200 duplicate') ;; *) die "the retry of evt_$round$number: $answer" ;; esac
        done
    done
    answered=$(cat "$folder"/answer.* | grep -c '^200') || true
    printf 'ok      15 kills; %s deliveries of 60 were answered before one\n' "$answered"
}

# ---- examples/exactly-once ----

export DATABASE=$folder/exactly-once.db
storm "$exactly_once" "$folder/once.out"
check "45 events, each once in the table" 45 "$("$exactly_once" --calls | sed 's/.* · //' | sort -u | wc -l)"
check "and no row more" 45 "$("$exactly_once" --calls | wc -l)"
check "a signature that is not right" "401 invalid signature" "$(deliver evt_forged --tamper)"
check "no event" "400 malformed event" "$(deliver '')"

# Twelve states of a customer in any order, the oldest last, with kills between.
for number in $(shuf -i 2-12) 1; do
    printf '{"id":"evt_state_%d","type":"customer.updated","created_at":"2026-05-26T%02d:00:00.5+02:00","data":{"object":{"id":"cus_1","name":"%d"}}}' \
        "$number" "$number" "$number" >"$folder/evt_state_$number.json"
    if ((number % 3 == 0)); then
        deliver "evt_state_$number" >/dev/null &
        sleep "0.0$((RANDOM % 90 + 10))" # the moment of the kill: any
        crash_server
        wait $!
        start_server "$exactly_once" "$port" >>"$folder/once.out" || die "$(cat "$folder/server.err")"
    fi
    case $(deliver "evt_state_$number") in '200 ok' | '200 duplicate') ;; *) die "evt_state_$number is not answered" ;; esac
done
check "of 12 states in any order the newest is left" "cus_1 · 12" "$("$exactly_once" --customers)"
stop_server
check "each of the events once" 57 "$("$exactly_once" --calls | wc -l)"

# ---- examples/inbox ----

export DATABASE=$folder/inbox.db
storm "$inbox" "$folder/inbox.out"
for round in {1..15}; do
    for number in 1 2 3; do wait_for_line "customer.created · evt_$round$number" "$folder/inbox.out"; done
done
printf 'ok      45 events, each handled\n'
check "a retry" "200 duplicate" "$(deliver evt_11)"
check "a signature that is not right" "401 invalid signature" "$(deliver evt_forged --tamper)"
check "no event" "400 malformed event" "$(deliver '')"
stop_server

HANDLER_SECONDS=1 start_server "$inbox" "$port" >"$folder/inbox.out" || die "$(cat "$folder/server.err")"
check "a slow event" "200 ok" "$(deliver evt_slow)"
wait_for_line "working on evt_slow" "$folder/inbox.out"
stop_server
check "SIGTERM lets the handler finish" "customer.created · evt_slow" "$(tail -n 1 "$folder/inbox.out")"

# ---- Configuration ----

for program in "$inbox" "$exactly_once"; do
    name=$(basename "$program")
    output=$(env -u PIVOTAL_WEBHOOK_SECRET "$program" 2>&1) && die "$name starts without a secret"
    check "$name without a secret" "PIVOTAL_WEBHOOK_SECRET: it is not set" "$(grep -o 'PIVOTAL_WEBHOOK_SECRET: it is not set' <<<"$output")"
done
output=$(DATABASE=$folder/none/inbox.db "$inbox" 2>&1) && die "pivotal_inbox starts without a database"
check "a database that cannot be opened" "SQLite: cannot open $folder/none/inbox.db" "$(grep -o "SQLite: cannot open $folder/none/inbox.db" <<<"$output")"
