/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client chooses most of what stands in a line, so nothing of it reaches the file as it came: no
 * control byte, no quote and no backslash but escaped, and no byte that is not ASCII but in JSON,
 * where it is part of valid UTF-8.
 */
#include "http_access_format.h"

#include <string.h>

/* All parts at their longest, and what stands between them. */
_Static_assert(HTTP_ACCESS_METHOD_BYTES + HTTP_ACCESS_TARGET_BYTES + HTTP_ACCESS_VERSION_BYTES +
                       2 * HTTP_ACCESS_FIELD_BYTES + HTTP_ACCESS_HOST_BYTES + 512 <=
                   PL_LOG_FILE_LINE_BYTES,
               "every line has room");

static const char hex[] = "0123456789abcdef";

static char *put_bytes(char *at, const char *bytes, size_t length)
{
    memcpy(at, bytes, length);
    return at + length;
}

#define PUT(at, literal) put_bytes((at), (literal), sizeof(literal) - 1)

static char *put_number(char *at, uint64_t number, unsigned int digits_min)
{
    char digits[20];
    unsigned int count = 0;

    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0 || count < digits_min);
    while (count > 0)
        *at++ = digits[--count];
    return at;
}

/* ---- escaping: each takes one byte or one character off the text, and says what stands for it --
 */

/* Writes the escape of what begins at `bytes` (at most 6 bytes) and returns how many bytes of the
 * text it stands for; 0: they stand for themselves, *ret_plain of them. */
typedef size_t escaper(const unsigned char *bytes, size_t left, char *ret_escape,
                       size_t *ret_escape_length, size_t *ret_plain);

static size_t escape_combined(const unsigned char *bytes, size_t left, char *ret_escape,
                              size_t *ret_escape_length, size_t *ret_plain)
{
    unsigned char byte = bytes[0];

    (void)left;
    if (byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\') {
        *ret_plain = 1;
        return 0;
    }
    memcpy(ret_escape, "\\x", 2);
    ret_escape[2] = hex[byte >> 4];
    ret_escape[3] = hex[byte & 15];
    *ret_escape_length = 4;
    return 1;
}

/* Bytes of the well-formed sequence that begins here, or 0 (Unicode, table 3-7: no overlong form,
 * no surrogate, nothing above U+10FFFF). */
static size_t sequence_length(const unsigned char *bytes, size_t left)
{
    unsigned char lead = bytes[0];
    unsigned char second_min = 0x80, second_max = 0xbf;
    size_t length;

    if (lead >= 0xc2 && lead <= 0xdf)
        length = 2;
    else if (lead >= 0xe0 && lead <= 0xef)
        length = 3;
    else if (lead >= 0xf0 && lead <= 0xf4)
        length = 4;
    else
        return 0;
    if (lead == 0xe0)
        second_min = 0xa0;
    else if (lead == 0xed)
        second_max = 0x9f;
    else if (lead == 0xf0)
        second_min = 0x90;
    else if (lead == 0xf4)
        second_max = 0x8f;
    if (left < length || bytes[1] < second_min || bytes[1] > second_max)
        return 0;
    for (size_t i = 2; i < length; i++)
        if (bytes[i] < 0x80 || bytes[i] > 0xbf)
            return 0;
    return length;
}

static size_t put_code(char *at, unsigned int code)
{
    memcpy(at, "\\u", 2);
    for (unsigned int i = 0; i < 4; i++)
        at[2 + i] = hex[(code >> (12 - 4 * i)) & 15];
    return 6;
}

