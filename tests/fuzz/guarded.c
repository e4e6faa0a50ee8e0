/* SPDX-License-Identifier: Apache-2.0 */
#include "guarded.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* At least a page of every machine. */
#define PAGE_BYTES (64 * 1024)

/* page nobody may read │ room │ page nobody may read */
static char *room(void)
{
    static char *begin; /* owned until the program ends */
    char *mapped;

    if (begin != NULL)
        return begin;
    mapped = mmap(NULL, 2 * PAGE_BYTES + GUARDED_BYTES_MAX, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
                  -1, 0);
    if (mapped == MAP_FAILED ||
        mprotect(mapped + PAGE_BYTES, GUARDED_BYTES_MAX, PROT_READ | PROT_WRITE) < 0)
        abort();
    begin = mapped + PAGE_BYTES;
    return begin;
}

static const char *put(char *to, const void *bytes, size_t length)
{
    if (length > 0)
        memcpy(to, bytes, length);
    return to;
}

const char *guarded_end(const void *bytes, size_t length)
{
    if (length > GUARDED_BYTES_MAX)
        abort(); /* the caller bounds its inputs */
    return put(room() + GUARDED_BYTES_MAX - length, bytes, length);
}

const char *guarded_begin(const void *bytes, size_t length)
{
    if (length > GUARDED_BYTES_MAX)
        abort();
    return put(room(), bytes, length);
}
