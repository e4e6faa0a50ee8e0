/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Held slots for one thread that waits for events: whoever has one for it leaves it here, and wakes
 * the thread only if it sleeps. A burst costs one wake.
 *
 *     poster: append ─▶ asleep? exchange to awake ─▶ wake
 *     thread: asleep ─▶ look once more ─▶ wait ─▶ awake ─▶ take all
 */
#ifndef PL_DISPATCH_INBOX_H
#define PL_DISPATCH_INBOX_H

#include "slot.h"

#include <pthread.h>

struct pl_inbox {
    pthread_mutex_t lock; /* guards queue; never held across anything but a link */
    struct pl_slot_queue queue;
    _Atomic uint32_t count;
    _Atomic bool is_asleep; /* whoever exchanges it to false must wake the thread */
    int waker_fd;           /* borrowed from the shard */
};

void pl_inbox_init(struct pl_inbox *inbox, int waker_fd);
void pl_inbox_deinit(struct pl_inbox *inbox);

/* Takes over a held slot. Thread: any. */
void pl_inbox_post(struct pl_inbox *inbox, struct pl_slot *slot);
/* Ends the thread's wait, now or when it begins one. Thread: any. */
void pl_inbox_wake(struct pl_inbox *inbox);

/* The thread is about to wait; true: something came, it should only look. Thread: its own. */
bool pl_inbox_sleep(struct pl_inbox *inbox);
/* It waits no more: moves what came to the tail of `slots`. Thread: its own. */
void pl_inbox_take(struct pl_inbox *inbox, struct pl_slot_queue *slots);

#endif
