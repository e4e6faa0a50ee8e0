/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts over what came back: each predicate once held and once broken. */
#include "expect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define OK      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-One: Two, three\r\n\r\nab"
#define BAD     "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n"
#define PLAIN   "HTTP/1.1 200 OK\r\nContent-Length: 29\r\n\r\npaceline-conform: plain text\n"
#define FENCE   "HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\npaceline-conform: fence\n"
#define HIDDEN  "HTTP/1.1 200 OK\r\n\r\npaceline-conform: a hidden request was answered\n"
#define INTERIM "HTTP/1.1 100 Continue\r\n\r\n"

struct row {
    const char *expect; /* lines of a case */
    const char *received;
    const char *said; /* a part of the detail; NULL: it passes */
    bool is_open;     /* the server did not end */
    bool is_behind;
    bool was_reset;
};

static const struct row http_rows[] = {
    { "expect status 200", OK, NULL },
    { "expect status 2xx", OK BAD, NULL },
    { "expect status 400 501", OK, "expected 'status 400 501'; got 200, then the end" },
    { "expect status any", "", "got no response" },
    { "expect status 400 | responses 0", "", NULL },
    { "expect status 400 | responses 0", OK, "expected 'status 400 | responses 0'" },
    { "expect statuses 200 4xx/501", OK BAD, NULL },
    { "expect statuses 200", OK BAD, "got 200 400" },
    { "expect statuses 200 400", OK, "expected 'statuses 200 400'" },
    { "expect statuses any any", OK BAD, NULL },
    { "expect responses 1", OK FENCE, NULL },
    { "expect responses 2+", OK, "responses 2+" },
    { "expect responses 0-1", OK, NULL },
    { "expect interim 1", INTERIM OK, NULL },
    { "expect interim 0", INTERIM OK, "got (interim) 200" },
    { "expect fence", OK FENCE, NULL },
    { "expect fence", OK, "expected 'fence'" },
    { "expect no-fence", OK, NULL },
    { "expect no-fence", OK FENCE, "and the fence" },
    { "expect body 1 a\\x62", OK, NULL },
    { "expect body 2 ab", OK, "body 2" },
    { "expect no-body 1", OK, "no-body" },
    { "expect no-body 1", BAD, NULL },
    { "expect field 1 x-one", OK, NULL },
    { "expect field 1 X-One THREE", OK, NULL },
    { "expect field 1 X-One four", OK, "field 1 X-One four" },
    { "expect no-field 1 X-Two", OK, NULL },
    { "expect no-field 1 X-One", OK, "no-field" },
    { "expect framing 1 chunked length", OK, NULL },
    { "expect framing 1 chunked", OK, "framing" },
    { "expect version 1 1.1", OK, NULL },
    { "expect version 1 1.0", OK, "version" },
    { "expect contains Two\\x2c", OK, NULL },
    { "expect absent Two", OK, "absent" },
    { "expect end", OK, NULL },
    { "expect end", OK, "expected 'end'; got 200, then a reset", .was_reset = true },
    { "expect status any", HIDDEN, "a request hidden in other bytes was answered" },
    { "expect status any", OK "x", "a response that was cut, from byte 59 on" },
    { "expect status any", OK, "the connection stayed open", .is_open = true },
    { "expect statuses 400", PLAIN BAD, NULL, .is_behind = true },
    { "expect statuses 400", BAD, "the good request in front", .is_behind = true },
    { "expect statuses 200 400", PLAIN PLAIN BAD, NULL, .is_behind = true },
    { "head 1\nexpect no-body 1", PLAIN "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" FENCE, NULL,
      .is_behind = true },
};

static const struct row line_rows[] = {
    { "expect echo", "hello\n", NULL },
    { "expect echo", "hell", "got 4 of 6 bytes, then the end" },
    { "expect echo", "hello\n\n", "got 7 of 6 bytes" },
    { "expect echo", "Hello\n", "expected 'echo'" },
    { "expect echo-prefix", "hel", NULL },
    { "expect echo-prefix", "", NULL },
    { "expect echo-prefix", "x", "echo-prefix" },
    { "expect closed", "", NULL },
    { "expect closed", "", NULL, .was_reset = true },
    { "expect end", "", NULL },
    { "expect end", "hello\n", "got 6 of 6 bytes, then a reset", .was_reset = true },
    { "expect echo", "hello\n", "no end within the time", .is_open = true },
};

