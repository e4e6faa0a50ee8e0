/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the descriptors of files that were served lately: root and path → open file.
 *
 *     look up ─▶ fresh: no system call
 *        │ └──▶ old: open the path anew ─▶ the same file: fresh again
 *        └ absent ─▶ open                 └ another: takes the old one's place
 *
 * The table holds one reference of each file, whoever sends it another; the last one to let go
 * closes the descriptor. Failures are not remembered.
 *
 * Invariant: no system call is made and no descriptor closed while the lock is held.
 */
#include "http_file_cache.h"

#include "http_service.h"
#include "http_types.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A file nobody asked for this long is closed when another is opened. */
#define UNUSED_MS 60000

/* The longest unused of so many makes room: the whole table need not be searched. */
#define SAMPLE_FILES 8

/* Files that leave the table in one go. */
#define DROPS_MAX 8

struct http_cached_file {
    /* Any thread. Released by the last but one to let go, acquired by the last. */
    _Atomic uint32_t references;
    /* Any thread, for itself alone: when a sibling was missing, and whether no other form can be
     * made. */
    _Atomic int64_t missing_ms[HTTP_SIBLINGS_MAX];
    _Atomic bool cannot_be_made;

    /* Written before others see it. */
    int fd; /* owned */
    const char *type;
    bool varies;
    off_t size;
    struct stat status; /* when it was opened; of a form that was made, its source's */
    struct http_validators validators;
    uint64_t hash;
    int root_fd; /* tells equal paths below different roots apart */
    size_t path_length;

    /* Guarded by the cache's lock. */
    struct http_cached_file *next; /* in its bucket */
    uint32_t index;                /* in `files`; NOT_LINKED when it left the table */
    int64_t validated_ms;
    int64_t used_ms;

    char path[];
};

#define NOT_LINKED UINT32_MAX

/* Longer ago than any time a file is fresh. */
#define NEVER_MS (INT64_MIN / 2)

struct http_file_cache {
    const struct http_types *types; /* borrowed */
    uint32_t files_max;
    int64_t valid_ms;
    size_t bucket_mask;

    /* Guards what follows. */
    pthread_mutex_t lock;
    uint32_t files_count;
    uint32_t hand;                     /* where the next sample begins */
    struct http_cached_file **files;   /* each owns a reference */
    struct http_cached_file **buckets; /* borrowed from `files` */
};

/* What left the table under the lock, to be released after it. */
struct drops {
    struct http_cached_file *files[DROPS_MAX];
    size_t count;
};

/* ---- one file ------------------------------------------------------------------------------- */

void http_cached_file_hold(struct http_cached_file *file)
{
    atomic_fetch_add_explicit(&file->references, 1, memory_order_relaxed);
}

void http_cached_file_release(void *cached)
{
    struct http_cached_file *file = cached;

    if (atomic_fetch_sub_explicit(&file->references, 1, memory_order_acq_rel) > 1)
        return;
    (void)close(file->fd);
    free(file);
}

void http_file_close(struct http_file *file)
{
    if (file->cached != NULL)
        http_cached_file_release(file->cached);
    *file = (struct http_file){ .fd = -1 };
}

static struct http_file lend(struct http_cached_file *file)
{
    return (struct http_file){ .fd = file->fd,
                               .size = file->size,
                               .type = file->type,
                               .varies = file->varies,
                               .validators = &file->validators,
                               .cached = file };
}

static bool is_same_time(const struct timespec *left, const struct timespec *right)
{
    return left->tv_sec == right->tv_sec && left->tv_nsec == right->tv_nsec;
}

static bool is_unchanged(const struct stat *before, const struct stat *now)
{
    return before->st_dev == now->st_dev && before->st_ino == now->st_ino &&
           before->st_size == now->st_size && is_same_time(&before->st_mtim, &now->st_mtim) &&
           is_same_time(&before->st_ctim, &now->st_ctim);
}

/* What a file is found by. */
struct key {
    int root_fd; /* borrowed */
    struct pl_view path;
    uint64_t hash; /* of the path */
};

/* FNV-1a: paths are short, and only those of files that exist come into the table. */
static uint64_t hash_of(struct pl_view path)
{
    uint64_t hash = 14695981039346656037u;

    for (size_t i = 0; i < path.length; i++)
        hash = (hash ^ (unsigned char)path.bytes[i]) * 1099511628211u;
    return hash ^ hash >> 32;
}

