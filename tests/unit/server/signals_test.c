/* SPDX-License-Identifier: Apache-2.0 */
#include "signals.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define SIGNALS 50

static sem_t may_end;

static void *stand_by(void *unused)
{
    (void)unused;
    (void)sem_wait(&may_end);
    return NULL;
}

/* Those before it may still be on their way. */
static void await(struct pl_signals *signals, int signal)
{
    for (int i = 0; i < SIGNALS * 3; i++)
        if (pl_signals_next(signals) == signal)
            return;
    fail_msg("signal %d has not come", signal);
}

/* An application may have begun it before the signals were blocked. */
static void a_thread_that_blocks_no_signal_passes_them_on(void **state)
{
    static const int sent[] = { SIGHUP, SIGUSR1, SIGTERM };
    struct pl_signals signals;
    pthread_t thread;

    (void)state;
    assert_int_equal(sem_init(&may_end, 0, 0), 0);
    assert_int_equal(pthread_create(&thread, NULL, stand_by, NULL), 0);
    pl_signals_init(&signals);
    for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
        /* Nobody waits for it: the kernel gives it to the thread that does not block it. */
        for (int k = 0; k < SIGNALS; k++)
            assert_int_equal(pthread_kill(thread, sent[i]), 0);
        await(&signals, sent[i]);
    }
    (void)sem_post(&may_end);
    pthread_join(thread, NULL);
    (void)sem_destroy(&may_end);
    pl_signals_deinit(&signals);
}

static void own_action(int signal)
{
    (void)signal;
}

static void an_action_of_the_application_stays(void **state)
{
    struct sigaction own = { .sa_handler = own_action }, now;
    struct pl_signals signals;

    (void)state;
    assert_int_equal(sigaction(SIGALRM, &own, NULL), 0);
    pl_signals_init(&signals);
    assert_int_equal(sigaction(SIGALRM, NULL, &now), 0);
    assert_true(now.sa_handler == own_action);
    pl_signals_deinit(&signals);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_that_blocks_no_signal_passes_them_on),
        cmocka_unit_test(an_action_of_the_application_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
