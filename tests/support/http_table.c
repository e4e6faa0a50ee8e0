/* SPDX-License-Identifier: Apache-2.0 */
#include "http_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct http_reader whole, split;

static void init(struct http_reader *reader, const struct http_case *row)
{
    http_reader_init(reader, row->target_max > 0 ? row->target_max : 256,
                     row->head_max > 0 ? row->head_max : 1024,
                     row->body_max > 0 ? row->body_max : 4096);
}

static void check_text(struct pl_view found, const char *expected)
{
    if (found.length != strlen(expected) || memcmp(found.bytes, expected, found.length) != 0)
        fail_msg("found '%.*s', expected '%s'", (int)found.length, found.bytes, expected);
}

static void check_message(const struct http_case *row)
{
    struct pl_view input = { .bytes = whole.bytes, .length = whole.length };
    struct pl_view body = { .bytes = whole.bytes + whole.head.length,
                            .length = whole.body_end - whole.head.length };
    char target[512];

    if (row->target != NULL) {
        struct pl_view path = http_view(input, whole.path), query = http_view(input, whole.query);

        snprintf(target, sizeof(target), "%.*s|%.*s", (int)path.length, path.bytes,
                 (int)query.length, query.bytes);
        assert_string_equal(target, row->target);
    }
    if (row->body != NULL)
        check_text(body, row->body);
    assert_int_equal(row->length - whole.raw, row->rest);
    assert_int_equal(whole.framing.is_chunked, row->is_chunked);
    assert_int_equal(whole.framing.is_persistent, !row->is_closing);
    assert_int_equal(whole.framing.expects_continue, row->expects_continue);
}

static void compare(const char *how, size_t at)
{
    const char *difference = http_reader_difference(&whole, &split);

    if (difference != NULL)
        fail_msg("%s at %zu: %s differs", how, at, difference);
}

static void run_case(void **state)
{
    const struct http_case *row = *state;

    init(&whole, row);
    http_reader_feed(&whole, row->bytes, row->length);
    if (whole.outcome != row->outcome || whole.status != row->status)
        fail_msg("outcome %d with status %d, expected %d with %d", (int)whole.outcome, whole.status,
                 (int)row->outcome, row->status);
    if (row->outcome == HTTP_OUTCOME_MESSAGE)
        check_message(row);
    for (size_t at = 1; at < row->length; at++) {
        init(&split, row);
        http_reader_feed(&split, row->bytes, at);
        http_reader_feed(&split, row->bytes + at, row->length - at);
        compare("split", at);
    }
    init(&split, row);
    for (size_t at = 0; at < row->length; at++)
        http_reader_feed(&split, row->bytes + at, 1);
    compare("byte by byte", row->length);
}

int http_table_run(const char *group, const struct http_case *cases, size_t count)
{
    struct CMUnitTest *tests = calloc(count, sizeof(*tests));
    int failed;

    if (tests == NULL)
        return 1;
    for (size_t i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){ .name = cases[i].name,
                                        .test_func = run_case,
                                        .initial_state = (void *)(size_t)&cases[i] };
    failed = _cmocka_run_group_tests(group, tests, count, NULL, NULL);
    free(tests);
    return failed;
}
