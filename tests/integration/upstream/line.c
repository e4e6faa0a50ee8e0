/* SPDX-License-Identifier: Apache-2.0 */
/* The line of those who wait, and the bounds. */
#include "relay.h"

#include <errno.h>
#include <stdio.h>

static void waiters_are_served_in_order_and_the_bound_holds(void **state)
{
    enum { CALLS = 40 };
    static struct asked asked[CALLS];
    char text[64];

    (void)state;
    start_with(", pool: {max: 2}");
    for (int i = 0; i < CALLS; i++) {
        snprintf(text, sizeof(text), "echo %d\n", i);
        begin(&asked[i], text, NULL);
    }
    for (int i = 0; i < CALLS; i++) {
        await(&asked[i]);
        snprintf(text, sizeof(text), "%d\n", i);
        assert_int_equal(asked[i].outcome, PL_UPSTREAM_REPLIED);
        assert_string_equal(asked[i].reply, text);
    }
    assert_true(backend.open_max <= 2);
    stop();
}

static void a_wait_ends_in_time_and_the_line_is_bounded(void **state)
{
    static struct asked first, second, third;
    const struct pl_upstream_call one_more = {
        .request = PL_VIEW("echo x\n"), .framer = frame_line, .done = note, .context = &third
    };

    (void)state;
    start_with(", pool: {max: 1, max_waiters: 1}, timeouts: {wait: 50ms}");
    begin(&first, "delay 300 slow\n", NULL);
    begin(&second, "echo waiting\n", NULL);
    assert_int_equal(pl_upstream_call(upstream, &one_more, NULL), -EAGAIN);
    await(&second);
    assert_int_equal(second.outcome, PL_UPSTREAM_WAIT_TIMEOUT);
    await(&first);
    assert_int_equal(first.outcome, PL_UPSTREAM_REPLIED);
    assert_int_equal(COUNT(refusals), 1);
    assert_int_equal(COUNT(waits_expired), 1);
    stop();
}

static void calls_and_leases_stand_in_one_line(void **state)
{
    static struct asked asked;
    struct pl_upstream_lease leased;

    (void)state;
    start_with(", pool: {max: 1}");
    assert_int_equal(pl_upstream_lease(upstream, 5000, &leased), 0);
    begin(&asked, "delay 20 after\n", NULL);
    pl_upstream_return(&leased);
    assert_int_equal(pl_upstream_lease(upstream, 5000, &leased), 0);
    await(&asked); /* it was first */
    assert_int_equal(asked.outcome, PL_UPSTREAM_REPLIED);
    pl_upstream_return(&leased);
    assert_int_equal(backend.accepts, 1);
    stop();
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(waiters_are_served_in_order_and_the_bound_holds),
    cmocka_unit_test(a_wait_ends_in_time_and_the_line_is_bounded),
    cmocka_unit_test(calls_and_leases_stand_in_one_line),
};
const struct case_group upstream_line = CASE_GROUP(cases);
