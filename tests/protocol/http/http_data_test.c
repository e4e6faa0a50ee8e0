/* SPDX-License-Identifier: Apache-2.0 */
/* Query, forms, cookies and parameters, as a handler asks for them. */
#include "http_exchange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct pl_http_exchange exchange;

/* The exchange of a whole request; what follows its head is the body. */
static void read_request(const char *request)
{
    struct http_parser parser;

    memset(&exchange, 0, sizeof(exchange));
    exchange.message = pl_view_of(request);
    http_parser_init(&parser, 8192, 16384);
    assert_int_equal(http_parse_head(&parser, &exchange.head, exchange.message), HTTP_PARSE_HEAD);
    assert_int_equal(
        http_read_target(&exchange.head, exchange.message, &exchange.path, &exchange.query), 0);
    exchange.body_begin = exchange.head.length;
    exchange.body_end = exchange.message.length;
}

/* ---- pairs ------------------------------------------------------------------------------------
 */

static void pairs_are_taken_in_their_order(void **state)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        { "", "" },
        { "a", "[a|]" },
        { "a=", "[a|]" },
        { "=a", "[|a]" },
        { "=", "[|]" },
        { "a=b", "[a|b]" },
        { "a=b=c", "[a|b=c]" },
        { "a=1&b=2&a=3", "[a|1][b|2][a|3]" },
        { "&&a=1&&&b=2&", "[a|1][b|2]" },
        { "&", "" },
        { "a%26b=c%3Dd+e", "[a%26b|c%3Dd+e]" },
        { "a;b=c", "[a;b|c]" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pl_view rest = pl_view_of(rows[i].text), name, value;
        char text[128] = "";
        size_t used = 0;

        while (pl_http_form_next(&rest, &name, &value))
            used += (size_t)snprintf(text + used, sizeof(text) - used, "[%.*s|%.*s]",
                                     (int)name.length, name.bytes, (int)value.length, value.bytes);
        assert_string_equal(text, rows[i].expected);
        assert_int_equal(rest.length, 0);
    }
}

static void text_is_decoded(void **state)
{
    static const struct {
        const char *raw, *expected;
        int result;
    } rows[] = {
        { "", "", 0 },
        { "a", "a", 1 },
        { "a+b", "a b", 3 },
        { "%2B", "+", 1 },
        { "%2b+", "+ ", 2 },
        { "%C3%A4", "\xc3\xa4", 2 },
        { "%2541", "%41", 3 },
        { "1234567", "1234567", 7 },
        { "12345678", "", -ENOBUFS },
        { "%", "", -EINVAL },
        { "a%4", "", -EINVAL },
        { "%4g", "", -EINVAL },
        { "%00", "", -EINVAL },
        { "%+1", "", -EINVAL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[9];

        memset(text, '#', sizeof(text));
        assert_int_equal(pl_http_form_decode(pl_view_of(rows[i].raw), text, 8), rows[i].result);
        assert_string_equal(text, rows[i].expected);
        assert_int_equal(text[8], '#');
    }
    assert_int_equal(
        pl_http_form_decode((struct pl_view){ .bytes = "a\0b", .length = 3 }, (char[8]){ 0 }, 8),
        -EINVAL);
    assert_int_equal(pl_http_form_decode(PL_VIEW(""), NULL, 0), -ENOBUFS);
    assert_int_equal(pl_http_form_decode(PL_VIEW("a"), NULL, 0), -ENOBUFS);
}

static void values_of_the_query_are_found_by_name(void **state)
{
    static const struct {
        const char *name, *expected;
        int result;
    } rows[] = {
        { "a", "1", 1 },       { "b c", "x y", 3 },        { "empty", "", 0 },
        { "alone", "", 0 },    { "absent", "#", -ENOENT }, { "bad", "", -EINVAL },
        { "A", "#", -ENOENT }, { "", "nameless", 8 },      { "long", "", -ENOBUFS },
    };

    (void)state;
    read_request("GET /p?a=1&a=2&b+%63=x%20y&empty=&alone&%00=1&bad=%00&=nameless&long=1234567890 "
                 "HTTP/1.1\r\nHost: a\r\n\r\n");
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[10] = "#";

        assert_int_equal(pl_http_query_value(&exchange, rows[i].name, text, sizeof(text)),
                         rows[i].result);
        assert_string_equal(text, rows[i].expected);
    }
    read_request("GET /p HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(pl_http_query_value(&exchange, "a", (char[2]){ 0 }, 2), -ENOENT);
}

static void form_is_read_when_its_type_says_so(void **state)
{
    static const struct {
        const char *fields;
        int result;
    } rows[] = {
        { "", -ENOENT },
        { "Content-Type: application/x-www-form-urlencoded\r\n", 3 },
        { "content-type: Application/X-WWW-Form-urlencoded ; charset=utf-8\r\n", 3 },
        { "Content-Type: application/x-www-form-urlencoded;charset=utf-8\r\n", 3 },
        { "Content-Type: application/x-www-form-urlencodedx\r\n", -ENOENT },
        { "Content-Type: text/plain\r\n", -ENOENT },
        { "Content-Type: \r\n", -ENOENT },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char request[256], text[8] = "#";

        snprintf(request, sizeof(request), "POST /p?b=q HTTP/1.1\r\nHost: a\r\n%s\r\na=1&b=x+y",
                 rows[i].fields);
        read_request(request);
        assert_int_equal(pl_http_form_value(&exchange, "b", text, sizeof(text)), rows[i].result);
        assert_string_equal(text, rows[i].result < 0 ? "#" : "x y");
    }
}

/* ---- cookies ----------------------------------------------------------------------------------
 */

static void cookies_of_all_fields_are_found_6265_4_2(void **state)
{
    static const struct {
        const char *name, *expected; /* NULL: none */
    } rows[] = {
        { "a", "1" },      { "b", "x=y" },    { "quoted", "\"q\"" }, { "empty", "" },
        { "last", "z" },   { "spaced", "s" }, { "A", NULL },         { "", NULL },
        { "alone", NULL }, { "noise", NULL }, { "1", NULL },
    };

    (void)state;
    read_request("GET / HTTP/1.1\r\nHost: a\r\nCookie: a=1; b=x=y;quoted=\"q\"; a=2\r\n"
                 "X-Cookie: noise=1\r\ncOOKIE: empty=; alone;  \tspaced=s ;; last=z\r\n\r\n");
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pl_view value = PL_VIEW("#");
        bool is_found = pl_http_cookie(&exchange, rows[i].name, &value);

        if (is_found != (rows[i].expected != NULL) ||
            (is_found && !pl_view_equals(value, pl_view_of(rows[i].expected))))
            fail_msg("%s: '%.*s'", rows[i].name, (int)value.length, value.bytes);
    }
}

