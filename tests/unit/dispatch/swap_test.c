/* SPDX-License-Identifier: Apache-2.0 */
/* Every model gives its engine to every other, with real connections in every state. */
#include "client.h"
#include "clock.h"
#include "rig.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct way {
    const char *model;
    const char *arming;
    enum pl_promotion promotion;
    uint32_t threads;
} ways[] = {
    { "leader_followers", "oneshot", PL_PROMOTION_ADAPTIVE, 3 },
    { "leader_followers", "edge", PL_PROMOTION_ALWAYS, 2 },
    { "leader_followers", "oneshot", PL_PROMOTION_KERNEL, 3 },
    { "half_sync_half_async", "edge", PL_PROMOTION_ADAPTIVE, 3 },
    { "reactor", "oneshot", PL_PROMOTION_ADAPTIVE, 2 },
    { "reactor", "oneshot", PL_PROMOTION_ADAPTIVE, 0 },
    { "proactor", "oneshot", PL_PROMOTION_ADAPTIVE, 3 },
    { "per_core", "oneshot", PL_PROMOTION_ADAPTIVE, 3 },
    { "per_core", "edge", PL_PROMOTION_ADAPTIVE, 2 },
};

#define WAYS  (sizeof(ways) / sizeof(ways[0]))
#define CONNS 12

static struct rig rig;
static struct pl_swap_figures figures;
static int fds[CONNS];

static struct pl_engine_settings settings_of(const struct way *way)
{
    struct pl_engine_settings settings = rig.engine.settings;

    settings.model = pl_model_find(way->model);
    settings.arming = pl_arming_find(way->arming);
    settings.model_settings.threads = way->threads;
    settings.model_settings.promotion = way->promotion;
    settings.model_settings.is_inlining = true;
    return settings;
}

static void start(const struct way *way)
{
    struct rig_options options = rig_defaults();

    options.model = way->model;
    options.arming = way->arming;
    options.threads = way->threads;
    rig_start(&rig, &options);
}

static void swap(const struct way *way)
{
    struct pl_engine_settings settings = settings_of(way);
    struct pl_error error = { .message = "" };
    struct pl_model *successor;

    if (pl_engine_prepare_swap(&rig.engine, &settings, &successor, &error) < 0)
        fail_msg("%s", error.message);
    pl_engine_swap(&rig.engine, successor, &settings, &figures);
    assert_ptr_equal(rig.engine.model->ops, settings.model);
}

static void await_no_retired(void)
{
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;

    while (pl_engine_reap(&rig.engine, 0) > 0) {
        if (client_now_ms() > until_ms)
            fail_msg("threads of an old model do not leave");
        client_pause_ms(1);
    }
    assert_null(rig.engine.retired);
}

static void connect_all(void)
{
    for (int i = 0; i < CONNS; i++) {
        fds[i] = client_connect(rig.port);
        client_say(fds[i], "echo here\n");
        client_expect(fds[i], "here\n");
    }
}

static void close_all(void)
{
    for (int i = 0; i < CONNS; i++)
        client_close(fds[i]);
}

static void idle_connections_answer_after_every_swap(void **state)
{
    (void)state;
    start(&ways[0]);
    connect_all();
    for (size_t from = 0; from < WAYS; from++)
        for (size_t to = 0; to < WAYS; to++) {
            int late;

            swap(&ways[from]);
            swap(&ways[to]);
            for (int i = 0; i < CONNS; i++) {
                client_say(fds[i], "echo again\n");
                client_expect(fds[i], "again\n");
            }
            late = client_connect(rig.port);
            client_say(late, "echo new\n");
            client_expect(late, "new\n");
            client_close(late);
        }
    /* The late ones have left, and of the others not one. */
    client_await(&rig.probe.closed, WAYS * WAYS);
    assert_int_equal(atomic_load(&rig.probe.closed), WAYS * WAYS);
    assert_int_equal(atomic_load(&rig.probe.opened), WAYS * WAYS + CONNS);
    await_no_retired();
    close_all();
    rig_stop(&rig);
}

/* One is parked with its reply outstanding, one is in the middle of a line, one inside a handler
 * that blocks, and that one's thread leaves after it. */
