/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     read a file ─▶ [merge it into the document] ─▶ for each of its `include`: glob, sort, the
 * same
 *
 * The byte index of a node's mark, which nobody reads, holds the number of the node's file. What
 * merges becomes a new node, so that an alias elsewhere still means what stands in its own file.
 */
#include "settings_include.h"

#include "alloc.h"

#include <errno.h>
#include <glob.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#define PATH_BYTES 4352

struct include {
    struct pl_settings_files *files;
    size_t bytes_left; /* of all files together */
    int merges_left;   /* aliases make one node stand for many */
    int merge_depth;   /* and may lead back to it */
    int depth;         /* of files that include files */
    struct pl_error *error;
};

/* ---- nodes --------------------------------------------------------------------------------- */

static yaml_node_t *node_at(struct include *include, int id)
{
    return yaml_document_get_node(&include->files->document, id);
}

static const char *name_at(const struct pl_settings_files *files, size_t number)
{
    return ((char *const *)files->names->items)[number];
}

const char *pl_settings_file_name(const struct pl_settings_files *files, const yaml_node_t *node)
{
    return name_at(files, node->start_mark.index);
}

const char *pl_settings_file_folder(const struct pl_settings_files *files, const yaml_node_t *node)
{
    return files->files[node->start_mark.index].folder;
}

static int refuse_memory(struct include *include)
{
    return pl_error_set(include->error, EX_OSERR, -ENOMEM, "no memory for the settings");
}

PL_PRINTF(3, 4)
static int refuse(struct include *include, int id, const char *format, ...)
{
    const yaml_node_t *node = node_at(include, id);
    char message[384];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    return pl_error_set(include->error, EX_CONFIG, -EINVAL, "%s:%zu:%zu: %s",
                        pl_settings_file_name(include->files, node), node->start_mark.line + 1,
                        node->start_mark.column + 1, message);
}

static int refuse_second(struct include *include, int second, int first)
{
    const yaml_node_t *node = node_at(include, first);
    const yaml_node_t *key = node_at(include, second);

    return refuse(include, second, "'%.60s' stands twice; the first is %.200s:%zu:%zu",
                  key->data.scalar.value, pl_settings_file_name(include->files, node),
                  node->start_mark.line + 1, node->start_mark.column + 1);
}

static bool is_same_key(struct include *include, int a, int b)
{
    const yaml_node_t *left = node_at(include, a), *right = node_at(include, b);

    return left->type == YAML_SCALAR_NODE && right->type == YAML_SCALAR_NODE &&
           left->data.scalar.length == right->data.scalar.length &&
           memcmp(left->data.scalar.value, right->data.scalar.value, left->data.scalar.length) == 0;
}

static size_t pairs_count(const yaml_node_t *mapping)
{
    return (size_t)(mapping->data.mapping.pairs.top - mapping->data.mapping.pairs.start);
}

static size_t items_count(const yaml_node_t *sequence)
{
    return (size_t)(sequence->data.sequence.items.top - sequence->data.sequence.items.start);
}

/* ---- merging -------------------------------------------------------------------------------- */

/* Both return a new node's number, or 0 without memory. */
static int copy_pairs(struct include *include, int id)
{
    yaml_document_t *document = &include->files->document;
    int merged = yaml_document_add_mapping(document, NULL, YAML_ANY_MAPPING_STYLE);

    for (size_t i = 0; merged != 0 && i < pairs_count(node_at(include, id)); i++) {
        yaml_node_pair_t pair = node_at(include, id)->data.mapping.pairs.start[i];

        if (!yaml_document_append_mapping_pair(document, merged, pair.key, pair.value))
            return 0;
    }
    if (merged != 0)
        node_at(include, merged)->start_mark = node_at(include, id)->start_mark;
    return merged;
}

static int append_lists(struct include *include, int first, int second)
{
    const int both[2] = { first, second };
    yaml_document_t *document = &include->files->document;
    int merged = yaml_document_add_sequence(document, NULL, YAML_ANY_SEQUENCE_STYLE);

    for (size_t which = 0; merged != 0 && which < 2; which++)
        for (size_t i = 0; i < items_count(node_at(include, both[which])); i++) {
            int item = node_at(include, both[which])->data.sequence.items.start[i];

            if (!yaml_document_append_sequence_item(document, merged, item))
                return 0;
        }
    if (merged != 0)
        node_at(include, merged)->start_mark = node_at(include, first)->start_mark;
    return merged;
}

static int merge_mappings(struct include *include, int first, int second, int *ret_id);

