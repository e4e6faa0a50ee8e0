/* SPDX-License-Identifier: Apache-2.0 */
/* Whole structs described by tables: defaults, printing, the manual, freeing. */
#ifndef PL_SERVER_SETTINGS_TREE_H
#define PL_SERVER_SETTINGS_TREE_H

#include <paceline/attributes.h>
#include <paceline/settings.h>

#include <stdio.h>

struct pl_protocol;

/* The protocols whose tables a MODULE row may stand for. */
struct pl_modules {
    const struct pl_protocol *const *protocols; /* borrowed */
    size_t count;
};

/* Fills a zeroed struct with the defaults of its table. Errors: -ENOMEM. */
PL_MUST_CHECK int pl_settings_fill(const struct pl_setting *rows, void *data);
/* Frees what the struct owns; `module` describes its MODULE row's struct, or is NULL. */
void pl_settings_free(const struct pl_setting *rows, void *data, const struct pl_modules *modules);
/* Writes the struct as YAML. */
void pl_settings_print(const struct pl_setting *rows, const void *data,
                       const struct pl_modules *modules, int indent, FILE *out);
/* Writes the rows as lines of a Markdown table, keys with `prefix` in front. */
void pl_settings_manual(const struct pl_setting *rows, const struct pl_modules *modules,
                        const char *prefix, FILE *out);

/* A protocol's own rows; none at all are an empty table. */
const struct pl_setting *pl_settings_of_protocol(const struct pl_protocol *protocol);

/* Whose table the MODULE row of this struct stands for. */
const struct pl_protocol *pl_settings_module_of(const struct pl_setting *rows, const void *data,
                                                const struct pl_modules *modules);

#endif
