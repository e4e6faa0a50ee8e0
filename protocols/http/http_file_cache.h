/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open files of one service, kept so that a request for one that was served a moment ago needs no
 * system call to find it.
 */
#ifndef PL_HTTP_FILE_CACHE_H
#define PL_HTTP_FILE_CACHE_H

#include "http_conditional.h"

#include <paceline/attributes.h>
#include <paceline/view.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct http_cached_file;
struct http_file_cache;
struct http_types;

/* A regular file, open for reading; what it points to lives as long as its reference. */
struct http_file {
    int fd; /* lent by `cached` */
    off_t size;
    const char *type;   /* its Content-Type */
    const char *coding; /* its Content-Encoding; NULL: none */
    bool varies;        /* with Accept-Encoding: it is worth being compressed */
    const struct http_validators *validators;
    struct http_cached_file *cached; /* one reference of it is owned */
};

/*
 * At most `files_max` files stay open; 0: none. A file is used without a look at its path for less
 * than `valid_ms` after the last one.
 *
 * Owner:  the caller; `types` is borrowed as long as any of the files is open.
 * Errors: NULL when memory is short.
 */
struct http_file_cache *http_file_cache_new(uint32_t files_max, int64_t valid_ms,
                                            const struct http_types *types);
/* Files that are being sent stay open until they are released. Does nothing with NULL. */
void http_file_cache_free(struct http_file_cache *cache);

/*
 * Finds or opens the file below a root. `path` is followed by a NUL; `now_ms` is a recent
 * pl_conn_now_ms().
 *
 * Owner:  the caller, of *ret_file, until http_file_close() or http_cached_file_release().
 * Thread: any.
 * Errors: those of openat2(2); -EISDIR for a directory, -ENOENT for what else is no
 *         regular file; -ENOMEM.
 */
PL_MUST_CHECK int http_file_cache_open(struct http_file_cache *cache, int root_fd,
                                       struct pl_view path, int64_t now_ms,
                                       struct http_file *ret_file);

/* Makes another form of the file's bytes: returns a descriptor, or a negative errno value; -ERANGE
 * is for ever. */
typedef int http_file_maker(int fd, void *context, off_t *ret_size);
/*
 * Finds or makes a form of `source`, which was opened by that path; it is kept beside it until the
 * source changes.
 *
 * Errors: the maker's; -ENOENT when it was -ERANGE before, and when files are not kept.
 * Thread: any.
 */
PL_MUST_CHECK int http_file_cache_open_made(struct http_file_cache *cache, int root_fd,
                                            struct pl_view path, int64_t now_ms,
                                            const struct http_file *source, http_file_maker *make,
                                            void *context, struct http_file *ret_file);

/* Files beside it that were looked for in vain, by number: not again for `valid_ms`. Thread: any.
 */
#define HTTP_SIBLINGS_MAX 2
bool http_file_lacks_sibling(const struct http_file_cache *cache, const struct http_file *file,
                             uint32_t sibling, int64_t now_ms);
void http_file_note_no_sibling(const struct http_file *file, uint32_t sibling, int64_t now_ms);

/* Thread: any. */
void http_file_close(struct http_file *file);

/* One more reference, for one more piece of output. Thread: any. */
void http_cached_file_hold(struct http_cached_file *file);
/* For pl_output_append_file_shared(); `cached` is a struct http_cached_file. Thread: any. */
void http_cached_file_release(void *cached);

#endif
