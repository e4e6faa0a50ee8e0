/* SPDX-License-Identifier: Apache-2.0 */
#include "alloc.h"

#include <stdlib.h>
#include <string.h>

#ifdef HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

void *pl_alloc(size_t bytes)
{
    return calloc(1, bytes);
}

char *pl_alloc_string(const char *string)
{
    size_t bytes = strlen(string) + 1;
    char *copy = pl_alloc(bytes);

    if (copy != NULL)
        memcpy(copy, string, bytes);
    return copy;
}

void pl_free(void *memory)
{
    free(memory);
}

const char *pl_alloc_name(void)
{
#ifdef HAVE_JEMALLOC
    return "jemalloc " JEMALLOC_VERSION;
#else
    return "libc";
#endif
}
