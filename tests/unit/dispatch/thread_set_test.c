/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"
#include "clock.h"
#include "engine.h"
#include "thread_set.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

int __real_pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*main)(void *),
                          void *argument);
int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*main)(void *),
                          void *argument);

static int creations_left = -1; /* -1: without end */

int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attributes,
                          void *(*thread_main)(void *), void *argument)
{
    if (creations_left == 0)
        return EAGAIN;
    if (creations_left > 0)
        creations_left--;
    return __real_pthread_create(id, attributes, thread_main, argument);
}

struct fixture {
    struct pl_engine engine; /* only what a thread set takes from it */
    struct pl_model model;
    struct pl_buffer_pool pool;
    struct pl_thread_set set;
    _Atomic uint32_t passes;
    _Atomic uint32_t looks; /* threads inside the look while parking */
    _Atomic bool gate;
    _Atomic uint32_t handled;
};

static struct fixture f;

static int setup(void **state)
{
    (void)state;
    memset(&f, 0, sizeof(f));
    creations_left = -1;
    f.engine.pool = &f.pool;
    f.model.engine = &f.engine;
    pthread_mutex_init(&f.engine.places_lock, NULL);
    pl_ready_ring_init(&f.engine.ring);
    return pl_buffer_pool_init(&f.pool, 1 << 20);
}

static int teardown(void **state)
{
    (void)state;
    if (f.set.threads != NULL)
        pl_thread_set_deinit(&f.set);
    pl_engine_free_places(&f.engine);
    pl_ready_ring_deinit(&f.engine.ring);
    pthread_mutex_destroy(&f.engine.places_lock);
    pl_buffer_pool_deinit(&f.pool);
    return 0;
}

static void init(uint32_t count, void *(*thread_main)(void *))
{
    f.model.sets = NULL;
    assert_int_equal(pl_thread_set_init(&f.set, &f.model, "test", count, thread_main), 0);
    assert_ptr_equal(f.model.sets, &f.set);
}

static void start_at_the_gate(uint32_t count, void *(*thread_main)(void *))
{
    init(count, thread_main);
    assert_int_equal(pl_thread_set_start(&f.set), 0);
}

static void start(uint32_t count, void *(*thread_main)(void *))
{
    start_at_the_gate(count, thread_main);
    pl_thread_set_let_go(&f.set);
}

static void stop_and_join(void)
{
    pl_thread_set_stop(&f.set);
    assert_int_equal(pl_thread_set_join(&f.set, pl_clock_ms() + CLIENT_DEADLINE_MS), 0);
}

static bool never(void *context)
{
    (void)context;
    return false;
}

static bool always(void *context)
{
    (void)context;
    return true;
}

static void *park_until_stopped(void *argument)
{
    struct pl_thread *thread = argument;

    while (!pl_thread_set_is_stopping(&f.set)) {
        pl_thread_set_park(&f.set, thread, never, NULL);
        atomic_fetch_add(&f.passes, 1);
    }
    return NULL;
}

static void stop_wakes_every_parked_thread(void **state)
{
    (void)state;
    start(6, park_until_stopped);
    client_await(&f.set.idle_count, 6);
    stop_and_join();
    assert_int_equal(atomic_load(&f.passes), 6);
    assert_int_equal(atomic_load(&f.set.idle_count), 0);
}

static void a_stop_before_they_park_is_not_missed(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        start(4, park_until_stopped);
        stop_and_join();
        pl_thread_set_deinit(&f.set);
    }
}

static void *park_with_work(void *argument)
{
    for (int i = 0; i < 1000; i++)
        pl_thread_set_park(&f.set, argument, always, NULL);
    return NULL;
}

static void nobody_sleeps_while_there_is_work(void **state)
{
    (void)state;
    start(3, park_with_work);
    assert_int_equal(pl_thread_set_join(&f.set, pl_clock_ms() + CLIENT_DEADLINE_MS), 0);
    assert_int_equal(atomic_load(&f.set.idle_count), 0);
}

static bool wait_at_the_gate(void *context)
{
    (void)context;
    atomic_fetch_add(&f.looks, 1);
    while (!atomic_load(&f.gate))
        sched_yield();
    return false;
}

