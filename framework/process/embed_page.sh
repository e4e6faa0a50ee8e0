#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# embed_page.sh FILE: the page of the admin service as a string in C, to stdout.
set -eu
echo "/* Made by framework/process/embed_page.sh from $(basename "$1"). */"
echo '#include "admin_internal.h"'
echo 'const char pl_admin_page_text[] ='
sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$/\\n"/' "$1"
echo ';'