/* ---- the table ------------------------------------------------------------------------------ */

static struct http_cached_file **bucket_of(struct http_file_cache *cache, uint64_t hash)
{
    return &cache->buckets[hash & cache->bucket_mask];
}

static struct http_cached_file *find_locked(struct http_file_cache *cache, const struct key *key)
{
    struct http_cached_file *file = *bucket_of(cache, key->hash);

    while (file != NULL && (file->hash != key->hash || file->root_fd != key->root_fd ||
                            file->path_length != key->path.length ||
                            memcmp(file->path, key->path.bytes, key->path.length) != 0))
        file = file->next;
    return file;
}

static void unlink_locked(struct http_file_cache *cache, struct http_cached_file *file,
                          struct drops *drops)
{
    struct http_cached_file **link = bucket_of(cache, file->hash);
    struct http_cached_file *last = cache->files[--cache->files_count];

    while (*link != file)
        link = &(*link)->next;
    *link = file->next;
    cache->files[file->index] = last;
    last->index = file->index;
    file->index = NOT_LINKED;
    drops->files[drops->count++] = file;
}

static void release_drops(const struct drops *drops)
{
    for (size_t i = 0; i < drops->count; i++)
        http_cached_file_release(drops->files[i]);
}

static struct http_cached_file *under_hand_locked(struct http_file_cache *cache)
{
    if (++cache->hand >= cache->files_count)
        cache->hand = 0;
    return cache->files[cache->hand];
}

static void drop_longest_unused_locked(struct http_file_cache *cache, struct drops *drops)
{
    struct http_cached_file *oldest = under_hand_locked(cache);

    for (int i = 1; i < SAMPLE_FILES; i++) {
        struct http_cached_file *other = under_hand_locked(cache);

        if (other->used_ms < oldest->used_ms)
            oldest = other;
    }
    unlink_locked(cache, oldest, drops);
}

/* A deleted file's room on the disk is not held for ever. */
static void drop_unused_locked(struct http_file_cache *cache, int64_t now_ms, struct drops *drops)
{
    for (int i = 0; i < SAMPLE_FILES && cache->files_count > 0 && drops->count < DROPS_MAX; i++) {
        struct http_cached_file *file = under_hand_locked(cache);

        if (now_ms - file->used_ms >= UNUSED_MS)
            unlink_locked(cache, file, drops);
    }
}

/* Descriptors have run out: closes some that nobody sends from. */
static bool make_room(struct http_file_cache *cache)
{
    struct drops drops = { .count = 0 };

    if (cache->files_max == 0)
        return false;
    pthread_mutex_lock(&cache->lock);
    for (uint32_t i = cache->files_count; i > 0 && drops.count < DROPS_MAX; i--)
        if (atomic_load_explicit(&cache->files[i - 1]->references, memory_order_relaxed) == 1)
            unlink_locked(cache, cache->files[i - 1], &drops);
    pthread_mutex_unlock(&cache->lock);
    release_drops(&drops);
    return drops.count > 0;
}

/* ---- open ----------------------------------------------------------------------------------- */

static int open_regular(struct http_file_cache *cache, const struct key *key,
                        struct stat *ret_status)
{
    int fd;

    ret_status->st_mode = 0;
    fd = http_open_beneath(key->root_fd, key->path.bytes);

    while ((fd == -EMFILE || fd == -ENFILE) && make_room(cache))
        fd = http_open_beneath(key->root_fd, key->path.bytes);
    if (fd < 0)
        return fd;
    if (fstat(fd, ret_status) == 0 && S_ISREG(ret_status->st_mode))
        return fd;
    (void)close(fd);
    return S_ISDIR(ret_status->st_mode) ? -EISDIR : -ENOENT;
}

