/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the access log, whole: nothing that a client sends can end one or begin another. */
#include "http_access_format.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct http_access_line good_line(void)
{
    return (struct http_access_line){
        .client = PL_VIEW("192.0.2.7"),
        .date = "Sun, 06 Nov 1994 08:49:37 GMT",
        .wall_ms = 784111777042,
        .request = { .method = PL_VIEW("GET"),
                     .target = PL_VIEW("/a?b=c"),
                     .version = PL_VIEW("HTTP/1.1"),
                     .referer = PL_VIEW("http://a/"),
                     .user_agent = PL_VIEW("curl/8"),
                     .host = PL_VIEW("example.org:8080"),
                     .bytes = 96 },
        .status = 200,
        .reply_bytes = 1234567,
        .duration_us = 18446,
    };
}

static void expect(enum http_access_format format, const struct http_access_line *line,
                   const char *text)
{
    char found[PL_LOG_FILE_LINE_BYTES + 1];
    size_t length = http_access_format_line(format, line, found);

    found[length] = '\0';
    assert_string_equal(found, text);
}

static void a_good_request(void **state)
{
    struct http_access_line line = good_line();

    (void)state;
    expect(HTTP_ACCESS_COMBINED, &line,
           "192.0.2.7 - - [06/Nov/1994:08:49:37 +0000] \"GET /a?b=c HTTP/1.1\" 200 1234567 "
           "\"http://a/\" \"curl/8\"\n");
    expect(HTTP_ACCESS_JSON, &line,
           "{\"time\":\"1994-11-06T08:49:37.042Z\",\"client\":\"192.0.2.7\",\"method\":\"GET\","
           "\"target\":\"/a?b=c\",\"version\":\"HTTP/1.1\",\"status\":200,\"request_bytes\":96,"
           "\"bytes\":1234567,\"duration_us\":18446,\"referer\":\"http://a/\","
           "\"user_agent\":\"curl/8\",\"host\":\"example.org:8080\",\"aborted\":false}\n");
}

static void what_is_not_known_is_said_to_be_so(void **state)
{
    struct http_access_line line = { .date = "Sun, 06 Nov 1994 08:49:37 GMT", .is_aborted = true };

    (void)state;
    expect(HTTP_ACCESS_COMBINED, &line,
           "- - - [06/Nov/1994:08:49:37 +0000] \"-\" - - \"-\" \"-\"\n");
    expect(HTTP_ACCESS_JSON, &line,
           "{\"time\":\"1970-01-01T00:00:00.000Z\",\"client\":null,\"method\":null,\"target\":null,"
           "\"version\":null,\"status\":null,\"request_bytes\":0,\"bytes\":0,\"duration_us\":0,"
           "\"referer\":null,\"user_agent\":null,\"host\":null,\"aborted\":true}\n");
    line.client = PL_VIEW("unix:");
    line.status = 414;
    line.request.method = PL_VIEW("GET");
    expect(HTTP_ACCESS_COMBINED, &line,
           "unix: - - [06/Nov/1994:08:49:37 +0000] \"GET\" 414 0 \"-\" \"-\"\n");
    line.request.target = PL_VIEW("/long");
    line.request.referer = PL_VIEW("");
    expect(HTTP_ACCESS_COMBINED, &line,
           "unix: - - [06/Nov/1994:08:49:37 +0000] \"GET /long\" 414 0 \"\" \"-\"\n");
}

/* What stands for the bytes, between the quotes of the user agent. */
static void expect_agent(enum http_access_format format, struct pl_view agent, const char *escaped)
{
    struct http_access_line line = good_line();
    char whole[4096];

    line.request.user_agent = agent;
    if (format == HTTP_ACCESS_COMBINED)
        snprintf(whole, sizeof(whole),
                 "192.0.2.7 - - [06/Nov/1994:08:49:37 +0000] \"GET /a?b=c HTTP/1.1\" 200 1234567 "
                 "\"http://a/\" \"%s\"\n",
                 escaped);
    else
        snprintf(whole, sizeof(whole),
                 "{\"time\":\"1994-11-06T08:49:37.042Z\",\"client\":\"192.0.2.7\",\"method\":"
                 "\"GET\",\"target\":\"/a?b=c\",\"version\":\"HTTP/1.1\",\"status\":200,"
                 "\"request_bytes\":96,\"bytes\":1234567,\"duration_us\":18446,\"referer\":"
                 "\"http://a/\",\"user_agent\":\"%s\",\"host\":\"example.org:8080\","
                 "\"aborted\":false}\n",
                 escaped);
    expect(format, &line, whole);
}

