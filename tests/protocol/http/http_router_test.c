/* SPDX-License-Identifier: Apache-2.0 */
#include "http_service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct row {
    const char *method, *host, *path;
};

/* Asked for "METHOD path" at a host: what is found, as "METHOD host path", "405 ...", "204 ...",
 * "404" or "400". */
struct expectation {
    const char *method, *host, *path, *expected;
};

static struct http_service service;

static void begin_routes(void)
{
    memset(&service, 0, sizeof(service));
    service.roots_count = 0;
}

static void add(const struct row *row)
{
    struct http_route route = { .method = row->method, .host = row->host, .path = row->path };

    assert_null(http_pattern_read(row->path, &route));
    (void)http_insert_route(&service, &route);
}

static void describe(enum http_match match, const struct http_found *found, char *text, size_t size)
{
    switch (match) {
    case HTTP_MATCH_ROUTE:
        snprintf(text, size, "%s %s%s", found->route->method,
                 found->route->host == NULL ? "" : found->route->host, found->route->path);
        break;
    case HTTP_MATCH_OPTIONS:
        snprintf(text, size, "204 %s", found->allow);
        break;
    case HTTP_MATCH_OTHER_METHOD:
        snprintf(text, size, "405 %s", found->allow);
        break;
    case HTTP_MATCH_NOTHING:
        snprintf(text, size, "404");
        break;
    case HTTP_MATCH_MALFORMED:
        snprintf(text, size, "400");
        break;
    }
}

static void expect(const struct expectation *row)
{
    struct http_asked asked = { .method = pl_view_of(row->method),
                                .host = pl_view_of(row->host == NULL ? "" : row->host),
                                .path = pl_view_of(row->path) };
    struct http_found found;
    char text[512];

    describe(http_find_route(&service, &asked, &found), &found, text, sizeof(text));
    if (strcmp(text, row->expected) != 0)
        fail_msg("%s %s%s: '%s' instead of '%s'", row->method, row->host == NULL ? "" : row->host,
                 row->path, text, row->expected);
}

/* Registered forwards and backwards: the order changes nothing. */
static void expect_all(const struct row *rows, size_t rows_count, const struct expectation *asked,
                       size_t asked_count)
{
    for (int is_backwards = 0; is_backwards < 2; is_backwards++) {
        begin_routes();
        for (size_t i = 0; i < rows_count; i++)
            add(&rows[is_backwards ? rows_count - 1 - i : i]);
        for (size_t i = 0; i < asked_count; i++)
            expect(&asked[i]);
    }
}

#define COUNT(array)            (sizeof(array) / sizeof((array)[0]))
#define EXPECT_ALL(rows, asked) expect_all((rows), COUNT(rows), (asked), COUNT(asked))

static void route_is_found_by_method_and_path(void **state)
{
    static const struct row rows[] = {
        { "GET", NULL, "/" },          { "GET", NULL, "/a" },    { "POST", NULL, "/a" },
        { "DELETE", NULL, "/delete" }, { "GET", NULL, "/a b" },  { "HEAD", NULL, "/head" },
        { "GET", NULL, "/100%" },      { "GET", NULL, "/a//b" }, { "GET", NULL, "/a/" },
        { "GETX", NULL, "/x" },
    };
    static const struct expectation asked[] = {
        { "GET", NULL, "/", "GET /" },
        { "GET", NULL, "/a", "GET /a" },
        { "POST", NULL, "/a", "POST /a" },
        { "DELETE", NULL, "/delete", "DELETE /delete" },
        { "GET", NULL, "/a%20b", "GET /a b" },
        { "GET", NULL, "/%61", "GET /a" },
        { "GET", NULL, "/100%25", "GET /100%" },
        { "GET", NULL, "/100%", "400" },
        { "HEAD", NULL, "/", "GET /" },
        { "HEAD", NULL, "/head", "HEAD /head" },
        { "GET", NULL, "/head", "405 HEAD, OPTIONS" },
        { "GET", NULL, "/A", "404" },
        { "GET", NULL, "/a/", "GET /a/" },
        { "GET", NULL, "/a//b", "GET /a//b" },
        { "GET", NULL, "/a/b", "404" },
        { "GET", NULL, "//", "404" },
        { "GET", NULL, "//a", "404" },
        { "GET", NULL, "/delet", "404" },
        { "get", NULL, "/", "405 GET, HEAD, OPTIONS" },
        { "GE", NULL, "/", "405 GET, HEAD, OPTIONS" },
        { "PUT", NULL, "/x", "405 GETX, OPTIONS" },
        { "OPTIONS", NULL, "/delete", "204 DELETE, OPTIONS" },
        { "OPTIONS", NULL, "/none", "404" },
    };

    (void)state;
    EXPECT_ALL(rows, asked);
}

