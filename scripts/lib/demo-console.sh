# shellcheck shell=bash disable=SC2034,SC2154 # what common.sh, demo.sh and scripts/demo define
# The smaller demo, for a host that gives neither namespaces nor a TAP: the machine prints rising numbers on its console,
# servers die, and no number may be missing.

readonly console_seconds=300
declare -A node_pid=() taken=([a]=0 [b]=0)

console_write_configs() {
    # Loopback ports of this run's own: a pair that runs here already stays undisturbed.
    local base=$((20000 + $$ % 4000 * 10)) own peer
    for own in 1 2; do
        peer=$((3 - own))
        local names=(- a b)
        cat >"$work/server-${names[own]}.conf" <<END
actorft {
  role = server, pair = demo, name = server-${names[own]}, data = "$work/server-${names[own]}"
  address = "127.0.0.1:$((base + own))", arbiter = "127.0.0.1:$((base + 3))"
  peer { name = server-${names[peer]}, address = "127.0.0.1:$((base + peer))" }
  links = [
    { name = ft0, local = "127.0.0.1:$((base + 3 + own))", peer = "127.0.0.1:$((base + 3 + peer))" }
    { name = ft1, local = "127.0.0.1:$((base + 5 + own))", peer = "127.0.0.1:$((base + 5 + peer))" }
  ]
  machines = [ {
    name = demo, vcpus = 2, memory = 256 MiB, kernel = "$guest/kernel", initrd = "$guest/initrd"
    append = "console=ttyS0 quiet loglevel=3 cryptomgr.notests=1 actorft.run=counter actorft.pace=5000"
    console = "file:$work/server-${names[own]}.console"
  } ]
}
END
    done
    cat >"$work/arbiter.conf" <<END
actorft {
  role = arbiter, pair = demo, name = arbiter, data = "$work/arbiter"
  address = "127.0.0.1:$((base + 3))", servers = ["127.0.0.1:$((base + 1))", "127.0.0.1:$((base + 2))"]
}
END
}

console_start() { # NODE
    setsid "${program[@]}" node --config "$work/$1.conf" </dev/null >>"$work/$1.log" 2>&1 &
    node_pid[$1]=$!
    nodes+=("$!")
}

console_kill() { # NODE
    kill -KILL -- "-${node_pid[$1]}"
    wait "${node_pid[$1]}" 2>/dev/null || true
}

# What a server's machine has printed since the last time goes into one history, in the order of who led.
console_take() { # a|b
    local size
    size=$(stat -c %s "$work/server-$1.console" 2>/dev/null || echo 0)
    [ "$size" -le "${taken[$1]}" ] || { tail -c +$((taken[$1] + 1)) "$work/server-$1.console" | head -c $((size - taken[$1])); echo; } >>"$work/history"
    taken[$1]=$size
}

# Whole lines only (the guest ends them with CR LF): a killed server's last may be torn.
console_judge() {
    awk '/^counter [0-9]+\r$/ { n = $2 + 0; if (n > last + 1) lost += n - last - 1; if (n <= last) again++; else last = n }
         END { printf "%d %d %d\n", last, lost, again }' "$work/history"
}
console_last() { grep -a -e '^counter ' "$work/server-$1.console" 2>/dev/null | tail -n 2 | head -n 1 | tr -cd '0-9'; }
console_beyond() { local now; now=$(console_last "$1"); [ "${now:-0}" -gt "$2" ]; }

console_kill_leader() {
    local was=$leader number protected
    title "server-$leader, which leads, is killed (SIGKILL)"
    console_kill "server-$leader"
    console_take "$leader"
    number=$(console_last "$was")
    leader=$(other "$leader")
    local begun_ms
    begun_ms=$(date +%s%3N)
    demo_until "$console_seconds" "the machine goes on on server-$leader" console_beyond "$leader" "$number" || return 1
    good "the machine counts on, on server-$leader, from $number: $(($(date +%s%3N) - begun_ms)) ms later"
    title "server-$was comes back"
    protected=$(demo_count "$work/server-$leader.log" '\[protected\]')
    console_start "server-$was"
    demo_until "$console_seconds" "the machine is protected again" has_lines "$work/server-$leader.log" '\[protected\]' $((protected + 1)) || return 1
    good "its memory was copied while it ran; both servers are in lockstep again"
    number=$(console_last "$leader")
    demo_until "$console_seconds" "the machine goes on" console_beyond "$leader" $((number + 20))
}

console_acts() {
    local last lost again
    title "Two servers and an arbiter start, on this computer's loopback"
    console_write_configs
    console_start arbiter
    console_start server-a
    console_start server-b
    demo_until "$console_seconds" "a server leads the machine" find_leader || return 1
    tell "server-$leader boots the machine: Debian's own kernel for riscv64, two vCPUs, 256 MiB; it counts on its console"
    demo_until "$console_seconds" "the machine is protected" has_lines "$(node_log "$leader")" '\[protected\]' 1 || return 1
    demo_until "$console_seconds" "the machine counts" console_beyond "$leader" 20 || return 1
    good "both servers execute it in lockstep; server-$leader leads; the machine counts: $(console_last "$leader")"
    console_kill_leader || return 1
    if [ "$fast" = no ]; then console_kill_leader || return 1; fi
    console_take "$leader"
    title "The verdict, from what the machine printed, whoever led"
    read -r last lost again <<<"$(console_judge)"
    tell "counted to $last; lost: $lost; printed again by a successor (allowed: it may not have left): $again"
    if [ "$lost" -eq 0 ] && [ "$last" -gt 0 ]; then good "not a line is missing"; else
        bad "lines are missing"
        return 1
    fi
}

demo_console() {
    local code=0
    console_acts || code=1
    if [ "$keep" = yes ] && [ "$code" -eq 0 ]; then
        title "Everything is still running (--keep)"
        tell "the machine's console: tail -f $work/server-$leader.console"
        tell "kill a server: kill -KILL ${node_pid[server-$leader]}"
        tell "Ctrl-C here ends and removes everything."
        sleep infinity &
        actorft_child=$!
        wait "$actorft_child"
    fi
    exit "$code"
}
