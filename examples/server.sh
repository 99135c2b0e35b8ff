# Starts and stops the examples' servers; to be sourced after tests/lib.sh by a script that exits at its end.

folder=$(mktemp -d)
background=() # processes to stop at the end
stop_all() {
    local process
    for process in ${background[@]+"${background[@]}"}; do kill "$process" 2>/dev/null && wait "$process" || true; done
}
trap 'status=$?; end_job; stop_all; rm -rf "$folder"; exit $status' EXIT
exit_on_signals
# What is started ends with the script, even where that is killed (Linux).
ends_with_us=()
! setpriv --pdeathsig TERM true 2>/dev/null || ends_with_us=(setpriv --pdeathsig TERM)

new_secret() { printf 'whsec_%s' "$(head -c 32 /dev/urandom | base64)"; }

server= port= # the process and the port of the last server that was started

# start_server PROGRAM PORT: returns when it listens; 1 if it can't. Its standard error goes to $folder/server.err.
start_server() {
    : >"$folder/server.err"
    PORT=$2 ${ends_with_us[@]+"${ends_with_us[@]}"} "$1" 2>"$folder/server.err" &
    server=$! port=$2
    background+=($server)
    until grep -q '^listening on' "$folder/server.err"; do
        kill -0 $server 2>/dev/null || return 1
        sleep 0.02
    done
}

# start_server_anywhere PROGRAM: the same on a free port.
start_server_anywhere() {
    local attempt
    for attempt in {1..20}; do
        start_server "$1" $((20000 + RANDOM % 12000)) && return 0 # below the ports that the system gives to clients
        grep -q 'in use' "$folder/server.err" || break
    done
    die "the server does not start: $(cat "$folder/server.err")"
}

# stop_server [SIGNAL]: ends the last server as a service manager does; its status must be 0.
stop_server() {
    kill -s "${1:-TERM}" $server
    wait $server || die "the server ended with status $?"
}

# crash_server: ends the last server as a power cut does.
crash_server() {
    kill -s KILL $server
    { wait $server || true; } 2>/dev/null # without the shell's "Killed"
}

# wait_for_line LINE FILE: until the last server has written it.
wait_for_line() {
    until grep -qxF -- "$1" "$2"; do
        kill -0 $server 2>/dev/null || die "the server ended before it wrote '$1': $(cat "$folder/server.err")"
        sleep 0.02
    done
}