static void what_is_under_way_ends_as_if_nothing_had_been(void **state)
{
    (void)state;
    for (size_t from = 0; from < WAYS; from++)
        for (size_t to = 0; to < WAYS; to++) {
            int parked, half, inside;

            start(&ways[from]);
            swap(&ways[from]); /* with its promotion */
            parked = client_connect(rig.port);
            client_say(parked, "hold kept\n");
            client_await(&rig.probe.held, 1);
            half = client_connect(rig.port);
            client_say(half, "echo one\necho ");
            client_expect(half, "one\n");
            inside = client_connect(rig.port);
            client_say(inside, "sleep -1 finished\n");
            client_await(&rig.probe.blocked, 1);
            swap(&ways[to]);
            client_say(half, "two\n");
            client_expect(half, "two\n");
            assert_int_equal(probe_release(&rig.probe), 0);
            client_expect(parked, "kept\n");
            probe_open_gate(&rig.probe);
            client_expect(inside, "finished\n");
            client_say(inside, "echo still here\n");
            client_expect(inside, "still here\n");
            await_no_retired();
            client_close(parked);
            client_close(half);
            client_close(inside);
            rig_stop(&rig);
        }
}

/* Only where set or arming change does anything move. */
/* A connection that waits through 65536 swaps, of which only the last sends it elsewhere. */
static void the_placement_comes_round_and_nobody_is_left(void **state)
{
    static const struct way loops = { "per_core", "oneshot", PL_PROMOTION_ADAPTIVE, 3 };
    static const struct way one_set = { "leader_followers", "oneshot", PL_PROMOTION_ADAPTIVE, 2 };
    _Atomic uint16_t *placement;
    uint16_t at_first;

    (void)state;
    start(&loops);
    placement = &rig.engine.face.table->placement;
    connect_all();
    at_first = atomic_load(placement);
    atomic_store(placement, at_first | 0x3fff); /* as if there had been so many */
    swap(&loops);
    atomic_store(placement, (uint16_t)(at_first - 1));
    swap(&one_set);
    assert_int_equal(atomic_load(placement), at_first);
    for (int i = 0; i < CONNS; i++) {
        client_say(fds[i], "echo still\n");
        client_expect(fds[i], "still\n");
    }
    await_no_retired();
    close_all();
    rig_stop(&rig);
}

static void the_figures_say_what_moved(void **state)
{
    (void)state;
    start(&ways[7]);
    connect_all();
    swap(&ways[0]);
    assert_true(figures.moved > 0);
    assert_true(figures.moved <= CONNS);
    swap(&ways[6]);
    assert_int_equal(figures.moved, 0);
    swap(&ways[3]); /* edge */
    assert_true(figures.moved + figures.held >= CONNS);
    close_all();
    rig_stop(&rig);
}

static void a_swap_that_cannot_start_leaves_the_old_model_serving(void **state)
{
    struct pl_engine_settings settings;
    struct pl_error error = { .message = "" };
    struct rlimit before, none;
    struct pl_model *model;

    (void)state;
    start(&ways[4]);
    connect_all();
    model = rig.engine.model;
    settings = settings_of(&ways[3]);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0; /* no descriptor is left for what ends its waits */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(
        pl_engine_prepare_swap(&rig.engine, &settings, &(struct pl_model *){ NULL }, &error),
        -EMFILE);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_non_null(strstr(error.message, "half_sync_half_async"));
    assert_ptr_equal(rig.engine.model, model);
    assert_ptr_equal(rig.engine.settings.model, &pl_reactor_ops);
    for (int i = 0; i < CONNS; i++) {
        client_say(fds[i], "echo again\n");
        client_expect(fds[i], "again\n");
    }
    close_all();
    rig_stop(&rig);
}

static uint32_t places(void)
{
    uint32_t count = 0;

    for (struct pl_thread_place *place = atomic_load(&rig.engine.places); place != NULL;
         place = place->next)
        count++;
    return count;
}

static void many_swaps_leave_no_more_than_a_few(void **state)
{
    int descriptors = 0;
    uint32_t places_before = 0;

    (void)state;
    start(&ways[0]);
    connect_all();
    for (size_t i = 0; i < 300; i++) {
        swap(&ways[i % WAYS]);
        client_say(fds[i % CONNS], "echo again\n");
        client_expect(fds[i % CONNS], "again\n");
        /* Never more than two models at a time, so that they need the same places each round. */
        await_no_retired();
        if (i == 10 * WAYS) {
            descriptors = descriptors_count();
            places_before = places();
        }
    }
    await_no_retired();
    swap(&ways[0]);
    await_no_retired();
    assert_int_equal(descriptors_count(), descriptors);
    assert_int_equal(places(), places_before);
    close_all();
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_connections_answer_after_every_swap),
        cmocka_unit_test(what_is_under_way_ends_as_if_nothing_had_been),
        cmocka_unit_test(the_placement_comes_round_and_nobody_is_left),
        cmocka_unit_test(the_figures_say_what_moved),
        cmocka_unit_test(a_swap_that_cannot_start_leaves_the_old_model_serving),
        cmocka_unit_test(many_swaps_leave_no_more_than_a_few),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
