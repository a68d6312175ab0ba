# shellcheck shell=bash disable=SC2154 # what common.sh defines
# Builds the C# code when, and only when, its sources changed since the last build that succeeded.
#
#   build_when_needed NAME PROJECT_OR_SOLUTION FOLDER...    NAME tells builds apart; FOLDERs hold its sources
#
# Quiet when there is nothing to do. Two that start at once: one builds, the other waits for it.

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_UI_LANGUAGE=en
# A build must leave no process behind that holds files or locks of this one.
export MSBUILDDISABLENODEREUSE=1

readonly build_configuration=Release
readonly build_state=$actorft_root/.cache/build

# Every source file with its size and time: what the build depends on, new and deleted files included.
build_fingerprint() {
    (
        cd "$actorft_root" || exit
        find global.json Directory.Build.props Directory.Packages.props "$@" \
            \( -name bin -o -name obj -o -name TestResults \) -prune -o -type f -printf '%p %s %T@\n' | sort
    ) | sha256sum | cut -d ' ' -f 1
}

build_current() { [ "$(cat "$build_state/$1" 2>/dev/null)" = "$2" ]; }

build_when_needed() {
    local name=$1 target=$2 fingerprint log lock is_built=yes
    shift 2
    have dotnet || die "$exit_environment" "needs the .NET SDK $(sed -n 's/.*"version": "\([^"]*\)".*/\1/p' "$actorft_root/global.json") or newer of its feature band: 'dotnet' is not in PATH"
    fingerprint=$(build_fingerprint "$@")
    if build_current "$name" "$fingerprint"; then return 0; fi

    mkdir -p "$build_state"
    log=$build_state/$name.log
    # One lock for all builds: they share projects. Children must not inherit it: the compiler server outlives the build.
    exec {lock}>"$build_state/lock"
    if ! flock -n "$lock"; then
        say "waiting for another build"
        flock "$lock"
    fi
    # Taken again: what changes from here on belongs to the next build.
    fingerprint=$(build_fingerprint "$@")
    if ! build_current "$name" "$fingerprint"; then
        say "building $name (once, until its sources change)"
        # One compiler for all projects, of this build alone: a warm one takes two thirds of the time. It is ended with the build, or with the script.
        local sharing=()
        if have pkill; then
            actorft_compiler=actorft-$$-$RANDOM
            sharing=(-p:UseSharedCompilation=true -p:SharedCompilationId="$actorft_compiler")
        fi
        dotnet build "$actorft_root/$target" -c "$build_configuration" -m:2 -v quiet -nologo "${sharing[@]+"${sharing[@]}"}" \
            -consoleLoggerParameters:NoSummary </dev/null >"$log" 2>&1 {lock}>&- || is_built=no
        end_compiler
        if [ "$is_built" = no ]; then
            # The compiler says each error twice; paths are clearer from the repository's root.
            grep -E ': error ' "$log" | sed "s#$actorft_root/##g" | sort -u | head -n 40 >&2 || tail -n 40 "$log" >&2
            exec {lock}>&-
            # Without the packages nothing can be built: that is the environment's fault, not the sources'.
            if grep -q 'error NU' "$log"; then
                die "$exit_environment" "NuGet could not restore the packages that $target needs"
            fi
            die "$exit_environment" "$target does not build: see above"
        fi
        printf '%s\n' "$fingerprint" >"$build_state/$name"
    fi
    exec {lock}>&-
}
