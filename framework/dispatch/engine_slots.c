/* SPDX-License-Identifier: Apache-2.0 */
#include "engine_slots.h"

#include "acceptor.h"
#include "clock.h"
#include "conn.h"
#include "datagram_slot.h"
#include "engine_home.h"
#include "engine_timers.h"
#include "socket.h"

/* ---- to a model ------------------------------------------------------------------------------ */

/* The model must not end while a foreign thread is inside it; its own are known to it. Without a
 * model the slot stands in the ring, held, until there is one or the engine closes. False: the slot
 * belongs elsewhere since the caller looked. */
static bool hand_over_as_stranger(struct pl_slot *slot)
{
    struct pl_engine *engine = slot->engine;
    bool is_home;

    pthread_mutex_lock(&engine->model_lock);
    is_home = slot->placement == atomic_load(&engine->face.table->placement);
    if (is_home && engine->model != NULL)
        engine->model->ops->ready(engine->model, NULL, slot);
    else if (is_home)
        pl_ready_ring_append(&engine->ring, slot, pl_clock_ns());
    pthread_mutex_unlock(&engine->model_lock);
    return is_home;
}

/* A swap may have sorted the rings before what this thread has put there stood in them. */
static void look_again(struct pl_thread *thread)
{
    if (__builtin_expect(atomic_load(&thread->model->is_retired), 0))
        pl_engine_sort_anew(thread->engine);
}

void pl_engine_hand_over(struct pl_thread *thread, struct pl_slot *slot)
{
    (void)pl_engine_bring_home(slot);
    if (thread != NULL && thread->engine == slot->engine && thread->model != NULL &&
        !atomic_load(&thread->model->is_retired)) {
        thread->model->ops->ready(thread->model, thread, slot);
        look_again(thread);
        return;
    }
    while (!hand_over_as_stranger(slot))
        (void)pl_engine_bring_home(slot);
}

void pl_engine_append_all(struct pl_thread *thread, struct pl_ready_ring *ring,
                          struct pl_slot_queue *slots, int64_t now_ns)
{
    if (slots->first == NULL)
        return;
    pl_ready_ring_append_all(ring, slots, now_ns);
    look_again(thread);
}

struct pl_slot_queue pl_engine_empty_rings(struct pl_engine *engine)
{
    struct pl_slot_queue slots = { .first = NULL };

    pl_ready_ring_take_all(&engine->ring, &slots);
    for (uint32_t i = 0; i < pl_engine_shards_count(engine); i++)
        pl_ready_ring_take_all(&engine->shards[i]->ring, &slots);
    return slots;
}

void pl_engine_sort_anew(struct pl_engine *engine)
{
    struct pl_slot_queue slots = pl_engine_empty_rings(engine);
    struct pl_slot *slot;

    while ((slot = pl_slot_queue_take(&slots)) != NULL)
        pl_engine_hand_over(NULL, slot);
}

static void ready(struct pl_slot *slot)
{
    pl_engine_hand_over(pl_thread_own(), slot);
}

static void away(struct pl_engine *engine, struct pl_thread *thread)
{
    (void)engine;
    thread->model->ops->away(thread->model, thread);
}

/* ---- places of connections --------------------------------------------------------------------
 */

