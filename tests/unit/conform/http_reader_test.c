/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of responses: what it takes, and what it calls broken; whole and cut at every byte. */
#include "http_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OK "HTTP/1.1 200 OK\r\n"

struct row {
    const char *name;
    const char *bytes;
    const char *problem; /* a part of it; NULL: none */
    size_t count;
    const char *body; /* of the last message */
    bool is_head;
    bool is_open; /* more may come */
};

static const struct row rows[] = {
    { "nothing", "", NULL, 0 },
    { "length", OK "Content-Length: 2\r\n\r\nab", NULL, 1, "ab" },
    { "two", OK "Content-Length: 2\r\n\r\nab" OK "Content-Length: 1\r\n\r\nc", NULL, 2, "c" },
    { "interim", "HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 0\r\n\r\n", NULL, 2, "" },
    { "chunks", OK "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nA: b\r\n\r\n",
      NULL, 1, "abc" },
    { "until_the_end", OK "\r\nabc", NULL, 1, "abc" },
    { "until_the_end_still_open", OK "\r\nabc", NULL, 0, NULL, .is_open = true },
    { "head_has_no_body", OK "Content-Length: 5\r\n\r\n", NULL, 1, "", .is_head = true },
    { "no_content", "HTTP/1.1 204 No Content\r\n\r\n", NULL, 1, "" },
    { "not_modified_keeps_its_length", "HTTP/1.1 304 X\r\nContent-Length: 9\r\n\r\n", NULL, 1, "" },
    { "empty_reason", "HTTP/1.0 404 \r\nContent-Length: 0\r\n\r\n", NULL, 1, "" },
    { "white_space_around_a_value", OK "Content-Length:\t 1 \r\n\r\na", NULL, 1, "a" },
    { "garbage_behind", OK "Content-Length: 1\r\n\r\nabcdef", "no status line", 1, "a" },
    { "head_with_a_body", OK "Content-Length: 5\r\n\r\nhello", "no status line", 1, "",
      .is_head = true },
    { "no_http", "hello, world\r\n", "no status line", 0 },
    { "no_reason_space", "HTTP/1.1 200\r\n\r\n", "no status line", 0 },
    { "lower_case", "http/1.1 200 OK\r\n\r\n", "no status line", 0 },
    { "other_major", "HTTP/2.0 200 OK\r\n\r\n", "no status line", 0 },
    { "status_of_two_digits", "HTTP/1.1 20 OK!\r\n\r\n", "no status line", 0 },
    { "lf_alone", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "LF alone", 0 },
    { "cr_inside", OK "A: b\rc\r\n\r\n", "CR inside", 0 },
    { "space_before_colon", OK "Content-Length : 0\r\n\r\n", "no field line", 0 },
    { "folded", OK "A: b\r\n c\r\nContent-Length: 0\r\n\r\n", "no field line", 0 },
    { "tab_in_a_value", OK "A: b\tc\r\nContent-Length: 0\r\n\r\n", NULL, 1, "" },
    { "eight_bit_in_a_value", OK "A: \xe4\r\nContent-Length: 0\r\n\r\n", NULL, 1, "" },
    { "control_in_a_value", OK "A: b\x01\r\n\r\n", "a control byte in the value of 'A'", 0 },
    { "delete_in_a_value", OK "A: \x7f\r\n\r\n", "a control byte in the value of 'A'", 0 },
    { "control_in_a_reason", "HTTP/1.1 200 O\x1bK\r\n\r\n", "a control byte in the status", 0 },
    { "control_in_a_trailer", OK "Transfer-Encoding: chunked\r\n\r\n0\r\nA: \x0b\r\n\r\n",
      "a control byte in the value", 0 },
    { "two_dates", OK "Date: now\r\ndate: now\r\nContent-Length: 0\r\n\r\n", "two Date fields", 0 },
    { "two_lengths", OK "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", "single number", 0 },
    { "length_of_letters", OK "Content-Length: one\r\n\r\na", "single number", 0 },
    { "both_framings", OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "Transfer-Encoding and Content-Length", 0 },
    { "chunked_in_1_0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "in HTTP/1.0", 0 },
    { "coding_nobody_asked_for", OK "Transfer-Encoding: gzip\r\n\r\n", "nobody asked", 0 },
    { "interim_with_length", "HTTP/1.1 100 X\r\nContent-Length: 0\r\n\r\n", "a 100 with", 0 },
    { "no_content_with_length", "HTTP/1.1 204 X\r\nContent-Length: 0\r\n\r\n", "a 204 with", 0 },
    { "cut_in_head", OK "Content-Le", "cut", 0 },
    { "cut_in_body", OK "Content-Length: 5\r\n\r\nab", "cut", 0 },
    { "cut_in_body_still_open", OK "Content-Length: 5\r\n\r\nab", NULL, 0, .is_open = true },
    { "cut_in_chunks", OK "Transfer-Encoding: chunked\r\n\r\n5\r\nab", "cut", 0 },
    { "chunk_without_crlf", OK "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
      "behind a chunk", 0 },
    { "chunk_size_of_no_digit", OK "Transfer-Encoding: chunked\r\n\r\nx\r\n", "no chunk size", 0 },
    { "chunk_size_too_long", OK "Transfer-Encoding: chunked\r\n\r\n123456789\r\n", "8 digits", 0 },
};
#define ROWS_COUNT (sizeof(rows) / sizeof(rows[0]))

static void check_row(const struct row *row)
{
    bool is_head[HTTP_MESSAGES_MAX] = { row->is_head };
    struct http_reading reading;

    http_reading_init(&reading, row->bytes, strlen(row->bytes), !row->is_open, is_head);
    if (reading.count != row->count)
        fail_msg("%s: %zu messages, '%s'", row->name, reading.count, reading.problem);
    if (row->problem == NULL && reading.problem[0] != '\0')
        fail_msg("%s: '%s'", row->name, reading.problem);
    if (row->problem != NULL && strstr(reading.problem, row->problem) == NULL)
        fail_msg("%s: '%s', expected '%s'", row->name, reading.problem, row->problem);
    if (row->body != NULL) {
        const struct http_message *last = &reading.messages[reading.count - 1];

        assert_int_equal(last->body_length, strlen(row->body));
        assert_true(last->body_length == 0 ||
                    memcmp(last->body, row->body, last->body_length) == 0);
    }
    http_reading_deinit(&reading);
}

static void every_row_is_read_as_it_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS_COUNT; i++)
        check_row(&rows[i]);
}

