# shellcheck shell=bash disable=SC2034,SC2154 # what common.sh, lab-pair.sh, demo.sh and scripts/demo define
# The demo proper: a database in the protected machine, a client on one connection, faults, and the verdict.

readonly protect_seconds=300
# A client's own retransmissions may double what a fault cost it; a host with many other things to do needs the rest.
readonly masked_limit_ms=10000
declare -A protected=([a]=0 [b]=0)

run_lab() { "$actorft_root/scripts/lab" --lab "$lab" "$@"; }

# What the program itself says: the line of its log, without its time.
quote_log() { # ROLE PATTERN
    local line
    line=$(grep -e "$2" "$(node_log "$1")" | tail -n 1 | sed 's/^[^ ]* //')
    [ -z "$line" ] || tell "$dim$line$plain"
}

# wait_protected ROLE: until that server says, once more than before, that it leads and the machine is protected.
wait_protected() {
    protected[$1]=$((protected[$1] + 1))
    demo_until "$protect_seconds" "server-$1 leads and the machine is protected" has_lines "$(node_log "$1")" '\[protected\]' "${protected[$1]}" || return 1
    protected[$1]=$(demo_count "$(node_log "$1")" '\[protected\]')
}

# episode NAME: the client's measurements from here on have this name.
episode() {
    local ended
    ended=$(demo_count "$work/client.out" '^episode ')
    echo "episode $1" >&8
    demo_until 120 "the client's next transaction" has_lines "$work/client.out" '^episode ' $((ended + 1))
}

client_goes_on() { # transactions beyond those acknowledged now
    client_state
    demo_until 120 "the client goes on" client_has_done $((acknowledged + ${1:-20}))
}

tell_pause() {
    client_state
    good "the client goes on, on the same connection; its longest wait was $longest_ms ms"
}

start_pair() {
    title "Two servers and an arbiter start, each in a network of its own"
    typed "scripts/lab start; scripts/lab start a 'actorft node --config server-a.conf'; …"
    lab_pair_disk=128 lab_pair_more=$lab_pair_patient
    lab_pair_write "$work" "256 MiB" "$guest/initrd-database" \
        "console=ttyS0 quiet loglevel=3 cryptomgr.notests=1 actorft.run=database actorft.disk=ext4 actorft.ip=$lab_machine_address/24"
    lab_pair_start "$lab" "$work" "${program[@]}"
    demo_until "$protect_seconds" "a server leads the machine" find_leader || return 1
    tell "server-$leader boots the machine: Debian's own kernel for riscv64, two vCPUs, 256 MiB, one disk with a copy on each server, one NIC"
    wait_protected "$leader" || return 1
    quote_log "$leader" '\[protected\]'
    good "both servers execute the machine in lockstep; server-$leader leads"
    demo_until "$protect_seconds" "the database in the machine is ready" has_lines "$work/server-$leader.console" 'actorft-guest: database ready' 1 || return 1
    good "valkey runs in the machine; every transaction is in its log, on both copies of the disk, before it answers (appendfsync always)"
}

start_client() {
    title "A client connects: one TCP connection, numbered transactions, a ledger of its own"
    mkfifo "$work/orders"
    exec 8<>"$work/orders"
    run_lab exec client -- dotnet "$labtool" ledger --address "$lab_machine_address:6379" --ledger "$work/ledger" \
        --status "$work/status" --pace-ms 2 --stall-seconds 180 <"$work/orders" >"$work/client.out" 2>&1 8>&- &
    client_pid=$!
    demo_until 120 "the client connects" has_lines "$work/client.out" '^connected ' 1 || return 1
    tell "$(head -n 1 "$work/client.out")"
    client_goes_on 20 || return 1
    episode "no fault" || return 1
    demo_watch "$([ "$fast" = yes ] && echo 3 || echo 8)" || return 1
    client_state
    good "$acknowledged transactions acknowledged; the longest wait was $longest_ms ms"
}

