#!/usr/bin/env bash
# commands.sh CLI: every command by pipe: output, exit status, the examples of --help.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cli=$1
. "$here/../../lib.sh"
for tool in curl openssl python3; do
    command -v $tool >/dev/null || skip "$tool is missing" "apt-get install curl openssl python3"
done
. "$here/lib.sh"

# ---- Usage and secrets ----

expect "no command" 2 "$(status "$cli")"
expect "an unknown command" 2 "$(status "$cli" fly)"
expect_match "which is named" "no command 'fly'" "$(cat "$folder/err")"
expect "--help" 0 "$(status "$cli" --help)"
expect "--version" 0 "$(status "$cli" --version)"
expect_match "the version" '^[0-9]+\.[0-9]+\.[0-9]+$' "$(cat "$folder/out")"
expect "without a secret" 2 "$(status "$cli" sign --body /dev/null)"
expect_match "it names the variable" PIVOTAL_WEBHOOK_SECRET "$(cat "$folder/err")"
expect "a secret as an argument" 2 "$(status "$cli" sign whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD)"
expect "which is not repeated" "" "$(grep C2FVs "$folder/err" "$folder/out" || true)"
expect "secret" 0 "$(status "$cli" secret)"
expect_match "a new secret" '^whsec_[A-Za-z0-9+/]{43}=$' "$(cat "$folder/out")"
expect "is another each time" 2 "$( { "$cli" secret; "$cli" secret; } | sort -u | wc -l)"
"$cli" secret >"$folder/secret"
expect "a bad secret" 2 "$(PIVOTAL_WEBHOOK_SECRET=bad status "$cli" sign --body /dev/null)"
expect "a secret of another kind" 2 "$(PIVOTAL_WEBHOOK_SECRET=sk_live_8sGq2VbNc4Xw1TzKd7Rm status "$cli" sign --body /dev/null)"
expect_match "which is said" 'not a webhook secret.*whsec_' "$(cat "$folder/err")"
expect "and not repeated" "" "$(grep 8sGq "$folder/err" "$folder/out" || true)"

# ---- Output that cannot be written ----

export PIVOTAL_WEBHOOK_SECRET=whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD
printf '{"id":"evt_1","type":"task.completed"}' >"$folder/event.json"
"$cli" sign --body "$folder/event.json" >"$folder/headers"
{ cat "$folder/headers"; echo; cat "$folder/event.json"; } >"$folder/delivery.http"
exec 3> >(:)
wait $! # now nobody reads what goes to 3
# fails_to WHERE WHY COMMAND...: writing fails
fails_to() {
    local where=$1 why=$2 code=0
    shift 2
    "$@" 2>"$folder/err" || code=$?
    expect "to $where: ${*:2}" "2 pivotal-webhook: cannot write to standard output: $why" "$code $(cat "$folder/err")"
}
for command in secret --help "sign --body /dev/null" "verify $folder/delivery.http" "explain $folder/delivery.http"; do
    read -ra words <<<"$command"
    fails_to "a full disk" "No space left on device" "$cli" "${words[@]}" >/dev/full
    fails_to "a pipe that nobody reads" "Broken pipe" "$cli" "${words[@]}" >&3
    fails_to "nowhere" "Bad file descriptor" "$cli" "${words[@]}" >&-
done
expect "from nowhere" 2 "$(status "$cli" sign <&-)"
expect_match "which is said" '^pivotal-webhook: cannot read standard input' "$(cat "$folder/err")"

# ---- sign, verify ----

body='{"email":"test@example.com","username":"test_user"}'
expect "the published signature" \
    "svix-id: msg_27UH4WbU6Z5A5EzD8u03UvzRbpk
svix-timestamp: 1649367553
svix-signature: v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=" \
    "$(printf %s "$body" | "$cli" sign --id msg_27UH4WbU6Z5A5EzD8u03UvzRbpk --at 1649367553)"