static void *park_at_the_gate(void *argument)
{
    struct pl_thread *thread = argument;

    while (!pl_thread_set_is_stopping(&f.set)) {
        pl_thread_set_park(&f.set, thread, wait_at_the_gate, NULL);
        atomic_fetch_add(&f.passes, 1);
        while (atomic_load(&f.gate) && !pl_thread_set_is_stopping(&f.set))
            sched_yield();
    }
    return NULL;
}

/* While they look for the last time, all stand on the stack: who is woken cannot run on yet. */
static void at_most_one_thread_searches(void **state)
{
    (void)state;
    start(3, park_at_the_gate);
    client_await(&f.looks, 3);
    assert_int_equal(atomic_load(&f.set.idle_count), 3);
    for (int i = 0; i < 10; i++)
        assert_true(pl_thread_set_wake_one(&f.set, NULL));
    assert_int_equal(atomic_load(&f.set.idle_count), 2);
    assert_int_equal(atomic_load(&f.set.searching), 1);
    atomic_store(&f.gate, true);
    client_await(&f.passes, 1);
    assert_int_equal(atomic_load(&f.set.searching), 0);
    assert_int_equal(atomic_load(&f.passes), 1);
    /* It said that it searches no more: the next may come. */
    assert_true(pl_thread_set_wake_one(&f.set, NULL));
    client_await(&f.passes, 2);
    assert_int_equal(atomic_load(&f.set.idle_count), 1);
    stop_and_join();
}

static void the_last_to_sleep_is_the_first_to_wake(void **state)
{
    struct pl_thread *last, *next;

    (void)state;
    start(3, park_at_the_gate);
    client_await(&f.looks, 3);
    pthread_mutex_lock(&f.set.lock);
    last = f.set.idle;
    next = last->idle_next;
    pthread_mutex_unlock(&f.set.lock);
    assert_true(pl_thread_set_wake_one(&f.set, NULL));
    pthread_mutex_lock(&f.set.lock);
    assert_ptr_equal(f.set.idle, next);
    assert_false(last->is_idle);
    assert_true(next->is_idle);
    pthread_mutex_unlock(&f.set.lock);
    atomic_store(&f.gate, true);
    stop_and_join();
}

static void waking_nobody_says_so(void **state)
{
    (void)state;
    init(2, park_until_stopped);
    assert_false(pl_thread_set_wake_one(&f.set, NULL));
}

static void *count_passes(void *argument)
{
    (void)argument;
    atomic_fetch_add(&f.passes, 1);
    return NULL;
}

static void *count_in_its_block(void *argument)
{
    struct pl_thread *thread = argument;

    pl_thread_set_role(thread, PL_ROLE_PROCESSING);
    PL_COUNT(thread->stats, polls);
    return NULL;
}

static void *hang_at_the_gate(void *argument)
{
    (void)argument;
    while (!atomic_load(&f.gate))
        sched_yield();
    return NULL;
}

static void a_join_that_is_late_counts_who_is_left(void **state)
{
    (void)state;
    start(2, hang_at_the_gate);
    assert_int_equal(pl_thread_set_join(&f.set, pl_clock_ms()), 2);
    atomic_store(&f.gate, true);
    assert_int_equal(pl_thread_set_join(&f.set, pl_clock_ms() + CLIENT_DEADLINE_MS), 0);
}

static void a_start_that_fails_half_way_is_stopped_and_joined(void **state)
{
    (void)state;
    for (int n = 0; n < 5; n++) {
        init(5, count_passes);
        creations_left = n;
        assert_int_equal(pl_thread_set_start(&f.set), -EAGAIN);
        assert_int_equal(f.set.started, n);
        stop_and_join();
        assert_int_equal(f.set.started, 0);
        assert_int_equal(f.set.running, 0);
        pl_thread_set_deinit(&f.set);
    }
    assert_int_equal(atomic_load(&f.passes), 0);
    creations_left = -1;
    start(5, count_passes);
    assert_int_equal(pl_thread_set_join(&f.set, pl_clock_ms() + CLIENT_DEADLINE_MS), 0);
    assert_int_equal(atomic_load(&f.passes), 5);
}

