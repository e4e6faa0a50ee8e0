/* SPDX-License-Identifier: Apache-2.0 */
/* The life of every model's threads: they stand at the gate until they are let go, all or none, and
 * leave when they are asked. */
#include "clock.h"
#include "client.h"
#include "engine_rig.h"

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
void *__real_pl_alloc(size_t bytes);
void *__wrap_pl_alloc(size_t bytes);

static _Atomic int creations_left = -1, allocations_left = -1; /* -1: without end */

static bool is_refused(_Atomic int *left)
{
    int now = atomic_load(left);

    while (now > 0 && !atomic_compare_exchange_weak(left, &now, now - 1))
        ;
    return now == 0;
}

int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attributes,
                          void *(*thread_main)(void *), void *argument)
{
    if (is_refused(&creations_left))
        return EAGAIN;
    return __real_pthread_create(id, attributes, thread_main, argument);
}

void *__wrap_pl_alloc(size_t bytes)
{
    return is_refused(&allocations_left) ? NULL : __real_pl_alloc(bytes);
}

/* ---- fixture --------------------------------------------------------------------------------- */

static const struct {
    const char *word;
    enum pl_promotion promotion;
    uint32_t threads;
    uint32_t threads_in_all; /* with I/O threads and deputies */
} models[] = {
    { "leader_followers", PL_PROMOTION_ADAPTIVE, 3, 4 },
    { "leader_followers", PL_PROMOTION_ALWAYS, 3, 4 },
    { "leader_followers", PL_PROMOTION_KERNEL, 3, 4 },
    { "leader_followers", PL_PROMOTION_ADAPTIVE, 1, 1 },
    { "half_sync_half_async", PL_PROMOTION_ADAPTIVE, 3, 4 },
    { "reactor", PL_PROMOTION_ADAPTIVE, 3, 4 },
    { "reactor", PL_PROMOTION_ADAPTIVE, 0, 1 },
    { "proactor", PL_PROMOTION_ADAPTIVE, 3, 4 },
    { "per_core", PL_PROMOTION_ADAPTIVE, 3, 3 },
};

#define MODELS (sizeof(models) / sizeof(models[0]))

static struct engine_rig rig;
static struct pl_engine_settings settings;
static struct pl_model *model;
static struct descriptors opened;

static void open_engine(size_t number)
{
    creations_left = allocations_left = -1;
    settings = engine_rig_settings(models[number].word, models[number].threads);
    settings.model_settings.promotion = models[number].promotion;
    engine_rig_open(&rig, &settings);
    descriptors_now(&opened);
    model = NULL;
}

static uint32_t occupied_places(void)
{
    uint32_t count = 0;

    for (struct pl_thread_place *place = atomic_load(&rig.engine.places); place != NULL;
         place = place->next)
        count += place->thread != NULL;
    return count;
}

/* The control's and the rig's own are always there. */
static void expect_nothing_left(void)
{
    assert_int_equal(occupied_places(), 2);
    descriptors_expect_no_new(&opened);
}

static uint64_t polls(void)
{
    static struct pl_stats stats;

    memset(&stats, 0, sizeof(stats));
    pl_engine_stats(&rig.engine, &stats);
    return stats.counters[PL_STAT_polls];
}

static uint32_t join(void)
{
    return pl_model_join(model, pl_clock_ms() + CLIENT_DEADLINE_MS);
}

static uint32_t waiting_threads(void)
{
    uint32_t count = 0;

    for (struct pl_thread_set *set = model->sets; set != NULL; set = set->next)
        for (uint32_t i = 0; i < set->count; i++)
            count += atomic_load(&set->threads[i].is_waiting);
    return count;
}

static void await_a_wait(void)
{
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;

    while (waiting_threads() == 0) {
        if (client_now_ms() > until_ms)
            fail_msg("%s: nobody waits", settings.model->name);
        sched_yield();
    }
}

static void open_model(void)
{
    assert_int_equal(pl_model_open(&rig.engine, &settings, &model), 0);
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void no_thread_runs_before_it_is_let_go(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        open_engine(i);
        open_model();
        /* All are there, and go on being there. */
        assert_int_equal(pl_model_join(model, pl_clock_ms() + 5), models[i].threads_in_all);
        assert_int_equal(polls(), 0);
        assert_int_equal(waiting_threads(), 0);
        pl_model_let_go(model);
        await_a_wait();
        assert_true(model->shards_count > 0);
        pl_model_stop(model);
        assert_int_equal(join(), 0);
        assert_true(polls() > 0);
        pl_model_close(model);
        expect_nothing_left();
        engine_rig_close(&rig);
    }
}

static void one_that_is_never_let_go_leaves_without_having_run(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        open_engine(i);
        open_model();
        pl_model_stop(model);
        assert_int_equal(join(), 0);
        assert_int_equal(polls(), 0);
        pl_model_close(model);
        expect_nothing_left();
        engine_rig_close(&rig);
    }
}

static void a_thread_that_cannot_be_started_leaves_nothing_of_the_others(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        open_engine(i);
        for (int n = 0; n < (int)models[i].threads_in_all; n++) {
            creations_left = n;
            assert_int_equal(pl_model_open(&rig.engine, &settings, &model), -EAGAIN);
            assert_null(model);
            expect_nothing_left();
            assert_int_equal(polls(), 0);
        }
        creations_left = (int)models[i].threads_in_all;
        open_model();
        assert_int_equal(creations_left, 0);
        pl_model_stop(model);
        assert_int_equal(join(), 0);
        pl_model_close(model);
        engine_rig_close(&rig);
    }
}