static void cookie_is_set_as_it_was_said_6265_4_1(void **state)
{
    static const struct {
        struct pl_http_cookie cookie;
        const char *expected;
    } rows[] = {
        { { .name = "a", .value = "1" }, "a=1" },
        { { .name = "a" }, "a=" },
        { { .name = "a", .value = "\"x\"" }, "a=\"x\"" },
        { { .name = "a", .value = "\"\"" }, "a=\"\"" },
        { { .name = "a",
            .value = "1",
            .max_age_s = 60,
            .domain = "a.org",
            .path = "/p",
            .is_secure = true,
            .is_http_only = true,
            .same_site = PL_HTTP_SAME_SITE_NONE },
          "a=1; Max-Age=60; Domain=a.org; Path=/p; Secure; HttpOnly; SameSite=None" },
        { { .name = "a", .max_age_s = -1 }, "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT" },
        { { .name = "a", .max_age_s = INT64_MAX }, "a=; Max-Age=9223372036854775807" },
        { { .name = "a", .same_site = PL_HTTP_SAME_SITE_LAX }, "a=; SameSite=Lax" },
        { { .name = "a", .same_site = PL_HTTP_SAME_SITE_STRICT }, "a=; SameSite=Strict" },
    };
    char expected[1024] = "";

    (void)state;
    memset(&exchange, 0, sizeof(exchange));
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t used = strlen(expected);

        assert_int_equal(pl_http_set_cookie(&exchange, &rows[i].cookie), 0);
        snprintf(expected + used, sizeof(expected) - used, "Set-Cookie: %s\r\n", rows[i].expected);
        assert_int_equal(exchange.extra_bytes, strlen(expected));
        assert_memory_equal(exchange.extra, expected, strlen(expected));
    }
}

