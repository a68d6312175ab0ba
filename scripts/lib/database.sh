# shellcheck shell=bash disable=SC2034,SC2154 # what common.sh, debian.sh and scripts/fetch-guest define and read
# A real database for the guest: valkey, with the C library and the others that it needs, from Debian's riscv64 packages.
# Verified as everything that debian.sh fetches; unpacked without root.
#
#   database_complete           all there and right?
#   database_fetch              $guest/database.tar from the mirror
#   database_build              $guest/initrd-database: the guest's initramfs with a second one behind it (the kernel
#                               unpacks both), and $guest/database.json

# Raised when the archive's content changes: an older one is then fetched anew.
readonly database_layout=1
# valkey-tools holds the program, valkey-server only its service; the others hold the libraries that the program names, and
# those that these name in turn. The guest's first use of one that is missing would fail: database_fetch looks first.
readonly database_packages=(valkey-tools libc6 libgcc-s1 libstdc++6 libatomic1 libjemalloc2 liblzf1 libssl3t64 libzstd1 zlib1g
    libsystemd0 libcap2)
readonly database_libraries=usr/lib/riscv64-linux-gnu
readonly database_interpreter=ld-linux-riscv64-lp64d.so.1

database_key() { sed -n "s/^ *\"$1\": \"\(.*\)\",\{0,1\}\$/\1/p" "$guest/database.json" 2>/dev/null || true; }

database_files_complete() {
    [ "$(database_key layout)" = "$database_layout" ] &&
        [ -f "$guest/database.tar" ] && [ "$(sha256_of "$guest/database.tar")" = "$(database_key files_sha256)" ]
}

database_complete() {
    database_files_complete && [ "$(sha256_of "$guest/initrd")" = "$(database_key base_sha256)" ] &&
        [ -f "$guest/initrd-database" ] && [ "$(sha256_of "$guest/initrd-database")" = "$(database_key initrd_sha256)" ]
}

# elf_needs FILE: the shared libraries whose names it holds. Names of libraries end so, and little else in a program does.
elf_needs() { tr -c '[:alnum:]._+-' '\n' <"$1" | grep -E '^lib[a-z0-9_+-]+\.so(\.[0-9]+)+$' | sort -u || true; }

# take_library NAME: copies a library under the name it is asked for by, and all that it needs.
declare -A library_done=()
take_library() {
    local need
    [ -z "${library_done[$1]:-}" ] || return 0
    library_done[$1]=1
    # Names that a program merely could load (name services, plug-ins) come without a file: they are not needed to start.
    [ -e "$database_in/$database_libraries/$1" ] || return 0
    cp -L "$database_in/$database_libraries/$1" "$database_out/$database_libraries/$1"
    for need in $(elf_needs "$database_out/$database_libraries/$1"); do take_library "$need"; done
}

database_fetch() {
    local work package need
    scratch_make work "$guest"
    open_mirror
    database_in=$work/database-packages
    database_out=$work/database
    mkdir -p "$database_in" "$database_out/usr/bin" "$database_out/$database_libraries"
    for package in "${database_packages[@]}"; do
        debian_download "$package"
        dpkg-deb -x "$debian_file" "$database_in"
        rm -f "$debian_file"
    done
    database_version=$(debian_field valkey-tools Version)
    # valkey-server is the program that is also the checker of its files, found by the name it is called by.
    for need in valkey-check-rdb valkey-server; do
        [ ! -f "$database_in/usr/bin/$need" ] || cp -L "$database_in/usr/bin/$need" "$database_out/usr/bin/valkey-server"
    done
    [ -f "$database_out/usr/bin/valkey-server" ] || die "$exit_environment" "package valkey-tools $database_version holds no server program"
    for need in libc.so.6 $(elf_needs "$database_out/usr/bin/valkey-server"); do
        [ -e "$database_in/$database_libraries/$need" ] || die "$exit_environment" "valkey needs $need, which none of its packages hold"
        take_library "$need"
    done
    take_library "$database_interpreter"
    tar -c -f "$work/database.tar" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$database_out" .
    mv -f "$work/database.tar" "$guest/database.tar"
    rm -rf "$work"
}

database_build() {
    local work path
    scratch_make work "$guest"
    mkdir "$work/tree"
    tar -x -f "$guest/database.tar" -C "$work/tree"
    {
        cat "$guest/initrd"
        newc_inode=0
        (cd "$work/tree" && find . -mindepth 1 -printf '%P\n' | sort) | while IFS= read -r path; do
            if [ -d "$work/tree/$path" ]; then newc_folder "$path"; else newc_file "$path" "$work/tree/$path" 755; fi
        done
        newc_link "lib/$database_interpreter" "/$database_libraries/$database_interpreter"
        newc_end
    } >"$work/initrd-database"
    mv -f "$work/initrd-database" "$guest/initrd-database"
    cat >"$work/database.json" <<END
{
  "layout": "$database_layout",
  "valkey_version": "$database_version",
  "files_sha256": "$(sha256_of "$guest/database.tar")",
  "base_sha256": "$(sha256_of "$guest/initrd")",
  "initrd_sha256": "$(sha256_of "$guest/initrd-database")"
}
END
    mv -f "$work/database.json" "$guest/database.json"
    rm -rf "$work"
}