static void head_is_answered_by_its_own_route_or_by_get(void **state)
{
    static const struct row rows[] = {
        { "GET", NULL, "/a" },   { "HEAD", NULL, "/a" },   { "GET", NULL, "/b" },
        { "GET", NULL, "/{p}" }, { "HEAD", NULL, "/{p}" },
    };
    static const struct expectation asked[] = {
        { "GET", NULL, "/a", "GET /a" },     { "HEAD", NULL, "/a", "HEAD /a" },
        { "HEAD", NULL, "/b", "GET /b" },    { "GET", NULL, "/c", "GET /{p}" },
        { "HEAD", NULL, "/c", "HEAD /{p}" },
    };

    (void)state;
    EXPECT_ALL(rows, asked);
}

static void path_is_compared_without_dot_segments_3986_5_2_4(void **state)
{
    static const struct row rows[] = { { "GET", NULL, "/" },
                                       { "GET", NULL, "/a" },
                                       { "GET", NULL, "/a/" },
                                       { "GET", NULL, "/a/b" },
                                       { "GET", NULL, "/a/{p}/c" } };
    static const struct expectation asked[] = {
        { "GET", NULL, "/x/../a", "GET /a" },     { "GET", NULL, "/./a", "GET /a" },
        { "GET", NULL, "/../../a", "GET /a" },    { "GET", NULL, "/%2e%2E/a", "GET /a" },
        { "GET", NULL, "/x/.%2e/a", "GET /a" },   { "GET", NULL, "/a/.", "GET /a/" },
        { "GET", NULL, "/a/b/..", "GET /a/" },    { "GET", NULL, "/a/..", "GET /" },
        { "GET", NULL, "/..", "GET /" },          { "GET", NULL, "/a/...", "404" },
        { "GET", NULL, "/a/x/../b", "GET /a/b" }, { "GET", NULL, "/a/x/../y/c", "GET /a/{p}/c" },
        { "GET", NULL, "/a/../c", "404" },        { "GET", NULL, "/a/../a/../a/b", "GET /a/b" },
        { "GET", NULL, "/a//../b", "GET /a/b" },  { "GET", NULL, "/a%2Fb", "404" },
        { "GET", NULL, "/a%2F..%2Fa", "404" },    { "GET", NULL, "/a/..%2Fx", "404" },
        { "GET", NULL, "/a%2", "400" },           { "GET", NULL, "/a%", "400" },
        { "GET", NULL, "/a%0g", "400" },          { "GET", NULL, "/a%00", "400" },
    };

    (void)state;
    EXPECT_ALL(rows, asked);
}

