/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <yaml.h>

/* Owner: the document. NULL: no such key. */
static yaml_node_t *find(yaml_document_t *document, const yaml_node_t *mapping, const char *name)
{
    if (mapping == NULL || mapping->type != YAML_MAPPING_NODE)
        return NULL;
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);

        if (key != NULL && key->type == YAML_SCALAR_NODE &&
            strcmp((const char *)key->data.scalar.value, name) == 0)
            return yaml_document_get_node(document, pair->value);
    }
    return NULL;
}

/* The path as the server understands it, whatever folder this one runs in. */
static char *beside(const char *file, const char *path)
{
    const char *slash = strrchr(file, '/');
    int folder = path[0] == '/' || slash == NULL ? 0 : (int)(slash - file) + 1;
    char *joined = NULL;

    if (asprintf(&joined, "%.*s%s", folder, file, path) < 0)
        return NULL;
    return joined;
}

static int take_path(yaml_document_t *document, const char *file, char **ret_path)
{
    const yaml_node_t *control = find(document, yaml_document_get_root_node(document), "control");
    const yaml_node_t *path = find(document, control, "socket");

    if (path == NULL || path->type != YAML_SCALAR_NODE || path->data.scalar.length == 0) {
        fprintf(stderr, "paceline-ctl: %s: it names no control.socket\n", file);
        return EX_CONFIG;
    }
    *ret_path = beside(file, (const char *)path->data.scalar.value);
    return *ret_path == NULL ? EX_OSERR : EX_OK;
}

static int read_document(yaml_parser_t *parser, const char *file, char **ret_path)
{
    yaml_document_t document;
    int code;

    if (!yaml_parser_load(parser, &document)) {
        fprintf(stderr, "paceline-ctl: %s:%zu:%zu: %s\n", file, parser->problem_mark.line + 1,
                parser->problem_mark.column + 1,
                parser->problem != NULL ? parser->problem : "no YAML");
        return EX_CONFIG;
    }
    code = take_path(&document, file, ret_path);
    yaml_document_delete(&document);
    return code;
}

int ctl_config_socket(const char *file, char **ret_path)
{
    FILE *in = fopen(file, "re");
    yaml_parser_t parser;
    int code = EX_OSERR;

    if (in == NULL) {
        fprintf(stderr, "paceline-ctl: %s: %s\n", file, strerror(errno));
        return EX_NOINPUT;
    }
    if (yaml_parser_initialize(&parser)) {
        yaml_parser_set_input_file(&parser, in);
        code = read_document(&parser, file, ret_path);
        yaml_parser_delete(&parser);
    }
    (void)fclose(in);
    return code;
}
