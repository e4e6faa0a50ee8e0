/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every dispatch model promises, under both armings. `contract_test` runs all combinations,
 * `contract_test MODEL ARMING THREADS [CASE]` one.
 */
#include "client.h"
#include "rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct combination {
    const char *model;
    const char *arming;
    uint32_t threads;
};

static const struct combination *current;
static struct rig rig;

/* PL_TEST_SCALE divides the counts of the long cases, for builds that are slow. */
static int scale = 1;
#define SCALE scale

static struct rig_options options_of_combination(void)
{
    struct rig_options options = rig_defaults();

    options.model = current->model;
    options.arming = current->arming;
    options.threads = current->threads;
    return options;
}

static void start(void)
{
    struct rig_options options = options_of_combination();

    rig_start(&rig, &options);
}

static bool has_several_threads(void)
{
    return current->threads > 1;
}

/* ---- requests and replies -------------------------------------------------------------------- */

static void one_request_gets_its_reply(void **state)
{
    int fd;

    (void)state;
    start();
    fd = client_connect(rig.port);
    client_say(fd, "echo hello\n");
    client_expect(fd, "hello\n");
    client_close(fd);
    rig_stop(&rig);
}

static void requests_follow_each_other_on_one_connection(void **state)
{
    int fd;

    (void)state;
    start();
    fd = client_connect(rig.port);
    for (int i = 0; i < 500 / SCALE; i++) {
        char text[64];

        snprintf(text, sizeof(text), "echo number %d\n", i);
        client_say(fd, text);
        client_expect(fd, text + 5);
    }
    client_close(fd);
    rig_stop(&rig);
}

static void request_split_at_every_byte_is_one_request(void **state)
{
    const char *text = "echo split\n";
    int fd;

    (void)state;
    start();
    fd = client_connect(rig.port);
    for (size_t split = 1; split < strlen(text); split++) {
        client_send(fd, text, split);
        client_pause_ms(1);
        client_send(fd, text + split, strlen(text) - split);
        client_expect(fd, "split\n");
    }
    for (const char *at = text; *at != '\0'; at++) {
        client_send(fd, at, 1);
        client_pause_ms(1);
    }
    client_expect(fd, "split\n");
    client_close(fd);
    rig_stop(&rig);
}

static void pipelined_replies_leave_in_order(void **state)
{
    static char batch[200000];
    char expected[64];
    size_t length = 0;
    int fd;

    (void)state;
    start();
    fd = client_connect(rig.port);
    for (int i = 0; i < 5000; i++)
        length += (size_t)snprintf(batch + length, sizeof(batch) - length, "echo %d\n", i);
    client_send(fd, batch, length);
    for (int i = 0; i < 5000; i++) {
        snprintf(expected, sizeof(expected), "%d\n", i);
        client_expect(fd, expected);
    }
    client_close(fd);
    rig_stop(&rig);
}

static void pipelined_kinds_of_reply_keep_their_order(void **state)
{
    int fd;

    (void)state;
    start();
    fd = client_connect(rig.port);
    client_say(fd, "echo a\nlater 5 b\njob 5 c\necho d\nbefore e\nsleep 2 f\njob 1 g\njob 1 h\n"
                   "later 1 i\necho j\n");
    client_expect(fd, "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n");
    client_close(fd);
    rig_stop(&rig);
}

static void many_connections_are_served_at_once(void **state)
{
    enum { COUNT = 200 };
    int fds[COUNT];

    (void)state;
    start();
    for (int i = 0; i < COUNT; i++)
        fds[i] = client_connect(rig.port);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < COUNT; i++) {
            char text[64];

            snprintf(text, sizeof(text), "echo %d of %d\n", i, round);
            client_say(fds[i], text);
        }
        for (int i = 0; i < COUNT; i++) {
            char text[64];

            snprintf(text, sizeof(text), "%d of %d\n", i, round);
            client_expect(fds[i], text);
        }
    }
    for (int i = 0; i < COUNT; i++)
        client_close(fds[i]);
    rig_stop(&rig);
}

