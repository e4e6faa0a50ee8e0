/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML → settings: libyaml makes a document, this walks it along the tables. Aliases are followed
 * with a bound on nodes and depth, so that a small file cannot stand for a large one.
 */
#include "settings_yaml.h"

#include "alloc.h"
#include "setting_value.h"

#include <paceline/limits.h>
#include <paceline/protocol.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <yaml.h>

struct reader {
    const struct pl_settings_schema *schema;
    const char *source; /* the file's name in messages */
    const char *folder; /* what relative paths are relative to; NULL: leave them */
    void *root;         /* the outermost struct */
    yaml_document_t *document;
    int nodes_left;
    int depth;
    struct pl_error *error;
};

static int read_mapping(struct reader *reader, const yaml_node_t *node,
                        const struct pl_setting *rows, void *data);

PL_PRINTF(3, 4)
static int refuse(struct reader *reader, const yaml_node_t *node, const char *format, ...)
{
    char message[384];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    return pl_error_set(reader->error, EX_CONFIG, -EINVAL, "%s:%zu:%zu: %s", reader->source,
                        node->start_mark.line + 1, node->start_mark.column + 1, message);
}

static yaml_node_t *node_at(struct reader *reader, int index)
{
    return yaml_document_get_node(reader->document, index);
}

static const char *text_of(const yaml_node_t *node)
{
    return (const char *)node->data.scalar.value;
}

/* Counts a visit; aliases make one node stand for many. */
static int enter(struct reader *reader, const yaml_node_t *node)
{
    if (--reader->nodes_left < 0)
        return refuse(reader, node, "more than %d values (aliases counted where they stand)",
                      PL_YAML_NODES_MAX);
    if (reader->depth > PL_YAML_DEPTH_MAX)
        return refuse(reader, node, "nested deeper than %d levels", PL_YAML_DEPTH_MAX);
    return 0;
}

/* ---- did you mean -------------------------------------------------------------------------------
 */

/* Edits between two words (Levenshtein), for words below 32 bytes. */
static size_t distance(const char *left, const char *right)
{
    size_t row[33];
    size_t left_length = strlen(left), right_length = strlen(right);

    if (left_length > 32 || right_length > 32)
        return 99;
    for (size_t i = 0; i <= right_length; i++)
        row[i] = i;
    for (size_t i = 1; i <= left_length; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t k = 1; k <= right_length; k++) {
            size_t changed = diagonal + (left[i - 1] != right[k - 1]);
            size_t added = row[k] + 1 < row[k - 1] + 1 ? row[k] + 1 : row[k - 1] + 1;

            diagonal = row[k];
            row[k] = changed < added ? changed : added;
        }
    }
    return row[right_length];
}

static void suggest(const char *word, const char *candidate, size_t *best, char *text, size_t size)
{
    char name[64];
    size_t length = pl_setting_word_length(candidate);
    size_t edits;

    snprintf(name, sizeof(name), "%.*s", (int)(length < 63 ? length : 63), candidate);
    edits = distance(word, name);
    if (edits < *best && edits <= 1 + strlen(word) / 4) {
        *best = edits;
        snprintf(text, size, " (did you mean '%s'?)", name);
    }
}

