/* SPDX-License-Identifier: Apache-2.0 */
#include "http_service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct http_service service;

static int add_routes(void **state)
{
    static const struct {
        const char *method, *path;
    } routes[] = {
        { "GET", "/" },        { "GET", "/a" },     { "POST", "/a" },  { "POST", "/post" },
        { "DELETE", "/post" }, { "POST", "/post" }, { "GET", "/a b" }, { "GETX", "/like" },
        { "GET", "/like" },    { "HEAD", "/head" }, { "GET", "/a" },   { "OPTIONS", "*" },
    };

    (void)state;
    memset(&service, 0, sizeof(service));
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
        service.routes[service.routes_count++] =
            (struct http_route){ .method = routes[i].method,
                                 .path = routes[i].path,
                                 .path_length = strlen(routes[i].path) };
    return 0;
}

static enum http_match find(const char *method, const char *path, ptrdiff_t *ret_index,
                            char *ret_allow, size_t allow_size)
{
    struct http_route *route = NULL;
    enum http_match match = http_find_route(&service, pl_view_of(method), pl_view_of(path), &route,
                                            ret_allow, allow_size);

    *ret_index = route == NULL ? -1 : route - service.routes;
    return match;
}

static void expect_route(const char *method, const char *path, ptrdiff_t expected)
{
    char allow[128];
    ptrdiff_t index;

    assert_int_equal(find(method, path, &index, allow, sizeof(allow)), HTTP_MATCH_ROUTE);
    assert_int_equal(index, expected);
}

static void expect_allow(const char *method, const char *path, const char *expected)
{
    char allow[128];
    ptrdiff_t index;

    assert_int_equal(find(method, path, &index, allow, sizeof(allow)), HTTP_MATCH_OTHER_METHOD);
    assert_string_equal(allow, expected);
}

static void expect_nothing(const char *method, const char *path)
{
    char allow[128];
    ptrdiff_t index;

    assert_int_equal(find(method, path, &index, allow, sizeof(allow)), HTTP_MATCH_NOTHING);
}

static void route_is_found_by_method_and_path(void **state)
{
    (void)state;
    expect_route("GET", "/", 0);
    expect_route("GET", "/a", 1);
    expect_route("POST", "/a", 2);
    expect_route("DELETE", "/post", 4);
    expect_route("GET", "/a b", 6);
    expect_route("OPTIONS", "*", 11);
}

static void get_answers_head_too(void **state)
{
    (void)state;
    expect_route("HEAD", "/", 0);
    expect_route("HEAD", "/head", 9);
    expect_allow("GET", "/head", "HEAD");
}

static void methods_and_paths_are_compared_whole(void **state)
{
    (void)state;
    expect_nothing("GET", "/A");
    expect_nothing("GET", "/a/");
    expect_nothing("GET", "");
    expect_nothing("GET", "//");
    expect_nothing("GET", "/po");
    expect_allow("get", "/", "GET, HEAD");
    expect_allow("GE", "/", "GET, HEAD");
}

static void other_method_names_the_allowed_ones_9110_15_5_6(void **state)
{
    (void)state;
    expect_allow("PUT", "/a", "GET, HEAD, POST");
    expect_allow("GET", "/post", "POST, DELETE");
}

static void method_that_begins_like_another_is_named_too(void **state)
{
    (void)state;
    expect_allow("PUT", "/like", "GETX, GET, HEAD");
}

static void short_room_for_allow_is_never_overrun(void **state)
{
    (void)state;
    for (size_t size = 1; size < 24; size++) {
        char allow[64];
        ptrdiff_t index;

        memset(allow, '#', sizeof(allow));
        assert_int_equal(find("PUT", "/a", &index, allow, size), HTTP_MATCH_OTHER_METHOD);
        assert_true(strnlen(allow, sizeof(allow)) < size);
        assert_int_equal(allow[size], '#');
    }
}

static void path_is_decoded_once_3986_2_1(void **state)
{
    static const struct {
        const char *path, *decoded;
    } rows[] = {
        { "/", "/" },         { "", "" },           { "/a%20b", "/a b" },
        { "/%41%6a", "/Aj" }, { "/%2F%2f", "///" }, { "/%2541", "/%41" },
        { "/%2e%2E", "/.." }, { "/+", "/+" },       { "/%C3%A4", "/\xc3\xa4" },
        { "/a%", NULL },      { "/a%4", NULL },     { "/%g0", NULL },
        { "/%0g", NULL },     { "/%00", NULL },     { "/%", NULL },
        { "/%-1", NULL },     { "/% 1", NULL },     { "%41", "A" },
        { "/%7f", "/\x7f" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char decoded[64];
        long length = http_decode_path(pl_view_of(rows[i].path), decoded, sizeof(decoded));

        if (rows[i].decoded == NULL) {
            assert_int_equal(length, -1);
            continue;
        }
        assert_int_equal(length, strlen(rows[i].decoded));
        assert_string_equal(decoded, rows[i].decoded);
    }
}

static void decoding_stays_in_its_room(void **state)
{
    char decoded[8];

    (void)state;
    memset(decoded, '#', sizeof(decoded));
    assert_int_equal(http_decode_path(PL_VIEW("/123"), decoded, 5), 4);
    assert_int_equal(http_decode_path(PL_VIEW("/1234"), decoded, 5), -1);
    assert_int_equal(http_decode_path(PL_VIEW("/%31%32%33"), decoded, 5), 4);
    assert_int_equal(decoded[5], '#');
    /* An escape cut off by the end of the view is not read beyond it. */
    assert_int_equal(http_decode_path((struct pl_view){ .bytes = "/%41", .length = 3 }, decoded, 8),
                     -1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(route_is_found_by_method_and_path),
        cmocka_unit_test(get_answers_head_too),
        cmocka_unit_test(methods_and_paths_are_compared_whole),
        cmocka_unit_test(other_method_names_the_allowed_ones_9110_15_5_6),
        cmocka_unit_test(method_that_begins_like_another_is_named_too),
        cmocka_unit_test(short_room_for_allow_is_never_overrun),
        cmocka_unit_test(path_is_decoded_once_3986_2_1),
        cmocka_unit_test(decoding_stays_in_its_room),
    };

    return cmocka_run_group_tests(tests, add_routes, NULL);
}