static void cookie_outside_the_grammar_is_refused(void **state)
{
    static const struct pl_http_cookie rows[] = {
        { .value = "1" },
        { .name = "", .value = "1" },
        { .name = "a b" },
        { .name = "a=b" },
        { .name = "a;b" },
        { .name = "a", .value = "x y" },
        { .name = "a", .value = "x;y" },
        { .name = "a", .value = "x,y" },
        { .name = "a", .value = "x\\y" },
        { .name = "a", .value = "x\"y" },
        { .name = "a", .value = "\"" },
        { .name = "a", .value = "\"x" },
        { .name = "a", .value = "x\r\nB: c" },
        { .name = "a", .value = "\xc3\xa4" },
        { .name = "a", .value = "\x7f" },
        { .name = "a", .path = "" },
        { .name = "a", .path = "p" },
        { .name = "a", .path = "/p;q" },
        { .name = "a", .path = "/p\r\n" },
        { .name = "a", .domain = "" },
        { .name = "a", .domain = ".a.org" },
        { .name = "a", .domain = "a.org." },
        { .name = "a", .domain = "a..org" },
        { .name = "a", .domain = "-a.org" },
        { .name = "a", .domain = "a-.org" },
        { .name = "a", .domain = "a_b.org" },
        { .name = "a", .domain = "a%20b.org" },
        { .name = "a",
          .domain = "a2345678901234567890123456789012345678901234567890123456789012"
                    "34.org" },
        { .name = "a", .domain = "a.org; x" },
        { .name = "a", .domain = "*.org" },
        { .name = "a", .domain = "[::1]" },
        { .name = "a", .same_site = PL_HTTP_SAME_SITE_NONE },
        { .name = "a", .same_site = (enum pl_http_same_site)4 },
    };

    (void)state;
    memset(&exchange, 0, sizeof(exchange));
    for (size_t i = 0; i < COUNT(rows); i++)
        if (pl_http_set_cookie(&exchange, &rows[i]) != -EINVAL)
            fail_msg("row %zu is taken", i);
    assert_int_equal(exchange.extra_bytes, 0);
}

static void cookies_have_the_room_of_all_fields(void **state)
{
    static char value[HTTP_EXTRA_BYTES_MAX];
    struct pl_http_cookie cookie = { .name = "a", .value = value };

    (void)state;
    memset(&exchange, 0, sizeof(exchange));
    memset(value, 'v', sizeof(value) - 1);
    assert_int_equal(pl_http_set_cookie(&exchange, &cookie), -ENOBUFS);
    value[600] = '\0';
    assert_int_equal(pl_http_set_cookie(&exchange, &cookie), 0);
    assert_int_equal(pl_http_set_cookie(&exchange, &cookie), -ENOBUFS);
    value[300] = '\0';
    assert_int_equal(pl_http_set_cookie(&exchange, &cookie), 0);
}

/* ---- parameters -------------------------------------------------------------------------------
 */

static void parameters_are_decoded_when_asked_for(void **state)
{
    static const struct {
        const char *pattern, *path, *name, *expected;
        int result;
    } rows[] = {
        { "/{a}", "/x", "a", "x", 1 },
        { "/{a}", "/x", "b", "#", -ENOENT },
        { "/{a}", "/x", "*", "#", -ENOENT },
        { "/{a}/{b}", "/x%20y/%2F%2e", "a", "x y", 3 },
        { "/{a}/{b}", "/x%20y/%2F%2e", "b", "/.", 2 },
        { "/{a}", "/123456789", "a", "123456789", 9 },
        { "/{a}", "/1234567890", "a", "", -ENOBUFS },
        { "/*", "/", "*", "", 0 },
        { "/*", "/a/./b/../c", "*", "a/c", 3 },
        { "/*", "/%61/..%2f", "*", "a/..%2f", 7 },
        { "/{p}/*", "/a/b/c/..", "*", "b/", 2 },
        { "/{p}/*", "/a/b/../../c/d", "p", "c", 1 },
        { "/{p}/*", "/a/b/../../c/d", "*", "d", 1 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_service service = { .roots_count = 0 };
        struct http_route route = { .method = "GET", .path = rows[i].pattern };
        struct http_asked asked = { .method = PL_VIEW("GET"), .host = PL_VIEW("") };
        struct http_found found;
        char request[128], text[10] = "#";

        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", rows[i].path);
        read_request(request);
        assert_null(http_pattern_read(route.path, &route));
        (void)http_insert_route(&service, &route);
        asked.path = pl_http_path(&exchange);
        assert_int_equal(http_find_route(&service, &asked, &found), HTTP_MATCH_ROUTE);
        exchange.route = found.route;
        exchange.params = found.params;
        assert_int_equal(pl_http_param(&exchange, rows[i].name, text, sizeof(text)),
                         rows[i].result);
        assert_string_equal(text, rows[i].expected);
        exchange.message = PL_VIEW(""); /* as it is once the reply is deferred */
        assert_int_equal(pl_http_param(&exchange, rows[i].name, text, sizeof(text)), -ENOENT);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_taken_in_their_order),
        cmocka_unit_test(text_is_decoded),
        cmocka_unit_test(values_of_the_query_are_found_by_name),
        cmocka_unit_test(form_is_read_when_its_type_says_so),
        cmocka_unit_test(cookies_of_all_fields_are_found_6265_4_2),
        cmocka_unit_test(cookie_is_set_as_it_was_said_6265_4_1),
        cmocka_unit_test(cookie_outside_the_grammar_is_refused),
        cmocka_unit_test(cookies_have_the_room_of_all_fields),
        cmocka_unit_test(parameters_are_decoded_when_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
