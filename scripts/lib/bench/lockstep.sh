# shellcheck shell=bash disable=SC2154 # what scripts/bench defines
# a pair in lockstep: failover, throughput, log traffic, latency, re-protection, with real processes and the real guest
#
# scripts/bench lockstep [--parts LIST] [--episodes N] [--silences N] [--seconds S] [--warm-ups N] [--runs K] [--output json|FILE]
#
#   --parts LIST    of actors,idle,hold,throughput,failover,reprotect, with commas (default all)
#   --episodes N    leaders killed (default 20)
#   --silences N    leaders stopped (default 5)
#   --seconds S     length of one window of throughput or traffic (default 6)
#   --warm-ups N    windows after which a follower that has come counts as warm (default 2)
#
# Two servers and an arbiter on loopback, a guest of two vCPUs. Takes some ten minutes on a free host with two cores. On a
# busy one run it with a better priority (nice -n -10), and trust ratios more than times.

lockstep_options=()
lockstep_option() {
    case $1 in
        --parts)
            [[ $2 =~ ^(actors|idle|hold|throughput|failover|reprotect)(,(actors|idle|hold|throughput|failover|reprotect))*$ ]] ||
                die "$exit_operator" "--parts is '$2'; allowed are actors, idle, hold, throughput, failover and reprotect, with commas"
            ;;
        --episodes | --silences | --seconds | --warm-ups)
            [[ $2 =~ ^[1-9][0-9]{0,2}$ ]] || die "$exit_operator" "$1 is '$2'; allowed is 1 to 999"
            ;;
        *) return 1 ;;
    esac
    lockstep_options+=("$1" "$2")
}
bench_read lockstep_option "$@"

require taskset util-linux
export ACTORFT_GUEST_DIR=${ACTORFT_GUEST_DIR:-$actorft_root/.guest}
"$actorft_root/scripts/fetch-guest" || exit "$exit_environment"
build_when_needed pair-bench tests/ActorFT.PairBench/ActorFT.PairBench.csproj src tests/ActorFT.PairBench tests/ActorFT.EndToEnd tests/ActorFT.Node.Tests
lockstep_program=(dotnet "$actorft_root/tests/ActorFT.PairBench/bin/$build_configuration/net10.0/ActorFT.PairBench.dll"
    --runs "$bench_runs" "${lockstep_options[@]+"${lockstep_options[@]}"}")
case $bench_output in
    '') "${lockstep_program[@]}" ;;
    *)
        lockstep_rows=$("${lockstep_program[@]}" --output json)
        bench_write "{ \"part\": \"lockstep\", $(bench_host), \"rows\": $lockstep_rows }" || true
        ;;
esac