static void no_request_is_lost_or_doubled(void **state)
{
    enum { COUNT = 16 };
    const int rounds = 200 / SCALE;
    int fds[COUNT];

    (void)state;
    start();
    for (int i = 0; i < COUNT; i++)
        fds[i] = client_connect(rig.port);
    for (int round = 0; round < rounds; round++)
        for (int i = 0; i < COUNT; i++)
            client_say(fds[i], "echo x\necho y\n");
    for (int round = 0; round < rounds; round++)
        for (int i = 0; i < COUNT; i++)
            client_expect(fds[i], "x\ny\n");
    assert_int_equal(rig.probe.commands, 2 * COUNT * rounds);
    for (int i = 0; i < COUNT; i++)
        client_close(fds[i]);
    rig_stop(&rig);
}

/* ---- completions ----------------------------------------------------------------------------- */

static void completion_from_another_thread_resumes(void **state)
{
    int fd;

    (void)state;
    start();
    fd = client_connect(rig.port);
    client_say(fd, "later 20 deferred\n");
    client_expect(fd, "deferred\n");
    client_close(fd);
    rig_stop(&rig);
}

static void completion_before_parking_is_not_lost(void **state)
{
    int fd;

    (void)state;
    start();
    fd = client_connect(rig.port);
    for (int i = 0; i < 200 / SCALE; i++) {
        client_say(fd, "before early\n");
        client_expect(fd, "early\n");
    }
    client_close(fd);
    rig_stop(&rig);
}

static void completion_races_with_parking(void **state)
{
    enum { COUNT = 20 };
    int fds[COUNT];

    (void)state;
    start();
    for (int i = 0; i < COUNT; i++)
        fds[i] = client_connect(rig.port);
    for (int round = 0; round < 40 / SCALE; round++) {
        for (int i = 0; i < COUNT; i++)
            client_say(fds[i], "later 0 now\n");
        for (int i = 0; i < COUNT; i++)
            client_expect(fds[i], "now\n");
    }
    for (int i = 0; i < COUNT; i++)
        client_close(fds[i]);
    rig_stop(&rig);
}

static void job_blocks_only_its_own_connection(void **state)
{
    int slow, quick;

    (void)state;
    if (!has_several_threads())
        return;
    start();
    slow = client_connect(rig.port);
    quick = client_connect(rig.port);
    client_say(slow, "job -1 slow\n");
    client_await(&rig.probe.blocked, 1);
    for (int i = 0; i < 10; i++) {
        client_say(quick, "echo quick\n");
        client_expect(quick, "quick\n");
    }
    /* The slow reply is not there yet: nobody waited for it. */
    assert_true(recv(slow, &(char){ 0 }, 1, MSG_DONTWAIT) < 0);
    probe_open_gate(&rig.probe);
    client_expect(slow, "slow\n");
    client_close(slow);
    client_close(quick);
    rig_stop(&rig);
}

static void undeclared_blocking_blocks_one_thread_only(void **state)
{
    int slow, quick;

    (void)state;
    if (!has_several_threads())
        return;
    start();
    slow = client_connect(rig.port);
    quick = client_connect(rig.port);
    client_say(slow, "sleep -1 slow\n");
    client_await(&rig.probe.blocked, 1);
    client_say(quick, "echo quick\n");
    client_expect(quick, "quick\n");
    assert_true(recv(slow, &(char){ 0 }, 1, MSG_DONTWAIT) < 0);
    probe_open_gate(&rig.probe);
    client_expect(slow, "slow\n");
    client_close(slow);
    client_close(quick);
    rig_stop(&rig);
}

static void hang_up_while_parked_is_seen(void **state)
{
    int fd;

    (void)state;
    start();
    fd = client_connect(rig.port);
    client_say(fd, "hold forever\n");
    client_await(&rig.probe.held, 1);
    client_reset(fd);
    client_await(&rig.probe.closed, 1);
    assert_int_equal(probe_release(&rig.probe), -ESTALE);
    rig_stop(&rig);
}

