#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs every command of the README and the docs. Each block of `sh` runs as it stands, in a copy of
# the tree's surface and in a network of its own, so that the usual ports are free. The commands of
# ./quickstart itself are run by tour_test.sh and by whoever runs this.
. "$(dirname "${BASH_SOURCE[0]}")/../support/script.sh"

if [ "${1:-}" != --inside ]; then
    # As root a network namespace is enough; else a user namespace gives the right to make one.
    [ "$(id -u)" -eq 0 ] && flags=-n || flags=-rn
    exec unshare "$flags" -- bash -c 'ip link set lo up && exec "$0" --inside' "$0"
fi

work=$scratch/tree
mkdir "$work"
for name in apps config docs framework protocols tests build README.md configure.ac Makefile.am; do
    ln -s "$root/$name" "$work/$name"
done
# What a document writes stays in the copy.
rm "$work/docs" && cp -r docs "$work/docs"
make -s -C "$build" install DESTDIR="$scratch/stage" >/dev/null || exit 1
export PKG_CONFIG_PATH=$scratch/stage/usr/local/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$scratch/stage
export LD_LIBRARY_PATH=$scratch/stage/usr/local/lib

# Each block of a document becomes a file.
blocks_of() {
    awk -v out="$scratch/block" '
        /^```sh$/ { inside = 1; n++; next }
        /^```$/ { inside = 0 }
        inside { print > (out "." n ".sh") }' "$1"
}

run_block() {
    (cd "$work" && timeout -k 5 90 bash -e -o pipefail "$1" </dev/null)
}

for document in README.md docs/*.md; do
    rm -f "$scratch"/block.*.sh
    blocks_of "$document"
    for block in "$scratch"/block.*.sh; do
        [ -f "$block" ] || continue
        grep -vE '^\./quickstart' "$block" >"$scratch/run.sh" || continue
        # A program from the README, where a block compiles it.
        awk '/^```c$/ { inside = 1; next } /^```$/ { if (inside) exit } inside' README.md \
            >"$work/hello.c"
        expect "$document: $(head -n 1 "$scratch/run.sh")" run_block "$scratch/run.sh"
    done
done
summary
