/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who runs a handler, and who stands in for it: in passing, promoted, found by the deputy. The
 * cases say themselves what is known of a handler's time where a measured one would depend on the
 * machine.
 */
#include "contract.h"

#include <string.h>
#include <sys/epoll.h>

#define KNOWN_QUICK_NS 1000
#define KNOWN_SLOW_NS  10000000

static bool is_model(const char *name)
{
    return strncmp(contract.current->model, name, strlen(name)) == 0;
}

static bool has_words(const char *words)
{
    return strstr(contract.current->model, words) != NULL;
}

static void know_quick(void)
{
    atomic_store(&contract.rig.probe.quick.average_ns, KNOWN_QUICK_NS);
}

static uint64_t counted(enum pl_stat stat)
{
    static struct pl_stats stats;

    return rig_stats(&contract.rig, &stats)->counters[stat];
}

/* A thread has come back from its turn and waits for events: what it measured is written. */
static void await_somebody_who_waits(void)
{
    static struct pl_stats stats;
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;

    while (rig_stats(&contract.rig, &stats)->threads[PL_ROLE_LEADER] == 0)
        if (client_now_ms() > until_ms)
            fail_msg("nobody waits for events");
}

static void receive_line(int fd, char *line, size_t size)
{
    size_t length = 0;

    do {
        assert_true(length + 1 < size);
        client_receive(fd, line + length, 1);
    } while (line[length++] != '\n');
    line[length - 1] = '\0';
}

/* The name of the thread that runs a quick handler now. */
static const char *who_runs(int fd)
{
    static char name[32];

    client_say(fd, "who\n");
    receive_line(fd, name, sizeof(name));
    return name;
}

static bool is_io_thread(const char *name)
{
    return strncmp(name, "io-", 3) == 0;
}

static void expect_echo(int fd)
{
    client_say(fd, "echo ab\n");
    client_expect(fd, "ab\n");
}

/* ---- in passing --------------------------------------------------------------------------------
 */

static void quick_handler_runs_in_passing_where_nothing_else_is_to_be_done(void **state)
{
    int64_t until_ms;
    int in_passing = 0;
    int fd;

    (void)state;
    if (!contract_has_io_thread() || has_words("+handed"))
        skip();
    contract_start();
    fd = client_connect(contract.rig.port);
    until_ms = client_now_ms() + CLIENT_DEADLINE_MS;
    while (in_passing < 10 && client_now_ms() < until_ms) {
        know_quick();
        in_passing += is_io_thread(who_runs(fd));
    }
    assert_true(in_passing == 10);
    client_close(fd);
    rig_stop(&contract.rig);
}

static void no_handler_runs_in_passing_where_it_is_handed_over(void **state)
{
    int fd;

    (void)state;
    if (!contract_has_io_thread() || !has_words("+handed"))
        skip();
    contract_start();
    fd = client_connect(contract.rig.port);
    for (int i = 0; i < 100; i++) {
        know_quick();
        assert_false(is_io_thread(who_runs(fd)));
    }
    client_close(fd);
    rig_stop(&contract.rig);
}

static void handler_that_is_not_known_to_be_quick_is_handed_over(void **state)
{
    static const uint32_t averages_ns[] = { 0, KNOWN_SLOW_NS };
    int fd;

    (void)state;
    if (!contract_has_io_thread())
        skip();
    contract_start();
    fd = client_connect(contract.rig.port);
    for (int i = 0; i < 20; i++) {
        atomic_store(&contract.rig.probe.quick.average_ns, averages_ns[i % 2]);
        assert_false(is_io_thread(who_runs(fd)));
        await_somebody_who_waits();
    }
    client_close(fd);
    rig_stop(&contract.rig);
}

/* Once it has kept the I/O thread, it never does again. */
static void quick_handler_that_turned_slow_is_handed_over_from_then_on(void **state)
{
    int fd;

    (void)state;
    if (!contract_has_io_thread())
        skip();
    contract_start();
    fd = client_connect(contract.rig.port);
    know_quick();
    client_say(fd, "stall 40 done\n");
    client_expect(fd, "done\n");
    assert_false(is_io_thread(who_runs(fd)));
    client_close(fd);
    rig_stop(&contract.rig);
}

