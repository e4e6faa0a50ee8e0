/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path of a target as segments (RFC 3986, 3.3): split at '/', decoded once, without dot
 * segments (5.2.4). Pure functions that copy nothing until somebody asks for text.
 *
 * An encoded slash is data inside its segment. Empty segments are segments: nothing is merged.
 * Escapes of unreserved characters mean the same as the characters (6.2.2.2), so %2e%2e is a dot
 * segment too.
 */
#ifndef PL_HTTP_PATH_H
#define PL_HTTP_PATH_H

#include "http_body.h"

#include <paceline/limits.h>
#include <paceline/view.h>

#include <stdbool.h>
#include <stdint.h>

/* Segments of a route at most, and so those of a path that anybody looks at. */
#define HTTP_PATH_SEGMENTS_MAX 32
/* Parameters of a route; a wildcard is one more. */
#define HTTP_PARAMS_MAX 8

/* From the path's first byte; half the size of a struct http_span, because a target is short. */
struct http_path_span {
    uint16_t offset;
    uint16_t length;
};

_Static_assert(PL_BUFFER_BYTES - 1 <= UINT16_MAX, "a target's offsets fit");

struct http_path {
    struct pl_view raw; /* borrowed */
    uint16_t count;     /* of all segments, also those that are not kept */
    struct http_path_span segments[HTTP_PATH_SEGMENTS_MAX]; /* the first ones, as they were sent */
};

/* Where a route's parameters stand, in their order, the wildcard last. */
struct http_params {
    uint16_t count;
    struct http_path_span spans[HTTP_PARAMS_MAX + 1];
};

/* The byte at *at, with its escape decoded, or -1 for a malformed one; moves *at behind it. */
static inline int http_next_byte(struct pl_view text, size_t *at)
{
    int high, low;

    if (text.bytes[*at] != '%')
        return (unsigned char)text.bytes[(*at)++];
    if (text.length - *at < 3) {
        *at = text.length;
        return -1;
    }
    high = http_hex_value(text.bytes[*at + 1]);
    low = http_hex_value(text.bytes[*at + 2]);
    *at += 3;
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* The path is its own text: no escapes, no dot segments. */
bool http_path_is_normal(struct pl_view path);

/* No malformed escape and no NUL. */
bool http_path_is_well_formed(struct pl_view path);

/* How many dots the segment is, 1 or 2, if it is a dot segment; else 0. */
int http_path_dots(struct pl_view segment);

/* Splits a well-formed path, which begins with '/' or is empty. */
void http_path_split(struct pl_view path, struct http_path *ret_path);

static inline struct pl_view http_path_view(struct pl_view path, struct http_path_span span)
{
    return (struct pl_view){ .bytes = path.bytes + span.offset, .length = span.length };
}

/* A segment as it was sent, once decoded, is this text. */
bool http_segment_equals(struct pl_view segment, struct pl_view text);

/*
 * Segments → text, NUL-terminated: one segment, decoded; or several, joined by '/', decoded and
 * without dot segments. In the latter an encoded slash stays encoded: else it could not be told
 * from a delimiter, and `..%2f` would lead out of where the text is used. `path` is well-formed.
 *
 * Returns the length, or -ENOBUFS; then the text is empty.
 */
int http_segment_text(struct pl_view segment, char *ret_text, size_t size);
int http_path_text(struct pl_view path, char *ret_text, size_t size);

#endif
