/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets which connection: the pool's lists and bounds, without a single socket. */
#include "upstream.h"

#include "clock.h"
#include "stats_block.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define MAX 3

static char text[] = "127.0.0.1:1", *texts[] = { text };
static struct pl_upstream_settings settings;
static struct pl_upstream upstream;
static struct pl_buffer_pool buffers;

static int setup(void **state)
{
    /* Never touched: a connection without a slot has no engine. */
    static struct pl_engine *const engines[1];
    struct pl_error error;

    (void)state;
    settings = (struct pl_upstream_settings){
        .name = (char[]){ "back" },
        .servers = { .items = texts, .count = 1 },
        .pool = { .max = MAX,
                  .max_waiters = 2,
                  .max_idle_us = 60000000,
                  .max_lifetime_us = 60000000 },
        .eject = { .failures = 1, .time_us = 60000000 },
    };
    memset(&upstream, 0, sizeof(upstream));
    if (pl_buffer_pool_init(&buffers, 1 << 20) < 0)
        return -1;
    return pl_upstream_open(&upstream, &settings, engines, &buffers, &error);
}

static int teardown(void **state)
{
    (void)state;
    pl_upstream_close(&upstream);
    pl_buffer_pool_deinit(&buffers);
    return 0;
}

static uint64_t count(enum pl_upstream_counter counter)
{
    return upstream.counters[counter];
}

static struct pl_upstream_conn *acquire(uint32_t set, enum pl_upstream_grant expected)
{
    const struct pl_upstream_waiter waiter = { .set = set };
    struct pl_upstream_conn *conn = NULL;

    assert_int_equal(pl_upstream_acquire_locked(&upstream, &waiter, &conn), expected);
    if (expected == PL_UPSTREAM_GRANT_NEW)
        conn->born_ms = pl_clock_ms();
    return conn;
}

static void pass_on(struct pl_upstream_conn *conn, enum pl_upstream_passed expected)
{
    assert_int_equal(pl_upstream_pass_on(conn, true), expected);
}

static void no_more_than_max_are_made(void **state)
{
    struct pl_upstream_conn *conns[MAX];

    (void)state;
    for (int i = 0; i < MAX; i++)
        conns[i] = acquire(0, PL_UPSTREAM_GRANT_NEW);
    assert_int_equal(upstream.open, MAX);
    (void)acquire(0, PL_UPSTREAM_GRANT_NONE);
    pl_upstream_gone(conns[1]);
    assert_int_equal(upstream.open, MAX - 1);
    assert_ptr_equal(acquire(0, PL_UPSTREAM_GRANT_NEW), conns[1]);
    (void)acquire(0, PL_UPSTREAM_GRANT_NONE);
    assert_int_equal(count(PL_UPSTREAM_COUNT_leases), MAX + 1);
}

static void the_last_used_is_lent_first(void **state)
{
    struct pl_upstream_conn *first = NULL, *second = NULL;

    (void)state;
    first = acquire(0, PL_UPSTREAM_GRANT_NEW);
    second = acquire(0, PL_UPSTREAM_GRANT_NEW);
    first->exchanges = second->exchanges = 1;
    pass_on(first, PL_UPSTREAM_PASSED_TO_REST);
    pass_on(second, PL_UPSTREAM_PASSED_TO_REST);
    assert_int_equal(upstream.idle_count, 2);
    assert_ptr_equal(acquire(0, PL_UPSTREAM_GRANT_IDLE), second);
    assert_ptr_equal(acquire(0, PL_UPSTREAM_GRANT_IDLE), first);
    assert_int_equal(count(PL_UPSTREAM_COUNT_reuses), 2);
    assert_int_equal(upstream.idle_count, 0);
}

static void the_own_set_comes_first_and_another_before_a_new_one(void **state)
{
    struct pl_upstream_conn *own, *other;

    (void)state;
    own = acquire(0, PL_UPSTREAM_GRANT_NEW);
    other = acquire(1, PL_UPSTREAM_GRANT_NEW);
    pass_on(own, PL_UPSTREAM_PASSED_TO_REST);
    pass_on(other, PL_UPSTREAM_PASSED_TO_REST); /* used last, but in the other set */
    assert_ptr_equal(acquire(0, PL_UPSTREAM_GRANT_IDLE), own);
    assert_ptr_equal(acquire(0, PL_UPSTREAM_GRANT_IDLE), other);
    assert_int_equal(upstream.open, 2);
}

