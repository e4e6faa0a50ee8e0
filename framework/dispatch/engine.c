/* SPDX-License-Identifier: Apache-2.0 */
#include "engine.h"

#include "alloc.h"
#include "assert.h"
#include "clock.h"
#include "conn.h"
#include "datagram_slot.h"
#include "engine_timers.h"
#include "socket.h"
#include "waker.h"

#include <paceline/log.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* ---- what slots ask of the engine ---------------------------------------------------------- */

/* The model must not end while a foreign thread is inside it; its own are known to it. Without a
 * model the slot stands in the ring, held, until there is one or the engine closes. */
static void ready(struct pl_engine *engine, struct pl_slot *slot)
{
    struct pl_thread *thread = pl_thread_own();

    if (thread != NULL && thread->engine == engine) {
        engine->model->ops->ready(engine->model, thread, slot);
        return;
    }
    pthread_mutex_lock(&engine->model_lock);
    if (engine->model != NULL)
        engine->model->ops->ready(engine->model, NULL, slot);
    else
        pl_ready_ring_append(&engine->ring, slot, pl_clock_ns());
    pthread_mutex_unlock(&engine->model_lock);
}

static void away(struct pl_engine *engine, struct pl_thread *thread)
{
    engine->model->ops->away(engine->model, thread);
}

static bool has_room(struct pl_engine *engine, bool will_wait)
{
    if (will_wait)
        atomic_store(&engine->quota->is_awaited, true);
    return atomic_load(&engine->quota->used) < engine->quota->max;
}

static void claim_acceptors(struct pl_engine *engine, uint32_t why)
{
    for (uint32_t i = 0; i < engine->face.shards_count; i++)
        for (uint32_t k = 0; k < engine->shards[i].acceptors_count; k++)
            (void)pl_engine_claim(engine, engine->shards[i].acceptors[k], why);
}

/* Room appeared: whoever waits for it, in whichever engine, looks again. */
static void say_that_there_is_room(struct pl_conn_quota *quota)
{
    if (!atomic_load(&quota->is_awaited))
        return;
    atomic_store(&quota->is_awaited, false);
    for (uint32_t i = 0; i < quota->engines_count; i++)
        if (!atomic_load(&quota->engines[i]->face.is_draining))
            claim_acceptors(quota->engines[i], PL_COMPLETION);
}

static void release(struct pl_engine *engine, struct pl_slot *slot)
{
    struct pl_shard *shard = pl_engine_shard_of(engine, slot);
    bool is_conn = slot->kind == &pl_conn_kind;

    pl_engine_cancel_timer(engine, slot);
    pl_close_fd(&slot->handle.fd);
    pl_slot_table_give(&engine->face.table, slot);
    if (is_conn) {
        atomic_fetch_sub(&shard->conns_open, 1);
        atomic_fetch_sub(&engine->quota->used, 1);
        say_that_there_is_room(engine->quota);
    }
    atomic_fetch_sub(&engine->slots_open, 1);
}

static struct pl_slot *take_slot(struct pl_engine *engine, uint32_t shard)
{
    struct pl_slot *slot = pl_slot_table_take(&engine->face.table);

    if (slot == NULL)
        return NULL;
    slot->shard = (uint16_t)shard;
    slot->engine = engine;
    slot->arming = engine->settings.arming;
    atomic_fetch_add(&engine->slots_open, 1);
    return slot;
}

static void give_unused(struct pl_engine *engine, struct pl_slot *slot)
{
    pl_claim_close(&slot->claim);
    pl_slot_table_give(&engine->face.table, slot);
    atomic_fetch_sub(&engine->slots_open, 1);
}

/* The loop with the fewest connections; with one handle set there is no choice. */
static uint32_t least_loaded(struct pl_engine *engine)
{
    uint32_t least = 0;

    for (uint32_t i = 1; i < engine->face.shards_count; i++)
        if (atomic_load_explicit(&engine->shards[i].conns_open, memory_order_relaxed) <
            atomic_load_explicit(&engine->shards[least].conns_open, memory_order_relaxed))
            least = i;
    return least;
}

/* A client that speaks first has probably spoken. Where this thread may receive, the first turn
 * comes before the handle set ever sees the connection, and a short one never enters it. Elsewhere
 * the handle set has it until it is readable: a deadline must not wait for a worker. */
