/* SPDX-License-Identifier: Apache-2.0 */
#include "http_encode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"

static const struct encode_case {
    const char *name;
    struct http_reply_head head;
    const char *expected;
} cases[] = {
    { "reply_of_a_length_9112_6_2",
      { .status = 200,
        .type = PL_VIEW("text/plain"),
        .length = 5,
        .is_persistent = true,
        .minor_version = 1 },
      "HTTP/1.1 200 OK\r\nDate: " DATE
      "\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n" },
    { "length_of_zero_is_said_9110_8_6",
      { .status = 200, .is_persistent = true, .minor_version = 1 },
      "HTTP/1.1 200 OK\r\nDate: " DATE "\r\nContent-Length: 0\r\n\r\n" },
    { "largest_length_is_written_whole",
      { .status = 200, .length = UINT64_MAX, .is_persistent = true, .minor_version = 1 },
      "HTTP/1.1 200 OK\r\nDate: " DATE "\r\nContent-Length: 18446744073709551615\r\n\r\n" },
    { "chunked_reply_has_no_length_9112_6_2",
      { .status = 200,
        .framing = HTTP_REPLY_CHUNKED,
        .length = 7,
        .is_persistent = true,
        .minor_version = 1 },
      "HTTP/1.1 200 OK\r\nDate: " DATE "\r\nTransfer-Encoding: chunked\r\n\r\n" },
    { "reply_until_close_has_neither_9112_6_3",
      { .status = 200, .framing = HTTP_REPLY_UNTIL_CLOSE },
      "HTTP/1.1 200 OK\r\nDate: " DATE "\r\nConnection: close\r\n\r\n" },
    { "204_has_no_length_9110_8_6",
      { .status = 204, .has_no_body = true, .is_persistent = true, .minor_version = 1 },
      "HTTP/1.1 204 No Content\r\nDate: " DATE "\r\n\r\n" },
    { "204_has_no_coding_9112_6_1",
      { .status = 204,
        .has_no_body = true,
        .framing = HTTP_REPLY_CHUNKED,
        .is_persistent = true,
        .minor_version = 1 },
      "HTTP/1.1 204 No Content\r\nDate: " DATE "\r\n\r\n" },
    { "close_is_said_9112_9_6",
      { .status = 404, .length = 1, .minor_version = 1 },
      "HTTP/1.1 404 Not Found\r\nDate: " DATE
      "\r\nContent-Length: 1\r\nConnection: close\r\n\r\n" },
    { "persistence_is_said_in_1_0_9112_9_3",
      { .status = 200, .is_persistent = true },
      "HTTP/1.1 200 OK\r\nDate: " DATE "\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n" },
    { "upgrade_is_named_9110_7_8",
      { .status = 426, .has_upgrade = true, .is_persistent = true, .minor_version = 1 },
      "HTTP/1.1 426 Upgrade Required\r\nDate: " DATE
      "\r\nContent-Length: 0\r\nConnection: upgrade\r\n\r\n" },
    { "upgrade_stands_beside_close",
      { .status = 426, .has_upgrade = true, .minor_version = 1 },
      "HTTP/1.1 426 Upgrade Required\r\nDate: " DATE
      "\r\nContent-Length: 0\r\nConnection: close, upgrade\r\n\r\n" },
    { "extra_fields_stand_at_the_end",
      { .status = 200, .is_persistent = true, .minor_version = 1, .extra = PL_VIEW("A: b\r\n") },
      "HTTP/1.1 200 OK\r\nDate: " DATE "\r\nContent-Length: 0\r\nA: b\r\n\r\n" },
    { "status_without_a_phrase_is_written",
      { .status = 599, .is_persistent = true, .minor_version = 1 },
      "HTTP/1.1 599 Unknown\r\nDate: " DATE "\r\nContent-Length: 0\r\n\r\n" },
};

static void run_case(void **state)
{
    const struct encode_case *row = *state;
    struct http_reply_head head = row->head;
    char bytes[HTTP_REPLY_HEAD_BYTES + 64];
    size_t length;

    head.date = DATE;
    if (head.extra.bytes == NULL)
        head.extra.bytes = "";
    length = http_encode_head(&head, bytes);
    bytes[length] = '\0';
    assert_string_equal(bytes, row->expected);
}

