#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An application outside the tree: install, then compile the README's program as the README says,
# and serve with it under every model.
. "$(dirname "${BASH_SOURCE[0]}")/../support/script.sh"

install_it() {
    make -s -C "$build" install DESTDIR="$scratch/stage" &&
        [ -f "$scratch/stage/usr/local/lib/libpaceline.so" ] &&
        [ -f "$scratch/stage/usr/local/lib/libpaceline.a" ] &&
        [ -x "$scratch/stage/usr/local/bin/paceline-conform" ] &&
        [ -f "$scratch/stage/usr/local/include/paceline/http.h" ]
}
expect 'make install DESTDIR= puts libraries, headers and paceline.pc in place' install_it

export PKG_CONFIG_PATH=$scratch/stage/usr/local/lib/pkgconfig
export PKG_CONFIG_SYSROOT_DIR=$scratch/stage
export LD_LIBRARY_PATH=$scratch/stage/usr/local/lib

# The program is the first block of C in the README.
mkdir "$scratch/app"
awk '/^```c$/ { inside = 1; next } /^```$/ { if (inside) exit } inside' README.md \
    >"$scratch/app/hello.c"
expect 'the README holds the program of apps/hello.c to the letter' diff "$scratch/app/hello.c" apps/hello.c

compile() {
    # shellcheck disable=SC2046
    (cd "$scratch/app" && cc hello.c $(pkg-config --cflags --libs paceline) -o hello)
}
expect 'it compiles with cc and pkg-config' compile

only_ours() {
    ! nm -D --defined-only "$LD_LIBRARY_PATH/libpaceline.so" |
        awk '$2 ~ /[TDBR]/ && $3 !~ /^pl_/ { print; found = 1 } END { exit !found }'
}
expect 'the library shows no symbol but pl_' only_ours

serves() {
    start_server "$1" "$scratch/app/hello" --model "$1" --set 'services.0.listen=[127.0.0.1:0]' &&
        [ "$(curl -s "http://127.0.0.1:$(port_of "$1")/")" = 'Hello, World!' ] &&
        wrk -t1 -c16 -d1 "http://127.0.0.1:$(port_of "$1")/" >"$scratch/wrk.txt" &&
        ! grep -E 'Socket errors|Non-2xx' "$scratch/wrk.txt"
}
for model in leader_followers half_sync_half_async reactor proactor per_core; do
    expect "it serves under $model without an error" serves "$model"
done

headers_compile_alone() {
    local header
    for header in "$scratch"/stage/usr/local/include/paceline/*.h; do
        printf "#include <paceline/%s>\nint one;\n" "$(basename "$header")" >"$scratch/one.c"
        # shellcheck disable=SC2046
        cc -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only $(pkg-config --cflags paceline) \
            "$scratch/one.c" || return 1
    done
}
expect 'every public header compiles alone' headers_compile_alone

protocol_of_the_docs() {
    awk '/^```c$/ { inside = 1; next } /^```$/ { if (inside) exit } inside' \
        docs/write-a-protocol.md >"$scratch/app/count.c"
    # shellcheck disable=SC2046
    (cd "$scratch/app" && cc count.c $(pkg-config --cflags --libs paceline) -o count) &&
        start_server count "$scratch/app/count" --set 'services.0.listen=[127.0.0.1:0]' &&
        printf 'abc\n' | nc -q1 127.0.0.1 "$(port_of count)" | grep -q .
}
expect 'the protocol of docs/write-a-protocol.md compiles and answers' protocol_of_the_docs

upstream_of_the_docs() {
    awk '/^```c$/ { inside = 1; next } /^```$/ { if (inside) exit } inside' docs/upstream.md \
        >"$scratch/app/ask.c"
    # shellcheck disable=SC2046
    (cd "$scratch/app" && cc ask.c $(pkg-config --cflags --libs paceline) -o ask) &&
        start_server back "$build/apps/echo" --set 'services.0.listen=[127.0.0.1:0]' &&
        start_server ask "$scratch/app/ask" --set 'services.0.listen=[127.0.0.1:0]' \
            --set "upstreams=[{name: back, servers: [\"127.0.0.1:$(port_of back)\"]}]" &&
        [ "$(curl -s "http://127.0.0.1:$(port_of ask)/")" = 'who is there?' ]
}
expect 'the application of docs/upstream.md compiles and asks' upstream_of_the_docs

end_servers
summary