static int refuse_key(struct reader *reader, const yaml_node_t *node, const struct pl_setting *rows)
{
    char hint[96] = "";
    size_t best = 99;

    for (const struct pl_setting *row = rows; row->name != NULL; row++) {
        if (row->type != PL_SETTING_MODULE)
            suggest(text_of(node), row->name, &best, hint, sizeof(hint));
        for (size_t i = 0; row->type == PL_SETTING_MODULE && i < reader->schema->modules.count; i++)
            suggest(text_of(node), reader->schema->modules.protocols[i]->name, &best, hint,
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

static int read_scalar(struct reader *reader, const yaml_node_t *node, const struct pl_setting *row,
                       void *data)
{
    char problem[384], hint[96] = "", path[4352], wanted[256];
    const char *text;
    size_t best = 99;
    int err;

    if (node->type != YAML_SCALAR_NODE) {
        pl_setting_describe(row, wanted, sizeof(wanted));
        return refuse(reader, node, "'%s': expected %s, not a %s", row->name, wanted,
                      node->type == YAML_MAPPING_NODE ? "group of keys" : "list");
    }
    text = text_of(node);
    if (strlen(text) != node->data.scalar.length)
        return refuse(reader, node, "'%s': the value holds a NUL", row->name);
    if (row->type == PL_SETTING_PATH && text[0] != '/' && reader->folder != NULL) {
        snprintf(path, sizeof(path), "%s/%s", reader->folder, text);
        text = path;
    }
    err = pl_setting_parse(row, text, data, problem, sizeof(problem));
    if (err == -ENOMEM)
        return pl_error_set(reader->error, EX_OSERR, err, "no memory for the settings");
    if (err == 0)
        return 0;
    for (size_t i = 0; row->type == PL_SETTING_WORD && row->words[i] != NULL; i++)
        suggest(text, row->words[i], &best, hint, sizeof(hint));
    return refuse(reader, node, "%s%s", problem, hint);
}

static int read_group(struct reader *reader, const yaml_node_t *node, const struct pl_setting *row,
                      void *data)
{
    char *place = (char *)data + row->offset;

    if (row->seen_offset != 0)
        *(bool *)(void *)((char *)data + row->seen_offset) = true;
    return read_mapping(reader, node, row->rows, place);
}

static int read_item(struct reader *reader, const yaml_node_t *node, const struct pl_setting *row,
                     char *item)
{
    if (row->type == PL_SETTING_TEXTS) {
        const struct pl_setting text = { .name = row->name, .type = PL_SETTING_TEXT };
        int err = enter(reader, node);

        return err < 0 ? err : read_scalar(reader, node, &text, item);
    }
    if (pl_settings_fill(row->rows, item) < 0)
        return pl_error_set(reader->error, EX_OSERR, -ENOMEM, "no memory for the settings");
    return read_mapping(reader, node, row->rows, item);
}

static int read_list(struct reader *reader, const yaml_node_t *node, const struct pl_setting *row,
                     void *data)
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

static int read_value(struct reader *reader, const yaml_node_t *node, const struct pl_setting *row,
                      void *data)
{
    int err = enter(reader, node);

    if (err < 0)
        return err;
    if (row->type == PL_SETTING_GROUP)
        return read_group(reader, node, row, data);
    if (row->type == PL_SETTING_LIST || row->type == PL_SETTING_TEXTS)
        return read_list(reader, node, row, data);
    return read_scalar(reader, node, row, data);
}

/* ---- mappings
 * -------------------------------------------------------------------------------------- */

static const struct pl_setting *find_row(const struct pl_setting *rows, const char *name)
{
    for (const struct pl_setting *row = rows; row->name != NULL; row++)
        if (row->type != PL_SETTING_MODULE && strcmp(row->name, name) == 0)
            return row;
    return NULL;
}

static const struct pl_setting *find_module_row(const struct pl_setting *rows)
{
    for (const struct pl_setting *row = rows; row->name != NULL; row++)
        if (row->type == PL_SETTING_MODULE)
            return row;
    return NULL;
}

static bool is_module(struct reader *reader, const char *name)
{
    for (size_t i = 0; i < reader->schema->modules.count; i++)
        if (strcmp(reader->schema->modules.protocols[i]->name, name) == 0)
            return true;
    return false;
}

/* Every key is known and stands once; then the rows may be read in the order of the table. */
static int check_keys(struct reader *reader, const yaml_node_t *node, const struct pl_setting *rows)
{
    const yaml_node_pair_t *pairs = node->data.mapping.pairs.start;
    size_t count = (size_t)(node->data.mapping.pairs.top - pairs);

    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *key = node_at(reader, pairs[i].key);

        if (key->type != YAML_SCALAR_NODE)
            return refuse(reader, key, "expected a key");
        if (strlen(text_of(key)) != key->data.scalar.length)
            return refuse(reader, key, "the key holds a NUL");
        if (find_row(rows, text_of(key)) == NULL &&
            !(find_module_row(rows) != NULL && is_module(reader, text_of(key))))
            return refuse_key(reader, key, rows);
        for (size_t k = 0; k < i; k++)
            if (strcmp(text_of(node_at(reader, pairs[k].key)), text_of(key)) == 0)
                return refuse(reader, key, "'%.60s' stands twice; the first is in line %zu",
                              text_of(key), node_at(reader, pairs[k].key)->start_mark.line + 1);
    }
    return 0;
}

static const yaml_node_t *value_of(struct reader *reader, const yaml_node_t *node, const char *name)
{
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++)
        if (strcmp(text_of(node_at(reader, pair->key)), name) == 0)
            return node_at(reader, pair->value);
    return NULL;
}

/* The keys of the service's own protocol; another protocol's are a mistake. */
static int read_module(struct reader *reader, const yaml_node_t *node,
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
    return read_mapping(reader, value, pl_settings_of_protocol(protocol), *place);
}

/* An absent group takes over what the outermost struct has; a present one starts from there. */
static void inherit(struct reader *reader, const struct pl_setting *row, void *data)
{
    size_t bytes = sizeof(struct pl_dispatch_settings);

    if (row->type == PL_SETTING_GROUP && row->inherits_from != 0)
        memcpy((char *)data + row->offset, (char *)reader->root + row->inherits_from - 1, bytes);
}

static int read_rows(struct reader *reader, const yaml_node_t *node, const struct pl_setting *rows,
                     void *data)
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
            err = read_value(reader, value, row, data);
    }
    return err;
}

