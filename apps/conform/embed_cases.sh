#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# embed_cases.sh FILE...: the case files as one table in C, to stdout.
set -eu
echo '/* Made by apps/conform/embed_cases.sh from apps/conform/cases. */'
echo '#include "case_file.h"'
echo 'const struct built_in_file built_in_files[] = {'
for file in "$@"; do
    group=$(basename "$file" .case)
    suite=$(basename "$(dirname "$file")")
    printf '{ "%s", "%s",\n' "$suite" "$group"
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$/\\n"/' "$file"
    echo '},'
done
echo '{ NULL, NULL, NULL } };'
