/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that somebody else owns, used until the moment the giver states. */
#ifndef PACELINE_VIEW_H
#define PACELINE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct pl_view {
    const char *bytes; /* borrowed; not terminated */
    size_t length;     /* bytes */
};

/* A view of a string literal. */
#define PL_VIEW(literal) ((struct pl_view){ .bytes = (literal), .length = sizeof(literal) - 1 })

static inline struct pl_view pl_view_of(const char *string)
{
    return (struct pl_view){ .bytes = string, .length = strlen(string) };
}

static inline bool pl_view_equals(struct pl_view left, struct pl_view right)
{
    return left.length == right.length &&
           (left.length == 0 || memcmp(left.bytes, right.bytes, left.length) == 0);
}

#endif
