/* SPDX-License-Identifier: Apache-2.0 */
/* limits.rate_min over a body that comes in pieces. The thread's clock is the test's. */
#include "conn.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define RATE_MIN 500 /* bytes per second */
#define BODY_MS  30000

static struct {
    struct pl_thread thread;
    struct pl_protocol protocol;
    struct pl_service service;
    struct pl_conn conn;
    int64_t due_ms;
} f;

static int setup(void **state)
{
    (void)state;
    memset(&f, 0, sizeof(f));
    f.protocol.name = "fake";
    f.service.protocol = &f.protocol;
    f.service.rate_min = RATE_MIN;
    f.service.body_ms = BODY_MS;
    pl_conn_init(&f.conn, &pl_conn_kind, &f.service, -1);
    (void)pl_claim_open(&f.conn.slot.claim);
    f.conn.slot.thread = &f.thread;
    pl_conn_start_deadline(&f.conn, PL_DEADLINE_BODY);
    return 0;
}

static void pass(int64_t ms)
{
    f.thread.now_ns += ms * 1000000;
}

static bool receive(size_t bytes)
{
    return pl_conn_note_progress(&f.conn, &f.due_ms, BODY_MS, bytes);
}

static void who_sends_too_little_is_seen_after_the_window(void **state)
{
    (void)state;
    for (int second = 1; second < 10; second++) {
        pass(1000);
        assert_true(receive(RATE_MIN - 1));
        assert_int_equal(f.due_ms, pl_thread_now_ms(&f.thread) + BODY_MS);
    }
    pass(1000);
    assert_false(receive(RATE_MIN - 1));
}

static void who_sends_enough_is_left_alone(void **state)
{
    (void)state;
    for (int second = 0; second < 100; second++) {
        pass(1000);
        assert_true(receive(RATE_MIN));
    }
}

/* A consumer that takes its time between two bytes excuses no client that takes its own. */
static void what_interrupts_a_body_does_not_begin_the_window_anew(void **state)
{
    int seconds = 0;

    (void)state;
    while (seconds < 20) {
        pass(1000);
        seconds++;
        if (!receive(1))
            break;
        pl_conn_start_deadline(&f.conn, PL_DEADLINE_HANDLER);
        pass(3000);
        pl_conn_start_deadline(&f.conn, PL_DEADLINE_HANDLER); /* paused behind its job */
        pass(3000);
        pl_conn_resume_body_deadline(&f.conn);
        assert_int_equal(pl_conn_deadline(&f.conn), PL_DEADLINE_BODY);
    }
    assert_int_equal(seconds, 10);
}

static void the_time_of_an_interruption_is_not_the_clients(void **state)
{
    (void)state;
    for (int second = 0; second < 100; second++) {
        pass(1000);
        assert_true(receive(RATE_MIN));
        pl_conn_start_deadline(&f.conn, PL_DEADLINE_HANDLER);
        pass(60000);
        pl_conn_resume_body_deadline(&f.conn);
    }
}

/* Output that was blocked meanwhile has used the window for itself. */
static void a_window_that_was_used_meanwhile_begins_anew(void **state)
{
    (void)state;
    pass(9000);
    assert_true(receive(1));
    pl_conn_start_deadline(&f.conn, PL_DEADLINE_HANDLER);
    pl_conn_start_window(&f.conn, pl_thread_now_ms(&f.thread));
    pass(60000);
    pl_conn_resume_body_deadline(&f.conn);
    pass(9000);
    assert_true(receive(1));
    pass(1000);
    assert_false(receive(1));
}

int main(void)
{
    static const struct CMUnitTest cases[] = {
        cmocka_unit_test_setup(who_sends_too_little_is_seen_after_the_window, setup),
        cmocka_unit_test_setup(who_sends_enough_is_left_alone, setup),
        cmocka_unit_test_setup(what_interrupts_a_body_does_not_begin_the_window_anew, setup),
        cmocka_unit_test_setup(the_time_of_an_interruption_is_not_the_clients, setup),
        cmocka_unit_test_setup(a_window_that_was_used_meanwhile_begins_anew, setup),
    };

    return cmocka_run_group_tests(cases, NULL, NULL);
}