static void half_close_while_parked_still_gets_the_reply(void **state)
{
    int fd;

    (void)state;
    start();
    fd = client_connect(rig.port);
    client_say(fd, "hold answer\n");
    client_await(&rig.probe.held, 1);
    shutdown(fd, SHUT_WR);
    client_pause_ms(20);
    assert_int_equal(rig.probe.closed, 0);
    assert_int_equal(probe_release(&rig.probe), 0);
    client_expect(fd, "answer\n");
    client_expect_end(fd);
    client_close(fd);
    rig_stop(&rig);
}

static void reset_after_half_close_while_parked_is_seen(void **state)
{
    int fd;

    (void)state;
    start();
    fd = client_connect(rig.port);
    client_say(fd, "hold forever\n");
    client_await(&rig.probe.held, 1);
    shutdown(fd, SHUT_WR);
    client_pause_ms(20);
    client_reset(fd);
    client_await(&rig.probe.closed, 1);
    rig_stop(&rig);
}

static void late_completion_never_reaches_the_next_guest(void **state)
{
    int first, second;

    (void)state;
    start();
    first = client_connect(rig.port);
    client_say(first, "hold for-the-first\n");
    client_await(&rig.probe.held, 1);
    client_reset(first);
    client_await(&rig.probe.closed, 1);
    /* The slot that was freed last is used again. */
    second = client_connect(rig.port);
    client_say(second, "hold for-the-second\n");
    client_await(&rig.probe.held, 2);
    assert_int_equal(probe_release(&rig.probe), -ESTALE);
    assert_int_equal(probe_release(&rig.probe), 0);
    client_expect(second, "for-the-second\n");
    client_close(second);
    rig_stop(&rig);
}

static void input_while_parked_waits_its_turn(void **state)
{
    int fd;

    (void)state;
    start();
    fd = client_connect(rig.port);
    client_say(fd, "hold first\n");
    client_await(&rig.probe.held, 1);
    client_say(fd, "echo second\n");
    client_pause_ms(20);
    assert_true(recv(fd, &(char){ 0 }, 1, MSG_DONTWAIT) < 0);
    assert_int_equal(probe_release(&rig.probe), 0);
    client_expect(fd, "first\nsecond\n");
    client_close(fd);
    rig_stop(&rig);
}

/* ---- the end of connections ------------------------------------------------------------------ */

static void close_after_reply_delivers_the_reply(void **state)
{
    (void)state;
    start();
    for (int i = 0; i < 50 / SCALE; i++) {
        int fd = client_connect(rig.port);

        client_say(fd, "echo one\nclose two\n");
        client_expect(fd, "one\ntwo\n");
        client_expect_end(fd);
        client_close(fd);
    }
    rig_stop(&rig);
}

static void half_close_is_answered_before_closing(void **state)
{
    (void)state;
    start();
    for (int i = 0; i < 50 / SCALE; i++) {
        int fd = client_connect(rig.port);

        client_say(fd, "echo one\necho two\n");
        shutdown(fd, SHUT_WR);
        client_expect(fd, "one\ntwo\n");
        client_expect_end(fd);
        client_close(fd);
    }
    rig_stop(&rig);
}

static void data_and_end_in_one_event_are_both_seen(void **state)
{
    (void)state;
    start();
    for (int i = 0; i < 50 / SCALE; i++) {
        int fd = client_connect(rig.port);

        client_say(fd, "echo before\n");
        client_expect(fd, "before\n");
        /* The next bytes and the end of input come while the connection is idle. */
        client_say(fd, "echo last\n");
        shutdown(fd, SHUT_WR);
        client_expect(fd, "last\n");
        client_expect_end(fd);
        client_close(fd);
    }
    rig_stop(&rig);
}

