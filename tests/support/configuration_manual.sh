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

| key | default | takes | meaning |
|---|---|---|---|
TEXT
"$1" --print-manual 
cat <<'TEXT'

The keys below `services[].http` belong to services with `protocol: http`, those below
`services[].line` to services with `protocol: line`.
TEXT