expect "an id that is none" 2 "$(status "$cli" sign --id a.b --body /dev/null)"
expect_match "which is said" '^pivotal-webhook: sign needs an id' "$(cat "$folder/err")"
"$cli" sign --at 2026-05-26T18:42:00Z --body "$folder/event.json" >"$folder/headers"
expect "valid" 0 "$(status "$cli" verify --headers "$folder/headers" --body "$folder/event.json" --at 1779820920)"
expect "it says what it is" "valid: task.completed evt_1, signed 2026-05-26T18:42:00Z" "$(cat "$folder/out")"
expect "too old" 1 "$(status "$cli" verify --headers "$folder/headers" --body "$folder/event.json" --at 2026-05-26T18:47:01.5Z)"
expect "it says why" "invalid: timestamp too old: signed 301 s ago, 300 s are allowed" "$(cat "$folder/out")"
expect_match "and what to do" '--any-age, or --at' "$(cat "$folder/err")"
expect "any age" 0 "$(status "$cli" verify --headers "$folder/headers" --body "$folder/event.json" --any-age)"
expect "a time that is none" 2 "$(status "$cli" verify --headers "$folder/headers" --body "$folder/event.json" --at noon)"
expect "another secret" 1 "$(status "$cli" verify --secret-file "$folder/secret" --headers "$folder/headers" --body "$folder/event.json" --any-age)"
expect_match "and what to do" 'pivotal-webhook explain. with the same input' "$(cat "$folder/err")"
expect "a folder instead of a file" 2 "$(status "$cli" verify --headers "$folder/headers" --body "$folder")"
expect_match "which is said" 'it is a folder' "$(cat "$folder/err")"
expect "a file that is not there" 2 "$(status "$cli" verify --headers "$folder/none" --body "$folder/event.json")"
expect_match "which is said" 'cannot read .*/none: No such file' "$(cat "$folder/err")"
expect "nothing at all" 2 "$(status "$cli" verify </dev/null)"
{ cat "$folder/headers"; echo; cat "$folder/event.json"; } >"$folder/delivery.http"
expect "a delivery by pipe" 0 "$(status "$cli" verify --any-age <"$folder/delivery.http")"
expect "a delivery is signed again, under its id" \
    "$(sed -n 's/^svix-id: //p' "$folder/headers") 1779820921" \
    "$("$cli" sign --at 1779820921 "$folder/delivery.http" | sed -n 's/^svix-\(id\|timestamp\): //p' | paste -sd ' ')"
expect "and so is its body" "$("$cli" sign --id msg_1 --at 1779820921 --body "$folder/event.json")" \
    "$("$cli" sign --id msg_1 --at 1779820921 "$folder/delivery.http")"
printf '{"id":"evt_1","type":"\033[31mred"}' >"$folder/red.json"
"$cli" sign --body "$folder/red.json" >"$folder/red.headers"
expect "no JSON may hold a bare escape" 1 "$(status "$cli" verify --headers "$folder/red.headers" --body "$folder/red.json")"
# ESC, CSI as one character, and one that turns the text round
printf '{"id":"evt_1","type":"\\u001b[31mred \\u009b\\u202e Zo\xc3\xab"}' >"$folder/red.json"
"$cli" sign --body "$folder/red.json" >"$folder/red.headers"
expect "a terminal is safe from the text" "valid: ?[31mred ????? Zoë evt_1" "$("$cli" verify --headers "$folder/red.headers" --body "$folder/red.json" | cut -d, -f1)"

# ---- explain ----

expect "nothing is wrong" 0 "$(status "$cli" explain "$folder/delivery.http")"
expect_match "and that is said" '^verified: ' "$(cat "$folder/out")"
echo >>"$folder/delivery.http"
expect "a newline too many" 1 "$(status "$cli" explain "$folder/delivery.http")"
expect_match "is explained" '^body_end_changed: .*newline' "$(cat "$folder/out")"
expect "nothing is said of a clock where a header is not of its form" 1 \
    "$(sed 's/^svix-timestamp: .*/svix-timestamp: noon/' "$folder/delivery.http" | status "$cli" explain)"
