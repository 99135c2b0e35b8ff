#!/usr/bin/env bash
# What the example receiver does with bad input, and with good input of unusual form; and bad settings of every program with
# cpp-httplib.
#   receiver.sh BUILD_DIR
set -euo pipefail
build_dir=$(cd "$1" && pwd)
cd "$(dirname "$0")/../../.."
. tests/lib.sh
. examples/server.sh

receiver=$build_dir/examples/cpp-httplib/pivotal_receiver_cpp_httplib
programs=("$receiver") # each that listens; these two need SQLite
for program in inbox/pivotal_inbox exactly-once/pivotal_exactly_once; do
    [ ! -x "$build_dir/examples/$program" ] || programs+=("$build_dir/examples/$program")
done
sender=$build_dir/examples/cpp-httplib/pivotal_sender
strange="$folder/a (b) & c's \$d" # a folder that a shell has to be told of
mkdir "$strange"
cp examples/events/customer.created.json "$strange/"
event=$strange/customer.created.json
failures=0

# check WHAT EXPECTED GOT
check() {
    if [ "$2" = "$3" ]; then
        printf 'ok      %s\n' "$1"
    else
        printf 'FAILED  %s: expected %s, got %s\n' "$1" "$2" "$3"
        failures=$((failures + 1))
    fi
}

# refuses WHAT TEXT VARIABLE=VALUE...: in this environment $program must end with status 1, and name TEXT.
refuses() {
    local what="${program##*/}, $1" text=$2 status=0 output
    shift 2
    output=$(env "$@" timeout 20 "$program" 2>&1) || status=$?
    check "$what: status" 1 $status
    case $output in *"$text"*) ;; *) check "$what: message" "...$text..." "$output" ;; esac
    case $output in *secret-text*) check "$what: no secret in the message" - "$output" ;; esac
}

# posted FILE [CURL-ARGUMENT...]: the status and body that answer a well signed FILE.
posted() {
    local command
    command=$("$sender" --curl "$1" "http://127.0.0.1:$port/webhooks/pivotal")
    shift
    (eval "$command" '-m 20 -w "%{http_code}" -o "$folder/answer" "$@" || true') 2>/dev/null
    printf ' %s' "$(cat "$folder/answer")"
}

# body_of SIZE: an event of about so many bytes.
body_of() {
    printf '{"id":"evt_1","type":"customer.created","data":{"text":"'
    head -c "$1" /dev/zero | tr '\0' 'x'
    printf '"}}'
}

# ---- Configuration ----

export DATABASE=$folder/events.db HANDLER_SECONDS=0
program=$receiver
refuses "no secret" "PIVOTAL_WEBHOOK_SECRET: it is not set" -u PIVOTAL_WEBHOOK_SECRET
refuses "an empty secret" "PIVOTAL_WEBHOOK_SECRET: it is not set, or empty" PIVOTAL_WEBHOOK_SECRET=
refuses "an API key" "API key" PIVOTAL_WEBHOOK_SECRET=pivotal_live_secret-text
PIVOTAL_WEBHOOK_SECRET=$(new_secret)
export PIVOTAL_WEBHOOK_SECRET
start_server_anywhere "$receiver" >"$folder/events.out"
for program in "${programs[@]}"; do
    for bad in 0 -1 70000 http 80x 4294975083 ''; do
        refuses "PORT=$bad" "PORT is $bad: give a number from 1 to 65535" PORT=$bad
    done
    refuses "a port in use" "port $port is in use, or may not be used: PORT= names another" PORT="$port"
done
program=${programs[1]-}
[ -z "$program" ] || refuses "HANDLER_SECONDS=x" "HANDLER_SECONDS is x: give a number from 0 to 3600" HANDLER_SECONDS=x

# ---- Requests ----

url=http://127.0.0.1:$port
status_of() { curl -sS -m 20 -o "$folder/answer" -w '%{http_code}' "$@"; }
check "signed" "200 ok" "$(posted "$event")"
check "GET" 404 "$(status_of "$url/webhooks/pivotal")"
check "another path" 404 "$(status_of -d x "$url/")"
check "neither headers nor body" "401 invalid signature" \
    "$(status_of -d '' "$url/webhooks/pivotal") $(cat "$folder/answer")"
: >"$folder/empty.json"
check "an empty body, signed" "400 malformed event" "$(posted "$folder/empty.json")"

body_of 20000 >"$folder/20k.json"
check "20 kB that are labelled as a form" "200 ok" \
    "$(posted "$folder/20k.json" -H 'content-type: application/x-www-form-urlencoded')"
body_of 500000 >"$folder/500k.json"
check "500 kB in chunks" "200 ok" "$(posted "$folder/500k.json" -H 'transfer-encoding: chunked')"
body_of 5000000 >"$folder/5m.json"
check "5 MB" 400 "$(posted "$folder/5m.json" | cut -c 1-3)"
check "5 MB in chunks" 400 "$(posted "$folder/5m.json" -H 'transfer-encoding: chunked' | cut -c 1-3)"
check "an exception: httplib throws one for a multipart form" 500 "$(status_of -F a=b "$url/webhooks/pivotal")"
check "afterwards" "200 ok" "$(posted "$event")"
check "lines printed" 4 "$(grep -c '^customer.created · evt_' "$folder/events.out")"

# ---- The end ----

stop_server TERM
start_server "$receiver" "$port" || check "started again on the same port" "it listens" "$(cat "$folder/server.err")"
stop_server INT
printf 'ok      ends with status 0 on SIGTERM and SIGINT\n'

# ---- examples/run.sh --serve ----

# serve: runs it until it listens; in a job of its own, since what is in the background ignores SIGQUIT.
serve() {
    : >"$folder/serve.out"
    set -m
    PORT=$port examples/run.sh --serve --build-dir "$build_dir" >>"$folder/serve.out" 2>&1 &
    serve=$!
    set +m
    background+=($serve)
    until grep -q '^curl ' "$folder/serve.out"; do kill -0 $serve || die "$(cat "$folder/serve.out")"; sleep 0.02; done
}
serve
check "the curl command of --serve" ok "$(eval "$(grep '^curl ' "$folder/serve.out")")"
for second in "$port" abc 70000; do
    status=0
    PORT=$second examples/run.sh --serve --build-dir "$build_dir" >"$folder/second.out" 2>&1 || status=$?
    check "--serve with PORT=$second: status" 1 $status
    grep -q 'PORT' "$folder/second.out" || check "--serve with PORT=$second: message" "...PORT..." "$(cat "$folder/second.out")"
done
for signal in TERM QUIT HUP; do
    kill -s $signal $serve
    wait $serve || check "--serve ends on SIG$signal with status" 0 $?
    serve
done
kill -s KILL $serve
{ wait $serve || true; } 2>/dev/null
if [ ${#ends_with_us[@]} -gt 0 ]; then
    for _ in {1..500}; do ! start_server "$receiver" "$port" || break; sleep 0.02; done
    kill -0 $server || check "--serve leaves the port free when it is killed" free "$(cat "$folder/server.err")"
fi
for script in examples/run.sh tests/run.sh; do
    check "$script --help" 1 "$($script --help | grep -c "^  $script  ")"
done

[ $failures = 0 ]
