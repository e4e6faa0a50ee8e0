/* SPDX-License-Identifier: Apache-2.0 */
#include "engine_slots.h"

#include "clock.h"
#include "conn.h"
#include "engine_timers.h"
#include "socket.h"

/* The model must not end while a foreign thread is inside it; its own are known to it. Without a
 * model the slot stands in the ring, held, until there is one or the engine closes. */
void pl_engine_ready(struct pl_engine *engine, struct pl_slot *slot)
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

static bool take_place(struct pl_engine *engine)
{
    uint32_t used = atomic_load_explicit(&engine->quota->used, memory_order_relaxed);

    while (used < engine->quota->max)
        if (atomic_compare_exchange_weak(&engine->quota->used, &used, used + 1))
            return true;
    return false;
}

/* Said before the last look: who gives a place sees it, or the look sees the place. */
static bool await_place(struct pl_engine *engine)
{
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

static void give_place(struct pl_engine *engine)
{
    atomic_fetch_sub(&engine->quota->used, 1);
    say_that_there_is_room(engine->quota);
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
        give_place(engine);
    }
    atomic_fetch_sub(&engine->slots_open, 1);
}

struct pl_slot *pl_engine_take_slot(struct pl_engine *engine, uint32_t shard)
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

void pl_engine_give_unused(struct pl_engine *engine, struct pl_slot *slot)
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
    struct pl_slot *slot = pl_engine_take_slot(engine, shard);

    if (slot == NULL) {
        PL_COUNT(thread->stats, accepts_refused);
        pl_close_fd(&fd);
        give_place(engine);
        return;
    }
    PL_COUNT(thread->stats, accepts);
    atomic_fetch_add(&engine->shards[shard].conns_open, 1);
    *pl_slot_table_peer(&engine->face.table, slot) = acceptor->peer;
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

/* What came to a slot that cannot be armed is as good as a hang-up. */
static bool let_go(struct pl_engine *engine, struct pl_slot *slot, uint32_t *ret_reasons)
{
    struct pl_handle_set *set = &pl_engine_shard_of(engine, slot)->set;

    if (pl_handle_set_arm(set, slot->arming, &slot->handle, slot->waits) == 0)
        return pl_claim_release(&slot->claim, slot->waits, ret_reasons);
    *ret_reasons = PL_HANGUP;
    return false;
}

const struct pl_engine_ops pl_engine_slot_ops = { .ready = pl_engine_ready,
                                                  .release = release,
                                                  .take_place = take_place,
                                                  .give_place = give_place,
                                                  .await_place = await_place,
                                                  .adopt = adopt,
                                                  .forget = forget,
                                                  .take = pl_engine_take_slot,
                                                  .let_go = let_go,
                                                  .away = away,
                                                  .arm_timer = pl_engine_arm_timer };