/* ---- the gate ---------------------------------------------------------------------------------
 */

/* Every thread is inside pl_thread_enter() or behind it, none in its main: a join with a deadline
 * that has passed says who is there. */
static void nobody_runs_before_the_gate_opens(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        atomic_store(&f.passes, 0);
        start_at_the_gate(4, count_passes);
        assert_int_equal(pl_thread_set_join(&f.set, pl_clock_ms()), 4);
        assert_int_equal(atomic_load(&f.passes), 0);
        pl_thread_set_let_go(&f.set);
        assert_int_equal(pl_thread_set_join(&f.set, pl_clock_ms() + CLIENT_DEADLINE_MS), 0);
        assert_int_equal(atomic_load(&f.passes), 4);
        pl_thread_set_deinit(&f.set);
    }
}

static void who_is_stopped_at_the_gate_leaves_without_having_run(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        start_at_the_gate(4, count_passes);
        stop_and_join();
        pl_thread_set_deinit(&f.set);
    }
    assert_int_equal(atomic_load(&f.passes), 0);
}

/* A model is stopped whole, also when some of its threads have not come through the gate yet. */
static void a_stop_right_behind_the_gate_lets_every_main_end(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        start(4, park_until_stopped);
        stop_and_join();
        pl_thread_set_deinit(&f.set);
    }
}

/* ---- places ----------------------------------------------------------------------------------
 */

static uint32_t places(void)
{
    uint32_t count = 0;

    for (struct pl_thread_place *place = atomic_load(&f.engine.places); place != NULL;
         place = place->next)
        count++;
    return count;
}

static void what_a_thread_has_counted_outlives_it_in_its_place(void **state)
{
    static struct pl_stats stats;

    (void)state;
    for (uint32_t i = 1; i <= 3; i++) {
        start(4, count_in_its_block);
        assert_int_equal(pl_thread_set_join(&f.set, pl_clock_ms() + CLIENT_DEADLINE_MS), 0);
        pl_thread_set_deinit(&f.set);
        memset(&stats, 0, sizeof(stats));
        pl_engine_stats(&f.engine, &stats);
        assert_int_equal(stats.counters[PL_STAT_polls], 4 * i);
        for (int role = 0; role < PL_ROLES_COUNT; role++)
            assert_int_equal(stats.threads[role], 0); /* nobody is there */
        assert_int_equal(places(), 4);
    }
}

static void two_sets_at_a_time_have_places_of_their_own(void **state)
{
    struct pl_thread_set other;

    (void)state;
    init(3, park_until_stopped);
    assert_int_equal(pl_thread_set_init(&other, &f.model, "other", 2, park_until_stopped), 0);
    assert_ptr_equal(f.model.sets, &other);
    assert_ptr_equal(other.next, &f.set);
    assert_int_equal(places(), 5);
    for (uint32_t i = 0; i < 3; i++)
        for (uint32_t k = 0; k < 2; k++)
            assert_ptr_not_equal(f.set.threads[i].stats, other.threads[k].stats);
    pl_thread_set_deinit(&other);
}

/* The ring stands under the thread's name, so another name takes none that is free. */
static void a_timeline_goes_on_under_its_name_alone(void **state)
{
    struct pl_timeline *timelines[2];

    (void)state;
    f.engine.settings.timeline_entries = 8;
    init(2, park_until_stopped);
    for (int i = 0; i < 2; i++)
        timelines[i] = f.set.threads[i].timeline;
    assert_string_equal(timelines[1]->name, "test-1");
    pl_thread_set_deinit(&f.set);
    f.model.sets = NULL;
    assert_int_equal(pl_thread_set_init(&f.set, &f.model, "other", 1, park_until_stopped), 0);
    assert_string_equal(f.set.threads[0].timeline->name, "other-0");
    pl_thread_set_deinit(&f.set);
    assert_int_equal(places(), 3);
    init(2, park_until_stopped);
    for (int i = 0; i < 2; i++)
        assert_ptr_equal(f.set.threads[i].timeline, timelines[i]);
    assert_int_equal(places(), 3);
}

/* ---- nothing is left lying while somebody sleeps ------------------------------------------------
 */

#define PRODUCERS 3
#define SLOTS     12
#define ITEMS     4000

