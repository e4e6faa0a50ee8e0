/* SPDX-License-Identifier: Apache-2.0 */
#include "ready_ring.h"

#include "assert.h"
#include "clock.h"

#include <string.h>

void pl_ready_ring_init(struct pl_ready_ring *ring)
{
    memset(ring, 0, sizeof(*ring));
    pthread_mutex_init(&ring->lock, NULL);
}

void pl_ready_ring_deinit(struct pl_ready_ring *ring)
{
    pthread_mutex_destroy(&ring->lock);
}

/* The low bits are enough for a wait; 0 is kept for "never entered". */
static uint32_t clock_us(void)
{
    return (uint32_t)(pl_clock_ns() / 1000) | 1;
}

static void enter(struct pl_slot *slot, uint32_t now_us)
{
    PL_ASSERT(!slot->queued);
    PL_ASSERT_SLOW(pl_claim_is_held(&slot->claim));
    slot->queued = true;
    slot->queued_us = now_us;
}

void pl_ready_ring_append(struct pl_ready_ring *ring, struct pl_slot *slot)
{
    enter(slot, clock_us());
    pthread_mutex_lock(&ring->lock);
    pl_slot_queue_append(&ring->queue, slot);
    atomic_store(&ring->count, ring->queue.count);
    pthread_mutex_unlock(&ring->lock);
}

void pl_ready_ring_append_all(struct pl_ready_ring *ring, struct pl_slot_queue *slots)
{
    uint32_t now_us;

    if (slots->first == NULL)
        return;
    now_us = clock_us();
    for (struct pl_slot *slot = slots->first; slot != NULL; slot = slot->ready_next)
        enter(slot, now_us);
    pthread_mutex_lock(&ring->lock);
    pl_slot_queue_move_all(&ring->queue, slots);
    atomic_store(&ring->count, ring->queue.count);
    pthread_mutex_unlock(&ring->lock);
}

struct pl_slot *pl_ready_ring_take(struct pl_ready_ring *ring)
{
    struct pl_slot *slot;

    if (atomic_load(&ring->count) == 0)
        return NULL;
    pthread_mutex_lock(&ring->lock);
    slot = pl_slot_queue_take(&ring->queue);
    atomic_store(&ring->count, ring->queue.count);
    pthread_mutex_unlock(&ring->lock);
    if (slot != NULL)
        slot->queued = false;
    return slot;
}