expect "but of the header" "header_malformed unexplained" "$(cut -d: -f1 "$folder/out" | paste -sd ' ')"
expect "in JSON" body_end_changed "$("$cli" explain --json "$folder/delivery.http" | sed -E 's/.*"finding":"([a-z_]+)".*/\1/')"
sed 's/^/> /' "$folder/headers" | sed '1i * Connected\n> POST /webhooks/pivotal HTTP/1.1\n> host: x' | sed '$a > \n< HTTP/1.1 401' >"$folder/verbose"
expect "headers as curl -v shows them" 0 "$(status "$cli" explain --headers "$folder/verbose" --body "$folder/event.json")"
sed 's/: /\t/' "$folder/headers" >"$folder/table"
expect "headers as a table" 0 "$(status "$cli" explain --headers "$folder/table" --body "$folder/event.json")"
awk -F': ' 'BEGIN { printf "{" } { printf "%s\"%s\": \"%s\"", (NR > 1 ? ", " : ""), $1, $2 } END { print "}" }' "$folder/headers" >"$folder/json"
awk -F': ' '{ print $1 "\n" $2 }' "$folder/headers" >"$folder/lines"
expect "a name and its value on two lines" 0 "$(status "$cli" explain --headers "$folder/lines" --body "$folder/event.json")"
expect "curl -v does not show the body" 2 "$(status "$cli" explain "$folder/verbose")"
expect_match "which is said" '--body' "$(cat "$folder/err")"
cat "$folder/headers" "$folder/event.json" >"$folder/dense"
expect "no empty line before the body" 0 "$(status "$cli" explain "$folder/dense")"
printf 'curl -H "svix-id: msg_1" http://127.0.0.1/\n\n{}' >"$folder/command"
expect "what shows no headers" 1 "$(status "$cli" explain "$folder/command")"
expect_match "the forms that are read are said" '^header_missing: .*Headers are read as lines' "$(cat "$folder/out")"
expect "headers alone" 1 "$(status "$cli" explain "$folder/headers")"
expect_match "where a body belongs is said" '^body_empty: .*give it by --body' "$(cat "$folder/out")"
{ cat "$folder/headers"; echo; sed 's/,/,\n /' "$folder/event.json"; } >"$folder/pasted"
expect "a body that a page formatted" 1 "$(status "$cli" explain "$folder/pasted")"
expect_match "the page is suspected" 'may have been formatted by that' "$(cat "$folder/out")"
expect_match "and no clock is judged" 'clock is wrong was not judged' "$(cat "$folder/out")"
sed '3a x-received-at: 2026-05-26T18:42:01Z' "$folder/pasted" >"$folder/saved.http"
expect "what was saved is not suspected" 1 "$(status "$cli" explain "$folder/saved.http")"
expect "and no note is needed" body_reserialized "$(cut -d: -f1 "$folder/out" | paste -sd ' ')"
expect "headers as JSON" 0 "$(status "$cli" explain --headers "$folder/json" --body "$folder/event.json")"

# ---- listen, send ----

printf '{"id":"evt_1","type":"task.completed"}  ' >"$folder/claim.json" # the bit that --tamper changes is in a string
start_listener --json --save "$folder/saved"
url=http://127.0.0.1:$port/webhooks/pivotal
expect "a port in use" 2 "$(status "$cli" listen --port "$port")"
expect_match "which is said" "in use" "$(cat "$folder/err")"
for sample in "$here"/../../../examples/events/*.json; do
    type=$(basename "$sample" .json)
    expect "send $type" 0 "$(status "$cli" send "$url" --event "$type")"
done
expect "a type of tomorrow" 0 "$(status "$cli" send "$url" --set type=a.type_of_tomorrow)"
expect "a body from a pipe" 0 "$(status "$cli" send "$url" --body - <"$folder/event.json")"
for kind in --stale --future --tamper --wrong-secret; do
    expect "$kind is refused" 0 "$(status "$cli" send "$url" $kind)"
    expect "$kind, expected to be accepted" 1 "$(status "$cli" send "$url" $kind --expect 200)"
    expect "$kind --expect 401" 0 "$(status "$cli" send "$url" $kind --expect 401)"
    [ $kind = --tamper ] || # the changed bit may leave no JSON
        expect "$kind: what it claims to be, unverified" '"unverified":{"type":"task.completed","id":"evt_1"}' \
            "$(status "$cli" send "$url" $kind --body "$folder/claim.json" >"$folder/claim.status"
            tail -1 "$folder/listen.out" | grep -o '"unverified":{[^}]*}')"
done
expect "no more than once a verified delivery has a type" 0 "$(grep '"verified":true' "$folder/listen.out" | grep -c unverified)"
expect "a body that is no event claims nothing" '"error":"missing header" -' \
    "$(curl -s -o /dev/null -d '{"id":1,"type":"x"}' "$url"; tail -1 "$folder/listen.out" |
        sed -E 's/.*("error":"[^"]*").*"(unverified|findings)".*/\1 \2/; s/findings/-/')"
