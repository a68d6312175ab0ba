# shellcheck shell=bash disable=SC2154 # what scripts/bench defines
# the machine's speed: the same guest in ActorFT and in QEMU, in one run
#
# scripts/bench machine [--vcpus N]... [--runs K] [--memory MB] [--only actorft|qemu] [--timeout SECONDS] [--output json|FILE]
#
#   --vcpus N     vCPUs in both (default 1); again for more tables
#   --memory MB   memory in both (default 512)
#   --only ONE    measure one of them
#   --timeout S   the bound of one boot with all its rows (default 300)
#
# Rows: boot (from starting the program to the guest's ready line), sha256 of 32 MiB, gzip, sort, a shell loop, 300
# process starts, two sha256 in parallel. Busy hosts make the clock's ratio useless; the CPU ratio still holds.

# The first line of this file is for shellcheck; the second is what scripts/bench lists.
readonly machine_rows=(boot sha256 gzip sort loop processes parallel)
readonly machine_engines=(actorft qemu)

machine_vcpus=()
machine_memory=512
machine_only=
machine_timeout=300
machine_option() {
    case $1 in
        --vcpus)
            [[ $2 =~ ^[1-8]$ ]] || die "$exit_operator" "--vcpus is '$2'; allowed is 1 to 8"
            machine_vcpus+=("$2")
            ;;
        --memory)
            [[ $2 =~ ^[1-9][0-9]{1,4}[02468]$ ]] ||
                die "$exit_operator" "--memory is '$2'; allowed is an even number of MB from 100 to 999998"
            machine_memory=$2
            ;;
        --only)
            case $2 in
                actorft | qemu) machine_only=$2 ;;
                *) die "$exit_operator" "--only is '$2'; allowed is actorft or qemu" ;;
            esac
            ;;
        --timeout)
            [[ $2 =~ ^[1-9][0-9]{0,4}$ ]] || die "$exit_operator" "--timeout is '$2'; allowed is 1 to 99999 seconds"
            machine_timeout=$2
            ;;
        *) return 1 ;;
    esac
}
bench_read machine_option "$@"
[ "${#machine_vcpus[@]}" -gt 0 ] || machine_vcpus=(1)

machine_wants() { [ -z "$machine_only" ] || [ "$machine_only" = "$1" ]; }

if machine_wants qemu; then require qemu-system-riscv64 qemu-system-misc; fi
machine_guest=${ACTORFT_GUEST_DIR:-$actorft_root/.guest}
"$actorft_root/scripts/fetch-guest" || exit "$exit_environment"
if machine_wants actorft; then build_when_needed actorft src/ActorFT.Node/ActorFT.Node.csproj src; fi

readonly machine_command_line="console=ttyS0 quiet loglevel=3 actorft.run=bench"
declare -A machine_ms=() machine_cpu_ms=() machine_guest_ms=()
machine_failed=no

# machine_start ENGINE VCPUS: the guest's console is standard output.
machine_start() {
    case $1 in
        actorft)
            exec "$actorft_root/scripts/actorft" run --kernel "$machine_guest/kernel" --initrd "$machine_guest/initrd" \
                --append "$machine_command_line" --vcpus "$2" --memory "${machine_memory}MiB" --console stdio
            ;;
        qemu)
            exec qemu-system-riscv64 -M virt -accel tcg -smp "$2" -m "${machine_memory}M" -nographic -no-reboot \
                -kernel "$machine_guest/kernel" -initrd "$machine_guest/initrd" -append "$machine_command_line"
            ;;
    esac
}

# machine_cpu: what the engine has used of the host's processors so far, all its threads, in ms (it counts in 10 ms).
machine_cpu() {
    local stat fields
    read -r stat 2>/dev/null <"/proc/$machine_pid/stat" || stat=
    # After the name, which may hold anything: field 1 is the state; utime and stime are 12 and 13 (proc(5): 14 and 15).
    read -r -a fields <<<"${stat##*) }"
    printf '%d' $(((${fields[11]:-0} + ${fields[12]:-0}) * 10))
}

# machine_boot ENGINE VCPUS: one boot with all its rows. Times are the host's: when it read each line of the console.
machine_boot() {
    local engine=$1 vcpus=$2 line start stamp row begun='' begun_cpu=0 ended=no text
    rm -f "$machine_scratch/pid"
    start=$(now_us)
    while IFS= read -r line; do
        stamp=${EPOCHREALTIME/./}
        line=${line%$'\r'}
        case $line in
            'actorft-guest: ready nproc='*)
                if [ "${line##*=}" != "$vcpus" ]; then
                    warn "$engine: the guest counts ${line##*=} vCPUs instead of $vcpus"
                    machine_failed=yes
                fi
                machine_pid=$(cat "$machine_scratch/pid")
                machine_ms[$vcpus,$engine,boot]+=" $(((stamp - start) / 1000))"
                machine_cpu_ms[$vcpus,$engine,boot]+=" $(machine_cpu)"
                ;;
            'actorft-bench: begin '*)
                begun_cpu=$(machine_cpu)
                begun=$stamp
                ;;
            'actorft-bench: end '*' rc=0')
                read -r _ _ row text _ <<<"$line"
                machine_ms[$vcpus,$engine,$row]+=" $(((stamp - begun) / 1000))"
                machine_cpu_ms[$vcpus,$engine,$row]+=" $(($(machine_cpu) - begun_cpu))"
                machine_guest_ms[$vcpus,$engine,$row]+=" $text"
                ;;
            'actorft-bench: end '*)
                warn "$engine: failed in the guest: $line"
                machine_failed=yes
                ;;
            'actorft-guest: poweroff') ended=yes ;;
        esac
    done < <(
        (machine_start "$engine" "$vcpus") </dev/null 2>"$machine_log" &
        child=$!
        echo "$child" >"$machine_scratch/pid"
        # Ends with the guest, with its time, or with this script (whose end closes the pipe).
        trap 'kill "$child" 2>/dev/null' EXIT
        deadline=$((SECONDS + machine_timeout))
        while kill -0 "$child" 2>/dev/null && [ "$SECONDS" -lt "$deadline" ]; do sleep 0.2; done
    )
    if [ "$ended" = no ]; then
        warn "$engine with $vcpus vCPU(s) did not reach its end within $machine_timeout s"
        tail -n 5 "$machine_log" >&2
        machine_failed=yes
    fi
}