static void more_exact_segment_wins_in_any_order(void **state)
{
    static const struct row rows[] = {
        { "GET", NULL, "/users/{id}" },      { "GET", NULL, "/users/me" },
        { "GET", NULL, "/users/*" },         { "GET", NULL, "/users/{id}/posts/{post}" },
        { "GET", NULL, "/users/me/{what}" }, { "GET", NULL, "/{any}/me/posts" },
        { "DELETE", NULL, "/users/{id}" },   { "PUT", NULL, "/users/*" },
        { "GET", NULL, "/files/*" },         { "GET", NULL, "/files/" },
        { "GET", NULL, "/{a}/{b}/{c}/d" },   { "POST", NULL, "/{any}" },
    };
    static const struct expectation asked[] = {
        { "GET", NULL, "/users/me", "GET /users/me" },
        { "GET", NULL, "/users/m%65", "GET /users/me" },
        { "GET", NULL, "/users/you", "GET /users/{id}" },
        { "DELETE", NULL, "/users/me", "DELETE /users/{id}" },
        { "GET", NULL, "/users/", "GET /users/*" },
        { "GET", NULL, "/users/a/b", "GET /users/*" },
        { "GET", NULL, "/users/1/posts/2", "GET /users/{id}/posts/{post}" },
        { "GET", NULL, "/users/1/posts/", "GET /users/*" },
        { "GET", NULL, "/users/1/posts/2/3", "GET /users/*" },
        { "GET", NULL, "/users/me/posts", "GET /users/me/{what}" },
        { "GET", NULL, "/others/me/posts", "GET /{any}/me/posts" },
        { "GET", NULL, "/users/a%2Fb", "GET /users/{id}" },
        { "GET", NULL, "/files/", "GET /files/" },
        { "GET", NULL, "/files//", "GET /files/*" },
        { "GET", NULL, "/files", "405 POST, OPTIONS" },
        { "GET", NULL, "/files/a/../", "GET /files/" },
        { "GET", NULL, "/1/2/3/d", "GET /{a}/{b}/{c}/d" },
        { "GET", NULL, "/1/2/3/e", "404" },
        { "PUT", NULL, "/users/1/2", "PUT /users/*" },
        { "POST", NULL, "/", "404" },
        { "POST", NULL, "/x", "POST /{any}" },
    };

    (void)state;
    EXPECT_ALL(rows, asked);
}

static void allow_names_the_methods_of_every_pattern_that_matches(void **state)
{
    static const struct row rows[] = {
        { "PUT", NULL, "/users/*" },   { "GET", NULL, "/users/{id}" }, { "GET", NULL, "/a" },
        { "POST", NULL, "/users/me" }, { "POST", NULL, "/a" },
    };
    static const struct expectation asked[] = {
        { "PATCH", NULL, "/users/me", "405 POST, GET, HEAD, PUT, OPTIONS" },
        { "PATCH", NULL, "/users/1", "405 GET, HEAD, PUT, OPTIONS" },
        { "OPTIONS", NULL, "/users/1", "204 GET, HEAD, PUT, OPTIONS" },
        { "OPTIONS", NULL, "/users/1/2", "204 PUT, OPTIONS" },
    };

    (void)state;
    EXPECT_ALL(rows, asked);
    expect(&(struct expectation){ "PUT", NULL, "/a", "405 POST, GET, HEAD, OPTIONS" });
}

