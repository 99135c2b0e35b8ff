#!/usr/bin/env bash
# nginx.sh CLI: headers and bodies as a real proxy changes them.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cli=$1
. "$here/../../lib.sh"
for tool in nginx jq curl; do
    command -v $tool >/dev/null || skip "$tool is missing" "apt-get install nginx-light jq curl"
done
. "$here/lib.sh"
start_listener --json
cat >nginx.conf <<CONF
daemon off; pid $folder/nginx.pid; error_log $folder/error.log;
events {}
http {
    access_log off;
    client_body_temp_path $folder/t1; proxy_temp_path $folder/t2; fastcgi_temp_path $folder/t3; uwsgi_temp_path $folder/t4; scgi_temp_path $folder/t5;
    map \$http_svix_signature \$cut { "~^(?<kept>.*?)=+\$" \$kept; }
    server {
        listen unix:$folder/nginx.sock;
        location /plain { proxy_pass http://127.0.0.1:$port; }
        location /joined { proxy_pass http://127.0.0.1:$port; proxy_set_header svix-id "\$http_svix_id, \$http_svix_id"; }
        location /mixed { proxy_pass http://127.0.0.1:$port; proxy_set_header svix-id ""; proxy_set_header webhook-id \$http_svix_id; }
        location /trimmed { proxy_pass http://127.0.0.1:$port; proxy_set_header svix-signature \$cut; }
        location /milliseconds { proxy_pass http://127.0.0.1:$port; proxy_set_header svix-timestamp "\${http_svix_timestamp}123"; }
        location /missing { proxy_pass http://127.0.0.1:$port; proxy_set_header svix-signature ""; }
        location /empty { proxy_pass http://127.0.0.1:$port; proxy_pass_request_body off; proxy_set_header content-length ""; }
    }
}
CONF
nginx -e "$folder/error.log" -p "$folder" -c "$folder/nginx.conf" &
proxy=$!
trap 'kill $proxy; wait $proxy || true; stop_listener; rm -rf "$folder"' EXIT
until [ -S nginx.sock ]; do kill -0 $proxy; done

printf '{"id":"evt_1","type":"task.completed"}' >body
through() { # through LOCATION: what the listener finds behind it
    local arguments=() header
    while IFS= read -r header; do arguments+=(-H "$header"); done <headers
    curl -s -o answer --unix-socket nginx.sock "${arguments[@]}" --data-binary @body "http://localhost/$1"
    last_heard
}
sign body
expect "a plain proxy" verified "$(through plain)"
expect "a proxy that joins a header" headers_joined "$(through joined)"
expect "a proxy that renames one header" headers_mixed "$(through mixed)"
expect "a proxy that cuts a header" header_trimmed "$(through trimmed)"
expect "a proxy that changes the unit" timestamp_in_milliseconds "$(through milliseconds)"
expect "a proxy that drops a header" header_missing "$(through missing)"
expect "a proxy that passes on no body" body_empty "$(through empty)"
"$cli" --secret-file stranger sign --body body >headers
expect "a forgery through a plain proxy" unexplained "$(through plain)"
expect "of one through the others nothing is proved: joined" "header_malformed unexplained" "$(through joined)"
expect "mixed" header_missing "$(through mixed)"
expect "cut" unexplained "$(through trimmed)"
finish
