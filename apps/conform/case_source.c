/* SPDX-License-Identifier: Apache-2.0 */
/* Where case files come from: those built in, or a directory of the user's. */
#include "case_text.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *suite_name(enum suite suite)
{
    return suite == SUITE_HTTP ? "http" : "line";
}

int case_list_read_built_in(struct case_list *list, enum suite suite, struct case_error *error)
{
    for (const struct built_in_file *file = built_in_files; file->suite != NULL; file++) {
        char name[100];
        int err;

        if (strcmp(file->suite, suite_name(suite)) != 0)
            continue;
        snprintf(name, sizeof(name), "%s/%s.case", file->suite, file->group);
        err = case_list_read(list, suite, file->group, name, file->text, strlen(file->text), error);
        if (err < 0)
            return err;
    }
    return 0;
}

static int read_file(struct case_list *list, enum suite suite, const char *path, const char *base,
                     struct case_error *error)
{
    char group[64], *bytes = NULL;
    size_t length = 0, size = 0;
    FILE *file = fopen(path, "re");
    int err;

    if (file == NULL)
        return case_error_set(error, "%s: %s, expected a readable case file", path,
                              strerror(errno));
    while (!feof(file) && !ferror(file)) {
        size = length + 65536;
        bytes = must_grow(bytes, size);
        length += fread(bytes + length, 1, size - length, file);
    }
    fclose(file);
    snprintf(group, sizeof(group), "%.*s", (int)(strlen(base) - strlen(".case")), base);
    err = case_list_read(list, suite, group, path, bytes, length, error);
    free(bytes);
    return err;
}

static int is_case_file(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');

    return dot != NULL && dot != entry->d_name && strcmp(dot, ".case") == 0;
}

int case_list_read_directory(struct case_list *list, enum suite suite, const char *directory,
                             struct case_error *error)
{
    char path[4096];
    struct dirent **entries;
    int count, err = 0;

    snprintf(path, sizeof(path), "%s/%s", directory, suite_name(suite));
    count = scandir(path, &entries, is_case_file, alphasort);
    if (count < 0)
        return case_error_set(error, "%s: %s, expected a directory with files *.case", path,
                              strerror(errno));
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "%s/%s/%s", directory, suite_name(suite), entries[i]->d_name);
        if (err == 0)
            err = read_file(list, suite, path, entries[i]->d_name, error);
        free(entries[i]);
    }
    free(entries);
    if (err == 0 && list->count == 0)
        return case_error_set(error, "%s/%s: no case in it, expected files *.case", directory,
                              suite_name(suite));
    return err;
}
