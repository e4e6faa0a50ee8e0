/* SPDX-License-Identifier: Apache-2.0 */
#include "output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

static int complain(const char *path)
{
    fprintf(stderr, "paceline-bench: %s cannot be written: %s\n", path, strerror(errno));
    return EX_CANTCREAT;
}

static bool is_stdout(const char *path)
{
    return path == NULL || strcmp(path, "-") == 0;
}

/* What a folder and its file system allow is best asked by doing it: one that is not there is made
 * and removed again. A link to nowhere is there, and cannot be. */
static bool can_be_made(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0)
        return errno == EEXIST;
    close(fd);
    return unlink(path) == 0;
}

int output_file_check(const char *path)
{
    struct stat about;
    bool can_be;

    if (is_stdout(path))
        return 0;
    if (stat(path, &about) < 0)
        can_be = errno == ENOENT && can_be_made(path);
    else if (S_ISDIR(about.st_mode))
        can_be = false, errno = EISDIR;
    else
        can_be = eaccess(path, W_OK) == 0;
    return can_be ? 0 : complain(path);
}

int output_file_write(const char *path, const char *bytes, size_t count)
{
    FILE *file = is_stdout(path) ? stdout : fopen(path, "we");
    bool is_written;

    if (file == NULL)
        return complain(path);
    is_written = fwrite(bytes, 1, count, file) == count && fflush(file) == 0 && ferror(file) == 0;
    if (file != stdout && fclose(file) != 0)
        is_written = false;
    return is_written ? 0 : complain(file == stdout ? "the standard output" : path);
}
