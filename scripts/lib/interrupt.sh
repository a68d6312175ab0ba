# shellcheck shell=bash
# Ctrl-C is heard whatever a script waits for. Needs nothing of the other files here.
#
#   interruptible COMMAND...   runs COMMAND, a function, in a process of its own and ends with its exit code. SIGINT and SIGTERM reach it as
#                              one SIGTERM; then the exit code is 130 or 143. COMMAND sets its traps before it makes anything.
#   awaited COMMAND...         in such a function: something long, which a SIGTERM need not wait for. Its pid is $awaited_pid.
#
# bash forgets a SIGINT that comes just when a command it waits for ends by itself, trap or no trap, and takes one for done with
# that the command handled; its wait does neither. In the background SIGINT is ignored.

awaited_pid=

interruptible() {
    local running='' passed='' ended='' code=0
    trap 'interrupt_passed 130' INT
    trap 'interrupt_passed 143' TERM
    interrupt_ignored "$@" <&0 &
    running=$!
    # It may have come before there was anybody to pass it to.
    [ -z "$ended" ] || interrupt_passed "$ended"
    while :; do
        wait "$running" && code=0 || code=$?
        kill -0 "$running" 2>/dev/null || break
    done
    exit "${ended:-$code}"
}

# One that comes before this ends a process that has made nothing yet.
interrupt_ignored() {
    trap '' INT
    "$@"
}

# Once: a second one would meet the first one's cleanup.
interrupt_passed() {
    ended=${ended:-$1}
    [ -n "$running" ] && [ -z "$passed" ] || return 0
    passed=yes
    kill -TERM "$running" 2>/dev/null || true
}

awaited() {
    local code=0
    "$@" <&0 &
    awaited_pid=$!
    wait "$awaited_pid" || code=$?
    awaited_pid=
    return "$code"
}
