/* SPDX-License-Identifier: Apache-2.0 */
/* Stops: what is under way, in line or leased when the server goes. */
#include "relay.h"

#include <errno.h>
#include <string.h>

static void a_stop_in_the_middle_ends_every_call(void **state)
{
    enum { CALLS = 8 };
    static struct asked asked[CALLS];

    (void)state;
    start_with(", pool: {max: 2}, timeouts: {first_byte: 60s, total: 60s, wait: 60s}");
    for (int i = 0; i < CALLS; i++)
        begin(&asked[i], "silent\n", NULL);
    client_await(&backend.requests, 2);
    assert_int_equal(pl_server_stop(rig.server, 50), 0);
    for (int i = 0; i < CALLS; i++) {
        await(&asked[i]);
        assert_int_equal(asked[i].outcome, PL_UPSTREAM_STOPPED);
    }
    stop();
}

/* ---- threads of the application that never pause ---- */

#define WORKERS 4

struct worker {
    pthread_t thread;
    _Atomic uint32_t exchanges, begun, ended;
    _Atomic bool is_shut_out;
};

static void count_end(const struct pl_upstream_result *result, void *context)
{
    struct worker *worker = context;

    (void)result;
    atomic_fetch_add(&worker->ended, 1);
}

static int begin_counted(struct worker *worker)
{
    /* Each needs a new connection: at the stop some are about to make one. */
    const struct pl_upstream_call settings = {
        .request = PL_VIEW("end x\n"), .framer = frame_line, .done = count_end, .context = worker
    };
    struct pl_upstream_ticket ticket;
    int err = pl_upstream_call(upstream, &settings, &ticket);

    if (err < 0)
        return err;
    if (atomic_fetch_add(&worker->begun, 1) % 4 == 0)
        pl_upstream_cancel(&ticket);
    return 0;
}

static int exchange_leased(void)
{
    struct pl_upstream_lease leased;
    char reply[16];
    size_t length = 0;
    int err = pl_upstream_lease(upstream, 1000, &leased);

    if (err < 0)
        return err;
    err = pl_upstream_write(&leased, "echo hi\n", 8);
    if (err == 0)
        err = pl_upstream_read(&leased, reply, sizeof(reply), &length);
    if (err == 0 && length == 3)
        pl_upstream_return(&leased);
    else
        pl_upstream_discard(&leased, false);
    return 0;
}

static void *work(void *argument)
{
    struct worker *worker = argument;

    while (!atomic_load(&worker->is_shut_out)) {
        int err = exchange_leased();

        for (int i = 0; i < 4 && (err == 0 || err == -EAGAIN); i++)
            err = begin_counted(worker);
        if (err == -ESHUTDOWN)
            atomic_store(&worker->is_shut_out, true);
        atomic_fetch_add(&worker->exchanges, 1);
    }
    return NULL;
}

static void the_application_goes_on_while_the_server_stops(void **state)
{
    static struct worker workers[WORKERS];

    (void)state;
    for (int round = 0; round < 6; round++) {
        start_with(", pool: {max: 64}");
        memset(workers, 0, sizeof(workers));
        for (int i = 0; i < WORKERS; i++)
            assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
        for (int i = 0; i < WORKERS; i++)
            client_await(&workers[i].exchanges, 5);
        assert_int_equal(pl_server_stop(rig.server, 0), 0);
        for (int i = 0; i < WORKERS; i++) {
            pthread_join(workers[i].thread, NULL);
            assert_int_equal(workers[i].begun, workers[i].ended);
        }
        expect_no_buffer_taken();
        close_stopped();
    }
}

static void a_lease_may_outlive_the_stop(void **state)
{
    struct pl_upstream_lease leased, more;
    char reply[16];
    size_t length;

    (void)state;
    start_with("");
    assert_int_equal(pl_upstream_lease(upstream, 60000, &leased), 0);
    assert_int_equal(pl_server_stop(rig.server, 10), 0);
    assert_int_equal(pl_upstream_write(&leased, "echo hi\n", 8), 0);
    assert_int_equal(pl_upstream_read(&leased, reply, sizeof(reply), &length), 0);
    assert_int_equal(pl_upstream_lease(upstream, 1000, &more), -ESHUTDOWN);
    pl_upstream_return(&leased);
    expect_no_buffer_taken();
    close_stopped();
}

static void calls_in_line_are_answered_during_a_drain(void **state)
{
    enum { CALLS = 12 };
    static struct asked asked[CALLS];

    (void)state;
    start_with(", pool: {max: 2}");
    for (int i = 0; i < CALLS; i++)
        begin(&asked[i], "delay 10 x\n", NULL);
    assert_int_equal(pl_server_stop(rig.server, CLIENT_DEADLINE_MS), 0);
    for (int i = 0; i < CALLS; i++) {
        await(&asked[i]);
        assert_int_equal(asked[i].outcome, PL_UPSTREAM_REPLIED);
    }
    stop();
}

static void *stop_slowly(void *argument)
{
    (void)argument;
    assert_int_equal(pl_server_stop(rig.server, CLIENT_DEADLINE_MS), 0);
    return NULL;
}

/* The keeper of the pool has left by then: a new one ends the wait. */
static void a_wait_that_begins_in_a_drain_ends_in_time(void **state)
{
    static struct asked asked;
    struct pl_upstream_lease leased;
    pthread_t thread;

    (void)state;
    start_with(", pool: {max: 1}, timeouts: {wait: 50ms}");
    assert_int_equal(pl_upstream_lease(upstream, 60000, &leased), 0);
    assert_int_equal(pthread_create(&thread, NULL, stop_slowly, NULL), 0);
    client_expect_refusal(rig.port); /* its listener closes in the drain, as its keeper does */
    client_pause_ms(20);
    begin(&asked, "echo x\n", NULL);
    await(&asked);
    assert_int_equal(asked.outcome, PL_UPSTREAM_WAIT_TIMEOUT);
    pl_upstream_return(&leased);
    pthread_join(thread, NULL);
    stop();
}

/* Its wait could last for a minute; the drain ends when the last exchange has. */
static void a_drain_ends_with_the_last_exchange(void **state)
{
    static struct asked first, second;

    (void)state;
    start_with(", pool: {max: 1}, timeouts: {wait: 60s, total: 60s}");
    begin(&first, "delay 50 one\n", NULL);
    begin(&second, "echo two\n", NULL);
    client_await(&backend.requests, 1);
    /* An hour: were it not for the keeper, nothing would end it. */
    assert_int_equal(pl_server_stop(rig.server, 3600000), 0);
    await(&first);
    await(&second);
    assert_int_equal(second.outcome, PL_UPSTREAM_REPLIED);
    stop();
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(the_application_goes_on_while_the_server_stops),
    cmocka_unit_test(a_lease_may_outlive_the_stop),
    cmocka_unit_test(calls_in_line_are_answered_during_a_drain),
    cmocka_unit_test(a_wait_that_begins_in_a_drain_ends_in_time),
    cmocka_unit_test(a_stop_in_the_middle_ends_every_call),
    cmocka_unit_test(a_drain_ends_with_the_last_exchange),
};
const struct case_group upstream_ends = CASE_GROUP(cases);