static void reset_at_every_stage_is_survived(void **state)
{
    static const char *const stages[] = {
        "",          "ec",          "echo x\n",      "later 1 x\n",
        "job 1 x\n", "sleep 1 x\n", "big 3000000\n", "hold x\n",
        "close x\n"
    };
    uint32_t count = 0;

    (void)state;
    start();
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
            int fd = client_connect(rig.port);

            client_say(fd, stages[i]);
            if (round > 0)
                client_pause_ms(round * 2);
            client_reset(fd);
            count++;
        }
    client_await(&rig.probe.closed, count);
    rig_stop(&rig);
}

static void thousands_of_connects_and_disconnects(void **state)
{
    const int count = 10000 / SCALE;

    (void)state;
    start();
    for (int i = 0; i < count; i++) {
        int fd = client_connect(rig.port);

        client_say(fd, "echo x\n");
        if (i % 3 == 0)
            client_expect(fd, "x\n");
        /* A reset leaves no port waiting, so the test can go round as often as it likes. */
        client_reset(fd);
    }
    client_await(&rig.probe.closed, (uint32_t)count * 9 / 10);
    rig_stop(&rig);
}

/* ---- back-pressure --------------------------------------------------------------------------- */

static void slow_reader_gets_everything(void **state)
{
    enum { BYTES = 3000000 };
    static char found[BYTES + 1];
    int fd;

    (void)state;
    start();
    fd = client_connect(rig.port);
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
    rig_stop(&rig);
}

static void peer_that_does_not_read_is_not_read(void **state)
{
    enum { COUNT = 400 };
    static struct pl_stats stats;
    uint64_t taken;
    int fd;

    (void)state;
    start();
    fd = client_connect(rig.port);
    /* 40 MB of replies that nobody reads: the server must not take them into memory. */
    for (int i = 0; i < COUNT; i++)
        if (send(fd, "big 100000\n", 11, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            break;
    client_pause_ms(100);
    rig_stats(&rig, &stats);
    taken = stats.counters[PL_STAT_buffers_taken] - stats.counters[PL_STAT_buffers_given];
    assert_true(taken * PL_BUFFER_BYTES < 4 * 1024 * 1024);
    client_reset(fd);
    client_await(&rig.probe.closed, 1);
    rig_stop(&rig);
}

static void full_queue_waits_and_loses_nothing(void **state)
{
    enum { COUNT = 40 };
    struct rig_options options = options_of_combination();
    int fds[COUNT];

    (void)state;
    options.queue_max = 2;
    rig_start(&rig, &options);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = client_connect(rig.port);
        client_say(fds[i], "sleep 2 done\n");
    }
    for (int i = 0; i < COUNT; i++) {
        client_expect(fds[i], "done\n");
        client_close(fds[i]);
    }
    rig_stop(&rig);
}

static void full_queue_refuses_with_an_answer(void **state)
{
    enum { COUNT = 60 };
    struct rig_options options = options_of_combination();
    char found[16];
    int fds[COUNT], done = 0, busy = 0;

    (void)state;
    options.queue_max = 1;
    options.queue_full = PL_QUEUE_FULL_REFUSE;
    rig_start(&rig, &options);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = client_connect(rig.port);
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
    assert_int_equal(rig.probe.refusals, busy);
    assert_true(done > 0);
    rig_stop(&rig);
}

static void few_buffers_close_cleanly_and_never_hang(void **state)
{
    enum { COUNT = 30 };
    struct rig_options options = options_of_combination();
    char found[8];
    int fds[COUNT];

    (void)state;
    options.buffer_bytes = 64 * 1024;
    rig_start(&rig, &options);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = client_connect(rig.port);
        client_say(fds[i], "echo x");
    }
    for (int i = 0; i < COUNT; i++)
        (void)!send(fds[i], "\n", 1, MSG_NOSIGNAL);
    for (int i = 0; i < COUNT; i++) {
        shutdown(fds[i], SHUT_WR);
        (void)client_receive_all(fds[i], found, sizeof(found));
        client_close(fds[i]);
    }
    rig_stop(&rig);
}

