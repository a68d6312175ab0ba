# shellcheck shell=bash disable=SC2034,SC2154 # what common.sh defines, and what callers read
# Packages from the machine's own Debian mirror, for another architecture and release than the machine's, without root.
#
# The chain of trust: Debian's archive key (from this machine's debian-archive-keyring) signs InRelease; InRelease holds
# the SHA-256 of the package index; the index holds the SHA-256 of each package. Nothing unverified is ever opened.
# Transport is apt's own (proxies, credentials, https as the machine is set up): apt-helper.
# The mirror's address is the machine's business: it is never printed and never stored.
#
#   debian_open FOLDER            find mirrors; FOLDER keeps downloads
#   debian_index ARCH LOCK        verified package index -> $debian_index_file, $debian_release_name; LOCK takes its place
#                                 when the mirror's index fits none of its own signed releases
#   debian_field PACKAGE FIELD    a field of a package in that index
#   debian_download PACKAGE       fetch and verify -> $debian_file

readonly debian_codename=trixie
readonly debian_apt_helper=/usr/lib/apt/apt-helper
debian_keyring=${ACTORFT_DEBIAN_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}
debian_mirrors=()
debian_mirror=
debian_work=
debian_file=
debian_index_file=
debian_release_name=
debian_step=0

debian_open() {
    debian_work=$1
    if [ ! -x "$debian_apt_helper" ] || ! have apt-get; then
        die "$exit_environment" "needs apt (apt-helper, apt-get): only Debian and its derivatives have it"
    fi
    require gpgv gpgv
    require xz xz-utils
    require dpkg-deb dpkg
    [ -r "$debian_keyring" ] ||
        die "$exit_environment" "Debian's archive keys are not at $debian_keyring: apt-get install debian-archive-keyring," \
            "or set ACTORFT_DEBIAN_KEYRING"
    if [ -n "${ACTORFT_DEBIAN_MIRROR:-}" ]; then
        case $ACTORFT_DEBIAN_MIRROR in
            http://* | https://* | file:/*) debian_mirrors=("${ACTORFT_DEBIAN_MIRROR%/}") ;;
            *) die "$exit_operator" "ACTORFT_DEBIAN_MIRROR must start with http://, https:// or file:/" ;;
        esac
    else
        # apt reads sources.list, *.list and *.sources for us, and tells what an update would fetch: unlike indextargets, that
        # needs no update to have been made, which a fresh machine or container has not. It needs no root and fetches nothing.
        # Security archives carry no installer nor release of their own.
        mapfile -t debian_mirrors < <(
            apt-get update --print-uris 2>/dev/null |
                awk -F "'" '$2 ~ "/dists/[^/]+/InRelease$" && $2 !~ /security/ { sub("/+dists/[^/]+/InRelease$", "", $2); if (!seen[$2]++) print $2 }'
        )
        [ "${#debian_mirrors[@]}" -gt 0 ] ||
            die "$exit_environment" "apt on this machine has no package mirror configured: set ACTORFT_DEBIAN_MIRROR" \
                "to a Debian mirror (http://HOST/debian)"
    fi
}

# debian_get PATH FILE [SHA256 [SIZE LABEL]]: PATH under the mirror. Only a whole, right file gets the name FILE.
debian_get() {
    local path=$1 file=$2 sha256=${3:-} size=${4:-0} label=${5:-} part=$2.part pid code=0 have_bytes
    rm -f -- "$part"
    "$debian_apt_helper" -q=2 -o APT::Sandbox::User=root -o Acquire::Retries=2 -o Acquire::http::Timeout=30 \
        download-file "$debian_mirror/$path" "$part" ${sha256:+"SHA256:$sha256"} >"$debian_work/apt.log" 2>&1 &
    pid=$!
    actorft_child=$pid
    if [ -n "$label" ] && [ -t 2 ]; then
        while kill -0 "$pid" 2>/dev/null; do
            have_bytes=$(stat -c %s -- "$part" 2>/dev/null || echo 0)
            printf '\r%s: %s: %d of %d MB ' "$actorft_script" "$label" $((have_bytes / 1000000)) $((size / 1000000)) >&2
            sleep 0.3
        done
        printf '\r\033[K' >&2
    fi
    wait "$pid" || code=$?
    actorft_child=
    if [ "$code" -ne 0 ] || [ ! -s "$part" ]; then
        rm -f -- "$part"
        return 1
    fi
    # apt has checked the hash while it loaded; this check does not depend on apt's options.
    if [ -n "$sha256" ] && [ "$(sha256_of "$part")" != "$sha256" ]; then
        rm -f -- "$part"
        return 1
    fi
    mv -f -- "$part" "$file"
}

