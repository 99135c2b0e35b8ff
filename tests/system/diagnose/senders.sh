#!/usr/bin/env bash
# senders.sh CLI: headers, ids and times as senders get them wrong, and clocks that are; all of it over HTTP to `listen`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cli=$1
. "$here/../../lib.sh"
for tool in node python3 jq curl openssl; do
    command -v $tool >/dev/null || skip "$tool is missing" "apt-get install nodejs python3 jq curl openssl"
done
faketime=$(compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' | head -1 || true)
[ -n "$faketime" ] || skip "faketime is missing" "apt-get install faketime"
. "$here/lib.sh"

printf '{"id":"evt_1","type":"task.completed"}' >body
start_listener --json
key=$(printf %s "${PIVOTAL_WEBHOOK_SECRET#whsec_}" | base64 -d | od -An -v -tx1 | tr -d ' \n')
# signature CONTENT [KEY]: of `id.timestamp.`, and the body behind it
signature() {
    printf %s "$1" | cat - body | openssl dgst -sha256 -mac hmac -macopt "hexkey:${2:-$key}" -binary | base64
}
# sender ID TIMESTAMP SIGNATURE: what the listener says of these headers
sender() {
    printf 'svix-id: %s\nsvix-timestamp: %s\nsvix-signature: %s\n' "$@" >headers
    post --data-binary body
}
explanation() { tail -1 listen.out | jq -r '.findings[].explanation'; }
now=$(date +%s)
stranger=$(openssl rand -hex 24)
expect "a sender that is right" verified "$(sender msg_1 "$now" "v1,$(signature "msg_1.$now.")")"
expect "and one with another key" unexplained "$(sender msg_1 "$now" "v1,$(signature "msg_1.$now." "$stranger")")"

# What curl -v shows is explained as well.
sign body
expect "curl sends it" verified "$(post --data-binary body)"
expect "curl -v, and the body" verified "$(explained --headers verbose --body body)"
expect "curl -d @file" body_end_changed "$({ cat body; echo; } >line; sign line; post -d line)"
expect "curl -v, and what was sent" body_end_changed "$(explained --headers verbose --body body)"

# The event's id and the delivery's
event_id=$(jq -r .id body)
expect "the event's id is signed" event_id_for_header "$(sender msg_1 "$now" "v1,$(signature "$event_id.$now.")")"
expect "the event's id is passed on" event_id_for_header "$(sender "$event_id" "$now" "v1,$(signature "msg_1.$now.")")"
expect "the event's id, signed and sent" verified "$(sender "$event_id" "$now" "v1,$(signature "$event_id.$now.")")"
expect "the event's id is signed, by a stranger" unexplained "$(sender msg_1 "$now" "v1,$(signature "$event_id.$now." "$stranger")")"

# The form of the headers
expect "GitHub's form of a signature" header_malformed "$(sender msg_1 "$now" "sha256=$(printf "msg_1.$now." | cat - body | openssl dgst -sha256 -hmac "$key" -r | cut -d' ' -f1)")"
expect "a time in ISO 8601" header_malformed "$(at=$(date -u +%FT%TZ); sender msg_1 "$at" "v1,$(signature "msg_1.$at.")")"
expect "Python's time.time()" header_malformed "$(at=$(python3 -c 'import time; print(time.time())'); sender msg_1 "$at" "v1,$(signature "msg_1.$at.")")"
expect "date +%s.%N" header_malformed "$(at=$(date +%s.%N); sender msg_1 "$at" "v1,$(signature "msg_1.$at.")")"
expect "an id with a dot: a host's name" header_malformed "$(sender msg.example.com "$now" "v1,$(signature "msg.example.com.$now.")")"
expect "which is said to fit" 1 "$(explanation | grep -c 'The signature fits')"
expect "no prefix" header_trimmed "$(sender msg_1 "$now" "$(signature "msg_1.$now.")")"
expect "no prefix, by a stranger" unexplained "$(sender msg_1 "$now" "v1,$(signature "msg_1.$now." "$stranger")")"
expect "no padding" header_trimmed "$(sender msg_1 "$now" "v1,$(signature "msg_1.$now." | tr -d =)")"
sign body
expect "curl sends a header twice" headers_joined "$(post --data-binary body -H "$(head -1 headers)")"
sed 's/^svix-id/webhook-id/' headers >mixed && mv mixed headers
expect "two families" headers_mixed "$(post --data-binary body)"
expect "no header at all" header_missing "$(: >headers; post --data-binary body)"

# The unit of the time
milliseconds=$(node -p 'Date.now()')
expect "Node's Date.now()" timestamp_in_milliseconds "$(sender msg_1 "$milliseconds" "v1,$(signature "msg_1.$milliseconds.")")"
expect "Node's Date.now() in the header alone" timestamp_in_milliseconds "$(sender msg_1 "$milliseconds" "v1,$(signature "msg_1.${milliseconds%???}.")")"
expect "Node's Date.now(), by a stranger: nothing is proved" "timestamp_in_milliseconds unexplained" "$(sender msg_1 "$milliseconds" "v1,$(signature "msg_1.$milliseconds." "$stranger")")"

# Clocks: the sender's, the time zone's, a replay, the receiver's
clock() { # clock OFFSET COMMAND...: with a clock that is wrong by so much
    local offset=$1
    shift
    LD_PRELOAD=$faketime FAKETIME=$offset FAKETIME_DONT_FAKE_MONOTONIC=1 "$@"
}
clock -4m "$cli" sign --body body >headers
expect "4 minutes slow are allowed" verified "$(post --data-binary body)"
clock -10m "$cli" sign --body body >headers
expect "a sender that is 10 minutes slow" clock_wrong "$(post --data-binary body)"
expect_match "by how much is said" '(59|60|61)[0-9] s \((9|10) min [0-9]+ s\) ago' "$(explanation)"
expect "explained where it is told when it came" clock_wrong "$(explained --headers headers --body body --at "$(date +%s)")"
expect "and not judged where it is not" verified "$(explained --headers headers --body body)"
clock +2h "$cli" sign --body body >headers
expect "a sender that is 2 hours fast" clock_wrong "$(post --data-binary body)"
expect_match "by how much is said" 'in the future.*close to 2 hours: is a local time taken for UTC' "$(explanation)"
clock -10m "$cli" --secret-file stranger sign --body body >headers
expect "a forgery from 10 minutes ago: no clock is accused" unexplained "$(post --data-binary body)"
"$cli" sign --body body --at "$(TZ=Asia/Tokyo date -d "$(date -u +'%F %T')" +%s)" >headers
expect "date takes UTC for Japan's time" clock_wrong "$(post --data-binary body)"
expect_match "which is guessed" 'close to 9 hours: is a local time taken for UTC' "$(explanation)"
{ cat body; echo; } >line
clock -10m "$cli" sign --body line >headers
expect "together with another fault" "body_end_changed clock_wrong" "$(post -d line)"
stop_listener

sign body
clock +1h start_listener --json
expect "a receiver that is an hour fast" clock_wrong "$(post --data-binary body)"
expect_match "by how much is said" '1 hour: is a local time taken for UTC' "$(explanation)"
clock +1h "$cli" sign --body body >headers
expect "its own time suits it" verified "$(post --data-binary body)"
finish