/* What two files say under one key. */
static int merge_values(struct include *include, const yaml_node_pair_t *first,
                        const yaml_node_pair_t *second, int *ret_id)
{
    yaml_node_type_t type = node_at(include, first->value)->type;

    if (node_at(include, second->value)->type != type || type == YAML_SCALAR_NODE)
        return refuse_second(include, second->key, first->key);
    if (type == YAML_MAPPING_NODE && include->merge_depth == PL_YAML_DEPTH_MAX)
        return refuse(include, second->key, "nested deeper than %d levels", PL_YAML_DEPTH_MAX);
    if (type == YAML_MAPPING_NODE) {
        int err;

        include->merge_depth++;
        err = merge_mappings(include, first->value, second->value, ret_id);
        include->merge_depth--;
        return err;
    }
    *ret_id = append_lists(include, first->value, second->value);
    return *ret_id == 0 ? refuse_memory(include) : 0;
}

static bool is_include(struct include *include, int key)
{
    const yaml_node_t *node = node_at(include, key);

    return node->type == YAML_SCALAR_NODE &&
           strcmp((char *)node->data.scalar.value, "include") == 0;
}

/* Adds one pair of the second mapping to the merged one, whose first `known` pairs are the first's.
 */
static int merge_pair(struct include *include, int merged, size_t known, yaml_node_pair_t pair)
{
    yaml_document_t *document = &include->files->document;

    for (size_t i = 0; i < known; i++) {
        yaml_node_pair_t own = node_at(include, merged)->data.mapping.pairs.start[i];
        int id, err;

        if (!is_same_key(include, own.key, pair.key))
            continue;
        err = merge_values(include, &own, &pair, &id);
        if (err == 0)
            node_at(include, merged)->data.mapping.pairs.start[i].value = id;
        return err;
    }
    return yaml_document_append_mapping_pair(document, merged, pair.key, pair.value)
               ? 0
               : refuse_memory(include);
}

static int merge_mappings(struct include *include, int first, int second, int *ret_id)
{
    bool is_root = first == include->files->root;
    size_t known = pairs_count(node_at(include, first));
    int merged = copy_pairs(include, first);
    int err = merged == 0 ? refuse_memory(include) : 0;

    for (size_t i = 0; err == 0 && i < pairs_count(node_at(include, second)); i++) {
        yaml_node_pair_t pair = node_at(include, second)->data.mapping.pairs.start[i];

        if (--include->merges_left < 0)
            return refuse(include, second, "more than %d values to merge", PL_YAML_NODES_MAX);
        for (size_t k = 0; k < i && err == 0; k++) {
            int before = node_at(include, second)->data.mapping.pairs.start[k].key;

            if (is_same_key(include, before, pair.key))
                err = refuse_second(include, pair.key, before);
        }
        /* Each file's own has been followed. */
        if (err == 0 && !(is_root && is_include(include, pair.key)))
            err = merge_pair(include, merged, known, pair);
    }
    *ret_id = merged;
    return err;
}

/* ---- files ---------------------------------------------------------------------------------- */

/* The folder that holds the file, absolute where that can be found out. */
static char *find_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char given[PATH_BYTES];
    char *resolved, *folder;

    snprintf(given, sizeof(given), "%.*s", slash == NULL ? 1 : (int)(slash - path + 1),
             slash == NULL ? "." : path);
    resolved = realpath(given, NULL);
    folder = pl_alloc_string(resolved == NULL ? given : resolved);
    free(resolved);
    return folder;
}

/* Its number is that of the names before it. */
static int note_file(struct include *include, const char *path)
{
    struct pl_settings_files *files = include->files;
    struct pl_settings_file *file = &files->files[files->names->count];
    char **name = &((char **)files->names->items)[files->names->count];
    struct stat status = { .st_dev = 0 };

    *name = pl_alloc_string(path);
    if (*name == NULL)
        return refuse_memory(include);
    files->names->count++;
    file->folder = find_folder(path);
    if (file->folder == NULL)
        return refuse_memory(include);
    if (stat(path, &status) == 0) {
        file->device = status.st_dev;
        file->inode = status.st_ino;
    }
    return 0;
}

static void mark_nodes(yaml_document_t *document, size_t number)
{
    for (yaml_node_t *node = document->nodes.start; node < document->nodes.top; node++)
        node->start_mark.index = number;
}

/* Reads the text and opens it as a document of its own, its nodes marked. */
static int load_file(struct include *include, const char *path, yaml_document_t *ret_document)
{
    char *text = NULL;
    size_t length = 0;
    int err = pl_yaml_read_file(path, &text, &length, include->error);

    if (err < 0)
        return err;
    if (length > include->bytes_left)
        err = pl_error_set(include->error, EX_CONFIG, -EFBIG,
                           "%s: it and the files before it are larger than %d bytes", path,
                           PL_YAML_BYTES_MAX);
    else
        err = pl_yaml_open(text, length, path, ret_document, include->error);
    include->bytes_left -= length;
    pl_free(text);
    if (err < 0)
        return err;
    err = note_file(include, path);
    if (err < 0)
        yaml_document_delete(ret_document);
    else
        mark_nodes(ret_document, include->files->names->count - 1);
    return err;
}

