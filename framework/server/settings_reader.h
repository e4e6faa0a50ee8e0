/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks a YAML document along the tables of settings. Aliases are followed with a bound on nodes,
 * so that a small file cannot stand for a large one.
 */
#ifndef PL_SERVER_SETTINGS_READER_H
#define PL_SERVER_SETTINGS_READER_H

#include "settings.h"
#include "settings_include.h"

#include <yaml.h>

struct pl_settings_reader {
    const struct pl_settings_schema *schema;
    /* Either the files that the document was made of, or, for a value of a command line, where a
     * line and a column say nothing, its name in messages; relative paths are then left alone. */
    const struct pl_settings_files *files;
    const char *source;
    void *root; /* the outermost struct */
    yaml_document_t *document;
    int nodes_left;
    int depth;
    struct pl_error *error;
};

/* Reads the keys of a mapping into the struct that `rows` describe. Errors: -EINVAL with
 * file:line:column; -ENOMEM. */
PL_MUST_CHECK int pl_settings_read_mapping(struct pl_settings_reader *reader,
                                           const yaml_node_t *node, const struct pl_setting *rows,
                                           void *data);
/* Reads one value. */
PL_MUST_CHECK int pl_settings_read_value(struct pl_settings_reader *reader, const yaml_node_t *node,
                                         const struct pl_setting *row, void *data);

/* NULL when there is none. */
const struct pl_setting *pl_settings_find_row(const struct pl_setting *rows, const char *name);
const struct pl_setting *pl_settings_find_module_row(const struct pl_setting *rows);

#endif
