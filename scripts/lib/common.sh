# shellcheck shell=bash disable=SC2034 # callers read these
# What every script here shares: where the repository is, messages, errors and their exit codes.
# Source it first. Exit codes are the program's own: 2 the operator's mistake, 3 the environment's fault.

set -euo pipefail

# Sort orders, decimal points and error texts must not depend on who runs a script.
export LC_ALL=C

actorft_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly actorft_root
actorft_script=$(basename "$0")
readonly actorft_script

readonly exit_operator=2
readonly exit_environment=3

say() { printf '%s: %s\n' "$actorft_script" "$*" >&2; }
warn() { printf '%s: warning: %s\n' "$actorft_script" "$*" >&2; }

# die CODE SENTENCE...
die() {
    local code=$1
    shift
    printf '%s: %s\n' "$actorft_script" "$*" >&2
    exit "$code"
}

have() { command -v "$1" >/dev/null 2>&1; }

# require COMMAND PACKAGE: ends with a sentence when a command is missing.
require() {
    have "$1" || die "$exit_environment" "needs '$1', which is not installed: apt-get install $2"
}

is_root() { [ "$(id -u)" -eq 0 ]; }

sha256_of() { sha256sum -- "$1" | cut -d ' ' -f 1; }

# Every file that a script makes appears whole or not at all: it is written beside its place, then renamed.
# Folders for work in progress are removed, and processes in the background ended, whatever happens.
actorft_scratch=()
actorft_child=
actorft_beside=
actorft_compiler= # build.sh's, while it builds
end_compiler() {
    [ -n "$actorft_compiler" ] || return 0
    pkill -f -- "-pipename:$actorft_compiler\$" || true
    rm -f -- "${TMPDIR:-/tmp}/$actorft_compiler" # its socket
    actorft_compiler=
}
scratch_remove() {
    local folder
    end_compiler
    [ -z "$actorft_child" ] || kill "$actorft_child" 2>/dev/null || true
    [ -z "$actorft_beside" ] || kill "$actorft_beside" 2>/dev/null || true
    for folder in "${actorft_scratch[@]+"${actorft_scratch[@]}"}"; do rm -rf -- "$folder"; done
}
trap scratch_remove EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# scratch_make VARIABLE [PARENT]: a folder that goes away with the script.
scratch_make() {
    local made
    made=$(mktemp -d "${2:-${TMPDIR:-/tmp}}/.actorft.XXXXXXXX") ||
        die "$exit_environment" "cannot make a folder in ${2:-${TMPDIR:-/tmp}}"
    actorft_scratch+=("$made")
    printf -v "$1" '%s' "$made"
}

# print_help FILE: the comment block under the script's first line is its help.
print_help() { awk 'NR > 1 { if (!/^#/) exit; sub("^# ?", ""); print }' "$1"; }
