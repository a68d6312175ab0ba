# shellcheck shell=bash disable=SC2154 # what scripts/bench defines
# the network as a client sees it: simplex, duplex received, duplex verified and QEMU, in one run
#
# scripts/bench network [--only WORD]... [--count N] [--bytes N] [--warm N] [--runs K] [--output json|FILE]
#
#   --only WORD   simplex, received, verified or qemu; again for more (default: all four)
#   --count N     pings and requests measured (default 500)
#   --bytes N     bytes of each bulk transfer (default 67108864)
#   --warm N      bytes each way before anything is measured, in which .NET compiles what is used much (default 134217728)
#
# A client in the lab (scripts/lab) talks to the same guest behind the same TAP in the same bridge: ICMP echo, one-line
# requests and responses over one TCP connection, bulk into and out of the guest over TCP. Medians of the runs; latencies
# in microseconds, bulk in MB (10^6 bytes) per second, with the cores that were busy meanwhile: the host's, and those of the servers' processes.
# Server a (and QEMU) has core 0, server b core 1, as two hosts of one core would; the client has what they leave of both. Needs root. A busy host makes
# the tails its own.

readonly network_kinds=(simplex received verified qemu)
readonly network_rows=(ping_p50 ping_p99 tcp_p50 tcp_p99 in out in_host_cores in_server_cores out_host_cores out_server_cores)
readonly network_guest_address=10.77.10.50 network_mac=52:54:00:77:0a:32

network_only=()
network_count=500
network_bytes=67108864
network_warm=134217728
network_option() {
    case $1 in
        --only)
            case $2 in
                simplex | received | verified | qemu) network_only+=("$2") ;;
                *) die "$exit_operator" "--only is '$2'; allowed is simplex, received, verified or qemu" ;;
            esac
            ;;
        --count)
            [[ $2 =~ ^[1-9][0-9]{0,4}$ ]] || die "$exit_operator" "--count is '$2'; allowed is 1 to 99999"
            network_count=$2
            ;;
        --bytes)
            [[ $2 =~ ^[1-9][0-9]{3,11}$ ]] || die "$exit_operator" "--bytes is '$2'; allowed is 1000 to 999999999999"
            network_bytes=$2
            ;;
        --warm)
            [[ $2 =~ ^(0|[1-9][0-9]{3,11})$ ]] || die "$exit_operator" "--warm is '$2'; allowed is 0, or 1000 to 999999999999"
            network_warm=$2
            ;;
        *) return 1 ;;
    esac
}
bench_read network_option "$@"
[ "${#network_only[@]}" -gt 0 ] || network_only=("${network_kinds[@]}")

network_wants() {
    local one
    for one in "${network_only[@]}"; do [ "$one" != "$1" ] || return 0; done
    return 1
}

is_root || die "$exit_environment" "needs root, for network namespaces and a TAP"
require ip iproute2
require taskset util-linux
if network_wants qemu; then require qemu-system-riscv64 qemu-system-misc; fi
network_guest=${ACTORFT_GUEST_DIR:-$actorft_root/.guest}
"$actorft_root/scripts/fetch-guest" || exit "$exit_environment"
build_when_needed actorft src/ActorFT.Node/ActorFT.Node.csproj src
build_when_needed labtool tests/ActorFT.LabTool/ActorFT.LabTool.csproj src tests/ActorFT.LabTool
network_actorft=$actorft_root/src/ActorFT.Node/bin/$build_configuration/net10.0/actorft.dll
export ACTORFT_LABTOOL=$actorft_root/tests/ActorFT.LabTool/bin/$build_configuration/net10.0/ActorFT.LabTool.dll

# What the guest serves: echo (7777), a sink (9000), a source (9001).
readonly network_services='actorft.run=script actorft.cmd=nc%20-ll%20-p%209001%20-e%20cat%20/dev/zero&nc%20-ll%20-p%209000%20-e%20dd%20of=/dev/null%20bs=64k%20status=none'
readonly network_append="console=ttyS0 quiet loglevel=3 actorft.ip=$network_guest_address/24 actorft.echo=7777 $network_services"

scratch_make network_scratch
network_lab=$network_scratch/lab
lab() { "$actorft_root/scripts/lab" --lab "$network_lab" "$@"; }
network_end() {
    lab cleanup >/dev/null 2>&1 || true
    scratch_remove
}
trap network_end EXIT

