/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one seam over the allocator. Everything that is not a pooled buffer comes from here and is
 * allocated before traffic or by a thread outside the event path; tests replace these functions
 * at link time to make the n-th call fail.
 */
#ifndef PL_BASE_ALLOC_H
#define PL_BASE_ALLOC_H

#include <paceline/attributes.h>

#include <stddef.h>

/* Returns zeroed memory owned by the caller until pl_free(), or NULL. Thread: any. */
PL_MUST_CHECK void *pl_alloc(size_t bytes);

/* Returns a copy of the string, owned by the caller until pl_free(), or NULL. Thread: any. */
PL_MUST_CHECK char *pl_alloc_string(const char *string);

/* Does nothing with NULL. Thread: any. */
void pl_free(void *memory);

/* "jemalloc 5.3.0" or "libc": what `--version` reports. */
const char *pl_alloc_name(void);

#endif
