/* SPDX-License-Identifier: Apache-2.0 */
#include "inbox.h"

#include "assert.h"
#include "waker.h"

#include <string.h>

void pl_inbox_init(struct pl_inbox *inbox, int waker_fd)
{
    memset(inbox, 0, sizeof(*inbox));
    pthread_mutex_init(&inbox->lock, NULL);
    inbox->waker_fd = waker_fd;
}

void pl_inbox_deinit(struct pl_inbox *inbox)
{
    pthread_mutex_destroy(&inbox->lock);
}

void pl_inbox_wake(struct pl_inbox *inbox)
{
    if (atomic_load(&inbox->is_asleep) && atomic_exchange(&inbox->is_asleep, false))
        pl_waker_wake(inbox->waker_fd);
}

void pl_inbox_post(struct pl_inbox *inbox, struct pl_slot *slot)
{
    PL_ASSERT(!slot->queued);
    slot->queued = true;
    pthread_mutex_lock(&inbox->lock);
    pl_slot_queue_append(&inbox->queue, slot);
    atomic_store(&inbox->count, inbox->queue.count);
    pthread_mutex_unlock(&inbox->lock);
    pl_inbox_wake(inbox);
}

bool pl_inbox_sleep(struct pl_inbox *inbox)
{
    /* Asleep is said before the last look: a poster sees it, or the look sees what it posted. */
    atomic_store(&inbox->is_asleep, true);
    return atomic_load(&inbox->count) > 0;
}

void pl_inbox_take(struct pl_inbox *inbox, struct pl_slot_queue *slots)
{
    struct pl_slot_queue came;

    atomic_store_explicit(&inbox->is_asleep, false, memory_order_relaxed);
    if (atomic_load(&inbox->count) == 0)
        return;
    pthread_mutex_lock(&inbox->lock);
    came = inbox->queue;
    inbox->queue = (struct pl_slot_queue){ .first = NULL };
    atomic_store(&inbox->count, 0);
    pthread_mutex_unlock(&inbox->lock);
    for (struct pl_slot *slot = came.first; slot != NULL; slot = slot->ready_next)
        slot->queued = false;
    pl_slot_queue_move_all(slots, &came);
}
