#!/bin/sh
# Runs every test; says which one failed.
set -eu

cd "$(dirname "$0")/.."
RETRY_LIMITS=tests/limits.conf
export RETRY_LIMITS

fail() {
    echo "FAILED: $1"
    exit 1
}

sh retry.sh true || fail "a command that works is run once"
if sh retry.sh false 2>/dev/null; then
    fail "a command that never works ends in an error"
fi
for test in tests/*_test.sh; do
    [ ! -e "$test" ] || sh "$test" || fail "$test"
done
echo "all tests passed"