expect "an authentic body that is no event is answered so" 0 "$(printf '[1]' | status "$cli" send "$url" --body - --expect 400)"
expect_match "and explained" '"error":"malformed event","reason":"malformed event: .*"finding":"verified".*the body is no event' "$(tail -1 "$folder/listen.out")"
for kind in --duplicate --rotate; do expect "$kind is accepted" 0 "$(status "$cli" send "$url" $kind)"; done
expect "two kinds at once" 2 "$(status "$cli" send "$url" --stale --tamper)"
expect "not as expected" 1 "$(status "$cli" send "$url" --expect 500 --retry 2 --pause 0)"
expect "with its retries" 3 "$(grep -c '^200 ok' "$folder/out")"
expect_match "and a summary" '3 attempts of msg_.*expected 500: not as expected' "$(cat "$folder/out")"
expect "no server" 1 "$(status "$cli" send http://127.0.0.1:1/)"
expect_match "which is said" 'cannot connect to http://127.0.0.1:1' "$(cat "$folder/out")"
for bad in here localhost:8787 http:// http://:80/ http://127.0.0.1:0/ http://127.0.0.1:65536/ http://127.0.0.1:x/ \
    http://user@127.0.0.1/ ftp://127.0.0.1/ ://127.0.0.1/; do
    expect "the URL $bad" 2 "$(status "$cli" send "$bad")"
    expect_match "the URL $bad is said to be wrong" '^pivotal-webhook: the URL' "$(cat "$folder/err")"
done
expect "a URL in capitals, with a query and without a path" 0 "$(status "$cli" send "HTTP://127.0.0.1:$port?a=b#c")"
expect "what httplib adds is not saved" "" "$(grep -rlE '^(LOCAL|REMOTE)_' "$folder/saved" || true)"
curl -s -o /dev/null -H 'x-received-at: yesterday' -d x "$url"
expect "what a sender says of the time of receipt is not saved" "" "$(grep -rl yesterday "$folder/saved" || true)"
expect "a form of 20 kB" 401 "$(head -c 20000 /dev/zero | tr '\0' x | curl -s -o /dev/null -w '%{http_code}' --data-binary @- "$url")"
saved=$(find "$folder/saved" -type f | wc -l)
expect "a line for each delivery" "$saved" "$(wc -l <"$folder/listen.out")"
expect "those that are refused are explained" 4 "$(grep -c '"finding":"clock_wrong"' "$folder/listen.out" | awk '{ print $1 / 2 }')"
expect "a saved one is explained by its own time" 0 "$(status "$cli" explain "$(grep -l customer.churned -r "$folder/saved" | head -1)")"
code=0
stop_listener || code=$?
expect "Ctrl-C ends it" 0 $code

# ---- https ----

