/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration file → settings; see settings_reader.c for the walk along the tables. */
#include "settings_yaml.h"

#include "alloc.h"
#include "settings_reader.h"
#include "yaml_document.h"

#include <paceline/limits.h>
#include <paceline/protocol.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static bool is_name_taken(const struct pl_settings *settings, const char *name)
{
    const struct pl_service_settings *services = settings->services.items;

    for (uint32_t i = 0; i < settings->services.count; i++)
        if (services[i].name != NULL && strcmp(services[i].name, name) == 0)
            return true;
    return false;
}

/* A service without a name is called after its protocol; the second of them http-2. */
int pl_settings_name_services(const struct pl_settings_schema *schema, struct pl_settings *settings)
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

static int read_root(struct pl_settings_reader *reader, const char *text, size_t length,
                     struct pl_settings *settings)
{
    yaml_document_t document;
    const yaml_node_t *root;
    int err = pl_yaml_open(text, length, reader->source, &document, reader->error);

    if (err < 0)
        return err;
    reader->document = &document;
    root = yaml_document_get_root_node(&document);
    if (root != NULL)
        err = pl_settings_read_mapping(reader, root, reader->schema->rows, settings);
    yaml_document_delete(&document);
    return err;
}

int pl_settings_read(const struct pl_settings_schema *schema, const char *path,
                     struct pl_settings *settings, struct pl_error *error)
{
    char folder[4096];
    struct pl_settings_reader reader = { .schema = schema,
                                         .source = path,
                                         .folder = folder,
                                         .root = settings,
                                         .nodes_left = PL_YAML_NODES_MAX,
                                         .error = error };
    char *text = NULL;
    size_t length = 0;
    int err = pl_yaml_read_file(path, &text, &length, error);

    if (err < 0)
        return err;
    find_folder(path, folder, sizeof(folder));
    err = read_root(&reader, text, length, settings);
    pl_free(text);
    if (err == 0 && pl_settings_name_services(schema, settings) < 0)
        err = pl_error_set(error, EX_OSERR, -ENOMEM, "no memory for the settings");
    return err;
}
