/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     METHOD SP TARGET SP VERSION CRLF { NAME ":" OWS VALUE OWS CRLF } CRLF
 *
 * Strict where the RFC leaves a choice: a line ends in CRLF and in nothing else (9112, 2.2), no
 * white space before the colon (5.1), no line folding (5.2), one space between the parts of the
 * request line (3).
 */
#include "http_parse.h"

#include <stdbool.h>

enum {
    TOKEN = 1,  /* tchar: RFC 9110, 5.6.2 */
    TARGET = 2, /* what may stand in a request target: RFC 3986 without checks of its parts */
    VALUE = 4,  /* field-vchar, SP and HTAB: RFC 9110, 5.5 */
};

/* 0x21..0x7e are visible; of these, delimiters are no token and "<>\^`{|} no target. */
static const unsigned char classes[256] = {
    ['\t'] = VALUE,    [' '] = VALUE,
    ['!'] = 7,         ['"'] = VALUE,
    ['#'] = 5,         ['$'] = 7,
    ['%'] = 7,         ['&'] = 7,
    ['\''] = 7,        ['('] = 6,
    [')'] = 6,         ['*'] = 7,
    ['+'] = 7,         [','] = 6,
    ['-'] = 7,         ['.'] = 7,
    ['/'] = 6,         ['0' ... '9'] = 7,
    [':'] = 6,         [';'] = 6,
    ['<'] = VALUE,     ['='] = 6,
    ['>'] = VALUE,     ['?'] = 6,
    ['@'] = 6,         ['A' ... 'Z'] = 7,
    ['['] = 6,         ['\\'] = VALUE,
    [']'] = 6,         ['^'] = 5,
    ['_'] = 7,         ['`'] = 5,
    ['a' ... 'z'] = 7, ['{'] = VALUE,
    ['|'] = 5,         ['}'] = VALUE,
    ['~'] = 7,         [0x80 ... 0xff] = VALUE,
};

int http_is_token_byte(unsigned char byte)
{
    return classes[byte] & TOKEN;
}

void http_parser_init(struct http_parser *parser, size_t target_max, size_t head_max)
{
    *parser = (struct http_parser){ .state = HTTP_PARSE_START,
                                    .target_max = (uint32_t)target_max,
                                    .head_max = (uint32_t)head_max };
}

static enum http_parse fail(struct http_parser *parser, uint16_t status)
{
    parser->status = status;
    return HTTP_PARSE_ERROR;
}

/* The first byte from `at` on that is not of the class; the loop the parser spends its time in. */
static uint32_t skip(const unsigned char *bytes, uint32_t at, uint32_t end, unsigned char class)
{
    while (at < end && (classes[bytes[at]] & class))
        at++;
    return at;
}

static struct http_span span(uint32_t begin, uint32_t end)
{
    return (struct http_span){ .offset = begin, .length = end - begin };
}

/* "HTTP/1." DIGIT; a well-formed other major version is 505 (RFC 9110, 15.6.6). */
static int version_byte(struct http_parser *parser, struct http_head *head, unsigned char byte)
{
    static const char pattern[] = "HTTP/1.";

    if (parser->version_at == 7) {
        if (byte < '0' || byte > '9')
            return 400;
        head->minor_version = byte == '0' ? 0 : 1;
    } else if (byte != (unsigned char)pattern[parser->version_at]) {
        return parser->version_at == 5 && byte >= '0' && byte <= '9' ? 505 : 400;
    }
    parser->version_at++;
    return 0;
}

static int begin_field(struct http_parser *parser, struct http_head *head, unsigned char byte,
                       uint32_t at)
{
    if (byte == '\r') {
        parser->state = HTTP_PARSE_END_LF;
        return 0;
    }
    /* White space here would be a folded line (RFC 9112, 5.2) or a smuggled one (2.2). */
    if ((classes[byte] & TOKEN) == 0)
        return 400;
    if (head->fields_count == HTTP_FIELDS_MAX)
        return 431;
    parser->mark = at;
    parser->state = HTTP_PARSE_FIELD_NAME;
    return 0;
}

static void end_value(struct http_parser *parser, struct http_head *head)
{
    head->fields[head->fields_count].value = span(parser->mark, parser->value_end);
    head->fields_count++;
    parser->state = HTTP_PARSE_VALUE_LF;
}