/* Takes over the descriptor when it succeeds. The caller's own reference is counted. */
static struct http_cached_file *new_file(const struct http_file_cache *cache, const struct key *key,
                                         int fd, const struct stat *status, int64_t now_ms)
{
    struct http_cached_file *file = malloc(sizeof(*file) + key->path.length);

    if (file == NULL)
        return NULL;
    atomic_init(&file->references, 1);
    file->fd = fd;
    file->type = http_types_find(cache->types, key->path.bytes);
    file->varies = http_type_is_compressible(file->type);
    file->size = status->st_size;
    file->status = *status;
    http_validators_init(&file->validators, status, time(NULL), "");
    for (size_t i = 0; i < HTTP_SIBLINGS_MAX; i++)
        atomic_init(&file->missing_ms[i], NEVER_MS);
    atomic_init(&file->cannot_be_made, false);
    file->hash = key->hash;
    file->root_fd = key->root_fd;
    file->path_length = key->path.length;
    file->next = NULL;
    file->index = NOT_LINKED;
    file->validated_ms = now_ms;
    file->used_ms = now_ms;
    memcpy(file->path, key->path.bytes, key->path.length);
    return file;
}

/* In the place of the path's older one, if any. */
static void add(struct http_file_cache *cache, struct http_cached_file *file, const struct key *key,
                int64_t now_ms)
{
    struct http_cached_file **bucket = bucket_of(cache, file->hash);
    struct http_cached_file *older;
    struct drops drops = { .count = 0 };

    http_cached_file_hold(file);
    pthread_mutex_lock(&cache->lock);
    older = find_locked(cache, key);
    if (older != NULL)
        unlink_locked(cache, older, &drops);
    drop_unused_locked(cache, now_ms, &drops);
    if (cache->files_count == cache->files_max)
        drop_longest_unused_locked(cache, &drops);
    file->index = cache->files_count;
    cache->files[cache->files_count++] = file;
    file->next = *bucket;
    *bucket = file;
    pthread_mutex_unlock(&cache->lock);
    release_drops(&drops);
}

static void drop(struct http_file_cache *cache, struct http_cached_file *file)
{
    struct drops drops = { .count = 0 };

    pthread_mutex_lock(&cache->lock);
    if (file->index != NOT_LINKED)
        unlink_locked(cache, file, &drops);
    pthread_mutex_unlock(&cache->lock);
    release_drops(&drops);
}

static void note_unchanged(struct http_file_cache *cache, struct http_cached_file *file,
                           int64_t now_ms)
{
    pthread_mutex_lock(&cache->lock);
    if (file->validated_ms < now_ms)
        file->validated_ms = now_ms;
    pthread_mutex_unlock(&cache->lock);
}

/* A reference of the path's file, or NULL. */
static struct http_cached_file *look_up(struct http_file_cache *cache, const struct key *key,
                                        int64_t now_ms, bool *ret_is_fresh)
{
    struct http_cached_file *file;

    pthread_mutex_lock(&cache->lock);
    file = find_locked(cache, key);
    if (file != NULL) {
        http_cached_file_hold(file);
        file->used_ms = now_ms;
        *ret_is_fresh = cache->valid_ms > 0 && now_ms - file->validated_ms < cache->valid_ms;
    }
    pthread_mutex_unlock(&cache->lock);
    return file;
}

/* The path leads to what *ret_file is from here on; `old`, or NULL, is what it led to. */
static int open_anew(struct http_file_cache *cache, const struct key *key, int64_t now_ms,
                     struct http_cached_file *old, struct http_file *ret_file)
{
    struct stat status;
    struct http_cached_file *file;
    int fd = open_regular(cache, key, &status);

    if (fd >= 0 && old != NULL && is_unchanged(&old->status, &status)) {
        (void)close(fd);
        note_unchanged(cache, old, now_ms);
        *ret_file = lend(old);
        return 0;
    }
    if (old != NULL) {
        drop(cache, old);
        http_cached_file_release(old);
    }
    if (fd < 0)
        return fd;
    file = new_file(cache, key, fd, &status, now_ms);
    if (file == NULL) {
        (void)close(fd);
        return -ENOMEM;
    }
    if (cache->files_max > 0)
        add(cache, file, key, now_ms);
    *ret_file = lend(file);
    return 0;
}

int http_file_cache_open(struct http_file_cache *cache, int root_fd, struct pl_view path,
                         int64_t now_ms, struct http_file *ret_file)
{
    struct key key = { .root_fd = root_fd, .path = path };
    struct http_cached_file *old = NULL;
    bool is_fresh = false;

    if (cache->files_max > 0) {
        key.hash = hash_of(path);
        old = look_up(cache, &key, now_ms, &is_fresh);
    }
    if (!is_fresh)
        return open_anew(cache, &key, now_ms, old, ret_file);
    *ret_file = lend(old);
    return 0;
}