/* ---- fairness -------------------------------------------------------------------------------- */

/* How long a polite client waits while another pipelines without end, in ms, the worst of some. */
static int64_t polite_wait(bool has_no_budget)
{
    struct rig_options options = options_of_combination();
    static char flood[60000];
    static char sink[65536];
    int64_t worst = 0;
    size_t length = 0;
    int greedy, polite;

    options.has_no_budget = has_no_budget;
    rig_start(&rig, &options);
    while (length + 8 < sizeof(flood)) {
        memcpy(flood + length, "echo ab\n", 8);
        length += 8;
    }
    greedy = client_connect(rig.port);
    polite = client_connect(rig.port);
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
    rig_stop(&rig);
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
    start();
    fd = client_connect(rig.port);
    while (length + 11 < sizeof(batch)) {
        memcpy(batch + length, "sleep 0 x\n", 10);
        length += 10;
    }
    client_send(fd, batch, length);
    for (size_t i = 0; i < length / 10; i++)
        client_expect(fd, "x\n");
    rig_stats(&rig, &stats);
    assert_true(stats.counters[PL_STAT_turns_cut] > 0);
    client_close(fd);
    rig_stop(&rig);
}

/* ---- events ---------------------------------------------------------------------------------- */

static void urgent_data_is_harmless(void **state)
{
    int fd;

    (void)state;
    start();
    fd = client_connect(rig.port);
    for (int i = 0; i < 10; i++) {
        client_say(fd, "echo bef");
        assert_int_equal(send(fd, "!", 1, MSG_OOB | MSG_NOSIGNAL), 1);
        client_say(fd, "ore\necho after\n");
        client_expect(fd, "before\nafter\n");
    }
    client_close(fd);
    rig_stop(&rig);
}

static void idle_connection_is_ended_by_its_deadline(void **state)
{
    struct rig_options options = options_of_combination();
    int fd;

    (void)state;
    options.idle_ms = 50;
    rig_start(&rig, &options);
    fd = client_connect(rig.port);
    client_expect(fd, "timeout\n");
    client_expect_end(fd);
    assert_int_equal(rig.probe.timeouts, 1);
    client_close(fd);
    rig_stop(&rig);
}

static void deadline_ends_a_parked_connection_and_its_reply_is_stale(void **state)
{
    struct rig_options options = options_of_combination();
    int fd;

    (void)state;
    options.handler_ms = 50;
    rig_start(&rig, &options);
    fd = client_connect(rig.port);
    client_say(fd, "hold too-late\n");
    client_expect(fd, "timeout\n");
    client_expect_end(fd);
    client_await(&rig.probe.closed, 1);
    assert_int_equal(probe_release(&rig.probe), -ESTALE);
    client_close(fd);
    rig_stop(&rig);
}

static void deadline_ends_a_job_that_blocks_too_long(void **state)
{
    struct rig_options options = options_of_combination();
    int fd;

    (void)state;
    if (!has_several_threads())
        return;
    options.handler_ms = 50;
    rig_start(&rig, &options);
    fd = client_connect(rig.port);
    client_say(fd, "job -1 too-late\n");
    client_expect(fd, "timeout\n");
    client_expect_end(fd);
    client_close(fd);
    client_await(&rig.probe.closed, 1);
    probe_open_gate(&rig.probe);
    rig_stop(&rig);
}

static void writer_that_makes_no_progress_is_closed(void **state)
{
    struct rig_options options = options_of_combination();
    int fd;

    (void)state;
    options.write_ms = 50;
    rig_start(&rig, &options);
    fd = client_connect(rig.port);
    client_say(fd, "big 30000000\n");
    client_await(&rig.probe.closed, 1);
    client_close(fd);
    rig_stop(&rig);
}