static bool copy_node(yaml_document_t *to, const yaml_node_t *node)
{
    int id = 0;

    if (node->type == YAML_SCALAR_NODE)
        id = yaml_document_add_scalar(to, NULL, node->data.scalar.value,
                                      (int)node->data.scalar.length, node->data.scalar.style);
    else if (node->type == YAML_SEQUENCE_NODE)
        id = yaml_document_add_sequence(to, NULL, node->data.sequence.style);
    else if (node->type == YAML_MAPPING_NODE)
        id = yaml_document_add_mapping(to, NULL, node->data.mapping.style);
    if (id != 0)
        yaml_document_get_node(to, id)->start_mark = node->start_mark;
    return id != 0;
}

static bool copy_links(yaml_document_t *to, const yaml_node_t *node, int id, int offset)
{
    bool is_good = true;

    for (size_t i = 0; node->type == YAML_SEQUENCE_NODE && is_good && i < items_count(node); i++)
        is_good =
            yaml_document_append_sequence_item(to, id, node->data.sequence.items.start[i] + offset);
    for (size_t i = 0; node->type == YAML_MAPPING_NODE && is_good && i < pairs_count(node); i++) {
        yaml_node_pair_t pair = node->data.mapping.pairs.start[i];

        is_good = yaml_document_append_mapping_pair(to, id, pair.key + offset, pair.value + offset);
    }
    return is_good;
}

/* All nodes first: what links them names them by number. */
static bool copy_document(yaml_document_t *to, const yaml_document_t *from, int offset)
{
    bool is_good = true;

    for (const yaml_node_t *node = from->nodes.start; node < from->nodes.top && is_good; node++)
        is_good = copy_node(to, node);
    for (int i = 0; is_good && i < from->nodes.top - from->nodes.start; i++)
        is_good = copy_links(to, &from->nodes.start[i], offset + i + 1, offset);
    return is_good;
}

static int add_document(struct include *include, const yaml_document_t *added, int *ret_root)
{
    yaml_document_t *document = &include->files->document;
    int offset = (int)(document->nodes.top - document->nodes.start);

    *ret_root = 0;
    if (added->nodes.top == added->nodes.start)
        return 0;
    if (!copy_document(document, added, offset))
        return refuse_memory(include);
    *ret_root = offset + 1;
    if (node_at(include, *ret_root)->type != YAML_MAPPING_NODE)
        return refuse(include, *ret_root, "expected keys such as 'services:'");
    return merge_mappings(include, include->files->root, *ret_root, &include->files->root);
}

/* ---- what a file includes ------------------------------------------------------------------ */

static int follow_includes(struct include *include, int root);

/* A second time would be a cycle, or give every key of it twice. */
static int check_is_new(struct include *include, int value, const char *path)
{
    struct pl_settings_files *files = include->files;
    struct stat status;

    if (stat(path, &status) < 0)
        return 0; /* reading it says why */
    for (uint32_t i = 0; i < files->names->count; i++)
        if (files->files[i].device == status.st_dev && files->files[i].inode == status.st_ino)
            return refuse(include, value, "include: %.200s is read already, as %.100s", path,
                          name_at(files, i));
    return 0;
}

static int include_file(struct include *include, int value, const char *path)
{
    struct pl_error detail = { .exit_code = EX_CONFIG };
    struct pl_error *error = include->error;
    yaml_document_t added;
    int root = 0, err = check_is_new(include, value, path);

    if (err == 0 && include->files->names->count > PL_INCLUDE_FILES_MAX)
        return refuse(include, value, "include: more than %d files", PL_INCLUDE_FILES_MAX);
    if (err < 0)
        return err;
    include->error = &detail;
    err = load_file(include, path, &added);
    include->error = error;
    if (err < 0 && detail.exit_code == EX_NOINPUT) { /* say who asked for it */
        err = refuse(include, value, "include: %.300s", detail.message);
        if (error != NULL)
            error->exit_code = EX_NOINPUT;
        return err;
    }
    if (err < 0)
        return pl_error_set(error, detail.exit_code, err, "%s", detail.message);
    err = add_document(include, &added, &root);
    yaml_document_delete(&added);
    return err < 0 || root == 0 ? err : follow_includes(include, root);
}

