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
CLI=$cli python3 - "$port" <<'END'
import gzip, os, socket, subprocess, sys
def deliver(body, *more):
    open("as_sent", "wb").write(body)
    signed = subprocess.run([os.environ["CLI"], "sign", "--body", "as_sent"], check=True, stdout=subprocess.PIPE).stdout
    head = b"\r\n".join(signed.splitlines() + list(more) + [b"content-length: %d" % len(body), b"connection: close"])
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as peer:
        peer.sendall(b"POST / HTTP/1.1\r\n" + head + b"\r\n\r\n" + body)
        print(peer.makefile().readline().split()[1], *more)
event = b'{"id":"evt_1","type":"task.completed"}'
with open("answers", "w") as sys.stdout:
    deliver(event, b"content-type: multipart/form-data; boundary=x")
    deliver(event, b"content-type: application/x-www-form-urlencoded")
    deliver(gzip.compress(event), b"content-encoding: gzip")
    deliver(event, b"{x: y")
    deliver(event, b"x-injected: a%0d%0ax-received-at: 2020-01-01T00:00:00Z")  # of which httplib 0.44 makes nothing else
END
expect_match "a body of any label is verified as it was sent, and no header is two" '^200 200 400 400 [24]00$' \
    "$(cut -d ' ' -f 1 answers | paste -sd ' ')"
for body in cut empty; do
    "$cli" sign --body $body.json >headers.$body
    expect "explain: signed, and $body" 0 "$(status "$cli" explain --headers headers.$body --body $body.json)"
    expect_match "which is said" 'cut before it was signed|empty when it was signed' "$(cat out)"
    expect "explain: $body on its way" 1 "$(status "$cli" explain --headers headers --body $body.json)"
    expect_match "which is said" '^body_(truncated|empty)' "$(cat out)"
done
stop_listener

# ---- --forward-to: the handler under development ----

mkdir handler
printf '201 handled' >handler/answer
python3 "$here/handler.py" handler &
handler=$!
trap 'kill $handler; stop_listener; rm -rf "$folder"' EXIT
until [ -s handler/port ]; do kill -0 $handler; done
direct=http://127.0.0.1:$(cat handler/port)
# requests: how many the handler got; request N: the headers of the Nth, sorted; body N
requests() { find handler -name '[0-9]*' | wc -l; }
request() { sed '/^\r$/,$d' "handler/$1" | tr -d '\r' | sort -f; }
body() { sed '1,/^\r$/d' "handler/$1"; }