# Before anything is broken both servers must be in lockstep, and for a moment: on a busy host one may be left out and taken in again by itself,
# and a second fault meanwhile is none that the pair promises to survive.
is_whole() { grep -a -e '\[protected\]' -e '\[exposed\]' "$(node_log "$leader")" | tail -n 1 | grep -q -e '\[protected\]'; }
demo_whole() {
    while :; do
        demo_until "$protect_seconds" "the machine is protected" is_whole || return 1
        demo_watch 2 || return 1
        ! is_whole || return 0
    done
}

# lose_leader TITLE EPISODE BREAK REPAIR: the leading server stops being one; the other goes on; it comes back.
lose_leader() {
    local was=$leader
    demo_whole || return 1
    title "$1"
    episode "$2" || return 1
    client_goes_on 20 || return 1
    typed "scripts/lab $3 $was"
    run_lab "$3" "$was"
    leader=$(other "$was")
    client_goes_on 20 || return 1
    quote_log "$leader" '\[exposed\]'
    tell_pause

    title "server-$was comes back"
    episode "server-$was resynchronised" || return 1
    typed "scripts/lab $4 $was"
    run_lab "$4" "$was"
    wait_protected "$leader" || return 1
    quote_log "$leader" '\[protected\]'
    client_state
    good "the machine's memory was copied while it ran; both servers are in lockstep again; the longest wait was $longest_ms ms"
    client_goes_on 20
}

kill_leader() { lose_leader "server-$leader, which leads, is killed (SIGKILL), while the client writes" "server-$leader killed" kill start; }
freeze_leader() { lose_leader "server-$leader, which leads now, hangs (SIGSTOP): nothing says that it is gone" "server-$leader frozen" freeze thaw; }

# The log must not say that another leads or that the machine is exposed: what a component's fault may not cost.
no_failover_since() { [ "$(demo_count "$(node_log "$leader")" '\[exposed\]')" -eq "$1" ]; }

# masked TITLE EPISODE BREAK REPAIR [SAID DONE]: a fault that costs neither the leader nor protection. BREAK and REPAIR are commands
# of scripts/lab or of actorft; SAID is what the leader's log then says, DONE what it says when all is as before.
masked() {
    local before said repaired
    demo_whole || return 1
    title "$1"
    episode "$2" || return 1
    before=$(demo_count "$(node_log "$leader")" '\[exposed\]')
    said=$(demo_count "$(node_log "$leader")" "${5:-^}")
    demo_do "$3"
    if [ -n "${5:-}" ]; then
        demo_until 60 "server-$leader's word on it" has_lines "$(node_log "$leader")" "$5" $((said + 1)) || return 1
        quote_log "$leader" "$5"
    fi
    demo_watch 4 || return 1
    client_goes_on 20 || return 1
    tell_pause
    if [ "$longest_ms" -gt "$masked_limit_ms" ]; then
        bad "that is no masking: allowed are $masked_limit_ms ms"
        return 1
    fi
    if no_failover_since "$before"; then good "no failover: the machine runs on both servers all the time"; else
        bad "the machine was exposed: server-$leader says so"
        return 1
    fi
    repaired=$(demo_count "$(node_log "$leader")" "${6:-^}")
    demo_do "$4"
    if [ -n "${6:-}" ]; then
        demo_until "$protect_seconds" "server-$leader's word that it is repaired" has_lines "$(node_log "$leader")" "$6" $((repaired + 1)) || return 1
        quote_log "$leader" "$6"
    fi
}

# A command as a person would type it, in the lab or at the lab's client.
demo_do() {
    local words
    read -ra words <<<"$1"
    if [ "${words[0]}" = actorft ]; then
        typed "$1"
        run_lab exec client -- "${program[@]}" "${words[@]:1}" --url http://10.77.0.1:8551,http://10.77.0.2:8551 --token-file "$work/token" >/dev/null
    else
        typed "scripts/lab $1"
        run_lab "${words[@]}"
    fi
}

