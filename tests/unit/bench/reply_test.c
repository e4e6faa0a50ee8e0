/* SPDX-License-Identifier: Apache-2.0 */
/* A reply is right or it is not, wherever recv() cut it; only the value of Date may differ. */
#include "reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define HEAD_BEFORE "HTTP/1.1 200 OK\r\nDate: "
#define HEAD_BEHIND "\r\nContent-Length: 5\r\n\r\nhello"

static const char first[] = HEAD_BEFORE "Sun, 06 Nov 1994 08:49:37 GMT" HEAD_BEHIND;
static const char later[] = HEAD_BEFORE "Mon, 07 Nov 1994 09:50:38 GMT" HEAD_BEHIND;
#define LENGTH (sizeof(first) - 1)

struct fixture {
    struct reply_template template;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    *state = fixture;
    if (fixture == NULL)
        return -1;
    reply_template_init(&fixture->template, first, LENGTH);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    reply_template_deinit(&fixture->template);
    free(fixture);
    return 0;
}

static void another_date_is_right(void **state)
{
    struct fixture *fixture = *state;
    struct reply_fault fault;
    size_t at = 0, completed;

    assert_int_equal(fixture->template.mask_to - fixture->template.mask_from, REPLY_DATE_BYTES);
    assert_true(reply_check(&fixture->template, &at, later, LENGTH, &completed, &fault));
    assert_int_equal(completed, 1);
    assert_int_equal(at, 0);
}

static void two_pieces_are_one_reply_wherever_they_are_cut(void **state)
{
    struct fixture *fixture = *state;
    struct reply_fault fault;

    for (size_t cut = 1; cut < LENGTH; cut++) {
        size_t at = 0, completed;

        assert_true(reply_check(&fixture->template, &at, later, cut, &completed, &fault));
        assert_int_equal(completed, 0);
        assert_int_equal(at, cut);
        assert_true(
            reply_check(&fixture->template, &at, later + cut, LENGTH - cut, &completed, &fault));
        assert_int_equal(completed, 1);
        assert_int_equal(at, 0);
    }
}

/* Every byte outside the Date, in replies that come whole and in replies that come cut. */
static void a_wrong_byte_is_found_and_named(void **state)
{
    struct fixture *fixture = *state;

    for (size_t wrong = 0; wrong < LENGTH; wrong++) {
        bool is_masked = wrong >= fixture->template.mask_from && wrong < fixture->template.mask_to;

        for (size_t cut = 0; cut < LENGTH; cut += 7) {
            char planted[LENGTH];
            struct reply_fault fault = { .offset = 0 };
            size_t at = 0, completed;
            bool is_right;

            memcpy(planted, later, LENGTH);
            planted[wrong] = '~';
            is_right = reply_check(&fixture->template, &at, planted, cut, &completed, &fault) &&
                       reply_check(&fixture->template, &at, planted + cut, LENGTH - cut, &completed,
                                   &fault);
            assert_int_equal(is_right, is_masked);
            if (is_masked)
                continue;
            assert_int_equal(fault.offset, wrong);
            assert_int_equal(fault.got, '~');
            assert_int_equal(fault.expected, (unsigned char)first[wrong]);
        }
    }
}

static void many_replies_in_one_piece_are_counted(void **state)
{
    struct fixture *fixture = *state;
    char many[LENGTH * 5];
    struct reply_fault fault;
    size_t at = 0, completed;

    for (size_t i = 0; i < 5; i++)
        memcpy(many + i * LENGTH, i % 2 == 0 ? first : later, LENGTH);
    assert_true(reply_check(&fixture->template, &at, many, sizeof(many) - 3, &completed, &fault));
    assert_int_equal(completed, 4);
    assert_int_equal(at, LENGTH - 3);
}

static void a_body_that_looks_like_a_date_field_is_compared(void **state)
{
    static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 37\r\n\r\n"
                                "\nDate: Sun, 06 Nov 1994 08:49:37 GMT\n";
    struct reply_template template;

    (void)state;
    reply_template_init(&template, reply, sizeof(reply) - 1);
    assert_int_equal(template.mask_from, template.mask_to);
    reply_template_deinit(&template);
}

static void framing_waits_for_the_whole_body(void **state)
{
    size_t head = 0, length = 0;

    (void)state;
    for (size_t cut = 0; cut < LENGTH; cut++)
        assert_int_equal(reply_frame_http(first, cut, &head, &length), REPLY_PARTIAL);
    assert_int_equal(reply_frame_http(first, LENGTH, &head, &length), REPLY_COMPLETE);
    assert_int_equal(length, LENGTH);
    assert_int_equal(head, LENGTH - 5);
}

static void framing_refuses_what_it_cannot_bound(void **state)
{
    static const char chunked[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    static const char huge[] = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n";
    size_t head, length;

    (void)state;
    assert_int_equal(reply_frame_http(chunked, sizeof(chunked) - 1, &head, &length),
                     REPLY_UNBOUNDED);
    assert_int_equal(reply_frame_http(huge, sizeof(huge) - 1, &head, &length), REPLY_MALFORMED);
    assert_int_equal(reply_frame_http("SSH-2.0", 7, &head, &length), REPLY_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(another_date_is_right, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_pieces_are_one_reply_wherever_they_are_cut, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_wrong_byte_is_found_and_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_replies_in_one_piece_are_counted, set_up, tear_down),
        cmocka_unit_test(a_body_that_looks_like_a_date_field_is_compared),
        cmocka_unit_test(framing_waits_for_the_whole_body),
        cmocka_unit_test(framing_refuses_what_it_cannot_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
