/* SPDX-License-Identifier: Apache-2.0 */
/* http-parser as a server uses it: callbacks that note where target, names and values stand. */
#include "parse_speed.h"

#ifdef HAVE_HTTP_PARSER

#undef http_parser_init /* ours has another name here, see speed.am */
#include <http_parser.h>

#define FIELDS_MAX 64

struct noted {
    const char *begin;
    struct pl_view target;
    struct {
        struct pl_view name, value;
    } fields[FIELDS_MAX];
    size_t fields_count;
    bool is_complete;
};

static int on_url(http_parser *parser, const char *at, size_t length)
{
    struct noted *noted = parser->data;

    noted->target = (struct pl_view){ .bytes = at, .length = length };
    return 0;
}

static int on_field(http_parser *parser, const char *at, size_t length)
{
    struct noted *noted = parser->data;

    if (noted->fields_count == FIELDS_MAX)
        return 1;
    noted->fields[noted->fields_count++].name = (struct pl_view){ .bytes = at, .length = length };
    return 0;
}

static int on_value(http_parser *parser, const char *at, size_t length)
{
    struct noted *noted = parser->data;

    noted->fields[noted->fields_count - 1].value =
        (struct pl_view){ .bytes = at, .length = length };
    return 0;
}

static int on_complete(http_parser *parser)
{
    struct noted *noted = parser->data;

    noted->is_complete = true;
    return 0;
}

static bool parse(struct pl_view input, struct parsed *ret_parsed)
{
    static const http_parser_settings settings = { .on_url = on_url,
                                                   .on_header_field = on_field,
                                                   .on_header_value = on_value,
                                                   .on_message_complete = on_complete };
    struct noted noted;
    http_parser parser;
    size_t used;

    noted.fields_count = 0;
    noted.is_complete = false;
    http_parser_init(&parser, HTTP_REQUEST);
    parser.data = &noted;
    used = http_parser_execute(&parser, &settings, input.bytes, input.length);
    if (parser.http_errno != HPE_OK || !noted.is_complete)
        return false;
    *ret_parsed = (struct parsed){ .head_bytes = used,
                                   .target_bytes = noted.target.length,
                                   .fields_count = noted.fields_count };
    for (size_t i = 0; i < noted.fields_count; i++) {
        ret_parsed->names_bytes += noted.fields[i].name.length;
        ret_parsed->values_bytes += noted.fields[i].value.length;
    }
    return true;
}

parse_request *parse_by_http_parser(void)
{
    return parse;
}

#else

parse_request *parse_by_http_parser(void)
{
    return NULL;
}

#endif
