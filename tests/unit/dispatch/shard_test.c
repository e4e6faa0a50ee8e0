/* SPDX-License-Identifier: Apache-2.0 */
/* A shard opens whole or not at all, whichever of its steps fails. */
#include "engine_timers.h"
#include "rig.h"
#include "shard.h"
#include "waker.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

int __real_epoll_create1(int flags);
int __wrap_epoll_create1(int flags);
int __real_eventfd(unsigned int count, int flags);
int __wrap_eventfd(unsigned int count, int flags);
int __real_timerfd_create(int clock, int flags);
int __wrap_timerfd_create(int clock, int flags);
int __real_epoll_ctl(int set, int operation, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int set, int operation, int fd, struct epoll_event *event);

enum { STEPS = 5, NEVER = -1 };

static int step; /* of those that open makes, from 0 */
static int failing_step = NEVER;

static bool is_to_fail(void)
{
    bool result = step++ == failing_step;

    if (result)
        errno = EMFILE;
    return result;
}

int __wrap_epoll_create1(int flags)
{
    return is_to_fail() ? -1 : __real_epoll_create1(flags);
}

int __wrap_eventfd(unsigned int count, int flags)
{
    return is_to_fail() ? -1 : __real_eventfd(count, flags);
}

int __wrap_timerfd_create(int clock, int flags)
{
    return is_to_fail() ? -1 : __real_timerfd_create(clock, flags);
}

int __wrap_epoll_ctl(int set, int operation, int fd, struct epoll_event *event)
{
    return is_to_fail() ? -1 : __real_epoll_ctl(set, operation, fd, event);
}

static struct pl_engine engine; /* only its address */
static struct pl_shard shard;

static int open_failing_at(int which)
{
    memset(&shard, 0xff, sizeof(shard));
    step = 0;
    failing_step = which;
    return pl_shard_open(&shard, &engine);
}

static void it_opens_with_what_ends_a_wait_watched(void **state)
{
    struct pl_event events[PL_EVENTS_MAX];

    (void)state;
    assert_int_equal(open_failing_at(NEVER), 0);
    assert_int_equal(step, STEPS);
    assert_ptr_equal(shard.engine, &engine);
    assert_false(shard.is_asleep);
    assert_int_equal(pl_ready_ring_count(&shard.ring), 0);
    assert_int_equal(shard.conns_open, 0);
    assert_int_equal(pl_handle_set_wait(&shard.set, events, PL_EVENTS_MAX, 0), 0);
    pl_waker_wake(shard.waker_fd);
    assert_int_equal(pl_handle_set_wait(&shard.set, events, PL_EVENTS_MAX, 0), 1);
    assert_true(events[0].token == PL_TOKEN_WAKER);
    /* One wake ends one wait, though nobody reads the descriptor. */
    assert_int_equal(pl_handle_set_wait(&shard.set, events, PL_EVENTS_MAX, 0), 0);
    pl_shard_close(&shard);
}

static void every_step_that_fails_undoes_those_before(void **state)
{
    int descriptors = descriptors_count();

    (void)state;
    for (int which = 0; which < STEPS; which++) {
        assert_int_equal(open_failing_at(which), -EMFILE);
        assert_int_equal(step, which + 1);
        assert_int_equal(descriptors_count(), descriptors);
        assert_null(shard.engine);
        pl_shard_close(&shard);
        assert_int_equal(descriptors_count(), descriptors);
    }
}

static void it_closes_once_and_again_and_never_opened(void **state)
{
    int descriptors = descriptors_count();

    (void)state;
    assert_int_equal(open_failing_at(NEVER), 0);
    assert_int_equal(descriptors_count(), descriptors + 3);
    pl_shard_close(&shard);
    pl_shard_close(&shard);
    assert_int_equal(descriptors_count(), descriptors);
    memset(&shard, 0, sizeof(shard));
    pl_shard_close(&shard);
    assert_int_equal(descriptors_count(), descriptors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_opens_with_what_ends_a_wait_watched),
        cmocka_unit_test(every_step_that_fails_undoes_those_before),
        cmocka_unit_test(it_closes_once_and_again_and_never_opened),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