static int read_mapping(struct reader *reader, const yaml_node_t *node,
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

/* ---- files
 * ------------------------------------------------------------------------------------------ */

static int read_whole_file(const char *path, char **ret_text, size_t *ret_length,
                           struct pl_error *error)
{
    FILE *file = fopen(path, "re");
    char reason[128];
    struct stat status;
    char *text;
    int err = 0;

    if (file == NULL)
        return pl_error_set(error, EX_NOINPUT, -errno, "%s: cannot be read: %s", path,
                            strerror_r(errno, reason, sizeof(reason)));
    if (fstat(fileno(file), &status) < 0 || !S_ISREG(status.st_mode)) {
        (void)fclose(file);
        return pl_error_set(error, EX_NOINPUT, -EINVAL, "%s: not a file", path);
    }
    text = pl_alloc(PL_YAML_BYTES_MAX + 1);
    if (text == NULL) {
        (void)fclose(file);
        return pl_error_set(error, EX_OSERR, -ENOMEM, "no memory for the settings");
    }
    *ret_length = fread(text, 1, PL_YAML_BYTES_MAX + 1, file);
    if (*ret_length > PL_YAML_BYTES_MAX)
        err = pl_error_set(error, EX_CONFIG, -EFBIG, "%s: larger than %d bytes", path,
                           PL_YAML_BYTES_MAX);
    (void)fclose(file);
    if (err < 0)
        pl_free(text);
    else
        *ret_text = text;
    return err;
}

static int refuse_syntax(const yaml_parser_t *parser, const char *source, struct pl_error *error)
{
    return pl_error_set(error, EX_CONFIG, -EINVAL, "%s:%zu:%zu: not YAML: %s%s%s", source,
                        parser->problem_mark.line + 1, parser->problem_mark.column + 1,
                        parser->problem != NULL ? parser->problem : "no memory",
                        parser->context != NULL ? ", " : "",
                        parser->context != NULL ? parser->context : "");
}

static int load(yaml_parser_t *parser, yaml_document_t *document, const char *source,
                struct pl_error *error)
{
    yaml_document_t second;
    yaml_node_t *root;
    bool is_single;

    if (!yaml_parser_load(parser, document))
        return refuse_syntax(parser, source, error);
    if (!yaml_parser_load(parser, &second)) {
        yaml_document_delete(document);
        return refuse_syntax(parser, source, error);
    }
    root = yaml_document_get_root_node(&second);
    is_single = root == NULL;
    if (!is_single)
        pl_error_set(error, EX_CONFIG, 0, "%s:%zu:1: a second document; expected one", source,
                     root->start_mark.line + 1);
    yaml_document_delete(&second);
    if (!is_single)
        yaml_document_delete(document);
    return is_single ? 0 : -EINVAL;
}

/* Before the document is built: the work of libyaml grows with the square of the depth. What is
 * no YAML is left to load(), which says so. */
static int check_depth(const char *text, size_t length, const char *source, struct pl_error *error)
{
    yaml_parser_t parser;
    yaml_event_t event;
    int depth = 0, err = 0;
    bool is_over = false;

    if (!yaml_parser_initialize(&parser))
        return pl_error_set(error, EX_OSERR, -ENOMEM, "no memory for the settings");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    while (!is_over && err == 0 && yaml_parser_parse(&parser, &event)) {
        if (event.type == YAML_SEQUENCE_START_EVENT || event.type == YAML_MAPPING_START_EVENT)
            depth++;
        if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT)
            depth--;
        if (depth > PL_YAML_DEPTH_MAX)
            err = pl_error_set(
                error, EX_CONFIG, -EINVAL, "%s:%zu:%zu: nested deeper than %d levels", source,
                event.start_mark.line + 1, event.start_mark.column + 1, PL_YAML_DEPTH_MAX);
        is_over = event.type == YAML_STREAM_END_EVENT || event.type == YAML_NO_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return err;
}

static int read_text(struct reader *reader, const char *text, size_t length,
                     int (*visit)(struct reader *reader, const yaml_node_t *root, void *context),
                     void *context)
{
    yaml_parser_t parser;
    yaml_document_t document;
    const yaml_node_t *root;
    int err = check_depth(text, length, reader->source, reader->error);

    if (err < 0)
        return err;
    if (!yaml_parser_initialize(&parser))
        return pl_error_set(reader->error, EX_OSERR, -ENOMEM, "no memory for the settings");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    err = load(&parser, &document, reader->source, reader->error);
    if (err == 0) {
        reader->document = &document;
        root = yaml_document_get_root_node(&document);
        err = visit(reader, root, context);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return err;
}

static int visit_root(struct reader *reader, const yaml_node_t *root, void *context)
{
    struct pl_settings *settings = context;

    return root == NULL ? 0 : read_mapping(reader, root, reader->schema->rows, settings);
}

static bool is_name_taken(const struct pl_settings *settings, const char *name)
{
    const struct pl_service_settings *services = settings->services.items;

    for (uint32_t i = 0; i < settings->services.count; i++)
        if (services[i].name != NULL && strcmp(services[i].name, name) == 0)
            return true;
    return false;
}

/* A service without a name is called after its protocol; the second of them http-2. */
static int name_services(const struct pl_settings_schema *schema, struct pl_settings *settings)
{
    struct pl_service_settings *services = settings->services.items;

    for (uint32_t i = 0; i < settings->services.count; i++) {
        const char *protocol = schema->modules.protocols[services[i].protocol]->name;
        char name[64];

        if (services[i].name != NULL)
            continue;
        snprintf(name, sizeof(name), "%s", protocol);
        for (uint32_t number = 2; is_name_taken(settings, name); number++)
            snprintf(name, sizeof(name), "%.40s-%u", protocol, number);
        services[i].name = pl_alloc_string(name);
        if (services[i].name == NULL)
            return -ENOMEM;
    }
    return 0;
}

/* The folder that holds the file, absolute where that can be found out. */
static void find_folder(const char *path, char *folder, size_t size)
{
    const char *slash = strrchr(path, '/');
    char given[4096];
    char *resolved;

    snprintf(given, sizeof(given), "%.*s", slash == NULL ? 1 : (int)(slash - path + 1),
             slash == NULL ? "." : path);
    resolved = realpath(given, NULL);
    snprintf(folder, size, "%s", resolved == NULL ? given : resolved);
    free(resolved);
}

int pl_settings_read(const struct pl_settings_schema *schema, const char *path,
                     struct pl_settings *settings, struct pl_error *error)
{
    char folder[4096];
    struct reader reader = { .schema = schema,
                             .source = path,
                             .folder = folder,
                             .root = settings,
                             .nodes_left = PL_YAML_NODES_MAX,
                             .error = error };
    char *text = NULL;
    size_t length = 0;
    int err = read_whole_file(path, &text, &length, error);

    if (err < 0)
        return err;
    find_folder(path, folder, sizeof(folder));
    err = read_text(&reader, text, length, visit_root, settings);
    pl_free(text);
    if (err == 0 && name_services(schema, settings) < 0)
        err = pl_error_set(error, EX_OSERR, -ENOMEM, "no memory for the settings");
    return err;
}

/* ---- KEY=VALUE
 * ---------------------------------------------------------------------------------------- */

struct target {
    const struct pl_setting *row;
    void *data;
};

static int visit_value(struct reader *reader, const yaml_node_t *root, void *context)
{
    struct target *target = context;

    if (root == NULL)
        return pl_error_set(reader->error, EX_CONFIG, -EINVAL, "%s: the value is empty",
                            reader->source);
    return read_value(reader, root, target->row, target->data);
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
    const struct pl_setting *row = find_row(*rows, name);
    const struct pl_setting *module_row = find_module_row(*rows);
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
        const struct pl_setting *row = find_row(rows, name);

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
    const struct pl_setting *row = find_module_row(rows);
    const struct pl_protocol *protocol;
    void **place;

    if (row == NULL)
        return 0;
    protocol = pl_settings_module_of(rows, data, &schema->modules);
    if (protocol == before)
        return 0;
    place = (void **)(void *)((char *)data + row->offset);
    if (*place != NULL)
        pl_settings_free(before->settings, *place, &schema->modules);
    pl_free(*place);
    *place = pl_alloc(protocol->settings_bytes);
    return *place == NULL ? -ENOMEM : pl_settings_fill(protocol->settings, *place);
}

int pl_settings_set(const struct pl_settings_schema *schema, const char *assignment,
                    struct pl_settings *settings, struct pl_error *error)
{
    struct reader reader = { .schema = schema,
                             .source = "--set",
                             .root = settings,
                             .nodes_left = PL_YAML_NODES_MAX,
                             .error = error };
    struct target target = { .data = settings };
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
    target.row = walk(schema, path, &target.data, &rows);
    if (target.row == NULL || target.row->type == PL_SETTING_GROUP)
        return pl_error_set(error, EX_CONFIG, -EINVAL, "%s: there is no such key", source);
    if (find_module_row(rows) != NULL)
        before = pl_settings_module_of(rows, target.data, &schema->modules);
    err = read_text(&reader, equals + 1, strlen(equals + 1), visit_value, &target);
    if (err < 0)
        return err;
    follow_dispatch(settings);
    err = follow_protocol(schema, rows, target.data, before);
    if (err == 0)
        err = name_services(schema, settings);
    return err < 0 ? pl_error_set(error, EX_OSERR, err, "no memory for the settings") : 0;
}
