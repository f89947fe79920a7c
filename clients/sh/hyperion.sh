# What a shell script uses that runs under Hyperion: signs of life, events, output, approvals.
#
# For any POSIX shell; it needs one of perl, python3, socat, ncat or a nc with -U and -N to speak to a Unix socket. Use it with:
#     . ./hyperion.sh
#     if hyperion_supervised; then hyperion_heartbeat 40 compiling; fi
# What it speaks is described in docs/tool-developers.md. Each function returns 0 if it was accepted; else it says why on standard error
# and returns 1, or 69 where nobody supervises this process or nothing here speaks to the socket.

# The exit status of a script that cannot wait: it is started again, with HYPERION_RESUME=1, once the decision is there.
HYPERION_EXIT_PARKED=75

# Whether Hyperion supervises this process.
hyperion_supervised() {
    [ -n "${HYPERION_SOCKET:-}" ] && [ -n "${HYPERION_RUN_TOKEN:-}" ]
}

# hyperion_heartbeat [PROGRESS 0-100] [ACTION]
hyperion_heartbeat() {
    _hyperion_params=
    [ -z "${1:-}" ] || _hyperion_params="\"progress\":$1"
    [ -z "${2:-}" ] || _hyperion_params="${_hyperion_params:+$_hyperion_params,}\"action\":$(hyperion_json "$2")"
    hyperion_call heartbeat "$_hyperion_params" >/dev/null
}

# hyperion_event KIND [DATA as JSON]
hyperion_event() {
    hyperion_call event "\"kind\":$(hyperion_json "$1"),\"data\":${2:-null}" >/dev/null
}

# hyperion_log STREAM TEXT
hyperion_log() {
    hyperion_call run.log "\"stream\":$(hyperion_json "$1"),\"data\":$(hyperion_json "$2")" >/dev/null
}

# hyperion_request_approval KEY ACTION SUMMARY RISK [DETAILS as JSON]: prints the approval's id and its status.
hyperion_request_approval() {
    _hyperion_details=${5:-}
    [ -n "$_hyperion_details" ] || _hyperion_details='{}'
    _hyperion_answer=$(hyperion_call approval.request "\"key\":$(hyperion_json "$1"),\"action\":$(hyperion_json "$2"),\"summary\":$(hyperion_json "$3"),\"risk\":$(hyperion_json "$4"),\"details\":$_hyperion_details") || return
    printf '%s %s\n' "$(hyperion_field approval_id "$_hyperion_answer")" "$(hyperion_field status "$_hyperion_answer")"
}

# hyperion_wait APPROVAL_ID SECONDS: prints the status: pending, approved, rejected, expired or cancelled.
hyperion_wait() {
    _hyperion_answer=$(hyperion_call approval.wait "\"approval_id\":$(hyperion_json "$1"),\"timeout_sec\":$2") || return
    hyperion_field status "$_hyperion_answer"
}

# hyperion_decide KEY ACTION SUMMARY RISK [DETAILS as JSON] [SECONDS to wait]: asks, and returns 0 if it is approved, 1 if it is rejected, 76
# if it expired or was cancelled. While nobody has decided, the script ends with HYPERION_EXIT_PARKED: it is started again, with
# HYPERION_RESUME=1, once somebody has, and this call returns then.
hyperion_decide() {
    _hyperion_asked=$(hyperion_request_approval "$1" "$2" "$3" "$4" "${5:-}") || return
    _hyperion_status=${_hyperion_asked#* }
    if [ "$_hyperion_status" = pending ] && [ "${6:-0}" -gt 0 ]; then
        _hyperion_status=$(hyperion_wait "${_hyperion_asked%% *}" "$6") || return
    fi
    case $_hyperion_status in
        approved) return 0 ;;
        pending) exit "$HYPERION_EXIT_PARKED" ;;
        expired | cancelled) return 76 ;;
        *) return 1 ;;
    esac
}

