#!/usr/bin/env bash
# inbox.sh CLI sqlite|postgres FILL: an operator's commands over an inbox that FILL has filled, and the session that
# examples/README.md shows.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
examples=$here/../../../examples
cli=$1 kind=$2 fill=$3
. "$here/../../lib.sh"
[ -x "$fill" ] || skip "$kind's library is missing" "apt-get install libsqlite3-dev libpq-dev, and build again"
initdb=$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -1 || command -v initdb || true)
[ $kind = sqlite ] || [ -n "$initdb" ] || skip "PostgreSQL's server is missing" "apt-get install postgresql"
. "$here/lib.sh"
cd "$folder"

address=$folder/inbox.db
server=
if [ $kind = postgres ]; then
    as_user=()
    if [ "$(id -u)" = 0 ]; then # as whom it refuses to run
        as_user=(runuser -u postgres --)
        chmod 755 "$folder"
        mkdir -m 777 pg
    else
        mkdir pg
    fi
    "${as_user[@]}" "$initdb" -D "$folder/pg/data" -U pivotal -A trust -E UTF8 --locale=C --no-sync >initdb.log
    cd pg # which the server's user may enter
    "${as_user[@]}" "${initdb%/initdb}/postgres" -D "$folder/pg/data" -k "$folder/pg" -c listen_addresses= -c fsync=off >../server.log 2>&1 &
    server=$!
    cd ..
    trap '"${as_user[@]}" "${initdb%/initdb}/pg_ctl" -D "$folder/pg/data" -m immediate stop >/dev/null; rm -rf "$folder"' EXIT
    until "${initdb%/initdb}/pg_isready" -q -h "$folder/pg"; do kill -0 $server; done
    address="host=$folder/pg dbname=postgres user=pivotal"
fi
# inbox COMMAND ARGUMENT...: of the command line; its exit status
inbox() { status "$cli" inbox "$1" "--$kind" "$address" "${@:2}"; }

expect "an inbox that is not there" 2 "$(inbox stats)"
expect_match "is no empty one" 'there is no file|pivotal_inbox' "$(cat err)"
expect "and none is made" "" "$(ls inbox.db 2>/dev/null || true)"
"$fill" "$address"
expect "stats" 0 "$(inbox stats --json)"
expect_match "in JSON" '^[{]"ready":2,"retrying":1,"running":1,"dead":1,"oldest_ready_ms":[0-9]+,"longest_running_ms":[0-9]+,"longest_running_id":"evt_4"[}]$' "$(cat out)"
expect "nothing is so old" 0 "$(inbox stats --max-age 30d)"
expect "but it is older than that" 1 "$(inbox stats --max-age 0s)"
expect_match "which is said" 'has waited for [0-9]+ s' "$(cat err)"
expect "another consumer's has nothing" '{"ready":0,"retrying":0,"running":0,"dead":0,"oldest_ready_ms":0,"longest_running_ms":0,"longest_running_id":""}' \
    "$(inbox stats --json --consumer other >/dev/null; cat out)"
expect "and nothing that is old" 0 "$(inbox stats --consumer other --max-age 0s)"
expect "dead, in JSON" 0 "$(inbox dead --json)"
expect "is a line for each" '"customer.created","id":"evt_2","message_id":"msg_of_evt_2","attempts":1,"error":"no such customer"}' "$(sed 's/.*"type"://' out)"
expect "what is done dropped its body" 2 "$(inbox requeue evt_1)"
expect_match "which is said" 'body' "$(cat err)"
expect "what runs is not requeued" 1 "$(inbox requeue evt_4 --json)"
expect "which is said" '{"id":"evt_4","changed":false}' "$(cat out)"
expect "what waits for a retry is, and the rest is told" 1 "$(inbox requeue evt_3 evt_none)"
expect "one by one" "evt_3 is due now|evt_none: there is none, or it is running" "$(paste -sd '|' out)"
expect "forget of what is not there" 1 "$(inbox forget evt_none)"
expect "nothing died so long ago" '{"purged":0}' "$(inbox purge --older-than 30d --json >/dev/null; cat out)"
for wrong in 30 d 1w -1d 1.5h 1000000d; do expect "no duration: $wrong" 2 "$(inbox purge "--older-than=$wrong")"; done
expect "a purge of everything must be asked for" 2 "$(inbox purge)"
expect "no inbox" 2 "$(status "$cli" inbox stats)"
expect_match "which is said" 'give --sqlite FILE, or --postgres' "$(cat err)"
expect "two inboxes" 2 "$(inbox stats --sqlite x --postgres y)"
expect "no command" 2 "$(status "$cli" inbox)"
expect "a command that is meant" 2 "$(inbox stat)"
expect_match "is named" "there is no command 'stat'; did you mean 'stats'" "$(cat err)"
expect "a database that cannot answer" 2 "$(status "$cli" inbox stats "--$kind" "$([ $kind = sqlite ] && echo "$folder/out" || echo host=/nowhere)")"
expect "the schema" "$(cat "$examples/inbox/schema.$kind.sql")" "$("$cli" inbox schema --$kind)"
expect "of neither" 2 "$(status "$cli" inbox schema)"
[ $kind = sqlite ] || for secret in 'host=x password=hunter2' postgres://user:hunter2@host/events; do
    expect "a password as an argument" 2 "$(status "$cli" inbox stats --postgres "$secret")"
    expect_match "what to do is said" 'PGPASSWORD' "$(cat err)"
    expect "and it is not repeated" "" "$(grep hunter2 err out || true)"
done

# ---- The session of examples/README.md: as it is printed, but for the times ----

"$cli" inbox forget "--$kind" "$address" evt_1 evt_2 evt_3 evt_4 evt_5 evt_6 >/dev/null
"$fill" "$address"
here_too="--$kind '$address'" # instead of the page's inbox
mkdir bin && ln -s "$cli" bin/pivotal-webhook
while IFS= read -r example; do
    case $example in *" schema "*) example=${example/--postgres/--$kind} ;; esac
    expect "example: $example" 0 "$(PATH=$folder/bin:$PATH status bash -c "${example//--sqlite inbox.db/$here_too}")"
done < <("$cli" inbox --help | sed -n '/^Examples:/,$ { s/^  //p }')
sed -n '/^```console$/,/^```$/p' "$examples/README.md" | grep -v '^```' >shown
without_times() { sed -E 's/[0-9]{4}-[0-9-]+T[0-9:]+Z/TIME/; s/ for [0-9]+ (s|min|h|d)/ for SOME TIME/'; }
sed -n 's/^\$ //p' shown | while IFS= read -r command; do
    printf '$ %s\n' "$command"
    PATH=$folder/bin:$PATH bash -c "${command//--sqlite inbox.db/$here_too}" </dev/null 2>&1 || true
done >printed
expect "the page has a session" 1 $(($(grep -c '^\$ ' shown) >= 5))
expect "which is what is printed" "$(without_times <shown)" "$(without_times <printed)"
finish
