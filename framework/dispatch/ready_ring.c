/* SPDX-License-Identifier: Apache-2.0 */
#include "ready_ring.h"

#include "assert.h"

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

static void enter(struct pl_slot *slot, uint32_t now_us)
{
    PL_ASSERT(!slot->queued);
    PL_ASSERT_SLOW(pl_claim_is_held(&slot->claim));
    slot->queued = true;
    slot->queued_us = now_us;
}

/* The low bits are enough for a wait; 0 is kept for one that does not count. */
static uint32_t low_us(int64_t now_ns)
{
    return now_ns == PL_READY_UNTIMED ? 0 : (uint32_t)(now_ns / 1000) | 1;
}

static void publish_counts_locked(struct pl_ready_ring *ring)
{
    atomic_store_explicit(&ring->waiting_count, ring->waiting.count, memory_order_relaxed);
    atomic_store(&ring->count, ring->waiting.count + ring->cut.count);
}

void pl_ready_ring_append(struct pl_ready_ring *ring, struct pl_slot *slot, int64_t now_ns)
{
    enter(slot, low_us(now_ns));
    pthread_mutex_lock(&ring->lock);
    pl_slot_queue_append(slot->is_cut ? &ring->cut : &ring->waiting, slot);
    publish_counts_locked(ring);
    pthread_mutex_unlock(&ring->lock);
}

void pl_ready_ring_append_all(struct pl_ready_ring *ring, struct pl_slot_queue *slots,
                              int64_t now_ns)
{
    uint32_t now_us = low_us(now_ns);
    struct pl_slot_queue waiting = { .first = NULL }, cut = { .first = NULL };
    struct pl_slot *slot;

    if (slots->first == NULL)
        return;
    while ((slot = pl_slot_queue_take(slots)) != NULL) {
        enter(slot, now_us);
        pl_slot_queue_append(slot->is_cut ? &cut : &waiting, slot);
    }
    pthread_mutex_lock(&ring->lock);
    pl_slot_queue_move_all(&ring->waiting, &waiting);
    pl_slot_queue_move_all(&ring->cut, &cut);
    publish_counts_locked(ring);
    pthread_mutex_unlock(&ring->lock);
}

static struct pl_slot *take_locked(struct pl_ready_ring *ring)
{
    if (ring->is_round_new || ring->cut.first == NULL)
        ring->round_left = ring->waiting.count;
    ring->is_round_new = false;
    if (ring->round_left > 0) {
        ring->round_left--;
        return pl_slot_queue_take(&ring->waiting);
    }
    ring->is_round_new = true;
    return pl_slot_queue_take(&ring->cut);
}

struct pl_slot *pl_ready_ring_take(struct pl_ready_ring *ring)
{
    struct pl_slot *slot;

    if (atomic_load(&ring->count) == 0)
        return NULL;
    pthread_mutex_lock(&ring->lock);
    slot = take_locked(ring);
    publish_counts_locked(ring);
    atomic_store_explicit(&ring->takes, ring->takes + 1, memory_order_relaxed);
    pthread_mutex_unlock(&ring->lock);
    if (slot != NULL)
        slot->queued = false;
    return slot;
}

void pl_ready_ring_take_all(struct pl_ready_ring *ring, struct pl_slot_queue *slots)
{
    struct pl_slot_queue taken = { .first = NULL };

    pthread_mutex_lock(&ring->lock);
    pl_slot_queue_move_all(&taken, &ring->waiting);
    pl_slot_queue_move_all(&taken, &ring->cut);
    ring->is_round_new = true; /* what is left of this one has gone */
    publish_counts_locked(ring);
    pthread_mutex_unlock(&ring->lock);
    for (struct pl_slot *slot = taken.first; slot != NULL; slot = slot->ready_next)
        slot->queued = false;
    pl_slot_queue_move_all(slots, &taken);
}