static void datagrams_come_back(void **state)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval patience = { .tv_sec = 20 };
    char found[2000];
    int fd;

    (void)state;
    start();
    address.sin_port = htons(rig.datagram_port);
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    for (size_t length = 0; length < 40; length++) {
        char text[40];

        memset(text, 'a' + (int)length % 26, sizeof(text));
        assert_int_equal(send(fd, text, length, 0), length);
        assert_int_equal(recv(fd, found, sizeof(found), 0), length);
        assert_memory_equal(found, text, length);
    }
    close(fd);
    rig_stop(&rig);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void connections_over_the_limit_wait_and_are_served(void **state)
{
    struct rig_options options = options_of_combination();
    int first, second;

    (void)state;
    options.conns_max = 1;
    rig_start(&rig, &options);
    first = client_connect(rig.port);
    client_say(first, "echo first\n");
    client_expect(first, "first\n");
    second = client_connect(rig.port);
    client_say(second, "echo second\n");
    client_pause_ms(30);
    assert_int_equal(rig.probe.opened, 1);
    client_close(first);
    client_expect(second, "second\n");
    client_close(second);
    rig_stop(&rig);
}

static void accepting_survives_a_lack_of_descriptors(void **state)
{
    struct rlimit before, few;
    int fillers[64];
    int count = 0;
    int fd;
    static struct pl_stats stats;

    (void)state;
    start();
    getrlimit(RLIMIT_NOFILE, &before);
    few = before;
    few.rlim_cur = (rlim_t)count_descriptors() + 8;
    setrlimit(RLIMIT_NOFILE, &few);
    while (count < 64 && (fillers[count] = dup(0)) >= 0)
        count++;
    close(fillers[--count]);
    fd = client_connect(rig.port);
    client_say(fd, "echo patience\n");
    /* The accept fails, is counted, tried again without spinning. */
    for (int64_t until = client_now_ms() + CLIENT_DEADLINE_MS;;) {
        if (rig_stats(&rig, &stats)->counters[PL_STAT_accept_failures] > 0)
            break;
        assert_true(client_now_ms() < until);
        client_pause_ms(5);
    }
    while (count > 0)
        close(fillers[--count]);
    setrlimit(RLIMIT_NOFILE, &before);
    client_expect(fd, "patience\n");
    assert_true(rig_stats(&rig, &stats)->counters[PL_STAT_polls] < 1000);
    client_close(fd);
    rig_stop(&rig);
}

/* ---- the end of the engine ------------------------------------------------------------------- */

static void drain_answers_what_is_in_flight(void **state)
{
    int idle, parked, working;
    struct pl_engine *engine = &rig.engine;

    (void)state;
    start();
    idle = client_connect(rig.port);
    client_say(idle, "echo x\n");
    client_expect(idle, "x\n");
    parked = client_connect(rig.port);
    client_say(parked, "hold answered\n");
    client_await(&rig.probe.held, 1);
    working = client_connect(rig.port);
    client_say(working, "job -1 finished\n");
    client_await(&rig.probe.blocked, 1);
    pl_engine_drain(engine);
    probe_open_gate(&rig.probe);
    client_expect_end(idle);
    assert_int_equal(probe_release(&rig.probe), 0);
    client_expect(parked, "answered\n");
    client_expect_end(parked);
    client_expect(working, "finished\n");
    client_expect_end(working);
    client_close(idle);
    client_close(parked);
    client_close(working);
    rig_stop(&rig);
}