fail_disk() {
    masked "The disk of server-$leader, which leads, fails: every read and write of its copy is an error" "disk of server-$leader failed" \
        "actorft fault inject disk-data --server server-$leader --set kind=eio" "actorft fault clear disk-data --server server-$leader" '\[disk-failed\]' '\[disk-mirrored\]'
}

cut_nic() {
    masked "The NIC of server-$leader, which leads, loses its cable" "NIC of server-$leader cut" "cut $leader.lan" "heal $leader.lan" '\[nic-rerouted\]' '\[nic-back\]'
}

finish_client() {
    local code=0
    title "The verdict: the database is read back and compared with the client's ledger"
    echo end >&8
    wait "$client_pid" || code=$?
    client_pid=
    exec 8>&-
    verdict=$(grep -e '^verdict ' "$work/client.out" | tail -n 1)
    [ -n "$verdict" ] || { bad "the client gave no verdict: $(tail -n 1 "$work/client.out")"; return 1; }
    printf '\n  %-28s %14s %18s\n' episode acknowledged 'longest wait, ms'
    grep -e '^episode ' "$work/client.out" | sed -n '/^episode start /d; s/^episode \(.*\) acknowledged \([0-9]*\) longest_ms \([0-9]*\)$/\1|\2|\3/p' |
        while IFS='|' read -r name count pause; do printf '  %-28s %14s %18s\n' "$name" "$count" "$pause"; done
    printf '\n'
    read -r _ _ v_acknowledged _ v_lost _ v_duplicated _ v_invented _ v_resets _ v_median _ v_longest <<<"$verdict"
    printf '  %-28s %14s\n' 'transactions acknowledged' "$v_acknowledged" 'of them lost' "$v_lost" 'duplicated' "$v_duplicated" \
        'never sent, yet there' "$v_invented" 'connections broken' "$v_resets" 'median wait, ms' "$v_median" 'longest wait, ms' "$v_longest"
    printf '\n'
    grep -e '^contradiction ' "$work/client.out" | head -n 5 || true
    if [ "$code" -eq 0 ] && [ "$v_lost$v_duplicated$v_invented$v_resets" = 0000 ]; then
        good "nothing acknowledged was lost, nothing happened twice, and the connection never broke"
    else
        bad "the promise was broken"
        return 1
    fi
}

what_to_try() {
    local try="scripts/lab --lab $lab"
    title "Everything is still running (--keep). To try, in another terminal:"
    tell "$try status"
    tell "$try kill b; $try start b"
    tell "$try cut ft1; $try heal"
    tell "$try exec client -- ${program[*]} status --url http://10.77.0.1:8551"
    tell "$try exec client -- curl -s http://10.77.0.1:8551/ft/status"
    tell "dashboard, from the lab's client: http://10.77.0.1:8551/ and http://10.77.0.2:8551/"
    tell "logs: $lab/log"
    tell "Ctrl-C here ends and removes everything."
    # A wait that a signal ends at once.
    sleep infinity &
    actorft_child=$!
    wait "$actorft_child"
}

demo_database_acts() {
    start_pair && start_client && kill_leader || return 1
    if [ "$fast" = no ]; then freeze_leader || return 1; fi
    fail_disk || return 1
    if [ "$fast" = no ]; then cut_nic || return 1; fi
    masked "A cable between the servers is pulled: one of two FT links" "FT link ft0 cut" "cut ft0" "heal ft0" || return 1
    if [ "$fast" = no ]; then
        masked "The arbiter is killed" "arbiter killed" "kill arbiter" "start arbiter" || return 1
    fi
    finish_client
}

demo_database() {
    lab=$work/lab
    build_when_needed labtool tests/ActorFT.LabTool/ActorFT.LabTool.csproj src/ActorFT.Machine src/ActorFT.Network tests/ActorFT.LabTool
    labtool=$actorft_root/tests/ActorFT.LabTool/bin/$build_configuration/net10.0/ActorFT.LabTool.dll
    export ACTORFT_LABTOOL=$labtool
    demo_begun=$SECONDS
    local code=0
    demo_database_acts || code=1
    [ "$keep" = no ] || what_to_try
    exit "$code"
}
