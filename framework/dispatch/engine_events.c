/* SPDX-License-Identifier: Apache-2.0 */
/* From the kernel's events to slots that the caller holds. Thread: the one that waits. */
#include "engine.h"

#include "engine_timers.h"
#include "thread_set.h"

void pl_engine_found(struct pl_thread *thread, struct pl_slot *slot, uint32_t reasons,
                     struct pl_slot_queue *won)
{
    slot->next = (uint8_t)slot->kind->wake(slot, reasons);
    if (slot->kind->is_brief != NULL && slot->kind->is_brief(slot))
        pl_settle(thread, slot, pl_turn_run(thread, slot, PL_STAGES_ALL));
    else
        pl_slot_queue_append(won, slot);
}

static void win(struct pl_engine *engine, struct pl_thread *thread, const struct pl_event *event,
                struct pl_slot_queue *won)
{
    struct pl_slot *slot = pl_slot_table_at(engine->face.table, (uint32_t)event->token);
    uint32_t reasons;

    if (slot == NULL)
        return;
    switch (pl_slot_claim(slot, event->token, event->reasons, &reasons)) {
    case PL_CLAIM_WON:
        pl_engine_found(thread, slot, reasons, won);
        break;
    case PL_CLAIM_NOTED:
        PL_COUNT(thread->stats, events_noted);
        break;
    case PL_CLAIM_STALE:
        PL_COUNT(thread->stats, events_stale);
        break;
    }
}

static void end_wait(struct pl_thread *thread)
{
    atomic_store_explicit(&thread->is_waiting, false, memory_order_release);
}

/* Waiting is said before the last look at whether to stop: who stops the thread sees that it waits,
 * or this sees that it is to stop. Then its successors may wait in the same handle set, and it
 * leaves to them what the kernel has, and who is asleep there: a wake that it took from them, once
 * pl_model_stop() has looked, nobody would repeat. */
static bool begin_wait(struct pl_thread *thread)
{
    atomic_store(&thread->is_waiting, true);
    if (!pl_thread_set_is_stopping(thread->set))
        return true;
    end_wait(thread);
    return false;
}

static void take_events(struct pl_thread *thread, const struct pl_event *events, size_t count,
                        struct pl_slot_queue *won)
{
    struct pl_engine *engine = thread->engine;

    PL_COUNT(thread->stats, polls);
    pl_thread_tick(thread);
    PL_COUNT_BY(thread->stats, events, count);
    for (size_t i = 0; i < count; i++) {
        if (events[i].token == PL_TOKEN_TIMER)
            pl_shard_fire_timers(engine->shards[thread->shard], thread, won);
        else if (events[i].token != PL_TOKEN_WAKER && events[i].token != PL_TOKEN_STOP)
            win(engine, thread, &events[i], won);
    }
}

void pl_engine_poll(struct pl_thread *thread, size_t events_max, int timeout_ms,
                    struct pl_slot_queue *won)
{
    struct pl_event events[PL_EVENTS_MAX];
    struct pl_shard *shard = thread->engine->shards[thread->shard];
    size_t count = 0;

    if (begin_wait(thread)) {
        count = pl_handle_set_wait(&shard->set, events, events_max, timeout_ms);
        end_wait(thread);
    }
    take_events(thread, events, count, won);
}

void pl_engine_sleep(struct pl_thread *thread, struct pl_ready_ring *ring, size_t events_max,
                     bool is_awaited, struct pl_slot_queue *won)
{
    struct pl_event events[PL_EVENTS_MAX];
    struct pl_shard *shard = thread->engine->shards[thread->shard];
    size_t count = 0;

    if (begin_wait(thread)) {
        /* Asleep is said before the last look: a poster sees it, or the look sees its slot. */
        atomic_store(&shard->is_asleep, true);
        is_awaited |= pl_ready_ring_count(ring) > 0;
        count = pl_handle_set_wait(&shard->set, events, events_max, is_awaited ? 0 : -1);
        atomic_store_explicit(&shard->is_asleep, false, memory_order_relaxed);
        end_wait(thread);
    }
    take_events(thread, events, count, won);
}

struct pl_slot *pl_engine_wait(struct pl_thread *thread, bool is_awaited, uint32_t *ret_left)
{
    struct pl_shard *shard = thread->engine->shards[thread->shard];
    struct pl_slot_queue won = { .first = NULL };
    struct pl_slot *first;
    bool is_cut_waiting;

    pl_thread_set_role(thread, PL_ROLE_LEADER);
    pl_engine_sleep(thread, &shard->ring, PL_EVENTS_MAX, is_awaited, &won);
    first = pl_slot_queue_take(&won);
    pl_engine_append_all(thread, &shard->ring, &won, PL_READY_UNTIMED);
    *ret_left = pl_ready_ring_waiting(&shard->ring);
    is_cut_waiting = pl_ready_ring_count(&shard->ring) > *ret_left;
    *ret_left += is_cut_waiting;
    return first;
}
