#!/usr/bin/env bash
# secrets.sh CLI: secrets as the usual tools spoil them, and senders that use one wrongly.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cli=$1
. "$here/../../lib.sh"
for tool in node python3 jq openssl basenc iconv unix2dos; do
    command -v $tool >/dev/null || skip "$tool is missing" "apt-get install nodejs python3 jq openssl coreutils libc-bin dos2unix"
done
. "$here/lib.sh"

printf '{"id":"evt_1","type":"task.completed"}' >body
sign body
no_fault body

# with WHAT FINDINGS FILE: what is found with the secrets in a file
with() { expect "$1" "$2" "$(explained --secret-file "$3" --headers headers --body body)"; }
# mended: the findings are proved
mended() {
    "$cli" explain --secret-file "$1" --headers headers --body body | grep -c 'the key is the right one' || true
}

# Kept in JSON, in a .env file, on Windows
printf '%s' "$PIVOTAL_WEBHOOK_SECRET" | jq -Rs '{secret: .}' >secrets.json
jq -r .secret secrets.json >file
with "jq -r" verified file
jq .secret secrets.json >file
with "jq without -r keeps the quotes" secret_quoted file
expect "which is proved" 1 "$(mended file)"
printf "PIVOTAL_WEBHOOK_SECRET='%s'\n" "$PIVOTAL_WEBHOOK_SECRET" >.env
cut -d= -f2- .env >file
with "cut of a .env file keeps the quotes" secret_quoted file
grep PIVOTAL .env | tr -d "'" >file
with "grep of a .env file keeps the name" secret_malformed file
expect "which is proved" 1 "$(mended file)"
printf '%s' "$PIVOTAL_WEBHOOK_SECRET" >plain
unix2dos -q -m -n plain file
with "a byte order mark" secret_malformed file
expect "which is proved" 1 "$(mended file)"
printf '%s\n' "$PIVOTAL_WEBHOOK_SECRET" | unix2dos -q >file
with "CRLF is only white space" verified file
iconv -f UTF-8 -t UTF-16 plain >file
with "UTF-16, as PowerShell's > writes" secret_malformed file

# Cut, decoded or encoded otherwise
cut -c1-30 plain >file
with "the beginning" secret_malformed file
jq -Rr '"v1," + .' plain >file
with "v1, in front" secret_with_version file
expect "which is proved" 1 "$(mended file)"
cut -c7- plain | base64 -d >decoded
with "of too few bytes" secret_malformed <(head -c 12 decoded | basenc --base16 | sed 's/^/whsec_/')
printf 'whsec_%s\n' "$(openssl rand -base64 72 | head -c 88)" >file # broken into two lines by openssl
with "openssl rand -base64 of 72 bytes" "secret_malformed unexplained" file
expect "the second line is suspected" 1 "$("$cli" explain --secret-file file --headers headers --body body | grep -c 'broken into two lines')"
printf '\373\357\276\377\377\377 as long as a key has to be' >key # its base64 has + and /
printf 'whsec_%s' "$(basenc -w0 --base64 key)" >standard
export -n PIVOTAL_WEBHOOK_SECRET
"$cli" --secret-file standard sign --body body >headers
printf 'whsec_%s' "$(basenc -w0 --base64url key)" >file
with "basenc --base64url" secret_url_safe file
expect "which is proved" 1 "$(mended file)"
node -p '"whsec_" + require("fs").readFileSync("key").toString("base64url")' >file
with "Node's base64url" secret_url_safe file
python3 -c 'import base64; print("whsec_" + base64.urlsafe_b64encode(open("key", "rb").read()).decode())' >file
with "Python's urlsafe_b64encode" secret_url_safe file
with "in standard form" verified standard
"$cli" --secret-file stranger sign --body body >headers
with "url-safe, and of another" "secret_url_safe unexplained" file
with "nothing is said of base64 in standard form" unexplained standard
export PIVOTAL_WEBHOOK_SECRET

# Another than the first: of the test endpoint, or before a rotation
"$cli" secret >new
sign body
{ cat new; echo; cat plain; } >file
with "two secrets, and the second signs" secret_is_another file
{ cat plain; echo; cat new; } >file
with "two secrets, and the first signs" verified file
"$cli" --secret-file stranger sign --body body >headers
with "two secrets, and neither signs" unexplained file
sign body
cat plain new >file
with "two secrets without a newline between them" secret_malformed file

# The text of the secret is the sender's key.
now=$(date +%s)
as_sent() { # as_sent SIGNATURE: the headers of a sender of its own
    printf 'svix-id: msg_1\nsvix-timestamp: %s\nsvix-signature: v1,%s\n' "$now" "$1" >headers
}
content() { printf 'msg_1.%s.' "$now" | cat - body; }
for secret in "$PIVOTAL_WEBHOOK_SECRET" "${PIVOTAL_WEBHOOK_SECRET#whsec_}"; do
    as_sent "$(content | openssl dgst -sha256 -hmac "$secret" -binary | base64)"
    with "openssl dgst -hmac" secret_used_as_text plain
    as_sent "$(content | SECRET=$secret node -e 'const c = require("crypto"), f = require("fs");
        console.log(c.createHmac("sha256", process.env.SECRET).update(f.readFileSync(0)).digest("base64"))')"
    with "Node's createHmac" secret_used_as_text plain
    as_sent "$(content | SECRET=$secret python3 -c 'import base64, hashlib, hmac, os, sys
print(base64.b64encode(hmac.new(os.environ["SECRET"].encode(), sys.stdin.buffer.read(), hashlib.sha256).digest()).decode())')"
    with "Python's hmac" secret_used_as_text plain
done
as_sent "$(content | SECRET=$PIVOTAL_WEBHOOK_SECRET node -e 'const c = require("crypto"), f = require("fs");
    const key = Buffer.from(process.env.SECRET, "base64"); // skips _ and decodes whsec as well
    console.log(c.createHmac("sha256", key).update(f.readFileSync(0)).digest("base64"))')"
with "Node decodes whsec_ together with the rest" secret_used_as_text plain
as_sent "$(content | openssl dgst -sha256 -mac hmac -macopt "hexkey:$(cut -c7- plain | base64 -d | basenc -w0 --base16)" -binary | base64)"
with "openssl with the right key" verified plain
as_sent "$(content | openssl dgst -sha256 -hmac "$(cat stranger)" -binary | base64)"
with "the text of another" unexplained plain

# OpenSSL without its default provider, which the configuration leaves out
if [[ $(openssl version) == 'OpenSSL 3'* ]]; then
    printf 'openssl_conf = init\n[init]\nproviders = list\n[list]\nnull = active\n[active]\nactivate = 1\n' >no-provider.cnf
    sign body
    expect "OpenSSL cannot compute" crypto_failure "$(OPENSSL_CONF=$folder/no-provider.cnf explained --headers headers --body body)"
fi
finish
