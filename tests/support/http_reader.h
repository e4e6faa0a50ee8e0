/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads one request from pieces of any size, with nothing but the pure functions of the HTTP
 * module, and keeps what came of it, so that two ways of cutting can be compared.
 */
#ifndef PL_TESTS_HTTP_READER_H
#define PL_TESTS_HTTP_READER_H

#include "http_body.h"
#include "http_chunked.h"
#include "http_parse.h"

#define HTTP_READER_BYTES_MAX (64 * 1024)

enum http_outcome { HTTP_OUTCOME_MORE, HTTP_OUTCOME_REFUSED, HTTP_OUTCOME_MESSAGE };

struct http_reader {
    enum http_outcome outcome;
    int status; /* of the refusal */
    bool has_head;
    struct http_parser parser;
    struct http_head head;
    struct http_framing framing;
    struct http_span path, query;
    struct http_chunked chunked;
    size_t length;   /* bytes given */
    size_t raw;      /* bytes of the message that were read */
    size_t body_end; /* behind the decoded body, which begins at head.length */
    size_t body_max;
    char bytes[HTTP_READER_BYTES_MAX];
};

void http_reader_init(struct http_reader *reader, size_t target_max, size_t head_max,
                      size_t body_max);
/* Gives the next piece; bytes behind the message's end are left alone. */
enum http_outcome http_reader_feed(struct http_reader *reader, const void *bytes, size_t length);
/* NULL when both came to the same end by the same spans, else what differs. */
const char *http_reader_difference(const struct http_reader *left, const struct http_reader *right);

#endif
