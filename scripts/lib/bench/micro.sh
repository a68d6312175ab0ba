# shellcheck shell=bash disable=SC2154 # what scripts/bench defines
# what one instruction, trap, queue pop, page of digest costs (BenchmarkDotNet)
#
# scripts/bench micro [--filter GLOB] [--runs K] [--output json|FILE]
#
#   --filter GLOB   only the benchmarks whose full name fits, for example '*Execution*'
#   --runs K        measure each K times (default 5 here)
#
# Each row is the time of one thing by name, on this host alone: a whole machine of one vCPU runs a small endless program,
# rounds included, in the process that measures; bytes is garbage. Medians, after warm-up; best is the shortest.

bench_runs=5
micro_filter='*'
while [ $# -gt 0 ]; do
    bench_option "$@"
    if [ "$bench_used" -gt 0 ]; then
        shift "$bench_used"
        continue
    fi
    case $1 in
        --filter)
            [ -n "${2:-}" ] || die "$exit_operator" "--filter is empty; allowed is a pattern such as '*Execution*'"
            micro_filter=$2
            ;;
        *) die "$exit_operator" "'$1' is not known: scripts/bench micro --help" ;;
    esac
    shift 2
done

build_when_needed benchmarks tests/ActorFT.Benchmarks/ActorFT.Benchmarks.csproj src tests/ActorFT.Benchmarks
micro_program=(dotnet "$actorft_root/tests/ActorFT.Benchmarks/bin/$build_configuration/net10.0/ActorFT.Benchmarks.dll"
    --filter "$micro_filter" --runs "$bench_runs")
say "measuring; a whole run takes a minute"
case $bench_output in
    '') "${micro_program[@]}" ;;
    *)
        micro_rows=$("${micro_program[@]}" --output json)
        bench_write "{ \"part\": \"micro\", $(bench_host), \"runs\": $bench_runs, \"rows\": $micro_rows }" || true
        ;;
esac
