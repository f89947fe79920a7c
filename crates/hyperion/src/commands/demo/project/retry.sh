#!/bin/sh
# retry.sh COMMAND...: runs a command until it works, waiting longer after every try.
set -eu

here=$(dirname "$0")
. "${RETRY_LIMITS:-$here/limits.conf}"

delay_sec=$first_delay_sec
try=1
until "$@"; do
    if [ "$try" -ge "$tries_max" ]; then
        echo "retry: gave up after $try tries" >&2
        exit 1
    fi
    sleep "$delay_sec"
    delay_sec=$((delay_sec * 2))
    try=$((try + 1))
done