static void adopt(struct pl_engine *engine, struct pl_acceptor *acceptor, int fd)
{
    struct pl_thread *thread = acceptor->slot.thread;
    uint32_t shard = acceptor->is_shared || engine->settings.is_balancing ? least_loaded(engine)
                                                                          : acceptor->slot.shard;
    struct pl_slot *slot = take_slot(engine, shard);

    if (slot == NULL) {
        PL_COUNT(thread->stats, accepts_refused);
        pl_close_fd(&fd);
        return;
    }
    PL_COUNT(thread->stats, accepts);
    atomic_fetch_add(&engine->quota->used, 1);
    atomic_fetch_add(&engine->shards[shard].conns_open, 1);
    pl_conn_adopt_fd(pl_conn_of(slot), acceptor->service, fd, thread);
    if (atomic_load(&engine->face.is_draining))
        pl_conn_begin_drain(pl_conn_of(slot));
    pl_engine_watch_deadline(engine, slot);
    pl_conn_of(slot)->is_readable = acceptor->may_receive; /* perhaps; the receive finds out */
    if (acceptor->may_receive)
        engine->model->ops->ready(engine->model, thread, slot);
    else
        pl_settle(thread, slot, slot->kind->run(slot, 0));
}

static void forget(struct pl_engine *engine, struct pl_slot *slot)
{
    pl_handle_set_forget(&pl_engine_shard_of(engine, slot)->set, &slot->handle);
}

/* A slot that cannot be armed gets a turn, which finds out why. */
static void let_go(struct pl_engine *engine, struct pl_slot *slot)
{
    uint32_t reasons = PL_HANGUP;

    struct pl_handle_set *set = &pl_engine_shard_of(engine, slot)->set;

    if (pl_handle_set_arm(set, slot->arming, &slot->handle, slot->waits) < 0 ||
        !pl_claim_release(&slot->claim, slot->waits, &reasons))
        pl_slot_wake(slot, reasons);
}

static const struct pl_engine_ops engine_ops = { .ready = ready,
                                                 .release = release,
                                                 .has_room = has_room,
                                                 .adopt = adopt,
                                                 .forget = forget,
                                                 .take = take_slot,
                                                 .let_go = let_go,
                                                 .away = away,
                                                 .arm_timer = pl_engine_arm_timer };

/* ---- life ---------------------------------------------------------------------------------- */

static void close_kernel_side(struct pl_engine *engine)
{
    for (uint32_t i = 0; engine->shards != NULL && i < engine->face.shards_count; i++)
        pl_shard_close(&engine->shards[i]);
    pl_free(engine->shards);
    engine->shards = NULL;
    pl_close_fd(&engine->stop_fd);
}

static int open_kernel_side(struct pl_engine *engine)
{
    const struct pl_engine_settings *settings = &engine->settings;
    uint32_t count = settings->model->has_loops ? settings->model_settings.threads : 1;
    int err = 0;

    engine->shards = pl_alloc(count * sizeof(*engine->shards));
    if (engine->shards == NULL)
        return -ENOMEM;
    engine->face.shards_count = count;
    for (uint32_t i = 0; i < count && err == 0; i++)
        err = pl_shard_open(&engine->shards[i], engine);
    return err;
}

int pl_engine_open(struct pl_engine *engine, const struct pl_engine_settings *settings,
                   struct pl_buffer_pool *pool, struct pl_conn_quota *quota, struct pl_error *error)
{
    int err;

    memset(engine, 0, sizeof(*engine));
    engine->face.ops = &engine_ops;
    engine->settings = *settings;
    engine->pool = pool;
    engine->quota = quota;
    engine->stop_fd = -1;
    engine->shortest_ms = PL_LINGER_MS;
    pthread_mutex_init(&engine->model_lock, NULL);
    pl_ready_ring_init(&engine->ring);
    err = pl_slot_table_open(&engine->face.table, settings->slots_max);
    if (err < 0)
        goto deinit_ring;
    err = open_kernel_side(engine);
    if (err < 0)
        goto close_kernel;
    snprintf(engine->control.name, sizeof(engine->control.name), "control");
    err = pl_engine_prepare_thread(engine, &engine->control, 0);
    if (err < 0)
        goto close_kernel;
    PL_ASSERT(quota->engines_count < PL_SERVICES_MAX);
    quota->engines[quota->engines_count++] = engine;
    return 0;

close_kernel:
    close_kernel_side(engine);
    pl_slot_table_close(&engine->face.table);
deinit_ring:
    pl_ready_ring_deinit(&engine->ring);
    pthread_mutex_destroy(&engine->model_lock);
    return pl_error_set(error, EX_OSERR, err, "engine %s: cannot be opened: errno %d",
                        settings->name, -err);
}

/* The control thread holds what nobody else runs any more, but for what the application's threads
 * hold still. */
