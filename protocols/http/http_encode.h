/* SPDX-License-Identifier: Apache-2.0 */
/* Reply → bytes: pure functions over memory. */
#ifndef PL_HTTP_ENCODE_H
#define PL_HTTP_ENCODE_H

#include <paceline/view.h>

#include <stdbool.h>
#include <stdint.h>

/* Room that a reply's head needs at most, without the extra fields. */
#define HTTP_REPLY_HEAD_BYTES 512
#define HTTP_TYPE_BYTES_MAX   127

/* How the end of the body is told (RFC 9112, 6.3). */
enum http_reply_framing { HTTP_REPLY_LENGTH, HTTP_REPLY_CHUNKED, HTTP_REPLY_UNTIL_CLOSE };

struct http_reply_head {
    int status;
    struct pl_view type; /* empty: none; cut at HTTP_TYPE_BYTES_MAX */
    const char *date;    /* IMF-fixdate */
    enum http_reply_framing framing;
    uint64_t length;
    bool has_no_body; /* 204, 304: no Content-Length either */
    bool is_persistent;
    bool has_upgrade;      /* `extra` names protocols to go over to */
    uint8_t minor_version; /* of the request */
    struct pl_view extra;  /* whole field lines with their CRLF */
};

/* The registered reason phrase, or "Unknown". Static storage. */
const char *http_reason(int status);
/* Writes the head with its empty line; returns its length. `bytes` has room for
 * HTTP_REPLY_HEAD_BYTES + extra.length. */
size_t http_encode_head(const struct http_reply_head *head, char *bytes);
/* The same in two parts, for a reply that is sent again and again: status line and Date ... */
size_t http_encode_status_and_date(int status, const char *date, char *bytes);
/* ... and what never changes, of a persistent reply in 1.1. */
size_t http_encode_rest(struct pl_view type, uint64_t length, char *bytes);
/* Writes the size line of a chunk; returns its length, at most 18 bytes. */
size_t http_encode_chunk_size(size_t length, char *bytes);
/* Writes a byte of a path, percent-encoded unless it means itself both there (RFC 3986, 3.3) and in
 * HTML; returns how many that are: 1 or 3. */
size_t http_encode_path_byte(unsigned char byte, char *bytes);

#endif
