/* SPDX-License-Identifier: Apache-2.0 */
#include "http_encode.h"

#include <string.h>

/* RFC 9110, 15. */
static const struct {
    int status;
    const char *reason;
} reasons[] = {
    { 200, "OK" },
    { 201, "Created" },
    { 202, "Accepted" },
    { 204, "No Content" },
    { 206, "Partial Content" },
    { 301, "Moved Permanently" },
    { 302, "Found" },
    { 303, "See Other" },
    { 304, "Not Modified" },
    { 307, "Temporary Redirect" },
    { 308, "Permanent Redirect" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 410, "Gone" },
    { 411, "Length Required" },
    { 413, "Content Too Large" },
    { 414, "URI Too Long" },
    { 415, "Unsupported Media Type" },
    { 416, "Range Not Satisfiable" },
    { 417, "Expectation Failed" },
    { 422, "Unprocessable Content" },
    { 426, "Upgrade Required" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 504, "Gateway Timeout" },
    { 505, "HTTP Version Not Supported" },
};

const char *http_reason(int status)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown";
}

static char *put(char *at, const char *text, size_t length)
{
    memcpy(at, text, length);
    return at + length;
}

#define PUT(at, literal) put((at), (literal), sizeof(literal) - 1)

static char *put_text(char *at, const char *text)
{
    return put(at, text, strlen(text));
}

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

size_t http_encode_head(const struct http_reply_head *head, char *bytes)
{
    char *at = PUT(bytes, "HTTP/1.1 ");

    at = put_number(at, (uint64_t)head->status);
    *at++ = ' ';
    at = put_text(at, http_reason(head->status));
    at = PUT(at, "\r\nDate: ");
    at = put_text(at, head->date);
    if (head->type != NULL) {
        at = PUT(at, "\r\nContent-Type: ");
        at = put(at, head->type, strnlen(head->type, 200));
    }
    if (!head->has_no_body && head->framing == HTTP_REPLY_LENGTH) {
        at = PUT(at, "\r\nContent-Length: ");
        at = put_number(at, head->length);
    } else if (!head->has_no_body && head->framing == HTTP_REPLY_CHUNKED) {
        at = PUT(at, "\r\nTransfer-Encoding: chunked");
    }
    /* Persistence is the default of 1.1 and must be said in 1.0 (RFC 9112, 9.3). */
    if (!head->is_persistent)
        at = PUT(at, "\r\nConnection: close");
    else if (head->minor_version == 0)
        at = PUT(at, "\r\nConnection: keep-alive");
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
