# shellcheck shell=bash disable=SC2034,SC2154 # what common.sh defines and callers read
# A pair in the lab (scripts/lab): its configuration files, and one NIC of the machine on the LAN.
#
#   lab_pair_write FOLDER MEMORY INITRD APPEND   FOLDER/{server-a,server-b,arbiter}.conf, and FOLDER/token for their endpoints
#   lab_pair_start LAB FOLDER PROGRAM...         the lab with all three nodes; ends with this script
#
# Addresses: scripts/lab --help. The machine is $lab_machine_address, in the LAN of the lab's client.

# Read if set: lab_pair_more, more of the servers' actorft section; lab_pair_disk, the size in MiB of a disk "data" with ext4 on it,
# of which lab_pair_start makes both copies.

readonly lab_tap=aft0
readonly lab_machine=demo
readonly lab_machine_address=10.77.10.50

# Of the actorft section: faults may be injected, and a copy of a disk that fails again and again is tried again and again, since here
# it is repaired by the one who broke it. By default it stays out until an operator repairs it (actorft disk repair).
readonly lab_pair_patient="fault-injection = on
  faults.policies.disk.max-faults = 1000
  disks { restarts = 1000, restart-delay = 500 ms, mean-time-between-faults = 0 s }"

# lab_pair_server FOLDER a|b MEMORY KERNEL INITRD APPEND
lab_pair_server() {
    local own=1 peer=2 other=b disk=
    [ -z "${lab_pair_disk:-}" ] || disk="{ name = data, path = \"$1/server-$2.img\" }"
    [ "$2" = a ] || { own=2 peer=1 other=a; }
    cat <<END
actorft {
  role = server, pair = lab, name = server-$2, data = "$1/server-$2"
  address = "10.77.0.$own:4551", arbiter = "10.77.0.3:4551"
  peer { name = server-$other, address = "10.77.0.$peer:4551" }
  links = [
    { name = ft0, local = "10.77.1.$own:4561", peer = "10.77.1.$peer:4561" }
    { name = ft1, local = "10.77.2.$own:4561", peer = "10.77.2.$peer:4561" }
  ]
  machines = [ {
    name = $lab_machine, vcpus = 2, memory = $3
    kernel = "$4", initrd = "$5"
    append = "$6"
    console = "file:$1/server-$2.console"
    disks = [ $disk ]
    nics = [ { name = lan, back-end = "tap:$lab_tap", bridge = br0, uplink = lan, return-after = 2 s } ]
  } ]
  ${lab_pair_more:-}
}
akka.management.http { hostname = "10.77.0.$own", port = 8551, token-file = "$1/token" }
END
}

lab_pair_write() {
    local folder=$1 memory=$2 initrd=$3 append=$4 server
    (umask 077 && tr -d - </proc/sys/kernel/random/uuid >"$folder/token")
    for server in a b; do
        lab_pair_server "$folder" "$server" "$memory" "$guest/kernel" "$initrd" "$append" >"$folder/server-$server.conf"
    done
    cat >"$folder/arbiter.conf" <<END
actorft {
  role = arbiter, pair = lab, name = arbiter, data = "$folder/arbiter"
  address = "10.77.0.3:4551", servers = ["10.77.0.1:4551", "10.77.0.2:4551"]
}
akka.management.http { hostname = "10.77.0.3", port = 8551 }
END
}

lab_pair_start() {
    local lab=$1 folder=$2 role
    shift 2
    if [ -n "${lab_pair_disk:-}" ]; then
        truncate -s "${lab_pair_disk}M" "$folder/server-a.img"
        PATH=$PATH:/usr/sbin:/sbin mke2fs -q -F -t ext4 "$folder/server-a.img"
        "$@" disk create --config "$folder/server-a.conf" >/dev/null
        "$@" disk create --config "$folder/server-b.conf" --size "$lab_pair_disk MiB" --replacement >/dev/null
    fi
    "$actorft_root/scripts/lab" --lab "$lab" start --owner $$
    for role in arbiter server-a server-b; do
        "$actorft_root/scripts/lab" --lab "$lab" start "${role#server-}" "exec $(printf '%q ' "$@") node --config $(printf '%q' "$folder/$role.conf")"
    done
}
