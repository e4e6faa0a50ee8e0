#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Writes docs/configuration.md from the tables of the settings: configuration_manual.sh PACELINE
cat <<'TEXT'
# Configuration

YAML 1.1, strict: an unknown key, a wrong type, a value out of range or a key that stands twice ends
the start with exit code 78 and `file:line:column: message`; a missing file with 66. Every key has a
default. This page is made from the same tables that read the file:

```sh
tests/support/configuration_manual.sh build/apps/paceline > docs/configuration.md
```

A value carries its unit: `10s`, `150us`, `64KiB`. `[]` marks a list. `build/apps/paceline
--print-config` prints a whole configuration with all defaults, `--check` only checks it, and `--set
KEY=VALUE` replaces one key from the command line; an item of a list is named by its number or its
name: `--set services.0.listen=[127.0.0.1:0]`.

A key that says `live` may change while the server runs, by a [reload](live-change.md); one that says
`start` is read at the start only, and a reload reports that it differs.

## More files

`include: conf.d/*.yaml`, at the root of a file, reads other files as if their keys stood in it; a list
of such paths is taken as well. A path is relative to the folder of the file that says it, as is every
path within it. What a pattern matches is read in the order of the names, and may be nothing; a file
that is named without wildcards must exist. Groups of keys merge, lists (`services`, `upstreams`) are
appended to the including file's, and a value that two files give is refused with both places. Files
that are included may include files, no file twice; 64 in all, 8 deep, together as large as one file
may be. Every mistake names its file, and `--print-config` the files that were read.

## Keys

| key | default | takes | when | meaning |
|---|---|---|---|---|
TEXT
"$1" --print-manual 
cat <<'TEXT'

The keys below `services[].http` belong to services with `protocol: http`, those below
`services[].line` to services with `protocol: line`.
TEXT