static void nasty_bytes_are_escaped(void **state)
{
    static const struct {
        struct pl_view bytes;
        const char *combined, *json;
    } table[] = {
        { PL_VIEW("\" 200 0 \"-\" \"-\"\n10.0.0.1 - -"),
          "\\x22 200 0 \\x22-\\x22 \\x22-\\x22\\x0a10.0.0.1 - -",
          "\\\" 200 0 \\\"-\\\" \\\"-\\\"\\u000a10.0.0.1 - -" },
        { PL_VIEW("\\"), "\\x5c", "\\\\" },
        { PL_VIEW("\\x22"), "\\x5cx22", "\\\\x22" },
        { PL_VIEW("\0\x01\t\r\n\x1b[31m\x1f ~\x7f"),
          "\\x00\\x01\\x09\\x0d\\x0a\\x1b[31m\\x1f ~\\x7f",
          "\\u0000\\u0001\\u0009\\u000d\\u000a\\u001b[31m\\u001f ~\\u007f" },
        /* Valid sequences of two, three and four bytes. */
        { PL_VIEW("\xc3\xa9"), "\\xc3\\xa9", "\xc3\xa9" },
        { PL_VIEW("\xe2\x82\xac"), "\\xe2\\x82\\xac", "\xe2\x82\xac" },
        { PL_VIEW("\xf0\x9f\x98\x80"), "\\xf0\\x9f\\x98\\x80", "\xf0\x9f\x98\x80" },
        { PL_VIEW("\xed\x9f\xbf\xee\x80\x80"), "\\xed\\x9f\\xbf\\xee\\x80\\x80",
          "\xed\x9f\xbf\xee\x80\x80" },
        { PL_VIEW("\xf4\x8f\xbf\xbf"), "\\xf4\\x8f\\xbf\\xbf", "\xf4\x8f\xbf\xbf" },
        /* Control characters above ASCII. */
        { PL_VIEW("\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0"), "\\xc2\\x80\\xc2\\x9b\\xc2\\x9f\\xc2\\xa0",
          "\\u0080\\u009b\\u009f\xc2\xa0" },
        /* Not UTF-8: a byte of Latin-1, one that goes on with nothing, overlong forms, a surrogate,
         * beyond the last code point, cut sequences. */
        { PL_VIEW("\xe9t\xe9"), "\\xe9t\\xe9", "\\ufffdt\\ufffd" },
        { PL_VIEW("\x80\xbf"), "\\x80\\xbf", "\\ufffd\\ufffd" },
        { PL_VIEW("\xc0\xa2\xc1\xbf"), "\\xc0\\xa2\\xc1\\xbf", "\\ufffd\\ufffd\\ufffd\\ufffd" },
        { PL_VIEW("\xe0\x80\xa2"), "\\xe0\\x80\\xa2", "\\ufffd\\ufffd\\ufffd" },
        { PL_VIEW("\xf0\x80\x80\xa2"), "\\xf0\\x80\\x80\\xa2", "\\ufffd\\ufffd\\ufffd\\ufffd" },
        { PL_VIEW("\xed\xa0\x80"), "\\xed\\xa0\\x80", "\\ufffd\\ufffd\\ufffd" },
        { PL_VIEW("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80", "\\ufffd\\ufffd\\ufffd\\ufffd" },
        { PL_VIEW("\xff\xfe"), "\\xff\\xfe", "\\ufffd\\ufffd" },
        { PL_VIEW("\xc3"), "\\xc3", "\\ufffd" },
        { PL_VIEW("\xe2\x82\""), "\\xe2\\x82\\x22", "\\ufffd\\ufffd\\\"" },
        { PL_VIEW("\xf0\x9f\x98"), "\\xf0\\x9f\\x98", "\\ufffd\\ufffd\\ufffd" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        expect_agent(HTTP_ACCESS_COMBINED, table[i].bytes, table[i].combined);
        expect_agent(HTTP_ACCESS_JSON, table[i].bytes, table[i].json);
    }
}

/* Every byte, in every part that a client chooses. */
static void no_byte_ends_a_line_or_a_string(void **state)
{
    (void)state;
    for (int format = HTTP_ACCESS_COMBINED; format <= HTTP_ACCESS_JSON; format++)
        for (int byte = 0; byte < 256; byte++) {
            char bytes[3] = { 'a', (char)byte, 'b' }, text[PL_LOG_FILE_LINE_BYTES];
            struct pl_view view = { .bytes = bytes, .length = sizeof(bytes) };
            struct http_access_line line = good_line();
            size_t length, quotes = 0;

            line.request.method = line.request.target = line.request.version = view;
            line.request.referer = line.request.user_agent = line.request.host = view;
            length = http_access_format_line((enum http_access_format)format, &line, text);
            for (size_t i = 0; i + 1 < length; i++) {
                assert_true((unsigned char)text[i] >= 0x20 && (unsigned char)text[i] < 0x7f);
                quotes += text[i] == '"' && text[i - 1] != '\\';
            }
            assert_int_equal(text[length - 1], '\n');
            assert_int_equal(quotes, format == HTTP_ACCESS_COMBINED ? 6 : 13 * 2 + 8 * 2);
        }
}

static void long_parts_are_cut_and_never_within_an_escape(void **state)
{
    static char bytes[20000];

    (void)state;
    for (int format = HTTP_ACCESS_COMBINED; format <= HTTP_ACCESS_JSON; format++)
        for (int fill = 0; fill < 256; fill++) {
            struct http_access_line line = good_line();
            struct pl_view view = { .bytes = bytes, .length = sizeof(bytes) };
            char text[PL_LOG_FILE_LINE_BYTES];
            size_t length;

            memset(bytes, fill, sizeof(bytes));
            line.request.method = line.request.target = line.request.version = view;
            line.request.referer = line.request.user_agent = line.request.host = view;
            line.reply_bytes = line.request.bytes = UINT64_MAX;
            line.duration_us = INT64_MAX;
            length = http_access_format_line((enum http_access_format)format, &line, text);
            assert_in_range(length, 12000, PL_LOG_FILE_LINE_BYTES);
            assert_int_equal(text[length - 1], '\n');
        }
    /* Room for 2048: 341 escapes of 6 bytes are 2046. */
    {
        static char escaped[341 * 6 + 4];
        size_t used = 0;

        for (int i = 0; i < 341; i++)
            used += (size_t)snprintf(escaped + used, sizeof(escaped) - used, "\\u0001");
        memcpy(escaped + used, "...", 4);
        memset(bytes, 1, sizeof(bytes));
        expect_agent(HTTP_ACCESS_JSON, (struct pl_view){ .bytes = bytes, .length = 400 }, escaped);
        escaped[used] = '\0';
        expect_agent(HTTP_ACCESS_JSON, (struct pl_view){ .bytes = bytes, .length = 341 }, escaped);
    }
}

static void the_time_is_right_in_every_kind_of_year(void **state)
{
    static const struct {
        int64_t wall_ms;
        const char *text;
    } table[] = {
        { 0, "1970-01-01T00:00:00.000Z" },
        { 999, "1970-01-01T00:00:00.999Z" },
        { 951782399999, "2000-02-28T23:59:59.999Z" },
        { 951782400000, "2000-02-29T00:00:00.000Z" },
        { 951868800000, "2000-03-01T00:00:00.000Z" },
        { 978220800000, "2000-12-31T00:00:00.000Z" },
        { 978307200000, "2001-01-01T00:00:00.000Z" },
        { 1709164800000, "2024-02-29T00:00:00.000Z" },
        { 1735603200000, "2024-12-31T00:00:00.000Z" },
        { 1767225599000, "2025-12-31T23:59:59.000Z" },
        { 4107542400000, "2100-03-01T00:00:00.000Z" },
        { 253402300799000, "9999-12-31T23:59:59.000Z" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct http_access_line line = good_line();
        char text[PL_LOG_FILE_LINE_BYTES];

        line.wall_ms = table[i].wall_ms;
        (void)http_access_format_line(HTTP_ACCESS_JSON, &line, text);
        assert_memory_equal(text + sizeof("{\"time\":\"") - 1, table[i].text, 24);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_request),
        cmocka_unit_test(what_is_not_known_is_said_to_be_so),
        cmocka_unit_test(nasty_bytes_are_escaped),
        cmocka_unit_test(no_byte_ends_a_line_or_a_string),
        cmocka_unit_test(long_parts_are_cut_and_never_within_an_escape),
        cmocka_unit_test(the_time_is_right_in_every_kind_of_year),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