static void slow_handler_keeps_no_thread_that_waits_for_events(void **state)
{
    static const uint32_t averages_ns[] = { 0, KNOWN_SLOW_NS };

    (void)state;
    if (!contract_has_pool())
        skip();
    for (size_t i = 0; i < sizeof(averages_ns) / sizeof(averages_ns[0]); i++) {
        int slow, other;

        contract_start();
        atomic_store(&contract.rig.probe.slow.average_ns, averages_ns[i]);
        slow = client_connect(contract.rig.port);
        other = client_connect(contract.rig.port);
        client_say(slow, "sleep -1 done\n");
        client_await(&contract.rig.probe.blocked, 1);
        for (int k = 0; k < 20; k++)
            expect_echo(other);
        probe_open_gate(&contract.rig.probe);
        client_expect(slow, "done\n");
        client_close(slow);
        client_close(other);
        rig_stop(&contract.rig);
    }
}

/* ---- standing in -------------------------------------------------------------------------------
 */

/* Nothing foresaw it: in leader/followers, somebody else leads all the same. */
static void quick_handler_that_gets_stuck_stops_nobody_else(void **state)
{
    (void)state;
    if (!is_model("leader_followers") || contract.current->threads < 2)
        skip();
    for (int round = 0; round < 3; round++) {
        int stuck, other, late;

        contract_start();
        other = client_connect(contract.rig.port);
        stuck = client_connect(contract.rig.port);
        expect_echo(other);
        expect_echo(stuck);
        await_somebody_who_waits();
        know_quick();
        client_say(stuck, "stall -1 done\n");
        client_await(&contract.rig.probe.blocked, 1);
        for (int k = 0; k < 5; k++)
            expect_echo(other);
        late = client_connect(contract.rig.port);
        expect_echo(late);
        probe_open_gate(&contract.rig.probe);
        client_expect(stuck, "done\n");
        client_close(stuck);
        client_close(other);
        client_close(late);
        rig_stop(&contract.rig);
    }
}

/* Unless a thread on its way to sleep has seen that nobody leads, which no deputy counts. */
static bool promotes_for_a_section(int fd)
{
    uint64_t promotions;

    await_somebody_who_waits();
    know_quick();
    promotions = counted(PL_STAT_promotions);
    client_say(fd, "section 0 done\n");
    client_expect(fd, "done\n");
    return counted(PL_STAT_promotions) > promotions;
}

static void section_that_blocks_promotes_at_once(void **state)
{
    int tries = 0;
    int blocked, other;

    (void)state;
    if (!is_model("leader_followers") || contract.current->threads < 2)
        skip();
    contract_start();
    other = client_connect(contract.rig.port);
    blocked = client_connect(contract.rig.port);
    expect_echo(other);
    if (!has_words("+"))
        while (!promotes_for_a_section(blocked))
            assert_true(++tries < 100);
    await_somebody_who_waits();
    know_quick();
    client_say(blocked, "section -1 done\n");
    client_await(&contract.rig.probe.blocked, 1);
    expect_echo(other);
    assert_true(counted(PL_STAT_blocking) > 0);
    probe_open_gate(&contract.rig.probe);
    client_expect(blocked, "done\n");
    client_close(blocked);
    client_close(other);
    rig_stop(&contract.rig);
}

static void quick_requests_of_one_client_promote_as_the_setting_says(void **state)
{
    enum { REQUESTS = 200 };
    uint64_t promotions;
    int fd;

    (void)state;
    if (!is_model("leader_followers"))
        skip();
    contract_start();
    fd = client_connect(contract.rig.port);
    expect_echo(fd);
    await_somebody_who_waits();
    promotions = counted(PL_STAT_promotions);
    for (int i = 0; i < REQUESTS; i++) {
        know_quick();
        expect_echo(fd);
        await_somebody_who_waits();
    }
    promotions = counted(PL_STAT_promotions) - promotions;
    if (has_words("+always"))
        assert_true(promotions >= REQUESTS);
    else if (has_words("+kernel"))
        assert_int_equal(promotions, 0);
    else
        assert_true(promotions <= REQUESTS / 10);
    client_close(fd);
    rig_stop(&contract.rig);
}

