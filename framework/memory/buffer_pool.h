/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory pool for buffers: six size classes, a small cache per thread without locks, a depot
 * behind it that is bounded in total bytes, and the allocator below.
 *
 *     take: thread's cache ──▶ depot (locked) ──▶ allocator, while below the bound
 *     give: thread's cache ──▶ depot, when the cache is full
 */
#ifndef PL_MEMORY_BUFFER_POOL_H
#define PL_MEMORY_BUFFER_POOL_H

#include "buffer.h"

#include <paceline/attributes.h>
#include <paceline/limits.h>

#include <pthread.h>

struct pl_stats_block;

struct pl_buffer_pool {
    pthread_mutex_t lock; /* guards all below */
    size_t bytes_max;
    struct pl_buffer *free[PL_BUFFER_CLASSES];
    size_t bytes;      /* allocated, whether taken or free */
    size_t bytes_high; /* the most that ever was */
};

/* A thread's own blocks. Thread: its owner alone. */
struct pl_buffer_cache {
    struct pl_buffer_pool *pool;  /* borrowed */
    struct pl_stats_block *stats; /* borrowed: the owner's block */
    struct pl_buffer *free[PL_BUFFER_CLASSES];
    uint32_t counts[PL_BUFFER_CLASSES];
    uint32_t blocks_max[PL_BUFFER_CLASSES]; /* of each class, kept here at most */
};

PL_MUST_CHECK int pl_buffer_pool_init(struct pl_buffer_pool *pool, size_t bytes_max);
/* Every buffer must be back and every cache empty. */
void pl_buffer_pool_deinit(struct pl_buffer_pool *pool);
/* Another bound: what is taken above it stays taken, and nothing more is allocated. Thread: any. */
void pl_buffer_pool_set_max(struct pl_buffer_pool *pool, size_t bytes_max);
size_t pl_buffer_pool_max(struct pl_buffer_pool *pool);
/* Thread: any. */
void pl_buffer_pool_figures(struct pl_buffer_pool *pool, size_t *ret_bytes, size_t *ret_high);

void pl_buffer_cache_init(struct pl_buffer_cache *cache, struct pl_buffer_pool *pool,
                          struct pl_stats_block *stats);
/* Gives everything back to the pool. */
void pl_buffer_cache_deinit(struct pl_buffer_cache *cache);

/*
 * Takes an empty buffer of at least `bytes` (at most PL_BUFFER_BYTES_MAX).
 *
 * Owner:  the caller, until pl_buffer_give(), from whichever thread holds it then.
 * Errors: NULL when limits.buffers is reached or the allocator fails; counted.
 */
PL_MUST_CHECK struct pl_buffer *pl_buffer_take(struct pl_buffer_cache *cache, size_t bytes);

/* Does nothing with NULL. A file piece's descriptor must be closed before. */
void pl_buffer_give(struct pl_buffer_cache *cache, struct pl_buffer *buffer);

/*
 * Replaces *buffer by one that holds the same unread bytes and has room for `bytes` in all: larger
 * for a request that outgrows its block, smaller for a rest that should not hold a big one.
 *
 * Errors: -ENOBUFS; *buffer is then as it was.
 */
PL_MUST_CHECK int pl_buffer_resize(struct pl_buffer_cache *cache, struct pl_buffer **buffer,
                                   size_t bytes);

#endif
