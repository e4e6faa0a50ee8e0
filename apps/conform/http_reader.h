/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strict reader of HTTP/1.1 responses (RFC 9112, 4 to 7), written for this program alone: a
 * reader shared with a server would share its mistakes.
 */
#ifndef CONFORM_HTTP_READER_H
#define CONFORM_HTTP_READER_H

#include <stdbool.h>
#include <stddef.h>

/* More than any case asks for; what stands behind them is garbage. */
#define HTTP_MESSAGES_MAX 64
#define HTTP_FIELDS_MAX   64

struct http_text {
    const char *bytes; /* borrowed from what was received */
    size_t length;
};

struct http_field {
    struct http_text name;
    struct http_text value;
};

enum http_framing {
    HTTP_FRAMING_NONE,    /* the reply to HEAD, 1xx, 204, 304 */
    HTTP_FRAMING_LENGTH,  /* Content-Length */
    HTTP_FRAMING_CHUNKED, /* Transfer-Encoding: chunked */
    HTTP_FRAMING_CLOSE,   /* until the connection ends */
};

struct http_message {
    int status;
    int minor_version;
    enum http_framing framing;
    struct http_field fields[HTTP_FIELDS_MAX];
    size_t fields_count;
    char *body; /* owned; decoded */
    size_t body_length;
};

struct http_reading {
    struct http_message *messages; /* owned; complete ones, interim ones among them */
    size_t count;
    size_t used_bytes; /* that the complete messages take */
    char problem[160]; /* why reading ended in the middle; empty when all bytes were used */
};

/*
 * Reads all complete messages in `bytes`. `is_ended`: nothing more will come. `is_head` tells for
 * the n-th final response (from 0) whether it answers HEAD.
 *
 * Owner: the caller, until http_reading_deinit().
 */
void http_reading_init(struct http_reading *reading, const char *bytes, size_t length,
                       bool is_ended, const bool is_head[HTTP_MESSAGES_MAX]);
void http_reading_deinit(struct http_reading *reading);

/* The first field of this name, ignoring case; NULL when there is none. */
const struct http_field *http_message_field(const struct http_message *message, const char *name);
bool http_text_equals(struct http_text text, const char *expected);

#endif
