/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"
#include "inbox.h"
#include "socket.h"
#include "waker.h"

#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define POSTERS 3
#define ROUNDS  3000

static struct pl_inbox inbox;
static struct pl_slot slots[POSTERS];
static _Atomic uint32_t taken[POSTERS];
static int waker_fd = -1;

static int setup(void **state)
{
    (void)state;
    memset(slots, 0, sizeof(slots));
    for (size_t i = 0; i < POSTERS; i++)
        atomic_store(&taken[i], 0);
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

/* How often it was woken since the last time. */
static uint64_t take_wakes(void)
{
    eventfd_t count = 0;

    (void)eventfd_read(waker_fd, &count);
    return count;
}

static void a_burst_costs_one_wake(void **state)
{
    struct pl_slot_queue queue = { .first = NULL };

    (void)state;
    assert_false(pl_inbox_sleep(&inbox));
    for (size_t i = 0; i < POSTERS; i++)
        pl_inbox_post(&inbox, &slots[i]);
    assert_int_equal(take_wakes(), 1);
    pl_inbox_take(&inbox, &queue);
    assert_int_equal(queue.count, POSTERS);
    for (size_t i = 0; i < POSTERS; i++) {
        assert_ptr_equal(pl_slot_queue_take(&queue), &slots[i]);
        assert_false(slots[i].queued);
    }
}

static void nobody_wakes_a_thread_that_is_awake(void **state)
{
    struct pl_slot_queue queue = { .first = NULL };

    (void)state;
    pl_inbox_post(&inbox, &slots[0]);
    assert_int_equal(take_wakes(), 0);
    /* It is told before it would sleep. */
    assert_true(pl_inbox_sleep(&inbox));
    pl_inbox_take(&inbox, &queue);
    assert_ptr_equal(queue.first, &slots[0]);
    pl_inbox_wake(&inbox);
    assert_int_equal(take_wakes(), 0);
}

/* Each posts its one slot again as soon as it has been taken. */
static void *post_all(void *argument)
{
    size_t own = (size_t)((struct pl_slot *)argument - slots);

    for (uint32_t i = 0; i < ROUNDS; i++) {
        int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;

        while (atomic_load(&taken[own]) < i) {
            if (client_now_ms() > until_ms)
                return NULL;
            sched_yield();
        }
        pl_inbox_post(&inbox, &slots[own]);
    }
    return NULL;
}

static void no_wake_is_lost(void **state)
{
    struct pollfd handle = { .fd = waker_fd, .events = POLLIN };
    struct pl_slot_queue queue = { .first = NULL };
    pthread_t posters[POSTERS];
    bool is_lost = false;

    (void)state;
    for (size_t i = 0; i < POSTERS; i++)
        assert_int_equal(pthread_create(&posters[i], NULL, post_all, &slots[i]), 0);
    for (uint32_t count = 0; count < POSTERS * ROUNDS && !is_lost;) {
        struct pl_slot *slot;

        if (!pl_inbox_sleep(&inbox)) {
            is_lost = poll(&handle, 1, CLIENT_DEADLINE_MS) == 0;
            (void)take_wakes();
        }
        pl_inbox_take(&inbox, &queue);
        for (; (slot = pl_slot_queue_take(&queue)) != NULL; count++)
            atomic_fetch_add(&taken[slot - slots], 1);
    }
    for (size_t i = 0; i < POSTERS; i++)
        pthread_join(posters[i], NULL);
    assert_false(is_lost);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_burst_costs_one_wake, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_wakes_a_thread_that_is_awake, setup, teardown),
        cmocka_unit_test_setup_teardown(no_wake_is_lost, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
