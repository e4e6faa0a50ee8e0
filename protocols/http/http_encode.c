/* SPDX-License-Identifier: Apache-2.0 */
#include "http_encode.h"

#include "http_scan.h"

#include <paceline/conn.h>

#include <string.h>

/* RFC 9110, 15: the status line and what stands behind it in every head. */
#define STATUS(code, reason)                                                                       \
    {                                                                                              \
        code, sizeof("HTTP/1.1 " #code " " reason "\r\nDate: ") - 1, reason,                       \
            "HTTP/1.1 " #code " " reason "\r\nDate: "                                              \
    }

static const struct status_line {
    int status;
    size_t length; /* of line */
    const char *reason;
    const char *line;
} status_lines[] = {
    STATUS(200, "OK"),
    STATUS(201, "Created"),
    STATUS(202, "Accepted"),
    STATUS(204, "No Content"),
    STATUS(205, "Reset Content"),
    STATUS(206, "Partial Content"),
    STATUS(301, "Moved Permanently"),
    STATUS(302, "Found"),
    STATUS(303, "See Other"),
    STATUS(304, "Not Modified"),
    STATUS(307, "Temporary Redirect"),
    STATUS(308, "Permanent Redirect"),
    STATUS(400, "Bad Request"),
    STATUS(401, "Unauthorized"),
    STATUS(403, "Forbidden"),
    STATUS(404, "Not Found"),
    STATUS(405, "Method Not Allowed"),
    STATUS(408, "Request Timeout"),
    STATUS(409, "Conflict"),
    STATUS(410, "Gone"),
    STATUS(411, "Length Required"),
    STATUS(412, "Precondition Failed"),
    STATUS(413, "Content Too Large"),
    STATUS(414, "URI Too Long"),
    STATUS(415, "Unsupported Media Type"),
    STATUS(416, "Range Not Satisfiable"),
    STATUS(417, "Expectation Failed"),
    STATUS(422, "Unprocessable Content"),
    STATUS(426, "Upgrade Required"),
    STATUS(429, "Too Many Requests"),
    STATUS(431, "Request Header Fields Too Large"),
    STATUS(500, "Internal Server Error"),
    STATUS(501, "Not Implemented"),
    STATUS(502, "Bad Gateway"),
    STATUS(503, "Service Unavailable"),
    STATUS(504, "Gateway Timeout"),
    STATUS(505, "HTTP Version Not Supported"),
};

static const struct status_line *find_status_line(int status)
{
    for (size_t i = 0; i < sizeof(status_lines) / sizeof(status_lines[0]); i++)
        if (status_lines[i].status == status)
            return &status_lines[i];
    return NULL;
}

const char *http_reason(int status)
{
    const struct status_line *line = find_status_line(status);

    return line == NULL ? "Unknown" : line->reason;
}

static inline char *put(char *at, const char *text, size_t length)
{
    memcpy(at, text, length);
    return at + length;
}

#define PUT(at, literal) put((at), (literal), sizeof(literal) - 1)

static char *put_number(char *at, uint64_t number)
{
    char digits[20];
    size_t count = 0;

    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0)
        *at++ = digits[--count];
    return at;
}

/* The type comes from the application: a control byte in it would split the reply. */
static char *put_type(char *at, struct pl_view type)
{
    size_t length = type.length < HTTP_TYPE_BYTES_MAX ? type.length : HTTP_TYPE_BYTES_MAX;
    size_t clean;

    at = PUT(at, "\r\nContent-Type: ");
    memcpy(at, type.bytes, length);
    clean = http_scan((const unsigned char *)at, length, HTTP_CLASS_VALUE);
    for (size_t i = clean; i < length; i++)
        if ((http_classes[(unsigned char)at[i]] & HTTP_CLASS_VALUE) == 0)
            at[i] = ' ';
    return at + length;
}

static char *put_status_line(char *at, int status)
{
    const struct status_line *line = find_status_line(status);

    if (line != NULL)
        return put(at, line->line, line->length);
    at = PUT(at, "HTTP/1.1 ");
    at = put_number(at, (uint64_t)status);
    return PUT(at, " Unknown\r\nDate: ");
}

size_t http_encode_status_and_date(int status, const char *date, char *bytes)
{
    return (size_t)(put(put_status_line(bytes, status), date, PL_DATE_BYTES) - bytes);
}

size_t http_encode_rest(struct pl_view type, uint64_t length, char *bytes)
{
    char *at = type.length > 0 ? put_type(bytes, type) : bytes;

    at = PUT(at, "\r\nContent-Length: ");
    at = put_number(at, length);
    return (size_t)(PUT(at, "\r\n\r\n") - bytes);
}

/* Persistence is the default of 1.1 and must be said in 1.0 (RFC 9112, 9.3); an Upgrade is for the
 * next hop alone (RFC 9110, 7.8). */
static char *put_connection(char *at, const struct http_reply_head *head)
{
    if (head->is_persistent && head->minor_version >= 1 && !head->has_upgrade)
        return at;
    at = PUT(at, "\r\nConnection: ");
    if (!head->is_persistent)
        at = PUT(at, "close");
    else if (head->minor_version == 0)
        at = PUT(at, "keep-alive");
    if (!head->has_upgrade)
        return at;
    if (!head->is_persistent || head->minor_version == 0)
        at = PUT(at, ", ");
    return PUT(at, "upgrade");
}

size_t http_encode_head(const struct http_reply_head *head, char *bytes)
{
    char *at = bytes + http_encode_status_and_date(head->status, head->date, bytes);

    if (head->type.length > 0)
        at = put_type(at, head->type);
    if (!head->has_no_body && head->framing == HTTP_REPLY_LENGTH) {
        at = PUT(at, "\r\nContent-Length: ");
        at = put_number(at, head->length);
    } else if (!head->has_no_body && head->framing == HTTP_REPLY_CHUNKED) {
        at = PUT(at, "\r\nTransfer-Encoding: chunked");
    }
    at = put_connection(at, head);
    at = PUT(at, "\r\n");
    at = put(at, head->extra.bytes, head->extra.length);
    at = PUT(at, "\r\n");
    return (size_t)(at - bytes);
}

size_t http_encode_chunk_size(size_t length, char *bytes)
{
    static const char hex[] = "0123456789abcdef";
    char digits[16];
    size_t count = 0, used = 0;

    do {
        digits[count++] = hex[length & 15];
        length >>= 4;
    } while (length > 0);
    while (count > 0)
        bytes[used++] = digits[--count];
    bytes[used++] = '\r';
    bytes[used++] = '\n';
    return used;
}

size_t http_encode_path_byte(unsigned char byte, char *bytes)
{
    static const char hex[] = "0123456789ABCDEF";
    bool is_plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                    (byte >= 'a' && byte <= 'z') ||
                    (byte != '\0' && strchr("/-._~!$()*+,;=:@", byte) != NULL);

    if (is_plain) {
        bytes[0] = (char)byte;
        return 1;
    }
    bytes[0] = '%';
    bytes[1] = hex[byte >> 4];
    bytes[2] = hex[byte & 15];
    return 3;
}
