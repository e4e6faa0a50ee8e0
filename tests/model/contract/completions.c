/* SPDX-License-Identifier: Apache-2.0 */
/* Replies that come from elsewhere: posted, by a job, by a handler that blocks unsaid. */
#include "contract.h"

#include <errno.h>
#include <sys/socket.h>

static void completion_from_another_thread_resumes(void **state)
{
    int fd;

    (void)state;
    contract_start();
    fd = client_connect(contract.rig.port);
    client_say(fd, "later 20 deferred\n");
    client_expect(fd, "deferred\n");
    client_close(fd);
    rig_stop(&contract.rig);
}

static void completion_before_parking_is_not_lost(void **state)
{
    int fd;

    (void)state;
    contract_start();
    fd = client_connect(contract.rig.port);
    for (int i = 0; i < 200 / contract.scale; i++) {
        client_say(fd, "before early\n");
        client_expect(fd, "early\n");
    }
    client_close(fd);
    rig_stop(&contract.rig);
}

static void completion_races_with_parking(void **state)
{
    enum { COUNT = 20 };
    int fds[COUNT];

    (void)state;
    contract_start();
    for (int i = 0; i < COUNT; i++)
        fds[i] = client_connect(contract.rig.port);
    for (int round = 0; round < 40 / contract.scale; round++) {
        for (int i = 0; i < COUNT; i++)
            client_say(fds[i], "later 0 now\n");
        for (int i = 0; i < COUNT; i++)
            client_expect(fds[i], "now\n");
    }
    for (int i = 0; i < COUNT; i++)
        client_close(fds[i]);
    rig_stop(&contract.rig);
}

static void job_blocks_only_its_own_connection(void **state)
{
    int slow, quick;

    (void)state;
    if (!contract_has_pool())
        return;
    contract_start();
    slow = client_connect(contract.rig.port);
    quick = client_connect(contract.rig.port);
    client_say(slow, "job -1 slow\n");
    client_await(&contract.rig.probe.blocked, 1);
    for (int i = 0; i < 10; i++) {
        client_say(quick, "echo quick\n");
        client_expect(quick, "quick\n");
    }
    /* The slow reply is not there yet: nobody waited for it. */
    assert_true(recv(slow, &(char){ 0 }, 1, MSG_DONTWAIT) < 0);
    probe_open_gate(&contract.rig.probe);
    client_expect(slow, "slow\n");
    client_close(slow);
    client_close(quick);
    rig_stop(&contract.rig);
}

static void undeclared_blocking_blocks_one_thread_only(void **state)
{
    int slow, quick;

    (void)state;
    if (!contract_has_pool())
        return;
    contract_start();
    slow = client_connect(contract.rig.port);
    quick = client_connect(contract.rig.port);
    client_say(slow, "sleep -1 slow\n");
    client_await(&contract.rig.probe.blocked, 1);
    client_say(quick, "echo quick\n");
    client_expect(quick, "quick\n");
    assert_true(recv(slow, &(char){ 0 }, 1, MSG_DONTWAIT) < 0);
    probe_open_gate(&contract.rig.probe);
    client_expect(slow, "slow\n");
    client_close(slow);
    client_close(quick);
    rig_stop(&contract.rig);
}

static void hang_up_while_parked_is_seen(void **state)
{
    int fd;

    (void)state;
    contract_start();
    fd = client_connect(contract.rig.port);
    client_say(fd, "hold forever\n");
    client_await(&contract.rig.probe.held, 1);
    client_reset(fd);
    client_await(&contract.rig.probe.closed, 1);
    assert_int_equal(probe_release(&contract.rig.probe), -ESTALE);
    rig_stop(&contract.rig);
}

static void half_close_while_parked_still_gets_the_reply(void **state)
{
    int fd;

    (void)state;
    contract_start();
    fd = client_connect(contract.rig.port);
    client_say(fd, "hold answer\n");
    client_await(&contract.rig.probe.held, 1);
    shutdown(fd, SHUT_WR);
    client_pause_ms(20);
    assert_int_equal(contract.rig.probe.closed, 0);
    assert_int_equal(probe_release(&contract.rig.probe), 0);
    client_expect(fd, "answer\n");
    client_expect_end(fd);
    client_close(fd);
    rig_stop(&contract.rig);
}

static void reset_after_half_close_while_parked_is_seen(void **state)
{
    int fd;

    (void)state;
    contract_start();
    fd = client_connect(contract.rig.port);
    client_say(fd, "hold forever\n");
    client_await(&contract.rig.probe.held, 1);
    shutdown(fd, SHUT_WR);
    client_pause_ms(20);
    client_reset(fd);
    client_await(&contract.rig.probe.closed, 1);
    rig_stop(&contract.rig);
}

static void late_completion_never_reaches_the_next_guest(void **state)
{
    int first, second;

    (void)state;
    contract_start();
    first = client_connect(contract.rig.port);
    client_say(first, "hold for-the-first\n");
    client_await(&contract.rig.probe.held, 1);
    client_reset(first);
    client_await(&contract.rig.probe.closed, 1);
    /* The slot that was freed last is used again. */
    second = client_connect(contract.rig.port);
    client_say(second, "hold for-the-second\n");
    client_await(&contract.rig.probe.held, 2);
    assert_int_equal(probe_release(&contract.rig.probe), -ESTALE);
    assert_int_equal(probe_release(&contract.rig.probe), 0);
    client_expect(second, "for-the-second\n");
    client_close(second);
    rig_stop(&contract.rig);
}

static void input_while_parked_waits_its_turn(void **state)
{
    int fd;

    (void)state;
    contract_start();
    fd = client_connect(contract.rig.port);
    client_say(fd, "hold first\n");
    client_await(&contract.rig.probe.held, 1);
    client_say(fd, "echo second\n");
    client_pause_ms(20);
    assert_true(recv(fd, &(char){ 0 }, 1, MSG_DONTWAIT) < 0);
    assert_int_equal(probe_release(&contract.rig.probe), 0);
    client_expect(fd, "first\nsecond\n");
    client_close(fd);
    rig_stop(&contract.rig);
}

static const struct CMUnitTest cases[] = {
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
};

const struct case_group contract_completions = CASE_GROUP(cases);
