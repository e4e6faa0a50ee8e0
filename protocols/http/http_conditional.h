/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditional requests (RFC 9110, 13): what a request asks of the representation it would get.
 * Pure functions over a head and the message it was read from.
 */
#ifndef PL_HTTP_CONDITIONAL_H
#define PL_HTTP_CONDITIONAL_H

#include "http_parse.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* Three numbers in hexadecimal, a suffix, and what stands around them. */
#define HTTP_ETAG_BYTES_MAX 64

/* Last-Modified, Accept-Ranges and ETag with their values. */
#define HTTP_VALIDATOR_LINES_MAX 192

/* Which representation of a file it is; written once, when the file is opened. */
struct http_validators {
    int64_t modified_s;
    bool is_of_now;    /* modified in the second it was opened, or later: may be in the future */
    uint8_t etag_line; /* where the ETag's line begins */
    uint8_t etag_length;
    uint8_t lines_length;
    char lines[HTTP_VALIDATOR_LINES_MAX]; /* field lines; the Last-Modified stands first */
};

/* Where the date stands in the lines. */
#define HTTP_MODIFIED_AT (sizeof("Last-Modified: ") - 1)

/*
 * The validators of a file: a strong ETag from inode, size and time of change in nanoseconds.
 * `suffix` tells another coding of the same file apart and is empty for the file itself.
 */
void http_validators_init(struct http_validators *validators, const struct stat *status,
                          int64_t now_s, const char *suffix);

static inline struct pl_view http_etag(const struct http_validators *validators)
{
    return (struct pl_view){ .bytes =
                                 validators->lines + validators->etag_line + sizeof("ETag: ") - 1,
                             .length = validators->etag_length };
}

/* Fields that change how a representation is served. */
enum http_wish {
    HTTP_WISH_IF_MATCH = 1,
    HTTP_WISH_IF_NONE_MATCH = 2,
    HTTP_WISH_IF_MODIFIED_SINCE = 4,
    HTTP_WISH_IF_UNMODIFIED_SINCE = 8,
    HTTP_WISH_IF_RANGE = 16,
    HTTP_WISH_RANGE = 32,
    HTTP_WISH_ACCEPT_ENCODING = 64,
};
#define HTTP_WISH_CONDITIONS                                                                       \
    (HTTP_WISH_IF_MATCH | HTTP_WISH_IF_NONE_MATCH | HTTP_WISH_IF_MODIFIED_SINCE |                  \
     HTTP_WISH_IF_UNMODIFIED_SINCE)

/* A set of enum http_wish, in one pass over the fields; nearly every name is told apart by its
 * length. */
uint32_t http_find_wishes(const struct http_head *head, struct pl_view message);

/* The value of the only field of that name; false when there is none, or a second one. */
bool http_only_field(const struct http_head *head, struct pl_view message, const char *name,
                     struct pl_view *ret_value);

enum http_condition {
    HTTP_CONDITION_TRUE,         /* go on as if there were none */
    HTTP_CONDITION_NOT_MODIFIED, /* 304 */
    HTTP_CONDITION_FAILED,       /* 412 */
};

/* In the order of RFC 9110, 13.2.2, for GET and HEAD of a representation that exists. */
enum http_condition http_check_conditions(const struct http_head *head, struct pl_view message,
                                          uint32_t wishes, const struct http_validators *validators,
                                          int64_t now_s);

/* The same of what exists but has neither an ETag nor a date: any condition on a date is ignored
 * (RFC 9110, 13.1.3 and 13.1.4). `is_read`: GET or HEAD. */
enum http_condition http_check_existence(const struct http_head *head, struct pl_view message,
                                         bool is_read);

/* The Range of a request with If-Range may be honoured (RFC 9110, 13.1.5). */
bool http_if_range_holds(const struct http_head *head, struct pl_view message,
                         const struct http_validators *validators, int64_t now_s);

#endif
