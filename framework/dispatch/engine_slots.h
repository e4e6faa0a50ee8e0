/* SPDX-License-Identifier: Apache-2.0 */
/* What slots ask of their engine, whatever model it has; see conn/engine_ops.h. */
#ifndef PL_DISPATCH_ENGINE_SLOTS_H
#define PL_DISPATCH_ENGINE_SLOTS_H

#include "engine.h"

extern const struct pl_engine_ops pl_engine_slot_ops;

/* A free slot, held by the caller, to be armed in handle set number `shard`; NULL: none. Thread:
 * any. */
struct pl_slot *pl_engine_take_slot(struct pl_engine *engine, uint32_t shard);
/* Gives back one that never had a guest. Thread: the holder. */
void pl_engine_give_unused(struct pl_engine *engine, struct pl_slot *slot);
/* Takes over a held slot that has something to do. Thread: any. */
void pl_engine_ready(struct pl_engine *engine, struct pl_slot *slot);

#endif