/* A missing folder matches nothing; one that cannot be read might hold something. */
static int is_grave(const char *path, int errnum)
{
    (void)path;
    return errnum != ENOENT && errnum != ENOTDIR;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int include_matches(struct include *include, int value, const char *pattern)
{
    glob_t found = { .gl_pathc = 0 };
    int code = glob(pattern, GLOB_NOSORT, is_grave, &found);
    int err = 0;

    if (code == GLOB_NOMATCH)
        return 0;
    if (code != 0)
        return refuse(include, value, "include: the folder of %.200s cannot be read", pattern);
    /* By their bytes, whatever the process's locale. */
    qsort(found.gl_pathv, found.gl_pathc, sizeof(*found.gl_pathv), compare_names);
    for (size_t i = 0; i < found.gl_pathc && err == 0; i++)
        err = include_file(include, value, found.gl_pathv[i]);
    globfree(&found);
    return err;
}

/* The folder as it was named, so that messages name files as people do; its own wildcards are none.
 */
static bool write_path(const char *name, const char *text, bool is_pattern, char *path, size_t size)
{
    const char *slash = strrchr(name, '/');
    size_t used = 0;

    for (const char *at = name; text[0] != '/' && slash != NULL && at <= slash; at++) {
        if (is_pattern && strchr("*?[\\", *at) != NULL && used < size)
            path[used++] = '\\';
        if (used < size)
            path[used++] = *at;
    }
    return used < size && (size_t)snprintf(path + used, size - used, "%s", text) < size - used;
}

static int include_one(struct include *include, int value)
{
    const yaml_node_t *node = node_at(include, value);
    const char *text = (const char *)node->data.scalar.value;
    char path[PATH_BYTES];
    bool is_pattern;

    if (node->type != YAML_SCALAR_NODE || text[0] == '\0' ||
        strlen(text) != node->data.scalar.length)
        return refuse(include, value, "'include': expected a path such as conf.d/*.yaml");
    is_pattern = strpbrk(text, "*?[") != NULL;
    if (!write_path(pl_settings_file_name(include->files, node), text, is_pattern, path,
                    sizeof(path)))
        return refuse(include, value, "'include': the path is too long");
    return is_pattern ? include_matches(include, value, path) : include_file(include, value, path);
}

static int include_all(struct include *include, int value)
{
    int err = 0;

    if (node_at(include, value)->type != YAML_SEQUENCE_NODE)
        return include_one(include, value);
    for (size_t i = 0; err == 0 && i < items_count(node_at(include, value)); i++)
        err = include_one(include, node_at(include, value)->data.sequence.items.start[i]);
    return err;
}

static int follow_includes(struct include *include, int root)
{
    int err = 0;

    include->depth++;
    for (size_t i = 0; err == 0 && i < pairs_count(node_at(include, root)); i++) {
        yaml_node_pair_t pair = node_at(include, root)->data.mapping.pairs.start[i];

        if (!is_include(include, pair.key))
            continue;
        if (include->depth > PL_INCLUDE_DEPTH_MAX)
            return refuse(include, pair.key, "files that include files, deeper than %d",
                          PL_INCLUDE_DEPTH_MAX);
        err = include_all(include, pair.value);
    }
    include->depth--;
    return err;
}

/* ---- life ----------------------------------------------------------------------------------- */

static void free_folders(struct pl_settings_files *files)
{
    for (size_t i = 0; i <= PL_INCLUDE_FILES_MAX; i++)
        pl_free(files->files[i].folder);
}

static void forget_names(struct pl_setting_list *names)
{
    for (uint32_t i = 0; i < names->count; i++)
        pl_free(((char **)names->items)[i]);
    pl_free(names->items);
    *names = (struct pl_setting_list){ .items = NULL };
}

int pl_settings_files_open(struct pl_settings_files *files, const char *path,
                           struct pl_setting_list *names, struct pl_error *error)
{
    struct include include = { .files = files,
                               .bytes_left = PL_YAML_BYTES_MAX,
                               .merges_left = PL_YAML_NODES_MAX,
                               .error = error };
    int err;

    memset(files, 0, sizeof(*files));
    files->names = names;
    forget_names(names); /* of a reading that failed */
    names->items = pl_alloc((PL_INCLUDE_FILES_MAX + 1) * sizeof(char *));
    if (names->items == NULL)
        return refuse_memory(&include);
    err = load_file(&include, path, &files->document);
    if (err < 0) {
        free_folders(files);
        return err;
    }
    if (yaml_document_get_root_node(&files->document) == NULL)
        return 0;
    files->root = 1;
    if (node_at(&include, files->root)->type == YAML_MAPPING_NODE)
        err = follow_includes(&include, files->root);
    if (err < 0)
        pl_settings_files_close(files);
    return err;
}

void pl_settings_files_close(struct pl_settings_files *files)
{
    yaml_document_delete(&files->document);
    free_folders(files);
}