static void close_remaining_slots(struct pl_engine *engine)
{
    struct pl_slot_table *table = &engine->face.table;
    uint32_t used_max = atomic_load(&table->used_max);

    while (pl_ready_ring_take(&engine->ring) != NULL)
        ;
    for (uint32_t i = 0; i < used_max; i++) {
        struct pl_slot *slot = pl_slot_table_at(table, i);
        uint64_t word = atomic_load(&slot->claim);
        uint32_t reasons;

        if (slot->engine == NULL || slot->is_lent)
            continue;
        if (!pl_claim_is_held(&slot->claim) &&
            pl_slot_claim(slot, pl_token_of(i, pl_claim_generation(word)), PL_SHUTDOWN, &reasons) !=
                PL_CLAIM_WON)
            continue;
        slot->thread = &engine->control;
        slot->kind->close(slot);
    }
}

void pl_engine_cut(struct pl_engine *engine)
{
    PL_ASSERT(engine->model == NULL);
    atomic_store(&engine->face.is_draining, true);
    close_remaining_slots(engine);
}

void pl_engine_close(struct pl_engine *engine)
{
    pl_engine_cut(engine);
    pl_buffer_cache_deinit(&engine->control.cache);
    close_kernel_side(engine);
    pl_slot_table_close(&engine->face.table);
    pl_ready_ring_deinit(&engine->ring);
    pthread_mutex_destroy(&engine->model_lock);
    for (uint32_t i = 0; i < engine->blocks_count; i++)
        pl_free(engine->blocks[i]);
    pl_free(engine->blocks);
    pl_timelines_free(&engine->timelines);
}

static int ensure_block(struct pl_engine *engine, uint32_t index)
{
    while (engine->blocks_count <= index) {
        struct pl_stats_block **blocks =
            pl_alloc((engine->blocks_count + 1) * sizeof(*engine->blocks));
        struct pl_stats_block *block = pl_alloc(sizeof(*block));

        if (blocks == NULL || block == NULL) {
            pl_free(blocks);
            pl_free(block);
            return -ENOMEM;
        }
        atomic_store(&block->role, PL_ROLES_COUNT);
        if (engine->blocks_count > 0)
            memcpy(blocks, engine->blocks, engine->blocks_count * sizeof(*blocks));
        blocks[engine->blocks_count] = block;
        pl_free(engine->blocks);
        engine->blocks = blocks;
        engine->blocks_count++;
    }
    return 0;
}

int pl_engine_prepare_thread(struct pl_engine *engine, struct pl_thread *thread, uint32_t block)
{
    int err = ensure_block(engine, block);

    if (err < 0)
        return err;
    thread->engine = engine;
    thread->stats = engine->blocks[block];
    thread->now_ns = pl_clock_ns();
    pl_buffer_cache_init(&thread->cache, engine->pool, thread->stats);
    return 0;
}

static void note_shortest(struct pl_engine *engine, const struct pl_service *service)
{
    int64_t shortest_ms = pl_service_shortest_ms(service);

    if (shortest_ms < engine->shortest_ms)
        engine->shortest_ms = shortest_ms;
}

int pl_engine_listen(struct pl_engine *engine, uint32_t shard_index, struct pl_service *service,
                     int fd, bool is_datagram)
{
    bool is_only = shard_index == PL_SHARD_ANY;
    struct pl_shard *shard = &engine->shards[is_only ? 0 : shard_index];
    struct pl_slot *slot = take_slot(engine, is_only ? 0 : shard_index);
    int err;

    if (slot == NULL || shard->acceptors_count == PL_LISTENERS_MAX) {
        pl_close_fd(&fd);
        err = -ENOBUFS;
        goto give_slot;
    }
    slot->thread = &engine->control;
    err = is_datagram ? pl_datagram_slot_open((struct pl_datagram_slot *)(void *)slot, service, fd)
                      : pl_acceptor_open((struct pl_acceptor *)(void *)slot, service, fd);
    if (err < 0) {
        pl_close_fd(&slot->handle.fd);
        goto give_slot;
    }
    if (!is_datagram)
        ((struct pl_acceptor *)(void *)slot)->is_shared = is_only;
    shard->acceptors[shard->acceptors_count++] = slot->handle.token;
    note_shortest(engine, service);
    return 0;

give_slot:
    if (slot != NULL)
        give_unused(engine, slot);
    return err;
}

static int open_stop(struct pl_engine *engine)
{
    int err = pl_waker_open(&engine->stop_fd);

    for (uint32_t i = 0; i < engine->face.shards_count && err == 0; i++)
        err = pl_handle_set_watch(&engine->shards[i].set, engine->stop_fd, PL_TOKEN_STOP, false);
    return err;
}

static int arm_listener(struct pl_engine *engine, uint64_t token)
{
    struct pl_slot *slot = pl_slot_table_at(&engine->face.table, (uint32_t)token);
    struct pl_handle_set *set = &pl_engine_shard_of(engine, slot)->set;
    uint32_t reasons;
    int err;

    slot->waits = PL_READABLE;
    err = pl_handle_set_arm(set, slot->arming, &slot->handle, slot->waits);
    if (err < 0)
        return err;
    if (!pl_claim_release(&slot->claim, slot->waits, &reasons))
        pl_slot_wake(slot, reasons);
    return 0;
}

