/* SPDX-License-Identifier: Apache-2.0 */
/* The ending of a file's name → its Content-Type. Read once, when the service is opened. */
#ifndef PL_HTTP_TYPES_H
#define PL_HTTP_TYPES_H

#include <paceline/attributes.h>
#include <paceline/error.h>

#include <stdbool.h>

/* Where Debian's package media-types keeps them. */
#define HTTP_MIME_TYPES "/etc/mime.types"

struct http_types;

/*
 * Reads a file in the format of mime.types: a type and its endings per line. What it does not name
 * comes from a small table of our own. `path` NULL: HTTP_MIME_TYPES if it can be read, and no
 * mistake in it is an error: somebody else maintains it.
 *
 * Thread: setup.
 * Errors: those of reading it, with file and line.
 */
PL_MUST_CHECK int http_types_new(const char *path, struct http_types **ret_types,
                                 struct pl_error *error);
void http_types_free(struct http_types *types);

/* The Content-Type of a path, by what follows its last dot, in any case; lives as long as `types`.
 * Text has its charset. Thread: any. */
const char *http_types_find(const struct http_types *types, const char *path);

/* Smaller when it is compressed. */
bool http_type_is_compressible(const char *type);

#endif
