/* SPDX-License-Identifier: Apache-2.0 */
#include "engine_home.h"

#include "acceptor.h"
#include "conn.h"
#include "datagram_slot.h"
#include "engine_timers.h"

#include <paceline/log.h>

#include <errno.h>

/* ---- one slot ------------------------------------------------------------------------------ */

struct place {
    struct pl_engine *engine;
    uint32_t shard;
    const struct pl_arming *arming;
};

/* A slot stays in its handle set as long as that has a thread and its engine has not dealt anew
 * since the slot looked last. */
static struct place home_of(struct pl_slot *slot)
{
    uint32_t number = slot->index;
    struct pl_engine *wanted = slot->kind->home == NULL ? NULL : slot->kind->home(slot, &number);
    struct pl_engine *home = wanted == NULL ? slot->engine : wanted;
    struct place place = { .engine = pl_engine_awake(home), .shard = slot->shard };
    uint32_t active = atomic_load(&place.engine->shards_active);
    uint16_t since = (uint16_t)(atomic_load(&place.engine->dealt) - slot->placement);

    if (place.engine != slot->engine || slot->shard >= active || (since != 0 && since < 0x8000))
        place.shard = number % active;
    place.arming = slot->has_own_arming ? slot->arming : atomic_load(&place.engine->arming);
    return place;
}

/* A connection goes from one loop's count to another's. */
static void count(const struct pl_slot *slot, const struct place *place)
{
    if (slot->kind != &pl_conn_kind)
        return;
    atomic_fetch_sub(&pl_engine_shard_of(slot)->conns_open, 1);
    atomic_fetch_add(&place->engine->shards[place->shard]->conns_open, 1);
}

bool pl_engine_move_home(struct pl_slot *slot)
{
    uint16_t placement = atomic_load(&pl_engine_face_of(slot->engine)->table->placement);
    struct place place = home_of(slot);
    int64_t due_ms;

    slot->placement = placement;
    if (place.engine == slot->engine && place.shard == slot->shard && place.arming == slot->arming)
        return false;
    pl_handle_set_forget(&pl_engine_shard_of(slot)->set, &slot->handle);
    due_ms = pl_engine_cancel_timer(slot);
    count(slot, &place);
    slot->engine = place.engine;
    slot->shard = (uint16_t)place.shard;
    slot->arming = place.arming;
    pl_engine_set_timer_again(slot, due_ms);
    return true;
}

static int arm(struct pl_slot *slot)
{
    if (slot->is_unwatched)
        return 0;
    return pl_handle_set_arm(&pl_engine_shard_of(slot)->set, slot->arming, &slot->handle,
                             slot->waits);
}

enum pl_let_go pl_engine_arm_and_release(struct pl_slot *slot, uint32_t *ret_reasons)
{
    uint32_t reasons;

    do {
        (void)pl_engine_bring_home(slot);
        if (arm(slot) < 0)
            return PL_LET_GO_UNARMED;
        if (pl_claim_release(&slot->claim, slot->waits, &reasons))
            return PL_LET_GO;
    } while (reasons == 0); /* recalled */
    *ret_reasons = reasons;
    return PL_LET_GO_MET;
}

void pl_engine_end_unarmed(struct pl_thread *thread, struct pl_slot *slot)
{
    bool serves_all = slot->kind == &pl_acceptor_kind || slot->kind == &pl_datagram_kind;

    PL_LOG_RATED(PL_LOG_ERROR, "%s %u: cannot be armed, %s", slot->kind->name, slot->index,
                 serves_all ? "trying again" : "closing");
    if (!serves_all) {
        slot->kind->close(slot);
        return;
    }
    slot->next = (uint8_t)slot->kind->wake(slot, PL_READABLE);
    pl_settle(thread, slot, PL_AGAIN);
}

/* ---- all of them --------------------------------------------------------------------------- */

/* Something came while it was held for a moment. */
static void hand_on(struct pl_slot *slot, struct pl_thread *thread, uint32_t reasons)
{
    struct pl_slot_queue won = { .first = NULL };

    pl_engine_found(thread, slot, reasons, &won);
    if (won.first != NULL)
        pl_engine_hand_over(NULL, pl_slot_queue_take(&won));
}

/* One that waited goes on waiting, perhaps somewhere else. True: it is. */
static bool send_home(struct pl_slot *slot, struct pl_thread *thread)
{
    uint32_t reasons = 0;
    bool is_moved;

    slot->thread = thread;
    is_moved = pl_engine_bring_home(slot);
    /* What stayed is armed as it was; what came meanwhile left its bit. */
    if (!is_moved && pl_claim_release(&slot->claim, slot->waits, &reasons))
        return false;
    if (reasons != 0) {
        hand_on(slot, thread, reasons);
        return is_moved;
    }
    switch (pl_engine_arm_and_release(slot, &reasons)) {
    case PL_LET_GO:
        break;
    case PL_LET_GO_MET:
        hand_on(slot, thread, reasons);
        break;
    case PL_LET_GO_UNARMED:
        pl_engine_end_unarmed(thread, slot);
        break;
    }
    return is_moved;
}

void pl_engine_recall_all(struct pl_slot_table *table, struct pl_thread *thread,
                          struct pl_swap_figures *ret_figures)
{
    uint32_t used_max = atomic_load(&table->used_max);

    *ret_figures = (struct pl_swap_figures){ .moved = 0 };
    for (uint32_t i = 0; i < used_max; i++) {
        struct pl_slot *slot = pl_slot_table_at(table, i);
        bool is_conn;

        switch (pl_claim_recall(&slot->claim)) {
        case PL_CLAIM_WON:
            is_conn = slot->kind == &pl_conn_kind;
            if (send_home(slot, thread) && is_conn)
                ret_figures->moved++;
            break;
        case PL_CLAIM_NOTED:
            ret_figures->held++;
            break;
        case PL_CLAIM_STALE:
            break;
        }
    }
}
