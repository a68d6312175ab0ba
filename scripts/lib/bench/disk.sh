# shellcheck shell=bash disable=SC2034,SC2154 # what scripts/bench and the libraries define and read
# a machine's disk: simplex, duplex, duplex while a copy is rebuilt, and QEMU, with the same image, in one run
#
# scripts/bench disk [--seconds S] [--size MB] [--resync-size MB] [--only LIST] [--runs K] [--output json|FILE]
#
#   --seconds S        length of each load (default 3)
#   --size MB          size of the disk (default 256)
#   --resync-size MB   size of the disk that is filled from nothing (default 1024)
#   --only LIST        of duplex,rebuild,resync,qemu, with commas (default all)
#
# ioping (Debian's, inside the guest) on /dev/vda, one request after the other, past the guest's cache: 4 KiB at random places and 1 MiB in sequence,
# reads and writes, and 4 KiB writes with an fdatasync after each. Duplex, simplex and QEMU run at once, each with a disk of its own; one at a time does a load,
# in turn, twice a run, in this order and then in the other. Mirrored and rebuild are in turn on one machine. Ratios are of neighbours, then medians. Each server
# (and QEMU) has one core of the host. Latencies are the guest's, host CPU is of all servers' processes.
# Resync: a copy that is filled from nothing while the guest is idle, between two plain copies of the same image with fsync.

disk_options=()
disk_option() {
    case $1 in
        --seconds) [[ $2 =~ ^[1-9][0-9]?$ ]] || die "$exit_operator" "--seconds is '$2'; allowed is 1 to 99" ;;
        --size | --resync-size) [[ $2 =~ ^[1-9][0-9]{1,4}$ ]] || die "$exit_operator" "$1 is '$2'; allowed is 10 to 99999 MB" ;;
        --only)
            [[ $2 =~ ^(duplex|rebuild|resync|qemu)(,(duplex|rebuild|resync|qemu))*$ ]] ||
                die "$exit_operator" "--only is '$2'; allowed are duplex, rebuild, resync and qemu, with commas"
            ;;
        *) return 1 ;;
    esac
    disk_options+=("$1" "$2")
}
bench_read disk_option "$@"

require qemu-system-riscv64 qemu-system-misc
PATH=$PATH:/usr/sbin:/sbin
require mke2fs e2fsprogs
export ACTORFT_GUEST_DIR=${ACTORFT_GUEST_DIR:-$actorft_root/.guest}
"$actorft_root/scripts/fetch-guest" || exit "$exit_environment"

# The guest with ioping: the usual initramfs with a second one behind it.
# shellcheck source=scripts/lib/debian.sh
. "$actorft_root/scripts/lib/debian.sh"
# shellcheck source=scripts/lib/newc.sh
. "$actorft_root/scripts/lib/newc.sh"
disk_cache=$actorft_root/.cache/bench-disk
disk_libraries=usr/lib/riscv64-linux-gnu
disk_loader=ld-linux-riscv64-lp64d.so.1
disk_fetch() {
    local work package
    mkdir -p "$disk_cache"
    scratch_make work "$disk_cache"
    debian_open "$work"
    debian_index riscv64 "$actorft_root/scripts/guest/packages.lock"
    mkdir -p "$work/in"
    for package in ioping libc6; do
        debian_download "$package"
        dpkg-deb -x "$debian_file" "$work/in"
        rm -f "$debian_file"
    done
    cp -L "$work/in/usr/bin/ioping" "$work/in/$disk_libraries/libc.so.6" "$work/in/$disk_libraries/libm.so.6" "$work/in/$disk_libraries/$disk_loader" "$work/"
    {
        newc_folder usr/lib
        newc_folder "$disk_libraries"
        newc_file usr/bin/ioping "$work/ioping" 755
        newc_file usr/bin/disk-bench "$actorft_root/scripts/guest/disk-bench" 755
        for package in libc.so.6 libm.so.6 "$disk_loader"; do newc_file "$disk_libraries/$package" "$work/$package" 755; done
        newc_folder lib
        newc_link "lib/$disk_loader" "/$disk_libraries/$disk_loader"
        newc_end
    } >"$work/extra"
    mv -f "$work/extra" "$disk_cache/extra"
    sha256_of "$actorft_root/scripts/guest/disk-bench" >"$disk_cache/extra.of"
}
if [ ! -f "$disk_cache/extra" ] || [ "$(cat "$disk_cache/extra.of" 2>/dev/null)" != "$(sha256_of "$actorft_root/scripts/guest/disk-bench")" ]; then disk_fetch; fi
cat "$ACTORFT_GUEST_DIR/initrd" "$disk_cache/extra" >"$disk_cache/initrd.part"
mv -f "$disk_cache/initrd.part" "$disk_cache/initrd"
export ACTORFT_BENCH_INITRD=$disk_cache/initrd

build_when_needed pair-bench tests/ActorFT.PairBench/ActorFT.PairBench.csproj src tests/ActorFT.PairBench tests/ActorFT.EndToEnd tests/ActorFT.Node.Tests
disk_program=(dotnet "$actorft_root/tests/ActorFT.PairBench/bin/$build_configuration/net10.0/ActorFT.PairBench.dll" disk
    --runs "$bench_runs" "${disk_options[@]+"${disk_options[@]}"}")
case $bench_output in
    '') "${disk_program[@]}" ;;
    *)
        disk_rows=$("${disk_program[@]}" --output json)
        bench_write "{ \"part\": \"disk\", $(bench_host), \"runs\": $bench_runs, $disk_rows }" || true
        ;;
esac