# network_config COMMIT: the lab's configuration (config/lab) with this run's folders, guest and commit.
network_config() {
    local file
    rm -rf "$network_scratch/config" "$network_scratch/data"
    mkdir -p "$network_scratch/config" "$network_scratch/data"
    for file in "$actorft_root"/config/lab/*.conf; do
        sed -e "s#\.\./\.\./\.guest#$network_guest#g" -e "s#\.\./\.\./\.cache/lab#$network_scratch/data#g" -e "s#commit = received#commit = $1#" \
            -e "s#^\( *append = \).*#\1\"${network_append//&/\\&}\"#" "$file" >"$network_scratch/config/$(basename "$file")"
    done
}

node() { printf 'exec dotnet %s node --config %s' "$network_actorft" "$network_scratch/config/$1.conf"; }

# network_start KIND: the guest answers pings when it returns.
network_start() {
    local deadline=$((SECONDS + 180)) owner=(--owner $$)
    case $1 in
        simplex)
            network_config received
            lab start "${owner[@]}" --run "arbiter=$(node arbiter)" --run "a=$(node server-a)"
            ;;
        received | verified)
            network_config "$1"
            lab start "${owner[@]}" --run "arbiter=$(node arbiter)" --run "a=$(node server-a)" --run "b=$(node server-b)"
            ;;
        qemu)
            lab start "${owner[@]}" --run "a=ip tuntap add aft0 mode tap && ip link set aft0 up master br0 && exec qemu-system-riscv64 \
                -M virt -accel tcg -smp 2 -m 256M -nographic -no-reboot -kernel '$network_guest/kernel' -initrd '$network_guest/initrd' \
                -append '$network_append' -netdev tap,id=lan,ifname=aft0,script=no,downscript=no -device virtio-net-device,netdev=lan,mac=$network_mac"
            ;;
    esac
    until lab exec client -- dotnet "$ACTORFT_LABTOOL" ping "$network_guest_address" --count 1 >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
    done
    case $1 in
        received | verified)
            until grep -qs '\[protected\]' "$network_lab"/log/[ab].log; do
                [ "$SECONDS" -lt "$deadline" ] || return 1
                sleep 0.2
            done
            ;;
    esac
}

declare -A network_values=()
network_failed=no
# network_take KIND ROW WORD TEXT: the number after WORD.
network_take() {
    local value
    value=$(sed -n "s/.*\b$3 \([0-9.]*\).*/\1/p" <<<"$4" | tail -n 1)
    if [ -z "$value" ]; then
        warn "$1: $2 could not be measured: $4"
        network_failed=yes
        return
    fi
    network_values[$1,$2]+=" $value"
}

# network_pids: the processes that run the machine, with commas between.
network_pids() { pgrep -f "^(dotnet .*$network_scratch/config/server-[ab]\.conf|qemu-system-riscv64 .*$network_mac)" | paste -sd , -; }

# network_pin: the leader's host and the follower's; does nothing on a host with one core.
network_pin() {
    [ "$(nproc)" -ge 2 ] || return 0
    local pid
    for pid in $(pgrep -f "^(dotnet .*$network_scratch/config/server-a\.conf|qemu-system-riscv64 .*$network_mac)"); do taskset -a -p -c 0 "$pid" >/dev/null; done
    for pid in $(pgrep -f "^dotnet .*$network_scratch/config/server-b\.conf"); do taskset -a -p -c 1 "$pid" >/dev/null; done
}

# network_bulk in|out BYTES: what labtool says of it.
network_bulk() {
    local port=9000
    [ "$1" = in ] || port=9001
    lab exec client -- dotnet "$ACTORFT_LABTOOL" bulk "$1" "$network_guest_address:$port" --bytes "$2" --pids "$(network_pids)" 2>&1 || true
}

network_measure() {
    local text way tool=(lab exec client -- dotnet "$ACTORFT_LABTOOL")
    if [ "$network_warm" -gt 0 ]; then
        for way in in out; do network_bulk "$way" "$network_warm" >/dev/null; done
    fi
    text=$("${tool[@]}" ping "$network_guest_address" --count "$network_count" --interval-ms 5 2>&1 || true)
    network_take "$1" ping_p50 p50_us "$text"
    network_take "$1" ping_p99 p99_us "$text"
    text=$("${tool[@]}" converse "$network_guest_address:7777" --output /dev/null --count "$network_count" 2>&1 || true)
    network_take "$1" tcp_p50 p50_us "$text"
    network_take "$1" tcp_p99 p99_us "$text"
    for way in in out; do
        text=$(network_bulk "$way" "$network_bytes")
        network_take "$1" "$way" mb_per_s "$text"
        network_take "$1" "${way}_host_cores" host_cores "$text"
        network_take "$1" "${way}_server_cores" process_cores "$text"
    done
}

