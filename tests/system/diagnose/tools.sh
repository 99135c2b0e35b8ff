#!/usr/bin/env bash
# tools.sh CLI: bodies that are changed with the tools that change them in practice, and what the diagnosis says.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cli=$1
. "$here/../../lib.sh"
for tool in node python3 php jq gzip curl unix2dos iconv; do
    command -v $tool >/dev/null || skip "$tool is missing" "apt-get install nodejs python3 php-cli jq gzip curl dos2unix libc-bin"
done
. "$here/lib.sh"

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

# PHP escapes / and what is not ASCII; each by a flag of its own.
for flags in 0 JSON_UNESCAPED_UNICODE JSON_UNESCAPED_SLASHES 'JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_PRETTY_PRINT'; do
    php -r "echo json_encode(json_decode(file_get_contents('body')), $flags);" >php
    finds "json_encode with $flags was signed" body_reserialized php body
    finds "json_encode with $flags arrives" body_reserialized body php
done

# The order of Pivotal's documentation is known, so that of its events sorted keys can be undone.
for event in "$here"/../../../examples/events/{customer.at_risk,onboarding.phase_changed,task.completed}.json; do
    jq -cj . "$event" >documented
    jq -cSj . "$event" >sorted
    finds "$(basename "$event") arrives with its keys sorted" body_reserialized documented sorted
done

# Encodings
python3 -c "open('latin', 'wb').write(open('body', encoding='utf-8').read().replace('🎉', '').encode('latin-1')); open('utf', 'wb').write(open('latin', encoding='latin-1').read().encode())"
finds "UTF-8 that was encoded as Latin-1" body_charset utf latin
finds "Latin-1 that was encoded as UTF-8" body_charset latin utf
iconv -f UTF-8 -t CP1252 utf >narrow
finds "iconv from UTF-8 to Windows-1252" body_charset utf narrow
iconv -f CP1252 -t UTF-8 utf >twice
finds "iconv to UTF-8 of what is UTF-8" body_charset utf twice

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
{ cat body; echo; } >line
expect "curl --data-binary @file" verified "$(sign line; post --data-binary line)"
expect "curl -d @file" body_end_changed "$(sign line; post -d line)"
expect "curl -d @file of several lines" "body_reserialized body_end_changed" "$(sign pretty; post -d pretty)"
stop_listener

# gzip
gzip -nc body >gz
finds "gzip arrives" body_still_gzip body gz
python3 -c "import gzip; open('pygz', 'wb').write(gzip.compress(open('body', 'rb').read(), mtime=0))"
finds "gzip arrives decompressed" body_was_gunzipped pygz body
start_listener --json
sign body
expect "curl sends what gzip made of it" body_still_gzip "$(post --data-binary gz)"
sign gz
expect "signed as gzip, and not announced as that: it is no event, and nothing else" "malformed event" "$(post --data-binary gz)"
expect "announced: as it was sent all the same" "malformed event" "$(post --data-binary gz -H 'content-encoding: gzip')"
"$cli" --secret-file stranger sign --body body >headers
expect "gzip, forged" unexplained "$(post --data-binary body)"
stop_listener

# Base64, as API Gateway hands a body to Lambda, and a JSON string
base64 -w0 body >b64
finds "base64 -w0 arrives" body_base64 body b64
base64 body >b64
finds "base64, in lines, arrives" body_base64 body b64
python3 -c "import base64; open('b64', 'wb').write(base64.b64encode(open('body', 'rb').read()))"
finds "Python's b64encode was signed" body_base64 b64 body
jq -Rsj @json body >string
finds "jq -Rs arrives" body_json_string body string
node -e 'process.stdout.write(JSON.stringify(require("fs").readFileSync(0, "utf8")))' <body >string
finds "JSON.stringify of the text arrives" body_json_string body string
finds "JSON.stringify of the text was signed" body_json_string string body
python3 -c "import json; open('string', 'w').write(json.dumps(open('body', encoding='utf-8').read()))"
finds "json.dumps of the text was signed" body_json_string string body

# Truncated
python3 -c "open('long', 'w').write('{\"a\":\"' + 'x' * 100000 + '\"}')"
for size in 1024 1234 65536; do
    head -c $size long >cut
    finds "cut at $size bytes" body_truncated long cut
done

# An empty body
sign body
: >nothing
finds "nothing arrives" body_empty body nothing
finish