static void host_comes_before_path(void **state)
{
    static const struct row rows[] = {
        { "GET", NULL, "/a" },
        { "GET", "example.org", "/a" },
        { "GET", "*.example.org", "/a" },
        { "GET", "*.deep.example.org", "/{p}" },
        { "GET", "*.example.org", "/{p}/{q}" },
        { "GET", NULL, "/b/c" },
        { "POST", "example.org", "/post" },
        { "PUT", NULL, "/post" },
        { "GET", "[::1]", "/a" },
    };
    static const struct expectation asked[] = {
        { "GET", "example.org", "/a", "GET example.org/a" },
        { "GET", "EXAMPLE.org:8080", "/a", "GET example.org/a" },
        { "GET", "example.org.", "/a", "GET example.org/a" },
        { "GET", "example.org.:80", "/a", "GET example.org/a" },
        { "GET", "www.example.org", "/a", "GET *.example.org/a" },
        { "GET", "a.b.Example.ORG", "/a", "GET *.example.org/a" },
        { "GET", "x.deep.example.org", "/a", "GET *.deep.example.org/{p}" },
        { "GET", "deep.example.org", "/a", "GET *.example.org/a" },
        { "GET", "x.deep.example.org", "/b/c", "GET *.example.org/{p}/{q}" },
        { "GET", "www.example.org", "/b/c", "GET *.example.org/{p}/{q}" },
        { "GET", "example.org", "/b/c", "GET /b/c" },
        { "GET", ".example.org", "/a", "GET /a" },
        { "GET", "badexample.org", "/a", "GET /a" },
        { "GET", "example.com", "/a", "GET /a" },
        { "GET", "", "/a", "GET /a" },
        { "GET", "[::1]:80", "/a", "GET [::1]/a" },
        { "GET", "[::2]", "/a", "GET /a" },
        { "GET", "example.org", "/post", "405 POST, PUT, OPTIONS" },
        { "PUT", "example.org", "/post", "PUT /post" },
        { "POST", "example.com", "/post", "405 PUT, OPTIONS" },
        { "GET", "example.org", "/none", "404" },
    };

    (void)state;
    EXPECT_ALL(rows, asked);
}

static void asterisk_asks_the_whole_server_9110_9_3_7(void **state)
{
    static const struct row rows[] = { { "POST", NULL, "/a" }, { "PUT", "example.org", "/b/{c}" } };
    static const struct row own[] = { { "OPTIONS", NULL, "*" }, { "GET", NULL, "/*" } };
    static const struct expectation asked[] = {
        { "OPTIONS", "example.com", "*", "204 POST, OPTIONS" },
        { "OPTIONS", "example.org", "*", "204 PUT, POST, OPTIONS" },
    };
    static const struct expectation asked_own[] = {
        { "OPTIONS", NULL, "*", "OPTIONS *" },
        { "OPTIONS", NULL, "/x", "204 GET, HEAD, OPTIONS" },
        { "GET", NULL, "/", "GET /*" },
    };

    (void)state;
    EXPECT_ALL(rows, asked);
    EXPECT_ALL(own, asked_own);
    begin_routes();
    service.roots_count = 1;
    expect(&(struct expectation){ "OPTIONS", NULL, "*", "204 GET, HEAD, OPTIONS" });
}

static void own_route_answers_options(void **state)
{
    static const struct row rows[] = { { "OPTIONS", NULL, "/{p}" }, { "GET", NULL, "/a" } };
    static const struct expectation asked[] = {
        { "OPTIONS", NULL, "/a", "OPTIONS /{p}" },
        { "GET", NULL, "/b", "405 OPTIONS" },
        { "PUT", NULL, "/a", "405 GET, HEAD, OPTIONS" },
    };

    (void)state;
    EXPECT_ALL(rows, asked);
}

static void long_allow_ends_with_a_whole_method(void **state)
{
    static char methods[40][HTTP_METHOD_BYTES_MAX + 1];
    struct http_asked asked = { .method = PL_VIEW("GET"),
                                .host = PL_VIEW(""),
                                .path = PL_VIEW("/a") };
    struct http_found found;

    (void)state;
    begin_routes();
    for (size_t i = 0; i < COUNT(methods); i++) {
        snprintf(methods[i], sizeof(methods[i]), "METHOD-%02zu", i);
        add(&(struct row){ methods[i], NULL, "/a" });
    }
    assert_int_equal(http_find_route(&service, &asked, &found), HTTP_MATCH_OTHER_METHOD);
    assert_true(strlen(found.allow) < sizeof(found.allow));
    assert_true(strlen(found.allow) > sizeof(found.allow) - 16);
    assert_int_equal(strlen(found.allow) % strlen("METHOD-00, "), strlen("METHOD-00"));
}

/* ---- patterns ---------------------------------------------------------------------------------
 */

