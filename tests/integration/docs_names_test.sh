#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The documentation names only what exists: files, functions, links; and the pictures are those
# that docs/img/draw.py draws.
#
#     `framework/io/socket.c`   a file or folder of the tree
#     `<paceline/conn.h>`       a public header
#     `pl_settle()`, `PL_WAIT`  somewhere in framework/, protocols/ or apps/
#     [text](docs/models.md)    a file, relative to the page
set -eu

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0
number=0

# report WHAT PROBLEMS: ok when the file PROBLEMS is empty.
report()
{
    number=$((number + 1))
    if [ ! -s "$2" ]; then
        passed=$((passed + 1))
        echo "ok $number - $1"
    else
        failed=$((failed + 1))
        echo "not ok $number - $1"
        sed 's/^/#   /' "$2"
    fi
}

pages=()
for page in README.md docs/*.md; do
    [ -f "$page" ] && pages+=("$page")
done
if [ ${#pages[@]} -eq 0 ]; then
    echo "not ok 1 - there are pages to check"
    echo "0 passed, 1 failed"
    exit 1
fi

# Everything between backticks on one line, outside of code blocks: page:line<TAB>text.
awk '
    FNR == 1 { in_block = 0 }
    /^[ \t]*(```|~~~)/ { in_block = !in_block; next }
    in_block { next }
    {
        rest = $0
        while (match(rest, /`[^`]+`/)) {
            print FILENAME ":" FNR "\t" substr(rest, RSTART + 1, RLENGTH - 2)
            rest = substr(rest, RSTART + RLENGTH)
        }
    }' "${pages[@]}" > "$work/ticked"

# Files and folders.
while IFS=$'\t' read -r place name; do
    case $name in
    "<paceline/"*.h">")
        name=${name#<}
        name=framework/include/${name%>}
        ;;
    *" "* | *'$'* | *'<'* | *'*'* | *'='* | *'('* | *'"'* | *'{'* | *'['* | /* | '~'* | -* | *://* | unix:*)
        continue
        ;;
    *.c | *.h | *.md | *.py | *.yaml | *.svg | *.sh | *.am | *.ac | */*) ;;
    *) continue ;;
    esac
    name=${name#./}
    # Not of the tree: an address with a path, a media type, a spelling of a model, what was built.
    case $name in
    build/*) continue ;;
    *:[0-9]* | text/* | application/* | leader/* | half-sync/* | half_sync/* | HTTP/*) continue ;;
    esac
    # A name without a folder may stand anywhere; one with a folder must stand there.
    case $name in
    */*) [ -e "$name" ] || echo "$place: no $name" ;;
    *)
        [ -e "$name" ] || [ -n "$(find framework protocols apps tests config docs -name "$name" \
            -print -quit 2> "$work/ignored")" ] || echo "$place: no $name"
        ;;
    esac
done < "$work/ticked" > "$work/files"
report "every file named in the documentation exists" "$work/files"

# Functions, types and macros: whole words of the sources.
grep -rhoE --include='*.c' --include='*.h' '\b(pl|PL)_[A-Za-z0-9_]+' framework protocols apps |
    sort -u > "$work/known"
while IFS=$'\t' read -r place text; do
    grep -oE '\bpl_[a-z0-9_]+\(|\bstruct pl_[a-z0-9_]+|\benum pl_[a-z0-9_]+|\bPL_[A-Z0-9_]*[A-Z0-9]' \
        <<< "$text" | sed -e 's/^struct //' -e 's/^enum //' -e 's/($//' -e "s|^|$place\t|" || true
done < <(grep -E '(pl|PL)_' "$work/ticked") > "$work/used"
awk -F'\t' 'NR == FNR { known[$1] = 1; next } !($2 in known) { print $1 ": no " $2 }' \
    "$work/known" "$work/used" > "$work/names"
report "every function, type and macro named in the documentation exists" "$work/names"

# A function of one file is named together with it: `split_input()` in `framework/conn/job.c`.
cat "${pages[@]}" |
    grep -oE '`[a-z_0-9]+\(\)` in `[A-Za-z0-9_/.-]+\.[ch]`' | sort -u > "$work/pairs" || true
while read -r pair; do
    function=$(sed -E 's/^`([a-z_0-9]+)\(\).*/\1/' <<< "$pair")
    file=$(sed -E 's/.*` in `([^`]+)`/\1/' <<< "$pair")
    [ -f "$file" ] && grep -qw "$function" "$file" || echo "$pair: it is not there"
done < "$work/pairs" > "$work/places"
report "every function stands in the file it is said to stand in" "$work/places"

# Links.
for page in "${pages[@]}"; do
    { grep -oE '\]\([^)]+\)|(src|href)="[^"]+"' "$page" || true; } |
        sed -E -e 's/^\]\(//' -e 's/\)$//' -e 's/^(src|href)="//' -e 's/"$//' -e 's/ .*//' |
        while read -r target; do
            case $target in
            *://* | '#'* | mailto:*) continue ;;
            esac
            target=${target%%#*}
            [ -e "$(dirname "$page")/$target" ] || echo "$page: no $target"
        done
done > "$work/links"
report "every link of the documentation has a target" "$work/links"

: > "$work/pictures"
if [ -e docs/img/draw.py ]; then
    python3 docs/img/draw.py --check 2> "$work/pictures" || true
fi
report "the pictures are those that docs/img/draw.py draws" "$work/pictures"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