/* ---- other forms ---------------------------------------------------------------------------- */

/* Behind the path, where no path has a byte: the made form is another file of the table. */
#define MADE_MARK "\0made"

static int make_form(struct http_file_cache *cache, const struct key *key, int64_t now_ms,
                     struct http_cached_file *source, http_file_maker *make, void *context,
                     struct http_file *ret_file)
{
    struct http_cached_file *file;
    off_t size;
    int fd = make(source->fd, context, &size);

    /* What was short of memory or descriptors may be made another time. */
    if (fd == -ERANGE)
        atomic_store_explicit(&source->cannot_be_made, true, memory_order_relaxed);
    if (fd < 0)
        return fd;
    file = new_file(cache, key, fd, &source->status, now_ms);
    if (file == NULL) {
        (void)close(fd);
        return -ENOMEM;
    }
    file->size = size;
    http_validators_init(&file->validators, &source->status, time(NULL), "-gz");
    add(cache, file, key, now_ms);
    *ret_file = lend(file);
    return 0;
}

int http_file_cache_open_made(struct http_file_cache *cache, int root_fd, struct pl_view path,
                              int64_t now_ms, const struct http_file *source, http_file_maker *make,
                              void *context, struct http_file *ret_file)
{
    char bytes[4096 + 512];
    struct key key = { .root_fd = root_fd, .path = { .bytes = bytes } };
    struct http_cached_file *made;
    bool is_fresh;

    if (cache->files_max == 0 || path.length + sizeof(MADE_MARK) > sizeof(bytes) ||
        atomic_load_explicit(&source->cached->cannot_be_made, memory_order_relaxed))
        return -ENOENT;
    memcpy(bytes, path.bytes, path.length);
    memcpy(bytes + path.length, MADE_MARK, sizeof(MADE_MARK));
    key.path.length = path.length + sizeof(MADE_MARK) - 1;
    key.hash = hash_of(key.path);
    made = look_up(cache, &key, now_ms, &is_fresh);
    if (made != NULL && is_unchanged(&made->status, &source->cached->status)) {
        *ret_file = lend(made);
        return 0;
    }
    if (made != NULL)
        http_cached_file_release(made);
    return make_form(cache, &key, now_ms, source->cached, make, context, ret_file);
}

bool http_file_lacks_sibling(const struct http_file_cache *cache, const struct http_file *file,
                             uint32_t sibling, int64_t now_ms)
{
    int64_t missing_ms =
        atomic_load_explicit(&file->cached->missing_ms[sibling], memory_order_relaxed);

    return now_ms - missing_ms < cache->valid_ms;
}

void http_file_note_no_sibling(const struct http_file *file, uint32_t sibling, int64_t now_ms)
{
    atomic_store_explicit(&file->cached->missing_ms[sibling], now_ms, memory_order_relaxed);
}

/* ---- life ----------------------------------------------------------------------------------- */

struct http_file_cache *http_file_cache_new(uint32_t files_max, int64_t valid_ms,
                                            const struct http_types *types)
{
    struct http_file_cache *cache = calloc(1, sizeof(*cache));
    size_t buckets_count = 1;

    if (cache == NULL)
        return NULL;
    while (buckets_count < files_max)
        buckets_count *= 2;
    cache->types = types;
    cache->files_max = files_max;
    cache->valid_ms = valid_ms;
    cache->bucket_mask = buckets_count - 1;
    cache->files = calloc((size_t)files_max + 1, sizeof(struct http_cached_file *));
    cache->buckets = calloc(buckets_count, sizeof(struct http_cached_file *));
    if (cache->files == NULL || cache->buckets == NULL ||
        pthread_mutex_init(&cache->lock, NULL) != 0)
        goto free_tables;
    return cache;

free_tables:
    free(cache->buckets);
    free(cache->files);
    free(cache);
    return NULL;
}

void http_file_cache_free(struct http_file_cache *cache)
{
    if (cache == NULL)
        return;
    for (uint32_t i = 0; i < cache->files_count; i++)
        http_cached_file_release(cache->files[i]);
    pthread_mutex_destroy(&cache->lock);
    free(cache->buckets);
    free(cache->files);
    free(cache);
}
