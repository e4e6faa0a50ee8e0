/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the head says about the message (RFC 9110, 9112): where it ends, whether the connection
 * persists, whom it is for.
 */
#ifndef PL_HTTP_BODY_H
#define PL_HTTP_BODY_H

#include "http_parse.h"

#include <stdbool.h>
#include <string.h>

struct http_framing {
    uint64_t content_length;
    bool is_chunked;
    bool is_persistent;    /* the client does not ask to close */
    bool expects_continue; /* Expect: 100-continue */
    bool is_conditional;   /* If-Match or If-None-Match */
};

/* Reads the fields that decide the message. Returns 0 or the status of the refusal. */
int http_read_framing(const struct http_head *head, struct pl_view input,
                      struct http_framing *ret_framing);

/* The same for a response; neither a length nor a coding: it lasts until the peer closes (RFC 9112,
 * 6.3). */
int http_read_response_framing(const struct http_head *head, struct pl_view input,
                               struct http_framing *ret_framing, bool *ret_is_until_close);

/* Splits the target into path and query (RFC 9112, 3.2); the path of `OPTIONS *` is "*". Returns 0
 * or the status of the refusal. */
int http_read_target(const struct http_head *head, struct pl_view input, struct http_span *ret_path,
                     struct http_span *ret_query);

/* Takes the next element of a comma-separated list (RFC 9110, 5.6.1); false at its end. */
bool http_take_element(struct pl_view *list, struct pl_view *ret_element);

static inline unsigned char http_lower(char byte)
{
    return (unsigned char)(byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte);
}

/* The value of a hexadecimal digit, or -1. */
int http_hex_value(char byte);

static inline bool http_equals_ignoring_case(struct pl_view text, const char *lower_case)
{
    if (text.length != strlen(lower_case))
        return false;
    for (size_t i = 0; i < text.length; i++)
        if (http_lower(text.bytes[i]) != (unsigned char)lower_case[i])
            return false;
    return true;
}

#endif
