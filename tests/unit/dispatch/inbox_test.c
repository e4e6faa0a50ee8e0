/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"
#include "inbox.h"
#include "socket.h"
#include "waker.h"

#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define SLOTS 64

static struct pl_inbox inbox;
static struct pl_slot slots[SLOTS];
static int waker_fd;

static int setup(void **state)
{
    (void)state;
    memset(slots, 0, sizeof(slots));
    if (pl_waker_open(&waker_fd) < 0)
        return -1;
    pl_inbox_init(&inbox, waker_fd);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pl_inbox_deinit(&inbox);
    pl_close_fd(&waker_fd);
    return 0;
}

/* Wakes since the last look. */
static uint64_t wakes(void)
{
    uint64_t count = 0;

    return read(waker_fd, &count, sizeof(count)) < 0 ? 0 : count;
}

static void what_was_posted_is_taken_in_its_order(void **state)
{
    struct pl_slot_queue taken = { .first = NULL };

    (void)state;
    pl_slot_queue_append(&taken, &slots[0]);
    for (size_t i = 1; i < 5; i++)
        pl_inbox_post(&inbox, &slots[i]);
    pl_inbox_take(&inbox, &taken);
    assert_int_equal(taken.count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_ptr_equal(pl_slot_queue_take(&taken), &slots[i]);
    pl_inbox_take(&inbox, &taken);
    assert_null(taken.first);
}

static void what_stands_in_it_says_so(void **state)
{
    struct pl_slot_queue taken = { .first = NULL };

    (void)state;
    pl_inbox_post(&inbox, &slots[0]);
    assert_true(slots[0].queued);
    pl_inbox_take(&inbox, &taken);
    assert_false(slots[0].queued);
    pl_inbox_post(&inbox, pl_slot_queue_take(&taken));
    pl_inbox_take(&inbox, &taken);
    assert_ptr_equal(pl_slot_queue_take(&taken), &slots[0]);
}

static void a_thread_that_is_awake_is_not_woken(void **state)
{
    struct pl_slot_queue taken = { .first = NULL };

    (void)state;
    pl_inbox_post(&inbox, &slots[0]);
    pl_inbox_wake(&inbox);
    assert_int_equal(wakes(), 0);
    assert_true(pl_inbox_sleep(&inbox));
    pl_inbox_take(&inbox, &taken);
    pl_inbox_post(&inbox, &slots[1]);
    assert_int_equal(wakes(), 0);
}

static void a_burst_costs_one_wake(void **state)
{
    struct pl_slot_queue taken = { .first = NULL };

    (void)state;
    for (int round = 0; round < 3; round++) {
        assert_false(pl_inbox_sleep(&inbox));
        for (size_t i = 0; i < SLOTS; i++)
            pl_inbox_post(&inbox, &slots[i]);
        assert_int_equal(wakes(), 1);
        pl_inbox_take(&inbox, &taken);
        assert_int_equal(taken.count, SLOTS);
        while (pl_slot_queue_take(&taken) != NULL)
            ;
    }
}

static void a_wake_without_a_slot_ends_one_sleep(void **state)
{
    (void)state;
    assert_false(pl_inbox_sleep(&inbox));
    pl_inbox_wake(&inbox);
    pl_inbox_wake(&inbox);
    assert_int_equal(wakes(), 1);
    assert_false(pl_inbox_sleep(&inbox));
    assert_int_equal(wakes(), 0);
}

/* ---- with threads ---------------------------------------------------------------------------- */

#define POSTERS 3
#define ROUNDS  4000

/* Each poster has a slot and posts it again as soon as it was taken: the thread of the inbox goes
 * to sleep and is woken all the time. */
struct poster {
    struct pl_slot slot;
    _Atomic bool is_out; /* the slot is the poster's */
    uint32_t posted;
};

static struct poster posters[POSTERS];
static _Atomic bool is_given_up;

static void *post_again_and_again(void *argument)
{
    struct poster *poster = argument;

    while (poster->posted < ROUNDS && !atomic_load(&is_given_up)) {
        if (!atomic_load(&poster->is_out)) {
            sched_yield();
            continue;
        }
        atomic_store(&poster->is_out, false);
        poster->posted++;
        pl_inbox_post(&inbox, &poster->slot);
    }
    return NULL;
}

static uint32_t take_what_came(void)
{
    struct pl_slot_queue taken = { .first = NULL };
    struct pl_slot *slot;
    uint32_t count = 0;

    pl_inbox_take(&inbox, &taken);
    while ((slot = pl_slot_queue_take(&taken)) != NULL) {
        atomic_store(&((struct poster *)(void *)slot)->is_out, true);
        count++;
    }
    return count;
}

/* A wake that is lost leaves all posters with their slots inside, and this thread asleep. */
static bool sleep_until_woken(void)
{
    struct pollfd waker = { .fd = waker_fd, .events = POLLIN };

    if (pl_inbox_sleep(&inbox))
        return true;
    if (poll(&waker, 1, CLIENT_DEADLINE_MS) != 1)
        return false;
    (void)wakes();
    return true;
}

static void no_wake_is_lost(void **state)
{
    pthread_t threads[POSTERS];
    uint32_t taken = 0;
    bool is_lost = false;

    (void)state;
    atomic_store(&is_given_up, false);
    for (size_t i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){ .is_out = true };
        assert_int_equal(pthread_create(&threads[i], NULL, post_again_and_again, &posters[i]), 0);
    }
    while (taken < POSTERS * ROUNDS && !is_lost) {
        is_lost = !sleep_until_woken();
        taken += take_what_came();
    }
    atomic_store(&is_given_up, true);
    for (size_t i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
    assert_false(is_lost);
    assert_int_equal(taken, POSTERS * ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_posted_is_taken_in_its_order, setup, teardown),
        cmocka_unit_test_setup_teardown(what_stands_in_it_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(a_thread_that_is_awake_is_not_woken, setup, teardown),
        cmocka_unit_test_setup_teardown(a_burst_costs_one_wake, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wake_without_a_slot_ends_one_sleep, setup, teardown),
        cmocka_unit_test_setup_teardown(no_wake_is_lost, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
