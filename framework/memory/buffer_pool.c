/* SPDX-License-Identifier: Apache-2.0 */
#include "buffer_pool.h"

#include "alloc.h"
#include "assert.h"
#include "stats_block.h"

#include <paceline/log.h>

#include <errno.h>

#if defined(__SANITIZE_ADDRESS__)
#define PL_WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PL_WITH_ASAN 1
#endif
#endif

#ifdef PL_WITH_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(buffer)   ASAN_POISON_MEMORY_REGION((buffer)->data, (buffer)->size)
#define UNPOISON(buffer) ASAN_UNPOISON_MEMORY_REGION((buffer)->data, (buffer)->size)
#else
#define POISON(buffer)   ((void)(buffer))
#define UNPOISON(buffer) ((void)(buffer))
#endif

static size_t class_bytes(uint32_t class_index)
{
    return (size_t)PL_BUFFER_BYTES_MIN << (2 * class_index);
}

static uint32_t class_of(size_t bytes)
{
    uint32_t above;

    if (bytes <= PL_BUFFER_BYTES_MIN)
        return 0;
    /* Each class is four times the one below: half the bits above the smallest, rounded up. */
    above = (uint32_t)(bytes - 1) / PL_BUFFER_BYTES_MIN;
    return (33 - (uint32_t)__builtin_clz(above)) / 2;
}

/* What one block costs the pool: its header counts too. */
static size_t block_bytes(uint32_t class_index)
{
    return class_bytes(class_index) + sizeof(struct pl_buffer);
}

/* Blocks a thread keeps: of the large classes none, they would stay away from the others; of the
 * rest what a thousandth of the pool holds, so that many threads cannot keep it all to themselves.
 */
static uint32_t cache_blocks_max(const struct pl_buffer_pool *pool, uint32_t class_index)
{
    size_t share = pool->bytes_max / 1024 / class_bytes(class_index);

    if (class_bytes(class_index) > 4 * PL_BUFFER_BYTES)
        return 0;
    if (share == 0)
        return class_bytes(class_index) <= PL_BUFFER_BYTES;
    return share < PL_BUFFER_CACHE_BLOCKS ? (uint32_t)share : PL_BUFFER_CACHE_BLOCKS;
}

static struct pl_buffer *pop(struct pl_buffer **list)
{
    struct pl_buffer *buffer = *list;

    if (buffer != NULL)
        *list = buffer->next;
    return buffer;
}

static void push(struct pl_buffer **list, struct pl_buffer *buffer)
{
    buffer->next = *list;
    *list = buffer;
}

static void free_block_locked(struct pl_buffer_pool *pool, struct pl_buffer *buffer)
{
    pool->bytes -= block_bytes(buffer->class_index);
    UNPOISON(buffer);
    pl_free(buffer);
}

int pl_buffer_pool_init(struct pl_buffer_pool *pool, size_t bytes_max)
{
    memset(pool, 0, sizeof(*pool));
    pool->bytes_max = bytes_max;
    return -pthread_mutex_init(&pool->lock, NULL);
}

void pl_buffer_pool_deinit(struct pl_buffer_pool *pool)
{
    for (uint32_t i = 0; i < PL_BUFFER_CLASSES; i++)
        for (struct pl_buffer *buffer; (buffer = pop(&pool->free[i])) != NULL;)
            free_block_locked(pool, buffer);
    PL_ASSERT(pool->bytes == 0);
    pthread_mutex_destroy(&pool->lock);
}

void pl_buffer_pool_set_max(struct pl_buffer_pool *pool, size_t bytes_max)
{
    pthread_mutex_lock(&pool->lock);
    pool->bytes_max = bytes_max;
    pthread_mutex_unlock(&pool->lock);
}

size_t pl_buffer_pool_max(struct pl_buffer_pool *pool)
{
    size_t bytes_max;

    pthread_mutex_lock(&pool->lock);
    bytes_max = pool->bytes_max;
    pthread_mutex_unlock(&pool->lock);
    return bytes_max;
}

void pl_buffer_pool_figures(struct pl_buffer_pool *pool, size_t *ret_bytes, size_t *ret_high)
{
    pthread_mutex_lock(&pool->lock);
    *ret_bytes = pool->bytes;
    *ret_high = pool->bytes_high;
    pthread_mutex_unlock(&pool->lock);
}

void pl_buffer_cache_init(struct pl_buffer_cache *cache, struct pl_buffer_pool *pool,
                          struct pl_stats_block *stats)
{
    memset(cache, 0, sizeof(*cache));
    cache->pool = pool;
    cache->stats = stats;
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; i < PL_BUFFER_CLASSES; i++)
        cache->blocks_max[i] = cache_blocks_max(pool, i);
    pthread_mutex_unlock(&pool->lock);
}

/* Moves blocks from the cache to the depot until `keep` are left. */
static void spill(struct pl_buffer_cache *cache, uint32_t class_index, uint32_t keep)
{
    pthread_mutex_lock(&cache->pool->lock);
    while (cache->counts[class_index] > keep) {
        push(&cache->pool->free[class_index], pop(&cache->free[class_index]));
        cache->counts[class_index]--;
    }
    pthread_mutex_unlock(&cache->pool->lock);
}