static void without_memory_nothing_is_left_either(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        int n = 0, err;

        open_engine(i);
        for (;;) {
            allocations_left = n++;
            err = pl_model_open(&rig.engine, &settings, &model);
            allocations_left = -1;
            if (err == 0)
                break;
            assert_int_equal(err, -ENOMEM);
            expect_nothing_left();
            assert_true(n < 64);
        }
        assert_true(n > 1);
        pl_model_stop(model);
        assert_int_equal(join(), 0);
        pl_model_close(model);
        expect_nothing_left();
        engine_rig_close(&rig);
    }
}

static void a_stop_ends_every_wait_before_it_returns(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODELS; i++)
        for (int round = 0; round < 10; round++) {
            open_engine(i);
            open_model();
            pl_model_let_go(model);
            if (round % 2 == 0) /* else at whatever moment it comes */
                await_a_wait();
            pl_model_stop(model);
            assert_int_equal(waiting_threads(), 0);
            assert_int_equal(join(), 0);
            pl_model_close(model);
            expect_nothing_left();
            engine_rig_close(&rig);
        }
}

/* A successor that waits in the same handle sets is neither stopped nor made deaf. */
static void a_stop_leaves_the_successor_awake_for_posts(void **state)
{
    struct pl_model *old;

    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        uint64_t before;
        int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;

        open_engine(i);
        open_model();
        old = model;
        pl_model_let_go(old);
        open_model();
        pl_model_let_go(model);
        await_a_wait();
        pl_model_stop(old);
        assert_int_equal(pl_model_join(old, pl_clock_ms() + CLIENT_DEADLINE_MS), 0);
        pl_model_close(old);
        await_a_wait();
        for (uint32_t k = 0; k < 20; k++) {
            before = polls();
            pl_shard_wake(rig.engine.shards[0]);
            if (models[i].promotion == PL_PROMOTION_KERNEL)
                break; /* its threads are woken another way */
            while (!atomic_load(&rig.engine.shards[0]->is_asleep) && client_now_ms() < until_ms)
                sched_yield();
            assert_true(client_now_ms() < until_ms);
            assert_true(polls() >= before);
        }
        pl_model_stop(model);
        assert_int_equal(join(), 0);
        pl_model_close(model);
        expect_nothing_left();
        engine_rig_close(&rig);
    }
}

/* ---- who does not leave ---------------------------------------------------------------------- */

static _Atomic uint32_t inside;
static _Atomic bool is_gate_open;

static enum pl_next wake(struct pl_slot *slot, uint32_t reasons)
{
    (void)slot;
    (void)reasons;
    return PL_RUN_PROCESS;
}

static enum pl_next run_until_the_gate_opens(struct pl_slot *slot, uint32_t stages)
{
    if ((stages & PL_STAGE_PROCESS) == 0)
        return (enum pl_next)slot->next;
    atomic_fetch_add(&inside, 1);
    while (!atomic_load(&is_gate_open))
        sched_yield();
    return PL_CLOSE;
}

static void close_slot(struct pl_slot *slot)
{
    pl_claim_close(&slot->claim);
    pl_engine_face_of(slot->engine)->ops->release(slot);
}

static const struct pl_slot_kind kind = {
    .name = "fake", .wake = wake, .run = run_until_the_gate_opens, .close = close_slot
};

static void await_the_others(void)
{
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;

    while (pl_model_join(model, pl_clock_ms() + 1) > 1)
        if (client_now_ms() > until_ms)
            fail_msg("%s: more than one stays", settings.model->name);
}

static void a_join_counts_who_is_still_inside_a_handler(void **state)
{
    struct pl_error error;

    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        struct pl_slot *slot;

        open_engine(i);
        atomic_store(&inside, 0);
        atomic_store(&is_gate_open, false);
        assert_int_equal(pl_engine_start(&rig.engine, &error), 0);
        model = rig.engine.model;
        slot = pl_engine_face_of(&rig.engine)->ops->take(&rig.engine, 0);
        slot->kind = &kind;
        slot->next = PL_RUN_PROCESS;
        pl_engine_hand_over(NULL, slot);
        client_await(&inside, 1);
        pl_model_stop(model);
        await_the_others();
        assert_int_equal(pl_engine_stop(&rig.engine, pl_clock_ms()), 1);
        assert_ptr_equal(rig.engine.model, model);
        atomic_store(&is_gate_open, true);
        assert_int_equal(pl_engine_stop(&rig.engine, pl_clock_ms() + CLIENT_DEADLINE_MS), 0);
        assert_null(rig.engine.model);
        pl_engine_cut(&rig.engine); /* what a worker left to an I/O thread that had gone */
        expect_nothing_left();
        engine_rig_close(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_thread_runs_before_it_is_let_go),
        cmocka_unit_test(one_that_is_never_let_go_leaves_without_having_run),
        cmocka_unit_test(a_thread_that_cannot_be_started_leaves_nothing_of_the_others),
        cmocka_unit_test(without_memory_nothing_is_left_either),
        cmocka_unit_test(a_stop_ends_every_wait_before_it_returns),
        cmocka_unit_test(a_stop_leaves_the_successor_awake_for_posts),
        cmocka_unit_test(a_join_counts_who_is_still_inside_a_handler),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
