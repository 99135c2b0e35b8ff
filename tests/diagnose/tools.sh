#!/usr/bin/env bash
# tools.sh CLI: faults that are made with the tools that make them in practice, and what the diagnosis says.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cli=$1
. "$here/../lib.sh"
for tool in node python3 jq gzip curl unix2dos openssl; do
    command -v $tool >/dev/null || skip "$tool is missing" "apt-get install nodejs python3 jq gzip curl dos2unix openssl"
done
. "$here/../cli/lib.sh"
export PIVOTAL_WEBHOOK_SECRET=whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD
cd "$folder"

# finds WHAT FINDINGS SIGNED ARRIVES: signs one file and explains the other.
finds() {
    "$cli" sign --body "$3" >headers
    local found
    found=$("$cli" explain --json --headers headers --body "$4" | jq -r '[.[].finding] | join(" ")' || true)
    expect "$1" "$2" "$found"
}

printf '%s' '{"id":"evt_1","type":"customer.created","url":"https://a.example/b","data":{"object":{"name":"Zoë 🎉","health_score":41,"tags":["x","y"],"none":{}}}}' >body
to_json() { node -e "$1" <body; }
read_stdin='const b = JSON.parse(require("fs").readFileSync(0));'

finds "a healthy delivery" verified body body
sed 's/41/42/' body >forged
finds "a changed value" unexplained body forged

# JavaScript
for indent in 2 3 4 '"\t"'; do
    to_json "$read_stdin process.stdout.write(JSON.stringify(b, null, $indent))" >js
    finds "JSON.stringify with indent $indent arrives" body_reserialized body js
    finds "JSON.stringify with indent $indent was signed" body_reserialized js body
done
to_json "$read_stdin process.stdout.write(JSON.stringify(b))" >js
finds "JSON.stringify alone changes nothing here" verified body js
sed 's/41/41.0/' body >decimal
node -e "$read_stdin process.stdout.write(JSON.stringify(b))" <decimal >js
finds "JSON.stringify writes 41.0 as 41" body_reserialized decimal js

# Python
for arguments in '' 'ensure_ascii=False' 'sort_keys=True' 'indent=2' 'indent=4, ensure_ascii=False' 'separators=(",", ":")' 'indent="\t", sort_keys=True'; do
    python3 -c "import json, sys; sys.stdout.write(json.dumps(json.load(open('body', encoding='utf-8')), $arguments))" >py
    finds "json.dumps($arguments) was signed" body_reserialized py body
    case $arguments in *sort_keys*) continue ;; esac # what is sorted has lost its order
    finds "json.dumps($arguments) arrives" body_reserialized body py
done
python3 -c "open('latin', 'wb').write(open('body', encoding='utf-8').read().replace('🎉', '').encode('latin-1')); open('utf', 'wb').write(open('latin', encoding='latin-1').read().encode())"
finds "UTF-8 that was encoded as Latin-1" body_charset utf latin
finds "Latin-1 that was encoded as UTF-8" body_charset latin utf

# jq, and the newline behind it
jq . body >pretty
finds "jq . was signed" "body_reserialized body_end_changed" pretty body
finds "jq . arrives" "body_reserialized body_end_changed" body pretty
jq -cS . body >sorted
finds "jq -cS was signed" "body_reserialized body_end_changed" sorted body
jq -ca . body | tr -d '\n' >ascii
finds "jq -a arrives" body_reserialized body ascii

# Line ends
unix2dos -q -n pretty dos
finds "unix2dos" body_line_ends pretty dos
finds "dos2unix" body_line_ends dos pretty
unix2dos -q -m -n body mark
finds "a byte order mark" body_start_changed body mark

# curl -d takes the newlines off a file, as the listener sees.
start_listener --json
post() { # post DATA-ARGUMENT BODY: what the listener finds
    local arguments=()
    "$cli" sign --body "$2" >headers
    while IFS= read -r header; do arguments+=(-H "$header"); done <headers
    curl -s -o /dev/null "${arguments[@]}" "$1" "@$2" "http://127.0.0.1:$port/"
    tail -1 listen.out | jq -r 'if .verified then "verified" else [.findings[]?.finding] | join(" ") end'
}
{ cat body; echo; } >line
expect "curl --data-binary @file" verified "$(post --data-binary line)"
expect "curl -d @file" body_end_changed "$(post -d line)"
expect "curl -d @file of several lines" "body_reserialized body_end_changed" "$(post -d pretty)"
stop_listener

# gzip
gzip -nc body >gz
finds "gzip arrives" body_still_gzip body gz
python3 -c "import gzip; open('pygz', 'wb').write(gzip.compress(open('body', 'rb').read(), mtime=0))"
finds "gzip arrives decompressed" body_was_gunzipped pygz body

# Truncated
python3 -c "open('long', 'w').write('{\"a\":\"' + 'x' * 100000 + '\"}')"
for size in 1024 4096 10240 65536; do
    head -c $size long >cut
    finds "cut at $size bytes" body_truncated long cut
done

# The secret
hmac() { # hmac KEY: the signature of the body under a key that is text
    printf 'msg_1.%s.' "$1" | cat - body | openssl dgst -sha256 -hmac "$2" -binary | base64
}
now=$(date +%s)
printf 'svix-id: msg_1\nsvix-timestamp: %s\nsvix-signature: v1,%s\n' "$now" "$(hmac "$now" "$PIVOTAL_WEBHOOK_SECRET")" >headers
expect "the text of the secret is the key" secret_used_as_text "$("$cli" explain --json --headers headers --body body | jq -r '.[].finding')"
"$cli" sign --body body >headers
quoted() { PIVOTAL_WEBHOOK_SECRET=$1 "$cli" explain --json --headers headers --body body | jq -r '.[].finding' || true; }
expect "quotes" secret_quoted "$(quoted "\"$PIVOTAL_WEBHOOK_SECRET\"")"
expect "v1, in front" secret_with_version "$(quoted "v1,$PIVOTAL_WEBHOOK_SECRET")"
expect "another of those given" secret_is_another "$(quoted "$("$cli" secret) $PIVOTAL_WEBHOOK_SECRET")"
finish