void pl_buffer_cache_deinit(struct pl_buffer_cache *cache)
{
    if (cache->pool == NULL)
        return;
    for (uint32_t i = 0; i < PL_BUFFER_CLASSES; i++)
        spill(cache, i, 0);
}

/* The last sixteenth of the pool is for small blocks, so that whoever is refused a large one can
 * still say so. */
static size_t bound_of(const struct pl_buffer_pool *pool, size_t bytes)
{
    return bytes < PL_BUFFER_BYTES ? pool->bytes_max : pool->bytes_max - pool->bytes_max / 16;
}

/* Makes room below the bound by freeing idle blocks of the other classes, largest first. */
static bool make_room_locked(struct pl_buffer_pool *pool, size_t bytes)
{
    size_t bound = bound_of(pool, bytes);

    for (uint32_t i = PL_BUFFER_CLASSES; i-- > 0;)
        while (pool->bytes + bytes > bound && pool->free[i] != NULL)
            free_block_locked(pool, pop(&pool->free[i]));
    return pool->bytes + bytes <= bound;
}

static struct pl_buffer *take_from_depot(struct pl_buffer_cache *cache, uint32_t class_index)
{
    struct pl_buffer_pool *pool = cache->pool;
    size_t bytes = block_bytes(class_index);
    struct pl_buffer *buffer;

    pthread_mutex_lock(&pool->lock);
    buffer = pop(&pool->free[class_index]);
    if (buffer != NULL) {
        /* Half a cache at a time, so that the next takes meet no lock. */
        while (cache->counts[class_index] < cache->blocks_max[class_index] / 2 &&
               pool->free[class_index] != NULL) {
            push(&cache->free[class_index], pop(&pool->free[class_index]));
            cache->counts[class_index]++;
        }
        pthread_mutex_unlock(&pool->lock);
        return buffer;
    }
    if (!make_room_locked(pool, bytes)) {
        pthread_mutex_unlock(&pool->lock);
        return NULL;
    }
    pool->bytes += bytes;
    if (pool->bytes > pool->bytes_high)
        pool->bytes_high = pool->bytes;
    pthread_mutex_unlock(&pool->lock);

    buffer = pl_alloc(bytes);
    if (buffer == NULL) {
        pthread_mutex_lock(&pool->lock);
        pool->bytes -= bytes;
        pthread_mutex_unlock(&pool->lock);
        return NULL;
    }
    buffer->class_index = (uint8_t)class_index;
    buffer->size = (uint32_t)class_bytes(class_index);
    buffer->is_given = true;
    return buffer;
}

/* At the bound the thread's own idle blocks of other classes make room; true if it had any. */
static bool empty_cache(struct pl_buffer_cache *cache)
{
    bool had_any = false;

    for (uint32_t i = 0; i < PL_BUFFER_CLASSES; i++) {
        had_any |= cache->counts[i] > 0;
        spill(cache, i, 0);
    }
    return had_any;
}

struct pl_buffer *pl_buffer_take(struct pl_buffer_cache *cache, size_t bytes)
{
    uint32_t class_index;
    struct pl_buffer *buffer;

    PL_ASSERT(bytes <= PL_BUFFER_BYTES_MAX);
    class_index = class_of(bytes);
    buffer = pop(&cache->free[class_index]);
    if (buffer != NULL)
        cache->counts[class_index]--;
    else
        buffer = take_from_depot(cache, class_index);
    if (buffer == NULL && empty_cache(cache))
        buffer = take_from_depot(cache, class_index);
    if (buffer == NULL) {
        PL_COUNT(cache->stats, buffers_refused);
        PL_LOG_RATED(PL_LOG_WARNING, "limits.buffers is reached: no block of %zu bytes to be had",
                     class_bytes(class_index));
        return NULL;
    }
    PL_ASSERT(buffer->is_given);
    UNPOISON(buffer);
    buffer->is_given = false;
    buffer->next = NULL;
    buffer->read = 0;
    buffer->write = 0;
    buffer->piece = PL_PIECE_BYTES;
    PL_COUNT(cache->stats, buffers_taken);
    return buffer;
}

void pl_buffer_give(struct pl_buffer_cache *cache, struct pl_buffer *buffer)
{
    uint32_t class_index;

    if (buffer == NULL)
        return;
    PL_ASSERT(!buffer->is_given);
    class_index = buffer->class_index;
    buffer->is_given = true;
    POISON(buffer);
    push(&cache->free[class_index], buffer);
    cache->counts[class_index]++;
    if (cache->counts[class_index] > cache->blocks_max[class_index])
        spill(cache, class_index, cache->blocks_max[class_index] / 2);
    PL_COUNT(cache->stats, buffers_given);
}

int pl_buffer_resize(struct pl_buffer_cache *cache, struct pl_buffer **buffer, size_t bytes)
{
    size_t length = pl_buffer_length(*buffer);
    struct pl_buffer *resized;

    PL_ASSERT(bytes >= length);
    if (bytes > PL_BUFFER_BYTES_MAX)
        return -ENOBUFS;
    resized = pl_buffer_take(cache, bytes);
    if (resized == NULL)
        return -ENOBUFS;
    memcpy(resized->data, (*buffer)->data + (*buffer)->read, length);
    resized->write = (uint32_t)length;
    pl_buffer_give(cache, *buffer);
    *buffer = resized;
    return 0;
}
