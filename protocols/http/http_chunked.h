/* SPDX-License-Identifier: Apache-2.0 */
/* The chunked coding (RFC 9112, 7.1), decoded in place; it can stop after any byte. */
#ifndef PL_HTTP_CHUNKED_H
#define PL_HTTP_CHUNKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_chunked {
    uint8_t state;
    uint8_t extension;    /* how much of the extension at hand was read */
    bool has_digit;       /* the size at hand */
    uint64_t left;        /* bytes of the chunk at hand still to come */
    uint32_t extra_bytes; /* that are no data, so far; bounded */
    /* Set by whoever wants the trailer section: its lines are then moved behind the decoded body.
     */
    bool keeps_trailers;
    uint32_t trailer_bytes;
};

enum http_chunk {
    HTTP_CHUNK_MORE,  /* all bytes were used */
    HTTP_CHUNK_DONE,  /* the last chunk and the trailers were read */
    HTTP_CHUNK_ERROR, /* 400 */
    HTTP_CHUNK_LARGE, /* the body is over body_max: 413 */
};

void http_chunked_init(struct http_chunked *chunked);
/* Decodes bytes[*raw .. end) and moves the data to bytes + *body_end; both marks are moved on.
 * Trailers that are kept stand behind *body_end, before *raw. */
enum http_chunk http_chunked_decode(struct http_chunked *chunked, char *bytes, size_t *raw,
                                    size_t end, size_t *body_end, uint64_t body_max,
                                    size_t body_begin);

#endif