/* Control characters above ASCII are escaped too: some terminals obey them. */
static size_t escape_json(const unsigned char *bytes, size_t left, char *ret_escape,
                          size_t *ret_escape_length, size_t *ret_plain)
{
    unsigned char byte = bytes[0];
    size_t length;

    if (byte == '"' || byte == '\\') {
        ret_escape[0] = '\\';
        ret_escape[1] = (char)byte;
        *ret_escape_length = 2;
        return 1;
    }
    if (byte < 0x20 || byte == 0x7f) {
        *ret_escape_length = put_code(ret_escape, byte);
        return 1;
    }
    if (byte < 0x7f) {
        *ret_plain = 1;
        return 0;
    }
    length = sequence_length(bytes, left);
    if (length == 0) {
        *ret_escape_length = put_code(ret_escape, 0xfffd); /* the replacement character */
        return 1;
    }
    if (byte == 0xc2 && bytes[1] < 0xa0) {
        *ret_escape_length = put_code(ret_escape, bytes[1]);
        return length;
    }
    *ret_plain = length;
    return 0;
}

static char *put_escaped(char *at, struct pl_view view, size_t bytes_max, escaper *escape)
{
    const unsigned char *from = (const unsigned char *)view.bytes;
    const char *end = at + bytes_max;

    for (size_t i = 0; i < view.length;) {
        char code[8];
        size_t code_length = 0, plain = 0;
        size_t used = escape(from + i, view.length - i, code, &code_length, &plain);

        if (at + code_length + plain > end)
            return PUT(at, "...");
        at = put_bytes(at, code, code_length);
        at = put_bytes(at, view.bytes + i, plain);
        i += used + plain;
    }
    return at;
}

/* ---- combined: CLIENT - - [TIME] "METHOD TARGET VERSION" STATUS BYTES "REFERER" "USER AGENT" ----
 */

/* "Sun, 06 Nov 1994 08:49:37 GMT" → "06/Nov/1994:08:49:37 +0000" */
static char *put_combined_time(char *at, const char *date)
{
    at = put_bytes(at, date + 5, 2);
    at = PUT(at, "/");
    at = put_bytes(at, date + 8, 3);
    at = PUT(at, "/");
    at = put_bytes(at, date + 12, 4);
    at = PUT(at, ":");
    at = put_bytes(at, date + 17, 8);
    return PUT(at, " +0000");
}

static char *put_request_line(char *at, const struct http_access_request *request)
{
    if (request->method.bytes == NULL)
        return PUT(at, "-");
    at = put_escaped(at, request->method, HTTP_ACCESS_METHOD_BYTES, escape_combined);
    if (request->target.bytes == NULL)
        return at;
    at = PUT(at, " ");
    at = put_escaped(at, request->target, HTTP_ACCESS_TARGET_BYTES, escape_combined);
    if (request->version.bytes == NULL)
        return at;
    at = PUT(at, " ");
    return put_escaped(at, request->version, HTTP_ACCESS_VERSION_BYTES, escape_combined);
}

static char *put_combined_field(char *at, struct pl_view value)
{
    at = PUT(at, " \"");
    at = value.bytes == NULL ? PUT(at, "-")
                             : put_escaped(at, value, HTTP_ACCESS_FIELD_BYTES, escape_combined);
    return PUT(at, "\"");
}

static char *put_combined(char *at, const struct http_access_line *line)
{
    at = line->client.length == 0 ? PUT(at, "-")
                                  : put_bytes(at, line->client.bytes, line->client.length);
    at = PUT(at, " - - [");
    at = put_combined_time(at, line->date);
    at = PUT(at, "] \"");
    at = put_request_line(at, &line->request);
    if (line->status == 0) {
        at = PUT(at, "\" - -");
    } else {
        at = PUT(at, "\" ");
        at = put_number(at, (uint64_t)line->status, 1);
        at = PUT(at, " ");
        at = put_number(at, line->reply_bytes, 1);
    }
    at = put_combined_field(at, line->request.referer);
    return put_combined_field(at, line->request.user_agent);
}

/* ---- JSON --------------------------------------------------------------------------------------
 */

static int64_t days_before_year(int64_t year)
{
    int64_t last = year - 1;

    return 365 * (year - 1970) + last / 4 - last / 100 + last / 400 - 477;
}

