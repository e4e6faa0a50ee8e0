/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration file → settings; see settings_reader.c for the walk along the tables. */
#include "settings_yaml.h"

#include "alloc.h"
#include "settings_include.h"
#include "settings_reader.h"

#include <paceline/limits.h>
#include <paceline/protocol.h>

#include <errno.h>
#include <stdio.h>
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

int pl_settings_read(const struct pl_settings_schema *schema, const char *path,
                     struct pl_settings *settings, struct pl_error *error)
{
    struct pl_settings_files files;
    struct pl_settings_reader reader = { .schema = schema,
                                         .files = &files,
                                         .root = settings,
                                         .document = &files.document,
                                         .nodes_left = PL_YAML_NODES_MAX,
                                         .error = error };
    int err = pl_settings_files_open(&files, path, &settings->files, error);

    if (err < 0)
        return err;
    if (files.root != 0)
        err = pl_settings_read_mapping(&reader, yaml_document_get_node(&files.document, files.root),
                                       schema->rows, settings);
    pl_settings_files_close(&files);
    if (err == 0 && pl_settings_name_services(schema, settings) < 0)
        err = pl_error_set(error, EX_OSERR, -ENOMEM, "no memory for the settings");
    return err;
}