for ((run = 1; run <= bench_runs; run++)); do
    for kind in "${network_kinds[@]}"; do
        network_wants "$kind" || continue
        say "run $run of $bench_runs: $kind"
        if network_start "$kind"; then
            network_pin
            network_measure "$kind"
        else
            warn "$kind: the guest did not come up: $(tail -n 3 "$network_lab"/log/*.log 2>/dev/null | tr '\n' ' ')"
            network_failed=yes
        fi
        lab cleanup
    done
done

# network_median KIND ROW: with its decimals.
network_median() {
    # shellcheck disable=SC2086 # a list of numbers
    printf '%s\n' ${network_values[$1,$2]:-} | sort -n | awk 'NF { v[++n] = $1 } END { if (n) printf "%s", (n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2) }'
}

# network_added ROW: ms that duplex received takes longer than simplex.
network_added() {
    awk -v a="$(network_median received "$1")" -v b="$(network_median simplex "$1")" 'BEGIN { if (a != "" && b != "") printf "%.2f", (a - b) / 1000 }'
}

# network_ratio KIND ROW: beside simplex.
network_ratio() { ratio "$(network_median "$1" "$2")" "$(network_median simplex "$2")"; }

# network_limits: a line for each thing that is compared with simplex: name, unit, value, and the limit asked (less than, or at least) if there is one.
network_limits() {
    local way
    network_wants simplex || return 0
    if network_wants received; then
        printf 'received, request p50|ms more|%s|< 1\nreceived, request p99|ms more|%s|< 5\n' "$(network_added tcp_p50)" "$(network_added tcp_p99)"
        printf 'received, ping p50|ms more|%s|< 1\nreceived, ping p99|ms more|%s|< 5\n' "$(network_added ping_p50)" "$(network_added ping_p99)"
        for way in in out; do printf 'received, bulk %s|of simplex|%s|>= 0.8\n' "$way" "$(network_ratio received "$way")"; done
    fi
    if network_wants verified; then
        for way in in out; do printf 'verified, bulk %s|of simplex|%s|\n' "$way" "$(network_ratio verified "$way")"; done
    fi
}

# network_judge FORMAT: the lines of network_limits as JSON rows or as Markdown.
network_judge() {
    network_limits | awk -F '|' -v format="$1" '$3 != "" {
        split($4, limit, " ")
        kept = limit[1] == "" ? "" : (limit[1] == "<" ? $3 < limit[2] + 0 : $3 >= limit[2] + 0) ? "true" : "false"
        if (format == "json") {
            printf "%s{\"name\": \"%s\", \"unit\": \"%s\", \"median\": %s", (n++ ? ", " : ""), $1, $2, $3
            if (kept != "") printf ", \"asked\": \"%s\", \"keeps\": %s", $4, kept
            printf "}"
        } else printf "%s: %s %s%s\n", $1, $3, $2, (kept == "" ? "" : " (asked: " $4 ") " (kept == "true" ? "kept" : "missed"))
    }'
}

network_json() {
    local kind row first=yes inner
    printf '{"part": "network", %s, "runs": %d, "count": %d, "bytes": %d, "warm": %d' "$(bench_host)" "$bench_runs" "$network_count" "$network_bytes" "$network_warm"
    printf ', "tables": [{"compared": "beside simplex", "rows": [%s]}], "results": {' "$(network_judge json)"
    for kind in "${network_kinds[@]}"; do
        network_wants "$kind" || continue
        [ "$first" = yes ] || printf ', '
        first=no inner=yes
        printf '"%s": {' "$kind"
        for row in "${network_rows[@]}"; do
            [ "$inner" = yes ] || printf ', '
            inner=no
            printf '"%s": %s' "$row" "$(network_median "$kind" "$row" | grep . || echo null)"
        done
        printf '}'
    done
    printf '}}'
}

if bench_write "$(network_json)"; then
    printf '|'
    printf ' %s |' "median of $bench_runs" "${network_rows[@]//_/ }"
    printf '\n|'
    printf ' --- |%.0s' kind "${network_rows[@]}"
    printf '\n'
    for kind in "${network_kinds[@]}"; do
        network_wants "$kind" || continue
        printf '| %s |' "$kind"
        for row in "${network_rows[@]}"; do printf ' %s |' "$(network_median "$kind" "$row" | grep . || echo -)"; done
        printf '\n'
    done
    network_judge text
fi
[ "$network_failed" = no ]
