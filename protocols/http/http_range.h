/* SPDX-License-Identifier: Apache-2.0 */
/* Range requests (RFC 9110, 14): pure functions over the value of a Range. */
#ifndef PL_HTTP_RANGE_H
#define PL_HTTP_RANGE_H

#include <paceline/view.h>

#include <stdint.h>

/* The wall behind the setting http.max_ranges. */
#define HTTP_RANGES_MAX 64

struct http_range {
    uint64_t first;
    uint64_t length; /* bytes; never 0 */
};

struct http_range_set {
    size_t count;
    struct http_range ranges[HTTP_RANGES_MAX];
};

enum http_ranges {
    HTTP_RANGES_IGNORED,       /* answer with the whole: not in bytes, malformed, or beyond sense */
    HTTP_RANGES_FOUND,         /* at least one range */
    HTTP_RANGES_UNSATISFIABLE, /* 416 */
};

/*
 * What a Range asks of a representation of `size` bytes, in the order it was asked for, without
 * what cannot be satisfied. Ranges that overlap or touch become one, in the place of the first.
 * Ignored are more than `ranges_max` ranges and more than two that overlap (RFC 9110, 14.2).
 */
enum http_ranges http_read_ranges(struct pl_view value, uint64_t size, size_t ranges_max,
                                  struct http_range_set *ret_set);

#endif
