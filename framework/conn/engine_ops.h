/* SPDX-License-Identifier: Apache-2.0 */
/* The one table through which slots reach upwards; dispatch/engine.c fills it. */
#ifndef PL_CONN_ENGINE_OPS_H
#define PL_CONN_ENGINE_OPS_H

#include "slot_table.h"

#include <paceline/error.h>

struct pl_acceptor;

struct pl_engine_ops {
    /* any: takes over a held slot that has something to do */
    void (*ready)(struct pl_slot *slot);
    /* holder: the slot's generation has ended; closes its descriptor and gives the slot back */
    void (*release)(struct pl_slot *slot);
    /* any: takes the place of one connection among limits.connections, for adopt or to be given
     * back; false: there is none */
    bool (*take_place)(struct pl_engine *engine);
    void (*give_place)(struct pl_engine *engine);
    /* any: is there a place? If not, a completion is posted to the acceptors as soon as there is */
    bool (*await_place)(struct pl_engine *engine);
    /* its holder: makes a connection of the descriptor in the place that was taken, and hands it to
     * the model, or closes it */
    void (*adopt)(struct pl_engine *engine, struct pl_acceptor *acceptor, int fd);
    /* holder: takes the descriptor out of the handle set without closing it */
    void (*forget)(struct pl_slot *slot);
    /* any: a free slot, held by the caller, for a guest that is no accepted connection, to be armed
     * in handle set number `shard`; NULL: none */
    struct pl_slot *(*take)(struct pl_engine *engine, uint32_t shard);
    /* holder outside a turn: arms for slot->waits and lets go; false: something came meanwhile, the
     * caller holds it still and finds that in *ret_reasons */
    bool (*let_go)(struct pl_slot *slot, uint32_t *ret_reasons);
    /* its own thread, one of the model's: it will be away for a while, so somebody else should wait
     * for events and take what stands in the ready ring */
    void (*away)(struct pl_engine *engine, struct pl_thread *thread);
    /* holder: a precise deadline, replacing the one before; PL_TIMER_NEVER: none. -ENOMEM */
    int (*arm_timer)(struct pl_slot *slot, int64_t due_ms);
};

/* The part of an engine that slots see; it stands at the engine's beginning. */
struct pl_engine_face {
    const struct pl_engine_ops *ops;
    struct pl_slot_table *table; /* borrowed from the server */
    uint32_t number;             /* among the server's engines */
    _Atomic bool is_draining;    /* nothing should begin that would not end by itself */
};

static inline struct pl_engine_face *pl_engine_face_of(struct pl_engine *engine)
{
    return (struct pl_engine_face *)(void *)engine;
}

/* Wins the slot of a token for `why`. Thread: any. */
static inline enum pl_claim pl_slot_claim(struct pl_slot *slot, uint64_t token, uint32_t why,
                                          uint32_t *ret_reasons)
{
    return pl_claim_try(&slot->claim, (uint32_t)(token >> 32), why, ret_reasons);
}

/* Turns won reasons into where the turn begins and hands the slot to the engine. Thread: the
 * winner, whoever it is. */
static inline void pl_slot_wake(struct pl_slot *slot, uint32_t reasons)
{
    slot->next = (uint8_t)slot->kind->wake(slot, reasons);
    pl_engine_face_of(slot->engine)->ops->ready(slot);
}

#endif
