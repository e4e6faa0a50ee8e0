/* SPDX-License-Identifier: Apache-2.0 */
#include "settings_reader.h"

#include "alloc.h"
#include "did_you_mean.h"
#include "setting_value.h"

#include <paceline/limits.h>
#include <paceline/protocol.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

PL_PRINTF(3, 4)
static int refuse(struct pl_settings_reader *reader, const yaml_node_t *node, const char *format,
                  ...)
{
    char message[384];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    if (reader->files == NULL)
        return pl_error_set(reader->error, EX_CONFIG, -EINVAL, "%s: %s", reader->source, message);
    return pl_error_set(reader->error, EX_CONFIG, -EINVAL, "%s:%zu:%zu: %s",
                        pl_settings_file_name(reader->files, node), node->start_mark.line + 1,
                        node->start_mark.column + 1, message);
}

static yaml_node_t *node_at(struct pl_settings_reader *reader, int index)
{
    return yaml_document_get_node(reader->document, index);
}

static const char *text_of(const yaml_node_t *node)
{
    return (const char *)node->data.scalar.value;
}

/* Counts a visit; aliases make one node stand for many. */
static int enter(struct pl_settings_reader *reader, const yaml_node_t *node)
{
    if (--reader->nodes_left < 0)
        return refuse(reader, node, "more than %d values (aliases counted where they stand)",
                      PL_YAML_NODES_MAX);
    if (reader->depth > PL_YAML_DEPTH_MAX)
        return refuse(reader, node, "nested deeper than %d levels", PL_YAML_DEPTH_MAX);
    return 0;
}

static int refuse_key(struct pl_settings_reader *reader, const yaml_node_t *node,
                      const struct pl_setting *rows)
{
    char hint[96] = "";
    size_t best = SIZE_MAX;

    for (const struct pl_setting *row = rows; row->name != NULL; row++) {
        if (row->type != PL_SETTING_MODULE)
            pl_did_you_mean(text_of(node), row->name, &best, hint, sizeof(hint));
        for (size_t i = 0; row->type == PL_SETTING_MODULE && i < reader->schema->modules.count; i++)
            pl_did_you_mean(text_of(node), reader->schema->modules.protocols[i]->name, &best, hint,
                            sizeof(hint));
    }
    if (hint[0] == '\0' && rows[0].name != NULL) {
        size_t used = (size_t)snprintf(hint, sizeof(hint), "; expected");

        for (const struct pl_setting *row = rows; row->name != NULL && used < sizeof(hint); row++)
            if (row->type != PL_SETTING_MODULE)
                used += (size_t)snprintf(hint + used, sizeof(hint) - used, "%s %s",
                                         row == rows ? "" : ",", row->name);
    }
    return refuse(reader, node, "unknown key '%.60s'%s", text_of(node), hint);
}

/* ---- values
 * --------------------------------------------------------------------------------------- */

static int read_scalar(struct pl_settings_reader *reader, const yaml_node_t *node,
                       const struct pl_setting *row, void *data)
{
    char problem[384], hint[96] = "", path[4352], wanted[256];
    const char *text;
    size_t best = SIZE_MAX;
    int err;

    if (node->type != YAML_SCALAR_NODE) {
        pl_setting_describe(row, wanted, sizeof(wanted));
        return refuse(reader, node, "'%s': expected %s, not a %s", row->name, wanted,
                      node->type == YAML_MAPPING_NODE ? "group of keys" : "list");
    }
    text = text_of(node);
    if (strlen(text) != node->data.scalar.length)
        return refuse(reader, node, "'%s': the value holds a NUL", row->name);
    /* An empty one is none, in no folder either. */
    if (row->type == PL_SETTING_PATH && text[0] != '\0' && text[0] != '/' &&
        reader->files != NULL) {
        snprintf(path, sizeof(path), "%s/%s", pl_settings_file_folder(reader->files, node), text);
        text = path;
    }
    err = pl_setting_parse(row, text, data, problem, sizeof(problem));
    if (err == -ENOMEM)
        return pl_error_set(reader->error, EX_OSERR, err, "no memory for the settings");
    if (err == 0)
        return 0;
    for (size_t i = 0; row->type == PL_SETTING_WORD && row->words[i] != NULL; i++)
        pl_did_you_mean(text, row->words[i], &best, hint, sizeof(hint));
    return refuse(reader, node, "%s%s", problem, hint);
}