start_listener --forward-to "$direct/hooks?a=b" --json --save kept
url=http://127.0.0.1:$port/
printf '{ "id":"evt_1",\n"type" : "task.completed","name":"Zo\xc3\xab"}\n' >event.json
expect "it goes on, and the answer comes back" 0 "$(status "$cli" send "$url" --body event.json --header 'X-Tenant:  7' --expect 201)"
expect "with its body" "201 handled" "$(head -1 out)"
expect "to the path" "POST /hooks?a=b HTTP/1.1" "$(head -1 handler/1 | tr -d '\r')"
expect "byte for byte" "$(od -c event.json)" "$(body 1 | od -c)"
saved_headers() { sed '1d;/^\r$/,$d' kept/*.http | tr -d '\r' | grep -vi '^\(host\|connection\|content-length\|x-received-at\):' | sort -f; }
expect "with its headers" "$(saved_headers)" "$(request 1 | grep -vi '^\(host\|connection\|content-length\|POST\)[: ]')"
expect "of which this is one" "X-Tenant: 7" "$(request 1 | grep -i x-tenant)"
expect_match "it is verified there" '^valid' "$(tr -d '\r' <handler/1 | "$cli" verify)"
expect_match "and printed" '"handler":[{]"status":201,"body":"handled","milliseconds":[0-9]+[}]' "$(tail -1 listen.out)"
expect "what does not verify is refused here" 0 "$(status "$cli" send "$url" --wrong-secret --expect 401)"
expect "and does not go on" 1 "$(requests)"
printf '503 not now' >handler/answer
expect "a failure comes back" 0 "$(status "$cli" send "$url" --expect 503)"
kill $handler && wait $handler || true
expect "no handler" 0 "$(status "$cli" send "$url" --expect 502)"
expect_match "which is printed" '"handler":[{]"error":"cannot connect' "$(tail -1 listen.out)"
stop_listener
rm -r kept handler/[0-9]* handler/port
python3 "$here/handler.py" handler &
handler=$!
until [ -s handler/port ]; do kill -0 $handler; done
direct=http://127.0.0.1:$(cat handler/port)
printf '200 ok' >handler/answer

start_listener --host 127.0.0.1 --forward-to "$direct" --forward-all --events 'customer.*,webhook.ping' --respond 500
url=http://127.0.0.1:$port/
expect "--respond provokes a retry" 0 "$(status "$cli" send "$url" --event customer.at_risk --expect 500)"
expect_match "of what was handled" 'handler: 200 ok  \([0-9]+ ms\)' "$(tail -1 listen.out)"
expect "an event of no interest is accepted" 0 "$(status "$cli" send "$url" --event task.completed --expect 200)"
expect "and passed over" "1 1" "$(requests) $(grep -c verified listen.out)"
expect "--forward-all: what does not verify too" 0 "$(status "$cli" send "$url" --wrong-secret --expect 500)"
expect "goes on" 2 "$(requests)"
stop_listener
expect "--forward-all needs a handler" 2 "$(status "$cli" listen --forward-all)"
expect "a handler that is no URL" 2 "$(status "$cli" listen --forward-to here)"
expect "an address of somebody else" 2 "$(status "$cli" listen --host 192.0.2.1 --port 0)"
expect_match "which is said" '^pivotal-webhook: cannot listen on 192.0.2.1:0' "$(cat err)"
start_listener --save kept # for what is sent from here on
url=http://127.0.0.1:$port/

# ---- send: of what, and how ----

# sent: the file of the newest request that the handler got
sent() { echo "handler/$(requests)"; }
expect "an unknown type" 2 "$(status "$cli" send "$direct" --event a.type_of_tomorrow)"
expect_match "the types are listed" 'customer.at_risk,.*task.completed' "$(cat err)"
expect "fields are set" 0 "$(status "$cli" send "$direct" --set data.object.name=Zoe --set data.object.health_score=7 \
    --set type=a.type_of_tomorrow --set 'data.object.tags=["a"]' --set data.object.new.field=true)"
expect "as JSON, or as text" '"a.type_of_tomorrow" "Zoe" 7 ["a"] true' "$(body "$(requests)" | python3 -c '
import json, sys
event = json.load(sys.stdin)
thing = event["data"]["object"]
print(*map(json.dumps, (event["type"], thing["name"], thing["health_score"], thing["tags"], thing["new"]["field"])))')"
expect "what it signs is what it sends" 0 "$(tr -d '\r' <"$(sent)" | status "$cli" verify)"
for wrong in name =x id.name=x; do
    expect "--set $wrong" 2 "$(status "$cli" send "$direct" --set "$wrong")"
    expect_match "is said to be wrong" '^pivotal-webhook: --set' "$(cat err)"
done
for wrong in name :x $'a: b\r\nc: d'; do expect "--header $wrong" 2 "$(status "$cli" send "$direct" --header "$wrong")"; done
expect "an id of one's own" 0 "$(status "$cli" send "$direct" --id msg_resent)"
expect "is sent" "svix-id: msg_resent" "$(request "$(requests)" | grep svix-id)"

"$cli" sign --id msg_saved --at 2026-05-26T18:42:00Z --body event.json >headers
{ echo 'X-Tenant: 7'; echo 'Host: elsewhere'; cat headers; echo; cat event.json; } >saved.http
expect "a saved delivery, as it was, without any secret" 0 "$(PIVOTAL_WEBHOOK_SECRET='' status "$cli" send "$direct" --delivery saved.http --as-is)"
expect "its three headers" "$(sort headers)" "$(request "$(requests)" | grep svix-)"
expect "and its others" "X-Tenant: 7" "$(request "$(requests)" | grep -i x-tenant)"
expect "but the host's" "" "$(grep elsewhere "$(sent)" || true)"
expect "byte for byte" "$(od -c event.json)" "$(body "$(requests)" | od -c)"
expect "is too old by now" 0 "$(status "$cli" send "$url" --delivery saved.http --as-is --expect 401)"
expect "signed anew it is not" 0 "$(status "$cli" send "$url" --delivery saved.http)"
expect "under its own id" "svix-id: msg_saved" "$(grep -h svix-id kept/*.http | tr -d '\r' | sort -u)"
expect "and byte for byte" 2 "$(grep -lF '{ "id":"evt_1",' kept/*.http | wc -l)"
expect "with a field changed" 0 "$(status "$cli" send "$url" --delivery saved.http --set name=Zoe)"
expect "--as-is of nothing" 2 "$(status "$cli" send "$url" --as-is)"
expect "--as-is, signed wrongly" 2 "$(status "$cli" send "$url" --delivery saved.http --as-is --stale)"

expect "eleven signatures" 0 "$(status "$cli" send "$url" --signatures 11 --id msg_eleven)"
expect "are eleven" 11 "$(grep -h -A9 'msg_eleven' kept/*.http | grep svix-signature | grep -o 'v1,' | wc -l)"
expect "twelve are too many" 2 "$(status "$cli" send "$url" --signatures 12)"

# ---- --as-svix, --hang-up: as the real sender behaves on the wire ----

orders=
for _ in 1 2 3 4 5 6 7 8 9 10; do
    expect "--as-svix" 0 "$(status "$cli" send "$direct" --as-svix)"
    orders+=$(sed '/^\r$/,$d' "$(sent)" | cut -d: -f1 | sed 1d | paste -sd ' ')$'\n'
done
expect "the headers that it sends" "Accept content-length content-type Host svix-id svix-signature svix-timestamp user-agent" \
    "$(tr ' ' '\n' <<<"$orders" | sed '/^$/d' | sort -fu | paste -sd ' ')"
expect "in more than one order" 1 $(($(sort -u <<<"$orders" | wc -l) > 2))
expect "verifies" 0 "$(tr -d '\r' <"$(sent)" | status "$cli" verify)"
expect "to a real server" 0 "$(status "$cli" send "$url" --as-svix --body event.json)"
expect "an empty body has no length" 0 "$(status "$cli" send "$url" --as-svix --body empty.json --expect 400)"
expect "nobody there" 1 "$(status "$cli" send http://127.0.0.1:1/ --as-svix)"
before=$(requests)
printf '200 ok' >handler/next
printf reset >handler/answer
expect "a connection that fails" 0 "$(status "$cli" send "$direct" --as-svix --retry 0)"
expect "is one attempt of two requests" "$((before + 2)) 1" "$(requests) $(grep -c '^1 attempt' out)"
expect "with the same id, time and signature" "$(request $((before + 1)) | grep svix-)" "$(request $((before + 2)) | grep svix-)"
before=$(find kept -type f | wc -l)
expect "--hang-up" 0 "$(status "$cli" send "$url" --hang-up --id msg_twice)"
until [ "$(find kept -type f | wc -l)" = $((before + 2)) ]; do kill -0 $listener; done
expect "both requests arrive, and are the same" "2 1" \
    "$(grep -l msg_twice kept/*.http | wc -l) $(grep -l msg_twice kept/*.http | xargs -n1 grep -a svix-signature | sort -u | wc -l)"
stop_listener

# ---- Completion, and what was meant ----

expect "a command that is meant" 2 "$(status "$cli" lisen)"
expect "is named" "pivotal-webhook: there is no command 'lisen'; did you mean 'listen'?" "$(cat err)"
expect "an option that is meant" 2 "$(status "$cli" listen --prot 1)"
expect "is named" "pivotal-webhook: there is no option '--prot'; did you mean '--port'?" "$(cat err)"
"$cli" completion bash >completion.bash
# completes WORD...: what bash offers for the last of them
completes() {
    bash -c '. completion.bash; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _pivotal_webhook; echo "${COMPREPLY[@]}"' bash pivotal-webhook "$@"
}
expect "bash: commands" "listen" "$(completes li)"
expect "bash: the options of a command" "--as-svix --as-is" "$(completes send --as)"
expect "bash: of a group of them too" "--wrong-secret" "$(completes send http://x --wr)"
expect "bash: the values of an option" "onboarding.completed onboarding.created" "$(completes send --event onboarding.c)"
expect "bash: a value that is a word of its own" "zsh" "$(completes completion z)"
expect "bash: files, where a file belongs" "" "$(completes send --body '')"
expect "bash: and behind an option before the command" "--port" "$(completes --secret-file x listen --po)"
"$cli" completion zsh >completion.zsh
"$cli" completion fish >completion.fish
if command -v fish >/dev/null; then
    fishes() { HOME=$folder fish -c "source completion.fish; complete -C '$1'" | cut -f1 | paste -sd ' '; }
    expect "fish: commands" "listen" "$(fishes 'pivotal-webhook li')"
    expect "fish: options" "--as-is --as-svix" "$(fishes 'pivotal-webhook send --as')"
    expect "fish: values" "onboarding.completed onboarding.created" "$(fishes 'pivotal-webhook send --event onboarding.c')"
    expect "fish: words" "zsh" "$(fishes 'pivotal-webhook completion z')"
else
    echo "not tested in fish, which is missing (apt-get install fish)"
fi
finish