scratch_make machine_scratch
machine_log=$machine_scratch/log
for vcpus in "${machine_vcpus[@]}"; do
    for ((run = 1; run <= bench_runs; run++)); do
        # Alternating, and each first as often as the other: a host that slows down slows both.
        order=("${machine_engines[@]}")
        [ $((run % 2)) -eq 1 ] || order=(qemu actorft)
        for engine in "${order[@]}"; do
            machine_wants "$engine" || continue
            say "run $run of $bench_runs: $engine with $vcpus vCPU(s)"
            machine_boot "$engine" "$vcpus"
        done
    done
done

# --- Report --------------------------------------------------------------------------------------------------------

machine_method="The same kernel, initramfs and command line in both, one after the other and alternating, on this host alone. \
Times are the host's, from the guest's console lines as they arrive; boot counts from starting the program (QEMU's includes \
its OpenSBI firmware, ActorFT's the start of .NET and its compiler). Medians of $bench_runs runs. \
The CPU ratio compares processor time, all threads counted: on a busy host it says more than the clock. QEMU: TCG, unprotected, \
one host thread per vCPU. ActorFT: one machine on one server (actorft run), deterministic, unprotected."

# shellcheck disable=SC2086 # the lists are split on purpose
machine_json() {
    local vcpus engine row text first=yes row_first
    printf '{\n  "part": "machine", %s,\n' "$(bench_host)"
    printf '  "guest": %s, "runs": %d, "memoryMb": %d,\n  "qemu": %s,\n  "method": %s,\n  "tables": [' \
        "$(json_text "$(sed -n 's/.*"kernel_package": "\(.*\)".*/\1/p' "$machine_guest/manifest.json")")" "$bench_runs" "$machine_memory" \
        "$(json_text "$(qemu-system-riscv64 --version 2>/dev/null | head -n 1)")" "$(json_text "$machine_method")"
    for vcpus in "${machine_vcpus[@]}"; do
        [ "$first" = yes ] || printf ','
        first=no
        row_first=yes
        printf '\n    { "vcpus": %d, "rows": [' "$vcpus"
        for row in "${machine_rows[@]}"; do
            [ "$row_first" = yes ] || printf ','
            row_first=no
            printf '\n      { "name": "%s"' "$row"
            for engine in "${machine_engines[@]}"; do
                [ -n "${machine_ms[$vcpus,$engine,$row]:-}" ] || continue
                printf ', "%sMs": %s, "%sMedianMs": %s' "$engine" "$(json_numbers ${machine_ms[$vcpus,$engine,$row]})" \
                    "$engine" "$(median ${machine_ms[$vcpus,$engine,$row]})"
                printf ', "%sCpuMs": %s' "$engine" "$(json_numbers ${machine_cpu_ms[$vcpus,$engine,$row]})"
                [ -z "${machine_guest_ms[$vcpus,$engine,$row]:-}" ] ||
                    printf ', "%sGuestClockMs": %s' "$engine" "$(json_numbers ${machine_guest_ms[$vcpus,$engine,$row]})"
            done
            text=$(machine_ratio "$vcpus" "$row")
            printf ', "ratio": %s' "${text:-null}"
            text=$(machine_cpu_ratio "$vcpus" "$row")
            printf ', "cpuRatio": %s }' "${text:-null}"
        done
        printf '\n    ] }'
    done
    printf '\n  ]\n}'
}

# shellcheck disable=SC2086
machine_ratio() {
    ratio "$(median ${machine_ms[$1,actorft,$2]:-})" "$(median ${machine_ms[$1,qemu,$2]:-})"
}

# shellcheck disable=SC2086
machine_cpu_ratio() {
    ratio "$(median ${machine_cpu_ms[$1,actorft,$2]:-})" "$(median ${machine_cpu_ms[$1,qemu,$2]:-})"
}

# shellcheck disable=SC2086
machine_table() {
    local vcpus row value cpu worst
    for vcpus in "${machine_vcpus[@]}"; do
        printf '\n%s vCPU%s, seconds (median of %d)\n' "$vcpus" "$([ "$vcpus" -eq 1 ] || echo s)" "$bench_runs"
        printf '  %-10s %10s %10s %8s %10s\n' row ActorFT QEMU ratio 'CPU ratio'
        worst=0
        for row in "${machine_rows[@]}"; do
            value=$(machine_ratio "$vcpus" "$row")
            cpu=$(machine_cpu_ratio "$vcpus" "$row")
            printf '  %-10s %10s %10s %8s %10s\n' "$row" "$(seconds "$(median ${machine_ms[$vcpus,actorft,$row]:-})")" \
                "$(seconds "$(median ${machine_ms[$vcpus,qemu,$row]:-})")" "${value:--}" "${cpu:--}"
            worst=$(awk -v a="$worst" -v b="${value:-0}" 'BEGIN { print (a > b) ? a : b }')
        done
        [ "$worst" = 0 ] || printf '  the slowest row takes %s times as long as in QEMU\n' "$worst"
    done
    printf '\n%s\n' "$machine_method" | fold -s -w 110
}

if bench_write "$(machine_json)"; then machine_table; fi
[ "$machine_failed" = no ]
