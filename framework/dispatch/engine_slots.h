/* SPDX-License-Identifier: Apache-2.0 */
/* What slots ask of an engine, and the engine's own use of it; see engine_slots.c. */
#ifndef PL_DISPATCH_ENGINE_SLOTS_H
#define PL_DISPATCH_ENGINE_SLOTS_H

#include "engine.h"

extern const struct pl_engine_ops pl_engine_slot_ops;

/* A slot to be armed in handle set number `shard`, or one that stands for it; NULL: all are taken.
 * Thread: any. */
struct pl_slot *pl_engine_take_slot(struct pl_engine *engine, uint32_t shard);
/* All that stands in the engine's rings, held by the caller. Thread: any. */
struct pl_slot_queue pl_engine_empty_rings(struct pl_engine *engine);
/* One that got no guest. Thread: the one that took it. */
void pl_engine_give_unused(struct pl_engine *engine, struct pl_slot *slot);

/* engine.c; thread: control */
PL_MUST_CHECK int pl_engine_open_shards(struct pl_engine *engine, uint32_t count);
void pl_engine_take_settings(struct pl_engine *engine, const struct pl_engine_settings *settings);

#endif
