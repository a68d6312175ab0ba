# shellcheck shell=bash
# Writes a cpio archive (the "newc" format of Linux's initramfs) to standard output, without root and the same bytes for
# the same files: no times, owners or inode numbers of this machine get in. Device nodes are only entries in it.
#
#   newc_folder NAME | newc_file NAME FILE MODE | newc_link NAME TARGET | newc_device NAME c|b MAJOR MINOR MODE | newc_end

newc_inode=0

# newc_entry NAME MODE(octal) SIZE RDEVMAJOR RDEVMINOR: header, name and padding to 4 bytes.
newc_entry() {
    local name=$1 mode=$((8#$2)) size=$3 major=$4 minor=$5 links=1
    newc_inode=$((newc_inode + 1))
    [ $((mode & 8#170000)) -ne $((8#40000)) ] || links=2
    # magic, ino, mode, uid, gid, nlink, mtime, filesize, dev major and minor, rdev major and minor, namesize, check
    printf '070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X' \
        "$newc_inode" "$mode" 0 0 "$links" 0 "$size" 0 0 "$major" "$minor" $((${#name} + 1)) 0
    printf '%s\0' "$name"
    newc_pad $((110 + ${#name} + 1))
}

newc_pad() {
    local over=$(($1 % 4))
    [ "$over" -eq 0 ] || head -c $((4 - over)) /dev/zero
}

newc_folder() { newc_entry "$1" 40755 0 0 0; }

newc_file() {
    local size
    size=$(stat -c %s -- "$2")
    newc_entry "$1" "100$3" "$size" 0 0
    cat -- "$2"
    newc_pad "$size"
}

newc_link() {
    newc_entry "$1" 120777 ${#2} 0 0
    printf '%s' "$2"
    newc_pad ${#2}
}

newc_device() {
    local type=20
    [ "$2" = c ] || type=60
    newc_entry "$1" "${type}$5" 0 "$3" "$4"
}

newc_end() {
    newc_inode=-1
    newc_entry 'TRAILER!!!' 0 0 0 0
}
