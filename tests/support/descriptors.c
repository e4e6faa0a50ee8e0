/* SPDX-License-Identifier: Apache-2.0 */
#include "descriptors.h"

#include "client.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define FOLDER "/proc/self/fd"

static bool name(struct descriptor *one)
{
    char path[sizeof(FOLDER) + 16];
    ssize_t length;

    snprintf(path, sizeof(path), FOLDER "/%d", one->fd);
    length = readlink(path, one->target, sizeof(one->target) - 1);
    if (length < 0)
        return false;
    one->target[length] = '\0';
    return true;
}

/* The next one, without the one that reads them. */
static bool next(DIR *directory, struct descriptor *ret_descriptor)
{
    const struct dirent *entry;

    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        ret_descriptor->fd = atoi(entry->d_name);
        if (ret_descriptor->fd != dirfd(directory) && name(ret_descriptor))
            return true;
    }
    return false;
}

static DIR *open_folder(void)
{
    DIR *directory = opendir(FOLDER);

    assert_non_null(directory);
    return directory;
}

void descriptors_now(struct descriptors *ret_descriptors)
{
    DIR *directory = open_folder();
    struct descriptor one;

    ret_descriptors->count = 0;
    while (next(directory, &one)) {
        assert_true(ret_descriptors->count < DESCRIPTORS_MAX);
        ret_descriptors->all[ret_descriptors->count++] = one;
    }
    closedir(directory);
}

void descriptors_add(struct descriptors *descriptors, int fd)
{
    struct descriptor one = { .fd = fd };

    assert_true(name(&one));
    assert_true(descriptors->count < DESCRIPTORS_MAX);
    descriptors->all[descriptors->count++] = one;
}

int descriptors_count(void)
{
    DIR *directory = open_folder();
    struct descriptor one;
    int count = 0;

    while (next(directory, &one))
        count++;
    closedir(directory);
    return count;
}

static bool has(const struct descriptors *descriptors, const struct descriptor *one)
{
    for (size_t i = 0; i < descriptors->count; i++)
        if (descriptors->all[i].fd == one->fd &&
            strcmp(descriptors->all[i].target, one->target) == 0)
            return true;
    return false;
}

size_t descriptors_new_since(const struct descriptors *before, struct descriptor *ret_new)
{
    DIR *directory = open_folder();
    struct descriptor one;
    size_t count = 0;

    while (next(directory, &one)) {
        if (has(before, &one))
            continue;
        if (count++ == 0)
            *ret_new = one;
    }
    closedir(directory);
    return count;
}

void descriptors_expect_no_new(const struct descriptors *before)
{
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;
    struct descriptor leaked;
    size_t count;

    while ((count = descriptors_new_since(before, &leaked)) > 0 && client_now_ms() < until_ms)
        client_pause_ms(1);
    if (count > 0)
        fail_msg("%zu descriptors are left, one of them %d: %s", count, leaked.fd, leaked.target);
}
