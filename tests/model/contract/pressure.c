/* SPDX-License-Identifier: Apache-2.0 */
/* Slow readers, full queues, few buffers, greedy peers. */
#include "contract.h"

#include <string.h>
#include <sys/socket.h>

static void slow_reader_gets_everything(void **state)
{
    enum { BYTES = 3000000 };
    static char found[BYTES + 1];
    int fd;

    (void)state;
    contract_start();
    fd = client_connect(contract.rig.port);
    client_say(fd, "big 3000000\necho after\n");
    client_pause_ms(50);
    for (size_t at = 0; at < BYTES; at += 100000) {
        client_receive(fd, found + at, 100000);
        client_pause_ms(1);
    }
    for (size_t i = 0; i < BYTES; i++)
        if (found[i] != 'x')
            fail_msg("byte %zu is %d", i, found[i]);
    client_expect(fd, "\nafter\n");
    client_close(fd);
    rig_stop(&contract.rig);
}

static void peer_that_does_not_read_is_not_read(void **state)
{
    enum { COUNT = 400 };
    static struct pl_stats stats;
    uint64_t taken;
    int fd;

    (void)state;
    contract_start();
    fd = client_connect(contract.rig.port);
    /* 40 MB of replies that nobody reads: the server must not take them into memory. */
    for (int i = 0; i < COUNT; i++)
        if (send(fd, "big 100000\n", 11, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            break;
    client_pause_ms(100);
    rig_stats(&contract.rig, &stats);
    taken = stats.counters[PL_STAT_buffers_taken] - stats.counters[PL_STAT_buffers_given];
    assert_true(taken * PL_BUFFER_BYTES < 4 * 1024 * 1024);
    client_reset(fd);
    client_await(&contract.rig.probe.closed, 1);
    rig_stop(&contract.rig);
}

static void full_queue_waits_and_loses_nothing(void **state)
{
    enum { COUNT = 40 };
    struct rig_options options = contract_options();
    int fds[COUNT];

    (void)state;
    options.queue_max = 2;
    rig_start(&contract.rig, &options);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = client_connect(contract.rig.port);
        client_say(fds[i], "sleep 2 done\n");
    }
    for (int i = 0; i < COUNT; i++) {
        client_expect(fds[i], "done\n");
        client_close(fds[i]);
    }
    rig_stop(&contract.rig);
}

static void full_queue_refuses_with_an_answer(void **state)
{
    enum { COUNT = 60 };
    struct rig_options options = contract_options();
    char found[16];
    int fds[COUNT], done = 0, busy = 0;

    (void)state;
    options.queue_max = 1;
    options.queue_full = PL_QUEUE_FULL_REFUSE;
    rig_start(&contract.rig, &options);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = client_connect(contract.rig.port);
        client_say(fds[i], "sleep 5 done\n");
    }
    for (int i = 0; i < COUNT; i++) {
        client_receive(fds[i], found, 5);
        if (memcmp(found, "done\n", 5) == 0)
            done++;
        else if (memcmp(found, "busy\n", 5) == 0)
            busy++;
        client_close(fds[i]);
    }
    assert_int_equal(done + busy, COUNT);
    assert_int_equal(contract.rig.probe.refusals, busy);
    assert_true(done > 0);
    rig_stop(&contract.rig);
}

static void few_buffers_close_cleanly_and_never_hang(void **state)
{
    enum { COUNT = 30 };
    struct rig_options options = contract_options();
    char found[8];
    int fds[COUNT];

    (void)state;
    options.buffer_bytes = 64 * 1024;
    rig_start(&contract.rig, &options);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = client_connect(contract.rig.port);
        client_say(fds[i], "echo x");
    }
    for (int i = 0; i < COUNT; i++)
        (void)!send(fds[i], "\n", 1, MSG_NOSIGNAL);
    for (int i = 0; i < COUNT; i++) {
        shutdown(fds[i], SHUT_WR);
        (void)client_receive_all(fds[i], found, sizeof(found));
        client_close(fds[i]);
    }
    rig_stop(&contract.rig);
}

/* ---- fairness -------------------------------------------------------------------------------- */

/* How long a polite client waits while another pipelines without end, in ms, the worst of some. */
static int64_t polite_wait(bool has_no_budget)
{
    struct rig_options options = contract_options();
    static char flood[60000];
    static char sink[65536];
    int64_t worst = 0;
    size_t length = 0;
    int greedy, polite;

    options.has_no_budget = has_no_budget;
    rig_start(&contract.rig, &options);
    while (length + 8 < sizeof(flood)) {
        memcpy(flood + length, "echo ab\n", 8);
        length += 8;
    }
    greedy = client_connect(contract.rig.port);
    polite = client_connect(contract.rig.port);
    for (int i = 0; i < 30; i++) {
        int64_t begin = client_now_ms();

        (void)!send(greedy, flood, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        client_say(polite, "echo me\n");
        client_expect(polite, "me\n");
        if (client_now_ms() - begin > worst)
            worst = client_now_ms() - begin;
        while (recv(greedy, sink, sizeof(sink), MSG_DONTWAIT) > 0)
            ;
    }
    client_reset(greedy);
    client_close(polite);
    rig_stop(&contract.rig);
    return worst;
}

/* Progress is what is promised here; how much faster it is, docs/fairness.md measures. */
static void polite_client_is_served_beside_a_greedy_one(void **state)
{
    (void)state;
    assert_true(polite_wait(false) < CLIENT_DEADLINE_MS);
}

static void polite_client_is_served_without_a_budget_too(void **state)
{
    (void)state;
    assert_true(polite_wait(true) < CLIENT_DEADLINE_MS);
}

static void budget_cuts_a_long_turn(void **state)
{
    static char batch[120000];
    static struct pl_stats stats;
    size_t length = 0;
    int fd;

    (void)state;
    contract_start();
    fd = client_connect(contract.rig.port);
    while (length + 11 < sizeof(batch)) {
        memcpy(batch + length, "sleep 0 x\n", 10);
        length += 10;
    }
    client_send(fd, batch, length);
    for (size_t i = 0; i < length / 10; i++)
        client_expect(fd, "x\n");
    rig_stats(&contract.rig, &stats);
    assert_true(stats.counters[PL_STAT_turns_cut] > 0);
    client_close(fd);
    rig_stop(&contract.rig);
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(slow_reader_gets_everything),
    cmocka_unit_test(peer_that_does_not_read_is_not_read),
    cmocka_unit_test(full_queue_waits_and_loses_nothing),
    cmocka_unit_test(full_queue_refuses_with_an_answer),
    cmocka_unit_test(few_buffers_close_cleanly_and_never_hang),
    cmocka_unit_test(polite_client_is_served_beside_a_greedy_one),
    cmocka_unit_test(polite_client_is_served_without_a_budget_too),
    cmocka_unit_test(budget_cuts_a_long_turn),
};

const struct case_group contract_pressure = CASE_GROUP(cases);