static void malformed_pattern_says_what_was_expected(void **state)
{
    static const struct {
        const char *path, *expected;
    } rows[] = {
        { "/", NULL },
        { "*", NULL },
        { "/*", NULL },
        { "/a/*", NULL },
        { "/{a}", NULL },
        { "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/*", NULL },
        { "/a//b", NULL },
        { "/a...", NULL },
        { "/{id", "expected '}' at the end of a parameter's segment" },
        { "/{", "expected '}' at the end of a parameter's segment" },
        { "/{id}x", "expected '}' at the end of a parameter's segment" },
        { "/{id/x}", "expected '}' at the end of a parameter's segment" },
        { "/{}", "expected a name between '{' and '}'" },
        { "/{a}/b/{a}", "expected each name once" },
        { "/{*}", "expected a name without '{', '}' and '*'" },
        { "/{{a}}", "expected a name without '{', '}' and '*'" },
        { "/x{id}", "expected '{' and '}' around a whole segment" },
        { "/id}", "expected '{' and '}' around a whole segment" },
        { "/a*", "expected '*' as a whole segment" },
        { "/**", "expected '*' as a whole segment" },
        { "/*/", "expected '*' as the last segment" },
        { "/*/a", "expected '*' as the last segment" },
        { "/a/../b", "expected no dot segment, which no path has when it is compared" },
        { "/.", "expected no dot segment, which no path has when it is compared" },
        { "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}", "expected at most 8 parameters" },
        { "////////////////////////////////", NULL },
        { "/////////////////////////////////", "expected at most 32 segments" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_route route;
        const char *fault = http_pattern_read(rows[i].path, &route);

        if (fault == NULL ? rows[i].expected != NULL
                          : rows[i].expected == NULL || strcmp(fault, rows[i].expected) != 0)
            fail_msg("%s: '%s'", rows[i].path, fault == NULL ? "no fault" : fault);
    }
}

static void routes_that_no_request_tells_apart_are_the_same(void **state)
{
    static const struct {
        struct row left, right;
        bool is_same;
    } rows[] = {
        { { "GET", NULL, "/a" }, { "GET", NULL, "/a" }, true },
        { { "GET", NULL, "/a" }, { "GET", NULL, "/b" }, false },
        { { "GET", NULL, "/a" }, { "HEAD", NULL, "/a" }, false },
        { { "GET", NULL, "/{a}" }, { "GET", NULL, "/{b}" }, true },
        { { "GET", NULL, "/{a}/x" }, { "GET", NULL, "/{b}/y" }, false },
        { { "GET", NULL, "/{a}/*" }, { "GET", NULL, "/{b}/*" }, true },
        { { "GET", NULL, "/{a}" }, { "GET", NULL, "/{a}/" }, false },
        { { "GET", NULL, "/{a}" }, { "GET", NULL, "/*" }, false },
        { { "GET", NULL, "*" }, { "GET", NULL, "/*" }, false },
        { { "GET", NULL, "*" }, { "GET", NULL, "*" }, true },
        { { "GET", "a.org", "/a" }, { "GET", NULL, "/a" }, false },
        { { "GET", "a.org", "/a" }, { "GET", "A.ORG.", "/a" }, true },
        { { "GET", "*.a.org", "/a" }, { "GET", "a.org", "/a" }, false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct row *left = &rows[i].left, *right = &rows[i].right;
        struct http_route one = { .method = left->method, .host = left->host, .path = left->path };
        struct http_route two = { .method = right->method,
                                  .host = right->host,
                                  .path = right->path };

        if (http_route_is_same(&one, &two) != rows[i].is_same ||
            http_route_is_same(&two, &one) != rows[i].is_same)
            fail_msg("%s and %s", left->path, right->path);
    }
}

/* ---- parameters -------------------------------------------------------------------------------
 */

/* The raw spans of all parameters, each behind a '|'. */
static void list_params(const char *pattern, const char *path, char *text, size_t size)
{
    struct http_asked asked = { .method = PL_VIEW("GET"),
                                .host = PL_VIEW(""),
                                .path = pl_view_of(path) };
    struct http_found found;
    size_t used = 0;

    begin_routes();
    add(&(struct row){ "GET", NULL, pattern });
    text[0] = '\0';
    if (http_find_route(&service, &asked, &found) != HTTP_MATCH_ROUTE) {
        snprintf(text, size, "none");
        return;
    }
    for (uint16_t i = 0; i < found.params.count; i++) {
        struct pl_view raw = http_path_view(asked.path, found.params.spans[i]);

        assert_true(found.params.spans[i].offset + raw.length <= asked.path.length);
        used += (size_t)snprintf(text + used, size - used, "|%.*s", (int)raw.length, raw.bytes);
    }
}

static void parameters_are_spans_of_the_raw_path(void **state)
{
    static const struct {
        const char *pattern, *path, *expected;
    } rows[] = {
        { "/{a}", "/x", "|x" },
        { "/{a}", "/%2e", "none" },
        { "/{a}/{b}", "/x%20/y%2F", "|x%20|y%2F" },
        { "/{a}/c/{b}", "/z/../x/./c/q/../y", "|x|y" },
        { "/f/*", "/f/", "|" },
        { "/f/*", "/f", "none" },
        { "/f/*", "/f/a/b", "|a/b" },
        { "/f/*", "/f/a/../b", "|b" },
        { "/f/*", "/f/a/../../f/b/", "|b/" },
        { "/f/*", "/f/a/b/..", "|a/b/.." },
        { "/f/*", "/f/..", "none" },
        { "/f/*", "/f/a/..", "|" },
        { "/*", "/..", "|" },
        { "/*", "/", "|" },
        { "/{a}/*", "/x/y/z", "|x|y/z" },
        { "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/*", "/1/2/3/4/5/6/7/8/9/10", "|1|2|3|4|5|6|7|8|9/10" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[128];

        list_params(rows[i].pattern, rows[i].path, text, sizeof(text));
        if (strcmp(text, rows[i].expected) != 0)
            fail_msg("%s of %s: '%s' instead of '%s'", rows[i].pattern, rows[i].path, text,
                     rows[i].expected);
    }
}

static void parameter_is_found_by_its_name(void **state)
{
    struct http_route route = { .path = "/{id}/x/{post}/*" };
    size_t index = 9;

    (void)state;
    assert_null(http_pattern_read(route.path, &route));
    assert_true(http_find_param(&route, PL_VIEW("id"), &index));
    assert_int_equal(index, 0);
    assert_true(http_find_param(&route, PL_VIEW("post"), &index));
    assert_int_equal(index, 1);
    assert_true(http_find_param(&route, PL_VIEW("*"), &index));
    assert_int_equal(index, 2);
    assert_false(http_find_param(&route, PL_VIEW("x"), &index));
    assert_false(http_find_param(&route, PL_VIEW(""), &index));
    assert_false(http_find_param(&route, PL_VIEW("pos"), &index));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(route_is_found_by_method_and_path),
        cmocka_unit_test(head_is_answered_by_its_own_route_or_by_get),
        cmocka_unit_test(path_is_compared_without_dot_segments_3986_5_2_4),
        cmocka_unit_test(more_exact_segment_wins_in_any_order),
        cmocka_unit_test(allow_names_the_methods_of_every_pattern_that_matches),
        cmocka_unit_test(host_comes_before_path),
        cmocka_unit_test(asterisk_asks_the_whole_server_9110_9_3_7),
        cmocka_unit_test(own_route_answers_options),
        cmocka_unit_test(long_allow_ends_with_a_whole_method),
        cmocka_unit_test(malformed_pattern_says_what_was_expected),
        cmocka_unit_test(routes_that_no_request_tells_apart_are_the_same),
        cmocka_unit_test(parameters_are_spans_of_the_raw_path),
        cmocka_unit_test(parameter_is_found_by_its_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
