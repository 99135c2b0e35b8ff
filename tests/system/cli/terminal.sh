#!/usr/bin/env bash
# terminal.sh CLI: the command line in a real terminal: colours, NO_COLOR, pasted deliveries.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cli=$1
. "$here/../../lib.sh"
command -v tmux >/dev/null || skip "tmux is missing" "apt-get install tmux"
. "$here/lib.sh"
socket=$folder/tmux
export PIVOTAL_WEBHOOK_SECRET=whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD TERM=xterm-256color
terminal() { tmux -S "$socket" -f /dev/null "$@"; }
trap 'terminal kill-server 2>/dev/null || true; rm -rf "$folder"' EXIT

printf '{"id":"evt_1","type":"task.completed"}' >"$folder/event.json"
"$cli" sign --body "$folder/event.json" >"$folder/headers"

# screen PATTERN: waits until the terminal shows it, and prints it with its colours.
screen() {
    local deadline=$((SECONDS + 20))
    until grep -q "$1" <<<"$(terminal capture-pane -p -J -t t)"; do
        [ $SECONDS -lt $deadline ] || { terminal capture-pane -p -J -t t; return 1; }
    done
    terminal capture-pane -e -p -J -t t
}

terminal new-session -d -s t -x 200 -y 50 "env PS1='$ ' bash --norc"
terminal send-keys -t t "'$cli' verify --headers '$folder/headers' --body '$folder/event.json'; echo status \$?" Enter
expect_match "valid is green in a terminal" $'\e\\[32mvalid' "$(screen 'status 0')"
terminal send-keys -t t "clear; NO_COLOR=1 '$cli' verify --headers '$folder/headers' --body '$folder/event.json'; echo status \$?" Enter
screen 'valid: task.completed' >/dev/null
expect "no colour with NO_COLOR" "" "$(screen 'status 0' | grep $'\e\\[32m' || true)"
terminal send-keys -t t "clear; '$cli' explain; echo status \$?" Enter
screen 'Paste the headers' >/dev/null
{ cat "$folder/headers"; echo; cat "$folder/event.json"; echo; } | terminal load-buffer -
terminal paste-buffer -t t
terminal send-keys -t t C-d
expect_match "a pasted delivery is explained" verified "$(screen 'status 0')"
terminal send-keys -t t "clear; '$cli' sign; echo status \$?" Enter
screen 'Type the body' >/dev/null
terminal send-keys -t t '{}' C-d C-d
expect_match "a typed body is signed" 'svix-signature: v1,' "$(screen 'status 0')"

# listen: green where it verifies, red and yellow where it does not; nothing of it with NO_COLOR.
# listens NAME [VARIABLE=VALUE]: starts it in a terminal, sends it a good and a bad delivery, prints its screen.
listens() {
    local port=
    : >"$folder/$1.err"
    terminal send-keys -t t "clear; env ${2:-} '$cli' listen --port 0 2>'$folder/$1.err'; echo ended $1 \$?" Enter
    local deadline=$((SECONDS + 20))
    until [ -n "$port" ]; do
        [ $SECONDS -lt $deadline ] || { cat "$folder/$1.err"; return 1; }
        port=$(sed -n 's|^listening on http://127.0.0.1:\([0-9]*\)/.*|\1|p' "$folder/$1.err")
    done
    "$cli" send "http://127.0.0.1:$port/" >/dev/null
    "$cli" send "http://127.0.0.1:$port/" --wrong-secret >/dev/null
    terminal send-keys -t t C-c
    screen "ended $1 0"
}
shown=$(listens coloured)
expect_match "listen: verified is green in a terminal" $'\e\\[32mverified' "$shown"
expect_match "listen: a refusal is red" $'\e\\[31msignature mismatch' "$shown"
expect_match "listen: what it claims to be" 'claims to be, unverified: customer.created  evt_test_' "$shown"
expect_match "listen: a finding is yellow" $'\e\\[33munexplained' "$shown"
shown=$(listens plain NO_COLOR=1)
expect_match "listen: it says the same with NO_COLOR" 'verified' "$shown"
expect "listen: no colour with NO_COLOR" "" "$(grep -E $'\e\\[3[123]m' <<<"$shown" || true)"
expect "no colour by pipe" "" "$("$cli" verify --headers "$folder/headers" --body "$folder/event.json" | grep $'\e' || true)"

if command -v zsh >/dev/null; then
    "$cli" completion zsh >"$folder/completion.zsh"
    terminal new-session -d -s z -x 200 -y 50 "env HOME='$folder' PS1='%# ' zsh -f"
    # completes TYPED WANTED: what zsh makes of it
    completes() {
        terminal send-keys -t z C-u "$1" Tab
        local deadline=$((SECONDS + 20))
        until grep -qe "$2" <<<"$(terminal capture-pane -p -J -t z)"; do
            [ $SECONDS -lt $deadline ] || { terminal capture-pane -p -J -t z; return 1; }
        done
    }
    terminal send-keys -t z "autoload -U compinit; compinit -u; source '$folder/completion.zsh'; echo read" y Enter
    until grep -q '^ready' <<<"$(terminal capture-pane -p -J -t z)"; do :; done
    completes 'pivotal-webhook lis' 'pivotal-webhook listen '
    completes 'pivotal-webhook send --wr' 'send --wrong-secret '
    completes 'pivotal-webhook send --event onboarding.comp' '--event onboarding.completed '
    completes 'pivotal-webhook completion z' 'completion zsh '
    completes 'pivotal-webhook listen --po' '--port'
    completes 'pivotal-webhook listen --' '0 takes any free one' # the descriptions
else
    echo "not tested in zsh, which is missing (apt-get install zsh)"
fi
finish