/* What was cut is never broken while more may come, when the whole is not. */
static void a_prefix_of_good_messages_waits(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS_COUNT; i++) {
        const struct row *row = &rows[i];
        bool is_head[HTTP_MESSAGES_MAX] = { row->is_head };

        for (size_t length = 0; row->problem == NULL && length < strlen(row->bytes); length++) {
            struct http_reading reading;
            char *copy = malloc(length + 1);

            assert_non_null(copy);
            memcpy(copy, row->bytes, length); /* its own block, so that a read behind it is seen */
            http_reading_init(&reading, copy, length, false, is_head);
            if (reading.problem[0] != '\0')
                fail_msg("%s cut at %zu: '%s'", row->name, length, reading.problem);
            http_reading_deinit(&reading);
            free(copy);
        }
    }
}

static void fields_are_found_without_regard_to_case(void **state)
{
    static const char bytes[] = OK "X-One: first\r\nx-one: second\r\nContent-Length: 0\r\n\r\n";
    bool is_head[HTTP_MESSAGES_MAX] = { false };
    struct http_reading reading;
    const struct http_field *field;

    (void)state;
    http_reading_init(&reading, bytes, sizeof(bytes) - 1, true, is_head);
    field = http_message_field(&reading.messages[0], "X-ONE");
    assert_non_null(field);
    assert_true(http_text_equals(field->value, "FIRST"));
    assert_null(http_message_field(&reading.messages[0], "X"));
    http_reading_deinit(&reading);
}

static void nul_in_a_value_is_a_control_byte(void **state)
{
    static const char bytes[] = OK "A: b\0c\r\nContent-Length: 0\r\n\r\n";
    bool is_head[HTTP_MESSAGES_MAX] = { false };
    struct http_reading reading;

    (void)state;
    http_reading_init(&reading, bytes, sizeof(bytes) - 1, true, is_head);
    assert_non_null(strstr(reading.problem, "a control byte"));
    http_reading_deinit(&reading);
}

static void more_messages_than_fit_are_said(void **state)
{
    static const char one[] = OK "Content-Length: 0\r\n\r\n";
    bool is_head[HTTP_MESSAGES_MAX] = { false };
    char bytes[sizeof(one) * (HTTP_MESSAGES_MAX + 1)] = "";
    struct http_reading reading;

    (void)state;
    for (size_t i = 0; i <= HTTP_MESSAGES_MAX; i++)
        memcpy(bytes + i * (sizeof(one) - 1), one, sizeof(one));
    http_reading_init(&reading, bytes, strlen(bytes), true, is_head);
    assert_int_equal(reading.count, HTTP_MESSAGES_MAX);
    assert_non_null(strstr(reading.problem, "more than"));
    http_reading_deinit(&reading);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_read_as_it_says),
        cmocka_unit_test(a_prefix_of_good_messages_waits),
        cmocka_unit_test(fields_are_found_without_regard_to_case),
        cmocka_unit_test(nul_in_a_value_is_a_control_byte),
        cmocka_unit_test(more_messages_than_fit_are_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