static struct pl_slot slots[SLOTS];
static _Atomic bool is_done[SLOTS];
static _Atomic uint32_t double_takes;

static bool has_work(void *context)
{
    (void)context;
    return pl_ready_ring_count(&f.engine.ring) > 0;
}

static void *consume(void *argument)
{
    struct pl_thread *thread = argument;

    while (!pl_thread_set_is_stopping(&f.set)) {
        struct pl_slot *slot = pl_ready_ring_take(&f.engine.ring);

        if (slot == NULL) {
            pl_thread_set_park(&f.set, thread, has_work, NULL);
            continue;
        }
        if (has_work(NULL))
            (void)pl_thread_set_wake_one(&f.set, thread);
        if (atomic_exchange(&is_done[slot - slots], true))
            atomic_fetch_add(&double_takes, 1);
        atomic_fetch_add(&f.handled, 1);
    }
    return NULL;
}

/* Goes on only when its last item was handled: one wake that is lost stops it. */
static char complaint_text[] = "an item lies in the ring and nobody comes";

static void *produce(void *argument)
{
    size_t own = (size_t)(uintptr_t)argument;
    int64_t until = client_now_ms() + CLIENT_DEADLINE_MS;

    for (uint32_t i = 0; i < ITEMS; i++) {
        struct pl_slot_queue batch = { .first = NULL };
        size_t first = own * (SLOTS / PRODUCERS), count = 1 + i % (SLOTS / PRODUCERS);

        for (size_t k = first; k < first + count; k++) {
            atomic_store(&is_done[k], false);
            if (count == 1)
                pl_ready_ring_append(&f.engine.ring, &slots[k], 1);
            else
                pl_slot_queue_append(&batch, &slots[k]);
        }
        pl_ready_ring_append_all(&f.engine.ring, &batch, 1);
        (void)pl_thread_set_wake_one(&f.set, NULL);
        for (size_t k = first; k < first + count; k++)
            while (!atomic_load(&is_done[k])) {
                if (client_now_ms() > until)
                    return complaint_text;
                sched_yield();
            }
    }
    return NULL;
}

static void no_wake_is_lost(void **state)
{
    pthread_t producers[PRODUCERS];
    void *complaint, *first_complaint = NULL;

    (void)state;
    for (size_t i = 0; i < SLOTS; i++) {
        atomic_store(&slots[i].claim, 0);
        (void)pl_claim_open(&slots[i].claim);
    }
    start(4, consume);
    for (size_t i = 0; i < PRODUCERS; i++)
        assert_int_equal(pthread_create(&producers[i], NULL, produce, (void *)(uintptr_t)i), 0);
    for (size_t i = 0; i < PRODUCERS; i++) {
        pthread_join(producers[i], &complaint);
        first_complaint = complaint != NULL ? complaint : first_complaint;
    }
    stop_and_join();
    if (first_complaint != NULL)
        fail_msg("%s", (const char *)first_complaint);
    assert_int_equal(atomic_load(&double_takes), 0);
    assert_int_equal(atomic_load(&f.handled), PRODUCERS * ITEMS / 4 * (1 + 2 + 3 + 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(stop_wakes_every_parked_thread, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stop_before_they_park_is_not_missed, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_sleeps_while_there_is_work, setup, teardown),
        cmocka_unit_test_setup_teardown(at_most_one_thread_searches, setup, teardown),
        cmocka_unit_test_setup_teardown(the_last_to_sleep_is_the_first_to_wake, setup, teardown),
        cmocka_unit_test_setup_teardown(waking_nobody_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(a_join_that_is_late_counts_who_is_left, setup, teardown),
        cmocka_unit_test_setup_teardown(a_start_that_fails_half_way_is_stopped_and_joined, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(nobody_runs_before_the_gate_opens, setup, teardown),
        cmocka_unit_test_setup_teardown(who_is_stopped_at_the_gate_leaves_without_having_run, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_stop_right_behind_the_gate_lets_every_main_end, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_a_thread_has_counted_outlives_it_in_its_place, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(two_sets_at_a_time_have_places_of_their_own, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_timeline_goes_on_under_its_name_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(no_wake_is_lost, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
