/* SPDX-License-Identifier: Apache-2.0 */
/* KEY=VALUE → settings: `--set`. */
#include "settings_yaml.h"

#include "alloc.h"
#include "settings_reader.h"
#include "yaml_document.h"

#include <paceline/limits.h>
#include <paceline/protocol.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static int read_value(struct pl_settings_reader *reader, const char *text,
                      const struct pl_setting *row, void *data)
{
    yaml_document_t document;
    const yaml_node_t *root;
    int err = pl_yaml_open(text, strlen(text), reader->source, &document, reader->error);

    if (err < 0)
        return err;
    reader->document = &document;
    root = yaml_document_get_root_node(&document);
    err = root == NULL ? pl_error_set(reader->error, EX_CONFIG, -EINVAL, "%s: the value is empty",
                                      reader->source)
                       : pl_settings_read_value(reader, root, row, data);
    yaml_document_delete(&document);
    return err;
}

/* A list's item by its number, or by the text of its first row. */
static void *find_item(const struct pl_setting *row, void *data, const char *name)
{
    struct pl_setting_list *list = (struct pl_setting_list *)(void *)((char *)data + row->offset);

    for (uint32_t i = 0; i < list->count; i++) {
        char *item = (char *)list->items + i * row->item_bytes;
        const char *own = *(char *const *)(void *)(item + row->rows[0].offset);
        char number[16];

        snprintf(number, sizeof(number), "%u", i);
        if (strcmp(name, number) == 0 || (own != NULL && strcmp(name, own) == 0))
            return item;
    }
    return NULL;
}

/* One step of a dotted path; false when there is no such key. */
static bool step_into(const struct pl_settings_schema *schema, const struct pl_setting **rows,
                      void **data, const char *name)
{
    const struct pl_setting *row = pl_settings_find_row(*rows, name);
    const struct pl_setting *module_row = pl_settings_find_module_row(*rows);
    const struct pl_protocol *module;

    if (row != NULL && row->type == PL_SETTING_GROUP) {
        if (row->seen_offset != 0)
            *(bool *)(void *)((char *)*data + row->seen_offset) = true;
        *data = (char *)*data + row->offset;
        *rows = row->rows;
        return true;
    }
    if (row != NULL || module_row == NULL)
        return false;
    module = pl_settings_module_of(*rows, *data, &schema->modules);
    if (strcmp(module->name, name) != 0)
        return false;
    *data = *(void **)(void *)((char *)*data + module_row->offset);
    *rows = pl_settings_of_protocol(module);
    return true;
}

/* *ret_rows: the table that the row stands in. */
static const struct pl_setting *walk(const struct pl_settings_schema *schema, char *path,
                                     void **data, const struct pl_setting **ret_rows)
{
    const struct pl_setting *rows = schema->rows;
    char *rest;

    for (char *name = strtok_r(path, ".", &rest); name != NULL;) {
        char *next = strtok_r(NULL, ".", &rest);
        const struct pl_setting *row = pl_settings_find_row(rows, name);

        *ret_rows = rows;
        if (next == NULL)
            return row;
        if (row != NULL && row->type == PL_SETTING_LIST) {
            *data = find_item(row, *data, next);
            if (*data == NULL)
                return NULL;
            rows = row->rows;
            name = strtok_r(NULL, ".", &rest);
            continue;
        }
        if (!step_into(schema, &rows, data, name))
            return NULL;
        name = next;
    }
    return NULL;
}

/* Services that follow the outer dispatch see its change. */
static void follow_dispatch(struct pl_settings *settings)
{
    struct pl_service_settings *services = settings->services.items;

    for (uint32_t i = 0; i < settings->services.count; i++)
        if (!services[i].has_dispatch)
            services[i].dispatch = settings->dispatch;
}

/* A struct whose protocol may have changed keeps its module's settings only if it has not: they are
 * a struct of the protocol's own. */
static int follow_protocol(const struct pl_settings_schema *schema, const struct pl_setting *rows,
                           void *data, const struct pl_protocol *before)
{
    const struct pl_setting *row = pl_settings_find_module_row(rows);
    const struct pl_protocol *protocol;
    void **place;

    if (row == NULL)
        return 0;
    protocol = pl_settings_module_of(rows, data, &schema->modules);
    if (protocol == before)
        return 0;
    place = (void **)(void *)((char *)data + row->offset);
    if (*place != NULL)
        pl_settings_free(pl_settings_of_protocol(before), *place, &schema->modules);
    pl_free(*place);
    *place = pl_alloc(protocol->settings_bytes);
    return *place == NULL ? -ENOMEM : pl_settings_fill(pl_settings_of_protocol(protocol), *place);
}

int pl_settings_set(const struct pl_settings_schema *schema, const char *assignment,
                    struct pl_settings *settings, struct pl_error *error)
{
    struct pl_settings_reader reader = { .schema = schema,
                                         .source = "--set",
                                         .root = settings,
                                         .nodes_left = PL_YAML_NODES_MAX,
                                         .error = error };
    const struct pl_setting *row;
    void *data = settings;
    const struct pl_setting *rows = schema->rows;
    const struct pl_protocol *before = NULL;
    const char *equals = strchr(assignment, '=');
    char path[256];
    char source[300];
    int err;

    if (equals == NULL || equals == assignment || (size_t)(equals - assignment) >= sizeof(path))
        return pl_error_set(error, EX_USAGE, -EINVAL, "--set: expected KEY=VALUE, not '%s'",
                            assignment);
    snprintf(path, sizeof(path), "%.*s", (int)(equals - assignment), assignment);
    snprintf(source, sizeof(source), "--set %s", path);
    reader.source = source;
    row = walk(schema, path, &data, &rows);
    if (row == NULL || row->type == PL_SETTING_GROUP || row->type == PL_SETTING_INCLUDE)
        return pl_error_set(error, EX_CONFIG, -EINVAL, "%s: there is no such key", source);
    if (pl_settings_find_module_row(rows) != NULL)
        before = pl_settings_module_of(rows, data, &schema->modules);
    err = read_value(&reader, equals + 1, row, data);
    if (err < 0)
        return err;
    follow_dispatch(settings);
    err = follow_protocol(schema, rows, data, before);
    if (err == 0)
        err = pl_settings_name_services(schema, settings);
    return err < 0 ? pl_error_set(error, EX_OSERR, err, "no memory for the settings") : 0;
}
