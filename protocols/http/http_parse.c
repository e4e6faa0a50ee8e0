/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     METHOD SP TARGET SP VERSION CRLF { NAME ":" OWS VALUE OWS CRLF } CRLF
 *
 * Strict where the RFC leaves a choice: a line ends in CRLF and in nothing else (9112, 2.2), no
 * white space before the colon (5.1), no line folding (5.2), one space between the parts of the
 * request line (3).
 */
#include "http_parse.h"

#include "http_scan.h"

#include <stdbool.h>
#include <string.h>

void http_parser_init(struct http_parser *parser, size_t target_max, size_t head_max)
{
    *parser = (struct http_parser){ .state = HTTP_PARSE_START,
                                    .target_max = (uint32_t)target_max,
                                    .head_max = (uint32_t)head_max };
}

void http_parser_init_fields(struct http_parser *parser, size_t offset, size_t head_max)
{
    *parser = (struct http_parser){ .state = HTTP_PARSE_FIELD_START,
                                    .offset = (uint32_t)offset,
                                    .head_max = (uint32_t)head_max };
}

/* The bytes of one call. */
struct cursor {
    const unsigned char *bytes;
    uint32_t at;
    uint32_t end;
};

/* The first byte from `at` on that is not of the class. */
static uint32_t skip(const struct cursor *cursor, enum http_class class)
{
    return cursor->at +
           (uint32_t)http_scan(cursor->bytes + cursor->at, cursor->end - cursor->at, class);
}

static struct http_span span(uint32_t begin, uint32_t end)
{
    return (struct http_span){ .offset = begin, .length = end - begin };
}

/* ---- the states: each uses at least one byte, or moves to another state; returns 0 or the status
 * of the refusal
 * ------------------------------------------------------------------------------------- */

/* One empty line before the request is ignored (RFC 9112, 2.2). */
static int start(struct http_parser *parser, struct http_head *head, struct cursor *cursor)
{
    (void)head;
    if (cursor->bytes[cursor->at] == '\r' && cursor->at == 0) {
        parser->state = HTTP_PARSE_START_LF;
        cursor->at++;
        return 0;
    }
    parser->mark = cursor->at;
    parser->state = HTTP_PARSE_METHOD;
    return 0;
}

static int expect_lf(struct http_parser *parser, struct cursor *cursor, enum http_parse_state next)
{
    parser->state = (uint8_t)next;
    return cursor->bytes[cursor->at++] == '\n' ? 0 : 400;
}

static int start_lf(struct http_parser *parser, struct http_head *head, struct cursor *cursor)
{
    (void)head;
    return expect_lf(parser, cursor, HTTP_PARSE_START);
}

static int line_lf(struct http_parser *parser, struct http_head *head, struct cursor *cursor)
{
    (void)head;
    return expect_lf(parser, cursor, HTTP_PARSE_FIELD_START);
}

/* A part of the request line: bytes of one class, at least one, and a single space behind. */
static int part(struct http_parser *parser, struct cursor *cursor, enum http_class class,
                uint32_t bytes_max, int too_long, struct http_span *ret_part)
{
    cursor->at = skip(cursor, class);
    if (cursor->at - parser->mark > bytes_max)
        return too_long;
    if (cursor->at == cursor->end)
        return 0;
    if (cursor->bytes[cursor->at] != ' ' || cursor->at == parser->mark)
        return 400;
    *ret_part = span(parser->mark, cursor->at);
    parser->mark = ++cursor->at;
    parser->state++;
    return 0;
}

static int method(struct http_parser *parser, struct http_head *head, struct cursor *cursor)
{
    return part(parser, cursor, HTTP_CLASS_TOKEN, HTTP_METHOD_BYTES_MAX, 501, &head->method);
}

static int target(struct http_parser *parser, struct http_head *head, struct cursor *cursor)
{
    return part(parser, cursor, HTTP_CLASS_TARGET, parser->target_max, 414, &head->target);
}

/* The whole of "HTTP/1.1" CR LF at once, where it stands in the input; else byte by byte. */
static bool skip_version(struct http_parser *parser, struct http_head *head, struct cursor *cursor)
{
    const unsigned char *bytes = cursor->bytes + cursor->at;

    if (parser->version_at != 0 || cursor->end - cursor->at < 10 ||
        memcmp(bytes, "HTTP/1.1\r\n", 10) != 0)
        return false;
    head->minor_version = 1;
    cursor->at += 10;
    parser->state = HTTP_PARSE_FIELD_START;
    return true;
}

/* "HTTP/1." DIGIT CR; a well-formed other major version is 505 (RFC 9110, 15.6.6). */
static int version(struct http_parser *parser, struct http_head *head, struct cursor *cursor)
{
    static const char pattern[] = "HTTP/1.";
    unsigned char byte;

    if (skip_version(parser, head, cursor))
        return 0;
    byte = cursor->bytes[cursor->at++];
    switch (parser->version_at) {
    case 8:
        parser->state = HTTP_PARSE_LINE_LF;
        return byte == '\r' ? 0 : 400;
    case 7:
        if (byte < '0' || byte > '9')
            return 400;
        head->minor_version = byte == '0' ? 0 : 1;
        break;
    default:
        if (byte != (unsigned char)pattern[parser->version_at])
            return parser->version_at == 5 && byte >= '0' && byte <= '9' ? 505 : 400;
        break;
    }
    parser->version_at++;
    return 0;
}

