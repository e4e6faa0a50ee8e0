/* SPDX-License-Identifier: Apache-2.0 */
/* What a turn leaves attached to a connection that its thread lets go. */
#include "conn.h"
#include "rig.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct fixture {
    struct pl_buffer_pool pool;
    struct pl_stats_block stats;
    struct pl_thread thread;
    struct pl_protocol protocol;
    struct pl_service service;
    struct pl_conn conn;
    int peer_fd;
};

static struct fixture f;
static enum pl_next answer; /* of the protocol, to whatever is there */

static enum pl_next process(struct pl_conn *conn)
{
    if (answer == PL_WAIT)
        pl_conn_wait_for(conn, PL_READABLE);
    return answer;
}

/* It comes with a notice: a receive that finds nothing asks the protocol all the same. */
static int setup(void **state)
{
    int fds[2];

    (void)state;
    memset(&f, 0, sizeof(f));
    if (pl_buffer_pool_init(&f.pool, 1 << 20) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0)
        return -1;
    f.peer_fd = fds[1];
    f.thread.stats = &f.stats;
    f.thread.turn_input_left = PL_TURN_INPUT_BYTES_MAX;
    pl_buffer_cache_init(&f.thread.cache, &f.pool, &f.stats);
    f.protocol = (struct pl_protocol){ .name = "fake", .process = process, .shutdown = process };
    f.service.protocol = &f.protocol;
    pl_conn_init(&f.conn, &pl_conn_kind, &f.service, fds[0]);
    (void)pl_claim_open(&f.conn.slot.claim);
    f.conn.slot.thread = &f.thread;
    f.conn.slot.next = PL_RUN_RECEIVE;
    f.conn.is_readable = true;
    f.conn.notices = PL_SHUTDOWN;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    close(f.peer_fd);
    close(f.conn.slot.handle.fd);
    pl_buffer_cache_deinit(&f.thread.cache);
    pl_buffer_pool_deinit(&f.pool);
    return 0;
}

static void expect_no_buffer_left(enum pl_next expected)
{
    answer = expected;
    assert_int_equal(pl_conn_run(&f.conn.slot, PL_STAGES_ALL), expected);
    assert_null(f.conn.input);
    assert_int_equal(f.stats.counters[PL_STAT_buffers_taken], 1);
    assert_int_equal(f.stats.counters[PL_STAT_buffers_given], 1);
}

static void a_connection_that_waits_holds_no_empty_buffer(void **state)
{
    (void)state;
    expect_no_buffer_left(PL_WAIT);
}

static void a_connection_that_is_lent_holds_no_empty_buffer(void **state)
{
    (void)state;
    expect_no_buffer_left(PL_LEND);
}

int main(void)
{
    static const struct CMUnitTest cases[] = {
        cmocka_unit_test_setup_teardown(a_connection_that_waits_holds_no_empty_buffer, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_connection_that_is_lent_holds_no_empty_buffer, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(cases, NULL, NULL);
}
