/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of requests: each is fed whole, then split at every byte, then byte by byte. */
#ifndef PL_TESTS_HTTP_TABLE_H
#define PL_TESTS_HTTP_TABLE_H

#include "http_reader.h"

struct http_case {
    const char *name;
    const char *bytes;
    size_t length;
    enum http_outcome outcome;
    int status;         /* of a refusal */
    const char *target; /* path and what stands behind '?', when not NULL */
    const char *body;   /* when not NULL */
    size_t rest;        /* bytes that belong to the next request */
    bool is_chunked, is_closing, expects_continue;
    uint32_t target_max, head_max, body_max; /* 0: 256, 1024, 4096 */
};

#define HTTP_INPUT(literal) .bytes = (literal), .length = sizeof(literal) - 1
#define TAKES(sentence, literal, ...)                                                              \
    {                                                                                              \
        .name = sentence, HTTP_INPUT(literal), .outcome = HTTP_OUTCOME_MESSAGE, __VA_ARGS__        \
    }
#define REFUSES(sentence, code, literal, ...)                                                      \
    {                                                                                              \
        .name = sentence, HTTP_INPUT(literal), .outcome = HTTP_OUTCOME_REFUSED, .status = code,    \
        __VA_ARGS__                                                                                \
    }
#define AWAITS(sentence, literal)                                                                  \
    {                                                                                              \
        .name = sentence, HTTP_INPUT(literal), .outcome = HTTP_OUTCOME_MORE                        \
    }

/* Runs a table as a cmocka group; returns the number of failures. */
int http_table_run(const char *group, const struct http_case *cases, size_t count);

#endif
