/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration file and those it includes → one YAML document. Mappings merge, lists append, and
 * a value that two files give is refused. Every node knows its file.
 */
#ifndef PL_SERVER_SETTINGS_INCLUDE_H
#define PL_SERVER_SETTINGS_INCLUDE_H

#include "yaml_document.h"

#include <paceline/limits.h>
#include <paceline/settings.h>

#include <sys/types.h>

struct pl_settings_file {
    char *folder; /* owned; absolute where that can be found out */
    dev_t device;
    ino_t inode;
};

struct pl_settings_files {
    yaml_document_t document; /* owned */
    int root;                 /* the number of its root node; 0: there is nothing in it */
    struct pl_settings_file files[PL_INCLUDE_FILES_MAX + 1];
    struct pl_setting_list *names; /* borrowed: char * per file, owned by the settings */
};

/* Reads the file and what it includes. `names` gets their names, which belong to the
 * settings: places in the files borrow them. Errors: -ENOENT and the like (66), -EINVAL (78) with
 * file:line:column; nothing is to be closed then. Thread: any. */
PL_MUST_CHECK int pl_settings_files_open(struct pl_settings_files *files, const char *path,
                                         struct pl_setting_list *names, struct pl_error *error);
void pl_settings_files_close(struct pl_settings_files *files);

/* The file that a node of the document comes from: its name, and its folder. */
const char *pl_settings_file_name(const struct pl_settings_files *files, const yaml_node_t *node);
const char *pl_settings_file_folder(const struct pl_settings_files *files, const yaml_node_t *node);

#endif
