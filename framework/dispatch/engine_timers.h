/* SPDX-License-Identifier: Apache-2.0 */
/* The deadlines of a shard's slots; see engine_timers.c. */
#ifndef PL_DISPATCH_ENGINE_TIMERS_H
#define PL_DISPATCH_ENGINE_TIMERS_H

#include "engine.h"

PL_MUST_CHECK int pl_shard_timers_open(struct pl_shard *shard);
void pl_shard_timers_close(struct pl_shard *shard);

/* A connection begins: from here on the wheel looks at its due_ms. Thread: holder. */
void pl_engine_watch_deadline(struct pl_slot *slot);
/* A precise deadline, for slots that are no connection; PL_TIMER_NEVER: none. -ENOMEM */
PL_MUST_CHECK int pl_engine_arm_timer(struct pl_slot *slot, int64_t due_ms);
/* The slot ends, or goes to another shard: returns its precise deadline, for there. Thread:
 * holder. */
int64_t pl_engine_cancel_timer(struct pl_slot *slot);
void pl_engine_set_timer_again(struct pl_slot *slot, int64_t due_ms);
/* timer_fd was readable; what was won goes the way of pl_engine_found(). Thread: the one that
 * waits. */
void pl_shard_fire_timers(struct pl_shard *shard, struct pl_thread *thread,
                          struct pl_slot_queue *won);

#endif
