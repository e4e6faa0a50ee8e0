/* SPDX-License-Identifier: Apache-2.0 */
/* limits.rate_min over a body that comes in pieces, and output that leaves in pieces. The thread's
 * clock is the test's. */
#include "client.h"
#include "conn.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define RATE_MIN 500 /* bytes per second */
#define BODY_MS  30000

static struct {
    struct pl_buffer_pool pool;
    struct pl_stats_block stats;
    struct pl_thread thread;
    struct pl_protocol protocol;
    struct pl_service service;
    struct pl_engine_face engine; /* only what a ledger is found through */
    struct pl_slot_table table;
    struct pl_ledger ledger;
    struct pl_conn conn;
    int64_t due_ms;
    int peer_fd;
} f;

static int setup(void **state)
{
    (void)state;
    memset(&f, 0, sizeof(f));
    f.thread.now_ns = pl_clock_ns();
    f.protocol.name = "fake";
    f.service.protocol = &f.protocol;
    f.service.rate_min = RATE_MIN;
    f.service.body_ms = BODY_MS;
    pl_conn_init(&f.conn, &pl_conn_kind, &f.service, -1);
    (void)pl_claim_open(&f.conn.slot.claim);
    f.conn.slot.thread = &f.thread;
    f.table.ledgers = &f.ledger;
    f.engine.table = &f.table;
    f.conn.slot.engine = (struct pl_engine *)(void *)&f.engine;
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

/* ---- output --------------------------------------------------------------------------------- */

static void connect_pair(int *ret_fd, int *ret_peer_fd)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) } };
    socklen_t length = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    *ret_peer_fd = client_connect(ntohs(address.sin_port));
    *ret_fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(*ret_fd >= 0);
    client_close(listener);
}

static int setup_output(void **state)
{
    static char big[64 * 1024 * 1024];

    setup(state);
    assert_int_equal(pl_buffer_pool_init(&f.pool, 1 << 20), 0);
    f.thread.stats = &f.stats;
    f.thread.turn_output_left = SIZE_MAX;
    pl_buffer_cache_init(&f.thread.cache, &f.pool, &f.stats);
    f.service.write_ms = 0; /* so that it has always passed */
    f.service.rate_min = 1;
    connect_pair(&f.conn.slot.handle.fd, &f.peer_fd);
    f.conn.output.cache = &f.thread.cache;
    f.conn.after_send = PL_CLOSE;
    assert_int_equal(pl_output_append_borrowed(&f.conn.output, big, sizeof(big)), 0);
    return 0;
}

static int teardown_output(void **state)
{
    (void)state;
    pl_output_drop(&f.conn.output);
    pl_close_fd(&f.conn.slot.handle.fd);
    pl_close_fd(&f.peer_fd);
    pl_buffer_cache_deinit(&f.thread.cache);
    pl_buffer_pool_deinit(&f.pool);
    return 0;
}

static enum pl_next run_with_time_out(void)
{
    pl_thread_tick(&f.thread);
    f.conn.notices |= PL_TIMEOUT;
    f.conn.slot.next = PL_RUN_SEND;
    return pl_conn_run(&f.conn.slot, PL_STAGES_ALL);
}

/* Reads until the kernel has told the sender so. */
static void read_a_little(void)
{
    uint32_t before = f.conn.unacknowledged_bytes;
    char bytes[4096];

    while (pl_socket_count_unacknowledged(f.conn.slot.handle.fd) >= before)
        client_receive(f.peer_fd, bytes, sizeof(bytes));
}

static void a_peer_that_reads_is_not_cut_however_slowly(void **state)
{
    (void)state;
    f.conn.slot.next = PL_RUN_SEND;
    assert_int_equal(pl_conn_run(&f.conn.slot, PL_STAGES_ALL), PL_WAIT);
    for (int i = 0; i < 20; i++) {
        read_a_little();
        assert_int_equal(run_with_time_out(), PL_WAIT);
        assert_int_equal(f.conn.notices, 0);
    }
}

static void a_time_out_of_another_kind_is_no_write_deadline(void **state)
{
    (void)state;
    f.service.write_ms = BODY_MS;
    f.conn.slot.next = PL_RUN_SEND;
    assert_int_equal(pl_conn_run(&f.conn.slot, PL_STAGES_ALL), PL_WAIT);
    read_a_little();
    assert_int_equal(run_with_time_out(), PL_CLOSE);
}

/* What the peer takes counts when it is taken, and not once more when its room is filled again. */
static void what_a_peer_has_read_counts_once(void **state)
{
    size_t held, waiting;

    (void)state;
    f.conn.slot.next = PL_RUN_SEND;
    assert_int_equal(pl_conn_run(&f.conn.slot, PL_STAGES_ALL), PL_WAIT);
    held = f.conn.unacknowledged_bytes;
    waiting = pl_output_length(&f.conn.output);
    for (int i = 0; i < 20; i++) {
        read_a_little();
        assert_int_equal(run_with_time_out(), PL_WAIT);
    }
    held += waiting - pl_output_length(&f.conn.output);
    assert_int_equal(f.conn.window_bytes, held - f.conn.unacknowledged_bytes);
}

/* What is on its way when it stops may still arrive. */
static void a_peer_that_reads_no_more_is_cut(void **state)
{
    enum pl_next next = PL_WAIT;

    (void)state;
    f.conn.slot.next = PL_RUN_SEND;
    assert_int_equal(pl_conn_run(&f.conn.slot, PL_STAGES_ALL), PL_WAIT);
    for (int i = 0; i < 1000 && next == PL_WAIT; i++) {
        client_pause_ms(5);
        next = run_with_time_out();
    }
    assert_int_equal(next, PL_CLOSE);
    assert_int_equal(f.stats.counters[PL_STAT_timeouts], 1);
}

static void a_peer_that_reads_less_than_rate_min_is_cut(void **state)
{
    (void)state;
    f.service.rate_min = UINT32_MAX;
    f.conn.slot.next = PL_RUN_SEND;
    assert_int_equal(pl_conn_run(&f.conn.slot, PL_STAGES_ALL), PL_WAIT);
    f.conn.window_ms -= BODY_MS;
    read_a_little();
    assert_int_equal(run_with_time_out(), PL_CLOSE);
}

int main(void)
{
    static const struct CMUnitTest cases[] = {
        cmocka_unit_test_setup(who_sends_too_little_is_seen_after_the_window, setup),
        cmocka_unit_test_setup(who_sends_enough_is_left_alone, setup),
        cmocka_unit_test_setup(what_interrupts_a_body_does_not_begin_the_window_anew, setup),
        cmocka_unit_test_setup(the_time_of_an_interruption_is_not_the_clients, setup),
        cmocka_unit_test_setup(a_window_that_was_used_meanwhile_begins_anew, setup),
        cmocka_unit_test_setup_teardown(a_peer_that_reads_is_not_cut_however_slowly, setup_output,
                                        teardown_output),
        cmocka_unit_test_setup_teardown(a_time_out_of_another_kind_is_no_write_deadline,
                                        setup_output, teardown_output),
        cmocka_unit_test_setup_teardown(what_a_peer_has_read_counts_once, setup_output,
                                        teardown_output),
        cmocka_unit_test_setup_teardown(a_peer_that_reads_no_more_is_cut, setup_output,
                                        teardown_output),
        cmocka_unit_test_setup_teardown(a_peer_that_reads_less_than_rate_min_is_cut, setup_output,
                                        teardown_output),
    };

    return cmocka_run_group_tests(cases, NULL, NULL);
}
