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

int main(int argc, char **argv)
{
    int total = 0;

    for (int i = 1; i < argc; i++) {
        int count = run_path(argv[i]);

        if (count < 0) {
            fprintf(stderr, "%s: cannot be read\n", argv[i]);
            return 1;
        }
        total += count;
    }
    printf("%d inputs replayed\n", total);
    return total > 0 || argc == 1 ? 0 : 1;
}