/* ---- connections that never wait ----------------------------------------------------------------
 */

static void connections_that_never_wait_keep_nobody_out(void **state)
{
    enum { SPINNING_MAX = 8, NEW = 6 };
    int spinning[SPINNING_MAX];
    int count = (int)contract.current->threads + 1;

    (void)state;
    assert_true(count <= SPINNING_MAX);
    contract_start();
    for (int i = 0; i < count; i++) {
        spinning[i] = client_connect(contract.rig.port);
        client_say(spinning[i], "spin done\n");
    }
    client_await(&contract.rig.probe.spins, (uint32_t)count * 10);
    for (int i = 0; i < NEW; i++) {
        int fd = client_connect(contract.rig.port);

        expect_echo(fd);
        expect_echo(fd);
        client_close(fd);
    }
    probe_open_gate(&contract.rig.probe);
    for (int i = 0; i < count; i++) {
        client_expect(spinning[i], "done\n");
        client_close(spinning[i]);
    }
    rig_stop(&contract.rig);
}

/* ---- new connections ----------------------------------------------------------------------------
 */

static _Atomic uint32_t descriptors_added; /* to any handle set */

int __real_epoll_ctl(int set, int operation, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int set, int operation, int fd, struct epoll_event *event);

int __wrap_epoll_ctl(int set, int operation, int fd, struct epoll_event *event)
{
    if (operation == EPOLL_CTL_ADD)
        atomic_fetch_add(&descriptors_added, 1);
    return __real_epoll_ctl(set, operation, fd, event);
}

/* The second client has spoken before it is accepted: the first has the only place. */
static void client_that_has_spoken_is_served_without_the_handle_set(void **state)
{
    struct rig_options options = contract_options();
    bool is_read_by_others = is_model("reactor") && contract.current->threads > 0;
    uint32_t added;
    int first, second;

    (void)state;
    options.conns_max = 1;
    rig_start(&contract.rig, &options);
    added = atomic_load(&descriptors_added) + 1;
    first = client_connect(contract.rig.port);
    expect_echo(first);
    client_await(&descriptors_added, added); /* it waits for its next request */
    second = client_connect(contract.rig.port);
    client_say(second, "close bye\n");
    client_close(first);
    client_expect(second, "bye\n");
    client_expect_end(second);
    if (!is_read_by_others)
        assert_int_equal(atomic_load(&descriptors_added), added);
    client_close(second);
    rig_stop(&contract.rig);
}

static void client_that_says_nothing_meets_its_deadline(void **state)
{
    struct rig_options options = contract_options();
    int fds[3];

    (void)state;
    options.idle_ms = 60;
    rig_start(&contract.rig, &options);
    for (int i = 0; i < 3; i++)
        fds[i] = client_connect(contract.rig.port);
    for (int i = 0; i < 3; i++) {
        client_expect(fds[i], "timeout\n");
        client_expect_end(fds[i]);
        client_close(fds[i]);
    }
    rig_stop(&contract.rig);
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(quick_handler_runs_in_passing_where_nothing_else_is_to_be_done),
    cmocka_unit_test(no_handler_runs_in_passing_where_it_is_handed_over),
    cmocka_unit_test(handler_that_is_not_known_to_be_quick_is_handed_over),
    cmocka_unit_test(quick_handler_that_turned_slow_is_handed_over_from_then_on),
    cmocka_unit_test(slow_handler_keeps_no_thread_that_waits_for_events),
    cmocka_unit_test(quick_handler_that_gets_stuck_stops_nobody_else),
    cmocka_unit_test(section_that_blocks_promotes_at_once),
    cmocka_unit_test(quick_requests_of_one_client_promote_as_the_setting_says),
    cmocka_unit_test(connections_that_never_wait_keep_nobody_out),
    cmocka_unit_test(client_that_has_spoken_is_served_without_the_handle_set),
    cmocka_unit_test(client_that_says_nothing_meets_its_deadline),
};

const struct case_group contract_dispatch = CASE_GROUP(cases);
