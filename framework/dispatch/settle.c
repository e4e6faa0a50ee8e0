/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Letting go: the one place that turns pl_next into arm, ready ring or close.
 *
 *     PL_WAIT   arm in the handle set ─▶ release the claim
 *                    └ something came meanwhile: still held ─▶ ready ring
 *     PL_AGAIN  ready ring, with a word about a hang-up or shutdown that came meanwhile
 *     PL_CLOSE  the kind's close
 *     PL_LEND   the kind's lend: another thread holds it from then on
 *     a stage   that this thread may not run: to the model, which knows who may
 *
 * The handle is armed while the slot is still held: an event that comes at once meets a held slot,
 * leaves its pending bit, and the release finds it. So nothing is touched after the release, and
 * no descriptor is armed that somebody else might have closed.
 */
#include "engine_home.h"

#include "assert.h"

static void wait(struct pl_thread *thread, struct pl_slot *slot)
{
    uint32_t reasons;

    slot->is_cut = slot->was_queued = false;
    switch (pl_engine_arm_and_release(slot, &reasons)) {
    case PL_LET_GO:
        return;
    case PL_LET_GO_MET:
        slot->next = (uint8_t)slot->kind->wake(slot, reasons);
        pl_engine_hand_over(thread, slot);
        return;
    case PL_LET_GO_UNARMED:
        pl_engine_end_unarmed(thread, slot);
    }
}

/* A slot that never waits must still hear that the server goes down or that its peer has gone. Its
 * deadline is not asked: that of its last wait means nothing any more. */
static void again(struct pl_thread *thread, struct pl_slot *slot)
{
    uint32_t reasons = pl_claim_take_pending(&slot->claim, PL_SHUTDOWN | PL_HANGUP);

    if (reasons != 0) {
        enum pl_next next = slot->kind->wake(slot, reasons);

        if (next != PL_WAIT)
            slot->next = (uint8_t)next;
    }
    PL_COUNT(thread->stats, turns_cut);
    slot->is_cut = true;
    pl_engine_hand_over(thread, slot);
}

void pl_settle(struct pl_thread *thread, struct pl_slot *slot, enum pl_next next)
{
    PL_ASSERT_SLOW(pl_claim_is_held(&slot->claim));
    slot->thread = thread;
    switch (next) {
    case PL_WAIT:
        wait(thread, slot);
        break;
    case PL_AGAIN:
        again(thread, slot);
        break;
    case PL_CLOSE:
        slot->kind->close(slot);
        break;
    case PL_LEND:
        PL_ASSERT(slot->kind->lend != NULL);
        slot->kind->lend(slot);
        break;
    case PL_RUN_ACCEPT:
    case PL_RUN_RECEIVE:
    case PL_RUN_PROCESS:
    case PL_RUN_SEND:
        slot->next = (uint8_t)next;
        pl_engine_hand_over(thread, slot);
        break;
    case PL_HAND_OVER:
        PL_ASSERT(false); /* the stages of a connection resolve it */
    }
}
