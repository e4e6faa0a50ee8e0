/* SPDX-License-Identifier: Apache-2.0 */
/* What an access log says of one exchange → a line: pure functions over memory. */
#ifndef PL_HTTP_ACCESS_FORMAT_H
#define PL_HTTP_ACCESS_FORMAT_H

#include <paceline/limits.h>
#include <paceline/view.h>

#include <stdbool.h>
#include <stdint.h>

enum http_access_format { HTTP_ACCESS_COMBINED, HTTP_ACCESS_JSON };

/* What each part may take of a line, escaped; a longer one is cut and ends in "...". A target of
 * harmless bytes has room up to what max_target allows by default. */
#define HTTP_ACCESS_METHOD_BYTES  256
#define HTTP_ACCESS_TARGET_BYTES  8192
#define HTTP_ACCESS_VERSION_BYTES 64
#define HTTP_ACCESS_FIELD_BYTES   2048
#define HTTP_ACCESS_HOST_BYTES    512

/* Of the request; a view whose bytes are NULL: not known, or not there. */
struct http_access_request {
    struct pl_view method, target, version;
    struct pl_view referer, user_agent, host;
    uint64_t bytes; /* head and body that were read, without the framing of chunks */
};

struct http_access_line {
    struct pl_view client;
    const char *date; /* IMF-fixdate; for combined */
    int64_t wall_ms;  /* since 1970; for JSON */
    struct http_access_request request;
    int status;           /* 0: none was sent */
    uint64_t reply_bytes; /* of the body */
    int64_t duration_us;
    bool is_aborted;
};

/* Writes the line with its newline, whatever its parts hold; returns its length. `text` has room
 * for PL_LOG_FILE_LINE_BYTES. */
size_t http_access_format_line(enum http_access_format format, const struct http_access_line *line,
                               char *text);

#endif
