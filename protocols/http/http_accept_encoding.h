/* SPDX-License-Identifier: Apache-2.0 */
/* Accept-Encoding → which codings a client takes (RFC 9110, 12.5.3): pure. */
#ifndef PL_HTTP_ACCEPT_ENCODING_H
#define PL_HTTP_ACCEPT_ENCODING_H

#include "http_parse.h"

#include <stdint.h>

/* The dearest first: of equal weights the first one is taken. */
enum http_coding { HTTP_CODING_BR, HTTP_CODING_GZIP, HTTP_CODING_IDENTITY };
#define HTTP_CODINGS_COUNT 3

/* Weights in thousandths; 0: not acceptable. */
struct http_codings {
    uint16_t weights[HTTP_CODINGS_COUNT];
};

/*
 * All lines of the field are one list. One that is wrong anywhere accepts identity alone. Identity
 * that is not named is acceptable, and anything named is wanted more.
 */
void http_read_codings(const struct http_head *head, struct pl_view message,
                       struct http_codings *ret_codings);

#endif
