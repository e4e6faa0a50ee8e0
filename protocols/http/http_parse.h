/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes → head (RFC 9112, 2 to 5): a finite state machine over a view. It copies nothing, can stop
 * after any byte and goes on where it stopped; what it found are offsets from the message's
 * beginning, so the bytes may move between two calls.
 */
#ifndef PL_HTTP_PARSE_H
#define PL_HTTP_PARSE_H

#include "http_scan.h"

#include <paceline/view.h>

#include <stdint.h>

/* Fields of one head: twice what browsers send. */
#define HTTP_FIELDS_MAX 64

/* A method longer than any registered one (IANA's longest has 17 bytes). */
#define HTTP_METHOD_BYTES_MAX 24

struct http_span {
    uint32_t offset;
    uint32_t length;
};

struct http_field {
    struct http_span name;
    struct http_span value; /* without the white space around it */
};

/*
 * In the order of the message; the parts of the request line follow each other. A byte that no row
 * names is 400.
 *
 *     state        byte                                next state, or the refusal
 *     START        CR, as the very first               START_LF: an empty line (9112, 2.2)
 *                  any                                 METHOD, of which it is the first
 *     START_LF     LF                                  START
 *     METHOD       tchar                               METHOD; behind 24 of them 501
 *                  SP, behind one or more              TARGET
 *     TARGET       what RFC 3986 knows, [ ] too        TARGET; behind target_max of them 414
 *                  SP, behind one or more              VERSION
 *     VERSION      the next of "HTTP/1."               VERSION; another digit for the 1: 505
 *                  DIGIT behind that                   VERSION
 *                  CR behind that                      LINE_LF
 *     LINE_LF      LF                                  FIELD_START
 *     FIELD_START  tchar                               FIELD_NAME; behind 64 fields 431
 *                  CR                                  END_LF
 *     FIELD_NAME   tchar                               FIELD_NAME
 *                  :                                   VALUE_START
 *     VALUE_START  SP HTAB                             VALUE_START
 *                  any                                 VALUE, of which it is the first
 *     VALUE        VCHAR SP HTAB obs-text              VALUE
 *                  CR                                  VALUE_LF
 *     VALUE_LF     LF                                  FIELD_START
 *     END_LF       LF                                  DONE
 *
 * Behind head_max bytes: 414 in the request line's first parts, 431 later.
 */
enum http_parse_state {
    HTTP_PARSE_START,
    HTTP_PARSE_START_LF,
    HTTP_PARSE_METHOD,
    HTTP_PARSE_TARGET,
    HTTP_PARSE_VERSION,
    HTTP_PARSE_LINE_LF,
    HTTP_PARSE_FIELD_START,
    HTTP_PARSE_FIELD_NAME,
    HTTP_PARSE_VALUE_START,
    HTTP_PARSE_VALUE,
    HTTP_PARSE_VALUE_LF,
    HTTP_PARSE_END_LF,
    HTTP_PARSE_DONE,
};

struct http_head {
    struct http_span method;
    struct http_span target;
    uint32_t length; /* of the head with its empty line, in bytes */
    uint16_t fields_count;
    uint8_t minor_version;
    struct http_field fields[HTTP_FIELDS_MAX];
};

struct http_parser {
    uint8_t state;       /* enum http_parse_state */
    uint8_t version_at;  /* bytes of HTTP/1.1 matched */
    uint16_t status;     /* of the error that was found */
    uint32_t offset;     /* bytes looked at */
    uint32_t mark;       /* where the element at hand began */
    uint32_t value_end;  /* behind the value's last byte that is not white space */
    uint32_t target_max; /* 414 */
    uint32_t head_max;   /* 431 */
};

enum http_parse {
    HTTP_PARSE_MORE,  /* all bytes were used, the head is not complete */
    HTTP_PARSE_HEAD,  /* complete; head->length bytes */
    HTTP_PARSE_ERROR, /* parser->status says how to answer */
};

void http_parser_init(struct http_parser *parser, size_t target_max, size_t head_max);

/* For a message whose first line was read already: `offset` bytes. */
void http_parser_init_fields(struct http_parser *parser, size_t offset, size_t head_max);

/* Looks at the message's bytes from where the last call stopped; `input` always begins at the
 * message's first byte. */
enum http_parse http_parse_head(struct http_parser *parser, struct http_head *head,
                                struct pl_view input);

static inline struct pl_view http_view(struct pl_view input, struct http_span span)
{
    return (struct pl_view){ .bytes = input.bytes + span.offset, .length = span.length };
}

/* tchar of RFC 9110, 5.6.2. */
static inline bool http_is_token_byte(unsigned char byte)
{
    return (http_classes[byte] & HTTP_CLASS_TOKEN) != 0;
}

#endif
