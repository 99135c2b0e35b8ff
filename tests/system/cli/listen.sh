#!/usr/bin/env bash
# listen.sh CLI: `listen` beside a handler under development, and what `send` can send.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cli=$1
. "$here/../../lib.sh"
for tool in curl python3; do
    command -v $tool >/dev/null || skip "$tool is missing" "apt-get install curl python3"
done
. "$here/lib.sh"
cd "$folder"
export PIVOTAL_WEBHOOK_SECRET=whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD

# ---- What cannot be kept is not accepted ----

# ends_with WHAT ERROR: the delivery that cannot be kept is answered 500, and the listener ends with ERROR
ends_with() {
    expect "$1: the sender is to try again" 0 "$(status "$cli" send "http://127.0.0.1:$port/" --expect 500)"
    local code=0
    wait $listener || code=$?
    listener=
    expect "$1: the listener ends" 2 $code
    expect_match "$1: it says why" "$2" "$(tail -1 listen.err)"
}
output=/dev/full
start_listener --json
ends_with "its lines are lost" '^pivotal-webhook: cannot write to standard output: No space left on device$'
start_listener
ends_with "its text is lost" '^pivotal-webhook: cannot write to standard output: No space left on device$'
output=listen.out
start_listener --save kept
expect "what is saved is for its owner" 0 "$(status "$cli" send "http://127.0.0.1:$port/")"
expect "alone" "600 700" "$(stat -c %a kept/*.http kept | paste -sd ' ')"
rm -r kept
ends_with "it cannot be saved" '^pivotal-webhook: cannot write to kept/.*: No such file or directory$'

# ---- Bodies that were cut off, or are not there ----

start_listener --json
printf '{"id":"evt_1","ty' >cut.json
: >empty.json
expect "signed, and cut before" 0 "$(status "$cli" send "http://127.0.0.1:$port/" --body cut.json --expect 400)"
expect_match "which is said" 'ends in the middle of a JSON text, so it was cut before it was signed' "$(tail -1 listen.out)"
expect "signed, and empty" 0 "$(status "$cli" send "http://127.0.0.1:$port/" --body empty.json --expect 400)"
expect_match "which is said" 'it was empty when it was signed' "$(tail -1 listen.out)"
printf '{"id":"evt_1","type":"task.completed"}' >event.json
"$cli" sign --body event.json >headers
args=()
while read -r line; do args+=(-H "$line"); done <headers
expect "cut on its way" 401 "$(answer "${args[@]}" --data-binary @cut.json "http://127.0.0.1:$port/")"
expect_match "which is said" '"finding":"body_truncated"' "$(tail -1 listen.out)"
expect "read by something else before" 401 "$(answer "${args[@]}" -X POST "http://127.0.0.1:$port/")"
expect_match "which is said" '"finding":"body_empty"' "$(tail -1 listen.out)"
python3 - "$port" <<'END'
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as peer:
    signed = "\r\n".join(open("headers").read().splitlines())
    peer.sendall(f"POST / HTTP/1.1\r\n{signed}\r\ncontent-length: 39\r\n\r\n".encode() + b'{"id":"evt_1","type"')
    peer.shutdown(socket.SHUT_WR)
    while peer.recv(4096): pass
END
expect_match "the connection was cut" '"finding":"body_truncated"' "$(tail -1 listen.out)"
for body in cut empty; do
    "$cli" sign --body $body.json >headers.$body
    expect "explain: signed, and $body" 0 "$(status "$cli" explain --headers headers.$body --body $body.json)"
    expect_match "which is said" 'cut before it was signed|empty when it was signed' "$(cat out)"
    expect "explain: $body on its way" 1 "$(status "$cli" explain --headers headers --body $body.json)"
    expect_match "which is said" '^body_(truncated|empty)' "$(cat out)"
done
stop_listener
finish
