# shellcheck shell=bash disable=SC2034,SC2154 # what common.sh, scripts/demo and callers define and read
# How scripts/demo speaks and waits.

demo_use_color() {
    [ "$color" = yes ] || { bold='' dim='' red='' green='' plain=''; return 0; }
    bold=$'\033[1m' dim=$'\033[2m' red=$'\033[31m' green=$'\033[32m' plain=$'\033[0m'
}

demo_begun=$SECONDS
demo_stamp() { printf '[%d:%02d]' $(((SECONDS - demo_begun) / 60)) $(((SECONDS - demo_begun) % 60)); }
demo_clear() { [ ! -t 1 ] || printf '\r\033[K'; }
title() { demo_clear; printf '\n%s%s %s%s\n' "$bold" "$(demo_stamp)" "$*" "$plain"; }
tell() { demo_clear; printf '  %s\n' "$*"; }
good() { demo_clear; printf '  %s✓ %s%s\n' "$green" "$*" "$plain"; }
bad() { demo_clear; printf '  %s✗ %s%s\n' "$red" "$*" "$plain"; }
# What a person could type to do the same.
typed() { demo_clear; printf '  %s$ %s%s\n' "$dim" "$*" "$plain"; }

# demo_count FILE PATTERN: how many lines match.
demo_count() { local count; count=$(grep -c -a -e "$2" "$1" 2>/dev/null) || true; echo "${count:-0}"; }

# The state of the client, as its status file has it: acknowledged, waiting ms, longest wait of this episode in ms.
client_state() { read -r acknowledged waiting_ms longest_ms 2>/dev/null <"$work/status" || acknowledged=0 waiting_ms=0 longest_ms=0; }
demo_next_beat=0
demo_beat() {
    [ -e "$work/status" ] || return 0
    client_state
    if [ -t 1 ]; then
        printf '\r\033[K  client: %d transactions acknowledged on one connection, longest wait now %d ms ' "$acknowledged" "$longest_ms"
    elif [ $SECONDS -ge $demo_next_beat ]; then
        printf '  client: %d transactions acknowledged on one connection, longest wait now %d ms\n' "$acknowledged" "$longest_ms"
        demo_next_beat=$((SECONDS + 5))
    fi
}

# demo_until SECONDS WHAT COMMAND...: waits for a condition, showing the client on the way. A demo whose parts do not come ends.
demo_until() {
    local until=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        if [ -n "$client_pid" ] && ! kill -0 "$client_pid" 2>/dev/null; then
            bad "the client has ended: $(grep -e '^broken' "$work/client.out" | cut -d ' ' -f 2-)"
            return 1
        fi
        if [ $SECONDS -gt $until ]; then
            bad "this did not come within its time: $what"
            return 1
        fi
        demo_beat
        sleep 0.1
    done
    demo_clear
}

demo_watch() { # SECONDS: lets the client work
    local until=$((SECONDS + $1))
    demo_until $(($1 + 60)) "some seconds" demo_past "$until"
}
demo_past() { [ $SECONDS -ge "$1" ]; }

has_lines() { [ "$(demo_count "$1" "$2")" -ge "$3" ]; } # FILE PATTERN COUNT
client_has_done() { client_state; [ "$acknowledged" -ge "$1" ]; }

leader='' # a or b: whom the arbiter let boot the machine, then whoever took over
other() { if [ "$1" = a ]; then echo b; else echo a; fi; }
node_log() { if [ -n "$lab" ]; then printf '%s/log/%s.log' "$lab" "$1"; else printf '%s/server-%s.log' "$work" "$1"; fi; }

# Both servers start at once, and whichever asks the arbiter first boots the machine.
find_leader() {
    local server
    for server in a b; do
        ! has_lines "$(node_log "$server")" '\[leading\]' 1 || leader=$server
    done
    [ -n "$leader" ]
}
