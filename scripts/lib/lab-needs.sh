# shellcheck shell=bash disable=SC2034,SC2154 # what common.sh defines and callers read
# What the lab's scripts need of the host.

# Installs what is missing; its argument has a line "COMMAND PACKAGE" for each.
install_needs() {
    local command package missing=()
    while read -r command package; do
        [ -z "$command" ] || PATH=$PATH:/usr/sbin:/sbin have "$command" || missing+=("$package")
    done <<<"$1"
    [ "${#missing[@]}" -gt 0 ] || return 0
    if ! is_root || ! have apt-get; then
        die "$exit_environment" "needs packages that are not installed: apt-get install ${missing[*]}"
    fi
    say "installing: ${missing[*]}"
    mkdir -p "$actorft_root/.cache"
    # The lists may be absent or old on a new machine; a second try after fetching them is enough.
    local install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}")
    "${install[@]}" >"$actorft_root/.cache/apt.log" 2>&1 ||
        { apt-get update >/dev/null 2>&1 && "${install[@]}" >"$actorft_root/.cache/apt.log" 2>&1; } ||
        die "$exit_environment" "apt-get could not install: ${missing[*]}"
}

# Whether this process may make networks, with a TAP in them.
can_make_networks() { unshare --net -- ip tuntap add probe0 mode tap 2>/dev/null; }

# The commands of scripts/lab, scripts/lib/lab-pair.sh and scripts/fetch-guest.
install_lab_needs() {
    install_needs '
ip        iproute2
unshare   util-linux
nsenter   util-linux
flock     util-linux
mke2fs    e2fsprogs
gpgv      gpgv
xz        xz-utils
'
}