# The first reason is told: later ones are of fallbacks.
debian_refuse() { debian_reason=${debian_reason:-$1}; }

# debian_release SUITE: fetches and verifies InRelease -> $debian_work/Release. Fails with a reason in $debian_reason.
debian_release() {
    local suite=$1
    if ! debian_get "dists/$suite/InRelease" "$debian_work/InRelease"; then
        debian_refuse "the mirror has no '$suite' release, or cannot be reached"
        return 1
    fi
    if ! gpgv -q --keyring "$debian_keyring" --output "$debian_work/Release" "$debian_work/InRelease" 2>/dev/null; then
        rm -f -- "$debian_work/Release"
        debian_refuse "the signature of '$suite' is not by Debian's archive keys on this machine"
        return 1
    fi
    if ! grep -qx "Codename: $debian_codename" "$debian_work/Release"; then
        debian_refuse "'$suite' is not Debian $debian_codename"
        return 1
    fi
}

# Mirrors that cache may serve a new InRelease beside an old index for a while. A release is known under two names there
# (trixie, stable), cached apart, so the second often fits when the first does not. Both are signed; the hash decides.
# When neither fits, LOCK has what an earlier signed release listed. A wrong signature, though, is never overlooked.
debian_index() {
    local arch=$1 recorded=$2 suite path entry sha256 size
    debian_reason=
    debian_stale=no
    path=main/binary-$arch/Packages.xz
    for debian_mirror in "${debian_mirrors[@]}"; do
        for suite in "$debian_codename" stable; do
            debian_release "$suite" || continue
            # The SHA256 section alone: the MD5 lines above it have the same shape.
            entry=$(awk -v path="$path" '/^[^ ]/ { section = $1 } section == "SHA256:" && $3 == path { print $1, $2 }' "$debian_work/Release")
            read -r sha256 size <<<"$entry" || true
            if [ -z "$sha256" ]; then
                debian_refuse "'$suite' has no packages for $arch"
                continue
            fi
            if debian_get "dists/$suite/main/binary-$arch/by-hash/SHA256/$sha256" "$debian_work/Packages.xz" "$sha256" ||
                debian_get "dists/$suite/$path" "$debian_work/Packages.xz" "$sha256" "$size" "package index"; then
                xz -dc "$debian_work/Packages.xz" >"$debian_work/Packages"
                debian_index_file=$debian_work/Packages
                debian_release_name="Debian $(sed -n 's/^Version: //p' "$debian_work/Release") ($debian_codename)"
                return 0
            fi
            debian_refuse "the mirror's package index does not match the signed release '$suite' (is it being updated?)"
            debian_stale=yes
        done
    done
    [ "$debian_stale" = yes ] || die "$exit_environment" "$debian_reason"
    warn "$debian_reason; using the versions recorded in ${recorded#"$actorft_root/"}"
    debian_index_file=$recorded
    debian_release_name="recorded Debian $debian_codename"
}

# debian_field PACKAGE FIELD
debian_field() {
    awk -v package="$1" -v field="$2:" '
        $1 == "Package:" { found = $2 == package }
        found && $1 == field { sub("^[^ ]+ ", ""); print; exit }' "$debian_index_file"
}

debian_download() {
    local package=$1 path sha256 size label
    path=$(debian_field "$package" Filename)
    sha256=$(debian_field "$package" SHA256)
    size=$(debian_field "$package" Size)
    if [ -z "$path" ] || [ -z "$sha256" ] || [ -z "$size" ]; then
        die "$exit_environment" "$debian_release_name has no package '$package' on this machine's mirror"
    fi
    debian_step=$((debian_step + 1))
    label="[$debian_step] $package $(debian_field "$package" Version)"
    debian_file=$debian_work/$package.deb
    say "$label, $((size / 1000000)).$((size / 100000 % 10)) MB"
    for debian_mirror in "${debian_mirrors[@]}"; do
        if debian_get "$path" "$debian_file" "$sha256" "$size" "$label"; then return 0; fi
    done
    die "$exit_environment" "could not fetch package '$package' whole from this machine's mirror: try again," \
        "or set ACTORFT_DEBIAN_MIRROR to another one"
}
