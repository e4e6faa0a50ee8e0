/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a file → the same in gzip, in memory. */
#ifndef PL_HTTP_GZIP_H
#define PL_HTTP_GZIP_H

#include <paceline/attributes.h>

#include <stdbool.h>
#include <stddef.h>

/* The wall behind http.gzip_max: what a thread compresses in some milliseconds, while its other
 * connections wait. */
#define HTTP_GZIP_BYTES_MAX (256 * 1024)

/* Built with zlib. */
bool http_gzip_is_built_in(void);

/*
 * Compresses the first `length` bytes, at most HTTP_GZIP_BYTES_MAX, into a file that has no name.
 * Returns its descriptor, owned by the caller, and its length.
 *
 * Thread: any.
 * Errors: -ERANGE: it would not be smaller; -EIO: the file is shorter; -ENOMEM; -ENOTSUP.
 */
PL_MUST_CHECK int http_gzip_file(int fd, size_t length, int level, size_t *ret_length);

#endif