static int read_group(struct pl_settings_reader *reader, const yaml_node_t *node,
                      const struct pl_setting *row, void *data)
{
    char *place = (char *)data + row->offset;

    if (row->seen_offset != 0)
        *(bool *)(void *)((char *)data + row->seen_offset) = true;
    return pl_settings_read_mapping(reader, node, row->rows, place);
}

static int read_item(struct pl_settings_reader *reader, const yaml_node_t *node,
                     const struct pl_setting *row, char *item)
{
    if (row->type == PL_SETTING_TEXTS) {
        const struct pl_setting text = { .name = row->name, .type = PL_SETTING_TEXT };
        int err = enter(reader, node);

        return err < 0 ? err : read_scalar(reader, node, &text, item);
    }
    if (row->place_offset != 0 && reader->files != NULL)
        *(struct pl_setting_place *)(void *)(item + row->place_offset) =
            (struct pl_setting_place){ .file = pl_settings_file_name(reader->files, node),
                                       .line = (uint32_t)node->start_mark.line + 1,
                                       .column = (uint32_t)node->start_mark.column + 1 };
    if (pl_settings_fill(row->rows, item) < 0)
        return pl_error_set(reader->error, EX_OSERR, -ENOMEM, "no memory for the settings");
    return pl_settings_read_mapping(reader, node, row->rows, item);
}

static int read_list(struct pl_settings_reader *reader, const yaml_node_t *node,
                     const struct pl_setting *row, void *data)
{
    struct pl_setting_list *list = (struct pl_setting_list *)(void *)((char *)data + row->offset);
    size_t count;

    if (node->type != YAML_SEQUENCE_NODE)
        return refuse(reader, node, "'%s': expected a list such as [ … ]", row->name);
    count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    if (list->items != NULL) { /* a second assignment replaces the first */
        struct pl_setting rows[2] = { *row, { .name = NULL } };

        pl_settings_free(rows, data, &reader->schema->modules);
    }
    if (count == 0)
        return 0;
    list->items = pl_alloc(count * row->item_bytes);
    if (list->items == NULL)
        return pl_error_set(reader->error, EX_OSERR, -ENOMEM, "no memory for the settings");
    for (size_t i = 0; i < count; i++) {
        int err;

        list->count++;
        err = read_item(reader, node_at(reader, node->data.sequence.items.start[i]), row,
                        (char *)list->items + i * row->item_bytes);
        if (err < 0)
            return err;
    }
    return 0;
}

int pl_settings_read_value(struct pl_settings_reader *reader, const yaml_node_t *node,
                           const struct pl_setting *row, void *data)
{
    int err = enter(reader, node);

    if (err < 0)
        return err;
    if (row->type == PL_SETTING_GROUP)
        return read_group(reader, node, row, data);
    if (row->type == PL_SETTING_LIST || row->type == PL_SETTING_TEXTS)
        return read_list(reader, node, row, data);
    if (row->type == PL_SETTING_INCLUDE) /* it was followed when the files were read */
        return 0;
    return read_scalar(reader, node, row, data);
}

/* ---- mappings
 * -------------------------------------------------------------------------------------- */

const struct pl_setting *pl_settings_find_row(const struct pl_setting *rows, const char *name)
{
    for (const struct pl_setting *row = rows; row->name != NULL; row++)
        if (row->type != PL_SETTING_MODULE && strcmp(row->name, name) == 0)
            return row;
    return NULL;
}

const struct pl_setting *pl_settings_find_module_row(const struct pl_setting *rows)
{
    for (const struct pl_setting *row = rows; row->name != NULL; row++)
        if (row->type == PL_SETTING_MODULE)
            return row;
    return NULL;
}

static bool is_module(struct pl_settings_reader *reader, const char *name)
{
    for (size_t i = 0; i < reader->schema->modules.count; i++)
        if (strcmp(reader->schema->modules.protocols[i]->name, name) == 0)
            return true;
    return false;
}