static bool take_place(struct pl_engine *engine)
{
    uint32_t used = atomic_load_explicit(&engine->quota->used, memory_order_relaxed);
    uint32_t max = atomic_load_explicit(&engine->quota->max, memory_order_relaxed);

    while (used < max)
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

#define ACCEPTORS_AT_ONCE 32

/* Copies the tokens from number *from on, which goes on; returns how many. */
static uint32_t copy_acceptors(struct pl_conn_quota *quota, uint32_t *from, uint64_t *tokens)
{
    uint32_t count = 0;

    pthread_mutex_lock(&quota->lock);
    for (; *from < quota->acceptors_count && count < ACCEPTORS_AT_ONCE; (*from)++)
        if (quota->acceptors[*from] != PL_NO_ACCEPTOR)
            tokens[count++] = quota->acceptors[*from];
    pthread_mutex_unlock(&quota->lock);
    return count;
}

/* Room appeared: whoever waits for it, in whichever engine, looks again. */
static void say_that_there_is_room(struct pl_engine *engine)
{
    struct pl_conn_quota *quota = engine->quota;
    uint64_t tokens[ACCEPTORS_AT_ONCE];
    uint32_t from = 0, count;

    /* In a drain they all hear of their end instead. */
    if (!atomic_load(&quota->is_awaited) || atomic_load(&engine->face.is_draining))
        return;
    atomic_store(&quota->is_awaited, false);
    while ((count = copy_acceptors(quota, &from, tokens)) > 0)
        for (uint32_t i = 0; i < count; i++)
            (void)pl_engine_claim(engine, tokens[i], PL_COMPLETION);
}

void pl_conn_quota_look_again(struct pl_engine *engine)
{
    if (atomic_load(&engine->quota->used) < atomic_load(&engine->quota->max))
        say_that_there_is_room(engine);
}

static void forget_acceptor(struct pl_conn_quota *quota, uint64_t token)
{
    pthread_mutex_lock(&quota->lock);
    for (uint32_t i = 0; i < quota->acceptors_count; i++)
        if (quota->acceptors[i] == token)
            quota->acceptors[i] = PL_NO_ACCEPTOR;
    pthread_mutex_unlock(&quota->lock);
}

static void give_place(struct pl_engine *engine)
{
    atomic_fetch_sub(&engine->quota->used, 1);
    say_that_there_is_room(engine);
}

/* ---- slots ------------------------------------------------------------------------------------
 */

static void release(struct pl_slot *slot)
{
    struct pl_engine *engine = slot->engine;
    struct pl_shard *shard = pl_engine_shard_of(slot);
    bool is_conn = slot->kind == &pl_conn_kind;

    if (slot->kind == &pl_acceptor_kind || slot->kind == &pl_datagram_kind)
        forget_acceptor(engine->quota, slot->handle.token);
    (void)pl_engine_cancel_timer(slot);
    pl_close_fd(&slot->handle.fd);
    pl_slot_table_give(engine->face.table, slot);
    if (is_conn) {
        atomic_fetch_sub(&shard->conns_open, 1);
        give_place(engine);
    }
    atomic_fetch_sub(&engine->face.table->slots_open, 1);
}

/* The placement is looked at when the table knows the slot as held: a walk meets it there, or has
 * changed the placement before. */
struct pl_slot *pl_engine_take_slot(struct pl_engine *engine, uint32_t shard)
{
    struct pl_slot *slot = pl_slot_table_take(engine->face.table);

    if (slot == NULL)
        return NULL;
    slot->placement = atomic_load(&engine->face.table->placement);
    engine = pl_engine_awake(engine);
    slot->shard = (uint16_t)(shard % atomic_load(&engine->shards_active));
    slot->arming = atomic_load(&engine->arming);
    slot->engine = engine;
    atomic_fetch_add(&engine->face.table->slots_open, 1);
    return slot;
}

void pl_engine_give_unused(struct pl_engine *engine, struct pl_slot *slot)
{
    pl_claim_close(&slot->claim);
    pl_slot_table_give(engine->face.table, slot);
    atomic_fetch_sub(&engine->face.table->slots_open, 1);
}

/* The loop with the fewest connections; with one handle set there is no choice. */
static uint32_t least_loaded(struct pl_engine *engine)
{
    uint32_t active = atomic_load(&engine->shards_active);
    uint32_t least = 0;

    for (uint32_t i = 1; i < active; i++)
        if (atomic_load_explicit(&engine->shards[i]->conns_open, memory_order_relaxed) <
            atomic_load_explicit(&engine->shards[least]->conns_open, memory_order_relaxed))
            least = i;
    return least;
}

static struct pl_slot *take_for(struct pl_acceptor *acceptor)
{
    struct pl_engine *home = atomic_load(&acceptor->service->engine);
    struct pl_engine *engine = home == NULL ? acceptor->slot.engine : home;
    bool is_dealt = acceptor->is_alone || atomic_load(&engine->is_balancing);

    return pl_engine_take_slot(engine, is_dealt ? least_loaded(engine) : acceptor->slot.shard);
}

/* A client that speaks first has probably spoken. Where this thread may receive, the first turn
 * comes before the handle set ever sees the connection, and a short one never enters it. Elsewhere
 * the handle set has it until it is readable: a deadline must not wait for a worker. */
static void adopt(struct pl_engine *engine, struct pl_acceptor *acceptor, int fd)
{
    struct pl_thread *thread = acceptor->slot.thread;
    struct pl_slot *slot = take_for(acceptor);

    if (slot == NULL) {
        PL_COUNT(thread->stats, accepts_refused);
        pl_close_fd(&fd);
        give_place(engine);
        return;
    }
    PL_COUNT(thread->stats, accepts);
    atomic_fetch_add(&pl_engine_shard_of(slot)->conns_open, 1);
    *pl_slot_table_peer(engine->face.table, slot) = acceptor->peer;
    pl_conn_adopt_fd(pl_conn_of(slot), acceptor->service, fd, thread);
    if (atomic_load(&slot->engine->face.is_draining))
        pl_conn_begin_drain(pl_conn_of(slot));
    pl_engine_watch_deadline(slot);
    pl_conn_of(slot)->is_readable = acceptor->may_receive; /* perhaps; the receive finds out */
    if (acceptor->may_receive)
        pl_engine_hand_over(thread, slot);
    else
        pl_settle(thread, slot, slot->kind->run(slot, 0));
}

static void forget(struct pl_slot *slot)
{
    pl_handle_set_forget(&pl_engine_shard_of(slot)->set, &slot->handle);
}

/* What came to a slot that cannot be armed is as good as a hang-up. */
static bool let_go(struct pl_slot *slot, uint32_t *ret_reasons)
{
    switch (pl_engine_arm_and_release(slot, ret_reasons)) {
    case PL_LET_GO:
        return true;
    case PL_LET_GO_MET:
        return false;
    case PL_LET_GO_UNARMED:
        break;
    }
    *ret_reasons = PL_HANGUP;
    return false;
}

const struct pl_engine_ops pl_engine_slot_ops = { .ready = ready,
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
