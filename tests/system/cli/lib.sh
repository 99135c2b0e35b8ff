# Helpers for the tests of the command line; to be sourced. Uses $cli.

folder=$(mktemp -d)
listener=
trap 'stop_listener; rm -rf "$folder"' EXIT
unset PIVOTAL_WEBHOOK_SECRET NO_COLOR
failures=0

# expect WHAT EXPECTED GOT
expect() {
    [ "$2" = "$3" ] && return
    printf 'FAILED: %s\n  expected: %s\n  got:      %s\n' "$@"
    failures=$((failures + 1))
}
# expect_match WHAT PATTERN TEXT
expect_match() {
    [[ $3 =~ $2 ]] && return
    printf 'FAILED: %s\n  expected: %s\n  got:      %s\n' "$@"
    failures=$((failures + 1))
}
# status COMMAND...: its exit status; output in $folder/out and $folder/err
status() {
    local code=0
    "$@" >"$folder/out" 2>"$folder/err" || code=$?
    printf '%s' $code
}
finish() {
    [ $failures = 0 ] || { echo "$failures failed"; exit 1; }
    echo "all passed"
}

# start_listener ARGUMENT...: `listen` on a free port, its lines in $folder/listen.out, or $output; sets $port
start_listener() {
    : >"$folder/listen.out" # there before the program is
    : >"$folder/listen.err"
    "$cli" listen --port 0 "$@" >"${output:-$folder/listen.out}" 2>"$folder/listen.err" &
    listener=$!
    port=
    while [ -z "$port" ]; do
        port=$(sed -n 's|^listening on http://127.0.0.1:\([0-9]*\)/.*|\1|p' "$folder/listen.err")
        kill -0 $listener || { cat "$folder/listen.err"; exit 1; }
    done
}
# answer ARGUMENT...: the status that curl is answered with, its options given
answer() { curl -s -o "$folder/answer" -w '%{http_code}' "$@"; }
stop_listener() {
    [ -z "$listener" ] && return
    kill -INT $listener
    wait $listener || return 1
    listener=
}