cd "$folder"
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out certificate.pem -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost 2>/dev/null
python3 "$here/https_server.py" certificate.pem key.pem https.port &
https=$!
trap 'kill $https; stop_listener; rm -rf "$folder"' EXIT
until [ -s https.port ]; do kill -0 $https; done
url=https://localhost:$(cat https.port)/webhooks/pivotal
expect "https, a certificate that nobody vouches for" 1 "$(status "$cli" send "$url")"
expect_match "it says so, and what to do" 'not trusted \(self.signed certificate\).*SSL_CERT_FILE' "$(cat out)"
expect "https, one that is trusted" 0 "$(SSL_CERT_FILE=certificate.pem status "$cli" send "$url")"
expect "the answer came" "200 ok" "$(head -1 out)"
expect "https, one for another host" 1 "$(SSL_CERT_FILE=certificate.pem status "$cli" send "${url/localhost/127.0.0.1}")"
expect_match "it says so" 'for another host' "$(cat out)"
expect "https, and no file of authorities" 1 "$(SSL_CERT_FILE=none.pem status "$cli" send "$url")"
expect_match "what to do is said" 'SSL_CERT_FILE' "$(cat out)"
expect "plain http to it" 1 "$(status "$cli" send "${url/https/http}")"
expect_match "which is guessed" 'https:// alone' "$(cat out)"
expect "another scheme" 2 "$(status "$cli" send "${url/https/httpx}")"
expect_match "which is said" 'starts with httpx://: .* http:// or https://' "$(cat err)"

# ---- The text of listen, and a rotation as each side of it sees it ----

start_listener
url=http://127.0.0.1:$port/
printf '{"id":"evt_\\u001b[2J","type":"task.completed"}' >"$folder/claim.json"
expect "a forgery with an escape in its id" 0 "$(status "$cli" send "$url" --wrong-secret --body "$folder/claim.json")"
expect "its claim is shown as unverified, and cannot move the cursor" \
    "    claims to be, unverified: task.completed  evt_?[2J" "$(sed -n 2p listen.out)"
stop_listener
ours=$PIVOTAL_WEBHOOK_SECRET old=$("$cli" secret) new=$("$cli" secret)
rotates() { PIVOTAL_WEBHOOK_SECRET=$1 status "$cli" send "http://127.0.0.1:$port/" --rotate --expect "$2"; }
for receiver in "$old" "$new" "$old $new"; do
    export PIVOTAL_WEBHOOK_SECRET=$receiver
    start_listener --save rotated
    expect "both secrets sign: a receiver with either accepts" 0 "$(rotates "$old $new" 200)"
    expect "with these two signatures" 2 "$(cat rotated/*.http | sed -n 's/^svix-signature: //p' | grep -o 'v1,' | wc -l)"
    expect "a new one and the one given: so does a receiver of the one given" 0 "$(rotates "${receiver% *}" 200)"
    expect "and a receiver that has only another refuses" 0 "$(rotates "$ours" 401)"
    stop_listener
    rm -r rotated
done
export PIVOTAL_WEBHOOK_SECRET=$ours

# ---- The examples of --help ----

start_listener
cp event.json body.json
{ cat headers; echo; cat event.json; } >delivery.http
headers_file=$folder/headers
cp "$headers_file" headers.txt
mkdir -p bin && ln -sf "$cli" bin/pivotal-webhook
count=0
for command in "" sign verify explain secret send completion; do
    # shellcheck disable=SC2086
    while IFS= read -r example; do
        count=$((count + 1))
        expect "example: $example" 0 "$(PATH=$folder/bin:$PATH status bash -c "${example//8787/$port}")"
    done < <("$cli" $command --help | sed -n '/^Examples:/,$ { s/^  //p }')
done
# Those of `listen` run until Ctrl-C: each on a free port, because its own may be in use; the handler's is nobody's.
stop_listener
while IFS= read -r example; do
    count=$((count + 1))
    words=()
    eval "words=(${example#pivotal-webhook listen})"
    start_listener "${words[@]}"
    case $example in *--respond*) answer=500 ;; *--forward-to*) answer=502 ;; *) answer=200 ;; esac
    expect "example: $example" 0 "$(status "$cli" send "http://127.0.0.1:$port/" --expect $answer)"
    code=0
    stop_listener || code=$?
    expect "and Ctrl-C ends it" 0 $code
    expect_match "and it showed the delivery" 'customer.created' "$(cat listen.out)"
done < <("$cli" listen --help | sed -n '/^Examples:/,$ { s/^  //p }' | sed 's/ --port 8787//; s/3000/1/')
expect "the example of --save saved it" 1 "$(find deliveries -type f | wc -l)"
expect_match "8787 is the port where none is given" 8787 "$("$cli" listen --help | grep -e '--port INT')"
expect "examples were found" 1 $((count >= 15))
finish