/* Runs over the bytes of a value; what ends it must be CR. */
static uint32_t skip_value(struct http_parser *parser, const unsigned char *bytes, uint32_t at,
                           uint32_t end)
{
    uint32_t stop = skip(bytes, at, end, VALUE);

    for (uint32_t last = stop; last > at; last--)
        if (bytes[last - 1] != ' ' && bytes[last - 1] != '\t') {
            parser->value_end = last;
            break;
        }
    return stop;
}

enum http_parse http_parse_head(struct http_parser *parser, struct http_head *head,
                                struct pl_view input)
{
    const unsigned char *bytes = (const unsigned char *)input.bytes;
    uint32_t end = input.length > parser->head_max ? parser->head_max : (uint32_t)input.length;
    uint32_t at = parser->offset;
    int status = 0;

    /* What was refused stays refused: a thread that only frames may have seen it first. */
    if (parser->status != 0)
        return HTTP_PARSE_ERROR;
    while (at < end && status == 0) {
        unsigned char byte = bytes[at];

        switch ((enum http_parse_state)parser->state) {
        case HTTP_PARSE_START: /* one empty line before the request is ignored (RFC 9112, 2.2) */
            if (byte == '\r' && at == 0) {
                parser->state = HTTP_PARSE_START_LF;
                at++;
                break;
            }
            parser->mark = at;
            parser->state = HTTP_PARSE_METHOD;
            break;
        case HTTP_PARSE_START_LF:
            status = byte == '\n' ? 0 : 400;
            parser->state = HTTP_PARSE_START;
            at++;
            break;
        case HTTP_PARSE_METHOD:
            at = skip(bytes, at, end, TOKEN);
            if (at - parser->mark > HTTP_METHOD_BYTES_MAX)
                status = 501;
            else if (at < end)
                status = bytes[at] == ' ' && at > parser->mark ? 0 : 400;
            if (at < end && status == 0) {
                head->method = span(parser->mark, at);
                parser->mark = ++at;
                parser->state = HTTP_PARSE_TARGET;
            }
            break;
        case HTTP_PARSE_TARGET:
            at = skip(bytes, at, end, TARGET);
            if (at - parser->mark > parser->target_max)
                status = 414;
            else if (at < end)
                status = bytes[at] == ' ' && at > parser->mark ? 0 : 400;
            if (at < end && status == 0) {
                head->target = span(parser->mark, at);
                at++;
                parser->state = HTTP_PARSE_VERSION;
            }
            break;
        case HTTP_PARSE_VERSION:
            if (parser->version_at == 8) {
                status = byte == '\r' ? 0 : 400;
                parser->state = HTTP_PARSE_LINE_LF;
            } else {
                status = version_byte(parser, head, byte);
            }
            at++;
            break;
        case HTTP_PARSE_LINE_LF:
        case HTTP_PARSE_VALUE_LF:
            status = byte == '\n' ? 0 : 400;
            parser->state = HTTP_PARSE_FIELD_START;
            at++;
            break;
        case HTTP_PARSE_FIELD_START:
            status = begin_field(parser, head, byte, at);
            at++;
            break;
        case HTTP_PARSE_FIELD_NAME:
            at = skip(bytes, at, end, TOKEN);
            if (at == end)
                break;
            status = bytes[at] == ':' ? 0 : 400;
            head->fields[head->fields_count].name = span(parser->mark, at);
            parser->state = HTTP_PARSE_VALUE_START;
            at++;
            break;
        case HTTP_PARSE_VALUE_START:
            if (byte == ' ' || byte == '\t') {
                at++;
                break;
            }
            parser->mark = parser->value_end = at;
            parser->state = HTTP_PARSE_VALUE;
            break;
        case HTTP_PARSE_VALUE:
            at = skip_value(parser, bytes, at, end);
            if (at == end)
                break;
            status = bytes[at] == '\r' ? 0 : 400;
            end_value(parser, head);
            at++;
            break;
        case HTTP_PARSE_END_LF:
            at++;
            if (byte != '\n') {
                status = 400;
                break;
            }
            parser->state = HTTP_PARSE_DONE;
            head->length = at;
            parser->offset = at;
            return HTTP_PARSE_HEAD;
        case HTTP_PARSE_DONE:
            return HTTP_PARSE_HEAD;
        }
    }
    parser->offset = at;
    if (status != 0)
        return fail(parser, (uint16_t)status);
    if (parser->state == HTTP_PARSE_DONE)
        return HTTP_PARSE_HEAD;
    if (at == parser->head_max)
        return fail(parser, parser->state <= HTTP_PARSE_TARGET ? 414 : 431);
    return HTTP_PARSE_MORE;
}