static void those_in_line_are_served_in_order_and_the_line_is_bounded(void **state)
{
    struct pl_upstream_call_record *calls = upstream.calls;
    struct pl_upstream_lessee lessee = { .waiter = { .is_lessee = true } };
    struct pl_upstream_conn *conn;

    (void)state;
    conn = acquire(0, PL_UPSTREAM_GRANT_NEW);
    for (int i = 0; i < 2; i++)
        pl_list_unlink(&calls[i].waiter.link); /* from the free ones */
    assert_int_equal(pl_upstream_stand_in_line_locked(&upstream, &calls[0].waiter), 0);
    assert_int_equal(pl_upstream_stand_in_line_locked(&upstream, &lessee.waiter), 0);
    assert_int_equal(pl_upstream_stand_in_line_locked(&upstream, &calls[1].waiter), -EAGAIN);
    assert_int_equal(count(PL_UPSTREAM_COUNT_waits), 2);
    assert_int_equal(count(PL_UPSTREAM_COUNT_refusals), 1);
    assert_int_equal(upstream.waiting, 2);

    pass_on(conn, PL_UPSTREAM_PASSED_TO_CALL);
    assert_ptr_equal(conn->assigned, &calls[0]);
    assert_ptr_equal(calls[0].conn, conn);
    conn->assigned = NULL;
    pass_on(conn, PL_UPSTREAM_PASSED_TO_LESSEE);
    assert_ptr_equal(conn->lessee, &lessee);
    assert_ptr_equal(lessee.conn, conn);
    conn->lessee = NULL;
    pass_on(conn, PL_UPSTREAM_PASSED_TO_REST);
    assert_int_equal(upstream.waiting, 0);
    assert_int_equal(conn->server->leased, 0);
}

static void what_was_assigned_to_a_lost_connection_comes_first(void **state)
{
    struct pl_upstream_call_record *calls = upstream.calls;
    struct pl_upstream_conn *conns[MAX];

    (void)state;
    for (int i = 0; i < MAX; i++)
        conns[i] = acquire(0, PL_UPSTREAM_GRANT_NEW);
    for (int i = 0; i < 2; i++)
        pl_list_unlink(&calls[i].waiter.link);
    assert_int_equal(pl_upstream_stand_in_line_locked(&upstream, &calls[0].waiter), 0);
    pl_upstream_assign_locked(conns[0], &calls[1].waiter);
    upstream.is_serving = true; /* nothing is connected here */
    pl_upstream_gone(conns[0]);
    assert_null(calls[1].conn);
    assert_int_equal(upstream.waiting, 2);
    pass_on(conns[1], PL_UPSTREAM_PASSED_TO_CALL);
    assert_ptr_equal(conns[1]->assigned, &calls[1]);
    pass_on(conns[2], PL_UPSTREAM_PASSED_TO_CALL);
    assert_ptr_equal(conns[2]->assigned, &calls[0]);
}

static void a_lessee_in_line_connects_for_itself(void **state)
{
    struct pl_upstream_lessee lessee = { .waiter = { .is_lessee = true } };
    struct pl_upstream_conn *conns[MAX];

    (void)state;
    pthread_cond_init(&lessee.is_served, NULL);
    for (int i = 0; i < MAX; i++)
        conns[i] = acquire(0, PL_UPSTREAM_GRANT_NEW);
    assert_int_equal(pl_upstream_stand_in_line_locked(&upstream, &lessee.waiter), 0);
    pl_upstream_gone(conns[0]);
    assert_true(lessee.must_connect);
    assert_ptr_equal(lessee.conn, conns[0]);
    assert_int_equal(upstream.waiting, 0);
    assert_int_equal(upstream.visitors, 0);
    pthread_cond_destroy(&lessee.is_served);
}

static void the_old_are_not_passed_on(void **state)
{
    struct pl_upstream_conn *conn;

    (void)state;
    settings.pool.max_requests = 2;
    conn = acquire(0, PL_UPSTREAM_GRANT_NEW);
    conn->exchanges = 1;
    pass_on(conn, PL_UPSTREAM_PASSED_TO_REST);
    conn = acquire(0, PL_UPSTREAM_GRANT_IDLE);
    conn->exchanges = 2;
    pass_on(conn, PL_UPSTREAM_PASSED_TO_NOBODY);
    assert_int_equal(count(PL_UPSTREAM_COUNT_retires), 1);
    pl_upstream_gone(conn);

    conn = acquire(0, PL_UPSTREAM_GRANT_NEW);
    conn->born_ms -= settings.pool.max_lifetime_us / 1000 + 1;
    pass_on(conn, PL_UPSTREAM_PASSED_TO_NOBODY);
    assert_int_equal(count(PL_UPSTREAM_COUNT_retires), 2);
    pl_upstream_gone(conn);
    assert_int_equal(upstream.open, 0);
}