static int field_start(struct http_parser *parser, struct http_head *head, struct cursor *cursor)
{
    unsigned char byte = cursor->bytes[cursor->at];

    parser->mark = cursor->at++;
    if (byte == '\r') {
        parser->state = HTTP_PARSE_END_LF;
        return 0;
    }
    parser->state = HTTP_PARSE_FIELD_NAME;
    /* White space here would be a folded line (RFC 9112, 5.2) or a smuggled one (2.2). */
    if (!http_is_token_byte(byte))
        return 400;
    return head->fields_count == HTTP_FIELDS_MAX ? 431 : 0;
}

static int field_name(struct http_parser *parser, struct http_head *head, struct cursor *cursor)
{
    cursor->at = skip(cursor, HTTP_CLASS_TOKEN);
    if (cursor->at == cursor->end)
        return 0;
    if (cursor->bytes[cursor->at] != ':')
        return 400;
    head->fields[head->fields_count].name = span(parser->mark, cursor->at);
    cursor->at++;
    parser->state = HTTP_PARSE_VALUE_START;
    return 0;
}

static int value_start(struct http_parser *parser, struct http_head *head, struct cursor *cursor)
{
    unsigned char byte = cursor->bytes[cursor->at];

    (void)head;
    if (byte == ' ' || byte == '\t') {
        cursor->at++;
        return 0;
    }
    parser->mark = parser->value_end = cursor->at;
    parser->state = HTTP_PARSE_VALUE;
    return 0;
}

/* Runs over the bytes of a value and remembers the last that is not white space. */
static int value(struct http_parser *parser, struct http_head *head, struct cursor *cursor)
{
    uint32_t begin = cursor->at;

    cursor->at = skip(cursor, HTTP_CLASS_VALUE);
    for (uint32_t last = cursor->at; last > begin; last--)
        if (cursor->bytes[last - 1] != ' ' && cursor->bytes[last - 1] != '\t') {
            parser->value_end = last;
            break;
        }
    if (cursor->at == cursor->end)
        return 0;
    if (cursor->bytes[cursor->at] != '\r')
        return 400;
    head->fields[head->fields_count++].value = span(parser->mark, parser->value_end);
    cursor->at++;
    parser->state = HTTP_PARSE_VALUE_LF;
    return 0;
}

static int end_lf(struct http_parser *parser, struct http_head *head, struct cursor *cursor)
{
    int status = expect_lf(parser, cursor, HTTP_PARSE_DONE);

    head->length = cursor->at;
    return status;
}

static int step(struct http_parser *parser, struct http_head *head, struct cursor *cursor)
{
    switch ((enum http_parse_state)parser->state) {
    case HTTP_PARSE_START:
        return start(parser, head, cursor);
    case HTTP_PARSE_START_LF:
        return start_lf(parser, head, cursor);
    case HTTP_PARSE_METHOD:
        return method(parser, head, cursor);
    case HTTP_PARSE_TARGET:
        return target(parser, head, cursor);
    case HTTP_PARSE_VERSION:
        return version(parser, head, cursor);
    case HTTP_PARSE_LINE_LF:
    case HTTP_PARSE_VALUE_LF:
        return line_lf(parser, head, cursor);
    case HTTP_PARSE_FIELD_START:
        return field_start(parser, head, cursor);
    case HTTP_PARSE_FIELD_NAME:
        return field_name(parser, head, cursor);
    case HTTP_PARSE_VALUE_START:
        return value_start(parser, head, cursor);
    case HTTP_PARSE_VALUE:
        return value(parser, head, cursor);
    case HTTP_PARSE_END_LF:
        return end_lf(parser, head, cursor);
    case HTTP_PARSE_DONE:
        break;
    }
    return 0;
}

static enum http_parse fail(struct http_parser *parser, int status)
{
    parser->status = (uint16_t)status;
    return HTTP_PARSE_ERROR;
}

enum http_parse http_parse_head(struct http_parser *parser, struct http_head *head,
                                struct pl_view input)
{
    struct cursor cursor = { .bytes = (const unsigned char *)input.bytes,
                             .at = parser->offset,
                             .end = input.length > parser->head_max ? parser->head_max
                                                                    : (uint32_t)input.length };
    int status = parser->status;

    /* What was refused stays refused: a thread that only frames may have seen it first. */
    while (status == 0 && parser->state != HTTP_PARSE_DONE && cursor.at < cursor.end)
        status = step(parser, head, &cursor);
    parser->offset = cursor.at;
    if (status != 0)
        return fail(parser, status);
    if (parser->state == HTTP_PARSE_DONE)
        return HTTP_PARSE_HEAD;
    if (cursor.at == parser->head_max)
        return fail(parser, parser->state <= HTTP_PARSE_TARGET ? 414 : 431);
    return HTTP_PARSE_MORE;
}
