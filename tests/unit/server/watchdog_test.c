/* SPDX-License-Identifier: Apache-2.0 */
/* Once per route and minute, and what is said of who waits. */
#include "signals.h"
#include "stack.h"
#include "watchdog.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct pl_stall_routes routes;

static int setup(void **state)
{
    (void)state;
    memset(&routes, 0, sizeof(routes));
    return 0;
}

static bool may_name(const char *name, bool is_new, int64_t now_ms)
{
    uint32_t unnamed;

    return pl_stall_may_name(&routes, name, is_new, now_ms, &unnamed);
}

static void a_route_is_named_once_a_minute(void **state)
{
    uint32_t unnamed = 99;

    (void)state;
    assert_true(pl_stall_may_name(&routes, "/a", true, 1, &unnamed));
    assert_int_equal(unnamed, 0);
    assert_false(may_name("/a", true, 2));
    assert_false(may_name("/a", true, PL_STALL_NAMED_MS));
    assert_false(may_name("/a", false, PL_STALL_NAMED_MS)); /* the same call, still */
    assert_true(pl_stall_may_name(&routes, "/a", false, 1 + PL_STALL_NAMED_MS, &unnamed));
    assert_int_equal(unnamed, 2);
    assert_false(may_name("/a", true, 2 + PL_STALL_NAMED_MS));
}

static void routes_are_kept_apart(void **state)
{
    (void)state;
    assert_true(may_name("/a", true, 1));
    assert_true(may_name("/b", true, 1));
    assert_false(may_name("/a", true, 2));
    assert_false(may_name("/b", true, 2));
}

static void more_routes_than_can_be_kept_wait_for_their_minute(void **state)
{
    char name[16];

    (void)state;
    for (int i = 0; i < PL_STALL_ROUTES_MAX; i++) {
        snprintf(name, sizeof(name), "/%d", i);
        assert_true(may_name(name, true, 1));
    }
    assert_false(may_name("/more", true, 2));
    assert_false(may_name("/0", true, 2));
    assert_true(may_name("/more", true, 1 + PL_STALL_NAMED_MS));
    assert_true(may_name("/63", true, 1 + PL_STALL_NAMED_MS));
}

static void who_waits_is_said(void **state)
{
    static const struct {
        struct pl_stall stall;
        const char *text;
    } cases[] = {
        { { .is_loop = true, .threads = 1 },
          "every connection waits for it; would not suffer: leader_followers, "
          "half_sync_half_async, reactor with threads, proactor" },
        { { .is_loop = true, .threads = 4, .way = PL_HANDLER_AS_JOB },
          "the connections of this loop, one of 4, wait for it; would not suffer: "
          "leader_followers, half_sync_half_async, reactor with threads, proactor" },
        { { .way = PL_HANDLER_IN_PASSING, .threads = 1 },
          "the thread that waits for events ran it in passing, every connection waits for it; "
          "would "
          "not suffer: this model with dispatch.inline: false, or with .may_block for the route, "
          "as "
          "would leader_followers, half_sync_half_async, reactor with threads, proactor" },
        { { .threads = 8, .threads_stalled = 1 },
          "1 of its 8 threads that run handlers is in such a handler, the others go on; others "
          "would "
          "wait under reactor with threads: 0, per_core" },
        { { .threads = 8, .threads_stalled = 7 },
          "7 of its 8 threads that run handlers are in such a handler, the others go on; others "
          "would wait under reactor with threads: 0, per_core" },
        { { .threads = 8, .threads_stalled = 8 },
          "all of its 8 threads that run handlers are in such handlers: other requests wait; would "
          "not suffer: the same model with more dispatch.threads" },
        { { .threads = 1, .threads_stalled = 1 },
          "its only thread that runs handlers is in it: other requests wait; would not suffer: the "
          "same model with more dispatch.threads" },
    };
    char text[400];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        pl_stall_describe(&cases[i].stall, text, sizeof(text));
        assert_string_equal(text, cases[i].text);
    }
}

static void its_signal_is_not_for_the_application(void **state)
{
    const struct pl_event_source source = { .token = 1 };
    struct pl_signals signals;
    sigset_t before;

    (void)state;
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    pl_signals_init(&signals);
    assert_int_equal(pl_signals_watch(&signals, PL_STACK_SIGNAL, &source), -EINVAL);
    assert_false(sigismember(&signals.set, PL_STACK_SIGNAL));
    assert_int_equal(pl_signals_watch(&signals, SIGRTMAX, &source), 0);
    assert_int_equal(pl_signals_watch(&signals, PL_STACK_SIGNAL - 1, &source), 0);
    pl_signals_deinit(&signals);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int main(void)
{
    static const struct CMUnitTest cases[] = {
        cmocka_unit_test_setup(a_route_is_named_once_a_minute, setup),
        cmocka_unit_test_setup(routes_are_kept_apart, setup),
        cmocka_unit_test_setup(more_routes_than_can_be_kept_wait_for_their_minute, setup),
        cmocka_unit_test(who_waits_is_said),
        cmocka_unit_test(its_signal_is_not_for_the_application),
    };

    return cmocka_run_group_tests(cases, NULL, NULL);
}
