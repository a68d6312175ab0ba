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
micro_option() {
    case $1 in
        --filter)
            [ -n "$2" ] || die "$exit_operator" "--filter is empty; allowed is a pattern such as '*Execution*'"
            micro_filter=$2
            ;;
        *) return 1 ;;
    esac
}
bench_read micro_option "$@"

build_when_needed benchmarks tests/ActorFT.Benchmarks/ActorFT.Benchmarks.csproj src tests/ActorFT.Benchmarks
micro_program=(dotnet "$actorft_root/tests/ActorFT.Benchmarks/bin/$build_configuration/net10.0/ActorFT.Benchmarks.dll"
    --filter "$micro_filter" --runs "$bench_runs")
say "measuring; with every benchmark and 5 runs it takes two minutes"
case $bench_output in
    '') "${micro_program[@]}" ;;
    *)
        micro_rows=$("${micro_program[@]}" --output json)
        bench_write "{ \"part\": \"micro\", $(bench_host), \"runs\": $bench_runs, \"rows\": $micro_rows }" || true
        ;;
esac
