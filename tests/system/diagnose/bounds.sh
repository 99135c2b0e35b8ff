#!/usr/bin/env bash
# bounds.sh CLI: what is hostile is diagnosed within bounds of memory and time.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cli=$1
. "$here/../../lib.sh"
for tool in python3 jq gzip; do
    command -v $tool >/dev/null || skip "$tool is missing" "apt-get install python3 jq gzip"
done
. "$here/lib.sh"

python3 - <<'PYTHON'
import base64, os

mib = 1 << 20
files = {
    'brackets': '[' * mib,
    'braces': '{"a":' * (mib // 5),
    'nested': '[' * (mib // 2) + ']' * (mib // 2),
    'indented': '[ ' + '[' * 510 + ','.join(['1'] * 520000) + ']' * 511,  # gigabytes, with 512 levels of indentation
    'keys': '{' + ','.join(f'"{i}":{i}' for i in range(70000)) + '}',
    'equal-keys': '{' + ','.join(['"a":1'] * 170000) + '}',
    'objects': '[' + ','.join(['{}'] * (mib // 3 - 2)) + ']',
    'numbers': '[' + ','.join(['1e308'] * (mib // 6 - 2)) + ']',
    'digits': '[' + '9' * (mib - 2) + ']',
    'escapes': '"' + '\\u0001' * (mib // 6 - 1) + '"',
    'newlines': '\n' * mib,
    'nuls': '\0' * mib,
}
for name, text in files.items():
    assert len(text) <= mib, name
    open(name, 'w').write(text)
secret = lambda: 'whsec_' + base64.b64encode(os.urandom(32)).decode()
signature = lambda: 'v1,' + base64.b64encode(os.urandom(32)).decode()
open('secrets', 'w').write('\n'.join(secret() for _ in range(5000)))
open('long-secret', 'w').write('whsec_' + 'A' * 5_000_000)
open('many', 'w').write(''.join(
    f'svix-id: msg_{i}\nsvix-timestamp: {1795601667 + i}\nsvix-signature: {" ".join(signature() for _ in range(150))}\n'
    f'webhook-id: msg_{i}\nwebhook-timestamp: {i + 1}\nwebhook-signature: {signature()}\n' for i in range(500)))
open('long', 'w').write(
    'svix-id: ' + 'm,' * mib + '\nsvix-timestamp: ' + '1' * mib + '\nsvix-signature: ' + 'v1,' * mib + '\n')
PYTHON
head -c 200000000 /dev/zero | gzip -9 >bomb
printf '{"id":"evt_1","type":"task.completed"}' >body
"$cli" --secret-file stranger sign --body body >headers

# bounded WHAT PATTERN ARGUMENT...: `explain` ends within 256 MiB and 30 s of processor time, and with such findings
bounded() {
    local what=$1 pattern=$2
    shift 2
    expect_match "$what" "^($pattern)\$" "$(ulimit -v 262144 -t 30 && "$cli" explain --json "$@" 2>&1 |
        jq -r '[.[].finding] | unique | join(" ")' || true)"
}
for body in brackets braces nested indented keys equal-keys objects numbers digits escapes newlines nuls bomb; do
    bounded "$body" 'unexplained|body_truncated' --headers headers --body $body
done
bounded "5,000 secrets" unexplained --secret-file secrets --headers headers --body body
bounded "5,000 secrets, and a large body" unexplained --secret-file secrets --headers headers --body keys
bounded "a secret of 5 MB" secret_malformed --secret-file long-secret --headers headers --body body
bounded "many headers" 'header_malformed unexplained' --headers many --body keys
bounded "many headers and secrets" 'header_malformed unexplained' --secret-file secrets --headers many --body indented
bounded "headers of 1 MiB" header_malformed --headers long --body keys
finish
