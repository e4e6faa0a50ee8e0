/* SPDX-License-Identifier: Apache-2.0 */
/* From the kernel's events to slots that the caller holds. Thread: the one that waits. */
#include "engine.h"

#include "engine_timers.h"

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
    struct pl_slot *slot = pl_slot_table_at(&engine->face.table, (uint32_t)event->token);
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

void pl_engine_poll(struct pl_engine *engine, struct pl_thread *thread, size_t events_max,
                    int timeout_ms, struct pl_slot_queue *won)
{
    struct pl_event events[PL_EVENTS_MAX];
    struct pl_shard *shard = &engine->shards[thread->shard];
    size_t count;

    PL_COUNT(thread->stats, polls);
    count = pl_handle_set_wait(&shard->set, events, events_max, timeout_ms);
    pl_thread_tick(thread);
    PL_COUNT_BY(thread->stats, events, count);
    for (size_t i = 0; i < count; i++) {
        if (events[i].token == PL_TOKEN_TIMER)
            pl_shard_fire_timers(shard, thread, won);
        else if (events[i].token != PL_TOKEN_WAKER && events[i].token != PL_TOKEN_STOP)
            win(engine, thread, &events[i], won);
    }
}
