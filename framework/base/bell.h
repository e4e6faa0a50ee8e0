/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bell wakes a thread that only watches. While it is awake, or looks now and then, ringing costs
 * nothing; who does something that it should see asks with one relaxed load whether it sleeps.
 *
 *     watcher: says that it sleeps ─▶ one more look, a while later ─▶ sleeps without end
 *     others:  something begins ─▶ pl_bell_stir()
 *
 * The load is not ordered against what it announces, which is why the last look comes a while after
 * the saying: by then every store made before it is seen.
 */
#ifndef PL_BASE_BELL_H
#define PL_BASE_BELL_H

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct pl_bell {
    _Atomic bool is_asleep;
    sem_t wake;
};

void pl_bell_init(struct pl_bell *bell);
void pl_bell_deinit(struct pl_bell *bell);

/* Wakes the watcher whether it sleeps or pauses. Thread: any. */
void pl_bell_ring(struct pl_bell *bell);

/* Something begins that it should see. Thread: any. */
static inline void pl_bell_stir(struct pl_bell *bell)
{
    if (__builtin_expect(atomic_load_explicit(&bell->is_asleep, memory_order_relaxed), false) &&
        atomic_exchange(&bell->is_asleep, false))
        pl_bell_ring(bell);
}

/* Sleeps for so long, or without end (-1), or until it rings. Thread: the watcher. */
void pl_bell_wait(struct pl_bell *bell, int64_t for_ns);

#endif
