/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RESP, the protocol of Redis (version 2): a command is an array of strings, a reply one value.
 * Pure: bytes in, bytes out.
 */
#ifndef RESP_H
#define RESP_H

#include <paceline/upstream.h>
#include <paceline/view.h>

#include <stddef.h>
#include <stdint.h>

/* Arrays within arrays, and items of one: more is refused. */
#define RESP_DEPTH_MAX 8
#define RESP_ITEMS_MAX 1048576

enum resp_type {
    RESP_STRING,  /* +text or $length */
    RESP_ERROR,   /* -text */
    RESP_INTEGER, /* :number */
    RESP_NULL,    /* $-1 or *-1 */
    RESP_ARRAY,   /* *count; its items follow it */
};

struct resp_value {
    enum resp_type type;
    struct pl_view text; /* STRING, ERROR: borrowed from the input */
    int64_t number;      /* INTEGER; ARRAY: how many items */
};

/* Writes a command; returns its length, or 0 if it does not fit. */
size_t resp_write_command(char *bytes, size_t size, const struct pl_view *words, size_t count);

enum resp_read { RESP_MORE, RESP_READ, RESP_BROKEN };

/* Reads the value at the beginning of the input; of an array its head alone, with *ret_bytes behind
 * it. */
enum resp_read resp_read_value(struct pl_view input, struct resp_value *ret_value,
                               size_t *ret_bytes);

/* For pl_upstream_call: where one reply ends. */
pl_upstream_framer resp_frame;

#endif