static void what_is_broken_is_not_passed_on(void **state)
{
    struct pl_upstream_conn *conn;

    (void)state;
    conn = acquire(0, PL_UPSTREAM_GRANT_NEW);
    assert_int_equal(pl_upstream_pass_on(conn, false), PL_UPSTREAM_PASSED_TO_NOBODY);
    assert_int_equal(count(PL_UPSTREAM_COUNT_retires), 0);
    assert_int_equal(conn->server->leased, 0);
    pl_upstream_gone(conn);
    assert_int_equal(conn->server->leased, 0);
}

static void a_name_that_stands_for_another_address_loses_its_connections(void **state)
{
    struct pl_upstream_conn *leased, *idle;
    struct sockaddr_in *address =
        (struct sockaddr_in *)(void *)&upstream.servers[0].addresses[0].socket;

    (void)state;
    leased = acquire(0, PL_UPSTREAM_GRANT_NEW);
    idle = acquire(0, PL_UPSTREAM_GRANT_NEW);
    pass_on(idle, PL_UPSTREAM_PASSED_TO_REST);
    assert_null(pl_upstream_doom_one_locked(&upstream, &upstream.servers[0]));
    address->sin_port = 0x1234;
    assert_ptr_equal(pl_upstream_doom_one_locked(&upstream, &upstream.servers[0]), idle);
    assert_null(pl_upstream_doom_one_locked(&upstream, &upstream.servers[0]));
    assert_int_equal(upstream.idle_count, 0);
    pass_on(leased, PL_UPSTREAM_PASSED_TO_NOBODY);
    pl_upstream_gone(leased);
    pl_upstream_gone(idle);
    assert_int_equal(upstream.open, 0);
    assert_int_equal(upstream.servers[0].leased, 0);
}

static void addresses_of_a_server_are_taken_in_turn(void **state)
{
    struct pl_upstream_server *server = &upstream.servers[0];

    (void)state;
    server->addresses[1] = server->addresses[0];
    ((struct sockaddr_in *)(void *)&server->addresses[1].socket)->sin_port = 0x1234;
    server->addresses_count = 2;
    for (int i = 0; i < MAX; i++) {
        const struct pl_upstream_conn *conn = acquire(0, PL_UPSTREAM_GRANT_NEW);

        assert_memory_equal(&conn->address.socket, &server->addresses[i % 2].socket,
                            conn->address.length);
    }
}

static void without_an_address_everybody_waits(void **state)
{
    (void)state;
    upstream.servers[0].addresses_count = 0;
    (void)acquire(0, PL_UPSTREAM_GRANT_NONE);
    assert_null(pl_upstream_acquire_to_warm_locked(&upstream));
}

static void those_made_ahead_count_like_any_other(void **state)
{
    struct pl_upstream_conn *conns[MAX];

    (void)state;
    for (int i = 0; i < MAX; i++) {
        conns[i] = pl_upstream_acquire_to_warm_locked(&upstream);
        assert_non_null(conns[i]);
        conns[i]->born_ms = pl_clock_ms();
    }
    assert_int_equal(upstream.warming, MAX);
    assert_null(pl_upstream_acquire_to_warm_locked(&upstream));
    (void)acquire(0, PL_UPSTREAM_GRANT_NONE);
    pass_on(conns[0], PL_UPSTREAM_PASSED_TO_REST);
    assert_int_equal(upstream.warming, MAX - 1);
    assert_int_equal(count(PL_UPSTREAM_COUNT_leases), 0);
    assert_ptr_equal(acquire(0, PL_UPSTREAM_GRANT_IDLE), conns[0]);
    pl_upstream_gone(conns[1]);
    assert_int_equal(upstream.warming, MAX - 2);
}

static void a_stopped_pool_grants_nothing(void **state)
{
    (void)state;
    upstream.is_stopped = true;
    (void)acquire(0, PL_UPSTREAM_GRANT_NONE);
    assert_null(pl_upstream_acquire_to_warm_locked(&upstream));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(no_more_than_max_are_made),
        CASE(the_last_used_is_lent_first),
        CASE(the_own_set_comes_first_and_another_before_a_new_one),
        CASE(those_in_line_are_served_in_order_and_the_line_is_bounded),
        CASE(what_was_assigned_to_a_lost_connection_comes_first),
        CASE(a_lessee_in_line_connects_for_itself),
        CASE(the_old_are_not_passed_on),
        CASE(what_is_broken_is_not_passed_on),
        CASE(a_name_that_stands_for_another_address_loses_its_connections),
        CASE(addresses_of_a_server_are_taken_in_turn),
        CASE(without_an_address_everybody_waits),
        CASE(those_made_ahead_count_like_any_other),
        CASE(a_stopped_pool_grants_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