/* A peer that never lets its connection come to rest must not outlive the drain. */
static void drain_ends_a_client_that_pipelines_without_end(void **state)
{
    static char flood[16000];
    static char sink[65536];
    int64_t until = client_now_ms() + CLIENT_DEADLINE_MS;
    bool is_open = true;
    size_t at = 0;
    int fd;

    (void)state;
    start();
    while (at + 8 <= sizeof(flood)) {
        memcpy(flood + at, "echo ab\n", 8);
        at += 8;
    }
    fd = client_connect(rig.port);
    (void)!send(fd, flood, at, MSG_DONTWAIT | MSG_NOSIGNAL);
    client_await(&rig.probe.commands, 1);
    pl_engine_drain(&rig.engine);
    while (is_open) {
        ssize_t received = recv(fd, sink, sizeof(sink), MSG_DONTWAIT);

        if (received == 0 || (received < 0 && errno != EAGAIN))
            is_open = false;
        else if (send(fd, flood, 800, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
            is_open = false;
        if (client_now_ms() > until)
            fail_msg("the connection is still served after the drain");
    }
    client_reset(fd);
    client_await(&rig.probe.closed, 1);
    rig_stop(&rig);
}

/* What a client had sent before the drain began is answered. */
static void drain_answers_a_request_that_already_stands_in_the_socket(void **state)
{
    (void)state;
    for (int i = 0; i < 20 / SCALE + 1; i++) {
        int fd;

        start();
        fd = client_connect(rig.port);
        client_say(fd, "echo first\n");
        client_expect(fd, "first\n");
        client_say(fd, "echo second\n");
        pl_engine_drain(&rig.engine);
        client_expect(fd, "second\n");
        client_expect_end(fd);
        client_close(fd);
        rig_stop(&rig);
    }
}

/* The I/O thread answers for workers that are all stuck. */
static void deadlines_pass_while_every_worker_blocks(void **state)
{
    struct rig_options options = options_of_combination();
    int slow[8], idle;

    (void)state;
    if (current->threads == 0 || strcmp(current->model, "leader_followers") == 0)
        return;
    options.idle_ms = 500;
    rig_start(&rig, &options);
    for (uint32_t i = 0; i < current->threads; i++) {
        slow[i] = client_connect(rig.port);
        client_say(slow[i], "sleep -1 late\n");
    }
    client_await(&rig.probe.blocked, current->threads);
    idle = client_connect(rig.port);
    client_expect(idle, "timeout\n");
    client_expect_end(idle);
    /* Nobody has come back yet: it was not a worker that answered. */
    for (uint32_t i = 0; i < current->threads; i++)
        assert_true(recv(slow[i], &(char){ 0 }, 1, MSG_DONTWAIT) < 0);
    probe_open_gate(&rig.probe);
    for (uint32_t i = 0; i < current->threads; i++) {
        client_expect(slow[i], "late\n");
        client_close(slow[i]);
    }
    client_close(idle);
    rig_stop(&rig);
}

static void stop_with_requests_in_flight_leaks_nothing(void **state)
{
    enum { COUNT = 30 };
    int fds[COUNT];

    (void)state;
    start();
    for (int i = 0; i < COUNT; i++) {
        fds[i] = client_connect(rig.port);
        client_say(fds[i], i % 3 == 0   ? "big 3000000\necho x\n"
                           : i % 3 == 1 ? "later 20 x\n"
                                        : "hold x\necho half");
    }
    client_pause_ms(5);
    rig_stop_at_once(&rig, fds, COUNT);
}

static void start_and_stop_can_repeat(void **state)
{
    (void)state;
    for (int i = 0; i < 200 / SCALE; i++) {
        int fd;

        start();
        fd = client_connect(rig.port);
        client_say(fd, "echo again\n");
        client_expect(fd, "again\n");
        client_close(fd);
        rig_stop(&rig);
    }
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(one_request_gets_its_reply),
    cmocka_unit_test(requests_follow_each_other_on_one_connection),
    cmocka_unit_test(request_split_at_every_byte_is_one_request),
    cmocka_unit_test(pipelined_replies_leave_in_order),
    cmocka_unit_test(pipelined_kinds_of_reply_keep_their_order),
    cmocka_unit_test(many_connections_are_served_at_once),
    cmocka_unit_test(no_request_is_lost_or_doubled),
    cmocka_unit_test(completion_from_another_thread_resumes),
    cmocka_unit_test(completion_before_parking_is_not_lost),
    cmocka_unit_test(completion_races_with_parking),
    cmocka_unit_test(job_blocks_only_its_own_connection),
    cmocka_unit_test(undeclared_blocking_blocks_one_thread_only),
    cmocka_unit_test(hang_up_while_parked_is_seen),
    cmocka_unit_test(half_close_while_parked_still_gets_the_reply),
    cmocka_unit_test(reset_after_half_close_while_parked_is_seen),
    cmocka_unit_test(late_completion_never_reaches_the_next_guest),
    cmocka_unit_test(input_while_parked_waits_its_turn),
    cmocka_unit_test(close_after_reply_delivers_the_reply),
    cmocka_unit_test(half_close_is_answered_before_closing),
    cmocka_unit_test(data_and_end_in_one_event_are_both_seen),
    cmocka_unit_test(reset_at_every_stage_is_survived),
    cmocka_unit_test(thousands_of_connects_and_disconnects),
    cmocka_unit_test(slow_reader_gets_everything),
    cmocka_unit_test(peer_that_does_not_read_is_not_read),
    cmocka_unit_test(full_queue_waits_and_loses_nothing),
    cmocka_unit_test(full_queue_refuses_with_an_answer),
    cmocka_unit_test(few_buffers_close_cleanly_and_never_hang),
    cmocka_unit_test(polite_client_is_served_beside_a_greedy_one),
    cmocka_unit_test(polite_client_is_served_without_a_budget_too),
    cmocka_unit_test(budget_cuts_a_long_turn),
    cmocka_unit_test(urgent_data_is_harmless),
    cmocka_unit_test(idle_connection_is_ended_by_its_deadline),
    cmocka_unit_test(deadline_ends_a_parked_connection_and_its_reply_is_stale),
    cmocka_unit_test(deadline_ends_a_job_that_blocks_too_long),
    cmocka_unit_test(writer_that_makes_no_progress_is_closed),
    cmocka_unit_test(datagrams_come_back),
    cmocka_unit_test(connections_over_the_limit_wait_and_are_served),
    cmocka_unit_test(accepting_survives_a_lack_of_descriptors),
    cmocka_unit_test(drain_answers_what_is_in_flight),
    cmocka_unit_test(drain_ends_a_client_that_pipelines_without_end),
    cmocka_unit_test(drain_answers_a_request_that_already_stands_in_the_socket),
    cmocka_unit_test(deadlines_pass_while_every_worker_blocks),
    cmocka_unit_test(stop_with_requests_in_flight_leaks_nothing),
    cmocka_unit_test(start_and_stop_can_repeat),
};

static const struct combination combinations[] = {
    { "leader_followers", "oneshot", 4 },
    { "leader_followers", "edge", 4 },
    { "leader_followers", "oneshot", 1 },
    { "half_sync_half_async", "oneshot", 3 },
    { "half_sync_half_async", "edge", 3 },
    { "reactor", "oneshot", 3 },
    { "reactor", "edge", 3 },
    { "reactor", "oneshot", 0 },
    { "reactor", "edge", 0 },
    { "proactor", "oneshot", 3 },
    { "proactor", "edge", 3 },
};

static int run(const struct combination *combination)
{
    char name[96];

    current = combination;
    snprintf(name, sizeof(name), "%s/%s/%u threads", combination->model, combination->arming,
             combination->threads);
    return _cmocka_run_group_tests(name, cases, sizeof(cases) / sizeof(cases[0]), NULL, NULL);
}

int main(int argc, char **argv)
{
    int failed = 0;

    if (getenv("PL_TEST_SCALE") != NULL)
        scale = atoi(getenv("PL_TEST_SCALE"));
    if (argc == 5)
        cmocka_set_test_filter(argv[4]);
    if (argc >= 4) {
        struct combination one = { argv[1], argv[2], (uint32_t)strtoul(argv[3], NULL, 10) };

        return run(&one) != 0;
    }
    for (size_t i = 0; i < sizeof(combinations) / sizeof(combinations[0]); i++)
        failed += run(&combinations[i]);
    return failed != 0;
}
