/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ready ring: held slots with work that no kernel event will announce, or that wait for a thread.
 * The engine has one that all its threads take from, and one in each shard for the thread that
 * waits there. Intrusive lists with each slot in them at most once, so it cannot overflow; a queue
 * model bounds what it appends.
 *
 *     round:  all that wait when it begins ─▶ one that was cut ─▶ the next round
 *
 * A slot whose budget was cut has had its share. One of those a round, and not all of them, stands
 * between two turns of everybody else, however many peers send without end.
 *
 * An append writes the count, and everybody reads it, sequentially consistent: a thread that goes
 * to sleep looks at it after it said so, an appender looks for sleepers after it appended, and one
 * of the two sees the other. A take needs no such order for sleepers: a count that is still too
 * high costs a look. Who waits for room in a queue sees the take by the unlock behind it.
 */
#ifndef PL_DISPATCH_READY_RING_H
#define PL_DISPATCH_READY_RING_H

#include "slot.h"

#include <pthread.h>

struct pl_ready_ring {
    pthread_mutex_t lock; /* guards these; never held across anything but a link */
    struct pl_slot_queue waiting, cut;
    uint32_t round_left; /* of the waiting, until one of the cut */
    bool is_round_new;

    _Atomic uint32_t count;
    _Atomic uint32_t waiting_count; /* of them */
    _Atomic uint32_t takes;         /* goes round; the deputy sees whether anybody takes */
};

void pl_ready_ring_init(struct pl_ready_ring *ring);
void pl_ready_ring_deinit(struct pl_ready_ring *ring);
/* Takes over a held slot; its wait counts from `now_ns` of pl_clock_ns(). Thread: any. */
#define PL_READY_UNTIMED 0 /* its wait does not count: its own thread comes next to it */
void pl_ready_ring_append(struct pl_ready_ring *ring, struct pl_slot *slot, int64_t now_ns);
void pl_ready_ring_append_all(struct pl_ready_ring *ring, struct pl_slot_queue *slots,
                              int64_t now_ns);
/* The next of the round, now held by the caller, or NULL. Thread: any. */
struct pl_slot *pl_ready_ring_take(struct pl_ready_ring *ring);
/* Moves all of it to the tail of `slots`, held by the caller. Thread: any. */
void pl_ready_ring_take_all(struct pl_ready_ring *ring, struct pl_slot_queue *slots);

static inline uint32_t pl_ready_ring_count(struct pl_ready_ring *ring)
{
    return atomic_load(&ring->count);
}

/* Those that have not had their share. */
static inline uint32_t pl_ready_ring_waiting(struct pl_ready_ring *ring)
{
    return atomic_load_explicit(&ring->waiting_count, memory_order_relaxed);
}

#endif
