/* SPDX-License-Identifier: Apache-2.0 */
#include "handle_set.h"
#include "rig.h"
#include "waker.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct fixture {
    struct pl_handle_set set;
    struct pl_handle handle;
    int peer;
    int descriptors_before;
};

static struct fixture f;

static int setup(void **state)
{
    int fds[2];

    (void)state;
    f.descriptors_before = descriptors_count();
    assert_int_equal(pl_handle_set_open(&f.set), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    f.handle = (struct pl_handle){ .fd = fds[0], .token = 0x700000003 };
    f.peer = fds[1];
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    close(f.handle.fd);
    if (f.peer >= 0)
        close(f.peer);
    pl_handle_set_close(&f.set);
    assert_int_equal(f.set.epoll_fd, -1);
    assert_int_equal(descriptors_count(), f.descriptors_before);
    return 0;
}

/* The reasons of the one event that is there, 0 when there is none. */
static uint32_t look(void)
{
    struct pl_event event;

    if (pl_handle_set_wait(&f.set, &event, 1, 0) == 0)
        return 0;
    assert_true(event.token == f.handle.token);
    return event.reasons;
}

static void arm(const struct pl_arming *arming, uint32_t waits)
{
    assert_int_equal(pl_handle_set_arm(&f.set, arming, &f.handle, waits), 0);
    assert_true(f.handle.is_registered);
}

static void oneshot_tells_once_until_it_is_armed_again(void **state)
{
    (void)state;
    assert_int_equal(write(f.peer, "ab", 2), 2);
    arm(&pl_arming_oneshot, PL_READABLE);
    assert_int_equal(look(), PL_READABLE);
    assert_int_equal(look(), 0);
    arm(&pl_arming_oneshot, PL_READABLE);
    assert_int_equal(look(), PL_READABLE);
    arm(&pl_arming_oneshot, PL_READABLE | PL_WRITABLE);
    assert_int_equal(look(), PL_READABLE | PL_WRITABLE);
}

static void oneshot_without_interest_still_tells_a_hang_up(void **state)
{
    (void)state;
    assert_int_equal(write(f.peer, "ab", 2), 2);
    arm(&pl_arming_oneshot, PL_COMPLETION);
    assert_int_equal(look(), 0);
    close(f.peer);
    f.peer = -1;
    assert_true((look() & PL_HANGUP) != 0);
}

static void oneshot_tells_a_half_close_when_asked(void **state)
{
    (void)state;
    arm(&pl_arming_oneshot, PL_PEER_DONE);
    assert_int_equal(look(), 0);
    assert_int_equal(shutdown(f.peer, SHUT_WR), 0);
    assert_true((look() & PL_PEER_DONE) != 0);
}

static void edge_tells_every_change_and_no_state_twice(void **state)
{
    (void)state;
    arm(&pl_arming_edge, 0);
    assert_int_equal(look(), PL_WRITABLE);
    assert_int_equal(look(), 0);
    assert_int_equal(write(f.peer, "a", 1), 1);
    assert_true((look() & PL_READABLE) != 0);
    assert_int_equal(look(), 0);
    arm(&pl_arming_edge, PL_READABLE); /* says nothing to the kernel */
    assert_int_equal(look(), 0);
}

static void a_forgotten_handle_tells_nothing_and_can_come_back(void **state)
{
    (void)state;
    pl_handle_set_forget(&f.set, &f.handle); /* not registered: does nothing */
    arm(&pl_arming_oneshot, PL_WRITABLE);
    pl_handle_set_forget(&f.set, &f.handle);
    assert_false(f.handle.is_registered);
    assert_int_equal(look(), 0);
    arm(&pl_arming_edge, 0);
    assert_int_equal(look(), PL_WRITABLE);
}

static void a_bad_descriptor_cannot_be_armed(void **state)
{
    struct pl_handle bad = { .fd = -1 };

    (void)state;
    assert_int_equal(pl_handle_set_arm(&f.set, &pl_arming_oneshot, &bad, PL_READABLE), -EBADF);
    assert_false(bad.is_registered);
}

static void a_waker_ends_one_wait_by_edge_and_all_by_level(void **state)
{
    struct pl_event event;
    int edge, level;

    (void)state;
    assert_int_equal(pl_waker_open(&edge), 0);
    assert_int_equal(pl_waker_open(&level), 0);
    assert_int_equal(pl_handle_set_watch(&f.set, edge, 1, true), 0);
    assert_int_equal(pl_handle_set_watch(&f.set, level, 2, false), 0);
    for (int i = 0; i < 3; i++) {
        pl_waker_wake(edge);
        assert_int_equal(pl_handle_set_wait(&f.set, &event, 1, 0), 1);
        assert_true(event.token == 1);
        assert_int_equal(pl_handle_set_wait(&f.set, &event, 1, 0), 0);
    }
    pl_waker_wake(level);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pl_handle_set_wait(&f.set, &event, 1, 0), 1);
    close(edge);
    close(level);
}

static void an_arming_is_found_by_its_word(void **state)
{
    (void)state;
    assert_ptr_equal(pl_arming_find("oneshot"), &pl_arming_oneshot);
    assert_ptr_equal(pl_arming_find("edge"), &pl_arming_edge);
    assert_null(pl_arming_find("level"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(oneshot_tells_once_until_it_is_armed_again),
        CASE(oneshot_without_interest_still_tells_a_hang_up),
        CASE(oneshot_tells_a_half_close_when_asked),
        CASE(edge_tells_every_change_and_no_state_twice),
        CASE(a_forgotten_handle_tells_nothing_and_can_come_back),
        CASE(a_bad_descriptor_cannot_be_armed),
        CASE(a_waker_ends_one_wait_by_edge_and_all_by_level),
        CASE(an_arming_is_found_by_its_word),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
