/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a slot belongs: to which engine, which of its handle sets, under which arming. A swap may
 * change all three under a slot that is armed, held or lent; it counts the change in the table's
 * placement, and recalls every slot.
 *
 *     waits  ─▶ the swap holds it for a moment: brings it home, lets it go
 *     held   ─▶ its holder brings it home before it hands it on or lets it go: the release tells it
 *     taken  ─▶ looks at the placement after the table knows it: the walk meets it, or it is new
 *
 * Invariant: no slot waits in a handle set that no thread waits in, once the walk is over.
 */
#ifndef PL_DISPATCH_ENGINE_HOME_H
#define PL_DISPATCH_ENGINE_HOME_H

#include "engine.h"

/* True when it went somewhere else: it is in no handle set then. Thread: the holder. */
bool pl_engine_move_home(struct pl_slot *slot);

/* Thread: the holder, before it hands the slot to a model or arms it. */
static inline bool pl_engine_bring_home(struct pl_slot *slot)
{
    struct pl_slot_table *table = pl_engine_face_of(slot->engine)->table;

    if (__builtin_expect(slot->placement == atomic_load(&table->placement), 1))
        return false;
    return pl_engine_move_home(slot);
}

enum pl_let_go {
    PL_LET_GO,         /* the slot is dead to the caller */
    PL_LET_GO_MET,     /* something came meanwhile; the caller still holds it */
    PL_LET_GO_UNARMED, /* the kernel refuses to arm it; the caller still holds it */
};

/* Arms the slot where it belongs, for slot->waits, and lets it go. Thread: the holder. */
enum pl_let_go pl_engine_arm_and_release(struct pl_slot *slot, uint32_t *ret_reasons);

/* What to do with a slot that the kernel refuses to arm: a connection is closed. A socket that
 * listens, or receives datagrams, takes another turn and tries again: it serves meanwhile, and
 * nobody else would serve those who come to it. Thread: the holder. */
void pl_engine_end_unarmed(struct pl_thread *thread, struct pl_slot *slot);

/* The walk. `thread`: of an engine's control. Thread: control. */
void pl_engine_recall_all(struct pl_slot_table *table, struct pl_thread *thread,
                          struct pl_swap_figures *ret_figures);

#endif