# hyperion_call METHOD PARAMS (the inside of a JSON object): sends one message, prints the answer's line.
hyperion_call() {
    if ! hyperion_supervised; then
        echo "hyperion.sh: nobody supervises this process: HYPERION_SOCKET and HYPERION_RUN_TOKEN are not set" >&2
        return 69
    fi
    _hyperion_token=$(hyperion_json "$HYPERION_RUN_TOKEN")
    _hyperion_line=$(printf '{"jsonrpc":"2.0","id":1,"method":"%s","params":{"token":%s%s}}\n' "$1" "$_hyperion_token" "${2:+,$2}" |
        hyperion_exchange) || return
    case $_hyperion_line in
        *'"result":'*) printf '%s\n' "$_hyperion_line" ;;
        *)
            echo "hyperion.sh: $1: ${_hyperion_line:-the run\'s socket gave no answer}" >&2
            return 1
            ;;
    esac
}

# Sends what is on standard input, prints what comes back. HYPERION_SH_VIA names the program to use.
hyperion_exchange() {
    _hyperion_via=${HYPERION_SH_VIA:-}
    if [ -z "$_hyperion_via" ]; then
        for _hyperion_via in perl python3 socat ncat nc none; do
            case $_hyperion_via in
                none) break ;;
                # Other versions cannot speak to Unix sockets, or never end.
                nc) nc -h 2>&1 | grep -q -e '-[A-Za-z]*N' && nc -h 2>&1 | grep -q -e '-[A-Za-z]*U' && break ;;
                *) command -v "$_hyperion_via" >/dev/null 2>&1 && break ;;
            esac
        done
    fi
    case $_hyperion_via in
        perl)
            perl -MIO::Socket::UNIX -e '
                my $socket = IO::Socket::UNIX->new(Peer => $ENV{HYPERION_SOCKET}) or
                    do { print STDERR "hyperion.sh: $ENV{HYPERION_SOCKET}: $!\n"; exit 1 };
                print $socket do { local $/; <STDIN> };
                $socket->shutdown(1);
                print while <$socket>;'
            ;;
        python3)
            python3 -c '
import os, socket, sys
connection = socket.socket(socket.AF_UNIX)
try:
    connection.connect(os.environ["HYPERION_SOCKET"])
except OSError as error:
    sys.exit("hyperion.sh: %s: %s" % (os.environ["HYPERION_SOCKET"], error))
connection.sendall(sys.stdin.buffer.read())
connection.shutdown(socket.SHUT_WR)
for line in connection.makefile("rb"):
    sys.stdout.buffer.write(line)'
            ;;
        socat) socat -t 3700 - "UNIX-CONNECT:$HYPERION_SOCKET" ;;
        ncat) ncat -U "$HYPERION_SOCKET" ;;
        nc) nc -U -N "$HYPERION_SOCKET" ;;
        *)
            echo "hyperion.sh: nothing here speaks to a Unix socket: install perl, python3, socat or ncat" >&2
            return 69
            ;;
    esac
}

# hyperion_json TEXT: prints it as a JSON string. Control characters other than tabs and line ends are left out.
hyperion_json() {
    printf '%s\n' "$1" | LC_ALL=C tr -d '\000-\010\013-\037\177' | LC_ALL=C awk '
        BEGIN { printf "\"" }
        {
            if (NR > 1) printf "\\n"
            count = length($0)
            for (at = 1; at <= count; at++) {
                letter = substr($0, at, 1)
                if (letter == "\"" || letter == "\\") printf "\\%s", letter
                else if (letter == "\t") printf "\\t"
                else printf "%s", letter
            }
        }
        END { printf "\"" }'
}

# hyperion_field NAME LINE: prints a field of an answer whose value is a text without quotes.
hyperion_field() {
    printf '%s\n' "$2" | sed -n 's/.*"'"$1"'":"\([^"]*\)".*/\1/p'
}
