/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over given files and the files of given folders, with any compiler. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX (64 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path)
{
    static uint8_t bytes[FILE_BYTES_MAX];
    FILE *file = fopen(path, "rb");
    size_t length;

    if (file == NULL)
        return -1;
    length = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    (void)LLVMFuzzerTestOneInput(bytes, length);
    return 1;
}

/* Returns how many inputs were run, or -1. */
static int run_path(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    int count = 0;

    if (folder == NULL)
        return errno == ENOTDIR ? run_file(path) : -1;
    while ((entry = readdir(folder)) != NULL) {
        char name[1024];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        if (run_file(name) < 0) {
            count = -1;
            break;
        }
        count++;
    }
    closedir(folder);
    return count;
}

/* The paths of the command line, or this target's whole corpus below PL_CORPUS. */
int main(int argc, char **argv)
{
    const char *corpus = getenv("PL_CORPUS");
    char folder[512];
    char *only[] = { folder };
    char **paths = argv + 1;
    int count = argc - 1, total = 0;

    if (count == 0 && corpus != NULL) {
        snprintf(folder, sizeof(folder), "%s/" CORPUS, corpus);
        paths = only;
        count = 1;
    }
    for (int i = 0; i < count; i++) {
        int inputs = run_path(paths[i]);

        if (inputs < 0) {
            fprintf(stderr, "%s: cannot be read\n", paths[i]);
            return 1;
        }
        total += inputs;
    }
    printf("%d passed, 0 failed\n", total);
    return total > 0 ? 0 : 1;
}