/* The room that is promised holds the longest of everything. */
static void longest_head_fits_its_room(void **state)
{
    char type[200];
    struct http_reply_head head = { .type = { .bytes = type, .length = sizeof(type) - 1 },
                                    .date = DATE,
                                    .length = UINT64_MAX,
                                    .extra = { .bytes = "" } };

    (void)state;
    memset(type, 'x', sizeof(type));
    for (head.status = 200; head.status < 600; head.status++) {
        char bytes[2 * HTTP_REPLY_HEAD_BYTES];

        assert_true(http_encode_head(&head, bytes) <= HTTP_REPLY_HEAD_BYTES);
    }
}

/* A fixed reply stands ready in two parts; together they are what would be put together anew. */
static void two_parts_make_the_whole_head(void **state)
{
    static const char *const types[] = { "text/plain; charset=utf-8", "a", "x\ty\x01z\x80", NULL };
    static const uint64_t lengths[] = { 0, 1, 9, 10, 2048, UINT64_MAX };

    (void)state;
    for (int status = 200; status < 600; status++)
        for (size_t i = 0; types[i] != NULL; i++)
            for (size_t k = 0; k < sizeof(lengths) / sizeof(lengths[0]); k++) {
                const struct http_reply_head head = { .status = status,
                                                      .type = pl_view_of(types[i]),
                                                      .date = DATE,
                                                      .length = lengths[k],
                                                      .is_persistent = true,
                                                      .minor_version = 1,
                                                      .extra = { .bytes = "" } };
                char whole[HTTP_REPLY_HEAD_BYTES], parts[HTTP_REPLY_HEAD_BYTES];
                size_t length = http_encode_head(&head, whole);
                size_t used = http_encode_status_and_date(status, DATE, parts);

                used += http_encode_rest(head.type, lengths[k], parts + used);
                assert_int_equal(used, length);
                assert_memory_equal(parts, whole, length);
            }
}

static void every_status_has_one_phrase(void **state)
{
    (void)state;
    for (int status = 0; status < 1000; status++)
        assert_true(strlen(http_reason(status)) > 0);
    assert_string_equal(http_reason(505), "HTTP Version Not Supported");
    assert_string_equal(http_reason(299), "Unknown");
}

static void chunk_sizes_are_read_back(void **state)
{
    static const size_t sizes[] = { 0, 1, 9, 10, 15, 16, 255, 256, 65535, 1u << 20, SIZE_MAX };

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char bytes[24], expected[24];
        size_t length = http_encode_chunk_size(sizes[i], bytes);

        assert_true(length <= 18);
        bytes[length] = '\0';
        snprintf(expected, sizeof(expected), "%zx\r\n", sizes[i]);
        assert_string_equal(bytes, expected);
    }
}

static void a_prepared_head_is_the_same_head(void **state)
{
    static const char *const types[] = { "text/plain", "" };

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        const struct http_reply_head head = { .status = 200,
                                              .type = pl_view_of(types[i]),
                                              .date = DATE,
                                              .length = 5,
                                              .is_persistent = true,
                                              .minor_version = 1,
                                              .extra = { .bytes = "" } };
        char whole[HTTP_REPLY_HEAD_BYTES], parts[HTTP_REPLY_HEAD_BYTES];
        size_t length = http_encode_head(&head, whole);
        size_t used = http_encode_status_and_date(200, DATE, parts);

        used += http_encode_rest(head.type, head.length, parts + used);
        assert_int_equal(used, length);
        assert_memory_equal(parts, whole, length);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(longest_head_fits_its_room),
        cmocka_unit_test(two_parts_make_the_whole_head),
        cmocka_unit_test(every_status_has_one_phrase),
        cmocka_unit_test(chunk_sizes_are_read_back),
        cmocka_unit_test(a_prepared_head_is_the_same_head),
    };
    struct CMUnitTest rows[sizeof(cases) / sizeof(cases[0])];
    int failed;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        rows[i] = (struct CMUnitTest){ .name = cases[i].name,
                                       .test_func = run_case,
                                       .initial_state = (void *)(size_t)&cases[i] };
    failed = cmocka_run_group_tests(rows, NULL, NULL);
    return failed + cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