static void check_row(enum suite suite, const struct row *row)
{
    struct observation observation = { .received = row->received,
                                       .received_bytes = strlen(row->received),
                                       .sent = "hello\n",
                                       .sent_bytes = 6,
                                       .is_ended = !row->is_open,
                                       .is_late = row->is_open,
                                       .is_behind = row->is_behind,
                                       .was_reset = row->was_reset };
    struct case_list list = { .count = 0 };
    struct case_error error = { .text = "" };
    struct verdict verdict;
    char text[300];

    snprintf(text, sizeof(text), "case one\nrule none\nsend x\n%s\n", row->expect);
    if (case_list_read(&list, suite, "group", "test", text, strlen(text), &error) < 0)
        fail_msg("%s", error.text);
    expect_judge(&list.cases[0], &observation, &verdict);
    if ((verdict.result == RESULT_PASS) != (row->said == NULL) ||
        (row->said != NULL && strstr(verdict.detail, row->said) == NULL))
        fail_msg("'%s': %d '%s', expected '%s'", row->expect, verdict.result, verdict.detail,
                 row->said == NULL ? "a pass" : row->said);
    case_list_deinit(&list);
}

static void predicates_over_responses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(http_rows) / sizeof(http_rows[0]); i++)
        check_row(SUITE_HTTP, &http_rows[i]);
}

static void predicates_over_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(line_rows) / sizeof(line_rows[0]); i++)
        check_row(SUITE_LINE, &line_rows[i]);
}

/* ---- datagrams, back-pressure, who is alive -------------------------------------------------- */

static enum result judge(const char *expect, const struct observation *observation)
{
    struct case_list list = { .count = 0 };
    struct case_error error = { .text = "" };
    struct verdict verdict;
    char text[100];

    snprintf(text, sizeof(text), "case one\nrule none\nsend x\nexpect %s\n", expect);
    assert_int_equal(case_list_read(&list, SUITE_LINE, "group", "test", text, strlen(text), &error),
                     0);
    expect_judge(&list.cases[0], observation, &verdict);
    case_list_deinit(&list);
    return verdict.result;
}

static void datagrams_come_back_whole_in_any_order(void **state)
{
    static const size_t sent[] = { 2, 3, 0 }, swapped[] = { 3, 0, 2 }, joined[] = { 5, 0 };
    struct observation observation = { .sent = "aabbb",
                                       .sent_bytes = 5,
                                       .sent_datagram_bytes = sent,
                                       .sent_datagrams_count = 3,
                                       .received = "bbbaa",
                                       .received_bytes = 5,
                                       .datagram_bytes = swapped,
                                       .datagrams_count = 3 };

    (void)state;
    assert_int_equal(judge("datagrams", &observation), RESULT_PASS);
    observation.received = "bbbab";
    assert_int_equal(judge("datagrams", &observation), RESULT_FAIL);
    observation.received = "aabbb";
    observation.datagram_bytes = joined;
    observation.datagrams_count = 2;
    assert_int_equal(judge("datagrams", &observation), RESULT_FAIL);
}

static void a_sender_that_was_never_held_back_is_seen(void **state)
{
    struct observation observation = { .received = "", .sent = "abcdef", .sent_bytes = 6 };

    (void)state;
    observation.sent_unread_bytes = 4;
    assert_int_equal(judge("held-back", &observation), RESULT_PASS);
    observation.sent_unread_bytes = 6;
    assert_int_equal(judge("held-back", &observation), RESULT_FAIL);
}

static void a_dead_server_is_seen(void **state)
{
    struct observation observation = { .received = "", .sent = "", .has_left = true };

    (void)state;
    assert_int_equal(judge("alive", &observation), RESULT_FAIL);
    observation.is_alive = true;
    assert_int_equal(judge("alive", &observation), RESULT_PASS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(predicates_over_responses),
        cmocka_unit_test(predicates_over_lines),
        cmocka_unit_test(datagrams_come_back_whole_in_any_order),
        cmocka_unit_test(a_sender_that_was_never_held_back_is_seen),
        cmocka_unit_test(a_dead_server_is_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