/* RFC 3339, in UTC. Not by gmtime_r(), which takes a lock that all threads share. */
static char *put_json_time(char *at, int64_t wall_ms)
{
    static const uint16_t days_before_month[] = { 0,   31,  59,  90,  120, 151,
                                                  181, 212, 243, 273, 304, 334 };
    int64_t days = wall_ms / 86400000, year = 1970 + days / 366;
    uint64_t ms = (uint64_t)(wall_ms % 86400000);
    unsigned int month = 11, leap_day, day, before;

    while (days_before_year(year + 1) <= days)
        year++;
    day = (unsigned int)(days - days_before_year(year));
    leap_day = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    while ((before = days_before_month[month] + (month >= 2 ? leap_day : 0)) > day)
        month--;

    at = put_number(at, (uint64_t)year, 4);
    at = PUT(at, "-");
    at = put_number(at, month + 1, 2);
    at = PUT(at, "-");
    at = put_number(at, day - before + 1, 2);
    at = PUT(at, "T");
    at = put_number(at, ms / 3600000, 2);
    at = PUT(at, ":");
    at = put_number(at, ms / 60000 % 60, 2);
    at = PUT(at, ":");
    at = put_number(at, ms / 1000 % 60, 2);
    at = PUT(at, ".");
    at = put_number(at, ms % 1000, 3);
    return PUT(at, "Z");
}

static char *put_json_text(char *at, struct pl_view value, size_t bytes_max)
{
    if (value.bytes == NULL)
        return PUT(at, "null");
    at = PUT(at, "\"");
    at = put_escaped(at, value, bytes_max, escape_json);
    return PUT(at, "\"");
}

static char *put_json_reply(char *at, const struct http_access_line *line)
{
    at = PUT(at, ",\"status\":");
    at = line->status == 0 ? PUT(at, "null") : put_number(at, (uint64_t)line->status, 1);
    at = PUT(at, ",\"request_bytes\":");
    at = put_number(at, line->request.bytes, 1);
    at = PUT(at, ",\"bytes\":");
    at = put_number(at, line->reply_bytes, 1);
    at = PUT(at, ",\"duration_us\":");
    return put_number(at, line->duration_us < 0 ? 0 : (uint64_t)line->duration_us, 1);
}

static char *put_json(char *at, const struct http_access_line *line)
{
    const struct http_access_request *request = &line->request;
    struct pl_view client = { .bytes = line->client.length == 0 ? NULL : line->client.bytes,
                              .length = line->client.length };

    at = PUT(at, "{\"time\":\"");
    at = put_json_time(at, line->wall_ms);
    at = PUT(at, "\",\"client\":");
    at = put_json_text(at, client, 64);
    at = PUT(at, ",\"method\":");
    at = put_json_text(at, request->method, HTTP_ACCESS_METHOD_BYTES);
    at = PUT(at, ",\"target\":");
    at = put_json_text(at, request->target, HTTP_ACCESS_TARGET_BYTES);
    at = PUT(at, ",\"version\":");
    at = put_json_text(at, request->version, HTTP_ACCESS_VERSION_BYTES);
    at = put_json_reply(at, line);
    at = PUT(at, ",\"referer\":");
    at = put_json_text(at, request->referer, HTTP_ACCESS_FIELD_BYTES);
    at = PUT(at, ",\"user_agent\":");
    at = put_json_text(at, request->user_agent, HTTP_ACCESS_FIELD_BYTES);
    at = PUT(at, ",\"host\":");
    at = put_json_text(at, request->host, HTTP_ACCESS_HOST_BYTES);
    return line->is_aborted ? PUT(at, ",\"aborted\":true}") : PUT(at, ",\"aborted\":false}");
}

size_t http_access_format_line(enum http_access_format format, const struct http_access_line *line,
                               char *text)
{
    char *end = format == HTTP_ACCESS_JSON ? put_json(text, line) : put_combined(text, line);

    return (size_t)(PUT(end, "\n") - text);
}