/* Every key is known and stands once; then the rows may be read in the order of the table. */
static int check_keys(struct pl_settings_reader *reader, const yaml_node_t *node,
                      const struct pl_setting *rows)
{
    const yaml_node_pair_t *pairs = node->data.mapping.pairs.start;
    size_t count = (size_t)(node->data.mapping.pairs.top - pairs);

    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *key = node_at(reader, pairs[i].key);

        if (key->type != YAML_SCALAR_NODE)
            return refuse(reader, key, "expected a key");
        if (strlen(text_of(key)) != key->data.scalar.length)
            return refuse(reader, key, "the key holds a NUL");
        if (pl_settings_find_row(rows, text_of(key)) == NULL &&
            !(pl_settings_find_module_row(rows) != NULL && is_module(reader, text_of(key))))
            return refuse_key(reader, key, rows);
        for (size_t k = 0; k < i; k++)
            if (strcmp(text_of(node_at(reader, pairs[k].key)), text_of(key)) == 0)
                return refuse(reader, key, "'%.60s' stands twice; the first is in line %zu",
                              text_of(key), node_at(reader, pairs[k].key)->start_mark.line + 1);
    }
    return 0;
}

static const yaml_node_t *value_of(struct pl_settings_reader *reader, const yaml_node_t *node,
                                   const char *name)
{
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++)
        if (strcmp(text_of(node_at(reader, pair->key)), name) == 0)
            return node_at(reader, pair->value);
    return NULL;
}

/* The keys of the service's own protocol; another protocol's are a mistake. */
static int read_module(struct pl_settings_reader *reader, const yaml_node_t *node,
                       const struct pl_setting *rows, const struct pl_setting *row, void *data)
{
    const struct pl_modules *modules = &reader->schema->modules;
    const struct pl_protocol *protocol = pl_settings_module_of(rows, data, modules);
    void **place = (void **)(void *)((char *)data + row->offset);
    const yaml_node_t *value;

    for (size_t i = 0; i < modules->count; i++) {
        const char *name = modules->protocols[i]->name;

        value = value_of(reader, node, name);
        if (value != NULL && modules->protocols[i] != protocol)
            return refuse(reader, value,
                          "'%s' belongs to a service with `protocol: %s`, this one "
                          "has `protocol: %s`",
                          name, name, protocol->name);
    }
    *place = pl_alloc(protocol->settings_bytes);
    if (*place == NULL || pl_settings_fill(pl_settings_of_protocol(protocol), *place) < 0)
        return pl_error_set(reader->error, EX_OSERR, -ENOMEM, "no memory for the settings");
    value = value_of(reader, node, protocol->name);
    if (value == NULL)
        return 0;
    return pl_settings_read_mapping(reader, value, pl_settings_of_protocol(protocol), *place);
}

/* An absent group takes over what the outermost struct has; a present one starts from there. */
static void inherit(struct pl_settings_reader *reader, const struct pl_setting *row, void *data)
{
    size_t bytes = sizeof(struct pl_dispatch_settings);

    if (row->type == PL_SETTING_GROUP && row->inherits_from != 0)
        memcpy((char *)data + row->offset, (char *)reader->root + row->inherits_from - 1, bytes);
}

static int read_rows(struct pl_settings_reader *reader, const yaml_node_t *node,
                     const struct pl_setting *rows, void *data)
{
    int err = check_keys(reader, node, rows);

    for (const struct pl_setting *row = rows; row->name != NULL && err == 0; row++) {
        const yaml_node_t *value;

        inherit(reader, row, data);
        if (row->type == PL_SETTING_MODULE) {
            err = read_module(reader, node, rows, row, data);
            continue;
        }
        value = value_of(reader, node, row->name);
        if (value != NULL)
            err = pl_settings_read_value(reader, value, row, data);
    }
    return err;
}

int pl_settings_read_mapping(struct pl_settings_reader *reader, const yaml_node_t *node,
                             const struct pl_setting *rows, void *data)
{
    int err = enter(reader, node);

    if (err < 0)
        return err;
    if (node->type != YAML_MAPPING_NODE)
        return refuse(reader, node, "expected keys such as '%s:'", rows[0].name);
    reader->depth++;
    err = read_rows(reader, node, rows, data);
    reader->depth--;
    return err;
}