/* Listeners are armed last: the first connection finds every thread in place. One that cannot be
 * armed ends the start; a settle would close it and leave a server that serves nobody. */
static int arm_listeners(struct pl_engine *engine)
{
    int err = 0;

    for (uint32_t i = 0; i < engine->face.shards_count; i++)
        for (uint32_t k = 0; k < engine->shards[i].acceptors_count && err == 0; k++)
            err = arm_listener(engine, engine->shards[i].acceptors[k]);
    return err;
}

int pl_engine_start(struct pl_engine *engine, struct pl_error *error)
{
    const struct pl_model_ops *ops = engine->settings.model;
    int err = open_stop(engine);

    if (err < 0)
        goto close_stop;
    err = ops->open(engine, &engine->settings.model_settings, &engine->model);
    if (err < 0)
        goto close_stop;
    err = ops->start(engine->model);
    if (err < 0)
        goto close_model;
    err = arm_listeners(engine);
    if (err < 0) {
        (void)pl_engine_stop(engine, INT64_MAX);
        return pl_error_set(error, EX_OSERR, err, "engine %s: a listener cannot be armed: errno %d",
                            engine->settings.name, -err);
    }
    return 0;

close_model:
    ops->close(engine->model);
    engine->model = NULL;
close_stop:
    pl_close_fd(&engine->stop_fd);
    return pl_error_set(error, EX_OSERR, err, "engine %s: model %s cannot be started: errno %d",
                        engine->settings.name, ops->name, -err);
}

void pl_engine_drain(struct pl_engine *engine)
{
    struct pl_slot_table *table = &engine->face.table;

    atomic_store(&engine->face.is_draining, true);
    for (uint32_t i = 0; i < atomic_load(&table->used_max); i++) {
        uint64_t word = atomic_load(&pl_slot_table_at(table, i)->claim);

        (void)pl_engine_claim(engine, pl_token_of(i, pl_claim_generation(word)), PL_SHUTDOWN);
    }
}

int pl_engine_add_watch(struct pl_engine *engine, const struct pl_watch_settings *settings,
                        uint64_t *ret_token)
{
    struct pl_slot *slot = take_slot(engine, 0);
    int err;

    if (slot == NULL)
        return -ENOBUFS;
    /* Looked at after the slot was taken: the drain's walk then sees it, or this sees the drain. */
    if (atomic_load(&engine->face.is_draining)) {
        give_unused(engine, slot);
        return -ESHUTDOWN;
    }
    err = pl_watch_open((struct pl_watch *)(void *)slot, settings);
    if (err < 0) {
        give_unused(engine, slot);
        return err;
    }
    *ret_token = slot->handle.token;
    ready(engine, slot);
    return 0;
}

enum pl_claim pl_engine_claim(struct pl_engine *engine, uint64_t token, uint32_t why)
{
    struct pl_slot *slot = pl_slot_table_at(&engine->face.table, (uint32_t)token);
    enum pl_claim result = PL_CLAIM_STALE;
    uint32_t reasons;

    if (slot != NULL)
        result = pl_slot_claim(slot, token, why, &reasons);
    if (result == PL_CLAIM_WON)
        pl_slot_wake(slot, reasons);
    return result;
}

bool pl_engine_is_empty(struct pl_engine *engine)
{
    return atomic_load(&engine->slots_open) == 0;
}

uint32_t pl_engine_stop(struct pl_engine *engine, int64_t deadline_ms)
{
    struct pl_model *model = engine->model;
    uint32_t left;

    if (model == NULL)
        return 0;
    model->ops->stop(model);
    pl_waker_wake(engine->stop_fd);
    left = model->ops->join(model, deadline_ms);
    if (left > 0)
        return left;
    pthread_mutex_lock(&engine->model_lock);
    engine->model = NULL;
    pthread_mutex_unlock(&engine->model_lock);
    model->ops->close(model);
    pl_close_fd(&engine->stop_fd);
    return 0;
}

void pl_engine_stats(struct pl_engine *engine, struct pl_stats *stats)
{
    for (uint32_t i = 0; i < engine->blocks_count; i++) {
        uint32_t role = atomic_load(&engine->blocks[i]->role);

        pl_stats_merge(stats, engine->blocks[i]);
        if (role < PL_ROLES_COUNT)
            stats->threads[role]++;
    }
    stats->counters[PL_STAT_posts_stale] += atomic_load(&engine->face.table.posts_stale);
    for (uint32_t i = 0; i < engine->face.shards_count; i++)
        stats->conns_open += atomic_load(&engine->shards[i].conns_open);
    stats->queue_depth += pl_ready_ring_count(&engine->ring);
}
