#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What leaves the tree: make distcheck, the layers' include paths, the error of a missing library.
. "$(dirname "${BASH_SOURCE[0]}")/../support/script.sh"

# That the tests pass outside the tree; each combination has its turn inside. The last lines do not say
# which test failed, nor why.
distcheck() {
    local log
    PL_TEST_SHORT=yes make -s -C "$build" -j"$(nproc)" distcheck DISTCHECK_CONFIGURE_FLAGS=--disable-static && return
    for log in "$build"/paceline-*/_build/sub/test-suite.log; do
        grep -aE '^FAIL|^ERROR|FAILED  \] [a-z]|\[   LINE|AddressSanitizer' "$log"
    done
    return 1
}
expect 'make distcheck' distcheck

wrong_direction() {
    # A file of a low layer that includes a higher one: the paths of its own layer do not lead there.
    echo '#include "engine.h"' >"$scratch/upwards.c"
    ! cc -fsyntax-only -iquote framework/base -iquote framework/memory -iquote framework/io \
        -I framework/include "$scratch/upwards.c"
    local layers
    layers=$(make -s -C "$build" -p -n 2>/dev/null | grep -E '^libio_la_CPPFLAGS')
    [ -n "$layers" ] && ! grep -q dispatch <<<"$layers"
}
expect 'an include in the wrong direction does not compile' wrong_direction

# What stands in quotes is a file of the same folder.
apps_see_public_headers() {
    local file header found=yes
    while IFS=: read -r file header; do
        header=${header#*\"}
        [ -f "$(dirname "$file")/${header%\"*}" ] || { echo "$file: $header" && found=no; }
    done < <(grep -H '^#include "' apps/*.[ch] apps/*/*.[ch] protocols/*/*.[ch])
    [ "$found" = yes ]
}
expect 'applications and protocols include nothing of the inside' apps_see_public_headers

missing_library() {
    mkdir "$scratch/empty" && cd "$scratch" && mkdir build && cd build || return 1
    PKG_CONFIG_LIBDIR=$scratch/empty "$root/configure" >"$scratch/configure.log" 2>&1 && return 1
    grep -q 'libyaml is missing: on Debian, apt-get install libyaml-dev' "$scratch/configure.log"
}
expect 'a missing library is named with its package' missing_library
summary
