/* SPDX-License-Identifier: Apache-2.0 */
/* The table of states in http_parse.h, row by row, with every byte: what no row names is 400. The
 * sets are written anew from the RFCs, so that they hold the parser's own to them. */
#include "http_parse.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* Ranges of two bytes each. */
static const char tchar[] = "!!##$$%%&&''**++--..^^__``||~~09azAZ";               /* 9110, 5.6.2 */
static const char in_target[] = "!!$$%%&&''()*+,,--..//09::;;==??@@AZ[[]]__az~~"; /* 3986, 2 */
static const char in_value[] = "\t\t  !~\x80\xff";                                /* 9110, 5.5 */
static const char blank[] = "  \t\t", space[] = "  ", digit[] = "09", not_one[] = "0029";
static const char cr[] = "\r\r", lf[] = "\n\n", colon[] = "::", one[] = "11", h[] = "HH";

#define LINE "G / HTTP/1.1\r\n"

static const struct row {
    enum http_parse_state state;
    const char *behind; /* what has been read */
    const char *bytes;
    int outcome; /* the next state, or 400 and more: the refusal */
} rows[] = {
    { HTTP_PARSE_START, "", cr, HTTP_PARSE_START_LF },
    { HTTP_PARSE_START, "", tchar, HTTP_PARSE_METHOD },
    { HTTP_PARSE_START_LF, "\r", lf, HTTP_PARSE_START },
    { HTTP_PARSE_START, "\r\n", tchar, HTTP_PARSE_METHOD },
    { HTTP_PARSE_METHOD, "G", tchar, HTTP_PARSE_METHOD },
    { HTTP_PARSE_METHOD, "G", space, HTTP_PARSE_TARGET },
    { HTTP_PARSE_METHOD, "ABCDEFGHIJKLMNOPQRSTUVWX", tchar, 501 },
    { HTTP_PARSE_METHOD, "ABCDEFGHIJKLMNOPQRSTUVWX", space, HTTP_PARSE_TARGET },
    { HTTP_PARSE_TARGET, "G ", in_target, HTTP_PARSE_TARGET },
    { HTTP_PARSE_TARGET, "G /", in_target, HTTP_PARSE_TARGET },
    { HTTP_PARSE_TARGET, "G /", space, HTTP_PARSE_VERSION },
    { HTTP_PARSE_TARGET, "G /2345678", in_target, 414 },
    { HTTP_PARSE_TARGET, "G /2345678", space, HTTP_PARSE_VERSION },
    { HTTP_PARSE_VERSION, "G / ", h, HTTP_PARSE_VERSION },
    { HTTP_PARSE_VERSION, "G / HTTP/", one, HTTP_PARSE_VERSION },
    { HTTP_PARSE_VERSION, "G / HTTP/", not_one, 505 },
    { HTTP_PARSE_VERSION, "G / HTTP/1", "..", HTTP_PARSE_VERSION },
    { HTTP_PARSE_VERSION, "G / HTTP/1.", digit, HTTP_PARSE_VERSION },
    { HTTP_PARSE_VERSION, "G / HTTP/1.1", cr, HTTP_PARSE_LINE_LF },
    { HTTP_PARSE_LINE_LF, "G / HTTP/1.1\r", lf, HTTP_PARSE_FIELD_START },
    { HTTP_PARSE_FIELD_START, LINE, cr, HTTP_PARSE_END_LF },
    { HTTP_PARSE_FIELD_START, LINE, tchar, HTTP_PARSE_FIELD_NAME },
    { HTTP_PARSE_FIELD_NAME, LINE "a", tchar, HTTP_PARSE_FIELD_NAME },
    { HTTP_PARSE_FIELD_NAME, LINE "a", colon, HTTP_PARSE_VALUE_START },
    { HTTP_PARSE_VALUE_START, LINE "a:", blank, HTTP_PARSE_VALUE_START },
    { HTTP_PARSE_VALUE_START, LINE "a:", in_value, HTTP_PARSE_VALUE },
    { HTTP_PARSE_VALUE_START, LINE "a:", cr, HTTP_PARSE_VALUE_LF },
    { HTTP_PARSE_VALUE, LINE "a:b", in_value, HTTP_PARSE_VALUE },
    { HTTP_PARSE_VALUE, LINE "a:b", cr, HTTP_PARSE_VALUE_LF },
    { HTTP_PARSE_VALUE_LF, LINE "a:b\r", lf, HTTP_PARSE_FIELD_START },
    { HTTP_PARSE_FIELD_START, LINE "a:b\r\n", cr, HTTP_PARSE_END_LF },
    { HTTP_PARSE_FIELD_START, LINE "a:b\r\n", tchar, HTTP_PARSE_FIELD_NAME },
    { HTTP_PARSE_END_LF, LINE "\r", lf, HTTP_PARSE_DONE },
};
#define ROWS_COUNT (sizeof(rows) / sizeof(rows[0]))

static bool is_in(const char *ranges, int byte)
{
    for (const unsigned char *at = (const unsigned char *)ranges; *at != '\0'; at += 2)
        if (byte >= at[0] && byte <= at[1])
            return true;
    return false;
}

/* The first row of this place that names the byte. */
static int outcome_of(const char *behind, int byte)
{
    for (size_t i = 0; i < ROWS_COUNT; i++)
        if (strcmp(rows[i].behind, behind) == 0 && is_in(rows[i].bytes, byte))
            return rows[i].outcome;
    return 400;
}

static void expect_outcome(const struct row *row, int byte)
{
    struct http_parser parser;
    struct http_head head = { .fields_count = 0 };
    struct pl_view input;
    char bytes[64];
    int expected = outcome_of(row->behind, byte);
    size_t length = strlen(row->behind);
    enum http_parse result;

    memcpy(bytes, row->behind, length);
    bytes[length] = (char)byte;
    http_parser_init(&parser, 8, 4096);
    input = (struct pl_view){ .bytes = bytes, .length = length };
    assert_int_equal(http_parse_head(&parser, &head, input), HTTP_PARSE_MORE);
    assert_int_equal(parser.state, row->state);
    input.length = length + 1;
    result = http_parse_head(&parser, &head, input);
    if (result == HTTP_PARSE_ERROR ? parser.status != expected : parser.state != expected)
        fail_msg("behind '%s' byte 0x%02x: state %d, status %d, expected %d", row->behind, byte,
                 parser.state, parser.status, expected);
}

static void every_byte_in_every_state_is_as_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS_COUNT; i++)
        for (int byte = 0; byte < 256; byte++)
            expect_outcome(&rows[i], byte);
}

int main(void)
{
    static const struct CMUnitTest cases[] = {
        cmocka_unit_test(every_byte_in_every_state_is_as_the_table_says),
    };

    return cmocka_run_group_tests(cases, NULL, NULL);
}
