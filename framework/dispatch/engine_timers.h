/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's deadlines: one descriptor in the handle set stands for all of them. */
#ifndef PL_DISPATCH_ENGINE_TIMERS_H
#define PL_DISPATCH_ENGINE_TIMERS_H

#include "engine.h"

PL_MUST_CHECK int pl_engine_timers_open(struct pl_engine *engine);
void pl_engine_timers_close(struct pl_engine *engine);

/* Puts a connection under the wheel's eyes until it closes. Thread: the holder. */
void pl_engine_watch_deadline(struct pl_engine *engine, struct pl_slot *slot);
/* A precise deadline for any other slot. Thread: the holder. */
int pl_engine_arm_timer(struct pl_engine *engine, struct pl_slot *slot, int64_t due_ms);
/* Thread: the holder. */
void pl_engine_cancel_timer(struct pl_engine *engine, struct pl_slot *slot);

/* Claims every slot whose deadline has passed; those won stand in *won. Thread: any. */
void pl_engine_fire_timers(struct pl_engine *engine, struct pl_slot_queue *won);

#endif
