/* SPDX-License-Identifier: Apache-2.0 */
/* Replies that come from elsewhere: posted, by a job, by a handler that blocks unsaid. */
#include "contract.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

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

/* Also when its handler was quick every other time. */
static void section_that_blocks_blocks_one_thread_only(void **state)
{
    int slow, quick;

    (void)state;
    if (!contract_has_pool())
        return;
    contract_start();
    slow = client_connect(contract.rig.port);
    quick = client_connect(contract.rig.port);
    client_say(slow, "section 0 first\n");
    client_expect(slow, "first\n");
    client_say(quick, "echo quick\n"); /* its turn may still be measured */
    client_expect(quick, "quick\n");
    atomic_store(&contract.rig.probe.quick.average_ns, 1000);
    client_say(slow, "section -1 second\n");
    client_await(&contract.rig.probe.blocked, 1);
    client_say(quick, "echo quick\n");
    client_expect(quick, "quick\n");
    probe_open_gate(&contract.rig.probe);
    client_expect(slow, "second\n");
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

/* ---- blocking that no average foresees ------------------------------------------------------- */

/* The first word of a file of a thread of this process, or "". */
static void read_of_thread(const char *thread, const char *file, char word[32])
{
    char path[300];
    FILE *stream;

    word[0] = '\0';
    snprintf(path, sizeof(path), "/proc/self/task/%s/%s", thread, file);
    stream = fopen(path, "r");
    if (stream == NULL)
        return;
    if (fscanf(stream, "%31s", word) != 1)
        word[0] = '\0';
    fclose(stream);
}

/* Asleep until it is stirred: in a futex. Where the kernel does not tell, it is not asked. */
static bool is_deputy_awake(void)
{
    DIR *directory = opendir("/proc/self/task");
    bool is_awake = false;
    struct dirent *entry;

    assert_non_null(directory);
    while ((entry = readdir(directory)) != NULL) {
        char name[32], number[32];

        read_of_thread(entry->d_name, "comm", name);
        if (strcmp(name, "deputy-0") != 0)
            continue;
        read_of_thread(entry->d_name, "syscall", number);
        is_awake = number[0] != '\0' && strtol(number, NULL, 10) != SYS_futex;
    }
    closedir(directory);
    return is_awake;
}

static void await_sleeping_deputy(void)
{
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;

    while (is_deputy_awake()) {
        if (client_now_ms() > until_ms)
            fail_msg("the deputy does not fall asleep");
        client_pause_ms(5);
    }
}

/* Two events of one batch, whose handlers were quick so far and both block now: the third client
 * is served by a thread that nobody had a reason to promote. */
static void two_that_block_unforeseen_leave_a_leader(void **state)
{
    (void)state;
    if (!contract_has_pool() || contract_has_io_thread())
        return;
    for (int round = 0; round < 4; round++) {
        int slow[2], quick;

        contract_start();
        slow[0] = client_connect(contract.rig.port);
        slow[1] = client_connect(contract.rig.port);
        quick = client_connect(contract.rig.port);
        client_await(&contract.rig.probe.opened, 3);
        atomic_store(&contract.rig.probe.quick.average_ns, 1000);
        await_sleeping_deputy();
        client_say(slow[0], "sleep -1 slow\n");
        client_say(slow[1], "sleep -1 slow\n");
        client_await(&contract.rig.probe.blocked, 2);
        client_say(quick, "echo quick\n");
        client_expect(quick, "quick\n");
        probe_open_gate(&contract.rig.probe);
        client_expect(slow[0], "slow\n");
        client_expect(slow[1], "slow\n");
        client_close(slow[0]);
        client_close(slow[1]);
        client_close(quick);
        rig_stop(&contract.rig);
    }
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(completion_from_another_thread_resumes),
    cmocka_unit_test(completion_before_parking_is_not_lost),
    cmocka_unit_test(completion_races_with_parking),
    cmocka_unit_test(job_blocks_only_its_own_connection),
    cmocka_unit_test(undeclared_blocking_blocks_one_thread_only),
    cmocka_unit_test(section_that_blocks_blocks_one_thread_only),
    cmocka_unit_test(hang_up_while_parked_is_seen),
    cmocka_unit_test(half_close_while_parked_still_gets_the_reply),
    cmocka_unit_test(reset_after_half_close_while_parked_is_seen),
    cmocka_unit_test(late_completion_never_reaches_the_next_guest),
    cmocka_unit_test(input_while_parked_waits_its_turn),
    cmocka_unit_test(two_that_block_unforeseen_leave_a_leader),
};

const struct case_group contract_completions = CASE_GROUP(cases);
